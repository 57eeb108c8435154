#!/usr/bin/env python3
"""A GEM equipment that nobody here wrote (secsgem), made from a profile, for a host to read, hear and write.

The first line on standard input is JSON: {"profile": .., "name": "WB-01", "unit": 1}, of which only the profile is needed.
Prints {"port": N} when it listens, on 127.0.0.1, and {"written": "<point id>", "value": value, "by": "S2F41 STOP"} for each
value that the host writes, with the remote command that did it, or S2F15 where it was a constant. Each further line on standard input sets values as the machine's own controller would, {"set": {"<point id>":
value, ..}} (null leaves a value as it is), or tells what has happened, {"record": {"kind": "bond", "values": {"<point id>":
value, ..}}}, with the collection events that the profile gives that record. Ends with its input. Exits 2 when a line cannot
be used.
"""
import json
import logging
import math
import os
import socket
import sys

try:
    import secsgem.common
    import secsgem.gem
    import secsgem.hsms
    import secsgem.secs
except ImportError as e:
    sys.exit(f"missing Python package secsgem ({e}): pip install -r tests/peers/requirements.txt")

V = secsgem.secs.variables
TYPES = {"f32": V.F4, "u32": V.U4, "u16": V.U2, "i16": V.I2, "bool": V.Boolean}


def say(**what):
    print(json.dumps(what), flush=True)


def class_of(point):
    """Its class of variable: a field of a record, a setting, or a value that is always there."""
    if point.get("record"):
        return "dv"
    return "ec" if point.get("role") == "setpoint" and point.get("access") == "write" else "sv"


def typed(point, value):
    kind = point.get("type", "f32")
    return bool(value) if kind == "bool" else float(value) if kind == "f32" else int(value)


class Equipment(secsgem.gem.GemEquipmentHandler):
    def __init__(self, settings, profile):
        super().__init__(settings)
        gem = profile["gem"]
        self.points = {p["id"]: p for p in profile["point"] if p.get("gem")}
        self.by_ecid, self.by_vid = {}, {}
        for point, p in self.points.items():
            vid, name, kind = p["gem"]["vid"], p["gem"].get("name", point), TYPES[p.get("type", "f32")]
            low, high = p["range"]
            first = typed(p, p.get("nominal", min(max(low, 0.0), high)))
            if class_of(p) == "sv":
                held = secsgem.gem.StatusVariable(vid, name, p.get("unit", ""), kind, False)
                self.status_variables[vid], self.by_vid[vid] = held, held
            elif class_of(p) == "dv":
                held = secsgem.gem.DataValue(vid, name, kind, False)
                self.data_values[vid] = held
            else:
                held = secsgem.gem.EquipmentConstant(vid, name, low, high, first, p.get("unit", ""), kind)
                self.equipment_constants[vid], self.by_ecid[vid] = held, point
            held.value = first
            p["held"] = held
        dvs = [p["gem"]["vid"] for p in self.points.values() if class_of(p) == "dv"]
        self.of_record, finished = {}, {}
        for event in gem["event"]:
            ceid = event["ceid"]
            self.collection_events[ceid] = secsgem.gem.CollectionEvent(ceid, event["name"], dvs)
            on = event["on"] if isinstance(event["on"], dict) else {}
            if record := on.get("record"):
                self.of_record.setdefault(record, []).append(ceid)
            if command := on.get("finished"):
                finished[command] = ceid
        for command in gem["command"]:
            name, parameters = command["name"], [p["name"] for p in command.get("parameters", [])]
            held = secsgem.gem.RemoteCommand(name, command.get("doc", ""), parameters, finished.get(name))
            self.remote_commands[name] = held
            setattr(self.callbacks, f"rcmd_{name}", self.commanded(name, command.get("writes", [])))

    def _get_sv_value(self, variable):
        """The package answers some identifiers by itself (1001 is its clock), which are the profile's here."""
        held = self.by_vid.get(variable.svid)
        return variable.value_type(held.value) if held else super()._get_sv_value(variable)

    def commanded(self, name, writes):
        """What a remote command does."""

        def done(**parameters):
            for w in writes:
                p = self.points[w["point"]]
                value = typed(p, parameters[w["parameter"]] if w.get("parameter") else w["value"])
                p["held"].value = value
                say(written=w["point"], value=value, by=f"S2F41 {name}")

        return done

    def on_ec_value_update(self, _id, constant, value):
        constant.value = value
        say(written=self.by_ecid[constant.ecid], value=value, by="S2F15")

    def set(self, values):
        for point, value in values.items():
            p = self.points.get(point)
            if p and value is not None and math.isfinite(value):
                p["held"].value = typed(p, value)

    def record(self, kind, values):
        self.set(values)
        self.trigger_collection_events(self.of_record.get(kind, []))


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def main():
    logging.disable(logging.CRITICAL)
    try:
        order = json.loads(sys.stdin.readline())
        port = free_port()
        settings = secsgem.hsms.HsmsSettings(
            address="127.0.0.1",
            port=port,
            session_id=order.get("unit", 1),
            connect_mode=secsgem.hsms.HsmsConnectMode.PASSIVE,
            device_type=secsgem.common.DeviceType.EQUIPMENT,
        )
        equipment = Equipment(settings, order["profile"])
    except (ValueError, KeyError, TypeError) as e:
        print(f"the first line is no machine ({e!r}): give {{\"profile\": ..}}", file=sys.stderr)
        return 2
    equipment.enable()
    say(port=port)
    for line in sys.stdin:
        try:
            order = json.loads(line)
            equipment.set(order.get("set", {}))
            if record := order.get("record"):
                equipment.record(record["kind"], record["values"])
        except (ValueError, KeyError, TypeError) as e:
            print(f"{line.strip()!r} cannot be done ({e!r})", file=sys.stderr)
            return 2
    return 0


if __name__ == "__main__":
    code = main()
    sys.stdout.flush()
    # Its threads wait for a host that may never come.
    os._exit(code)
