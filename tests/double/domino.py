#!/usr/bin/python3
"""A double of HCL Domino's SMTP server, for tests.

    domino.py --listen 127.0.0.1:2526 --auth-clear "LOGIN PLAIN" \\
        --user anna:secret --events events.jsonl --maildir mail

Every parameter of params.py is an option (--t-535 TEXT, --close-after-535
rst ...); what is not named is drawn by --seed. --fault spoils replies
(faults.py). --control is a Unix socket that takes a line each of: `fault F`,
`clear`, `set NAME VALUE`, `unlock`, `listen off`, `listen on`; the answer is
`ok` or `error ...`. Port 0 takes any free port; the event `listening` tells.
Stops at SIGTERM and SIGINT, and when its standard input, if a pipe given by
--with-stdin, is closed.
"""

import argparse
import asyncio
import os
import signal
import ssl
import subprocess
import sys
import tempfile
import time

from events import Console, Events
from faults import FAULTS, Faults
from message import Store
from params import PARAMS, Params
from session import Session

TLS_PROFILES = {
    # name: (least, most, ciphers). SSLv3 is not in today's OpenSSL; the
    # nearest that a client of today can meet is TLS 1.0 at level 0.
    "ssl3": (ssl.TLSVersion.TLSv1, ssl.TLSVersion.TLSv1, "ALL:@SECLEVEL=0"),
    "tls10": (ssl.TLSVersion.TLSv1, ssl.TLSVersion.TLSv1, "ALL:@SECLEVEL=0"),
    "tls12": (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_2, None),
    "tls12-pfs": (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_2,
                  "ECDHE+AESGCM"),
    "tls13": (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3, None),
}


class At:
    """The directory, as the mechanisms ask it."""

    def __init__(self, users):
        self.users = users

    def secret_of(self, user):
        return self.users.get(user.lower())

    def check(self, user, secret):
        return self.users.get(user.lower()) == secret


class Server:
    def __init__(self, params, faults, events, console, args):
        self.params = params
        self.faults = faults
        self.events = events
        self.console = console
        self.args = args
        self.connections = 0
        self.failures = {}      # (what, who) -> [count, locked until]
        self.snis = {}
        self.tls = None
        self.listeners = []
        self.places = [[p, params.implicit_tls] for p in args.listen]
        self.places += [[p, True] for p in args.listen_tls]
        self.tasks = set()
        if args.maildir:
            for part in ("tmp", "new"):
                os.makedirs(os.path.join(args.maildir, part), exist_ok=True)

    def at(self, ip):
        return At(self.params.users)

    def new_store(self, conn, index):
        store = Store(self.args.maildir, f"{conn:06d}-{index:04d}.eml")
        store.refused = False
        return store

    # Lockouts

    def is_shut_to(self, ip):
        """Is this address locked out, and not let in at all?"""
        until = self.failures.get(("ip", ip), [0, 0.0])[1]
        if self.params.ip_lockout_form == "535" or \
                until <= time.monotonic():
            return False
        self.events.put("lockout", what="ip", who=ip)
        return True

    def settle(self, ip, user, ok):
        """Count a login; False where a lockout hits, whatever was right."""
        now = time.monotonic()
        for what, who, limit in (("ip", ip, self.params.ip_lockout),
                                 ("user", user.lower(),
                                  self.params.user_lockout)):
            if not limit:
                continue
            entry = self.failures.setdefault((what, who), [0, 0.0])
            if entry[1] > now:
                self.events.put("lockout", what=what, who=who)
                ok = False
            elif not ok:
                entry[0] += 1
                if entry[0] >= limit:
                    entry[:] = [0, now + self.params.lock_s]
        return ok

    # TLS

    def make_tls(self):
        """Build the context, with a certificate of its own if none given."""
        chain, key = self.args.tls_cert, self.args.tls_key
        if not chain:
            folder = tempfile.mkdtemp(prefix="domino-")
            chain = key = os.path.join(folder, "pair.pem")
            subprocess.run(
                ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes",
                 "-days", "30", "-subj", "/CN=domino.example.test", "-addext",
                 "subjectAltName=DNS:domino.example.test", "-keyout", chain,
                 "-out", chain + ".crt"], check=True, capture_output=True)
            with open(chain + ".crt") as crt, open(chain, "a") as both:
                both.write(crt.read())
        least, most, ciphers = TLS_PROFILES[self.params.tls_profile]
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        if ciphers:
            context.set_ciphers(ciphers)
        context.minimum_version, context.maximum_version = least, most
        context.load_cert_chain(chain, key or chain)
        context.sni_callback = self.note_sni
        self.tls = context

    def note_sni(self, ssl_object, name, context):
        self.snis[id(ssl_object)] = name

    def sni(self, wire):
        return self.snis.pop(id(wire.writer.get_extra_info("ssl_object")),
                             None)

    # Sockets

    async def serve(self, reader, writer, implicit):
        self.connections += 1
        session = Session(self, self.connections, reader, writer)
        task = asyncio.current_task()
        self.tasks.add(task)
        task.add_done_callback(self.tasks.discard)
        try:
            await session.run(implicit)
        except asyncio.CancelledError:
            writer.close()

    async def listen(self):
        for place in self.places:
            text, implicit = place
            host, _, port = text.rpartition(":")

            def serve(reader, writer, implicit=implicit):
                return self.serve(reader, writer, implicit)
            listener = await asyncio.start_server(
                serve, host.strip("[]") or None, int(port), backlog=1024,
                limit=256 * 1024)
            port = listener.sockets[0].getsockname()[1]
            place[0] = f"{host}:{port}"     # `listen on` must find it again
            self.listeners.append(listener)
            self.events.put("listening", host=host, port=port,
                            implicit=implicit)
            self.console.server("Listening for connect requests on TCP "
                                f"Port:{port}")

    async def unlisten(self):
        for listener in self.listeners:
            listener.close()
        self.listeners = []

    # Control

    async def control(self, reader, writer):
        while line := (await reader.readline()).decode().rstrip("\n"):
            try:
                await self.obey(line)
                answer = "ok"
            except (ValueError, OSError) as error:
                answer = f"error {error}"
            writer.write(answer.encode() + b"\n")
            await writer.drain()
        writer.close()

    async def obey(self, line):
        word, _, rest = line.partition(" ")
        if word == "fault":
            self.faults.add(rest)
        elif word == "clear":
            self.faults.clear()
        elif word == "set":
            self.params.set(*rest.split(" ", 1))
            if self.params.starttls != "off" and not self.tls:
                self.make_tls()
        elif word == "unlock":
            self.failures.clear()
        elif line == "listen off":
            await self.unlisten()
        elif line == "listen on":
            await self.listen()
        else:
            raise ValueError(f"what is {word}?")


