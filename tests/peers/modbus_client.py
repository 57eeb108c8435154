#!/usr/bin/env python3
"""Proves the Modbus wire with a client that nobody here wrote: pymodbus.

    aegis fab --json | python modbus_client.py [NAME ...]      (or: modbus_client.py --fab fab.json [NAME ...])

Of every machine served over Modbus, or of those named: reads every point (finite, in range, mirrored among the holding
registers), writes the set-points by each function that there is and reads them back, asks who the machine says it is,
provokes the exceptions 01, 02, 03 and 0B, and sends malformed frames, after which the server must go on serving. With
--protocol modbus-rtu-over-tcp or modbus-rtu it speaks serial frames, over TCP or on a serial port. Prints a line a
check; exits 0 when all hold, 1 when one fails, 2 when it cannot begin.
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
    from pymodbus import FramerType
    from pymodbus.client import ModbusSerialClient, ModbusTcpClient
    from pymodbus.exceptions import ModbusException
    from pymodbus.framer import FramerRTU
except ImportError as e:
    sys.exit(f"missing Python package pymodbus ({e}): pip install -r tests/peers/requirements.txt")

TYPES = {"f32": "FLOAT32", "u32": "UINT32", "u16": "UINT16", "i16": "INT16"}
ILLEGAL_FUNCTION, ILLEGAL_ADDRESS, ILLEGAL_VALUE, NO_TARGET = 1, 2, 3, 0x0B
TIMEOUT_S = 5
SILENCE_S = 1
READBACK_S = 10


class Failed(Exception):
    """A check does not hold."""


def check(holds, message):
    if not holds:
        raise Failed(message)


def address(point):
    """The register or bit of a point, from 0."""
    return point["address"]


def over_modbus(entry, protocol):
    """The machine's endpoint of that protocol."""
    return next((e for e in entry["endpoints"] if e["protocol"] == protocol), None)


def single(value):
    """The value as a 32-bit float holds it."""
    return struct.unpack(">f", struct.pack(">f", value))[0]


class Machine:
    """One served machine and a connection to it."""

    def __init__(self, entry, protocol):
        endpoint, profile = over_modbus(entry, protocol), entry["profile"]
        self.name, self.kind, self.protocol = entry["name"], profile["kind"], protocol
        self.address, self.unit = endpoint["address"], endpoint.get("unit", 1)
        self.points = [{**p, **p["modbus"]} for p in profile["point"] if p.get("modbus")]
        self.order = "little" if profile["modbus"].get("word_order") == "low_first" else "big"
        self.client = self.another()
        check(self.points, "no point has a Modbus address")
        check(self.client.connect(), f"nothing listens at {self.address}: is `aegis serve` running?")

    def another(self, timeout=TIMEOUT_S):
        """A client of the machine, not yet connected."""
        if self.protocol == "modbus-rtu":
            # Pseudo-terminals know no parity.
            return ModbusSerialClient(self.address, baudrate=19200, parity="N", timeout=timeout, retries=0)
        host, port = self.address.rsplit(":", 1)
        framer = FramerType.SOCKET if self.protocol == "modbus-tcp" else FramerType.RTU
        return ModbusTcpClient(host, port=int(port), framer=framer, timeout=timeout, retries=0)

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


def writes_several_coils(m):
    coils = [p for p in m.points if p["table"] == "coil" and p["access"] == "write"]
    check(coils, "no coil can be written")
    for p in coils:
        before = m.read(p)
        for value in (1 - before, before):
            m.good(f"write of coils at {p['id']}", "write_coils", address(p), [bool(value)])
            check(m.read(p) == value, f"{p['id']}: wrote {value} by function 15, it reads {1 - value}")
    m.refused(ILLEGAL_ADDRESS, "write of coils that are not there", m.ask("write_coils", 1999, [True]))
    return f"function 15 sets {', '.join(p['id'] for p in coils)}"


