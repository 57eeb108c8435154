#!/usr/bin/env python3
"""A serial line made of pseudo-terminals: prints {"ends": ["/dev/pts/M", "/dev/pts/N"]}, and lasts until its input ends."""
import json
import os
import pty
import sys
import threading
import tty


def serial_line():
    """Two pseudo-terminals joined at their back ends: the paths of the two ends of a line. They know no parity."""
    ends = []
    for _ in range(2):
        back, front = pty.openpty()
        tty.setraw(front)
        ends.append((back, front))

    def carry(source, sink):
        while data := os.read(source, 256):
            os.write(sink, data)

    (a, _), (b, _) = ends
    for pair in ((a, b), (b, a)):
        threading.Thread(target=carry, args=pair, daemon=True).start()
    return [os.ttyname(front) for _, front in ends]


if __name__ == "__main__":
    print(json.dumps({"ends": serial_line()}), flush=True)
    sys.stdin.read()
