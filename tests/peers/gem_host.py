#!/usr/bin/env python3
"""Proves the GEM equipment with a host that nobody here wrote: secsgem's GemHostHandler.

    aegis fab --json | python gem_host.py [NAME ...]      (or: gem_host.py --fab fab.json [NAME ...])

Of every served machine that speaks HSMS, or of those named: establishes communications, reads all variables, names and
constants, writes a constant and reads it back, defines a report and gets an event with it, enables and lists alarms, gives
remote commands that are accepted, refused and unknown, moves recipes, sets the clock, shows a text, and provokes errors of
stream 9. Prints a line a machine; exits 0 when all hold, 1 when one differs, 2 when it cannot begin.
"""
import argparse
import concurrent.futures
import importlib.metadata
import json
import logging
import math
import re
import struct
import sys
import time

try:
    import secsgem.secs
except ImportError as e:
    sys.exit(f"missing Python package secsgem ({e}): pip install -r tests/peers/requirements.txt")

from gem_messages import S1F3, S1F99, S2F21, S2F31, S2F39, S2F49, S5F3, S10F3, S10F5, S64F1
from gem_peer import ESTABLISH_S, EVENT_S, Failed, Machine, check, over_hsms

VARIABLES = secsgem.secs.variables
VERSION = importlib.metadata.version("secsgem")
# The slowest record: a wafer is cut in a minute, a strip comes out of the oven in two.
RECORD_S = 240
REPORT, TRACE_PERIOD, SET_TO = 7001, "00000020", "2031010203040506"


def number(value):
    """A number, or None for an item without a value."""
    return None if value in ([], (), "", None) else float(value)


def in_range(point, value):
    value = number(value)
    low, high = point["range"]
    slack = 1e-6 * max(abs(low), abs(high))
    return value is None or math.isnan(value) or low - slack <= value <= high + slack


def held(value):
    """A number as four bytes hold it."""
    return struct.unpack("f", struct.pack("f", value))[0]


def floating(points):
    return [p for p in points if p.get("type", "f32") == "f32"]


def name_of(point):
    return point["gem"].get("name", point["id"])


def identifies(m):
    check(m.host.waitfor_communicating(ESTABLISH_S), f"communications are not established within {ESTABLISH_S} s")
    onlack = m.sf(1, 17)
    check(onlack in (0, 2), f"S1F17: ONLACK {onlack}")
    found = list(m.sf(1, 1))
    check(found == [m.gem["model"], m.gem["software"]], f"S1F2 says {found}")


def goes_off_line(m):
    check(m.sf(1, 15) == 0, "S1F15")
    reply = m.host.send_and_waitfor_response(m.host.stream_function(1, 3)([]))
    check((reply.header.stream, reply.header.function) == (1, 0), "off-line S1F3 is not aborted")
    check(m.sf(1, 17) == 0, "S1F17")
    check(m.sf(1, 17) == 2, "S1F17 on-line is not ONLACK 2")


def loops_back(m):
    for size in (1, 300, 70000):
        data = bytes(n % 251 for n in range(size))
        found = m.sf(2, 25, data)
        check((bytes([found]) if isinstance(found, int) else bytes(found)) == data, f"S2F26 of {size} bytes differs")


def reads_status(m):
    names = {row["SVID"]: row for row in m.sf(1, 11, [])}
    for p in m.variables("sv"):
        row = names.get(p["gem"]["vid"])
        check(row, f"S1F12 has no SVID {p['gem']['vid']}")
        found = (row["SVNAME"], row["UNITS"])
        check(found == (name_of(p), p.get("unit", "")), f"SVID {row['SVID']} is called {found}")
    values = m.sf(1, 3, [p["gem"]["vid"] for p in m.variables("sv")])
    check(len(values) == len(m.variables("sv")), f"S1F4 has {len(values)} values")
    for p, value in zip(m.variables("sv"), values):
        check(number(value) is not None and in_range(p, value), f"{p['id']} is {value}, outside {p['range']}")
    every = m.sf(1, 3, [])
    check(len(every) == len(names), f"S1F4 has {len(every)} values and S1F12 {len(names)} names")


def constant(m, p):
    return number(m.sf(2, 13, [p["gem"]["vid"]])[0])


