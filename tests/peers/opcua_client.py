#!/usr/bin/env python3
"""Proves the OPC UA wire with a client that nobody here wrote: asyncua.

    aegis fab --json | python opcua_client.py [NAME ...]

Reads a list of machines on standard input, each with "name", "address" (host:port; or "endpoints", of which the first
that speaks OPC UA counts) and "profile". A machine may also say how to come in: "security": {"mode": "SignAndEncrypt",
"user": .., "password": .., "certificate": .., "key": .., "uri": ..}, with paths of the client's own certificate and key,
which are made when missing.

Of every machine, or of those named: finds its identification, compares each point's data type, unit, ranges, value and
quality, reads its waveforms, subscribes and hears changes, writes a set-point and reads it back, provokes
BadOutOfRange, BadTypeMismatch and BadNotWritable, calls a method, hears of an event, and reads history. Prints a line a
check; exits 0 when all hold, 1 when one fails, 2 when it cannot begin.
"""
import asyncio
import json
import logging
import math
import re
import struct
import sys
from datetime import datetime, timedelta, timezone
from pathlib import Path

try:
    import asyncua
    from asyncua import Client, ua
    from asyncua.common.events import Event, get_filter_from_event_type
    from asyncua.crypto.cert_gen import setup_self_signed_certificate
    from asyncua.crypto.security_policies import SecurityPolicyBasic256Sha256
    from cryptography.x509.oid import ExtendedKeyUsageOID
except ImportError as e:
    sys.exit(f"missing Python package asyncua ({e}): pip install -r tests/peers/requirements.txt")

logging.getLogger("asyncua").setLevel(logging.CRITICAL)
TYPES = {"f32": "Float", "u16": "UInt16", "i16": "Int16", "u32": "UInt32", "bool": "Boolean"}
UNITS = {"degC": "CEL", "rpm": "RPM", "%": "P1", "mm": "MMT", "kW": "KWT", "mm/s": "C16", "um": "4H", "l/min": "L2", "min": "MIN"}
MACHINERY, DEVICES = "http://opcfoundation.org/UA/Machinery/", "http://opcfoundation.org/UA/DI/"
UNECE = "http://www.opcfoundation.org/UA/units/un/cefact"
TIMEOUT_S, CHANGE_S, MACHINE_S = 5, 15, 120


class Failed(Exception):
    """A check does not hold."""


def check(holds, message):
    if not holds:
        raise Failed(message)


def held(point, value):
    """The value as the point's type holds it."""
    kind = point.get("type", "f32")
    if kind == "bool":
        return bool(value)
    return struct.unpack("f", struct.pack("f", value))[0] if kind == "f32" else int(value)


def seconds(text):
    """A duration as `aegis fab --json` writes it: 1m17s, 500ms."""
    units = {"h": 3600, "m": 60, "s": 1, "ms": 0.001}
    return sum(float(number) * units[unit] for number, unit in re.findall(r"([0-9.]+)(ms|h|m|s)", text))


def patience(points):
    """How long the quickest of the measured ones may take to tell three values."""
    return CHANGE_S + 3 * min(seconds(p["period"]) for p in measured(points))


def measured(points):
    return [p for p in points if p.get("unit") and p.get("access") != "write" and not p.get("record")]


