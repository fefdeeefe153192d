"""TLS of which one packet brings more than one thing."""

import ssl


def last_flight_with(sock, context, words, **side):
    """Hold the handshake, and send its last flight and the words at once."""
    into, out = ssl.MemoryBIO(), ssl.MemoryBIO()
    tls = context.wrap_bio(into, out, **(
        side or {"server_hostname": "mail.example.test"}))
    while True:
        try:
            tls.do_handshake()
            break
        except ssl.SSLWantReadError:
            sock.sendall(out.read())
            into.write(sock.recv(65536))
    tls.write(words)
    sock.sendall(out.read())
    return tls, into


def said(sock, tls, into):
    """The first line of what the other side says."""
    heard = b""
    while b"\n" not in heard:
        try:
            heard += tls.read(65536)
        except ssl.SSLWantReadError:
            into.write(sock.recv(65536))
    return heard
