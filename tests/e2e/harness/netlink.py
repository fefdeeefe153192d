"""What the kernel's packet filter says of its sets, as it happens.

nf_tables tells a multicast group of each element that a transaction has put
into force. Whoever listens needs no polling and no nft(8).
"""

import ipaddress
import socket
import struct
import time

from .wait import DEADLINE_S

NETLINK_NETFILTER = 12
SOL_NETLINK, ADD_MEMBERSHIP, NO_ENOBUFS = 270, 1, 5
GROUP_NFTABLES = 7
NEW_ELEMENT = 10 << 8 | 12      # subsystem nftables, NFT_MSG_NEWSETELEM
HEAD = struct.Struct("=IHHII")


class Elements:
    """Listens in the namespace where it is made."""

    def __init__(self):
        self.sock = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW,
                                  NETLINK_NETFILTER)
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 22)
        self.sock.setsockopt(SOL_NETLINK, NO_ENOBUFS, 1)
        self.sock.bind((0, 0))
        self.sock.setsockopt(SOL_NETLINK, ADD_MEMBERSHIP, GROUP_NFTABLES)

    def wait_for(self, address, timeout_s=DEADLINE_S):
        """When (time.monotonic) it was seen that this address is in a set,
        and how many others came with it or before."""
        octets = ipaddress.ip_address(address).packed
        until = time.monotonic() + timeout_s
        others = 0
        while True:
            left = until - time.monotonic()
            assert left > 0, f"{address} is in no set of the kernel"
            self.sock.settimeout(left)
            try:
                data = self.sock.recv(1 << 18)
            except TimeoutError:
                continue
            seen = time.monotonic()
            own = [octets in body for body in self.bodies(data)]
            others += own.count(False)
            if any(own):
                return seen, others

    @staticmethod
    def bodies(data):
        at = 0
        while at + HEAD.size <= len(data):
            size, kind, *_ = HEAD.unpack_from(data, at)
            if size < HEAD.size:
                return
            if kind == NEW_ELEMENT:
                yield data[at + HEAD.size:at + size]
            at += (size + 3) & ~3

    def close(self):
        self.sock.close()
