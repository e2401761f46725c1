"""The utility's side of a fleet, each in a process of its own: the key server, or the billing end point.

    python -m tools.fleet.utility key|billing STATE PORT OUT

Prints its port, then a line of JSON a second: what it has done so far and the CPU time it took. "reload" on
stdin has it read its CAs and its certificate anew. The billing end point writes what it took to OUT at its
end.
"""

import contextlib
import json
import queue
import sys
import threading
import time
from pathlib import Path

from tools.billing import Billing
from tools.refserver import Server
from tools.refserver.engine import Engine

CONNECTIONS = 512  # at a time, of the key server


def _commands():
    lines = queue.SimpleQueue()

    def read():
        for line in sys.stdin:
            lines.put(line.strip())
        lines.put("end")

    threading.Thread(target=read, daemon=True).start()
    return lines


def _serve(reload, figures):
    commands = _commands()
    while True:
        with contextlib.suppress(queue.Empty):
            command = commands.get(timeout=1 - time.time() % 1)
            if command == "end":
                return
            reload()
        print(json.dumps({"time": time.time(), "cpu": time.process_time(), **figures()}), flush=True)


def key(state, port):
    with Server(state, port=port, max_connections=CONNECTIONS) as server:
        print(server.port, flush=True)
        _serve(server.reload, lambda: {
            name: getattr(server.counters, name)
            for name in ("connections", "handshakes", "refused", "requests", "bytes_in", "bytes_out")})


def billing(state, port, out):
    with contextlib.closing(Engine(state)) as engine:
        with Billing(engine, port=port) as end:
            print(end.port, flush=True)
            _serve(end.reload, lambda: {"reports": len(end.reports), "refused": len(end.refused)})
        Path(out).write_text(json.dumps({
            "refused": end.refused,
            "reports": [(report.device, report.certificate.serial_number, report.when,
                         report.certificate.not_valid_after_utc.timestamp(), report.wh is not None)
                        for report in end.reports]}))


if __name__ == "__main__":
    with contextlib.suppress(KeyboardInterrupt):
        if sys.argv[1] == "key":
            key(sys.argv[2], int(sys.argv[3]))
        else:
            billing(sys.argv[2], int(sys.argv[3]), sys.argv[4])
