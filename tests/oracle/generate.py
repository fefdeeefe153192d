"""Random scripts by a grammar: legal sessions, and half-legal ones.

script(seed) is the same script for ever. About half are legal; the others
are legal ones that were damaged in a few places: order, syntax, length,
octets, ends. What follows AUTH, DATA or STARTTLS without waiting goes out in
one write, since there the outcome must not hang on the clock.
"""

import base64
import random

from .script import Script

USER, SECRET = b"anna", b"secret"
NAMES = [b"client.example.test", b"[127.0.0.1]", b"x", b"a-b.c",
         b"EXAMPLE.test", b"client.example.test extra"]
SENDERS = [b"<a@sender.test>", b"<>", b"<Some.One+tag@sender.test>",
           b"<\"quoted one\"@sender.test>", b"<a@[192.0.2.1]>"]
RCPTS = [b"<anna@example.test>"] * 4 + [
    b"<Anna@EXAMPLE.test>", b"<nobody@elsewhere.test>",
    b"<\"an na\"@example.test>", b"<@relay.test:anna@example.test>",
    b"<anna+box@example.test>"]
PARAMS = [b" SIZE=1000", b" BODY=8BITMIME", b" BODY=7BIT",
          b" SIZE=100 BODY=8BITMIME", b" RET=HDRS ENVID=QQ314159",
          b" AUTH=<>"]
IDLE = [b"NOOP", b"NOOP with words", b"RSET", b"HELP", b"HELP MAIL",
        b"VRFY anna", b"VRFY <anna@example.test>", b"EXPN list", b"noop",
        b"RsEt"]
JUNK_LINES = [
    b"", b" ", b"  NOOP", b"\tNOOP", b"NOOP\t", b"NOOP\tx", b"NOOP ", b"FOO",
    b"FOO bar baz", b"MAILFROM:<a@sender.test>", b"MAIL", b"RCPT", b"EHLO",
    b"HELO", b"AUTH", b"AUTH FOO", b"AUTH PLAIN =", b"DATA x", b"DATA ",
    b"DATA\t", b"QUIT now", b"RSET x", b"STARTTLS x", b"ETRN example.test",
    b"XCLIENT NAME=spike.test ADDR=192.0.2.5", b"XFORWARD NAME=x",
    b"PROXY TCP4 192.0.2.1 192.0.2.2 1 2", b"TURN", b"ATRN", b"BURL imap:x",
    b"SEND FROM:<a@b>", b"SOML FROM:<a@b>", b"XEXCH50 2 2", b"XDATA",
    b"MAIL FROM:a@sender.test", b"MAIL FROM: <a@sender.test>",
    b"MAIL FROM:<a@sender.test", b"MAIL FROM:<a@sender.test>junk",
    b"MAIL TO:<a@sender.test>", b"MAIL FROM:<<a@sender.test>>",
    b"MAIL FROM:<a@sender.test> SIZE=99999999999",
    b"MAIL FROM:<a@sender.test> SIZE=-1", b"MAIL FROM:<a@sender.test> FOO=BAR",
    b"MAIL FROM:<a@sender.test> BODY=BINARYMIME",
    b"MAIL FROM:<a@sender.test> SMTPUTF8",
    b"MAIL FROM:<\"a\\\"b\\\\c\"@sender.test>",
    b"RCPT FROM:<anna@example.test>", b"RCPT TO:<>", b"RCPT TO:anna",
    b"RCPT TO:<anna@example.test> NOTIFY=NEVER", b"RCPT TO:<anna@",
    b"RCPT TO:<\"anna@example.test>", b"RCPT TO:<an\xe4na@example.test>",
    b"VRFY", b"EXPN", b"HELP \xff\xfe", b"NOOP \x01\x02", b"\x7fNOOP",
    b"N\xd6OP", b".", b"..", b"250 OK", b"*", b"AUTH PLAIN\tabc",
    b"BDAT", b"BDAT x", b"BDAT -1", b"BDAT 010", b"BDAT 5 FIRST",
    b"BDAT 99999999999999999999", b"BDAT 0", b"BDAT 0 LAST",
    b"EHLO a b c", b"EHLO \xe9", b"HELO [IPv6:2001:db8::1]", b"ehlo  two",
    b"MAIL FROM:<a@sender.test>\tSIZE=5", b"rcpt to:<anna@example.test>",
    b"Subject: not a command", b"--", b"NOOP " + b"n" * 500,
    b"NOOP " + b"n" * 2041, b"NOOP " + b"n" * 900,
    b"MAIL FROM:<" + b"a" * 300 + b"@sender.test>",
]
DEADLY_LINES = [
    b"NOOP " + b"n" * 2042, b"X" * 2046, b"X" * 2047, b"X" * 5000,
    b"NOOP\0", b"NO\0OP", b"\0", b"NOOP\rx", b"\rNOOP", b"NOOP\nNOOP", b"\n",
    b"RSET\n.\nQUIT", b"GET / HTTP/1.1", b"SSH-2.0-x",
    b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", b"POST / HTTP/1.0",
]


