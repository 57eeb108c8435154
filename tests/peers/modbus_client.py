#!/usr/bin/env python3
"""Proves the Modbus wire with a client that nobody here wrote: pymodbus.

    aegis fab --json | python modbus_client.py [NAME ...]      (or: modbus_client.py --fab fab.json [NAME ...])

Of every machine served over Modbus TCP, or of those named: reads every point (finite, in range, mirrored among the holding registers), writes
the set-points and reads them back, provokes the exceptions 01, 02 and 03, and sends malformed frames, after which the
server must go on serving. Prints a line a check; exits 0 when all hold, 1 when one fails, 2 when it cannot begin.
"""
import argparse
import json
import math
import socket
import struct
import sys
import time

try:
    import pymodbus
    from pymodbus.client import ModbusTcpClient
    from pymodbus.exceptions import ModbusException
except ImportError as e:
    sys.exit(f"missing Python package pymodbus ({e}): pip install -r tests/peers/requirements.txt")

TYPES = {"f32": "FLOAT32", "u32": "UINT32", "u16": "UINT16", "i16": "INT16"}
ILLEGAL_FUNCTION, ILLEGAL_ADDRESS, ILLEGAL_VALUE = 1, 2, 3
TIMEOUT_S = 5
READBACK_S = 10


class Failed(Exception):
    """A check does not hold."""


def check(holds, message):
    if not holds:
        raise Failed(message)


def address(point):
    """The register or bit of a point, from 0."""
    return point["address"]


def over_modbus(entry):
    """The machine's endpoint of that protocol."""
    return next((e for e in entry["endpoints"] if e["protocol"] == "modbus-tcp"), None)


def single(value):
    """The value as a 32-bit float holds it."""
    return struct.unpack(">f", struct.pack(">f", value))[0]


class Machine:
    """One served machine and a connection to it."""

    def __init__(self, entry):
        endpoint, profile = over_modbus(entry), entry["profile"]
        self.name, self.unit = entry["name"], endpoint.get("unit", 1)
        self.host, port = endpoint["address"].rsplit(":", 1)
        self.port = int(port)
        self.points = [{**p, **p["modbus"]} for p in profile["point"] if p.get("modbus")]
        self.order = "little" if profile["modbus"].get("word_order") == "low_first" else "big"
        self.client = ModbusTcpClient(self.host, port=self.port, timeout=TIMEOUT_S, retries=0)
        check(self.points, "no point has a Modbus address")
        check(self.client.connect(), f"nothing listens on {self.host}:{self.port}: is `aegis serve` running?")

    def ask(self, method, *args, **more):
        """Any pymodbus call; its reply, exceptions among them."""
        return getattr(self.client, method)(*args, device_id=self.unit, **more)

    def good(self, what, method, *args, **more):
        reply = self.ask(method, *args, **more)
        check(not reply.isError(), f"{what}: {reply}")
        return reply

    def read(self, point, table=None):
        """The value of a point, from its own table or from another."""
        table, at, what = table or point["table"], address(point), f"read of {point['id']}"
        if table in ("coil", "discrete"):
            method = "read_coils" if table == "coil" else "read_discrete_inputs"
            return int(self.good(what, method, at, count=1).bits[0])
        method = "read_input_registers" if table == "input" else "read_holding_registers"
        kind = getattr(self.client.DATATYPE, TYPES[point["type"]])
        registers = self.good(what, method, at, count=kind.value[1]).registers
        return self.client.convert_from_registers(registers, kind, word_order=self.order)

    def write(self, point, value):
        what = f"write of {value} to {point['id']}"
        if point["table"] == "coil":
            return self.good(what, "write_coil", address(point), bool(value))
        kind = getattr(self.client.DATATYPE, TYPES[point["type"]])
        value = float(value) if point["type"] == "f32" else int(value)
        registers = self.client.convert_to_registers(value, kind, word_order=self.order)
        if len(registers) == 1:
            return self.good(what, "write_register", address(point), registers[0])
        return self.good(what, "write_registers", address(point), registers)

    def refused(self, code, what, reply):
        found = f"exception {reply.exception_code:02}" if hasattr(reply, "exception_code") and reply.isError() else reply
        check(found == f"exception {code:02}", f"{what}: expected exception {code:02}, got {found}")

    def spread(self, table):
        """The addresses that a table's points take."""
        width = {"f32": 2, "u32": 2}
        return {address(p) + i for p in self.points if p["table"] == table for i in range(width.get(p["type"], 1))}


