"""What the kernel holds for a TCP socket, asked of it directly.

A test that cuts its octets wants to know that the other end has read the
first piece before it sends the second. Nothing in the protocol says so; the
other socket's receive queue does (sock_diag(7)). One question is one exact
look-up, so it stays cheap beside thousands of sockets.
"""

import errno
import socket
import struct
import time

NETLINK_SOCK_DIAG = 4
SOCK_DIAG_BY_FAMILY = 20
NLM_F_REQUEST = 1
NLMSG_ERROR = 2
ANY_COOKIE = b"\xff" * 8
HEAD = struct.Struct("=IHHII")
ASK = struct.Struct("=BBBxI")
ANSWER = struct.Struct("=BBBB2s2s16s16sI8sIII")

PAUSE_S = 0.0002
LONGEST_S = 5


def _sixteen(host, family):
    return socket.inet_pton(family, host).ljust(16, b"\0")


def unread(sock):
    """Octets that the process at the other end of a local connection has not
    read yet; None when its socket is gone."""
    family = sock.family
    here, there = sock.getsockname(), sock.getpeername()
    body = ASK.pack(family, socket.IPPROTO_TCP, 0, 0xFFFFFFFF)
    body += struct.pack("!HH", there[1], here[1])
    body += _sixteen(there[0], family) + _sixteen(here[0], family)
    body += struct.pack("=I", 0) + ANY_COOKIE
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW,
                       NETLINK_SOCK_DIAG) as kernel:
        kernel.send(HEAD.pack(HEAD.size + len(body), SOCK_DIAG_BY_FAMILY,
                              NLM_F_REQUEST, 1, 0) + body)
        answer = kernel.recv(8192)
    kind = HEAD.unpack_from(answer)[1]
    if kind == NLMSG_ERROR:
        code = -struct.unpack_from("=i", answer, HEAD.size)[0]
        if code == errno.ENOENT:
            return None
        raise OSError(code, "sock_diag")
    return ANSWER.unpack_from(answer, HEAD.size)[11]


def wait_read(sock):
    """Wait until the other end has read all that was sent, or is gone. Gives
    up without a word behind a few seconds: it may not want to read."""
    deadline = time.monotonic() + LONGEST_S
    try:
        while unread(sock) and time.monotonic() < deadline:
            time.sleep(PAUSE_S)
    except OSError:
        pass    # closed meanwhile
