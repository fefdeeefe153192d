"""The firewall helper alone: two namespaces, records, the kernel's answer.

A server and a client namespace are joined by a veth pair; the helper runs in
the server's. Sockets are made inside a namespace and used from the test.
"""

import contextlib
import ctypes
import ipaddress
import json
import os
import pathlib
import socket
import struct
import subprocess

from .process import Program
from .wait import DEADLINE_S

TOP = pathlib.Path(__file__).resolve().parents[3]
BUILD = pathlib.Path(os.environ.get("POSTERN_BUILD", TOP / "build/asan"))
DRIVER = BUILD / "tests/fw_driver"

CLONE_NEWNET = 0x40000000
NAME = "postern-test-"
PORTS = (25, 587)
OTHER_PORT = 26

# src/fw/record.h
MAGIC = 0x50464631
ADD, DELETE, SYNC_BEGIN, SYNC_END, FLUSH, PING = range(1, 7)
OK, REFUSED, FAILED, LATER = range(4)
RECORD = struct.Struct("=IBBHII16s")
ANSWER = struct.Struct("=IBBHIII16sB3x")
A_DATAGRAM = 1024


def sixteen(prefix):
    """The octets and the bits of a prefix, IPv4 mapped."""
    net = ipaddress.ip_network(prefix)
    octets, bits = net.network_address.packed, net.prefixlen
    if net.version == 4:
        octets, bits = bytes(10) + b"\xff\xff" + octets, bits + 96
    return octets, bits


def record(word, prefix=None, ttl=0, token=0):
    octets, bits = sixteen(prefix) if prefix else (bytes(16), 0)
    return RECORD.pack(MAGIC, word, bits, 0, ttl, token, octets)


class Answer:
    def __init__(self, octets):
        (self.magic, self.word, self.status, _, self.token, self.count,
         self.drift, self.octets, self.bits) = ANSWER.unpack(octets)

    def __repr__(self):
        return f"Answer({vars(self)})"


class Network:
    """Two namespaces: 203.0.113.1 and .5-.7, a /24 and two /64 besides."""

    SERVER_V4 = ("203.0.113.1/24", "198.51.100.1/24")
    CLIENT_V4 = ("203.0.113.5/24", "203.0.113.6/24", "203.0.113.7/24",
                 "198.51.100.7/24", "198.51.100.8/24")
    SERVER_V6 = ("2001:db8:5:1::1/64", "2001:db8:5:2::1/64")
    CLIENT_V6 = ("2001:db8:5:1::7/64", "2001:db8:5:2::7/64")

    def __init__(self, tag):
        self.server = f"{NAME}{tag}-s"
        self.client = f"{NAME}{tag}-c"
        self.listeners = []

    def build(self):
        for name in (self.server, self.client):
            self.ip("netns", "add", name)
            self.ip("-n", name, "link", "set", "lo", "up")
        self.ip("link", "add", "veth0", "netns", self.server, "type", "veth",
                "peer", "name", "veth0", "netns", self.client)
        self.address(self.server, self.SERVER_V4, self.SERVER_V6)
        self.address(self.client, self.CLIENT_V4, self.CLIENT_V6)
        with self.inside(self.server):
            for port in (*PORTS, OTHER_PORT):
                self.listeners.append(socket.create_server(
                    ("::", port), family=socket.AF_INET6,
                    dualstack_ipv6=True, backlog=64))

    @staticmethod
    def ip(*words):
        subprocess.run(["ip", *words], check=True, capture_output=True)

    def address(self, name, v4, v6):
        self.ip("-n", name, "link", "set", "veth0", "up")
        for one in v4:
            self.ip("-n", name, "addr", "add", one, "dev", "veth0")
        for one in v6:
            self.ip("-n", name, "addr", "add", one, "dev", "veth0", "nodad")

    def remove(self):
        for listener in self.listeners:
            listener.close()
        for name in (self.server, self.client):
            subprocess.run(["ip", "netns", "del", name], check=False,
                           capture_output=True)

    @contextlib.contextmanager
    def inside(self, name):
        libc = ctypes.CDLL(None, use_errno=True)
        before = os.open("/proc/self/ns/net", os.O_RDONLY)
        there = os.open(f"/run/netns/{name}", os.O_RDONLY)
        try:
            if libc.setns(there, CLONE_NEWNET) != 0:
                raise OSError(ctypes.get_errno(), "setns")
            yield
        finally:
            libc.setns(before, CLONE_NEWNET)
            os.close(before)
            os.close(there)

    def connects(self, source, port=25, timeout_s=DEADLINE_S):
        """Does a TCP connection from there come about?"""
        v6 = ":" in source
        server = f"{source.rpartition('::')[0]}::1" if v6 \
            else f"{source.rpartition('.')[0]}.1"
        with self.inside(self.client):
            sock = socket.socket(socket.AF_INET6 if v6 else socket.AF_INET)
        with sock:
            sock.settimeout(timeout_s)
            sock.bind((source, 0))
            try:
                sock.connect((server, port))
            except TimeoutError:
                return False
            return True

    def echoes(self, source):
        """Is an ICMPv6 echo request from there answered?"""
        with self.inside(self.client):
            sock = socket.socket(socket.AF_INET6, socket.SOCK_RAW,
                                 socket.IPPROTO_ICMPV6)
        with sock:
            sock.settimeout(DEADLINE_S)
            sock.bind((source, 0))
            sock.sendto(struct.pack("!BBHHH", 128, 0, 0, 1, 1),
                        (f"{source.rpartition('::')[0]}::1", 0))
            try:
                while sock.recv(1500)[0] != 129:    # echo reply
                    pass
            except TimeoutError:
                return False
            return True

    def nft(self, *words, check=True):
        return subprocess.run(
            ["ip", "netns", "exec", self.server, "nft", *words], check=check,
            capture_output=True, text=True).stdout

    def dropped(self, name, table="postern"):
        """Packets that the rule of this set has dropped."""
        said = json.loads(self.nft("-j", "list", "counters", "table", "inet",
                                   table))
        return sum(item["counter"]["packets"] for item in said["nftables"]
                   if item.get("counter", {}).get("name") == name)

    def elements(self, name, table="postern"):
        """{address: seconds to go, or None} of a set; {} without it."""
        text = self.nft("-j", "list", "set", "inet", table, name, check=False)
        found = {}
        for item in json.loads(text or '{"nftables":[]}')["nftables"]:
            for one in item.get("set", {}).get("elem", []):
                if isinstance(one, dict):
                    found[one["elem"]["val"]] = one["elem"].get("expires")
                else:
                    found[one] = None
        return found


