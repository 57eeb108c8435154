#!/usr/bin/env python3
"""Proves the BACnet wire with a client that nobody here wrote: bacpypes3.

    aegis fab --json | python bacnet_client.py [NAME ...]

Of every machine served over BACnet, or of those named: finds it with Who-Is, reads every object's name, value, units and
status, one by one and several at once, commands the writable ones at two priorities and relinquishes them, provokes the
errors and rejects of the standard, takes a reading out of service and back, hears of a change it subscribed to and no longer
than it asked, and sends malformed datagrams, after which the device must go on serving. Prints a line a machine; exits 0 when all hold, 1 when one fails, 2 when it cannot begin.
"""
import asyncio
import json
import math
import socket
import struct
import sys

try:
    import bacpypes3
    from bacpypes3.apdu import (
        DeviceCommunicationControlRequest, ErrorRejectAbortNack, SubscribeCOVRequest, WritePropertyRequest,
    )
    from bacpypes3.constructeddata import Any
    from bacpypes3.ipv4.app import NormalApplication
    from bacpypes3.local.device import DeviceObject
    from bacpypes3.pdu import Address, IPv4Address
    from bacpypes3.primitivedata import Boolean, CharacterString, Null, ObjectIdentifier, Real, Unsigned
    from bacpypes3.basetypes import PropertyIdentifier, Reliability
    from bacpypes3.service.cov import ChangeOfValueServices
except ImportError as e:
    sys.exit(f"missing Python package bacpypes3 ({e}): pip install -r tests/peers/requirements.txt")

UNITS = {
    "%": "percent", "A": "amperes", "Hz": "hertz", "Pa": "pascals", "V": "volts", "W": "watts", "degC": "degrees-celsius",
    "h": "hours", "kPa": "kilopascals", "kW": "kilowatts", "kWh": "kilowatt-hours", "l/min": "liters-per-minute",
    "m/s": "meters-per-second", "m3/h": "cubic-meters-per-hour", "m3/s": "cubic-meters-per-second",
    "mm/s": "millimeters-per-second", "rpm": "revolutions-per-minute", "s": "seconds",
}
TIMEOUT_S = 10
PROCESS = 77


class Failed(Exception):
    """A check does not hold."""


def check(holds, message):
    if not holds:
        raise Failed(message)


def single(value):
    return struct.unpack(">f", struct.pack(">f", value))[0]


class Point:
    """One row of a machine's profile."""

    def __init__(self, row):
        self.id, self.unit = row["id"], row.get("unit", "")
        self.kind = row["bacnet"]["object"]
        self.object = ObjectIdentifier(f"{self.kind},{row['bacnet']['instance']}")
        self.low, self.high = row["range"]
        self.writable = row.get("access") == "write"
        self.whole = row.get("type", "f32") != "f32"

    def value(self, wire):
        return wire - 1 + self.low if self.kind.startswith("multi") else float(wire)

    def wire(self, value):
        if self.kind.startswith("binary"):
            return int(value)
        return int(value - self.low + 1) if self.kind.startswith("multi") else single(value)

    def others(self, before):
        """Two values in range, other than this one and than each other where there are so many."""
        if self.kind.startswith("binary"):
            return 1 - before, before
        if self.whole:
            states = [v for v in range(int(self.low), int(self.high) + 1) if v != before][:2]
            return states[0], states[-1]
        step = (self.high - self.low) / 8
        one = before - step if before - step >= self.low else before + step
        return one, one + step / 2


class Station(NormalApplication, ChangeOfValueServices):
    """A client that also takes notifications."""

    def __init__(self):
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
            s.bind(("127.0.0.1", 0))
            port = s.getsockname()[1]
        device = DeviceObject(objectIdentifier="device,4100000", objectName="peer", vendorIdentifier=999)
        NormalApplication.__init__(self, device, IPv4Address(f"127.0.0.1:{port}"))
        ChangeOfValueServices.__init__(self)


