"""The double of Domino as a process, and its events."""

import json
import pathlib
import socket
import sys
import threading

from . import net
from .process import Program
from .wait import DEADLINE_S

SCRIPT = pathlib.Path(__file__).resolve().parents[2] / "double" / "domino.py"


def option_text(value):
    if isinstance(value, bool):
        return "on" if value else "off"
    if isinstance(value, (list, tuple)):
        return ",".join(value)
    return str(value)


class Double(Program):
    """Started at once; every parameter of the double is a keyword.

    faults: a list of --fault texts; users: {name: password}; tls_port: also
    listen with TLS from the first octet; cert: (chain, key).
    """

    def __init__(self, folder, name="double", faults=(), users=None,
                 seed=1, host_ip="127.0.0.1", port=None, tls_port=False,
                 cert=None, **params):
        folder = pathlib.Path(folder) / name
        folder.mkdir()
        self.host = host_ip
        self.events_path = folder / "events.jsonl"
        self.control_path = folder / "control"
        self.maildir = folder / "mail"
        self._events = []
        self._offset = 0
        self._lock = threading.Lock()
        argv = [sys.executable, SCRIPT, "--seed", seed,
                "--listen", f"{host_ip}:{port or net.free_port(host_ip)}",
                "--events", self.events_path, "--maildir", self.maildir,
                "--control", self.control_path]
        if tls_port:
            argv += ["--listen-tls", f"{host_ip}:{net.free_port(host_ip)}"]
        if cert:
            argv += ["--tls-cert", cert[0], "--tls-key", cert[1]]
        for user, password in (users or {}).items():
            argv += ["--user", f"{user}:{password}"]
        for fault in faults:
            argv += ["--fault", fault]
        for key, value in params.items():
            argv += [f"--{key.replace('_', '-')}={option_text(value)}"]
        super().__init__(name, argv, folder)
        self.spawn()
        self.wait_for("listening", count=2 if tls_port else 1)
        ports = [e["port"] for e in self.of("listening")]
        self.port, self.tls_port = ports[0], ports[-1]

    @property
    def address(self):
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{host}:{self.port}"

    # Events

    def events(self):
        """All events until now; any thread may ask."""
        with self._lock:
            return list(self._read_events())

    def _read_events(self):
        try:
            with open(self.events_path, "rb") as file:
                file.seek(self._offset)
                data = file.read()
        except FileNotFoundError:
            return self._events
        whole = data[:data.rfind(b"\n") + 1]
        self._offset += len(whole)
        self._events += [json.loads(line) for line in whole.splitlines()]
        return self._events

    def new_events(self):
        """Those since the last call, which are then forgotten: for runs
        that are too long to keep them all."""
        new, self._events = self.events(), []
        return new

    def of(self, name, **fields):
        """The events of that name whose fields have these values."""
        return [e for e in self.events() if e["event"] == name
                and all(e.get(k) == v for k, v in fields.items())]

    def wait_for(self, wanted, count=1, timeout_s=DEADLINE_S, **fields):
        """The count-th event: wanted is a name or a predicate."""
        def look():
            if callable(wanted):
                found = [e for e in self.events() if wanted(e)]
            else:
                found = self.of(wanted, **fields)
            return found[count - 1] if len(found) >= count else None
        return self.wait_until(look, f"event {wanted} {fields} ({count})",
                               timeout_s)

    def commands(self):
        """Every command line that came, over all connections."""
        return [e["line"] for e in self.of("command")]

    def messages(self):
        return self.of("message")

    def octets(self, message):
        """The stored octets of an event `message`."""
        return pathlib.Path(message["file"]).read_bytes()

    # Control

    def order(self, line):
        with socket.socket(socket.AF_UNIX) as sock:
            sock.settimeout(DEADLINE_S)
            sock.connect(str(self.control_path))
            sock.sendall(line.encode() + b"\n")
            answer = sock.makefile().readline().strip()
        assert answer == "ok", f"double: {line}: {answer}"

    def fault(self, text):
        self.order("fault " + text)

    def clear_faults(self):
        self.order("clear")

    def set(self, name, value):
        self.order(f"set {name} {option_text(value)}")

    def listen(self, on):
        self.order("listen on" if on else "listen off")

    def tail(self, lines=60):
        events = [json.dumps(e) for e in self.events()[-lines:]]
        return super().tail(lines) + "\n" + "\n".join(events)

    def stop(self, *args, **kwargs):
        code = super().stop(*args, **kwargs)
        assert "Traceback" not in self.log(), self.tail()
        return code