def writes_and_reads_in_one(m):
    p = next(p for p in m.points if p["table"] == "holding" and p["access"] == "write")
    kind, before = getattr(m.client.DATATYPE, TYPES[p["type"]]), m.read(p)
    other = before - 1 if before - 1 >= p["range"][0] else before + 1
    for value in (other, before):
        registers = m.client.convert_to_registers(kind_of(p)(value), kind, word_order=m.order)
        reply = m.good(
            f"write and read of {p['id']}", "readwrite_registers", read_address=address(p), read_count=len(registers),
            write_address=address(p), values=registers,
        )
        # AP 6.17: the write is performed before the read.
        check(reply.registers == registers, f"wrote {registers} and read {reply.registers} in the same request")
    return f"function 23 writes {p['id']} before it reads it"


def kind_of(point):
    return float if point["type"] == "f32" else int


def writes_under_a_mask(m):
    points = [p for p in m.points if p["table"] == "holding" and p["access"] == "write"]
    words = [p for p in points if p["type"] in ("u16", "i16")]
    for p in words:
        before = m.read(p)
        for bit in (1 - before % 2, before % 2):
            # AP 6.16: all bits but the lowest stay as they are.
            m.good(f"mask write of {p['id']}", "mask_write_register", address=address(p), and_mask=0xFFFE, or_mask=bit)
            check(m.read(p) == before - before % 2 + bit, f"{p['id']}: {before} under a mask reads {m.read(p)}")
    for p in (p for p in points if p not in words):
        reply = m.ask("mask_write_register", address=address(p), and_mask=0xFFFE, or_mask=1)
        m.refused(ILLEGAL_VALUE, f"a mask over half of {p['id']}", reply)
    return f"function 22 sets a bit of {len(words)} registers, and half of no value"


def says_who_it_is(m):
    basic = m.good("identification", "read_device_information", read_code=1).information
    check(basic[0] == b"Aegis" and basic[1] == m.kind.encode(), f"it says that it is {basic}")
    regular = m.good("regular identification", "read_device_information", read_code=2).information
    check(set(basic) < set(regular), f"the regular objects are {regular}")
    one = m.good("one object", "read_device_information", read_code=4, object_id=1).information
    check(one == {1: basic[1]}, f"the one object is {one}")
    m.refused(ILLEGAL_ADDRESS, "no object", m.ask("read_device_information", read_code=4, object_id=3))
    m.refused(ILLEGAL_FUNCTION, "another MEI type", raw(m, bytes([0x2B, 0x0D, 0, 0])))
    return f"function 43/14: {basic[0].decode()} {basic[1].decode()} {basic[2].decode()}"


def knows_its_unit(m):
    other = m.unit % 200 + 40
    if m.protocol == "modbus-tcp":
        for own in (0, 255):
            reply = m.client.read_coils(0, count=1, device_id=own)
            check(not reply.isError(), f"unit {own}, the device itself, is refused: {reply}")
        reply = m.client.read_coils(0, count=1, device_id=other)
        m.refused(NO_TARGET, f"a read of unit {other}", reply)
        return "another unit is exception 0B"
    if m.protocol == "modbus-rtu":
        m.client.close()
    client = m.another(timeout=SILENCE_S)
    check(client.connect(), "a second connection")
    try:
        reply = client.read_coils(0, count=1, device_id=other)
        check(False, f"unit {other} answers: {reply}")
    except ModbusException:
        pass
    finally:
        client.close()
        m.client.connect()
    check(math.isfinite(m.read(m.points[0])), "its own unit is silent too")
    return "another unit is silence"


class Raw:
    """A reply that pymodbus' own client would not have asked for."""

    def __init__(self, pdu):
        self.pdu, self.exception_code = pdu, pdu[1] if pdu[0] & 0x80 else 0

    def isError(self):
        return bool(self.pdu[0] & 0x80)

    def __str__(self):
        return self.pdu.hex(" ")