def sets_constant(m, p, value):
    code = m.sf(2, 15, [{"ECID": p["gem"]["vid"], "ECV": VARIABLES.F4(value)}])
    check(code == 0, f"S2F15 {p['id']} = {value}: EAC {code}")
    until = time.monotonic() + EVENT_S
    while (found := constant(m, p)) != value:
        check(time.monotonic() < until, f"{p['id']}: wrote {value}, {EVENT_S} s later it reads {found}")
        time.sleep(0.02)


def writes_constants(m):
    rows = {row["ECID"]: row for row in m.sf(2, 29, [])}
    for p in m.variables("ec"):
        row = rows.get(p["gem"]["vid"])
        check(row, f"S2F30 has no ECID {p['gem']['vid']}")
        found = [held(float(row["ECMIN"])), held(float(row["ECMAX"]))]
        check(found == list(map(held, p["range"])) and row["ECNAME"] == name_of(p), f"ECID {row['ECID']} is {row}")
    for p in floating(m.variables("ec")):
        before, (low, high) = constant(m, p), p["range"]
        step = (high - low) / 100
        other = held(before + step if before + step <= high else before - step)
        try:
            sets_constant(m, p, other)
        finally:
            sets_constant(m, p, before)
        code = m.sf(2, 15, [{"ECID": p["gem"]["vid"], "ECV": VARIABLES.F4(high + 1.0)}])
        check(code == 3, f"S2F15 {p['id']} = {high + 1.0}: EAC {code}")
    code = m.sf(2, 15, [{"ECID": 99999, "ECV": VARIABLES.F4(1.0)}])
    check(code == 1, f"S2F15 of no constant: EAC {code}")


def gets_events(m):
    events = {row["CEID"]: row for row in m.sf(1, 23, [])}
    for event in m.gem["event"]:
        check(event["ceid"] in events, f"S1F24 has no CEID {event['ceid']}")
    for event in m.gem["event"]:
        kind = event["on"].get("record") if isinstance(event["on"], dict) else None
        fields = [p for p in m.variables("dv") if p.get("record") == kind]
        if not kind or not fields:
            continue
        vids = [p["gem"]["vid"] for p in fields]
        m.silence()
        check(m.sf(2, 37, {"CEED": False, "CEID": []}) == 0, "S2F37: all events off")
        check(m.sf(2, 33, {"DATAID": 0, "DATA": [{"RPTID": REPORT, "VID": []}]}) == 0, "S2F33: not that report")
        check(m.sf(2, 33, {"DATAID": 1, "DATA": [{"RPTID": REPORT, "VID": vids}]}) == 0, "S2F33: a report")
        link = {"DATAID": 2, "DATA": [{"CEID": event["ceid"], "RPTID": [REPORT]}]}
        check(m.sf(2, 35, link) == 0, "S2F35")
        check(m.sf(2, 35, link) == 3, "S2F35 of a link that is there is not LRACK 3")
        check(m.sf(2, 37, {"CEED": True, "CEID": [event["ceid"]]}) == 0, "S2F37")
        for _ in range(2):
            got = m.wait(event["name"], 6, 11, lambda s: s.CEID.get() == event["ceid"], RECORD_S)
            report = got.RPT[0]
            values = report.V.get()
            check(report.RPTID.get() == REPORT and len(values) == len(vids), f"{event['name']} carries {got}")
            for p, value in zip(fields, values):
                check(in_range(p, value), f"{p['id']} is {value}, outside {p['range']}")
        check(len(m.sf(6, 19, REPORT)) == len(vids), "S6F20 has other values than the report")
        now = m.sf(6, 15, event["ceid"])
        check(now["RPT"][0]["RPTID"] == REPORT and len(now["RPT"][0]["V"]) == len(vids), f"S6F16 gives {now}")
        announced(m, vids)
    check(m.sf(2, 37, {"CEED": False, "CEID": []}) == 0, "S2F37: all events off")


def announced(m, vids):
    """A definition that is announced: granted, and then taken; one that is too long is not granted."""
    for length, granted in ((2000, b"\0"), (100_000_000, b"\2")):
        reply = m.host.send_and_waitfor_response(S2F39(length))
        check(reply is not None and reply.data == b"\x21\x01" + granted, f"S2F39 of {length}: {reply.data.hex(' ')}")
    long = {"DATAID": 7, "DATA": [{"RPTID": REPORT + 1, "VID": vids * 20}]}
    check(m.sf(2, 33, long) == 0, "S2F33 that was announced")
    check(m.sf(2, 33, {"DATAID": 7, "DATA": [{"RPTID": REPORT + 1, "VID": []}]}) == 0, "S2F33: not that report")


