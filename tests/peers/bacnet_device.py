#!/usr/bin/env python3
"""A BACnet/IP device that nobody here wrote (bacpypes3), made from a profile, for a client to read and command.

The first line on standard input is JSON: {"profile": .., "name": "AHU-01"}, of which only the profile is needed. Prints
{"port": N} with the UDP port on 127.0.0.1 that it answers on, and from then on a line for each accepted write of a
present value: {"written": "<point id>", "value": value, "priority": 8}, where a relinquishing write has the value null.
Each further line on standard input, {"set": {"<point id>": value, ..}}, sets values as the machine's own controller would
(null marks the point as faulty, until it is set again). Ends with its input. Exits 2 when a line cannot be used.
"""
import asyncio
import json
import socket
import sys

try:
    from bacpypes3.basetypes import (
        BinaryPV, EngineeringUnits, Polarity, PropertyIdentifier, Reliability, StatusFlags,
    )
    from bacpypes3.constructeddata import ArrayOf
    from bacpypes3.errors import PropertyError
    from bacpypes3.ipv4.app import NormalApplication
    from bacpypes3.local.analog import AnalogInputObject, AnalogOutputObject, AnalogValueObject, AnalogValueObjectCmd
    from bacpypes3.local.binary import BinaryInputObject, BinaryValueObject
    from bacpypes3.local.cmd import Commandable
    from bacpypes3.local.cov import GenericCriteria
    from bacpypes3.local.device import DeviceObject
    from bacpypes3.local.multistate import MultiStateValueObject
    from bacpypes3.pdu import IPv4Address
    from bacpypes3.primitivedata import CharacterString
    from bacpypes3.service.cov import ChangeOfValueServices
except ImportError as e:
    sys.exit(f"missing Python package bacpypes3 ({e}): pip install -r tests/peers/requirements.txt")

INSTANCE = 5001
UNITS = {"degC": "degreesCelsius", "Pa": "pascals", "%": "percent", "rpm": "revolutionsPerMinute", "h": "hours"}


class BinaryValueObjectCmd(Commandable, BinaryValueObject):
    """The package's own one is no local object: it takes no COV subscription."""


class StateValueObject(MultiStateValueObject):
    """The package's own one wants a COV_Increment, which no multi-state object has."""

    _cov_criteria = GenericCriteria


class StateValueObjectCmd(Commandable, StateValueObject):
    """The package has none."""


CLASSES = {
    ("analog-input", False): AnalogInputObject,
    ("analog-output", True): AnalogOutputObject,
    ("analog-value", False): AnalogValueObject,
    ("analog-value", True): AnalogValueObjectCmd,
    ("binary-input", False): BinaryInputObject,
    ("binary-value", False): BinaryValueObject,
    ("binary-value", True): BinaryValueObjectCmd,
    ("multi-state-value", False): StateValueObject,
    ("multi-state-value", True): StateValueObjectCmd,
}


def say(line):
    print(json.dumps(line), flush=True)


