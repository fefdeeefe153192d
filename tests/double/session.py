"""One SMTP session of the double: states, verbs, replies.

The dialogue is Domino's, as far as it is known; what nobody has seen comes
from params. Every reply passes through say(), where a fault may spoil it;
say() returns False where what the client asked for shall not happen.
Called by domino.py for each connection; ends by Gone, always.
"""

import asyncio
import base64
import binascii
import email.utils
import re
import time

import auth
from message import Store, Unstuffer
from wire import Gone, Wire

PATH = re.compile(r"\s*<?([^<>\s]*)>?\s*(.*)", re.S)
ACCEPTED = "250 Message accepted for delivery"


def banner_date():
    """`Thu, 5 Apr 2018 17:17:43 +0800`: the day is not padded."""
    date = email.utils.formatdate(localtime=True)
    return re.sub(r", 0", ", ", date)


class Session:
    def __init__(self, server, conn, reader, writer):
        self.server = server
        self.params = server.params
        self.faults = server.faults
        self.conn = conn
        self.wire = Wire(reader, writer, self.params, self.faults)
        self.ip, self.port = writer.get_extra_info("peername")[:2]
        self.helo = None
        self.user = None
        self.errors = 0
        self.messages = 0
        self.store = None
        self.reset_transaction()

    def event(self, name, **fields):
        self.server.events.put(name, conn=self.conn, **fields)

    def reset_transaction(self):
        if self.store:
            self.event("partial", octets=self.store.octets, ended="reset")
            self.store.drop()
        self.sender = None
        self.recipients = []
        self.store = None

    # Life

    async def run(self, implicit_tls):
        host = f"{self.params.rdns} ({self.ip})" if self.params.rdns \
            else self.ip
        self.server.console.server(f"{host} connected")
        local = self.wire.writer.get_extra_info("sockname")
        self.event("connect", ip=self.ip, port=self.port, to=local[1])
        why = "error"
        try:
            if implicit_tls:
                await self.tls_at_once()
            await self.talk()
        except Gone as gone:
            why = str(gone)
        finally:
            if why == "idle" and self.params.idle_form == "421":
                self.last_words()
            if self.store:
                self.event("partial", octets=self.store.octets, ended=why)
                self.store.drop()
            self.wire.close()
            self.event("disconnect", why=why, messages=self.messages,
                       octets_in=self.wire.octets_in)
            self.server.console.server(f"{self.ip} disconnected. "
                                       f"{self.messages} message[s] received")

    def last_words(self):
        try:
            self.wire.write(self.text_421().encode() + b"\r\n")
        except Gone:
            pass

    def text_421(self):
        return self.params.t_421.replace("%h", self.params.host)

    async def tls_at_once(self):
        clear = self.faults.take("clear-first")
        if clear:
            self.wire.write(clear.raw)
        await self.start_tls()

    async def start_tls(self):
        left = await self.wire.start_tls(self.server.tls)
        self.event("tls", version=self.wire.tls[0], cipher=self.wire.tls[1],
                   sni=self.server.sni(self.wire), clear_behind=left)

    async def talk(self):
        if self.params.delay_220:
            await asyncio.sleep(self.params.delay_220 / 1000)
        banner = "220 " + self.params.banner(banner_date())
        if self.faults.take("greet-twice"):
            banner += "\n" + banner
        if self.server.is_shut_to(self.ip):
            if self.params.ip_lockout_form == "421":
                await self.say("connect", self.text_421())
            raise Gone("locked out")
        await self.say("connect", banner)
        while True:
            line = await self.wire.line()
            if line is None:
                self.event("framing", problem="long line")
                await self.say("unknown", "500 Line too long")
                raise Gone("long line")
            await self.command(line)

    async def command(self, line):
        self.event("command", line=line, tls=bool(self.wire.tls))
        if re.search(rb"[\r\n\0]", line):
            self.event("framing", problem="bare CR, LF or NUL", line=line)
        text = line.decode("latin-1")
        verb, _, rest = text.partition(" ")
        method = getattr(self, "on_" + verb.lower(), None) \
            if verb.isascii() and verb.isalpha() else None
        if method:
            await method(text, rest)
        else:
            await self.not_implemented("unknown", text)
        if self.params.error_limit and self.errors > self.params.error_limit:
            await self.say("any", self.text_421())
            raise Gone("error limit")

    # Replies

    async def say(self, point, text, counts=False):
        """Reply with the text's lines; False: do not do what was asked."""
        if counts:
            self.errors += 1
        delay = self.faults.take("delay", point)
        if delay:
            await asyncio.sleep(delay.number() / 1000)
        if self.faults.take("close-before", point):
            raise Gone("fault")
        if self.faults.take("reset-before", point):
            self.wire.reset()
            raise Gone("fault")
        if self.faults.take("stall", point):
            await self.wire.wait_for_end()
        data, ask, end = self.spoilt(point, self.lines(text))
        self.event("reply", point=point, text=data)
        await self.wire.reply(data)
        if self.faults.take("endless", point):
            await self.endless()
        if end:
            raise Gone("fault")
        await self.after(point)
        return ask

    def spoilt(self, point, data):
        """(octets to send, do what was asked, leave then)."""
        take = self.faults.take
        for name in ("421", "421-stay", "reply"):
            fault = take(name, point)
            if fault:
                return self.lines(fault.text), False, name == "421"
        fault = take("raw", point)
        if fault:
            return fault.raw, False, False
        fault = take("close-in-reply", point)
        if fault:
            return data[:fault.number(len(data) // 2)], False, True
        fault = take("say", point)
        if fault:
            data = self.lines(fault.text)
        fault = take("extra", point)
        if fault:
            data += self.lines(fault.text)
        fault = take("long-line", point)
        if fault:
            code = data[:3]
            data = code + b" " + b"x" * (fault.number(100000) - 6) + b"\r\n"
        return data, True, False

    def lines(self, text):
        if text[:3] in self.params.rewrite:
            text = f"{text[:3]} {self.params.rewrite[text[:3]]}"
        return b"".join(line.encode("latin-1", "replace") + b"\r\n"
                        for line in re.split(r"\r?\n", text))

    async def after(self, point):
        if self.faults.take("close-after", point):
            raise Gone("fault")
        if self.faults.take("reset-after", point):
            self.wire.reset()
            raise Gone("fault")
        if self.faults.take("half-close-after", point):
            self.wire.half_close()
        if self.faults.take("stop-reading", point):
            self.wire.deaf = True

    async def endless(self):
        while True:
            await self.wire.reply(b"250-x and so on\r\n" * 64)
            await asyncio.sleep(0)

    async def not_implemented(self, point, text):
        # The whole line comes back, credentials and all. What would break
        # the framing does not.
        clean = re.sub(r"[\r\n\0]", "?", text)
        await self.say(point, f'502 Command "{clean}" not implemented', True)

    async def needs_argument(self, verb):
        await self.say(verb.lower(),
                       f'501 Command "{verb}" requires an argument', True)

    def denied(self, at):
        if self.params.access != "denied_at_" + at:
            return False
        self.server.console.denied(self.ip)
        return True

    def needs_tls(self):
        return self.params.starttls == "required" and not self.wire.tls

    # Session verbs

    def hello(self, name):
        host = f"[{self.ip}]"
        if self.params.rdns and self.params.hello_form == "name":
            host = f"{self.params.rdns} {host}"
        return f"{self.params.host} Hello {name} ({host}), pleased to meet you"

    async def on_helo(self, text, name):
        if not name.strip():
            return await self.needs_argument("HELO")
        if self.denied("ehlo"):
            return await self.say("helo", self.params.t_554, True)
        if await self.say("helo", "250 " + self.hello(name)):
            self.helo = name
            self.reset_transaction()

    async def on_ehlo(self, text, name):
        if not name.strip():
            return await self.needs_argument("EHLO")
        if self.denied("ehlo"):
            return await self.say("ehlo", self.params.t_554, True)
        lines = [self.hello(name)]
        lines += self.params.ehlo_keywords(bool(self.wire.tls))
        block = ["250-" + line for line in lines]
        block[-1] = "250 " + lines[-1]
        if await self.say("ehlo", "\n".join(block)):
            self.helo = name
            self.reset_transaction()

    async def on_starttls(self, text, rest):
        if self.params.starttls == "off":
            return await self.not_implemented("starttls", text)
        if self.wire.tls:
            return await self.say("starttls", self.params.t_503, True)
        if rest.strip():
            return await self.say("starttls", self.params.t_501, True)
        reply = "220 Ready to start TLS"
        inject = self.faults.take("starttls-inject") or \
            self.faults.take("starttls-partial")
        if inject:
            # One write: 220 and what shall be mistaken for TLS contents.
            self.wire.write(reply.encode() + b"\r\n" + inject.raw)
        elif not await self.say("starttls", reply):
            return
        if self.faults.take("starttls-plain"):
            return
        await self.start_tls()
        self.helo = self.user = None
        self.reset_transaction()

    async def on_rset(self, text, rest):
        if await self.say("rset", "250 Reset state"):
            self.reset_transaction()

    async def on_noop(self, text, rest):
        await self.say("noop", self.params.t_noop)

    async def on_quit(self, text, rest):
        if await self.say("quit", f"221 {self.params.host} SMTP Service "
                          "closing transmission channel"):
            raise Gone("quit")

    async def on_help(self, text, rest):
        verbs = self.params.help_verbs(bool(self.wire.tls))
        await self.say("help", "214-Enter one of the following commands:\n"
                       "214-HELO EHLO MAIL RCPT DATA RSET NOOP QUIT\n"
                       "214 " + "".join(verb + " " for verb in verbs))

    async def on_vrfy(self, text, rest):
        if not self.params.f_vrfy:
            return await self.not_implemented("vrfy", text)
        await self.say("vrfy", f'252 Unable to VRFY "{rest}", but will accept '
                       "message and attempt delivery")

    async def on_expn(self, text, rest):
        if not self.params.f_expn:
            return await self.not_implemented("vrfy", text)
        await self.say("vrfy", f'252 Unable to EXPN "{rest}", but will accept '
                       "message and attempt delivery")

    async def on_xclient(self, text, rest):
        self.event("xclient", text=rest, ip=self.ip)
        if not self.params.f_xclient:
            return await self.not_implemented("unknown", text)
        # The add-in takes note and has Domino treat it as a NOOP.
        await self.say("unknown", "250 OK")

    # Login

    async def on_auth(self, text, rest):
        names = self.params.mechanisms(bool(self.wire.tls))
        if self.params.access == "denied_at_ehlo":
            return await self.say("auth", self.params.t_554, True)
        if self.needs_tls():
            return await self.say("auth", self.params.t_530, True)
        if not names:
            return await self.not_implemented("auth", text)
        if self.user is not None or self.sender is not None or \
                self.helo is None:
            return await self.say("auth", self.params.t_503, True)
        if not rest.strip():
            return await self.needs_argument("AUTH")
        name, _, first = rest.partition(" ")
        if name.upper() not in names:
            if self.params.t_504 == "echo":
                return await self.not_implemented("auth", text)
            return await self.say("auth", self.params.t_504, True)
        await self.authenticate(name.upper(), first.strip())

    async def authenticate(self, name, first):
        """Ask, decode, judge; one final reply."""
        point = "auth"
        try:
            steps = auth.start(name, self.server.at(self.ip), None
                               if not first else self.decode(first))
            challenge = next(steps)
            while True:
                if not await self.say(point, self.challenge(challenge)):
                    return
                point = "answer"
                line = await self.wire.line()
                self.event("answer", line=line)
                if line is None or line == b"*":
                    return await self.say("auth-final", self.params.t_cancel,
                                          True)
                challenge = steps.send(self.decode(line))
        except StopIteration as done:
            user, secret, ok = done.value
            await self.judge(name, user, secret, ok)
        except (binascii.Error, ValueError, auth.Garbage):
            self.event("auth-garbage", mech=name)
            text = self.params.t_garbage
            await self.say("auth-final", self.params.t_535
                           if text == "t_535" else text, True)

    def decode(self, text):
        if isinstance(text, str):
            text = text.encode("latin-1")
        # RFC 4954 §4: "=" is an answer of no octets.
        return b"" if text == b"=" else \
            binascii.a2b_base64(text, strict_mode=True)

    def challenge(self, octets):
        if not octets:
            return self.params.t_334_empty
        return "334 " + base64.b64encode(octets).decode()

    async def judge(self, name, user, secret, ok):
        if self.params.delay_auth:
            await asyncio.sleep(self.params.delay_auth / 1000)
        ok = self.server.settle(self.ip, user, ok)
        self.event("auth", mech=name, user=user, secret=secret, ok=ok,
                   ip=self.ip)
        if ok:
            self.server.console.auth_done(user, self.ip)
            if await self.say("auth-final", self.params.t_235):
                self.user = user
            return
        self.server.console.auth_failed(user, self.ip)
        if self.params.close_after_535 == "fin_before_reply_read":
            # The FIN is on its way before anybody can have read the reply.
            self.wire.write(self.lines(self.params.t_535))
            self.wire.half_close()
            raise Gone("535")
        await self.say("auth-final", self.params.t_535,
                       self.params.errors_count_535)
        if self.params.close_after_535 == "rst":
            self.wire.reset()
        if self.params.close_after_535 != "no":
            raise Gone("535")

    # Mail

    async def on_mail(self, text, rest):
        key, colon, path = rest.partition(":")
        if key.strip().upper() != "FROM" or not colon:
            return await self.say("mail", self.params.t_501, True)
        if self.needs_tls():
            return await self.say("mail", self.params.t_530, True)
        if self.denied("mail"):
            return await self.say("mail", self.params.t_554, True)
        if self.sender is not None or (
                self.helo is None and not self.params.mail_without_helo):
            return await self.say("mail", self.params.t_503, True)
        sender, options = PATH.fullmatch(path).groups()
        if sender in self.params.deny_from:
            return await self.say("mail", f"554 Mail from {sender} rejected "
                                  "for policy reasons.", True)
        size = re.search(r"\bSIZE=(\d+)", options, re.I)
        if size and 0 < self.params.size_limit < int(size[1]):
            return await self.say("mail", self.params.t_552, True)
        if await self.say("mail", f"250 {sender}... Sender OK"):
            self.sender = sender

    async def on_rcpt(self, text, rest):
        key, colon, path = rest.partition(":")
        if key.strip().upper() != "TO" or not colon:
            return await self.say("rcpt", self.params.t_501, True)
        if self.sender is None or self.store:
            return await self.say("rcpt", self.params.t_503, True)
        if self.denied("rcpt"):
            return await self.say("rcpt", self.params.t_554, True)
        rcpt = PATH.fullmatch(path)[1]
        domain = rcpt.rpartition("@")[2].lower()
        users = [name.lower() for name in self.params.local_users]
        if domain not in self.params.local_domains:
            if self.user is None and self.ip not in self.params.relay_from:
                return await self.say(
                    "rcpt", "554 Relay rejected for policy reasons.", True)
        elif users and rcpt.lower() not in users:
            return await self.say(
                "rcpt", self.params.t_550.replace("%s", rcpt), True)
        if await self.say("rcpt", f"250 {rcpt}... Recipient OK"):
            self.recipients.append(rcpt)

    async def on_data(self, text, rest):
        if self.sender is None or not self.recipients or self.store:
            # RFC 3030 §2: nor behind a BDAT of this message.
            return await self.say("data", self.params.t_503, True)
        go = '354 Enter message, end with "." on a line by itself'
        if self.faults.take("premature-354"):
            self.wire.write(self.lines(go + "\n" + ACCEPTED))
        elif not await self.say("data", go):
            return
        self.store = self.server.new_store(self.conn, self.messages)
        answered = await self.body()
        await self.dot("data", answered)

    async def body(self):
        """Read up to the dot; True where its reply has gone already."""
        unstuffer = Unstuffer(self.store, self.params.data_ends)
        slow = self.faults.take("slow-body")
        answered = False
        seen = 0
        while True:
            part = bytes(self.wire.buf)
            self.wire.buf.clear()
            seen += len(part)
            answered = await self.spoil_body(seen) or answered
            rest = unstuffer.feed(part)
            if rest is not None:
                self.wire.buf[:0] = rest
                return answered
            if slow:
                await asyncio.sleep(len(part) / slow.number(1000))
                await self.wire.fill(max(1, slow.number(1000) // 10))
            else:
                await self.wire.fill()

    async def spoil_body(self, seen):
        """Faults in mid-message; True where the final reply was given."""
        for fault in list(self.faults.list):
            name = fault.name
            if not name.endswith("-body") and not name.startswith("early") \
                    and name != "premature":
                continue
            due = fault.octets or (fault.number() if name.endswith("-body")
                                   else 0)
            if name == "slow-body" or seen < due or \
                    not self.faults.take(name):
                continue
            if name in ("early", "early-close", "early-stop", "premature"):
                self.event("reply", point="body", text=fault.text)
                await self.wire.reply(self.lines(fault.text))
            if name == "reset-in-body":
                self.wire.reset()
            if name in ("close-in-body", "reset-in-body", "early-close"):
                raise Gone("fault")
            if name in ("stop-in-body", "early-stop"):
                await self.wire.wait_for_end()
            if fault.left_count is None:
                fault.left_count = 0    # a body is spoilt once
            if name == "early":
                self.store.refused = True
            return True
        return False

    async def dot(self, via, answered):
        """The message is whole: keep it, and say so."""
        store = self.store
        limit = self.params.size_limit
        if limit and store.octets > limit and not answered:
            await self.say("dot", self.params.t_552, True)
            return self.reset_transaction()
        if store.refused:
            return self.reset_transaction()
        if not answered and not self.will_accept():
            # Said instead of 250: the message is not kept.
            await self.say("dot", ACCEPTED)
            return self.reset_transaction()
        path = store.keep()
        self.store = None
        self.messages += 1
        self.event("message", ip=self.ip, port=self.port, via=via,
                   helo=self.helo, user=self.user, sender=self.sender,
                   recipients=self.recipients, octets=store.octets,
                   sha256=store.sha.hexdigest(), file=path,
                   tls=bool(self.wire.tls), at=time.time())
        self.reset_transaction()
        if not answered:
            await self.say("dot", ACCEPTED)

    def will_accept(self):
        """No fault is in force that says something else at the dot."""
        spoilers = ("reply", "raw", "421", "421-stay", "close-before",
                    "reset-before")
        return not any(f.name in spoilers and f.point in ("dot", "any")
                       and f.left_count != 0 for f in self.faults.list)

    async def on_bdat(self, text, rest):
        if not self.params.f_chunking:
            return await self.not_implemented("bdat", text)
        match = re.fullmatch(r"(\d{1,18})(\s+LAST)?\s*", rest, re.I)
        if not match:
            # RFC 3030: how many octets follow is unknown now.
            await self.say("bdat", self.params.t_501, True)
            raise Gone("bad chunk")
        count = int(match[1])
        valid = self.sender is not None and self.recipients
        if valid and not self.store:
            self.store = self.server.new_store(self.conn, self.messages)
        await self.chunk(count, self.store if valid else None)
        if not valid:
            return await self.say("bdat", self.params.t_503, True)
        if match[2]:
            return await self.dot("bdat", False)
        await self.say("bdat", f"250 {count} octets received")

    async def chunk(self, left, store):
        while left:
            if not self.wire.buf:
                await self.wire.fill()
            part = bytes(self.wire.buf[:left])
            del self.wire.buf[:left]
            left -= len(part)
            if store:
                store.add(part)
