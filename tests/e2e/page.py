"""Talking to the page: requests as a browser or Prometheus makes them."""

import http.client
import json
import socket
import ssl

from harness import net
from harness.wait import DEADLINE_S

TOKEN = "0123456789abcdef-page-token"
FEED_TOKEN = "fedcba9876543210-feed-token"


class Page:
    """The admin (or feed) door of a postern: page.get("/metrics")."""

    def __init__(self, port, host="127.0.0.1", tls=None):
        self.port, self.host, self.tls = port, host, tls

    def connect(self):
        if self.tls:
            return http.client.HTTPSConnection(
                self.host, self.port, timeout=DEADLINE_S, context=self.tls)
        return http.client.HTTPConnection(self.host, self.port,
                                          timeout=DEADLINE_S)

    def ask(self, method, path, body=None, token=None, **headers):
        """(status, headers, body) of one request on a connection of its own."""
        if token:
            headers["Authorization"] = f"Bearer {token}"
        headers = {name.replace("_", "-"): value
                   for name, value in headers.items()}
        if body is not None and not isinstance(body, (str, bytes)):
            body = json.dumps(body)
            headers.setdefault("Content-Type", "application/json")
        one = self.connect()
        try:
            one.request(method, path, body=body, headers=headers)
            answer = one.getresponse()
            return answer.status, answer.headers, answer.read()
        finally:
            one.close()

    def get(self, path, **more):
        return self.ask("GET", path, **more)

    def json(self, path, **more):
        status, _, body = self.get(path, **more)
        assert status == 200, (status, body)
        return json.loads(body)

    def post(self, path, body, **more):
        status, _, text = self.ask("POST", path, body=body, **more)
        return status, json.loads(text)

    def raw(self):
        """A bare connection, for what no library sends."""
        one = socket.create_connection((self.host, self.port),
                                       timeout=DEADLINE_S)
        return one


def secrets(folder):
    """Files of both tokens: (admin's, feed's)."""
    paths = []
    for name, token in (("page.token", TOKEN), ("feed.token", FEED_TOKEN)):
        path = folder / name
        path.write_text(token + "\n")
        path.chmod(0o600)
        paths.append(path)
    return paths


def options(folder, port=None, **more):
    """Options of a postern with a page, and where it is."""
    port = port or net.free_port("127.0.0.1")
    page, feed = secrets(folder)
    return {"admin": {"bind": [f"127.0.0.1:{port}"], "token_file": page,
                      **more},
            "feed": {"token_file": feed}}, Page(port)


def trusting(path):
    """A TLS context that trusts this certificate alone."""
    context = ssl.create_default_context(cafile=str(path))
    context.check_hostname = False
    return context