def watches_limits(m):
    p = floating(m.variables("sv"))[0]
    vid, (low, high) = p["gem"]["vid"], p["range"]
    before = {row["VID"] for row in m.sf(2, 47, [])}
    check(vid in before, f"S2F48 has no VID {vid}")
    near = (high - low) / 10
    band = [1, [VARIABLES.F4(high - near), VARIABLES.F4(low + near)]]
    for variable, code in ((vid, 0), (99999, 1)):
        found = m.sf(2, 45, [1, [[variable, [band]]]])
        check(found["VLAACK"] == code, f"S2F46 of {variable}: {found}")
    check(m.sf(2, 45, [1, []])["VLAACK"] == 0, "S2F45: no limits")


def traces(m):
    svids = [p["gem"]["vid"] for p in m.variables("sv")][:3]
    request = {"TRID": 5, "DSPER": TRACE_PERIOD, "TOTSMP": 6, "REPGSZ": 2, "SVID": svids}
    code = m.sf(2, 23, request)
    check(code == 0, f"S2F23: TIAACK {code}")
    for sample in (2, 4, 6):
        got = m.wait("trace", 6, 1)
        check(got.SMPLN.get() == sample, f"S6F1 has sample {got.SMPLN.get()}, not {sample}")
        check(len(got.SV.get()) == 2 * len(svids), f"S6F1 has {len(got.SV.get())} values")


def lists_alarms(m):
    listed = {row["ALID"]: row["ALTX"] for row in m.sf(5, 5, [])}
    expected = {a["alid"]: a["text"] for a in m.gem["alarm"]}
    check(listed == expected, f"S5F6 lists {listed}")
    for alid in expected:
        check(m.ask(S5F3({"ALED": 128, "ALID": alid})) == 0, f"S5F3 of {alid}")
    enabled = [row["ALID"] for row in m.sf(5, 7)]
    check(enabled == sorted(expected), f"S5F8 lists {enabled}")
    for alid in expected:
        check(m.ask(S5F3({"ALED": 0, "ALID": alid})) == 0, f"S5F3 of {alid}")
    check(m.ask(S5F3({"ALED": 128, "ALID": 99999})) == 1, "S5F3 of no alarm is not ACKC5 1")


def command(m, name, *parameters):
    pairs = [{"CPNAME": n, "CPVAL": v} for n, v in parameters]
    return m.sf(2, 41, {"RCMD": name, "PARAMS": pairs})


def works(m):
    """Waits until the machine works: between two strips it may stand for want of one."""
    process_state, executing = 3, 4
    until = time.monotonic() + RECORD_S
    while (found := m.sf(1, 3, [process_state])) != [executing]:
        check(time.monotonic() < until, f"ProcessState is {found} and has not been {executing} for {RECORD_S} s")
        time.sleep(0.05)


def commands(m):
    found = command(m, "LAUNCH")
    check(found["HCACK"] == 1, f"an unknown command: {found}")
    # START of a machine that runs: what is to be brought about is there.
    works(m)
    for name, code in (("LAUNCH", b"\x01"), ("START", b"\x05")):
        reply = m.host.send_and_waitfor_response(S2F21(name))
        check(reply is not None and reply.data == b"\x21\x01" + code, f"S2F21 {name}: {reply and reply.data.hex(' ')}")
        reply = m.host.send_and_waitfor_response(S2F49(name))
        check(reply is not None and reply.data[:5] == b"\x01\x02\x21\x01" + code, f"S2F49 {name}: {reply and reply.data.hex(' ')}")
    for spec in m.gem["command"]:
        numbers = [p for p in spec.get("parameters", []) if p.get("range")]
        finished = [e["ceid"] for e in m.gem["event"] if e["on"] == {"finished": spec["name"]}]
        if len(numbers) != 1 or not finished:
            continue
        parameter, (low, high) = numbers[0]["name"], numbers[0]["range"]
        m.silence()
        check(m.sf(2, 37, {"CEED": True, "CEID": finished}) == 0, "S2F37")
        # secsgem takes no floating-point CPVAL.
        for value in (int(low / 4), 0):
            found = command(m, spec["name"], (parameter, VARIABLES.I2(value)))
            check(found["HCACK"] == 4, f"{spec['name']} {value}: {found}")
            m.wait(f"{spec['name']} finished", 6, 11, lambda s: s.CEID.get() == finished[0])
        found = command(m, spec["name"], (parameter, VARIABLES.I2(int(high) + 1)))
        check(found["HCACK"] == 3, f"{spec['name']} {int(high) + 1}: {found}")
        check([(p["CPNAME"], p["CPACK"]) for p in found["PARAMS"]] == [(parameter, 2)], f"{found}")
    check(m.sf(2, 37, {"CEED": False, "CEID": []}) == 0, "S2F37: all events off")