def reads_every_point(m):
    for p in m.points:
        value, (low, high) = m.read(p), p["range"]
        check(math.isfinite(value), f"{p['id']} is {value}")
        check(single(low) <= value <= single(high), f"{p['id']} is {value}, outside {low} .. {high}")
    return f"{len(m.points)} points read, finite and in range"


def mirrors_inputs(m):
    inputs = sorted(m.spread("input"))
    check(inputs, "no input registers")
    first, count = inputs[0], len(inputs)
    check(inputs == list(range(first, first + count)), "input registers have gaps")
    # Two requests are two moments: the twin may step between them, so the pair is tried again.
    for _ in range(20):
        own = m.good("input registers", "read_input_registers", first, count=count).registers
        mirror = m.good("mirror", "read_holding_registers", first, count=count).registers
        again = m.good("input registers", "read_input_registers", first, count=count).registers
        if own == again:
            check(own == mirror, f"holding registers {mirror} differ from input registers {own}")
            return f"{count} input registers stand again among the holding registers"
        time.sleep(0.02)
    raise Failed("the input registers never stood still for three requests")


def reads_back(m, point, value):
    m.write(point, value)
    wanted = single(value) if point["type"] == "f32" else value
    until = time.monotonic() + READBACK_S
    while (found := m.read(point)) != wanted:
        check(time.monotonic() < until, f"{point['id']}: wrote {wanted}, {READBACK_S} s later it reads {found}")
        time.sleep(0.05)


def writes_and_reads_back(m):
    done = []
    for p in (p for p in m.points if p["access"] == "write"):
        before, (low, high) = m.read(p), p["range"]
        step = 1 if p["type"] != "f32" else (high - low) / 100
        other = 1 - before if p["type"] == "bool" else before - step if before - step >= low else before + step
        try:
            reads_back(m, p, other)
        finally:
            reads_back(m, p, before)
        done.append(p["id"])
    check(done, "no point can be written")
    return f"written, read back and put back: {', '.join(done)}"


def gives_exception_01(m):
    m.refused(ILLEGAL_FUNCTION, "report of the server's id", m.ask("report_device_id"))
    m.refused(ILLEGAL_FUNCTION, "user function 65", raw(m, bytes([0x41, 0, 0, 0, 1])))
    return "functions that the device has not are exception 01"


def gives_exception_02(m):
    beyond = max(m.spread("input")) + 1
    unused = max(m.spread("holding") | m.spread("input")) + 1
    m.refused(ILLEGAL_ADDRESS, "read behind the last input", m.ask("read_input_registers", beyond, count=1))
    m.refused(ILLEGAL_ADDRESS, "read of no register", m.ask("read_holding_registers", unused, count=1))
    m.refused(ILLEGAL_ADDRESS, "read of no coil", m.ask("read_coils", 1999, count=1))
    m.refused(ILLEGAL_ADDRESS, "write to the mirror", m.ask("write_register", min(m.spread("input")), 1))
    return "addresses that are not there, and writes to measurements, are exception 02"


def gives_exception_03(m):
    for p in (p for p in m.points if p["access"] == "write" and p["type"] == "f32"):
        before = m.read(p)
        for value in (p["range"][1] * 2 + 1, math.nan):
            words = m.client.convert_to_registers(value, m.client.DATATYPE.FLOAT32, word_order=m.order)
            m.refused(ILLEGAL_VALUE, f"{value} to {p['id']}", m.ask("write_registers", address(p), words))
        m.refused(ILLEGAL_VALUE, f"half of {p['id']}", m.ask("write_register", address(p), 0))
        check(m.read(p) == before, f"{p['id']} changed by a refused write")
    m.refused(ILLEGAL_VALUE, "a read of 126 registers", raw(m, bytes([3, 0, 0, 0, 126])))
    m.refused(ILLEGAL_VALUE, "a coil that is neither on nor off", raw(m, bytes([5, 0, 0, 0x12, 0x34])))
    return "values out of range, half values and malformed quantities are exception 03"