class Machine:
    def __init__(self, entry):
        self.name, self.profile = entry["name"], entry["profile"]
        spoken = [e["address"] for e in entry.get("endpoints", []) if "opc" in e["protocol"]]
        address = entry.get("address") or spoken[0]
        self.url = address if "://" in address else f"opc.tcp://{address}"
        self.layout, self.security = self.profile["opcua"], entry.get("security")
        self.points = [p for p in self.profile["point"] if p.get("opcua")]
        self.waves = [b for b in self.profile.get("burst", []) if b.get("opcua_node")]
        self.client = Client(self.url, timeout=TIMEOUT_S)

    async def connect(self):
        s = self.security
        if s:
            uri, certificate, key = s.get("uri", "urn:peer"), Path(s["certificate"]), Path(s["key"])
            self.client.application_uri = uri
            use, subject = [ExtendedKeyUsageOID.CLIENT_AUTH], {"commonName": "peer"}
            await setup_self_signed_certificate(key, certificate, uri, "localhost", use, subject)
            mode = ua.MessageSecurityMode[s.get("mode", "SignAndEncrypt")]
            await self.client.set_security(SecurityPolicyBasic256Sha256, str(certificate), str(key), mode=mode)
            if s.get("user"):
                self.client.set_user(s["user"])
                self.client.set_password(s["password"])
        await self.client.connect()
        self.ns = await self.client.get_namespace_index(self.layout["namespace"])

    def node(self, path):
        return self.client.get_node(ua.NodeId(path, self.ns))

    def variable(self, point):
        return self.node(point["opcua"]["node"])

    async def property(self, point, name):
        return await self.node(f"{point['opcua']['node']}.{name}").read_value()

    async def write(self, point, value, kind=None):
        kind = kind or TYPES[point.get("type", "f32")]
        variant = ua.Variant(value, ua.VariantType[kind])
        await self.variable(point).write_value(ua.DataValue(variant))

    async def refused(self, code, what, attempt):
        try:
            await attempt
        except ua.UaStatusCodeError as e:
            name = ua.status_codes.get_name_and_doc(e.code)[0]
            return check(name == code, f"{what}: expected {code}, got {name}")
        raise Failed(f"{what}: expected {code}, but it was taken")

    async def reads(self, point, value):
        until = asyncio.get_running_loop().time() + CHANGE_S
        while (found := await self.variable(point).read_value()) != value:
            check(asyncio.get_running_loop().time() < until, f"{point['id']} reads {found}, not {value}")
            await asyncio.sleep(0.05)


async def is_a_machine_with_an_identification(m):
    machinery = await m.client.get_namespace_index(MACHINERY)
    devices = await m.client.get_namespace_index(DEVICES)
    machines = m.client.get_node(ua.NodeId(1001, machinery))
    names = [(await n.read_browse_name()).Name for n in await machines.get_children()]
    check(m.name in names, f"Machines holds {names}, not {m.name}")
    machine = m.node("Machine")
    identification = await machine.get_child([ua.QualifiedName("Identification", devices)])
    kind = await identification.read_type_definition()
    check(kind == ua.NodeId(1012, machinery), f"Identification is of type {kind}")
    maker = await (await identification.get_child([ua.QualifiedName("Manufacturer", devices)])).read_value()
    check(maker.Text == m.layout.get("manufacturer", ""), f"Manufacturer is {maker.Text}")
    uri = await (await identification.get_child([ua.QualifiedName("ProductInstanceUri", devices)])).read_value()
    check(uri, "ProductInstanceUri is empty")
    return f"{maker.Text}, {uri}"


async def shows_every_point(m):
    good = 0
    for p in m.points:
        node, kind = m.variable(p), p.get("type", "f32")
        path = p["opcua"]["node"].split(".")
        found = await m.node("Machine").get_child([ua.QualifiedName(name, m.ns) for name in path])
        check(found == node, f"{p['id']}: browsing to it finds {found}")
        wanted = getattr(ua.ObjectIds, TYPES[kind])
        check((await node.read_data_type()) == ua.NodeId(wanted), f"{p['id']}: its data type is not {TYPES[kind]}")
        check((await node.read_description()).Text == p["doc"], f"{p['id']}: its description is not the profile's")
        access = await node.get_access_level()
        writable = ua.AccessLevel.CurrentWrite in access
        check(writable == (p.get("access") == "write"), f"{p['id']}: its access level is {access}")
        properties = {(await n.read_browse_name()).Name for n in await node.get_properties()}
        if kind == "bool":
            check({"TrueState", "FalseState"} <= properties, f"{p['id']}: its properties are {properties}")
        elif "EnumValues" in properties:
            names = {str(v.Value): v.DisplayName.Text for v in await m.property(p, "EnumValues")}
            check(names == m.profile["regime"]["names"], f"{p['id']}: its values are named {names}")
        else:
            await check_range_and_unit(m, p)
        good += await check_value(p, await node.read_data_value(raise_on_bad_status=False))
    check(good, "no point has a good value")
    return f"{len(m.points)} points, {good} of good quality"


