"""Servers, one postern before them, and lanes: each runs scripts one by one.

A variant is a server with a listener of postern's in front. Scripts of a
variant never overlap, so a shim knows whose octets it sees; variants run side
by side in threads, which mostly wait.
"""

import collections
import re
import threading
import time

import servers
from harness.double import Double
from harness.postern import Postern
from servers import LOGIN

from . import compare, direct, generate, proxied
from .shim import Shim

DELIVERED_WITHIN_S = 60
MESSAGE_KEYS = ("via", "helo", "user", "sender", "recipients", "octets",
                "sha256")


class Postfix(servers.Postfix):
    """Logins in clear; no naps for those who make mistakes."""

    mechanisms = "plain login cram-md5"

    def main_cf(self):
        return super().main_cf() + """smtpd_sasl_auth_enable = yes
smtpd_tls_auth_only = no
smtpd_error_sleep_time = 0
smtpd_client_connection_count_limit = 0
smtpd_sasl_security_options = noanonymous
default_process_limit = 30
"""


class Exim(servers.Exim):
    """Logins in clear; as patient as Postfix."""

    def conf(self):
        user, secret = LOGIN
        text = re.sub(r"auth_advertise_hosts = .*\n.*\n",
                      "auth_advertise_hosts = *\n", super().conf())
        return text.replace("begin acl\n", """smtp_enforce_sync = false
smtp_accept_max_nonmail = 1000
smtp_max_synprot_errors = 20
smtp_max_unknown_commands = 20
smtp_accept_queue_per_connection = 0
begin acl
""", 1) + f"""cram:
  driver = cram_md5
  public_name = CRAM-MD5
  server_secret = ${{if eq{{$auth1}}{{{user}}}{{{secret}}}fail}}
  server_set_id = $auth1
"""


DOUBLES = {
    "double-a": dict(f_chunking=True, f_8bit=True, f_dsn=True, f_vrfy=True,
                     starttls="enabled", t_535="535 Authentication failed",
                     extra_keywords=["ENHANCEDSTATUSCODES", "XFORWARD NAME",
                                     "BINARYMIME", "X-UNHEARD-OF 1"]),
    "double-b": dict(f_pipelining=False, chunks="crlf", starttls="enabled",
                     size_limit=20000, f_etrn=True, f_xclient=True, seed=7),
}


class Variant:
    """A server's port, a shim, the two ways in, and what was found."""

    def __init__(self, name, server, port, starttls):
        self.name = name
        self.kind = name.partition("-")[0]
        self.server = server
        self.port = port
        self.starttls = starttls
        self.shim = Shim(port)
        self.front = None       # postern's port
        self.counts = collections.Counter()
        self.scripts = 0
        self.changed = 0        # scripts with a listed change
        self.accepted = []      # marks of accepted messages
        self.told = {}          # by the double: client's port -> messages
        self.conns = {}

    def run(self, script, context, front=None, patience_s=15):
        """The differences; none is as it should be."""
        try:
            one = direct.Direct(self.port, self.starttls,
                                time.sleep).run(script)
        except direct.Stuck as stuck:
            return [f"direct: {stuck}"]
        except direct.Desync:
            self.scripts += 1
            self.counts["server-desync"] += 1
            return []
        two = proxied.Proxied(front or self.front, context, time.sleep,
                              patience_s).run(one.trace)
        try:
            connections = self.shim.take()
        except TimeoutError as late:
            return [str(late)]
        found = compare.differences(self.kind, one, two, connections)
        if isinstance(self.server, Double) and not found:
            found = self.same_messages(one.local_ports, connections)
        self.scripts += 1
        self.counts.update(one.counts)
        self.changed += any(one.counts.values())
        self.accepted += one.accepted
        return found

    def same_messages(self, own_ports, connections):
        """The double's own word on what it has got."""
        their_ports = [c.local_port for c in connections]
        self.server.wait_until(
            lambda: self.all_over(own_ports + their_ports), "the end")
        mine, theirs = [sum((self.told.pop(port)["messages"]
                             for port in ports), [])
                        for ports in (own_ports, their_ports)]
        return [] if mine == theirs else [
            f"messages: {theirs}; direct {mine}"]

    def all_over(self, ports):
        for event in self.server.new_events():
            if event["event"] == "connect":
                self.conns[event["conn"]] = event["port"]
                self.told[event["port"]] = {"messages": [], "over": False}
            elif event["event"] == "message":
                self.told[event["port"]]["messages"].append(
                    [event[key] for key in MESSAGE_KEYS])
            elif event["event"] == "disconnect":
                self.told[self.conns.pop(event["conn"])]["over"] = True
        return all(self.told.get(one, {}).get("over") for one in ports)