def arguments(argv):
    parser = argparse.ArgumentParser(
        description="A double of Domino's SMTP server.",
        epilog="faults: " + ", ".join(sorted(FAULTS)))
    parser.add_argument("--listen", action="append", default=[],
                        metavar="IP:PORT")
    parser.add_argument("--listen-tls", action="append", default=[],
                        metavar="IP:PORT", help="TLS from the first octet")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--user", action="append", default=[],
                        metavar="NAME:PASSWORD")
    parser.add_argument("--ext-text-rewrite", action="append", default=[],
                        metavar="CODE=TEXT", help="an add-in's own texts")
    parser.add_argument("--maildir", metavar="FOLDER")
    parser.add_argument("--events", metavar="FILE")
    parser.add_argument("--control", metavar="SOCKET")
    parser.add_argument("--fault", action="append", default=[],
                        metavar="NAME[=ARG][#N]")
    parser.add_argument("--tls-cert", metavar="PEM")
    parser.add_argument("--tls-key", metavar="PEM")
    parser.add_argument("--quiet", action="store_true",
                        help="no console lines")
    parser.add_argument("--with-stdin", action="store_true",
                        help="leave when standard input ends")
    for name, (kind, _, choices, text) in PARAMS.items():
        hint = f" ({', '.join(map(str, choices))})" if choices else ""
        parser.add_argument("--" + name.replace("_", "-"), metavar=kind,
                            help=(text + hint).replace("%", "%%"))
    args = parser.parse_args(argv)
    if not args.listen and not args.listen_tls:
        args.listen = ["127.0.0.1:2526"]
    return args


def params_of(args):
    named = {name: getattr(args, name) for name in PARAMS
             if getattr(args, name) is not None}
    params = Params(args.seed, **named)
    for item in args.ext_text_rewrite:
        code, _, text = item.partition("=")
        params.rewrite[code] = text
    for item in args.user or ["anna:secret"]:
        name, _, password = item.partition(":")
        params.users[name.lower()] = password
    return params


def on_trouble(loop, context):
    """A reset that nobody waits for any more (asyncio keeps it in a future of
    the stream that is collected unread, sometimes) is no trouble of ours."""
    if not isinstance(context.get("exception"), ConnectionError):
        loop.default_exception_handler(context)


async def run(args, params, faults):
    server = Server(params, faults, Events(args.events),
                    Console(params, args.quiet), args)
    if params.starttls != "off" or params.implicit_tls or args.listen_tls:
        server.make_tls()
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    loop.set_exception_handler(on_trouble)
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    if args.with_stdin:
        loop.add_reader(sys.stdin, stop.set)
    if args.control:
        await asyncio.start_unix_server(server.control, args.control)
    await server.listen()
    await stop.wait()
    await server.unlisten()
    for task in list(server.tasks):
        task.cancel()


def main():
    args = arguments(sys.argv[1:])
    try:
        params = params_of(args)
        faults = Faults(args.fault)
    except ValueError as error:
        sys.exit(f"domino.py: {error}")
    asyncio.run(run(args, params, faults))


if __name__ == "__main__":
    main()