def parameter(m, body):
    """A number of a recipe that may be one less: its word, the point that it sets, and the number."""
    for p in m.gem["recipes"]["parameter"]:
        found = re.search(rf"\b{p['name']} ([0-9.]+)", body)
        point = m.points[p["point"]]
        if found and point["range"][0] <= float(found[1]) - 1:
            return p["name"], point, float(found[1])
    raise Failed(f"no number of {body} may be one less")


def moves_recipes(m):
    """Recipes up and down, and the one that was sent down is selected and runs."""
    held = list(m.sf(7, 19))
    recipes = (m.gem.get("recipes") or {}).get("recipe", [])
    for recipe in recipes:
        check(recipe["ppid"] in held, f"S7F20 has no {recipe['ppid']}")
        found = m.sf(7, 5, recipe["ppid"])
        check(found["PPBODY"] == recipe["body"], f"S7F6 gives {found}")
    word, point, number_of = parameter(m, recipes[0]["body"])
    asks = number_of - 1
    body = re.sub(rf"\b{word} [0-9.]+", f"{word} {asks:g}", recipes[0]["body"])
    check(m.sf(7, 1, {"PPID": "PEER", "LENGTH": len(body)}) == 0, "S7F1 is not granted")
    check(m.sf(7, 3, {"PPID": "PEER", "PPBODY": VARIABLES.String(body)}) == 0, "S7F3")
    check(m.sf(7, 5, "PEER")["PPBODY"] == body, "S7F6 gives another body than was sent")
    code = m.sf(7, 3, {"PPID": "NONE", "PPBODY": VARIABLES.Binary(b"\0\1\2\3")})
    check(code == 5, f"S7F3 of a body that cannot run: ACKC7 {code}")
    selects(m, "PEER", [r["ppid"] for r in recipes], point, asks)
    check(m.sf(7, 17, ["PEER"]) == 0, "S7F17")
    check(m.sf(7, 17, ["PEER"]) == 4, "S7F17 of no recipe is not ACKC7 4")
    check(list(m.sf(7, 19)) == held, "S7F20 lists others than before")


def finished(m, name):
    return next(e["ceid"] for e in m.gem["event"] if e["on"] == {"finished": name})


def does(m, name, *parameters, also=()):
    """A command that is accepted for later, the events that come of it, and the one that tells its end."""
    wanted = {finished(m, name), *also}
    m.silence()
    check(m.sf(2, 37, {"CEED": True, "CEID": sorted(wanted)}) == 0, "S2F37")
    found = command(m, name, *parameters)
    check(found["HCACK"] == 4, f"{name} {parameters}: {found}")
    while wanted:
        got = m.wait(f"{name}: CEID {sorted(wanted)}", 6, 11, lambda s: s.CEID.get() in wanted)
        wanted.discard(got.CEID.get())


def selects(m, sent, built_in, point, asks):
    """PP-SELECT of each recipe, with RecipeChanged; then the machine works by what the body that was sent asks."""
    changed = next(e["ceid"] for e in m.gem["event"] if e["on"] == {"changed": m.gem["recipes"]["point"]})
    name_of_recipe = 8
    works(m)
    does(m, "STOP")
    try:
        for ppid in (built_in[1], sent):
            does(m, "PP-SELECT", ("PPID", ppid), also=[changed])
            check(m.sf(1, 3, [name_of_recipe]) == [ppid], f"PPExecName is not {ppid}")
        found = constant(m, point)
        check(found == held(asks), f"the machine has {point['id']} at {found}; it was sent {asks}")
        does(m, "PP-SELECT", ("PPID", built_in[0]), also=[changed])
    finally:
        does(m, "START")
    check(m.sf(2, 37, {"CEED": False, "CEID": []}) == 0, "S2F37: all events off")


