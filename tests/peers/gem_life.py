#!/usr/bin/env python3
"""Proves with secsgem's host what only shows over a GEM equipment's life: an operator at its panel, and a restart.

    python gem_life.py AEGIS

Starts `AEGIS serve --state DIR --operator` by itself. The operator takes a bonder off-line and on-line, turns the switch,
and sends a text; then events are spooled while no host is there, the program is killed, and started again: the spool is
still there, and comes when the host asks. Exits 0 when all holds, 1 when not.
"""
import json
import logging
import os
import subprocess
import sys
import tempfile
import time

from gem_peer import ESTABLISH_S, EVENT_S, Failed, Machine, check

NAME = "WB-01"
BONDS, ACTIVATED = 1001, 13
CONTROL, SPOOLED = 2, 11


class Life:
    """One run of the program."""

    def __init__(self, aegis, state):
        command = [aegis, "serve", "--json", "--port", "0", "--operator", "--state", state]
        self.twin = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        site = json.loads(self.twin.stdout.readline())
        entry = next(m for m in site["machine"] if m["name"] == NAME)
        fab = json.loads(subprocess.run([aegis, "fab", "--json"], capture_output=True, check=True).stdout)
        profile = next(m for m in fab if m["name"] == NAME)["profile"]
        self.entry = {"name": NAME, "profile": profile, "endpoints": entry["endpoints"]}

    def host(self):
        machine = Machine(self.entry)
        machine.host.register_stream_function(10, 1, machine._take)
        machine.host.enable()
        check(machine.host.waitfor_communicating(ESTABLISH_S), "communications are not established")
        return machine

    def operator(self, order):
        """What the panel says to an order."""
        self.twin.stdin.write(f"{order}\n")
        self.twin.stdin.flush()
        return self.twin.stderr.readline().strip()

    def kill(self):
        self.twin.kill()
        self.twin.wait()


def until(what, holds):
    end = time.monotonic() + EVENT_S
    while not holds():
        check(time.monotonic() < end, f"{what} does not come within {EVENT_S} s")
        time.sleep(0.05)


def state_of(m):
    return m.sf(1, 3, [CONTROL])[0]


def operates(life):
    m = life.host()
    try:
        check(m.sf(2, 37, {"CEED": True, "CEID": [1, 2, 3]}) == 0, "S2F37")
        for order, ceid in (("local", 2), ("remote", 3), ("offline", 1)):
            told = life.operator(f"{NAME} {order}")
            check(told.startswith(f"{NAME}: o"), f"{order}: {told}")
            m.wait(order, 6, 11, lambda s, ceid=ceid: s.CEID.get() == ceid)
        for wrong in ("offline", "launch", "terminal", "local now", "recognise"):
            told = life.operator(f"{NAME} {wrong}")
            check("not done" in told, f"{wrong}: {told}")
        told = life.operator("WB-99 online")
        check("no GEM equipment is named so" in told, told)
        life.operator(f"{NAME} online")
        m.wait("online", 6, 11, lambda s: s.CEID.get() == 3)
        check(state_of(m) == 5, "the equipment is not remote")
        life.operator(f"{NAME} terminal Wire is out")
        text = m.wait("a text", 10, 1)
        check(text.TEXT.get() == "Wire is out", f"S10F1 says {text}")
        check(m.sf(2, 37, {"CEED": False, "CEID": []}) == 0, "S2F37: all events off")
    finally:
        m.host.disable()


def spools(life, state):
    m = life.host()
    try:
        found = m.sf(2, 43, [{"STRID": 6, "FCNID": [11]}])
        check(found["RSPACK"] == 0, f"S2F43: {found}")
        check(m.sf(2, 37, {"CEED": True, "CEID": [BONDS]}) == 0, "S2F37")
    finally:
        m.host.disable()
    def on_disk():
        path = os.path.join(state, f"{NAME}.gem")
        return os.path.exists(path) and os.path.getsize(path) > size + 500
    path = os.path.join(state, f"{NAME}.gem")
    until("the state on the disk", lambda: os.path.exists(path))
    size = os.path.getsize(path)
    until("a spool on the disk", on_disk)


def finds_the_spool(life):
    m = life.host()
    try:
        count = m.sf(1, 3, [SPOOLED])[0]
        check(count > 2, f"{count} messages are spooled after the restart")
        check(BONDS in m.sf(1, 3, [5])[0], "the event is no longer enabled")
        m.silence()
        check(m.sf(6, 23, 0) == 0, "S6F23")
        for _ in range(3):
            m.wait("a spooled event", 6, 11, lambda s: s.CEID.get() == BONDS)
        until("the end of the spool", lambda: m.sf(1, 3, [SPOOLED])[0] == 0)
    finally:
        m.host.disable()


def main():
    logging.disable(logging.CRITICAL)
    life = None
    with tempfile.TemporaryDirectory() as state:
        try:
            life = Life(sys.argv[1], state)
            operates(life)
            spools(life, state)
            life.kill()
            life = Life(sys.argv[1], state)
            finds_the_spool(life)
            life.kill()
            # A damaged file is told, set aside, and no reason not to start.
            with open(os.path.join(state, f"{NAME}.gem"), "r+b") as file:
                file.truncate(40)
            life = Life(sys.argv[1], state)
            told = life.twin.stderr.readline()
            check("damaged" in told and "begins anew" in told, f"of a damaged file: {told}")
            check(os.path.exists(os.path.join(state, f"{NAME}.gem.damaged")), "the damaged file is gone")
            life.host().host.disable()
        except (Failed, OSError, KeyError, ValueError, TypeError, AttributeError) as e:
            print(f"FAIL {NAME}: {e if isinstance(e, Failed) else repr(e)}", flush=True)
            return 1
        finally:
            if life:
                life.kill()
    print(f"ok   {NAME}: the operator, a restart, a damaged state")
    return 0


if __name__ == "__main__":
    code = main()
    sys.stdout.flush()
    # The package's threads may wait for a machine that is gone.
    os._exit(code)
