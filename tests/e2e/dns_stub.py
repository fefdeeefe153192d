"""A name server of one name, and programs that ask it.

A program's /etc/resolv.conf is one of its own mount namespace.
"""

import contextlib
import socket
import struct
import threading

IN_RESOLV = ('mount --bind "$1" /etc/resolv.conf && shift && exec "$@"')
A = 1


class Dns:
    """Answers for any name with `addresses`, or what `mode` says."""

    def __init__(self, addresses=("127.0.0.1",), ttl_s=3600):
        self.mode, self.asked = "right", 0
        self.addresses, self.ttl_s = list(addresses), ttl_s
        self.sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.sock.bind(("127.0.0.1", 53))
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self):
        with contextlib.suppress(OSError):
            while True:
                query, peer = self.sock.recvfrom(4096)
                if not query:
                    return
                self.asked += 1
                answer = self._answer(query)
                if answer:
                    self.sock.sendto(answer, peer)

    def _answer(self, query):
        end = query.index(b"\0", 12) + 5
        kind = query[end - 3]
        if self.mode == "silent":
            return None
        if self.mode == "garbage":
            return query[:2] + b"\xff" * 40
        codes = {"right": 0x80, "unknown": 0x83, "failure": 0x82}
        found = self.addresses if self.mode == "right" and kind == A else []
        answers = [b"\xc0\x0c" + struct.pack(">HHIH", A, 1, self.ttl_s, 4) +
                   socket.inet_aton(address) for address in found]
        return (query[:2] + bytes((0x81, codes[self.mode], 0, 1, 0,
                                   len(found), 0, 0, 0, 0)) +
                query[12:end] + b"".join(answers))

    def close(self):
        with contextlib.suppress(OSError):  # who waits there comes back
            self.sock.shutdown(socket.SHUT_RDWR)
        self.sock.close()


def asks_stub(front, folder, options):
    conf = folder / f"resolv-{options.partition(':')[2]}"
    conf.write_text(f"nameserver 127.0.0.1\noptions {options}\n")
    front.argv = ["unshare", "--mount", "--propagation", "private", "sh",
                  "-c", IN_RESOLV, "sh", str(conf), *front.argv]
    return front
