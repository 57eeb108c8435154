#!/usr/bin/env python3
"""A Modbus server that nobody here wrote (pymodbus), with the registers of a profile, for the sentinel to read and write.

The first line on standard input is JSON: {"profile": .., "name": "FFU-01", "unit": 1}, of which only the profile is needed.
Prints {"port": N} when it serves, on 127.0.0.1; with --serial it serves RTU frames on a serial line made of pseudo-terminals
and prints the path of its other end, {"port": "/dev/pts/N"}. Prints {"written": "<point id>", "value": value} for what clients write. Each
further line on standard input, {"set": {"<point id>": value, ..}}, sets values as the machine's own controller would (null
leaves a value as it is: Modbus has no word for a bad one). Ends with its input. Exits 2 when a line cannot be used.
"""
import asyncio
import json
import socket
import sys
import threading

try:
    from pymodbus.client.mixin import ModbusClientMixin
    from pymodbus.constants import ExcCodes
    from pymodbus import FramerType
    from pymodbus.server import ModbusSerialServer, ModbusTcpServer
    from pymodbus.simulator import DataType, SimData, SimDevice
except ImportError as e:
    sys.exit(f"missing Python package pymodbus ({e}): pip install -r tests/peers/requirements.txt")

from serial_line import serial_line

TYPES = {"f32": "FLOAT32", "u32": "UINT32", "u16": "UINT16", "i16": "INT16"}
TABLES = ["coil", "discrete", "holding", "input"]
BY_FUNCTION = {
    1: "coil", 2: "discrete", 3: "holding", 4: "input", 5: "coil", 6: "holding", 15: "coil", 16: "holding", 22: "holding",
    23: "holding",
}


def say(**what):
    print(json.dumps(what), flush=True)


class Machine:
    def __init__(self, order):
        profile = order["profile"]
        self.unit = order.get("unit", 1)
        self.order = "little" if profile["modbus"].get("word_order") == "low_first" else "big"
        self.points = {p["id"]: p for p in profile["point"] if p.get("modbus")}
        self.tables = {table: {} for table in TABLES}
        for point, p in self.points.items():
            low, high = p["range"]
            self.set(point, p.get("nominal", min(max(low, 0.0), high)))

    def cells(self, point):
        """Its table, and the registers or bits that it takes there."""
        at = self.points[point]["modbus"]
        width = 2 if self.points[point].get("type", "f32") in ("f32", "u32") else 1
        return self.tables[at["table"]], range(at["address"], at["address"] + width)

    def set(self, point, value):
        table, cells = self.cells(point)
        kind = self.points[point].get("type", "f32")
        if kind == "bool":
            table[cells[0]] = bool(value)
            return
        value = float(value) if kind == "f32" else int(value)
        data_type = getattr(ModbusClientMixin.DATATYPE, TYPES[kind])
        table.update(zip(cells, ModbusClientMixin.convert_to_registers(value, data_type, word_order=self.order)))

    def value(self, point):
        table, cells = self.cells(point)
        kind = self.points[point].get("type", "f32")
        if kind == "bool":
            return table[cells[0]]
        data_type = getattr(ModbusClientMixin.DATATYPE, TYPES[kind])
        return ModbusClientMixin.convert_from_registers([table[c] for c in cells], data_type, word_order=self.order)

    def device(self):
        """The registers, as far as they are contiguous, with whatever lies between them at nought."""
        blocks = []
        for table in TABLES:
            held = self.tables[table]
            bits = table in ("coil", "discrete")
            last = max(held, default=0)
            nought = [False] * (last + 1) if bits else [0] * (last + 1)
            blocks.append([SimData(0, values=nought, datatype=DataType.BITS if bits else DataType.REGISTERS)])
        return SimDevice(self.unit, simdata=tuple(blocks), action=self.access)

    async def access(self, function, start, address, count, current, written):
        held = self.tables[BY_FUNCTION[function]]
        if written is None:
            for i in range(count):
                current[address - start + i] = held.get(address + i, 0)
            return None
        span = range(address, address + len(written))
        for point, p in self.points.items():
            own, cells = self.cells(point)
            if own is not held or not set(cells) & set(span):
                continue
            before = {c: held[c] for c in cells}
            held.update({c: written[c - address] for c in cells if c in span})
            low, high = p["range"]
            if not low <= self.value(point) <= high or p.get("access") != "write":
                held.update(before)
                return ExcCodes.ILLEGAL_VALUE
            say(written=point, value=self.value(point))
        return None


def listen(loop, lines):
    """Hands the lines of standard input to the loop; its end as none."""
    for line in sys.stdin:
        loop.call_soon_threadsafe(lines.put_nowait, line)
    loop.call_soon_threadsafe(lines.put_nowait, None)


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


async def main():
    try:
        machine = Machine(json.loads(sys.stdin.readline()))
    except (ValueError, KeyError, TypeError) as e:
        print(f"the first line is no machine ({e!r}): give {{\"profile\": ..}}", file=sys.stderr)
        return 2
    if "--serial" in sys.argv[1:]:
        own, port = serial_line()
        settings = {"baudrate": 19200, "bytesize": 8, "parity": "N", "stopbits": 1}
        server = ModbusSerialServer([machine.device()], framer=FramerType.RTU, port=own, **settings)
    else:
        port = free_port()
        server = ModbusTcpServer([machine.device()], address=("127.0.0.1", port))
    await server.serve_forever(background=True)
    say(port=port)
    lines = asyncio.Queue()
    threading.Thread(target=listen, args=(asyncio.get_running_loop(), lines), daemon=True).start()
    while (line := await lines.get()) is not None:
        try:
            for point, value in json.loads(line).get("set", {}).items():
                if value is not None:
                    machine.set(point, value)
        except (ValueError, KeyError, TypeError) as e:
            print(f"{line.strip()!r} cannot be done ({e!r})", file=sys.stderr)
            return 2
    await server.shutdown()
    return 0


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))
