"""Lists in the DNS: a real rbldnsd, and a name server that does wrong.

rbldnsd's zones are files; a reload is a signal. The other one answers what a
test tells it to, name by name.
"""

import contextlib
import ipaddress
import pathlib
import shutil
import signal
import socket
import struct
import threading

from harness import net, wait
from harness.process import Program

PROGRAM = shutil.which("rbldnsd") or "/usr/sbin/rbldnsd"
A = 1
TEST_V4, CLEAN_V4 = "127.0.0.2", "127.0.0.1"


def name_of(address, zone):
    """RFC 5782, by another hand than the keeper's."""
    pointer = ipaddress.ip_address(address).reverse_pointer
    return f"{pointer.rsplit('.', 2)[0]}.{zone}"


class Rbldnsd(Program):
    """zones: {zone: {address or prefix: answer}}, with their test entries."""

    def __init__(self, folder, zones, name="rbldnsd", ttl_s=300, v6=(),
                 port=None):
        self.port = port or net.free_port()
        self.address = f"127.0.0.1:{self.port}"
        self.files = pathlib.Path(folder) / name
        self.files.mkdir()
        self.zones, self.v6 = zones, v6
        words = []
        for zone in zones:
            self.write(zone)
            words.append(f"{zone}:ip4set:{zone}.v4")
            if zone in v6:
                words.append(f"{zone}:ip6trie:{zone}.v6")
        self.files.chmod(0o755)
        super().__init__(name, [
            PROGRAM, "-n", "-u", "nobody", "-w", self.files, "-c", "3600",
            "-t", str(ttl_s), "-b", f"127.0.0.1/{self.port}", *words],
            folder)

    def write(self, zone):
        entries = {TEST_V4: TEST_V4, **self.zones[zone]}
        # An ip4set has IPv4 addresses in IPv6 as well.
        for kind, is_v6 in ("v4", False), ("v6", True):
            lines = [f"{at} :{answer}:" for at, answer in entries.items()
                     if answer and (":" in at) == is_v6]
            path = self.files / f"{zone}.{kind}"
            path.write_text("\n".join(lines) + "\n")
            path.chmod(0o644)

    def start(self):
        self.spawn()
        self.wait_log(r"started")
        return self

    def change(self, zone, entries):
        before = self.log().count("zones reloaded")
        self.zones[zone] = entries
        self.write(zone)
        self.kill_with(signal.SIGHUP)
        self.wait_log(r"zones reloaded", before + 1)


class Stub:
    """A name server of one list that does what `does` says.

    listed: {address: answer or answers}. `does` is asked with the name, and
    whether it is a test entry; what it returns is one of the words below.
    """

    def __init__(self, zone="bl.test", listed=(), ttl_s=300):
        self.zone, self.ttl_s = zone, ttl_s
        self.listed = {TEST_V4: TEST_V4, **dict(listed)}
        self.does = lambda name, test: "right"
        self.asked, self.held = [], []
        self.sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.sock.bind(("127.0.0.1", 0))
        self.port = self.sock.getsockname()[1]
        self.address = f"127.0.0.1:{self.port}"
        self.peers = []
        threading.Thread(target=self._serve, daemon=True).start()

    def is_test(self, name):
        return name in [name_of(a, self.zone) for a in (TEST_V4, CLEAN_V4)] \
            or ".f.7.f.f.f.f." in name

    def asked_about(self, address):
        return self.asked.count(name_of(address, self.zone))

    def _serve(self):
        with contextlib.suppress(OSError):
            while True:
                query, peer = self.sock.recvfrom(4096)
                if not query:
                    return
                name = self._name(query)
                self.peers.append(peer)
                self.asked.append(name)
                word = self.does(name, self.is_test(name))
                for octets in getattr(self, f"_{word}")(query, name):
                    self.sock.sendto(octets, peer)

    @staticmethod
    def _name(query):
        labels, at = [], 12
        while query[at]:
            labels.append(query[at + 1:at + 1 + query[at]].decode())
            at += 1 + query[at]
        return ".".join(labels)

    def _found(self, name):
        for address, answer in self.listed.items():
            if name_of(address, self.zone) == name:
                return [answer] if isinstance(answer, str) else answer
        return []

    def _answer(self, query, addresses, code=0, flags=0x84, id_=None):
        end = query.index(b"\0", 12) + 5
        rows = [b"\xc0\x0c" + struct.pack(">HHIH", A, 1, self.ttl_s, 4) +
                socket.inet_aton(address) for address in addresses]
        if not addresses and code == 0:
            code = 3
        return ((id_ or query[:2]) + bytes((flags, 0x80 | code)) +
                struct.pack(">HHHH", 1, len(rows), 0, 0) + query[12:end] +
                b"".join(rows))

    # What it can do

    def _right(self, query, name):
        return [self._answer(query, self._found(name))]

    def _silent(self, query, name):
        return []

    def _held(self, query, name):
        self.held.append((query, self.peers[-1], name))
        return []

    def release(self):
        """The right answers to all that was held."""
        held, self.held = self.held, []
        for query, peer, name in held:
            self.sock.sendto(self._right(query, name)[0], peer)

    def _failing(self, query, name):
        return [self._answer(query, [], code=2)]

    def _world(self, query, name):
        return [self._answer(query, [TEST_V4])]

    def _empty(self, query, name):
        return [self._answer(query, [])]

    def _refusing(self, query, name):
        return [self._answer(query, ["127.255.255.254"])]

    def _foreign(self, query, name):
        return [self._answer(query, ["192.0.2.80"])]

    def _truncated(self, query, name):
        return [self._answer(query, self._found(name) or [TEST_V4],
                             flags=0x86)]

    def _huge(self, query, name):
        return [self._answer(query, [TEST_V4] * 200)]

    def _garbage(self, query, name):
        return [query[:2] + b"\xff" * 60]

    def _question(self, query, name):
        """What was asked, once more."""
        return [query]

    def _lying(self, query, name):
        """Answers with every id but the right one's: as many as fit."""
        wrong = [bytes((query[0] ^ 1 + n, query[1])) for n in range(100)]
        return [self._answer(query, [TEST_V4], id_=id_) for id_ in wrong]

    def _other(self, query, name):
        """The right id, and an answer to another question."""
        other = query[:12] + b"\x05other" + query[12:]
        return [self._answer(other, [TEST_V4])]

    def _tiny(self, query, name):
        return [b"", b"x", query[:11], *self._right(query, name)]

    def close(self):
        with contextlib.suppress(OSError):
            self.sock.shutdown(socket.SHUT_RDWR)
        self.sock.close()


def state(front):
    return front.ctl("status", json_out=True)["dns_lists"]


def list_state(front, title):
    return next((one for one in state(front)["lists"]
                 if one["list"] == title), {"state": "not there"})


def until_on(front, *titles):
    wait.until(lambda: all(list_state(front, title)["state"] == "on"
                           for title in titles), f"{titles} on")
