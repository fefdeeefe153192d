"""The soak's clients, one coroutine a session, each message with its own id.

A session has a kind, and one in a hundred a fault: its own, or one that it
asks the server for. A session without a fault must go through.
"""

import asyncio
import base64
import collections
import hashlib
import random
import socket
import ssl
import struct
import time

KINDS = {
    "plain": 30, "pipelined": 20, "bdat": 10, "starttls": 12, "tls": 8,
    "auth": 10, "guess": 7, "large": 1, "slow": 2,
}  # fmt: skip
OWN_FAULTS = ["reset-command", "reset-body", "fin-body", "silent-body",
              "fin-dot", "reset-dot", "silent-command"]  # fmt: skip
SERVER_FAULTS = [
    "mail-451", "rcpt-452", "dot-451", "dot-554", "reset-mail", "fin-mail",
    "reset-data", "fin-data", "reset-body", "fin-body", "reset-dot",
    "fin-dot", "cut-dot", "silent-dot", "silent-mail", "slow-mail",
    "slow-dot", "reset-kept", "fin-kept", "cut-kept", "fin-after",
    "reset-ehlo", "fin-ehlo",
]  # fmt: skip
HARMLESS = ("none", "slow-mail", "slow-dot", "fin-after")
TIMEOUT_S = 40
LINE = bytes(range(0x21, 0x7F)) * 8


class Failed(Exception):
    """The session did not go as it should."""


class Wire:
    def __init__(self, reader, writer):
        self.reader, self.writer = reader, writer

    async def send(self, octets):
        self.writer.write(octets)
        await self.writer.drain()

    async def reply(self):
        while True:
            line = await self.reader.readline()
            if not line.endswith(b"\r\n"):
                raise Failed("closed")
            if line[3:4] != b"-":
                return int(line[:3])

    async def want(self, code, step):
        got = await self.reply()
        if got != code:
            raise Failed(f"{got} to {step}")

    async def cmd(self, text, code):
        await self.send(text.encode() + b"\r\n")
        await self.want(code, text.split(" ")[0])

    def reset(self):
        sock = self.writer.get_extra_info("socket")
        linger = struct.pack("ii", 1, 0)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        self.writer.transport.abort()

    def fin(self):
        # Behind TLS: without a close_notify.
        self.writer.get_extra_info("socket").shutdown(socket.SHUT_WR)


def text_of(name, octets):
    """CRLF lines with dots to double, as they are on the wire."""
    lines = [f"Subject: {name}\r\n\r\n".encode()]
    size = len(lines[0])
    while size < octets:
        cut = random.randrange(1, 700)
        dots = b".." if random.random() < 0.1 else b""
        line = dots + LINE[cut:2 * cut] + b"\r\n"
        lines.append(line)
        size += len(line)
    return b"".join(lines)