class Wire:
    """Bytes to the machine and back: a connection of its own, or the serial port, which only one can have."""

    def __init__(self, m):
        if m.protocol == "modbus-rtu":
            self.port, self.close = m.client.socket, lambda: None
            self.port.reset_input_buffer()
            self.send, self.receive = self.port.write, self.port.read
        else:
            host, port = m.address.rsplit(":", 1)
            self.port = socket.create_connection((host, int(port)), timeout=TIMEOUT_S)
            self.send, self.receive, self.close = self.port.sendall, self.port.recv, self.port.close

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def exactly(self, n):
        data = b""
        while len(data) < n:
            more = self.receive(n - len(data))
            check(more, "the server said nothing more instead of answering")
            data += more
        return data


def raw(m, pdu):
    """The reply to that PDU; with serial frames it must be an exception."""
    with Wire(m) as wire:
        if m.protocol == "modbus-tcp":
            wire.send(struct.pack(">HHHB", 0x1234, 0, len(pdu) + 1, m.unit) + pdu)
            transaction, protocol, length, unit = struct.unpack(">HHHB", wire.exactly(7))
            check((transaction, protocol, unit) == (0x1234, 0, m.unit), "the reply's header is not the request's")
            return Raw(wire.exactly(length - 1))
        wire.send(serial_frame(m.unit, pdu))
        reply = wire.exactly(5)
        check(serial_frame(m.unit, reply[1:3]) == reply, f"{reply.hex(' ')} is no exception of unit {m.unit}")
        return Raw(reply[1:3])


def serial_frame(unit, pdu):
    body = bytes([unit]) + pdu
    return body + FramerRTU.compute_CRC(body).to_bytes(2, "big")


def survives_malformed_frames(m):
    p = m.points[0]
    if m.protocol == "modbus-tcp":
        frames = {
            "noise": b"\xff" * 64,
            "a length of nothing": struct.pack(">HHHB", 1, 0, 0, 1),
            "a length beyond a frame": struct.pack(">HHHB", 1, 0, 9999, 1) + b"\x03" * 300,
            "another protocol": struct.pack(">HHHB", 1, 7, 6, 1) + b"\x03\0\0\0\1",
            "half a frame": struct.pack(">HHHB", 1, 0, 6, 1) + b"\x03\0",
            "a write whose byte count is wrong": struct.pack(">HHHB", 1, 0, 9, 1) + b"\x10\0\x64\0\x02\x08\0\0",
        }
    else:
        whole = serial_frame(m.unit, b"\x03\0\x64\0\x02")
        frames = {
            "noise": b"\xff" * 64,
            "a wrong checksum": whole[:-1] + bytes([whole[-1] ^ 1]),
            "half a frame": whole[:5],
            "another's frames": serial_frame(m.unit + 1, b"\x04\0\0\0\x02") + serial_frame(m.unit + 1, b"\x04\x04\0\0\0\0"),
            "a frame without end": bytes([m.unit, 0x10, 0, 0x64, 0, 0x7F, 0xFE]),
        }
    for what, frame in frames.items():
        with Wire(m) as wire:
            wire.send(frame)
            # On a wire, what follows without a silence is the same frame.
            time.sleep(0.1 if m.protocol == "modbus-rtu" else 0)
            check(math.isfinite(m.read(p)), f"after {what} {p['id']} reads no number")
    check(math.isfinite(m.read(p)), f"{p['id']} reads no number")
    return f"serves on after {len(frames)} malformed frames"


CHECKS = [
    reads_every_point,
    mirrors_inputs,
    writes_and_reads_back,
    writes_several_coils,
    writes_and_reads_in_one,
    writes_under_a_mask,
    says_who_it_is,
    knows_its_unit,
    gives_exception_01,
    gives_exception_02,
    gives_exception_03,
    survives_malformed_frames,
]


def main():
    args = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    args.add_argument("--fab", help="file with the output of `aegis fab --json`; standard input when absent")
    args.add_argument("--protocol", default="modbus-tcp", help="modbus-tcp, modbus-rtu-over-tcp or modbus-rtu")
    args.add_argument("names", nargs="*", metavar="NAME", help="machines to check; all when absent")
    args = args.parse_args()
    try:
        fab = json.load(open(args.fab) if args.fab else sys.stdin)
        served = [m for m in fab if over_modbus(m, args.protocol)]
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
            m = Machine(entry, args.protocol)
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