class Helper(Program):
    """The helper, spoken to as the keeper does."""

    def __init__(self, network, folder, backend="nft", uid=65534, ports=PORTS,
                 name="helper", before=(), **options):
        self.end, theirs = socket.socketpair(socket.AF_UNIX,
                                             socket.SOCK_SEQPACKET)
        self.end.settimeout(DEADLINE_S)
        self.token = 0
        self.theirs = theirs
        argv = ["ip", "netns", "exec", network.server, *before, DRIVER,
                "--fd", theirs.fileno(), "--backend", backend]
        if uid is not None:
            argv += ["--uid", uid]
        for port in ports:
            argv += ["--port", port]
        for key, value in options.items():
            for one in value if isinstance(value, tuple) else (value,):
                argv += [f"--{key}", one]
        # A process that cannot be traced cannot be searched for leaks.
        super().__init__(name, argv, folder, env={
            "ASAN_OPTIONS": f"detect_leaks={int(uid is None)}"})

    def spawn(self):
        with open(self.log_path, "ab") as log:
            self.process = subprocess.Popen(
                self.argv, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                env=self.env, pass_fds=[self.theirs.fileno()])
        self.theirs.close()
        return self

    def say(self, *records):
        for at in range(0, len(records), A_DATAGRAM):
            self.end.send(b"".join(records[at:at + A_DATAGRAM]))

    def hear(self):
        octets = self.end.recv(65536)
        assert octets and len(octets) % ANSWER.size == 0, octets
        return [Answer(octets[at:at + ANSWER.size])
                for at in range(0, len(octets), ANSWER.size)]

    def until_answer(self, word):
        """All answers up to that of the word with our token."""
        answers = []
        while not answers or answers[-1].word != word \
                or answers[-1].token != self.token:
            answers += self.hear()
        return answers

    def do(self, *records):
        """Say it, and give the answers up to a PING's, that one last."""
        self.token += 1
        self.say(*records, record(PING, token=self.token))
        return self.until_answer(PING)

    def sync(self, entries):
        """entries: {prefix: ttl}. The answer to the end."""
        self.token += 1
        self.say(record(SYNC_BEGIN),
                 *(record(ADD, *entry) for entry in entries.items()),
                 record(SYNC_END, token=self.token))
        return self.until_answer(SYNC_END)[-1]

    def leave(self):
        """The keeper goes; the exit code."""
        self.end.close()
        return self.process.wait(DEADLINE_S)

    def stop(self, *args, **more):
        self.end.close()
        self.kill()
        report = self.sanitizer_report()
        assert report is None, report