class Clients:
    def __init__(self, book, ports, faults_percent, rate):
        self.book, self.ports = book, ports
        self.fault_share, self.rate = faults_percent / 100, rate
        self.counts = collections.Counter()
        self.faults = collections.Counter()
        self.lost = []  # (began, ended, text): no fault was asked for
        self.tasks = set()
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        self.context.check_hostname = False
        self.context.verify_mode = ssl.CERT_NONE
        self.kinds = list(KINDS), list(KINDS.values())

    # One session

    async def open(self, kind, source):
        if kind == "tls":
            port, context = self.ports["tls"], self.context
        elif kind in ("starttls", "auth"):
            port = self.ports[random.choice(("rsa", "ecdsa"))]
            context = None
        else:
            port = self.ports[random.choice(("plain", "plain", "backtls"))]
            context = None
        reader, writer = await asyncio.open_connection(
            "127.0.0.1", port, local_addr=(source, 0), ssl=context,
            limit=1 << 16,
        )  # fmt: skip
        return Wire(reader, writer)

    async def begin(self, wire, kind, fault):
        await wire.want(220, "connect")
        ehlo = f"{fault}.invalid" if "ehlo" in fault else "client.test"
        await wire.cmd(f"EHLO {ehlo}", 250)
        if kind in ("starttls", "auth"):
            await wire.cmd("STARTTLS", 220)
            await wire.writer.start_tls(self.context)
            await wire.cmd("EHLO client.test", 250)
        if kind == "auth":
            await self.login(wire)

    async def login(self, wire):
        if random.random() < 0.5:
            await wire.cmd("AUTH PLAIN AGFubmEAc2VjcmV0", 235)
            return
        await wire.cmd("AUTH LOGIN", 334)
        await wire.cmd("YW5uYQ==", 334)
        await wire.cmd("c2VjcmV0", 235)

    async def own_fault(self, wire, fault, point):
        what, _, where = fault.partition("-")
        if where != point:
            return
        if what == "reset":
            wire.reset()
        elif what == "fin":
            wire.writer.transport.abort() if point == "body" else wire.fin()
        else:  # silent: until postern has enough of it
            while await wire.reader.read(4096):
                pass
        if (what, point) != ("fin", "dot"):
            raise Failed(fault)

    async def answered(self, wire, name):
        code = await wire.reply()
        self.book.answered(name, code)
        if code != 250:
            raise Failed(f"{code} to the end of data")

    async def message(self, wire, kind, own, asked):
        name = self.book.new()
        try:
            await self.message_named(wire, kind, own, asked, name)
        finally:
            self.book.close(name)

    async def message_named(self, wire, kind, own, asked, name):
        size = random.randrange(300, 8000)
        if kind == "large":
            size = random.randrange(1_000_000, 5_000_000)
        elif kind == "slow":  # but not below data_rate
            size = random.randrange(8_000, 16_000)
        text = text_of(name, size)
        mail = f"MAIL FROM:<{name}.{asked}@soak.test>"
        rcpt = "RCPT TO:<anna@example.test>"
        await self.own_fault(wire, own, "command")
        if kind == "bdat":
            return await self.chunks(wire, own, name, text, mail, rcpt)
        if kind == "pipelined":
            lines = "\r\n".join((mail, rcpt, "DATA", ""))
            await wire.send(lines.encode())
            codes = [await wire.reply() for _ in range(3)]
            if codes != [250, 250, 354]:
                raise Failed(f"{codes} to a pipeline")
        else:
            await wire.cmd(mail, 250)
            await wire.cmd(rcpt, 250)
            await wire.cmd("DATA", 354)
        await self.body(wire, kind, own, name, text)

    async def body(self, wire, kind, own, name, text):
        half = len(text) // 2
        if kind == "slow":
            for at in range(0, half, half // 20 + 1):
                await wire.send(text[at:at + half // 20 + 1][:half - at])
                await asyncio.sleep(0.4)
        else:
            await wire.send(text[:half])
        await self.own_fault(wire, own, "body")
        self.book.ends(name, hashlib.sha256(text).hexdigest())
        await wire.send(text[half:] + b".\r\n")
        await self.own_fault(wire, own, "dot")
        await self.answered(wire, name)

    async def chunks(self, wire, own, name, text, mail, rcpt):
        cuts = sorted(random.sample(range(1, len(text)), 2))
        parts = [text[:cuts[0]], text[cuts[0]:cuts[1]], text[cuts[1]:]]
        await wire.send(f"{mail}\r\n{rcpt}\r\n".encode())
        for part in parts[:2]:
            await wire.send(b"BDAT %d\r\n%b" % (len(part), part))
        for step in ("MAIL", "RCPT", "BDAT", "BDAT"):
            await wire.want(250, step)
        await self.own_fault(wire, own, "body")
        self.book.ends(name, hashlib.sha256(text).hexdigest())
        await wire.send(b"BDAT %d LAST\r\n%b" % (len(parts[2]), parts[2]))
        await self.own_fault(wire, own, "dot")
        await self.answered(wire, name)

    async def guess(self, wire):
        """Wrong passwords; whatever the answer, it is no 235."""
        await wire.want(220, "connect")
        await wire.cmd("EHLO guesser.test", 250)
        for _ in range(random.choice((1, 1, 2, 6))):
            word = f"\0anna\0{random.randrange(10**9)}".encode()
            token = base64.b64encode(word)
            await wire.send(b"AUTH PLAIN " + token + b"\r\n")
            code = await wire.reply()
            self.counts[f"guess {code}"] += 1
            if code == 235:
                self.book.wrong.append("a guess was let in")
            if code != 535:
                return

    def draw_fault(self):
        """(the client's own, the server's)"""
        if random.random() >= self.fault_share:
            return "", "none"
        if random.random() < 0.4:
            return random.choice(OWN_FAULTS), "none"
        return "", random.choice(SERVER_FAULTS)

    async def session(self, kind, own, asked):
        if kind == "guess":
            source = f"10.97.1.{random.randrange(1, 250)}"
        else:
            source = f"10.98.0.{random.randrange(1, 50)}"
        wire = await self.open(kind, source)
        try:
            if kind == "guess":
                return await self.guess(wire)
            await self.begin(wire, kind, asked)
            once = asked == "fin-after" or kind in ("large", "slow")
            for _ in range(1 if once else random.choice((1, 1, 2, 3))):
                await self.message(wire, kind, own, asked)
            if asked != "fin-after":
                await wire.cmd("QUIT", 221)
        finally:
            wire.writer.transport.abort()

    async def run_one(self, kind):
        own, asked = self.draw_fault() if kind != "guess" else ("", "none")
        began = time.monotonic()
        fault = own or asked
        if fault != "none":
            self.faults[("client " if own else "server ") + fault] += 1
        try:
            await asyncio.wait_for(self.session(kind, own, asked), TIMEOUT_S)
            self.counts[kind] += 1
        except (Failed, OSError, EOFError, ssl.SSLError,
                asyncio.TimeoutError) as error:  # fmt: skip
            self.counts["cut"] += 1
            late = isinstance(error, asyncio.TimeoutError)
            if late or kind != "guess" and fault in HARMLESS:
                text = f"{kind} {fault}: {error!r}"
                self.lost.append((began, time.monotonic(), text))

    # All of them

    async def run_until(self, ends):
        """Sessions at the rate, none waiting for another."""
        while time.monotonic() < ends:
            kind = random.choices(*self.kinds)[0]
            task = asyncio.create_task(self.run_one(kind))
            self.tasks.add(task)
            task.add_done_callback(self.tasks.discard)
            await asyncio.sleep(random.expovariate(self.rate))

    async def drained(self):
        while self.tasks:
            await asyncio.wait(list(self.tasks))
