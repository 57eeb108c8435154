#!/usr/bin/env python3
"""Proves MTConnect agents with a validator that nobody here wrote: lxml, against the published schemas.

    aegis fab --json | python mtconnect_documents.py [NAME ...]

AEGIS_MTCONNECT_XSD names a folder with the schemas of version 2.4 (MTConnectDevices_2.4_1.0.xsd and so on); without it
documents are only checked for what they say.

Of every machine behind an agent, or of those named: probe, current, sample, assets and errors are fetched and validated; every data item of the profile is
there, with its type, its units and a value; sequence numbers and headers agree; a stream is read for a few parts. Prints
a line a machine; exits 0 when all hold, 1 with the first difference, 2 when it cannot begin.
"""
import json
import math
import os
import pathlib
import re
import sys
import time
import urllib.error
import urllib.parse
import urllib.request

try:
    from lxml import etree
except ImportError as e:
    sys.exit(f"missing Python package lxml ({e}): pip install -r tests/peers/requirements.txt")

TIMEOUT_S = 5
STREAM_S = 20
SETTLE_S = 20
STREAM_PARTS = 3
PART_BYTES = 4 << 20
VERSION = "2.4"
NAMESPACE = re.compile(r"\{urn:mtconnect\.org:MTConnect(\w+):([\d.]+)\}")
ERRORS = [
    ("/Nobody/probe", "NO_DEVICE"),
    ("/nothing", "NO_DEVICE"),
    ("/probe/more", "INVALID_URI"),
    ("/sample?from=999999999999", "OUT_OF_RANGE"),
    ("/sample?count=0", "OUT_OF_RANGE"),
    ("/sample?count=some", "INVALID_REQUEST"),
    ("/current?at=0", "OUT_OF_RANGE"),
    ("/current?at=1&interval=100", "INVALID_REQUEST"),
    ("/current?path=" + urllib.parse.quote("//Axes["), "INVALID_PATH"),
    ("/current?path=" + urllib.parse.quote("//Nothing"), "INVALID_PATH"),
    ("/asset/none", "ASSET_NOT_FOUND"),
]


class Failed(Exception):
    """A check does not hold."""


def check(holds, message):
    if not holds:
        raise Failed(message)


def local(element):
    return etree.QName(element).localname


def pascal(kind):
    return "".join(word.capitalize() for word in kind.split("_"))


class Schemas:
    """The published schemas, each read when first needed."""

    def __init__(self, folder):
        self.folder, self.read = folder and pathlib.Path(folder), {}
        self.validated = 0

    def validate(self, what, root):
        match = NAMESPACE.match(root.tag)
        check(match, f"{what}: the root {root.tag} is in no namespace of MTConnect")
        kind, version = match.groups()
        check(version == VERSION, f"{what}: the document is of version {version}")
        check(local(root) == f"MTConnect{kind}", f"{what}: the root {local(root)} is in the namespace of {kind}")
        if self.folder is None:
            return
        if kind not in self.read:
            path = self.folder / f"MTConnect{kind}_{VERSION}_1.0.xsd"
            check(path.is_file(), f"{path} is missing: AEGIS_MTCONNECT_XSD names the folder of the published schemas")
            self.read[kind] = etree.XMLSchema(etree.parse(str(path)))
        schema = self.read[kind]
        check(schema.validate(root), f"{what}: not valid: {schema.error_log.last_error}")
        self.validated += 1


class Agent:
    def __init__(self, entry, schemas):
        address = next(e["address"] for e in entry["endpoints"] if e["protocol"] == "mtconnect")
        self.name, self.base, self.schemas, profile = entry["name"], f"http://{address}", schemas, entry["profile"]
        self.points = [p for p in profile["point"] if p.get("mtconnect")]
        self.layout = profile.get("mtconnect") or {}
        check(self.points, "no point of the profile is a data item")

    def get(self, target, method="GET"):
        """The status and the document that a request is answered with."""
        request = urllib.request.Request(self.base + target, method=method)
        try:
            with urllib.request.urlopen(request, timeout=TIMEOUT_S) as reply:
                status, kind, body = reply.status, reply.headers.get_content_type(), reply.read()
        except urllib.error.HTTPError as e:
            status, kind, body = e.code, e.headers.get_content_type(), e.read()
        check(kind in ("application/xml", "text/xml"), f"{target}: the reply is {kind}")
        root = etree.fromstring(body)
        self.schemas.validate(target, root)
        return status, root

    def fetch(self, target, kind):
        status, root = self.get(target)
        check(status == 200, f"{target}: status {status}: {etree.tostring(root, encoding='unicode')[:300]}")
        check(local(root) == f"MTConnect{kind}", f"{target}: the reply is {local(root)}")
        return root


