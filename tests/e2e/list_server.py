"""Where lists come from: an HTTP(S) server that behaves as the test says."""

import contextlib
import http.server
import socket
import ssl
import threading
import time

STALL_S = 60        # a thread that hangs on purpose lets go then


class Page:
    """What one path answers: a text with its ETag, or a callable."""

    def __init__(self, text="", etag=None, status=200, headers=(), play=None):
        self.text = text
        self.etag = etag
        self.status = status
        self.headers = dict(headers)
        self.play = play


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def do_GET(self):
        lists = self.server.lists
        page = lists.pages.get(self.path, Page(status=404))
        asked = {"path": self.path, "headers": dict(self.headers.items())}
        same = page.etag and self.headers.get("If-None-Match") == page.etag
        asked["status"] = 304 if same else page.status
        lists.asked.append(asked)
        with contextlib.suppress(OSError):
            if page.play:
                page.play(self)
            else:
                self.answer(page, asked["status"])

    def answer(self, page, status):
        body = b"" if status == 304 else page.text.encode()
        self.send_response(status)
        if page.etag:
            self.send_header("ETag", page.etag)
        for name, value in page.headers.items():
            self.send_header(name, value)
        if status != 304:
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


class Quiet(http.server.ThreadingHTTPServer):
    """Who goes away in the middle is no news."""

    def handle_error(self, request, client_address):
        pass


class ListServer:
    """pages: {path: Page or text}; asked: what came."""

    def __init__(self, pages, pair=None):
        self.pages = {}
        for path, page in pages.items():
            self[path] = page
        self.asked = []
        self.over = threading.Event()
        self.http = Quiet(("127.0.0.1", 0), Handler)
        self.http.daemon_threads = True
        self.http.lists = self
        self.tls = pair is not None
        if pair:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(*pair)
            self.http.socket = context.wrap_socket(
                self.http.socket, server_side=True,
                do_handshake_on_connect=False)
        self.port = self.http.server_address[1]
        self.thread = threading.Thread(
            target=self.http.serve_forever, args=(0.05,), daemon=True)
        self.thread.start()

    def __setitem__(self, path, page):
        self.pages[path] = page if isinstance(page, Page) else Page(page)

    def url(self, path="/list", host="127.0.0.1"):
        scheme = "https" if self.tls else "http"
        return f"{scheme}://{host}:{self.port}{path}"

    def count(self, path="/list", status=None):
        return sum(one["path"] == path and
                   status in (None, one["status"]) for one in self.asked)

    def close(self):
        self.over.set()
        self.http.shutdown()
        self.http.server_close()


def hangs(handler):
    """The head, and then nothing."""
    handler.send_response(200)
    handler.send_header("Content-Length", "1000")
    handler.end_headers()
    handler.wfile.flush()
    handler.server.lists.over.wait(STALL_S)


def dribbles(handler):
    """An octet now and then, and never the end."""
    handler.send_response(200)
    handler.end_headers()
    until = time.monotonic() + STALL_S
    while time.monotonic() < until and \
            not handler.server.lists.over.wait(0.05):
        handler.wfile.write(b"1")
        handler.wfile.flush()
    handler.close_connection = True


def endless(handler):
    """More than anybody wants, as fast as it goes."""
    handler.send_response(200)
    handler.end_headers()
    line = b"# and so on and so on and so on and so on and so on\n" * 4096
    for _ in range(400):        # 80 MiB; who is wise has gone by then
        handler.wfile.write(line)
    handler.close_connection = True


def cut(text):
    """Less than it promised."""
    def play(handler):
        handler.send_response(200)
        handler.send_header("Content-Length", str(len(text) + 100))
        handler.end_headers()
        handler.wfile.write(text.encode())
        handler.wfile.flush()
        handler.connection.shutdown(socket.SHUT_RDWR)
        handler.close_connection = True
    return Page(play=play)


def moved(to):
    return Page(status=302, headers={"Location": to})