async def check_range_and_unit(m, p):
    for name in ("EURange", "InstrumentRange"):
        found = await m.property(p, name)
        check([found.Low, found.High] == [float(v) for v in p["range"]], f"{p['id']}: {name} is {found}")
    if p.get("unit"):
        unit = await m.property(p, "EngineeringUnits")
        code = UNITS.get(p["unit"])
        if code:
            number = int.from_bytes(code.encode(), "big")
            check((unit.NamespaceUri, unit.UnitId) == (UNECE, number), f"{p['id']}: its unit is {unit}")
        else:
            check(unit.DisplayName.Text, f"{p['id']}: its unit has no name")


async def check_value(p, value):
    check(value.SourceTimestamp, f"{p['id']} has no source time stamp")
    if not value.StatusCode.is_good():
        return 0
    low, high = (held(p, end) for end in p["range"])
    check(low <= value.Value.Value <= high, f"{p['id']} is {value.Value.Value}, outside {low} .. {high}")
    return 1


class Ear:
    def __init__(self):
        self.heard, self.more = {}, asyncio.Event()

    def datachange_notification(self, node, value, _data):
        self.heard.setdefault(node.nodeid.Identifier, []).append(value)
        self.more.set()


async def tells_changes(m):
    ear = Ear()
    subscription = await m.client.create_subscription(100, ear)
    await subscription.subscribe_data_change([m.variable(p) for p in m.points], queuesize=10)
    changed = lambda: [node for node, values in ear.heard.items() if len(values) > 1]
    try:
        async with asyncio.timeout(patience(m.points)):
            while len(ear.heard) < len(m.points) or not changed():
                await ear.more.wait()
                ear.more.clear()
    except TimeoutError:
        raise Failed(f"{len(ear.heard)} of {len(m.points)} points told, {len(changed())} told changes") from None
    finally:
        await subscription.delete()
    return f"all points told their value, {len(changed())} a change"


async def holds_back_within_a_dead_band(m):
    """Of what the machine measures, whatever moves first: told without a dead band, held back with one."""
    points = {p["opcua"]["node"]: p for p in measured(m.points)}
    ears = Ear(), Ear()
    subscriptions = [await m.client.create_subscription(100, ear) for ear in ears]
    # A machine that is just starting tells first that it has no value yet.
    told = lambda ear, node: [value for value in ear.heard.get(node, []) if value is not None]
    moved = lambda: next((n for n in points if len(told(ears[1], n)) >= 3 and told(ears[0], n)), None)
    try:
        for p in points.values():
            width = p["range"][1] - p["range"][0]
            wide = ua.DataChangeFilter(ua.DataChangeTrigger.StatusValue, int(ua.DeadbandType.Absolute), width)
            await subscriptions[0]._subscribe(m.variable(p), ua.AttributeIds.Value, mfilter=wide, queuesize=10)
        await subscriptions[1].subscribe_data_change([m.variable(p) for p in points.values()], queuesize=10)
        async with asyncio.timeout(patience(m.points)):
            # What one holds back is seen by the other that passes.
            while not (node := moved()):
                await ears[1].more.wait()
                ears[1].more.clear()
    except TimeoutError:
        raise Failed(f"without a dead band came {ears[1].heard}, with one {ears[0].heard}") from None
    finally:
        for subscription in subscriptions:
            await subscription.delete()
    name = points[node]["id"]
    check(len(told(ears[0], node)) == 1, f"{name} told {told(ears[0], node)} within a dead band as wide as its range")
    return f"{name} told {len(told(ears[1], node))} values without, 1 with"


def settable(m):
    return [p for p in m.points if p.get("access") == "write"]


def other(point, before):
    low, high = point["range"]
    if point.get("type") == "bool":
        return not before
    step = (high - low) / 100
    return held(point, before - step if before - step >= low else before + step)


async def writes_and_reads_back(m):
    for p in settable(m):
        before = await m.variable(p).read_value()
        try:
            await m.write(p, other(p, before))
            await m.reads(p, other(p, before))
        finally:
            await m.write(p, before)
        await m.reads(p, before)
    return ", ".join(p["id"] for p in settable(m)) or "a machine that only measures"


