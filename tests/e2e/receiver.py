"""Web servers and programs that hooks tell: good ones, and all kinds of bad."""

import contextlib
import hashlib
import hmac
import http.server
import json
import socket
import ssl
import stat
import threading

from harness import wait

NEVER_S = 60


class Receiver:
    """Behaves as the path says; keeps what came, in order."""

    def __init__(self, cert=None):
        self.requests, self.open = [], 0
        self.most_open = 0
        self.lock, self.closing = threading.Lock(), threading.Event()
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self):
                outer.serve(self)

            def do_GET(self):
                outer.keep(self, b"")
                self.send_error(404)

            def log_message(self, *words):
                pass

        self.server = http.server.ThreadingHTTPServer(
            ("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.server.handle_error = lambda request, client: None
        self.server.block_on_close = False
        if cert:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(*map(str, cert))
            self.server.socket = context.wrap_socket(
                self.server.socket, server_side=True,
                do_handshake_on_connect=False)
        self.port = self.server.server_address[1]
        self.base = f"http{'s' if cert else ''}://127.0.0.1:{self.port}"
        threading.Thread(target=self.server.serve_forever,
                         kwargs={"poll_interval": 0.05}, daemon=True).start()

    def keep(self, request, body):
        with self.lock:
            self.requests.append((request.path, dict(request.headers), body))
            return sum(path == request.path
                       for path, _, _ in self.requests)

    def serve(self, request):
        with self.lock:
            self.open += 1
            self.most_open = max(self.most_open, self.open)
        try:
            size = int(request.headers["Content-Length"])
            number = self.keep(request, request.rfile.read(size))
            with contextlib.suppress(OSError):
                self.answer(request, request.path.strip("/"), number)
        finally:
            with self.lock:
                self.open -= 1

    def answer(self, request, path, number):
        if path == "never":
            self.closing.wait(NEVER_S)
            return
        status = {"flaky": 500 if number == 1 else 200, "broken": 503,
                  "busy": 429, "away": 302, "no": 403}.get(path, 200)
        request.send_response(status)
        if path == "away":
            request.send_header("Location", self.base + "/elsewhere")
        request.end_headers()
        while path == "endless":
            request.wfile.write(b"x" * 65536)

    def got(self, path, event=None):
        """The JSON of those that came to a path, with headers."""
        with self.lock:
            found = [(headers, json.loads(body))
                     for at, headers, body in self.requests
                     if at == "/" + path]
        return [one for one in found
                if event in (None, one[1]["event"])]

    def wait(self, path, event=None, count=1):
        def look():
            found = self.got(path, event)
            return found[count - 1] if len(found) >= count else None
        return wait.until(look, f"{event} at {path} ({count})")

    def bodies(self, path):
        with self.lock:
            return [(headers, body) for at, headers, body in self.requests
                    if at == "/" + path]

    def stop(self):
        self.closing.set()
        self.server.shutdown()
        self.server.server_close()


def signed(secret, headers, body):
    text = headers["Postern-Timestamp"].encode() + b"." + body
    return "sha256=" + hmac.new(secret.encode(), text,
                                hashlib.sha256).hexdigest()


def dead_port():
    """One that nobody listens at, and nobody else gets: (socket, port)."""
    sock = socket.socket()
    sock.bind(("127.0.0.1", 0))
    return sock, sock.getsockname()[1]


def program(folder, name, text):
    """A shell script that anybody may run; its path."""
    path = folder / name
    path.write_text("#!/bin/sh\n" + text)
    path.chmod(path.stat().st_mode | stat.S_IXUSR | stat.S_IXGRP |
               stat.S_IXOTH)
    return path
