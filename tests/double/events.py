"""What the double tells: Domino's console lines, and events for tests.

The console is for eyes and for log filters and looks as Domino's does. The
events are one JSON object a line, flushed at once, so that a test may wait
for one. They hold secrets on purpose: a test must see that what the client
sent is what came here. Octets are given as latin-1 text.
"""

import json
import sys
import time

STAMPS = {
    "none": "", "dash": "%m-%d-%Y %H:%M:%S   ", "slash": "%m/%d/%Y %H:%M:%S   ",
    "dot": "%d.%m.%Y %H:%M:%S   ", "iso": "%Y-%m-%d %H:%M:%S   ",
    "ampm": "%m/%d/%Y %I:%M:%S %p   ",
}


class Events:
    """The JSON-lines log; without a path it keeps silent."""

    def __init__(self, path=None):
        self.file = open(path, "a", encoding="ascii") if path else None
        self.began = time.monotonic()

    def put(self, event, **fields):
        if not self.file:
            return
        for key, value in fields.items():
            if isinstance(value, (bytes, bytearray)):
                fields[key] = value.decode("latin-1")
        record = {"event": event,
                  "ms": round((time.monotonic() - self.began) * 1000, 1)}
        record.update(fields)
        self.file.write(json.dumps(record) + "\n")
        self.file.flush()


class Console:
    """Domino's own lines on standard output."""

    def __init__(self, params, quiet=False):
        self.params = params
        self.quiet = quiet

    def put(self, text):
        if self.quiet:
            return
        prefix = "[000738:000012-00007F1164B21700] " \
            if self.params.log_thread else ""
        prefix += time.strftime(STAMPS[self.params.log_stamp])
        clean = "".join(c if c.isprintable() else "?" for c in text)
        try:
            print(prefix + clean, file=sys.stdout, flush=True)
        except OSError:
            # Whoever read the console has left; the server goes on.
            self.quiet = True

    def server(self, text):
        self.put("SMTP Server: " + text)

    def auth_failed(self, user, ip):
        form = self.params.log_failure
        host = f"[{ip}]" if self.params.log_bracket else ip
        if form != "new":
            self.server(f"Authentication failed for user {user} ; "
                        f"connecting host {host}")
        if form != "old":
            self.put(f"smtp: {user} [{ip}] authentication failure using "
                     "internet password")

    def auth_done(self, user, ip):
        self.server(f"Authentication succeeded for user {user}; "
                    f"connecting host {ip}")

    def denied(self, ip):
        self.server(f"Connection from [{ip}] rejected for policy reasons. "
                    "IP address of connecting host not found in reverse DNS "
                    "lookup.")