def sets_clock(m):
    before = m.sf(2, 17)
    check(len(before) == 16 and before.isdigit(), f"S2F18 says {before!r}")
    for text, code in ((SET_TO, b"\0"), ("noon", b"\1"), (before, b"\0")):
        reply = m.host.send_and_waitfor_response(S2F31(text))
        check(reply is not None and (reply.header.stream, reply.header.function) == (2, 32), "S2F31 is not answered")
        check(reply.data == b"\x21\x01" + code, f"S2F31 {text}: {reply.data.hex(' ')}")
        if text == SET_TO:
            check(m.sf(2, 17).startswith("203101020304"), "the clock is not what it was set to")


def shows_text(m):
    check(m.ask(S10F3({"TID": 0, "TEXT": "A text for the operator"})) == 0, "S10F3")
    reply = m.host.send_and_waitfor_response(S10F5())
    check(reply is not None and reply.data == b"\x21\x01\0", "S10F5 of two lines")
    check(m.ask(S10F3({"TID": 9, "TEXT": "nobody"})) == 2, "S10F3 to no terminal is not ACKC10 2")


def provokes_errors(m):
    for message, function in ((S64F1, 3), (S1F99, 5), (S1F3, 7)):
        m.silence()
        m.host.send_stream_function(message())
        got = m.wait("an error", 9, function)
        header = bytes(got.get())
        found = (header[2] & 0x7F, header[3])
        wanted = (message._stream, message._function)
        check(found == wanted, f"S9F{function} names S{found[0]}F{found[1]}, not S{wanted[0]}F{wanted[1]}")
    identifies(m)


CHECKS = [
    identifies,
    goes_off_line,
    loops_back,
    reads_status,
    writes_constants,
    gets_events,
    watches_limits,
    traces,
    lists_alarms,
    commands,
    moves_recipes,
    sets_clock,
    shows_text,
    provokes_errors,
]


def proves(entry):
    """What holds of a machine, or why not."""
    m = Machine(entry)
    check(m.gem, "its profile has no gem section")
    m.host.enable()
    try:
        for test in CHECKS:
            try:
                test(m)
            except Failed as e:
                raise Failed(f"{test.__name__}: {e}") from None
    finally:
        m.host.disable()
    return ", ".join(t.__name__ for t in CHECKS)


def examined(entry):
    """1 for a machine that differs."""
    try:
        print(f"ok   {entry['name']}: {proves(entry)}", flush=True)
        return 0
    except (Failed, OSError, KeyError, ValueError, TypeError, AttributeError) as e:
        print(f"FAIL {entry['name']}: {e if isinstance(e, Failed) else repr(e)}", flush=True)
        return 1


def main():
    args = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    args.add_argument("--fab", help="file with the output of `aegis fab --json`; standard input when absent")
    args.add_argument("names", nargs="*", metavar="NAME", help="machines to check; all that speak HSMS when absent")
    args = args.parse_args()
    logging.disable(logging.CRITICAL)
    try:
        fab = json.load(open(args.fab) if args.fab else sys.stdin)
        served = [m for m in fab if over_hsms(m)]
        chosen = [m for m in served if not args.names or m["name"] in args.names]
    except (OSError, ValueError, KeyError, TypeError) as e:
        print(f"the list of machines cannot be read ({e!r}): give the output of `aegis fab --json`", file=sys.stderr)
        return 2
    missing = set(args.names) - {m["name"] for m in chosen}
    if missing or not chosen:
        print(f"no machine is served over HSMS by the name of {', '.join(sorted(missing)) or 'any'}", file=sys.stderr)
        return 2
    with concurrent.futures.ThreadPoolExecutor(len(chosen)) as pool:
        failures = sum(pool.map(examined, chosen))
    verdict = f"{failures} machines differ" if failures else "all checks hold"
    print(f"secsgem {VERSION} against {len(chosen)} machines: {verdict}")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
