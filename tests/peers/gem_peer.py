"""A foreign GEM host at one served machine: secsgem's GemHostHandler, what it asks, and what it hears."""
import queue
import sys
import time

try:
    import secsgem.common
    import secsgem.gem
    import secsgem.hsms
except ImportError as e:
    sys.exit(f"missing Python package secsgem ({e}): pip install -r tests/peers/requirements.txt")

from gem_messages import S2F22, S2F32, S2F40, S2F50, S10F6

ESTABLISH_S = 15
EVENT_S = 30


class Failed(Exception):
    """A check does not hold."""


def check(holds, message):
    if not holds:
        raise Failed(message)


def over_hsms(entry):
    """The machine's endpoint of that protocol."""
    return next((e for e in entry["endpoints"] if e["protocol"] == "hsms"), None)


class Machine:
    """One served machine and the host that is connected to it."""

    def __init__(self, entry):
        self.name, self.profile = entry["name"], entry["profile"]
        self.gem = self.profile.get("gem") or {}
        self.points = {p["id"]: p for p in self.profile["point"]}
        endpoint = over_hsms(entry)
        host, port = endpoint["address"].rsplit(":", 1)
        settings = secsgem.hsms.HsmsSettings(
            address=host,
            port=int(port),
            session_id=endpoint.get("unit", 1),
            connect_mode=secsgem.hsms.HsmsConnectMode.ACTIVE,
            device_type=secsgem.common.DeviceType.HOST,
            establish_communication_timeout=2,
            t3=10,
        )
        for answer in (S2F22, S2F32, S2F40, S2F50, S10F6):
            settings.streams_functions.update(answer)
        self.host = secsgem.gem.GemHostHandler(settings)
        self.heard = queue.Queue()
        for stream, function in [(6, 11), (6, 1), (5, 1), (9, 3), (9, 5), (9, 7)]:
            self.host.register_stream_function(stream, function, self._take)

    def _take(self, _handler, message):
        header = message.header
        self.heard.put((header.stream, header.function, self.host.settings.streams_functions.decode(message)))
        if header.stream == 9:
            return None
        return self.host.stream_function(header.stream, header.function + 1)(0)

    def variables(self, kind):
        """The points that are variables of a class: `sv`, `dv` or `ec`."""
        def of(p):
            if p.get("record"):
                return "dv"
            return "ec" if p.get("role") == "setpoint" and p.get("access") == "write" else "sv"
        return [p for p in self.points.values() if p.get("gem") and of(p) == kind]

    def ask(self, function):
        """The reply to a message, taken apart."""
        what = f"S{function.stream}F{function.function}"
        reply = self.host.send_and_waitfor_response(function)
        check(reply is not None, f"{what}: no reply")
        found = (reply.header.stream, reply.header.function)
        check(found == (function.stream, function.function + 1), f"{what}: answered with S{found[0]}F{found[1]}")
        decoded = self.host.settings.streams_functions.decode(reply)
        return decoded.get() if decoded is not None else reply.data

    def sf(self, stream, function, *value):
        return self.ask(self.host.stream_function(stream, function)(*value))

    def wait(self, what, stream, function, wanted=lambda m: True, within=EVENT_S):
        """The next message of that kind that is wanted; others are let go."""
        until = time.monotonic() + within
        while True:
            try:
                s, f, message = self.heard.get(timeout=max(0.0, until - time.monotonic()))
            except queue.Empty:
                raise Failed(f"{what}: S{stream}F{function} did not come within {within} s") from None
            if (s, f) == (stream, function) and wanted(message):
                return message

    def silence(self):
        while not self.heard.empty():
            self.heard.get()