class World:
    """Everything started; stop() ends it."""

    def __init__(self, folder, certs, kinds=("double", "postfix", "exim")):
        self.certs = certs
        self.context = certs.client_context(verify=False)
        self.programs = []
        self.variants = []
        self.lock = threading.Lock()
        self.delivered_count = 0
        self.start_servers(folder, kinds)
        self.start_postern(folder)

    def start_servers(self, folder, kinds):
        if "double" in kinds:
            for name, params in DOUBLES.items():
                double = Double(folder, name, users=dict([LOGIN]),
                                cert=self.certs.rsa,
                                auth_clear="LOGIN PLAIN CRAM-MD5",
                                auth_tls="LOGIN PLAIN CRAM-MD5", **params)
                self.add(double, name, double.port)
        for kind, make in (("postfix", Postfix), ("exim", Exim)):
            if kind in kinds:
                server = make(folder, self.certs).start()
                for which in "ab":
                    self.add(server, f"{kind}-{which}", server.ports["plain"])

    def add(self, server, name, port):
        if server not in self.programs:
            self.programs.append(server)
        self.variants.append(Variant(name, server, port,
                                     name.endswith("-a")))

    def start_postern(self, folder):
        listeners, backends = {}, {}
        for variant in self.variants:
            backends[variant.name] = {
                "servers": [f"127.0.0.1:{variant.shim.port}"]}
            listeners[variant.name] = {
                "backend": variant.name, "auth": "offer",
                "starttls": "optional" if variant.starttls else "off"}
        self.postern = Postern(folder, listeners, backends,
                               certificates={"mail": self.certs.rsa},
                               options={"log": {"level": "info"}}).start()
        for variant in self.variants:
            variant.front = self.postern.ports[variant.name]

    def stop(self):
        try:
            self.postern.stop_clean()
        finally:
            for program in reversed(self.programs):
                program.stop()
            for variant in self.variants:
                variant.shim.stop()

    def variant(self, name):
        return next(v for v in self.variants if v.name == name)

    def variant_of(self, seed):
        return self.variants[seed % len(self.variants)]

    def run_seeds(self, seeds, progress=None):
        """{seed: differences} of random scripts, all variants at once."""
        lanes = {v.name: [] for v in self.variants}
        for seed in seeds:
            lanes[self.variant_of(seed).name].append(seed)
        return self.run_lanes([
            (variant, [(seed, generate.script(seed)) for seed in
                       lanes[variant.name]]) for variant in self.variants],
            progress)

    def run_lanes(self, lanes, progress=None):
        """lanes: [(variant, [(key, script)])]; {(variant, key): diffs}."""
        found, broken = {}, []

        def work(variant, todo):
            try:
                for key, script in todo:
                    diffs = variant.run(script, self.context)
                    if diffs:
                        found[variant.name, key] = diffs
                    if progress:
                        with self.lock:
                            progress(found)
            except Exception as error:      # a lane must not die in silence
                broken.append(f"{variant.name}: {error!r}")
                raise
        threads = [threading.Thread(target=work, args=lane)
                   for lane in lanes]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert not broken, broken
        return found

    # Delivered messages

    def delivered(self):
        """The differences of what lies in the mailboxes of real servers."""
        found = []
        for server in self.programs:
            if not isinstance(server, Double):
                marks = [mark for v in self.variants if v.server is server
                         for mark in v.accepted]
                found += mailbox(server, marks)
                self.delivered_count += len(marks)
        return found

    def empty_mailboxes(self):
        for variant in self.variants:
            variant.accepted.clear()
            if not isinstance(variant.server, Double):
                for path in variant.server.mail.glob("**/new/*"):
                    path.unlink()


HEADERS = re.compile(
    rb"^(?:Received|Message-I[Dd]|Date|Delivery-date):[^\n]*\n"
    rb"(?:[ \t][^\n]*\n)*", re.M)
MARK = re.compile(rb"^X-Oracle-Mark: (\S+)", re.M)


def stored_by_mark(server):
    stored = collections.defaultdict(list)
    for path in server.mail.glob("**/new/*"):
        octets = path.read_bytes()
        head, gap, body = octets.partition(b"\n\n")
        match = MARK.search(octets)
        if match:
            stored[match[1].decode()].append(
                HEADERS.sub(b"", head + b"\n") + gap[1:] + body)
    return stored


def mailbox(server, marks):
    """Each accepted message is there twice (directly and by postern), for
    each of its recipients."""
    stored = {}
    wanted = collections.Counter(marks)

    def all_there():
        stored.clear()
        stored.update(stored_by_mark(server))
        return all(stored.get(m) and not any(
            n % 2 for n in collections.Counter(stored[m]).values())
            for m in wanted)
    deadline = time.monotonic() + DELIVERED_WITHIN_S
    while not all_there() and time.monotonic() < deadline:
        time.sleep(0.2)
    found = []
    for mark in wanted:
        copies = stored.get(mark, [])
        if not copies:
            found.append(f"{server.name}: nothing of {mark}")
        elif any(n % 2 for n in collections.Counter(copies).values()):
            found.append(f"{server.name}: {mark} differs: {copies}")
    return found