def header(root):
    return root.find("{*}Header").attrib


def probe(a):
    """The data items of the device by identifier, each with its path from the device down."""
    root = a.fetch(f"/{a.name}/probe", "Devices")
    devices = root.findall("{*}Devices/{*}Device")
    check([d.get("name") for d in devices] == [a.name], f"the devices are {[d.get('name') for d in devices]}")
    items = {}
    for item in devices[0].iter("{*}DataItem"):
        path = []
        for up in item.iterancestors():
            if local(up) == "Device":
                break
            if local(up) not in ("DataItems", "Components"):
                path.insert(0, local(up) + (f"[{up.get('name')}]" if up.get("name") else ""))
        items[item.get("id")] = ("/".join(path), item)
    kinds = {item.get("type") for _, item in items.values()}
    check("AVAILABILITY" in kinds, "the device does not tell its availability")
    return items


def find(items, point, category):
    row = point["mtconnect"]
    wanted = (row["component"], category, row["type"], row.get("sub_type"), row.get("statistic"))
    found = [
        i for i, (path, e) in items.items()
        if (path, e.get("category"), e.get("type"), e.get("subType"), e.get("statistic")) == wanted
    ]
    check(len(found) == 1, f"{point['id']}: {len(found)} data items are {wanted}")
    return found[0]


def tells_every_point(a, items, current):
    values = {}
    for e in current.iter():
        if isinstance(e.tag, str) and e.get("dataItemId"):
            check(e.get("dataItemId") in items, f"{e.get('dataItemId')} was never described")
            values.setdefault(e.get("dataItemId"), []).append(e)
    for point in a.points:
        row, what = point["mtconnect"], point["id"]
        category = row.get("category", "sample").upper()
        item = find(items, point, category)
        check(items[item][1].get("units") == row.get("units"), f"{what}: units {items[item][1].get('units')}")
        check(len(values.get(item, [])) == 1, f"{what}: {len(values.get(item, []))} values in /current")
        value = values[item][0]
        check(local(value) == pascal(row["type"]), f"{what}: its element is {local(value)}")
        check(value.get("subType") == row.get("sub_type"), f"{what}: its subType is {value.get('subType')}")
        text = value.text or ""
        check(text != "UNAVAILABLE", f"{what} is unavailable")
        if row.get("words"):
            check(text in row["words"].values(), f"{what} is {text!r}, which is none of its words")
        else:
            check(math.isfinite(float(text)), f"{what} is {text!r}")
    for condition in a.layout.get("conditions", []):
        point = next(p for p in a.points if p["id"] == condition["point"])
        item = find(items, point, "CONDITION")
        states = values.get(item, [])
        check(len(states) >= 1, f"{item} has no state in /current")
        for e in states:
            check(local(e) in ("Normal", "Warning", "Fault"), f"{item} is {local(e)}")
            check(e.get("type") == point["mtconnect"]["type"], f"{item} is of type {e.get('type')}")
            if local(e) != "Normal":
                check(e.get("nativeCode") == condition["native_code"], f"{item}: its code is {e.get('nativeCode')}")


def observations(root):
    found = [e for e in root.iter() if isinstance(e.tag, str) and e.get("sequence")]
    return sorted(found, key=lambda e: int(e.get("sequence")))


def settles(a):
    """An agent that has just begun has not much to tell."""
    until = time.monotonic() + SETTLE_S
    while int((h := header(a.fetch("/current", "Streams")))["lastSequence"]) - int(h["firstSequence"]) < 80:
        check(time.monotonic() < until, f"only {h['lastSequence']} observations in {SETTLE_S} s")
        time.sleep(0.1)


def numbers_agree(a):
    settles(a)
    root = a.fetch("/sample?count=50", "Streams")
    h, seen = header(root), [int(e.get("sequence")) for e in observations(root)]
    first, last, following = (int(h[k]) for k in ("firstSequence", "lastSequence", "nextSequence"))
    check(first <= last and last - first < int(h["bufferSize"]), f"the buffer holds {first} to {last}")
    check(seen == list(range(seen[0], seen[0] + 50)), f"50 observations are {seen}")
    check(following == seen[-1] + 1, f"after {seen[-1]} comes {following}")
    root = a.fetch(f"/sample?from={following}&count=10", "Streams")
    more = [int(e.get("sequence")) for e in observations(root)]
    check(more == list(range(following, following + 10)), f"10 observations from {following} are {more}")
    root = a.fetch("/sample?count=-10", "Streams")
    newest = [int(e.get("sequence")) for e in observations(root)]
    check(len(newest) == 10 and newest[-1] == int(header(root)["lastSequence"]), f"the last 10 are {newest}")
    at = more[0]
    root = a.fetch(f"/current?at={at}", "Streams")
    check(max(int(e.get("sequence")) for e in observations(root)) <= at, f"the state at {at} holds what came later")
    path = urllib.parse.quote('//DataItem[@category="SAMPLE"]')
    root = a.fetch(f"/current?path={path}", "Streams")
    check({local(e.getparent()) for e in observations(root)} == {"Samples"}, "path lets other than samples through")