async def refuses_what_is_wrong(m):
    # A machine may have switches alone to set.
    for number in [p for p in settable(m) if p.get("type", "f32") == "f32"][:1]:
        high = number["range"][1]
        await m.refused("BadOutOfRange", f"{high * 2 + 1} to {number['id']}", m.write(number, high * 2 + 1))
        await m.refused("BadOutOfRange", f"NaN to {number['id']}", m.write(number, math.nan))
        await m.refused("BadTypeMismatch", f"a string to {number['id']}", m.write(number, "x", "String"))
        await m.refused("BadTypeMismatch", f"a double to {number['id']}", m.write(number, high, "Double"))
    fixed = next(p for p in m.points if p.get("access") != "write")
    await m.refused("BadNotWritable", f"a write to {fixed['id']}", m.write(fixed, held(fixed, fixed["range"][0])))
    nothing = m.node("Nothing.At.All").read_value()
    await m.refused("BadNodeIdUnknown", "a read of no node", nothing)
    return "out of range, of another type, read-only, or not there"


async def calls_methods(m):
    called = []
    for p in (p for p in settable(m) if p["opcua"].get("method")):
        method = p["opcua"]["method"]
        parent = m.node(method.rsplit(".", 1)[0] if "." in method else "Machine")
        kind = ua.VariantType[TYPES[p.get("type", "f32")]]
        before = await m.variable(p).read_value()
        try:
            await parent.call_method(m.node(method), ua.Variant(other(p, before), kind))
            await m.reads(p, other(p, before))
        finally:
            await parent.call_method(m.node(method), ua.Variant(before, kind))
        await m.reads(p, before)
        request = ua.CallMethodRequest(parent.nodeid, m.node(method).nodeid, [ua.Variant(p["range"][1] * 2 + 1, kind)])
        result = (await m.client.uaclient.call([request]))[0]
        names = [ua.status_codes.get_name_and_doc(s.value)[0] for s in [result.StatusCode, *result.InputArgumentResults]]
        check(names == ["BadInvalidArgument", "BadOutOfRange"], f"{method} out of range: {names}")
        called.append(method)
    check(called or not settable(m), "no point has a method")
    return ", ".join(called) or "a machine that only measures"


class Listener:
    def __init__(self):
        self.heard, self.more = [], asyncio.Event()

    def event_notification(self, event):
        self.heard.append((event.SourceName, event.Severity, event.Message.Text, bytes(event.EventId)))
        self.more.set()


async def tells_and_remembers_events(m):
    if not settable(m):
        return "a machine that only measures"
    listener, p = Listener(), settable(m)[0]
    name, before = p["opcua"]["node"], await m.variable(p).read_value()
    subscription = await m.client.create_subscription(100, listener)
    await subscription.subscribe_events(m.node("Machine"), queuesize=100)
    began = (await m.variable(p).read_data_value()).SourceTimestamp
    told = lambda: [e for e in listener.heard if e[0] == name and "was set to" in e[2]]
    try:
        await m.write(p, before)
        async with asyncio.timeout(CHANGE_S):
            while not told():
                await listener.more.wait()
                listener.more.clear()
    except TimeoutError:
        raise Failed(f"no event tells that {name} was set; heard {listener.heard}") from None
    finally:
        await subscription.delete()
    check(told()[0][1] == 200, f"the event has the severity {told()[0][1]}")
    wanted = await get_filter_from_event_type([m.client.get_node(ua.ObjectIds.BaseEventType)], False)
    begin, end = began - timedelta(minutes=1), began + timedelta(hours=1)
    details = ua.ReadEventDetails(NumValuesPerNode=0, StartTime=begin, EndTime=end, Filter=wanted)
    past = await m.node("Machine").history_read_events(details)
    past.StatusCode.check()
    kept = [bytes(Event.from_event_fields(wanted.SelectClauses, e.EventFields).EventId) for e in past.HistoryData.Events]
    check(told()[0][3] in kept, f"of {len(kept)} events of the past none is the one that was told")
    return f"{told()[0][2]}, and {len(kept)} of the past"