class Point:
    """One row of the profile, and how its value stands on the wire."""

    def __init__(self, row, profile):
        self.id, self.unit, self.doc = row["id"], row.get("unit", ""), row["doc"]
        self.kind, self.instance = row["bacnet"]["object"], row["bacnet"]["instance"]
        self.low, self.high = row["range"]
        self.writable = row.get("access") == "write"
        self.nominal = row.get("nominal")
        regime = profile.get("regime") or {}
        self.names = regime.get("names", {}) if regime.get("point") == self.id else {}

    def wire(self, value):
        if self.kind.startswith("binary"):
            return BinaryPV(int(value))
        # States count from 1, whatever the profile's range begins with.
        return int(value - self.low + 1) if self.kind.startswith("multi") else float(value)

    def value(self, wire):
        return wire - 1 + self.low if self.kind.startswith("multi") else float(wire)

    def make(self):
        base = CLASSES[self.kind, self.writable]

        class Checked(base):
            """Refuses what the profile does not allow, and tells what it accepted."""

            async def write_property(own, attr, value, index=None, priority=None):
                present = attr in (PropertyIdentifier.presentValue, "presentValue")
                null = value == () or type(value).__name__ == "Null"
                if present and not self.writable:
                    raise PropertyError("writeAccessDenied")
                if present and not null and not self.low <= self.value(value) <= self.high:
                    raise PropertyError("valueOutOfRange")
                await super().write_property(attr, value, index, priority)
                if present:
                    written = None if null else self.value(value)
                    say({"written": self.id, "value": written, "priority": priority or 16})

        start = self.wire(self.nominal if self.nominal is not None else min(max(self.low, 0), self.high))
        more = {}
        if self.kind.startswith("analog"):
            more["units"] = EngineeringUnits(UNITS.get(self.unit, "noUnits"))
            more["minPresValue"], more["maxPresValue"] = float(self.low), float(self.high)
            more["covIncrement"] = (self.high - self.low) / 1000
        if self.kind == "binary-input":
            more["polarity"] = Polarity("normal")
        if self.kind.startswith("multi"):
            states = range(int(self.low), int(self.high) + 1)
            more["numberOfStates"] = len(states)
            more["stateText"] = ArrayOf(CharacterString)([self.names.get(str(s), f"state {s}") for s in states])
        if self.writable:
            # What the constructor takes for a present value would be a command.
            more["relinquishDefault"] = start
        else:
            more["presentValue"] = start
        self.object = Checked(
            objectIdentifier=f"{self.kind},{self.instance}",
            objectName=self.id,
            description=self.doc,
            statusFlags=StatusFlags([0, 0, 0, 0]),
            eventState="normal",
            outOfService=False,
            reliability=Reliability("noFaultDetected"),
            **more,
        )
        if self.writable:
            self.object.recalculating()
        return self.object

    def set(self, value):
        fault = value is None
        self.object.reliability = Reliability("noSensor" if fault else "noFaultDetected")
        self.object.statusFlags = StatusFlags([0, int(fault), 0, 0])
        if fault:
            return
        if self.writable:
            self.object.relinquishDefault = self.wire(value)
            self.object.recalculating()
        else:
            self.object.presentValue = self.wire(value)


class Device(NormalApplication, ChangeOfValueServices):
    """A normal application that also takes subscriptions."""

    def __init__(self, device, address):
        NormalApplication.__init__(self, device, address)
        ChangeOfValueServices.__init__(self)


def free_port():
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


async def main():
    try:
        order = json.loads(sys.stdin.readline())
        profile = order["profile"]
        points = [Point(row, profile) for row in profile["point"] if row.get("bacnet")]
    except (ValueError, KeyError, TypeError) as e:
        print(f"the first line is no machine ({e!r}): give {{\"profile\": ..}}", file=sys.stderr)
        return 2
    if not points:
        print("no point of the profile is a BACnet object", file=sys.stderr)
        return 2
    port = free_port()
    name = order.get("name", "machine")
    device = DeviceObject(objectIdentifier=f"device,{INSTANCE}", objectName=name, vendorIdentifier=999)
    app = Device(device, IPv4Address(f"127.0.0.1:{port}"))
    for point in points:
        app.add_object(point.make())
    # The socket is opened by tasks that the link layer began.
    await asyncio.gather(*app.normal.server._transport_tasks)
    say({"port": port})
    by_id = {p.id: p for p in points}
    loop = asyncio.get_running_loop()
    while line := await loop.run_in_executor(None, sys.stdin.readline):
        try:
            for point, value in json.loads(line)["set"].items():
                by_id[point].set(value)
        except (ValueError, KeyError, TypeError, AttributeError) as e:
            print(f"{line.strip()!r} cannot be done ({e!r})", file=sys.stderr)
            return 2
    app.close()
    return 0


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))