class Maker:
    def __init__(self, seed):
        self.rng = random.Random(f"oracle/{seed}")
        self.seed = seed
        self.mark_count = 0

    def chance(self, probability):
        return self.rng.random() < probability

    def pick(self, items):
        return self.rng.choice(items)

    # Messages

    def body(self):
        """Lines of a message, stuffed or not; no end."""
        mark = f"m{self.seed}x{self.mark_count}"
        self.mark_count += 1
        lines = [b"From: a@sender.test", b"X-Oracle-Mark: " + mark.encode()]
        if self.chance(0.5):
            lines.append(b"Subject: " + self.pick(
                [b"hello", b"h\xe4llo", b"a\r\n\tfolded one"]))
        lines.append(b"")
        lines += [self.body_line() for _ in range(self.pick(
            [0, 0, 1, 2, 3, 5, 10, 40]))]
        return b"".join(line + b"\r\n" for line in lines)

    def body_line(self):
        return self.pick([
            b"text", b"", b"..", b"...", b". ", b".x", b".text", b"..text",
            b"From me", b"QUIT", b"RSET", b".\t", b"\xe4\xf6\xfc \xff",
            b"x" * self.pick([76, 900, 998, 999, 2100, 5000]),
            b"y " * 300, b"\t", b"250 OK", b"\x01\x02\x03", b"=2E",
            b"Received: from nowhere"])

    def bad_body(self):
        return self.pick([
            b"a\nb\r\n", b"a\rb\r\n", b"\n.\n", b"\r\n.\n", b"\n.\r\n",
            b"\r.\r", b"\r\n.\r", b"\r.\r\n", b"a\r\r\nb\r\n", b"\r\n\r.\r\n",
            b"x" * 3000 + b"\n"])

    def message(self):
        """Steps that give a message, behind MAIL and RCPT."""
        kind = self.rng.random()
        if kind < 0.65:
            line = self.pick([b"DATA"] * 6 + [b"data", b"DaTa"])
            return [("data", line + b"\r\n", self.body() + b".\r\n")]
        if kind < 0.7:
            return [("data", b"DATA\r\n", self.pick(
                [b".\r\n", b"\r\n.\r\n", b"..\r\n.\r\n"]))]
        if kind < 0.95:
            return self.chunks(self.body())
        return [("data", b"DATA\r\n",
                 self.body() + self.bad_body() + b".\r\n")]

    def chunks(self, body):
        """BDAT, each chunk with its command in one or several writes."""
        cuts = sorted(self.rng.randrange(len(body) + 1)
                      for _ in range(self.pick([0, 0, 1, 2, 3])))
        parts = [body[a:b] for a, b in zip([0] + cuts, cuts + [len(body)])]
        if self.chance(0.2):
            parts.append(b"")
        steps = []
        for index, part in enumerate(parts):
            last = b" LAST" if index == len(parts) - 1 else b""
            steps.append(("write", b"BDAT %d%s\r\n" % (len(part), last) +
                          part, True))
        return steps

    # Sessions

    def hello(self):
        verb = self.pick([b"EHLO"] * 9 + [b"HELO", b"ehlo"])
        return ("write", verb + b" " + self.pick(NAMES) + b"\r\n", True)

    def login(self):
        user = self.pick([USER] * 5 + [b"bert", b"an\xe4", b""])
        secret = self.pick([SECRET] * 3 + [b"wrong", b"", b"\xff"])
        both = base64.b64encode(b"\0" + user + b"\0" + secret)
        u, s = base64.b64encode(user), base64.b64encode(secret)
        cancel = [b"*\r\n"]
        return self.pick([
            ("auth", b"AUTH PLAIN " + both + b"\r\n", []),
            ("auth", b"AUTH PLAIN\r\n", [both + b"\r\n"]),
            ("auth", b"auth plain\r\n", [both + b"\r\n"]),
            ("auth", b"AUTH LOGIN\r\n", [u + b"\r\n", s + b"\r\n"]),
            ("auth", b"AUTH LOGIN " + u + b"\r\n", [s + b"\r\n"]),
            ("auth", b"AUTH CRAM-MD5\r\n", [("cram", user, secret)]),
            ("auth", b"AUTH LOGIN\r\n", [u + b"\r\n"] + cancel),
            ("auth", b"AUTH PLAIN\r\n", cancel),
            ("auth", b"AUTH CRAM-MD5\r\n", cancel),
            ("auth", b"AUTH PLAIN\r\n", [b"not base64!\r\n"]),
            ("auth", b"AUTH LOGIN\r\n", [b"\r\n", b"\r\n"]),
            ("auth", b"AUTH PLAIN " + both[:-3] + b"\r\n", []),
            ("auth", b"AUTH LOGIN\r\n", [b"QUIT\r\n", b"RSET\r\n"]),
            ("auth", b"AUTH XYZ\r\n", cancel)])

    def idle(self):
        return ("write", self.pick(IDLE) + b"\r\n", True)

    def mail(self):
        line = b"MAIL FROM:" + self.pick(SENDERS)
        return line + (self.pick(PARAMS) if self.chance(0.3) else b"")

    def transaction(self):
        lines = [self.mail()]
        lines += [b"RCPT TO:" + self.pick(RCPTS)
                  for _ in range(self.pick([1, 1, 1, 2, 3, 6]))]
        if self.chance(0.5):        # pipelined (RFC 2920)
            if self.chance(0.2):
                lines.insert(0, b"RSET")
            steps = [("write", b"".join(one + b"\r\n" for one in lines),
                      self.chance(0.8))]
        else:
            steps = [("write", one + b"\r\n", True) for one in lines]
        if self.chance(0.15):
            steps.append(self.idle())
        if self.chance(0.05):
            return steps + [("write", b"RSET\r\n", True)]
        message = self.message()
        if steps[-1][0] == "write" and self.chance(0.4):
            # The whole envelope, and DATA or the chunks, in one go.
            first = b"".join(step[1] for step in steps)
            if message[0][0] == "data":
                return [("data", first + message[0][1], message[0][2])]
            return [("write", first + b"".join(step[1] for step in message),
                     True)]
        return steps + message

    def session(self):
        steps = [self.hello()]
        if self.chance(0.2):
            steps += [("tls",), self.hello()]
        if self.chance(0.35):
            steps += [self.login() for _ in range(self.pick([1, 1, 2, 3]))]
        for _ in range(self.pick([0, 1, 1, 1, 2, 3])):
            if self.chance(0.3):
                steps.append(self.idle())
            steps += self.transaction()
        return steps

    def farewell(self):
        return self.pick([
            [("write", b"QUIT\r\n", True)]] * 8 + [
            [("write", b"quit\r\n", True)],
            [("write", b"NOOP\r\nQUIT\r\n", False)],
            [("write", b"RSET\r\nNOOP\r\nQUIT\r\n", False)],
            [("write", b"QUIT\r\nNOOP\r\n", False)],
            [("half",)], [("write", b"NOOP\r\n", False), ("half",)],
            [("close",)], [("reset",)]])

    # Damage

    def junk(self):
        return ("write", self.pick(JUNK_LINES) + b"\r\n", True)

    def junk_group(self):
        lines = [self.pick(JUNK_LINES + IDLE) for _ in range(
            self.rng.randint(2, 6))]
        # What hangs on a reply of the server is not asked in a group.
        lines = [line for line in lines if line.partition(b" ")[0].upper()
                 not in (b"AUTH", b"STARTTLS", b"BDAT", b"MAIL", b"DATA",
                         b"DATA\t", b"AUTH\t")]
        return ("write", b"".join(line + b"\r\n" for line in lines),
                bool(lines))

    def past(self):
        """Past DATA, AUTH or STARTTLS without a reply: in one write."""
        return self.pick([
            ("write", b"DATA\r\nblind\r\n.\r\nQUIT\r\n", True),
            ("write", b"DATA\r\nRSET\r\n", True),
            ("write", b"AUTH PLAIN " + base64.b64encode(
                b"\0anna\0secret") + b"\r\nNOOP\r\n", True),
            ("write", b"AUTH LOGIN\r\nYW5uYQ==\r\nc2VjcmV0\r\n", True),
            ("write", b"STARTTLS\r\nEHLO inside\r\n", True),
            ("write", b"MAIL FROM:<a@sender.test>\r\nRCPT TO:"
             b"<anna@example.test>\r\nDATA\r\nx\r\n.\r\n", True)])

    def broken_chunk(self):
        return self.pick([
            ("write", b"BDAT 5 LAST\r\nhello", True),
            ("write", b"BDAT 3\r\nabcNOOP\r\n", True),
            ("write", b"BDAT 10\r\nQUIT\r\nQUIT", True),
            ("write", b"BDAT 0\r\nNOOP\r\n", True)])

    def damage_once(self, steps):
        at = self.rng.randrange(len(steps) + 1)
        kind = self.rng.random()
        if kind < 0.4:
            steps.insert(at, self.junk())
        elif kind < 0.5:
            steps.insert(at, self.junk_group())
        elif kind < 0.56:
            steps.insert(at, self.past())
        elif kind < 0.6:
            steps.insert(at, self.broken_chunk())
        elif kind < 0.68 and len(steps) > 1:
            a, b = self.rng.sample(range(len(steps)), 2)
            steps[a], steps[b] = steps[b], steps[a]
        elif kind < 0.75 and steps:
            del steps[min(at, len(steps) - 1)]
        elif kind < 0.8 and steps:
            steps.insert(at, steps[min(at, len(steps) - 1)])
        elif kind < 0.85:
            steps.insert(at, ("write", self.pick(DEADLY_LINES) + b"\r\n",
                              True))
        elif kind < 0.9 and steps:
            self.change_octet(steps, min(at, len(steps) - 1))
        else:
            steps[at:] = self.leave_inside()
        return steps

    def change_octet(self, steps, at):
        """One octet of a command line becomes another."""
        step = steps[at]
        if step[0] != "write" or not step[1] or b"BDAT" in step[1].upper():
            return
        line = bytearray(step[1])
        where = self.rng.randrange(min(len(line), 60))
        if line[where] not in b"\r\n":
            line[where] = self.pick(b" \tAz09<>:@\"\\.;%=\x00\x80\xff")
        # Whatever the line is now, it is not followed without waiting.
        if line.count(b"\n") == 1:
            steps[at] = ("write", bytes(line), True)

    def leave_inside(self):
        """An end in the middle of something."""
        end = self.pick([("half",), ("close",), ("reset",)])
        middle = self.pick([
            [("write", b"NOO", False)],
            [("write", b"NOOP\r\nMAIL FR", False)],
            [("write", b"MAIL FROM:<a@sender.test>\r\n", True),
             ("write", b"RCPT TO:<anna@example.test>\r\n", True),
             ("write", b"DATA\r\n", True),
             ("write", b"half a message\r\n.", False)],
            [("write", b"MAIL FROM:<a@sender.test>\r\n", True),
             ("write", b"RCPT TO:<anna@example.test>\r\n", True),
             ("write", b"BDAT 50 LAST\r\nhalf a chunk", False)],
            [("write", b"AUTH LOGIN\r\n", True)],
            [("write", b"NOOP\r\n", False)]])
        return middle + [end]

    def script(self):
        steps = self.session() + self.farewell()
        legal = self.chance(0.5)
        if not legal:
            for _ in range(self.pick([1, 1, 2, 3, 5])):
                steps = self.damage_once(steps)
        return Script(f"{'legal' if legal else 'half-legal'} {self.seed}",
                      steps, self.seed)


def script(seed):
    return Maker(seed).script()
