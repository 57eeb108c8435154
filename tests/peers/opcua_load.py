#!/usr/bin/env python3
"""Reads 20 values of an OPC UA server in a closed loop, for the benches: asyncua as the client of ours and of its own.

    python opcua_load.py opc.tcp://HOST:PORT SECONDS NODE [NODE ...]

Prints the number of reads a second.
"""
import asyncio
import logging
import sys
import time

try:
    from asyncua import Client, ua
except ImportError as e:
    sys.exit(f"missing Python package asyncua ({e}): pip install -r tests/peers/requirements.txt")

logging.getLogger("asyncua").setLevel(logging.CRITICAL)


async def main():
    url, seconds, names = sys.argv[1], float(sys.argv[2]), sys.argv[3:]
    async with Client(url, timeout=10) as client:
        spaces = await client.get_namespace_array()
        index = next(i for i, s in enumerate(spaces) if s.startswith("urn:aegis:") and ":machine:" not in s)
        rows = [ua.ReadValueId(NodeId=ua.NodeId(name, index), AttributeId=ua.AttributeIds.Value) for name in names]
        asked = ua.ReadParameters(NodesToRead=rows)
        values = await client.uaclient.read(asked)
        assert all(v.StatusCode.is_good() for v in values), values
        began, n = time.monotonic(), 0
        while time.monotonic() - began < seconds:
            await client.uaclient.read(asked)
            n += 1
        print(n / (time.monotonic() - began))


asyncio.run(main())
