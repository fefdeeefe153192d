r"""Misbehaviour on demand, named by what it does.

A fault is `NAME`, `NAME=POINT` or `NAME=POINT:ARG`, and with `#N` at its end
it happens N times only. POINT is the reply that it spoils: connect (the
banner), helo, ehlo, starttls, auth (the AUTH line), answer (a 334 answered),
auth-final (235, 535), mail, rcpt, data, dot, bdat, rset, noop, vrfy, help,
quit, unknown, or `any`. ARG may hold \n, \r, \xHH.

The session asks; nothing is done here. A wrong name is a ValueError.
"""

import re

from params import text_of_escapes

POINTS = ("connect helo ehlo starttls auth answer auth-final mail rcpt data "
          "dot bdat rset noop vrfy help quit unknown any").split()

# name: (takes a point, meaning)
FAULTS = {
    "close-before": (True, "leave in place of the reply"),
    "reset-before": (True, "RST in place of the reply"),
    "close-after": (True, "leave right behind the reply"),
    "reset-after": (True, "RST right behind the reply"),
    "half-close-after": (True, "FIN behind the reply, but read on"),
    "close-in-reply": (True, "the first ARG octets (half of it), then leave"),
    "reply": (True, "say ARG in its place; nothing else is done"),
    "raw": (True, "send the octets ARG in its place, no CRLF added"),
    "say": (True, "say ARG in its place, but do what was asked"),
    "extra": (True, "say ARG too, in the same write"),
    "421": (True, "421 in its place, then leave"),
    "421-stay": (True, "421 in its place, and stay"),
    "delay": (True, "reply ARG ms late"),
    "stall": (True, "never reply"),
    "endless": (True, "250-x lines until the other end leaves"),
    "long-line": (True, "one reply line of ARG octets"),
    "stop-reading": (True, "reply, and read nothing more"),
    "drip": (False, "replies one octet every ARG ms"),
    "close-in-body": (False, "leave behind ARG octets of a message"),
    "reset-in-body": (False, "RST behind ARG octets of a message"),
    "stop-in-body": (False, "read nothing behind ARG octets of a message"),
    "slow-body": (False, "read a message at ARG octets a second"),
    "early": (False, "N:TEXT, refuse behind N octets, then drain to the dot"),
    "early-close": (False, "N:TEXT, refuse behind N octets and leave"),
    "early-stop": (False, "N:TEXT, refuse behind N octets, read no more"),
    "premature": (False, "N:TEXT, the dot's reply behind N octets of it"),
    "premature-354": (False, "the dot's reply in one write with the 354"),
    "starttls-inject": (False, "ARG in clear behind STARTTLS's 220 (RSP-01)"),
    "starttls-partial": (False, "the same without a line end (RSP-02)"),
    "starttls-plain": (False, "220 to STARTTLS, then no TLS at all"),
    "clear-first": (False, "implicit TLS: ARG in clear at accept (RSP-03)"),
    "greet-twice": (False, "a second banner behind the first"),
}

DEFAULT_ARGS = {
    "early": "1:552 Message exceeds the maximum size",
    "early-close": "1:552 Message exceeds the maximum size",
    "early-stop": "1:552 Message exceeds the maximum size",
    "premature": "1:250 Message accepted for delivery",
    "starttls-inject": r"250-injected\r\n250 AUTH LOGIN XCLIENT\r\n",
    "starttls-partial": "250-XCLI",
    "clear-first": r"220 fake\r\n",
    "421": "421 SMTP service not available, closing transmission channel.",
    "421-stay": "421 SMTP service not available.",
}


class Fault:
    def __init__(self, text):
        match = re.fullmatch(r"(.*?)(?:#(\d+))?", text, re.S)
        name, _, arg = match[1].partition("=")
        if name not in FAULTS:
            raise ValueError(f"no fault {name}; one of {sorted(FAULTS)}")
        self.name = name
        self.left_count = int(match[2]) if match[2] else None
        self.point = None
        if FAULTS[name][0]:
            self.point, _, arg = arg.partition(":")
            if self.point not in POINTS:
                raise ValueError(f"no point {self.point!r}; one of {POINTS}")
        arg = arg or DEFAULT_ARGS.get(name, "")
        self.octets = 0
        if name in ("early", "early-close", "early-stop", "premature"):
            count, _, arg = arg.partition(":")
            self.octets = int(count)
            arg = arg or DEFAULT_ARGS[name].partition(":")[2]
        self.text = text_of_escapes(arg)

    @property
    def raw(self):
        return self.text.encode("latin-1")

    def number(self, otherwise=0):
        return int(self.text) if self.text else otherwise


class Faults:
    """Those in force."""

    def __init__(self, texts=()):
        self.list = [Fault(text) for text in texts]

    def add(self, text):
        self.list.append(Fault(text))

    def clear(self):
        self.list = []

    def take(self, name, point=None):
        """The fault of that name at that point, used up once; or None."""
        for fault in self.list:
            if fault.name != name or fault.left_count == 0:
                continue
            if fault.point not in (None, "any", point):
                continue
            if fault.left_count is not None:
                fault.left_count -= 1
            return fault
        return None
