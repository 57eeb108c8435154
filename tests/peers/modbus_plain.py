#!/usr/bin/env python3
"""What the benches hold our Modbus server against: pymodbus with a hundred registers and nothing else.

Prints {"port": N} when it serves, on 127.0.0.1, until its input ends.
"""
import asyncio
import json
import socket
import sys
import threading

try:
    from pymodbus.server import ModbusTcpServer
    from pymodbus.simulator import DataType, SimData, SimDevice
except ImportError as e:
    sys.exit(f"missing Python package pymodbus ({e}): pip install -r tests/peers/requirements.txt")


async def main():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        port = s.getsockname()[1]
    device = SimDevice(1, simdata=[SimData(0, values=[17] * 100, datatype=DataType.REGISTERS)])
    server = ModbusTcpServer([device], address=("127.0.0.1", port))
    await server.serve_forever(background=True)
    print(json.dumps({"port": port}), flush=True)
    ended, loop = asyncio.Event(), asyncio.get_running_loop()

    def wait():
        sys.stdin.read()
        loop.call_soon_threadsafe(ended.set)

    threading.Thread(target=wait, daemon=True).start()
    await ended.wait()
    await server.shutdown()


asyncio.run(main())
