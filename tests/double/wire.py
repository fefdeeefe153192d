"""One connection's octets: lines in, replies out, TLS, and sudden ends.

Framing is strict: CRLF alone ends a line (unless line_mode is lax, as before
Domino 5.0.10), so a bare CR or LF stays inside the line and shows in the
events. Knows no SMTP verbs. Whatever ends the connection is raised as Gone
with its reason, once, and nobody catches it but the session.
"""

import asyncio
import socket
import ssl
import struct

READ_BYTES = 65536
TCP_ESTABLISHED = 1


class Gone(Exception):
    """The connection is over; the argument says why."""


class Wire:
    def __init__(self, reader, writer, params, faults):
        self.reader = reader
        self.writer = writer
        self.params = params
        self.faults = faults
        self.buf = bytearray()
        self.held = []          # replies not yet written (chunks=coalesced)
        self.tls = None         # (version, cipher) once it is up
        self.octets_in = 0
        self.half_cr = b""      # lax: a CR whose LF may still come
        self.deaf = False

    # Input

    async def fill(self, most_bytes=READ_BYTES):
        """Read some more; Gone at the end of the stream or of patience."""
        self.flush_held()
        if self.deaf:
            await self.wait_for_end()
        try:
            async with asyncio.timeout(self.params.idle_s):
                chunk = await self.reader.read(most_bytes)
        except TimeoutError:
            raise Gone("idle") from None
        except (OSError, ssl.SSLError) as error:
            raise Gone("reset") from error
        if not chunk:
            raise Gone("eof")
        self.octets_in += len(chunk)
        if self.params.line_mode == "lax":
            chunk = self._lax(chunk)
        self.buf += chunk

    def _lax(self, chunk):
        chunk = self.half_cr + chunk
        self.half_cr = b""
        if chunk.endswith(b"\r"):
            # A CR at the very end is a line end by itself; should its LF
            # come next, it must not count again.
            self.half_cr = b"\r"
            chunk = chunk[:-1]
            if not chunk:
                return b""
        return chunk.replace(b"\r\n", b"\n").replace(b"\r", b"\n") \
            .replace(b"\n", b"\r\n")

    async def line(self):
        """The next line without its CRLF; None where it is too long."""
        start = 0
        while True:
            end = self.buf.find(b"\r\n", start)
            if end >= 0:
                line = bytes(self.buf[:end])
                del self.buf[:end + 2]
                return line
            if len(self.buf) > self.params.line_longest:
                return None
            start = max(0, len(self.buf) - 1)
            await self.fill()

    def line_is_there(self):
        return b"\r\n" in self.buf

    async def wait_for_end(self):
        """Read nothing; be there until the other end has gone."""
        self.writer.transport.pause_reading()
        sock = self.writer.get_extra_info("socket")
        while not self.writer.is_closing():
            # Who reads nothing sees no end either; the kernel does.
            state = sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 1)
            if state[0] != TCP_ESTABLISHED:
                break
            await asyncio.sleep(0.05)
        raise Gone("eof")

    # Output

    def write(self, data):
        try:
            self.writer.write(data)
        except (OSError, RuntimeError) as error:
            raise Gone("reset") from error

    async def drain(self):
        try:
            await self.writer.drain()
        except (OSError, ssl.SSLError) as error:
            raise Gone("reset") from error

    def flush_held(self):
        if self.held:
            self.write(b"".join(self.held))
            self.held = []

    async def reply(self, data):
        """Send one whole reply (lines with CRLF), cut as `chunks` says."""
        drip = self.faults.take("drip")
        if self.params.chunks == "coalesced" and not drip:
            # What the client pipelined is answered in one write.
            self.held.append(data)
            if not self.line_is_there():
                self.flush_held()
        else:
            await self._send_pieces(pieces(data, "byte" if drip else
                                           self.params.chunks),
                                    drip.number(10) / 1000 if drip else 0)
        await self.drain()

    async def _send_pieces(self, parts, pause_s):
        for index, part in enumerate(parts):
            if index:
                # Never behind the last one: after STARTTLS's 220 nothing
                # may be read in clear any more.
                await asyncio.sleep(pause_s)
            self.write(part)

    # TLS and the end

    async def start_tls(self, context):
        """Become a TLS server; return the clear octets that lay behind."""
        self.flush_held()
        left = bytes(self.buf) + bytes(self.reader._buffer)
        self.buf.clear()
        self.reader._buffer.clear()
        try:
            await self.writer.start_tls(context, ssl_handshake_timeout=30)
        except (OSError, ssl.SSLError) as error:
            raise Gone("tls") from error
        # Python 3.11 leaves the reader with the old transport, which would
        # then be the one that is paused.
        self.reader._transport = self.writer.transport
        self.note_tls()
        return left

    def note_tls(self):
        cipher = self.writer.get_extra_info("cipher")
        if cipher:
            self.tls = (self.writer.get_extra_info("ssl_object").version(),
                        cipher[0])

    def reset(self):
        sock = self.writer.get_extra_info("socket")
        try:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER,
                            struct.pack("ii", 1, 0))
        except OSError:
            pass
        self.writer.transport.abort()

    def half_close(self):
        self.flush_held()
        try:
            self.writer.get_extra_info("socket").shutdown(socket.SHUT_WR)
        except OSError as error:
            raise Gone("reset") from error

    def close(self):
        try:
            self.flush_held()
        except Gone:
            pass
        self.writer.close()


def pieces(data, how):
    """The reply in the parts that are written one by one."""
    if how == "line":
        return data.splitlines(keepends=True)
    if how == "byte":
        return [data[i:i + 1] for i in range(len(data))]
    if how == "crlf":
        parts = []
        for line in data.splitlines(keepends=True):
            parts += [line[:-1], line[-1:]]
        return parts
    return [data]