class Machine:
    """One served machine and what is asked of it."""

    def __init__(self, app, entry):
        self.app, self.name = app, entry["name"]
        host, port = entry["address"].rsplit(":", 1)
        self.udp = (host, int(port))
        self.address = Address(entry["address"])
        rows = entry["profile"].get("point") or entry["profile"]["points"]
        self.points = [Point(row) for row in rows if row.get("bacnet")]
        check(self.points, "no point is a BACnet object")

    async def ask(self, what, future):
        try:
            return await asyncio.wait_for(future, TIMEOUT_S)
        except asyncio.TimeoutError:
            raise Failed(f"{what}: no answer within {TIMEOUT_S} s") from None

    async def read(self, obj, prop, index=None):
        """A property; an error is one."""
        what = f"read of {obj} {prop}" + (f"[{index}]" if index is not None else "")
        value = await self.tried(self.app.read_property(self.address, obj, PropertyIdentifier(prop), index), what)
        check(not isinstance(value, BaseException), f"{what}: {value}")
        return value

    async def tried(self, call, what):
        """The answer, errors and rejects among them."""
        try:
            return await self.ask(what, call)
        except ErrorRejectAbortNack as e:
            return e

    async def write(self, point, value, priority):
        what = f"write of {value} to {point.id} at {priority}"
        present = PropertyIdentifier("present-value")
        wire = Null(()) if value is None else point.wire(value)
        answer = await self.tried(
            self.app.write_property(self.address, point.object, present, wire, priority=priority), what
        )
        check(answer is None or not isinstance(answer, BaseException), f"{what}: {answer}")
        check(not isinstance(answer, str), f"{what}: {answer}")

    async def present(self, point):
        return point.value(await self.read(point.object, "present-value"))

    async def refused(self, words, what, call):
        answer = await self.tried(call, what)
        check(words in str(answer), f"{what}: expected {words}, got {answer!r}")

    def raw_write(self, obj, value, prop="present-value"):
        return self.app.request(
            WritePropertyRequest(
                objectIdentifier=obj,
                propertyIdentifier=PropertyIdentifier(prop),
                propertyValue=Any(value),
                destination=self.address,
            )
        )

    async def is_found(self):
        found = await self.ask("Who-Is", self.app.who_is(0, 4194302, self.address, timeout=2))
        check(found, "no I-Am to a directed Who-Is")
        self.device = found[0].iAmDeviceIdentifier
        instance = self.device[1]
        again = await self.ask("Who-Is", self.app.who_is(instance, instance, self.address, timeout=2))
        check(len(again) == 1, f"Who-Is for device {instance} alone: {again}")
        other = await self.ask("Who-Is", self.app.who_is(instance + 1, instance + 1, self.address, timeout=0.3))
        check(not other, f"an I-Am to a Who-Is for device {instance + 1}")
        name = await self.read(self.device, "object-name")
        check(name == self.name, f"the device is called {name!r}")
        return f"device {instance}"

    async def reads_every_object(self):
        for p in self.points:
            name = await self.read(p.object, "object-name")
            check(name == p.id, f"{p.object} is called {name!r}, not {p.id!r}")
            value = await self.present(p)
            check(math.isfinite(value), f"{p.id} is {value}")
            check(single(p.low) <= value <= single(p.high), f"{p.id} is {value}, outside {p.low} .. {p.high}")
            flags = await self.read(p.object, "status-flags")
            check(not any(flags), f"{p.id} has the flags {flags}")
            if p.kind.startswith("analog"):
                unit = str(await self.read(p.object, "units"))
                check(unit == UNITS.get(p.unit, unit), f"{p.id}: {p.unit} is {unit}")
            if p.kind.startswith("multi"):
                states = await self.read(p.object, "number-of-states")
                texts = await self.read(p.object, "state-text")
                check(states == p.high - p.low + 1 == len(texts), f"{p.id} has {states} states, named {list(texts)}")
        return f"{len(self.points)} objects read"

    async def reads_several_at_once(self):
        asked = ["object-name", "present-value", "status-flags", "reliability"]
        count = 0
        for i in range(0, len(self.points), 10):
            # Object and properties by turns.
            wanted = [x for p in self.points[i : i + 10] for x in (p.object, asked)]
            results = await self.tried(self.app.read_property_multiple(self.address, wanted), "several")
            check(isinstance(results, list), f"ReadPropertyMultiple: {results}")
            for obj, prop, _, value in results:
                check(value is not None and not isinstance(value, BaseException), f"{obj} {prop}: {value}")
                check("error" not in type(value).__name__.lower(), f"{obj} {prop}: {value}")
            count += len(results)
        check(count == 4 * len(self.points), f"{count} results to {4 * len(self.points)} properties")
        listed = await self.read(self.device, "object-list")
        check(list(listed)[1:] == [p.object for p in self.points], f"the object list is {list(listed)}")
        for obj in (self.points[0].object, self.device):
            results = await self.tried(self.app.read_property_multiple(self.address, [obj, ["all"]]), "all")
            check(isinstance(results, list) and len(results) > 10, f"all of {obj}: {results}")
            every = [str(prop) for _, prop, _, _ in results]
            parts = []
            for some in ("required", "optional"):
                part = await self.tried(self.app.read_property_multiple(self.address, [obj, [some]]), some)
                check(isinstance(part, list) and part, f"{some} of {obj}: {part}")
                parts += [str(prop) for _, prop, _, _ in part]
            check(parts == every, f"{obj} has {every}, and required and optional are {parts}")
        return f"{count} properties read at once"

    async def commands_and_relinquishes(self):
        done = []
        for p in (p for p in self.points if p.writable):
            before = await self.present(p)
            low, high = p.others(before)
            try:
                await self.write(p, low, 8)
                check(await self.present(p) == p.value(p.wire(low)), f"{p.id} does not read {low} after it was written")
                array = await self.read(p.object, "priority-array")
                check(array[7].null is None and array[4].null is not None, f"{p.id}: slot 8 of {array} is not taken")
                await self.write(p, high, 5)
                check(await self.present(p) == p.value(p.wire(high)), f"{p.id}: priority 5 does not beat 8")
                await self.write(p, None, 5)
                check(await self.present(p) == p.value(p.wire(low)), f"{p.id}: 8 does not hold when 5 is relinquished")
            finally:
                await self.write(p, None, 5)
                await self.write(p, None, 8)
            check(await self.present(p) == before, f"{p.id} does not fall back to {before}")
            done.append(p.id)
        check(done, "no point can be written")
        return f"{len(done)} commanded and relinquished"

    async def refuses_with_the_right_words(self):
        app, at = self.app, self.address
        reading = next((p for p in self.points if not p.writable), None)
        if reading:
            wire = Real(1.0) if reading.kind.startswith("analog") else Unsigned(1)
            await self.refused("write-access-denied", f"a write to {reading.id}", self.raw_write(reading.object, wire))
        for p in (p for p in self.points if p.writable):
            before = await self.present(p)
            if p.kind.startswith("analog"):
                beyond = Real(p.high * 2 + 1)
                await self.refused("value-out-of-range", f"{beyond} to {p.id}", self.raw_write(p.object, beyond))
            text = CharacterString("full")
            await self.refused("invalid-data-type", f"a text to {p.id}", self.raw_write(p.object, text))
            check(await self.present(p) == before, f"{p.id} changed by a refused write")
        present = PropertyIdentifier("present-value")
        nowhere = ObjectIdentifier("analog-input,4000000")
        await self.refused("unknown-object", "a read of no object", app.read_property(at, nowhere, present))
        await self.refused("unknown-property", "a read of no property", app.read_property(at, self.device, present))
        names = PropertyIdentifier("object-list")
        await self.refused("invalid-array-index", "element 9999", app.read_property(at, self.device, names, 9999))
        silence = DeviceCommunicationControlRequest(enableDisable="disable", password="x", destination=at)
        await self.refused("unrecognized-service", "DeviceCommunicationControl", app.request(silence))
        return "refusals in the standard's words"

    async def goes_out_of_service(self):
        p = next((p for p in self.points if p.kind == "analog-input"), None)
        check(p, "no point is an analogue input")

        async def put(prop, value):
            answer = await self.tried(self.raw_write(p.object, value, prop), f"write of {prop}")
            check(not isinstance(answer, ErrorRejectAbortNack), f"{prop} of {p.id}: {answer}")

        await put("out-of-service", Boolean(True))
        try:
            flags = list(await self.read(p.object, "status-flags"))
            check(flags == [0, 0, 0, 1], f"{p.id} out of service has the flags {flags}")
            stood = await self.read(p.object, "present-value")
            await asyncio.sleep(1.5)
            now = await self.read(p.object, "present-value")
            check(now == stood, f"{p.id} moves from {stood} to {now} out of service")
            await put("present-value", Real(single(p.low)))
            check(await self.read(p.object, "present-value") == single(p.low), f"{p.id} cannot be simulated")
            await put("reliability", Reliability("over-range"))
            flags = list(await self.read(p.object, "status-flags"))
            check(flags == [0, 1, 0, 1], f"{p.id} over range has the flags {flags}")
        finally:
            await put("out-of-service", Boolean(False))
        flags = list(await self.read(p.object, "status-flags"))
        check(not any(flags), f"{p.id} in service again has the flags {flags}")
        again = Reliability("over-range")
        await self.refused("write-access-denied", "reliability in service", self.raw_write(p.object, again, "reliability"))
        return f"{p.id} out of service and back"

    async def forgets_who_does_not_renew(self):
        p = self.points[0]
        request = SubscribeCOVRequest(
            subscriberProcessIdentifier=PROCESS + 1,
            monitoredObjectIdentifier=p.object,
            issueConfirmedNotifications=False,
            lifetime=2,
            destination=self.address,
        )
        answer = await self.tried(self.app.request(request), "a subscription of 2 s")
        check(not isinstance(answer, ErrorRejectAbortNack), f"a subscription of 2 s: {answer}")

        async def left():
            active = await self.read(self.device, "active-cov-subscriptions")
            mine = [s for s in active if s.recipient.processIdentifier == PROCESS + 1]
            return [s.timeRemaining for s in mine]

        check(await left() in ([1], [2]), f"a subscription of 2 s has {await left()} left")
        for _ in range(40):
            if not await left():
                return "a subscription ends with its lifetime"
            await asyncio.sleep(0.1)
        raise Failed("a subscription of 2 s does not end within 4 s")

    async def answers_a_small_station(self):
        # ReadProperty of the object list with answers of 50 octets at most and no segments: abort 4.
        device = struct.pack(">I", 8 << 22 | self.device[1])
        apdu = bytes([0x00, 0x00, 9, 12, 0x0C]) + device + bytes([0x19, 76])
        # The same as the first segment of several: abort 4 as well.
        segment = bytes([0x0C, 0x75, 9, 0, 4, 12, 0x0C]) + device + bytes([0x19, 76])
        for one in (apdu, segment):
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
                s.settimeout(TIMEOUT_S)
                s.sendto(b"\x81\x0a" + struct.pack(">H", 6 + len(one)) + b"\x01\x04" + one, self.udp)
                answer = s.recvfrom(2048)[0][6:]
            check(answer == b"\x71\x09\x04", f"{one.hex(' ')} is answered by {answer.hex(' ')}")
        return "no segments asked or given"

    async def tells_of_changes(self):
        p = next((p for p in self.points if p.writable), None)
        check(p, "no point can be written")
        before = await self.present(p)
        other, _ = p.others(before)
        for confirmed in (True, False):
            subscription = self.app.change_of_value(self.address, p.object, PROCESS, confirmed, 60)
            async with subscription as changes:
                try:
                    await self.told(changes, p, before)
                    await self.write(p, other, 8)
                    await self.told(changes, p, p.value(p.wire(other)))
                finally:
                    await self.write(p, None, 8)
                await self.told(changes, p, before)
        return f"changes of {p.id} told"

    async def told(self, changes, point, value):
        heard = None
        for _ in range(20):
            prop, heard = await self.ask(f"a notification that {point.id} is {value}", changes.get_value())
            if str(prop) == "present-value" and point.value(heard) == value:
                return
        raise Failed(f"told of {heard}, not that {point.id} is {value}")

    async def survives_malformed_datagrams(self):
        apdu = [
            bytes([0x00, 0x05, 1, 12]),
            bytes([0x00, 0x05, 1, 12, 0x0C, 0, 0]),
            bytes([0x08, 0x05, 1, 0, 4, 12]),
            bytes([0x00, 0x05, 1, 99]),
            bytes([0x00, 0x05, 1, 14, 0x0C, 0, 0, 0, 1, 0x1E, 0x09]),
            bytes([0x30, 1, 12]),
            b"\xff" * 200,
        ]
        frames = [b"\x81\x0a" + struct.pack(">H", 6 + len(a)) + b"\x01\x04" + a for a in apdu]
        frames += [b"", b"\x81", b"\x81\x0a\xff\xff\x01\x00", b"\x82\x0a\x00\x06\x01\x00", b"\x00" * 1400, b"\xff" * 4000]
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
            s.settimeout(TIMEOUT_S)
            for frame in frames:
                s.sendto(frame, self.udp)
            # The first four and the fifth are answered: reject 5 twice, abort 4, reject 9, reject 5.
            answers = [s.recvfrom(2048)[0][6:] for _ in range(5)]
        expected = [b"\x60\x01\x05", b"\x60\x01\x05", b"\x71\x01\x04", b"\x60\x01\x09", b"\x60\x01\x05"]
        check(answers == expected, f"malformed requests were answered {[a.hex(' ') for a in answers]}")
        await self.present(self.points[0])
        return f"serves on after {len(frames)} malformed datagrams"

    async def proven(self):
        checks = [
            self.is_found,
            self.reads_every_object,
            self.reads_several_at_once,
            self.commands_and_relinquishes,
            self.refuses_with_the_right_words,
            self.goes_out_of_service,
            self.tells_of_changes,
            self.forgets_who_does_not_renew,
            self.answers_a_small_station,
            self.survives_malformed_datagrams,
        ]
        said = []
        for one in checks:
            try:
                said.append(await one())
            except Failed as e:
                raise Failed(f"{one.__name__}: {e}") from None
        return "; ".join(said)


