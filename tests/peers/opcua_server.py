#!/usr/bin/env python3
"""A machine that nobody here wrote: an asyncua server with the nodes of a profile, for the sentinel to hear and write.

The first line on standard input is JSON: {"profile": .., "name": "CNC-01", "port": 0, "values": {"<point id>": value},
"security": {"user": .., "password": .., "certificate": .., "key": ..}}, of which only the profile is needed. With
security only that user comes in, over channels that are signed and encrypted; certificate and key are made there.
Prints {"port": N} when it serves, on 127.0.0.1. Then each line {"at": seconds, "set": {"<point id>": value, ..}} sets
values (null for one that has failed) as of that moment of the machine's clock, and each line {"stop": true}, or the end
of the input, stops it. What clients write or set by a method is printed as {"written": "<point id>", "value": value}.
"""
import asyncio
import json
import logging
import sys
import threading
from datetime import datetime, timedelta, timezone
from pathlib import Path

try:
    from asyncua import Server, ua
    from asyncua.common.callback import CallbackType
    from asyncua.crypto.cert_gen import setup_self_signed_certificate
    from asyncua.crypto.permission_rules import User, UserRole
    from asyncua.server.user_managers import UserManager
    from cryptography.x509.oid import ExtendedKeyUsageOID
except ImportError as e:
    sys.exit(f"missing Python package asyncua ({e}): pip install -r tests/peers/requirements.txt")

logging.getLogger("asyncua").setLevel(logging.CRITICAL)
TYPES = {"f32": "Float", "u16": "UInt16", "i16": "Int16", "u32": "UInt32", "bool": "Boolean"}


def say(**what):
    print(json.dumps(what), flush=True)


class OneUser(UserManager):
    def __init__(self, name, password):
        self.name, self.password = name, password

    def get_user(self, iserver, username=None, password=None, certificate=None):
        return User(role=UserRole.User) if (username, password) == (self.name, self.password) else None


