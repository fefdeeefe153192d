"""postern itself: a configuration, the program, its log as events."""

import json
import os
import pathlib
import pwd
import re
import shutil
import signal
import subprocess

from . import net
from .process import Program
from .wait import DEADLINE_S

ROOT = pathlib.Path(__file__).resolve().parents[3]
USER = "postern"


def build_folder():
    return (ROOT / os.environ.get("POSTERN_BUILD", "build/asan")).resolve()


def binary(name="postern"):
    folder = {"postern": "src/supervisor", "posternctl": "src/tools"}[name]
    return build_folder() / folder / name


def make_user():
    """The system user of postern's processes; made where it is missing."""
    try:
        return pwd.getpwnam(USER)
    except KeyError:
        subprocess.run(["useradd", "--system", "--no-create-home", "--shell",
                        "/usr/sbin/nologin", USER], check=True)
        return pwd.getpwnam(USER)


def conf_value(value):
    if isinstance(value, bool):
        return '"true"' if value else '"false"'
    if isinstance(value, (list, tuple)):
        return "{" + ", ".join(conf_value(v) for v in value) + "}"
    text = str(value).replace("\\", "\\\\").replace('"', '\\"')
    return f'"{text}"'


def conf_block(head, options):
    lines = [f"    {key} = {conf_value(value)}"
             for key, value in options.items()]
    return "\n".join([head + " {", *lines, "}"])


# Whoever sets the ladder's numbers tests the ladder by itself: the rules beside
# it are off unless he names them.
BESIDE_THE_LADDER = ("source_days", "source_users", "prefix_limit",
                     "auth_refused", "relay_probes")


class Postern(Program):
    """Its folder, its configuration, its ports.

    listeners: {name: {option: value}}; `bind` and `backend` are filled in.
    backends: {name: {option: value}}, or a list of servers for one.
    certificates: {name: (chain, key)}. options: {section or option: ...}.
    """

    def __init__(self, folder, listeners, backends, certificates=None,
                 options=None, name="postern", bind_ip="127.0.0.1"):
        account = make_user()
        folder = pathlib.Path(folder) / name
        folder.mkdir()
        folder.chmod(0o1777)    # sanitizer reports of all its processes
        self.state = folder / "state"
        self.run = folder / "run"
        for path in (self.state, self.run):
            path.mkdir()
            shutil.chown(path, account.pw_uid, account.pw_gid)
        self.control = self.run / "control"
        self.conf_path = folder / "postern.conf"
        self.host = bind_ip
        self.ports = {}
        if not isinstance(backends, dict):
            backends = {"domino": {"servers": list(backends)}}
        self.listeners = {}
        for title, given in listeners.items():
            self.ports[title] = net.free_port(bind_ip)
            host = f"[{bind_ip}]" if ":" in bind_ip else bind_ip
            self.listeners[title] = {
                "bind": [f"{host}:{self.ports[title]}"],
                "backend": next(iter(backends)), **given}
        self.backends = backends
        self.certificates = certificates or {}
        self.options = options or {}
        self.write_conf()
        env = {"ASAN_OPTIONS": os.environ.get(
            "POSTERN_ASAN_OPTIONS", "detect_leaks=1:abort_on_error=0") +
            f":log_path={folder}/sanitizer",
            "UBSAN_OPTIONS": f"print_stacktrace=1:log_path={folder}/sanitizer"}
        super().__init__(name, [binary(), "run", "-c", self.conf_path],
                         folder, env)

    # Configuration

    def write_conf(self):
        top = {"state_dir": self.state, "control": self.control,
               "user": USER, "workers": 2, "shutdown_grace": "5s",
               "answer_within": "5m"}    # a test may stop a process
        sections = {"log": {"to": "stderr", "format": "json",
                            "level": "debug"}}
        if "source_limit" in self.options:
            sections.update({rule: {"mode": "off"}
                             for rule in BESIDE_THE_LADDER})
        for key, value in self.options.items():
            if isinstance(value, dict):
                sections.setdefault(key, {}).update(value)
            else:
                top[key] = value
        text = [f"{key} = {conf_value(value)}" for key, value in top.items()]
        text += [conf_block(f"listener {title}", options)
                 for title, options in self.listeners.items()]
        text += [conf_block(f"backend {title}", options)
                 # Tests count what comes to their servers.
                 for title, options in
                 ((title, {"health_interval": "0s", **options})
                  for title, options in self.backends.items())]
        text += [conf_block(f"certificate {title}",
                            {"chain": pair[0], "key": pair[1]})
                 for title, pair in self.certificates.items()]
        text += [conf_block(title, options)
                 for title, options in sections.items()]
        self.conf_path.write_text("\n".join(text) + "\n")

    # Life

    def start(self):
        self.spawn()
        self.wait_ready()
        return self

    def wait_ready(self, count=1):
        """Its `ready` line, and a port that answers."""
        self.wait_log(r'"event": ?"ready"|^\S+ info \S+ ready ', count)

    def reload(self):
        self.kill_with(signal.SIGHUP)

    def stop_clean(self):
        """SIGTERM; it must end with 0 and no sanitizer may have spoken."""
        code = self.stop(timeout_s=DEADLINE_S + 15)
        report = self.sanitizer_report()
        assert report is None, report
        assert code == 0, f"postern ended with {code}:\n{self.tail()}"

    # What it says

    def events(self, name=None, **fields):
        """Its log lines as dictionaries."""
        found = []
        for line in self.log().splitlines():
            if not line.startswith("{"):
                continue
            try:
                event = json.loads(line)
            except ValueError:
                continue    # the last line may be half written
            if name in (None, event.get("event")) and \
                    all(event.get(k) == v for k, v in fields.items()):
                found.append(event)
        return found

    def wait_event(self, name, count=1, timeout_s=DEADLINE_S, **fields):
        def look():
            found = self.events(name, **fields)
            return found[count - 1] if len(found) >= count else None
        return self.wait_until(look, f"postern's {name} {fields}", timeout_s)

    def ctl(self, *words, check=True, json_out=False):
        """Run posternctl; its standard output (parsed with json_out)."""
        argv = [str(binary("posternctl")), "--socket", str(self.control)]
        argv += ["--json"] if json_out else []
        done = subprocess.run(argv + [str(w) for w in words], text=True,
                              capture_output=True, timeout=DEADLINE_S)
        if check and done.returncode != 0:
            raise AssertionError(f"posternctl {words}: {done.returncode}\n"
                                 f"{done.stdout}{done.stderr}")
        return json.loads(done.stdout) if json_out else done.stdout

    def pids(self):
        """The processes below the supervisor, as {pid: command line}."""
        pids, todo = {}, [self.process.pid]
        while todo:
            pid = todo.pop()
            try:
                base = pathlib.Path(f"/proc/{pid}")
                pids[pid] = (base / "cmdline").read_text().replace("\0", " ")
                for task in (base / "task").iterdir():
                    todo += map(int, (task / "children").read_text().split())
            except (FileNotFoundError, ProcessLookupError):
                pids.pop(pid, None)
        pids.pop(self.process.pid, None)
        return pids

    def roles(self):
        """The pids of the supervisor's own children, which play the roles."""
        pid = self.process.pid
        with open(f"/proc/{pid}/task/{pid}/children",
                  encoding="ascii") as text:
            return {int(child) for child in text.read().split()}

    def secrets_in_log(self, *secrets):
        """Those of the secrets that stand in the log, in any encoding."""
        text = self.log()
        return [s for s in secrets if re.search(re.escape(s), text)]
