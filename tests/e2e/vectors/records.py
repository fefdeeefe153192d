"""A TLS client that makes its records by hand.

Python's ssl makes the handshake; what it wants to send can be cut into
records of any length. Behind it, TLS 1.3 records are sealed here: with any
type and length, and with a KeyUpdate whenever one is wanted (RFC 8446 §5,
§7). Reading stays with ssl.
"""

import hashlib
import hmac
import os
import ssl
import struct
import tempfile

from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from harness import net

ALERT, HANDSHAKE, DATA = 21, 22, 23
KEY_UPDATE = b"\x18\0\0\1\0"        # update_not_requested
SUITES = {"TLS_AES_256_GCM_SHA384": ("sha384", 32),
          "TLS_AES_128_GCM_SHA256": ("sha256", 16)}


def expand_label(name, secret, label, octets):
    """HKDF-Expand-Label with no context (RFC 8446 §7.1)."""
    label = b"tls13 " + label
    info = struct.pack("!HB", octets, len(label)) + label + b"\0"
    out = block = b""
    while len(out) < octets:
        block = hmac.new(secret, block + info + bytes([len(out) // hashlib.new(
            name).digest_size + 1]), name).digest()
        out += block
    return out[:octets]


def fragments(stream, octets):
    """These handshake records again, in records of so many octets."""
    out = []
    while stream:
        kind, version, length = struct.unpack_from("!BHH", stream)
        body, stream = stream[5:5 + length], stream[5 + length:]
        out += [struct.pack("!BHH", kind, version, len(part)) + part
                for part in (body[at:at + octets]
                             for at in range(0, length, octets))]
    return out


class Hello:
    """What ssl would say first, to be changed and sent."""

    def __init__(self, context, sni="mail.example.test"):
        self.incoming, self.outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self.tls = context.wrap_bio(self.incoming, self.outgoing,
                                    server_hostname=sni)
        try:
            self.tls.do_handshake()
        except ssl.SSLWantReadError:
            pass
        self.octets = self.outgoing.read()


class Records:
    """Connected, and in TLS 1.3; the ClientHello in records of `hello`
    octets."""

    def __init__(self, port, context, hello=1 << 14, timeout_s=20):
        context.minimum_version = ssl.TLSVersion.TLSv1_3
        with tempfile.NamedTemporaryFile() as keys:
            context.keylog_filename = keys.name
            self.sock = net.connect("127.0.0.1", port, timeout_s=timeout_s)
            self.hello = Hello(context)
            self.tls = self.hello.tls
            self._handshake(hello)
            secrets = dict(line.split()[::2] for line in
                           open(keys.name, "rb") if line[:1] != b"#")
        self.hash, self.key_octets = SUITES[self.tls.cipher()[0]]
        self._use(bytes.fromhex(secrets[b"CLIENT_TRAFFIC_SECRET_0"].decode()))
        self.buf = b""

    def _handshake(self, octets):
        for record in fragments(self.hello.octets, octets):
            self.sock.sendall(record)
        while True:
            self._receive()
            try:
                self.tls.do_handshake()
                break
            except ssl.SSLWantReadError:
                pass
        self.sock.sendall(self.hello.outgoing.read())

    def _receive(self):
        data = self.sock.recv(65536)
        if not data:
            raise ConnectionError("closed")
        self.hello.incoming.write(data)

    def _use(self, secret):
        self.secret, self.number = secret, 0
        self.seal = AESGCM(expand_label(self.hash, secret, b"key",
                                        self.key_octets))
        self.iv = expand_label(self.hash, secret, b"iv", 12)

    def record(self, kind, octets=b""):
        """Seal one record."""
        nonce = (int.from_bytes(self.iv, "big") ^ self.number).to_bytes(
            12, "big")
        self.number += 1
        head = struct.pack("!BHH", DATA, 0x0303, len(octets) + 17)
        return head + self.seal.encrypt(nonce, octets + bytes([kind]), head)

    def key_update(self):
        """Seal a KeyUpdate, and use the next key."""
        out = self.record(HANDSHAKE, KEY_UPDATE)
        self._use(expand_label(self.hash, self.secret, b"traffic upd",
                               hashlib.new(self.hash).digest_size))
        return out

    def send(self, *records):
        self.sock.sendall(b"".join(records))

    def line(self):
        while b"\r\n" not in self.buf:
            try:
                self.buf += self.tls.read(65536)
            except ssl.SSLWantReadError:
                self._receive()
        line, self.buf = self.buf.split(b"\r\n", 1)
        return line

    def say(self, line):
        """A line in a record of its own."""
        self.send(self.record(DATA, line + b"\r\n"))

    def flood(self, make, most):
        """Sends what make() makes until the other end closes; how many."""
        sent = 0
        try:
            while sent < most:
                self.send(*[make() for _ in range(100)])
                sent += 100
        except OSError:
            pass
        return sent

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        self.sock.close()


def cpu_s(pids):
    """Seconds of processor time that these processes have used."""
    total = 0
    for pid in pids:
        with open(f"/proc/{pid}/stat", encoding="ascii") as text:
            fields = text.read().rpartition(")")[2].split()
        total += int(fields[11]) + int(fields[12])
    return total / os.sysconf("SC_CLK_TCK")