class Raw:
    """A reply that pymodbus' own client would not have asked for."""

    def __init__(self, pdu):
        self.pdu, self.exception_code = pdu, pdu[1] if pdu[0] & 0x80 else 0

    def isError(self):
        return bool(self.pdu[0] & 0x80)

    def __str__(self):
        return self.pdu.hex(" ")


def exactly(s, n):
    data = b""
    while len(data) < n:
        more = s.recv(n - len(data))
        check(more, "the server closed the connection instead of answering")
        data += more
    return data


def raw(m, pdu):
    with socket.create_connection((m.host, m.port), timeout=TIMEOUT_S) as s:
        s.sendall(struct.pack(">HHHB", 0x1234, 0, len(pdu) + 1, m.unit) + pdu)
        transaction, protocol, length, unit = struct.unpack(">HHHB", exactly(s, 7))
        check((transaction, protocol, unit) == (0x1234, 0, m.unit), "the reply's header is not the request's")
        return Raw(exactly(s, length - 1))


def survives_malformed_frames(m):
    p = m.points[0]
    frames = {
        "noise": b"\xff" * 64,
        "a length of nothing": struct.pack(">HHHB", 1, 0, 0, 1),
        "a length beyond a frame": struct.pack(">HHHB", 1, 0, 9999, 1) + b"\x03" * 300,
        "another protocol": struct.pack(">HHHB", 1, 7, 6, 1) + b"\x03\0\0\0\1",
        "half a frame": struct.pack(">HHHB", 1, 0, 6, 1) + b"\x03\0",
        "a write whose byte count is wrong": struct.pack(">HHHB", 1, 0, 9, 1) + b"\x10\0\x64\0\x02\x08\0\0",
    }
    for what, frame in frames.items():
        with socket.create_connection((m.host, m.port), timeout=TIMEOUT_S) as s:
            s.sendall(frame)
            check(math.isfinite(m.read(p)), f"after {what} {p['id']} reads no number")
    check(math.isfinite(m.read(p)), f"{p['id']} reads no number")
    return f"serves on after {len(frames)} malformed frames"


CHECKS = [
    reads_every_point,
    mirrors_inputs,
    writes_and_reads_back,
    gives_exception_01,
    gives_exception_02,
    gives_exception_03,
    survives_malformed_frames,
]


def main():
    args = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    args.add_argument("--fab", help="file with the output of `aegis fab --json`; standard input when absent")
    args.add_argument("names", nargs="*", metavar="NAME", help="machines to check; all when absent")
    args = args.parse_args()
    try:
        fab = json.load(open(args.fab) if args.fab else sys.stdin)
        served = [m for m in fab if over_modbus(m)]
        chosen = [m for m in served if not args.names or m["name"] in args.names]
    except (OSError, ValueError, KeyError, TypeError) as e:
        print(f"the list of machines cannot be read ({e!r}): give the output of `aegis fab --json`", file=sys.stderr)
        return 2
    missing = set(args.names) - {m["name"] for m in chosen}
    if missing or not chosen:
        print(f"no machine is served over Modbus by the name of {', '.join(sorted(missing)) or 'any'}", file=sys.stderr)
        return 2
    failures = 0
    for entry in chosen:
        try:
            m = Machine(entry)
        except (Failed, OSError) as e:
            print(f"FAIL {entry['name']} connect: {e}")
            failures += 1
            continue
        for test in CHECKS:
            try:
                print(f"ok   {m.name} {test.__name__}: {test(m)}")
            except (Failed, OSError, ModbusException) as e:
                print(f"FAIL {m.name} {test.__name__}: {e}")
                failures += 1
        m.client.close()
    verdict = f"{failures} checks failed" if failures else "all checks hold"
    print(f"pymodbus {pymodbus.__version__} against {len(chosen)} machines: {verdict}")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