def served(fab):
    """The machines that speak BACnet, each with its one address."""
    for entry in fab:
        over = [e for e in entry.get("endpoints", []) if e["protocol"].startswith("bacnet")]
        address = entry.get("address") or (over[0]["address"] if over else None)
        if address and (over or "endpoints" not in entry):
            yield {"name": entry["name"], "address": address, "profile": entry["profile"]}


async def main(names):
    try:
        machines = list(served(json.load(sys.stdin)))
        chosen = [m for m in machines if not names or m["name"] in names]
    except (ValueError, KeyError, TypeError) as e:
        print(f"the list of machines cannot be read ({e!r}): give the output of `aegis fab --json`", file=sys.stderr)
        return 2
    missing = set(names) - {m["name"] for m in chosen}
    if missing or not chosen:
        print(f"nothing is served over BACnet by the name of {', '.join(sorted(missing)) or 'any'}", file=sys.stderr)
        return 2
    app = Station()
    await asyncio.gather(*app.normal.server._transport_tasks)
    failures = 0
    for entry in chosen:
        try:
            print(f"ok   {entry['name']}: {await Machine(app, entry).proven()}")
        except (Failed, OSError) as e:
            print(f"FAIL {entry['name']} {e}")
            failures += 1
    app.close()
    verdict = f"{failures} machines failed" if failures else "all checks hold"
    print(f"bacpypes3 {bacpypes3.__version__} against {len(chosen)} machines: {verdict}")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(asyncio.run(main(sys.argv[1:])))