def tells_assets(a):
    root = a.fetch("/assets", "Assets")
    assets = list(root.find("{*}Assets"))
    check(int(header(root)["assetCount"]) == len(assets), "assetCount is not the number of assets")
    if not a.layout.get("tool"):
        return 0
    check([local(e) for e in assets] == ["CuttingTool"], f"the assets are {[local(e) for e in assets]}")
    own = assets[0].get("assetId")
    root = a.fetch(f"/asset/{urllib.parse.quote(own, safe='')}", "Assets")
    check([e.get("assetId") for e in root.find("{*}Assets")] == [own], f"asset {own} is another")
    a.fetch("/assets?removed=true&type=CuttingTool&count=100", "Assets")
    return len(assets)


def refuses(a):
    for target, code in ERRORS:
        status, root = a.get(target)
        found = [e.get("errorCode") for e in root.iter("{*}Error")]
        check(found == [code] and status >= 400, f"{target}: expected {code}, got {found} with status {status}")
    status, root = a.get("/probe", "DELETE")
    found = [e.get("errorCode") for e in root.iter("{*}Error")]
    check(found == ["UNSUPPORTED"] and status == 405, f"DELETE: expected UNSUPPORTED, got {found} with status {status}")


def part(reply):
    """The next document of a stream."""
    line = b""
    while not line.startswith(b"--"):
        line = reply.readline(1024)
        check(line, "the stream ended")
        check(line.startswith(b"--") or not line.strip(), f"a part begins with {line!r}")
    length = None
    while line := reply.readline(1024).strip():
        name, _, value = line.partition(b":")
        if name.lower() == b"content-length":
            length = int(value)
    check(length is not None and length <= PART_BYTES, f"a part of {length} bytes")
    return etree.fromstring(reply.read(length))


def streams(a):
    start = header(a.fetch("/current", "Streams"))["nextSequence"]
    target = f"/sample?from={start}&count=100&interval=200&heartbeat=1000"
    following, until, documents, seen = int(start), time.monotonic() + STREAM_S, 0, 0
    with urllib.request.urlopen(a.base + target, timeout=TIMEOUT_S) as reply:
        kind = reply.headers.get_content_type()
        check(kind == "multipart/x-mixed-replace", f"the stream is {kind}")
        # A few parts, and something in them.
        while documents < STREAM_PARTS or not seen:
            check(time.monotonic() < until, f"{documents} parts with {seen} observations in {STREAM_S} s")
            root = part(reply)
            a.schemas.validate(target, root)
            for e in observations(root):
                check(int(e.get("sequence")) == following, f"after {following - 1} the stream has {e.get('sequence')}")
                following += 1
                seen += 1
            check(int(header(root)["nextSequence"]) == following, f"the stream goes on at {header(root)['nextSequence']}")
            documents += 1
    return documents, seen


def prove(a):
    items = probe(a)
    tells_every_point(a, items, a.fetch("/current", "Streams"))
    numbers_agree(a)
    assets = tells_assets(a)
    refuses(a)
    parts, seen = streams(a)
    valid = f"{a.schemas.validated} documents valid" if a.schemas.folder else "no schema given"
    a.schemas.validated = 0
    return (f"{len(a.points)} points of {len(items)} data items told, {assets} assets, {len(ERRORS) + 1} errors as named, "
            f"{parts} parts with {seen} observations streamed; {valid}")


def main():
    try:
        machines = [m for m in json.load(sys.stdin) if any(e["protocol"] == "mtconnect" for e in m["endpoints"])]
        machines = [m for m in machines if len(sys.argv) == 1 or m["name"] in sys.argv[1:]]
        schemas = Schemas(os.environ.get("AEGIS_MTCONNECT_XSD") or None)
        check(machines, "no machine is behind an agent")
    except (ValueError, KeyError, TypeError, Failed) as e:
        print(f"standard input is no description of machines: {e!r}", file=sys.stderr)
        return 2
    for entry in machines:
        try:
            print(f"ok {entry['name']}: {prove(Agent(entry, schemas))}", flush=True)
        except (Failed, OSError, etree.Error, ValueError, KeyError) as e:
            print(f"FAILED {entry.get('name')}: {e or repr(e)}")
            return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