async def remembers(m):
    p = next(p for p in m.points if p.get("access") != "write" and p.get("type", "f32") == "f32")
    node = m.variable(p)
    last = (await node.read_data_value(raise_on_bad_status=False)).SourceTimestamp
    begin, end = last - timedelta(hours=2), last + timedelta(minutes=1)
    values = await node.read_raw_history(begin, end, numvalues=0, return_bounds=False)
    check(values, f"{p['id']} has no history")
    bounded = await node.read_raw_history(begin, end, numvalues=0, return_bounds=True)
    bounds = [ua.status_codes.get_name_and_doc(v.StatusCode.value)[0] for v in (bounded[0], bounded[-1])]
    check(bounds == ["BadBoundNotFound"] * 2, f"the history of {p['id']} is bounded by {bounds}")
    stamps = [v.SourceTimestamp for v in values]
    check(stamps == sorted(stamps) and len(set(stamps)) == len(stamps), f"the history of {p['id']} is not in order")
    check(stamps[-1] - stamps[0] <= timedelta(hours=1), f"{p['id']} remembers {stamps[-1] - stamps[0]}")
    back = await node.read_raw_history(end, begin, numvalues=1, return_bounds=False)
    check(back and back[0].SourceTimestamp >= stamps[-1], f"the newest value of {p['id']} is not the last")
    return f"{len(values)} values of {p['id']}"


async def shows_waveforms(m):
    """The first one comes soon after a machine runs; until then its node says that it waits."""
    shown = []
    for b in m.waves:
        node = m.node(b["opcua_node"])
        kind, rank = await node.read_data_type(), await node.read_value_rank()
        check((kind, rank) == (ua.NodeId(ua.ObjectIds.Float), 1), f"{b['id']} is of {kind}, rank {rank}")
        rate = await m.node(f"{b['opcua_node']}.SampleRate").read_value()
        check(rate == b["rate_hz"], f"{b['id']}: its rate is {rate}")
        value = await node.read_data_value(raise_on_bad_status=False)
        status = ua.status_codes.get_name_and_doc(value.StatusCode.value)[0]
        if status == "BadWaitingForInitialData":
            shown.append(f"{b['id']} waits for its first")
            continue
        check(status == "Good" and value.SourceTimestamp, f"{b['id']} is {status} at {value.SourceTimestamp}")
        samples = value.Value.Value
        check(len(samples) == b["samples"], f"{b['id']} has {len(samples)} samples")
        check(all(map(math.isfinite, samples)) and min(samples) < max(samples), f"{b['id']} does not swing")
        shown.append(f"{len(samples)} samples of {b['id']} at {rate:.0f} Hz until {value.SourceTimestamp:%H:%M:%S}")
    return ", ".join(shown) or "it has none"


CHECKS = [
    is_a_machine_with_an_identification,
    shows_every_point,
    shows_waveforms,
    tells_changes,
    holds_back_within_a_dead_band,
    writes_and_reads_back,
    refuses_what_is_wrong,
    calls_methods,
    tells_and_remembers_events,
    remembers,
]


async def examine(entry):
    """Checks that fail."""
    try:
        m = Machine(entry)
        await m.connect()
    except (Failed, OSError, TimeoutError, asyncio.TimeoutError, ua.UaError, KeyError, IndexError) as e:
        print(f"FAIL {entry.get('name')} connect: {e!r}", flush=True)
        return 1
    failures = 0
    try:
        for test in CHECKS:
            try:
                async with asyncio.timeout(MACHINE_S):
                    print(f"ok   {m.name} {test.__name__}: {await test(m)}", flush=True)
            except (Failed, OSError, TimeoutError, asyncio.TimeoutError, ua.UaError) as e:
                print(f"FAIL {m.name} {test.__name__}: {e!r}", flush=True)
                failures += 1
    finally:
        await m.client.disconnect()
    return failures


async def main():
    try:
        machines = json.load(sys.stdin)
        served = [m for m in machines if m["profile"].get("opcua") and (m.get("address") or m.get("endpoints"))]
    except (ValueError, KeyError, TypeError) as e:
        print(f"the list of machines cannot be read ({e!r}): give the output of `aegis fab --json`", file=sys.stderr)
        return 2
    names = sys.argv[1:]
    chosen = [m for m in served if not names or m["name"] in names]
    missing = set(names) - {m["name"] for m in chosen}
    if missing or not chosen:
        print(f"no machine is served over OPC UA by the name of {', '.join(sorted(missing)) or 'any'}", file=sys.stderr)
        return 2
    failures = sum(await asyncio.gather(*(examine(m) for m in chosen)))
    verdict = f"{failures} checks failed" if failures else "all checks hold"
    print(f"asyncua {asyncua.__version__} against {len(chosen)} machines: {verdict}")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))
