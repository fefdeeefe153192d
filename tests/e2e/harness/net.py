"""A network of our own: every run has its own loopback, ports and firewall.

The test process moves into a new network namespace before anything starts,
so no test meets another program's port, and nothing that postern does to a
firewall outlives the run. There loopback also answers for the documentation
networks, so that a client may come from an address that is neither loopback
nor one of the machine's own (both of which postern never bans).
Needs root; without it everything runs where it is, and `enter` says False.
"""

import ctypes
import os
import random
import socket
import subprocess

CLONE_NEWNET = 0x40000000
IPV6_FREEBIND = 78
IP_FREEBIND = 15
NETWORKS_V4 = ("192.0.2.0/24", "198.51.100.0/24", "203.0.113.0/24")
NETWORKS_V6 = ("2001:db8::/32",)

_outside = None
_given = set()


def enter():
    """Move in; False where that is not allowed."""
    global _outside
    if _outside is not None:
        return True
    before = os.open("/proc/self/ns/net", os.O_RDONLY)
    if ctypes.CDLL(None).unshare(CLONE_NEWNET) != 0:
        os.close(before)
        return False
    _outside = before
    ip("link", "set", "lo", "up")
    for network in NETWORKS_V4:
        ip("route", "add", "local", network, "dev", "lo")
    for network in NETWORKS_V6:
        ip("-6", "route", "add", "local", network, "dev", "lo")
    return True


def inside():
    return _outside is not None


def ip(*words):
    subprocess.run(["ip", *words], check=True, capture_output=True)


def outside(argv):
    """The command, so that it runs in the machine's own network."""
    if _outside is None:
        return list(argv)
    return ["nsenter", f"--net=/proc/{os.getpid()}/fd/{_outside}", *argv]


def free_port(host="127.0.0.1"):
    """A port that nobody holds, outside the range of client ports; another
    one each time, since who asked may not have bound it yet."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    for _ in range(200):
        port = random.randrange(10000, 32000)
        if port in _given:
            continue
        with socket.socket(family) as sock:
            try:
                sock.bind((host, port))
                _given.add(port)
                return port
            except OSError:
                continue
    raise OSError("no free port")


def connect(host, port, source=None, timeout_s=20):
    """A connected TCP socket, from that address if one is given."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    sock = socket.socket(family, socket.SOCK_STREAM)
    sock.settimeout(timeout_s)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    try:
        if source:
            if family == socket.AF_INET6:
                sock.setsockopt(socket.IPPROTO_IPV6, IPV6_FREEBIND, 1)
            else:
                sock.setsockopt(socket.IPPROTO_IP, IP_FREEBIND, 1)
            sock.bind((source, 0))
        sock.connect((host, port))
    except OSError:
        sock.close()
        raise
    return sock


def listens(host, port):
    """Somebody accepts there."""
    try:
        connect(host, port, timeout_s=2).close()
    except OSError:
        return False
    return True
