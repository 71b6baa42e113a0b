"""A process for the supervisor to look after: answers /readyz, and misbehaves as told.

``fake_child.py PORT [stubborn] [deaf] [crash] [parent] [loud]``
"""

import http.server
import signal
import subprocess
import sys
import time
from pathlib import Path

port, behaviour = int(sys.argv[1]), sys.argv[2:]
if "crash" in behaviour:
    print("no such thing", file=sys.stderr)
    sys.exit(3)
if "stubborn" in behaviour:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
else:
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
reloads = 0


def count(*_: object) -> None:
    global reloads
    reloads += 1
    print(f"reload {reloads}", flush=True)


signal.signal(signal.SIGHUP, count)
if "parent" in behaviour:
    grandchild = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
    Path(f"{port}.grandchild").write_text(str(grandchild.pid))
if "loud" in behaviour:
    print("x" * 200_000, flush=True)
    print("after the long line", flush=True)
if "deaf" in behaviour:
    time.sleep(600)


class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        ready = not Path(f"{port}.unready").exists()
        body = b'{"process": "x", "conditions": {"work": {"ok": %s, "detail": "d"}}}' % (b"true" if ready else b"false")
        self.send_response(200 if ready else 503)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


class Server(http.server.ThreadingHTTPServer):
    allow_reuse_address = True
    daemon_threads = True


Server(("127.0.0.1", port), Handler).serve_forever()