class Machine:
    def __init__(self, order):
        self.profile, self.name = order["profile"], order.get("name", "machine")
        self.points = {p["id"]: p for p in self.profile["point"] if p.get("opcua")}
        self.by_node = {p["opcua"]["node"]: p["id"] for p in self.points.values()}
        self.first, self.port = order.get("values", {}), order.get("port", 0)
        self.security, self.objects = order.get("security"), {}
        s = self.security
        self.server = Server(user_manager=OneUser(s["user"], s["password"])) if s else Server()
        self.began = self.now = datetime.now(timezone.utc)

    def variant(self, point, value):
        kind = point.get("type", "f32")
        value = bool(value) if kind == "bool" else float(value) if kind == "f32" else int(value)
        return ua.Variant(value, ua.VariantType[TYPES[kind]])

    async def begin(self):
        await self.server.init()
        self.server.set_endpoint(f"opc.tcp://127.0.0.1:{self.port}")
        if self.security:
            await self.secure()
        else:
            self.server.set_security_policy([ua.SecurityPolicyType.NoSecurity])
        self.ns = await self.server.register_namespace(self.profile["opcua"]["namespace"])
        self.objects[()] = await self.server.nodes.objects.add_object(ua.NodeId("Machine", self.ns), ua.QualifiedName(self.name, self.ns))
        for point in self.points.values():
            await self.add(point)
        stop, method = self.profile.get("stop"), self.profile["opcua"].get("stop_method")
        if stop and method:
            await self.add_method(method, self.points[stop["point"]], stop["value"])
        self.server.subscribe_server_callback(CallbackType.PostWrite, self.after_write)
        await self.server.start()
        say(port=self.server.bserver._server.sockets[0].getsockname()[1])

    async def secure(self):
        uri, certificate, key = "urn:peer:machine", Path(self.security["certificate"]), Path(self.security["key"])
        use, subject = [ExtendedKeyUsageOID.SERVER_AUTH], {"commonName": "peer"}
        await setup_self_signed_certificate(key, certificate, uri, "127.0.0.1", use, subject)
        await self.server.set_application_uri(uri)
        await self.server.load_certificate(str(certificate))
        await self.server.load_private_key(str(key))
        self.server.set_security_policy([ua.SecurityPolicyType.Basic256Sha256_SignAndEncrypt])
        self.server.set_identity_tokens([ua.UserNameIdentityToken])

    async def object(self, path):
        """The object of that path, made when missing."""
        if path not in self.objects:
            above = await self.object(path[:-1])
            node_id = ua.NodeId(".".join(path), self.ns)
            self.objects[path] = await above.add_object(node_id, ua.QualifiedName(path[-1], self.ns))
        return self.objects[path]

    async def add(self, point):
        *above, name = point["opcua"]["node"].split(".")
        parent, (low, high) = await self.object(tuple(above)), point["range"]
        value = self.first.get(point["id"], point.get("nominal", low + (high - low) / 4))
        variant = self.variant(point, value)
        node_id = ua.NodeId(point["opcua"]["node"], self.ns)
        node = await parent.add_variable(node_id, ua.QualifiedName(name, self.ns), variant)
        if point.get("access") == "write":
            await node.set_writable()
        if point["opcua"].get("method"):
            await self.add_method(point["opcua"]["method"], point)

    async def add_method(self, method, point, fixed=None):
        *above, name = method.split(".")
        low, high = point["range"]

        async def call(_parent, *arguments):
            if len(arguments) != (fixed is None):
                return ua.StatusCode(ua.StatusCodes.BadArgumentsMissing)
            value = fixed if fixed is not None else arguments[0].Value
            if not low <= value <= high:
                wrong = ua.CallMethodResult(StatusCode=ua.StatusCode(ua.StatusCodes.BadInvalidArgument))
                wrong.InputArgumentResults = [ua.StatusCode(ua.StatusCodes.BadOutOfRange)]
                return wrong
            await self.set(point["id"], value)
            say(written=point["id"], value=value)
            return []

        kind = ua.VariantType[TYPES[point.get("type", "f32")]]
        parent, node_id = await self.object(tuple(above)), ua.NodeId(method, self.ns)
        await parent.add_method(node_id, ua.QualifiedName(name, self.ns), call, [] if fixed is not None else [kind], [])

    async def after_write(self, event, _dispatcher):
        if not event.is_external:
            return
        for wanted, status in zip(event.request_params.NodesToWrite, event.response_params):
            point = self.by_node.get(wanted.NodeId.Identifier)
            if point and status.is_good():
                say(written=point, value=wanted.Value.Value.Value)

    async def set(self, point_id, value):
        point = self.points[point_id]
        node = self.server.get_node(ua.NodeId(point["opcua"]["node"], self.ns))
        stamps = {"SourceTimestamp": self.now, "ServerTimestamp": self.now}
        if value is None:
            failed = ua.StatusCode(ua.StatusCodes.BadSensorFailure)
            await node.write_value(ua.DataValue(StatusCode=failed, **stamps))
        else:
            await node.write_value(ua.DataValue(self.variant(point, value), **stamps))


def listen(loop, lines):
    """Hands the lines of standard input to the loop; its end as none."""
    for line in sys.stdin:
        loop.call_soon_threadsafe(lines.put_nowait, line)
    loop.call_soon_threadsafe(lines.put_nowait, None)


async def main():
    try:
        machine = Machine(json.loads(sys.stdin.readline()))
    except (ValueError, KeyError, TypeError) as e:
        print(f"the first line is no machine ({e!r}): give {{\"profile\": ..}}", file=sys.stderr)
        return 2
    await machine.begin()
    lines = asyncio.Queue()
    threading.Thread(target=listen, args=(asyncio.get_running_loop(), lines), daemon=True).start()
    while (line := await lines.get()) is not None:
        order = json.loads(line)
        if order.get("stop"):
            break
        machine.now = machine.began + timedelta(seconds=order.get("at", 0))
        for point, value in order.get("set", {}).items():
            await machine.set(point, value)
    await machine.server.stop()
    return 0


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))
