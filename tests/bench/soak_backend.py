"""The soak's server: keeps book of each message, and errs when it is told to.

    soak_backend.py PORT BOOK CERTIFICATE

A message is in the book (a line `id sha256 octets`, written with one write)
before its 250 is sent, so a server that is killed has lost nothing that it
accepted. Clients name the fault that they want: MAIL FROM:<ID.FAULT@...>,
or EHLO FAULT.invalid.
"""

import asyncio
import hashlib
import os
import socket
import ssl
import struct
import sys

PAUSE_S = 1.0
KEYWORDS = ["PIPELINING", "SIZE 50000000", "8BITMIME", "CHUNKING",
            "AUTH LOGIN PLAIN", "STARTTLS"]  # fmt: skip
GOOD_PLAIN = b"AGFubmEAc2VjcmV0"  # anna, secret
END = b"\r\n.\r\n"
# What is done instead of the answer at a point, by the fault's name.
ANSWERS = {
    "mail-451": b"451 4.3.0 not now\r\n",
    "rcpt-452": b"452 4.2.2 not now\r\n",
    "dot-451": b"451 4.3.0 not now\r\n",
    "dot-554": b"554 5.6.0 not this one\r\n",
}


class Gone(Exception):
    """The session ends here."""


class Session:
    def __init__(self, reader, writer, book_fd, context):
        self.reader, self.writer = reader, writer
        self.book_fd, self.context = book_fd, context
        self.buf = bytearray()
        self.tls, self.fault, self.id = False, "", ""
        self.chunks = None

    async def fill(self):
        data = await self.reader.read(262144)
        if not data:
            raise Gone
        self.buf += data

    async def line(self):
        while True:
            at = self.buf.find(b"\r\n")
            if at >= 0:
                line = bytes(self.buf[:at])
                del self.buf[: at + 2]
                return line
            await self.fill()

    async def say(self, octets):
        self.writer.write(octets)
        await self.writer.drain()

    def reset(self):
        sock = self.writer.get_extra_info("socket")
        linger = struct.pack("ii", 1, 0)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        self.writer.transport.abort()
        raise Gone

    async def close(self):
        self.writer.close()
        raise Gone

    async def silence(self):
        while True:  # until the other side has enough
            self.buf.clear()
            await self.fill()

    async def err(self, point):
        """The session's fault, if this is its point. True: it answered."""
        if self.fault in ANSWERS and self.fault.startswith(point):
            await self.say(ANSWERS[self.fault])
            return True
        what = self.fault.partition("-")
        if what[2] != point:
            return False
        if what[0] == "reset":
            self.reset()
        if what[0] == "fin":
            await self.close()
        if what[0] == "cut":
            await self.say(b"25")
            await self.close()
        if what[0] == "silent":
            await self.silence()
        if what[0] == "slow":
            await asyncio.sleep(PAUSE_S)
        return False

    async def accepted(self, digest, octets):
        """The end of a message: the refusal, or book and reply."""
        if await self.err("dot"):
            return
        line = f"{self.id} {digest.hexdigest()} {octets}\n"
        os.write(self.book_fd, line.encode())
        await self.err("kept")
        await self.say(b"250 2.0.0 Message accepted for delivery\r\n")
        if self.fault == "fin-after":
            await self.close()

    async def on_ehlo(self, line):
        name = line.split()[1].decode() if b" " in line else ""
        if name.endswith(".invalid"):
            self.fault = name.removesuffix(".invalid")
            await self.err("ehlo")
        words = [w for w in KEYWORDS if w != "STARTTLS" or not self.tls]
        lines = ["250-sink.example.com", *(f"250-{w}" for w in words)]
        await self.say("\r\n".join([*lines, "250 HELP", ""]).encode())

    async def on_mail(self, line):
        self.chunks = None
        name = line.partition(b"<")[2].partition(b"@")[0].decode()
        self.id, _, self.fault = name.partition(".")
        if not await self.err("mail"):
            await self.say(b"250 Sender OK\r\n")

    async def on_rcpt(self, line):
        if not await self.err("rcpt"):
            await self.say(b"250 Recipient OK\r\n")

    async def on_data(self, line):
        await self.err("data")
        await self.say(b"354 Enter message\r\n")
        digest, octets = hashlib.sha256(), 0
        # What is hashed is what is on the wire, with its doubled dots; the
        # last four octets stay in the buffer until they are not an end.
        # Only in front of the text is DATA's own line end its first half.
        while octets or not self.buf.startswith(b".\r\n"):
            at = self.buf.find(END)
            take = at + 2 if at >= 0 else max(0, len(self.buf) - 4)
            digest.update(self.buf[:take])
            octets += take
            del self.buf[:take]
            if at >= 0:
                break
            if octets:
                await self.err("body")
            await self.fill()
        del self.buf[:3]
        await self.accepted(digest, octets)

    async def on_bdat(self, line):
        words = line.split()
        left = int(words[1])
        digest, octets = self.chunks or (hashlib.sha256(), 0)
        octets += left
        while left:
            if not self.buf:
                await self.fill()
            digest.update(self.buf[:left])
            count = min(left, len(self.buf))
            del self.buf[:count]
            left -= count
            await self.err("body")
        self.chunks = digest, octets
        if len(words) > 2:
            await self.accepted(digest, octets)
        else:
            await self.say(b"250 2.0.0 chunk\r\n")

    async def on_starttls(self, line):
        await self.say(b"220 go\r\n")
        await self.writer.start_tls(self.context)
        self.tls = True

    async def on_auth(self, line):
        words = line.split()
        good = words[-1] == GOOD_PLAIN
        if words[1].upper() == b"LOGIN":
            await self.say(b"334 VXNlcm5hbWU6\r\n")
            good = await self.line() == b"YW5uYQ=="
            await self.say(b"334 UGFzc3dvcmQ6\r\n")
            good = await self.line() == b"c2VjcmV0" and good
        await self.say(b"235 welcome\r\n" if good else b"535 no\r\n")

    async def on_quit(self, line):
        await self.say(b"221 bye\r\n")
        await self.close()

    async def on_other(self, line):
        await self.say(b"250 OK\r\n")

    async def run(self):
        await self.say(b"220 sink.example.com ESMTP ready\r\n")
        while True:
            line = await self.line()
            verb = line.split(b" ")[0].decode("latin-1").lower()
            await getattr(self, f"on_{verb}", self.on_other)(line)


async def main(port, book, certificate):
    book_fd = os.open(book, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)

    async def serve(reader, writer):
        try:
            await Session(reader, writer, book_fd, context).run()
        except (Gone, OSError, ssl.SSLError):
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(
        serve, "127.0.0.1", port, backlog=1024, limit=1 << 20
    )
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]), sys.argv[2], sys.argv[3]))
