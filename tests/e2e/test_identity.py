"""Who the client is, from end to end, by programs that nobody here wrote.

    client -> HAProxy or nginx (PROXY v1, v2) -> postern
           -> Postfix that is told by XCLIENT, PROXY v1 or v2

Postfix's own log names the client's address then, not that of the balancer,
nor postern's.
"""

import re

import pytest

from harness import net
from harness.postern import Postern
from harness.process import Program
from harness.raw import Client
from servers import Postfix, get_servers

V4, V6 = "203.0.113.7", "2001:db8::7"
# How postern tells the server, and what the server's door is told to expect.
TOLD = {
    "xclient": ("xclient", "-o smtpd_authorized_xclient_hosts=127.0.0.0/8"),
    "proxy-v1": ("proxy-v1", "-o smtpd_upstream_proxy_protocol=haproxy"),
    "proxy-v2": ("proxy-v2", "-o smtpd_upstream_proxy_protocol=haproxy"),
    "none": ("none", ""),
    # Its own TLS at once, behind the header.
    "first": ("proxy-v2", "-o smtpd_upstream_proxy_protocol=haproxy "
              "-o smtpd_tls_wrappermode=yes"),
}
BALANCERS = ("haproxy-v1", "haproxy-v2", "nginx")


class PostfixTold(Postfix):
    """With a door for each way to be told, and one behind postscreen."""

    def main_cf(self):
        # Of two lines for a parameter the last counts.
        return super().main_cf() + "inet_protocols = all\n" \
            "postscreen_greet_wait = 1s\n" \
            "postscreen_cache_map =\n" \
            "postscreen_upstream_proxy_protocol = haproxy\n"

    def master_cf(self):
        self.told = {name: net.free_port() for name in (*TOLD, "screen")}
        lines = [f"127.0.0.1:{self.told[name]} inet n - n - - smtpd {more}"
                 for name, (_, more) in TOLD.items()]
        lines += [f"127.0.0.1:{self.told['screen']} inet n - n - 1 postscreen",
                  "smtpd pass - - n - - smtpd",
                  "dnsblog unix - - n - 0 dnsblog",
                  "tlsproxy unix - - n - 0 tlsproxy"]
        return super().master_cf() + "\n".join(lines) + "\n"

    def seen(self):
        return (self.folder / "mail.log").read_text()

    def wait_seen(self, pattern):
        return self.wait_until(
            lambda: re.search(pattern, self.seen(), re.MULTILINE),
            f"{pattern!r} in Postfix's log")


class Haproxy(Program):
    def __init__(self, folder, ways):
        conf = folder / "haproxy.cfg"
        listens = [
            f"listen {name}\n bind 127.0.0.1:{port}\n bind [::1]:{port}\n"
            f" server s 127.0.0.1:{to} {how}"
            for name, (port, to, how) in ways.items()]
        conf.write_text("\n".join([
            "defaults", " mode tcp", " timeout connect 5s",
            " timeout client 1m", " timeout server 1m", *listens]) + "\n")
        super().__init__("haproxy", ["haproxy", "-db", "-f", conf], folder)


class Nginx(Program):
    def __init__(self, folder, ways):
        conf = folder / "nginx.conf"
        servers = [
            f"server {{ listen 127.0.0.1:{port}; listen [::1]:{port}; "
            f"proxy_pass 127.0.0.1:{to}; proxy_protocol on; }}"
            for port, to, _ in ways.values()]
        conf.write_text("\n".join([
            "load_module /usr/lib/nginx/modules/ngx_stream_module.so;",
            "daemon off; master_process off; user root;",
            f"pid {folder}/nginx.pid; error_log {folder}/nginx.err;",
            "events {}", "stream {", *servers, "}"]) + "\n")
        super().__init__("nginx", ["/usr/sbin/nginx", "-c", conf], folder)


class Chain:
    def __init__(self, folder, certs):
        get_servers()
        self.certs = certs
        self.started = []
        self.postfix = self.begin(PostfixTold(folder, certs))
        backends = {name: {"servers": [f"127.0.0.1:{port}"],
                           "client_address": TOLD.get(name, TOLD["proxy-v2"])[0]}
                    for name, port in self.postfix.told.items()}
        backends["first"]["tls"] = "implicit"
        behind = {"proxy": "required", "proxy_from": ["127.0.0.1", "::1"]}
        doors = {name: {"backend": name, **behind} for name in backends}
        doors["inside"] = {"backend": "xclient", "tls": "implicit", **behind}
        doors["plain"] = {"backend": "xclient"}
        # The server's own TLS; who the client is was said before it.
        doors["first"]["tls"] = "passthrough"
        for name in ("xclient", "proxy-v1", "proxy-v2"):
            doors[f"passed-{name}"] = {"backend": name, **behind,
                                       "starttls": "passthrough"}
        self.front = Postern(folder, doors, backends,
                             certificates={"rsa": certs.rsa})
        self.begin(self.front)
        hows = {"haproxy-v1": "send-proxy", "haproxy-v2": "send-proxy-v2",
                "nginx": ""}
        self.ways = {
            f"{balancer}.{door}":
                (net.free_port(), self.front.ports[door], hows[balancer])
            for balancer in BALANCERS for door in doors if door != "plain"}
        self.balance(Haproxy, "haproxy", folder)
        self.balance(Nginx, "nginx", folder)

    def begin(self, program):
        self.started.append(program)
        program.start()
        return program

    def balance(self, make, stem, folder):
        ways = {name: way for name, way in self.ways.items()
                if name.startswith(stem)}
        program = make(folder, ways)
        self.started.append(program)
        program.spawn()
        for port, *_ in ways.values():
            program.wait_until(lambda: net.listens("127.0.0.1", port),
                               f"{stem} on {port}")

    def close(self):
        for program in reversed(self.started):
            program.stop()

    def mail(self, word, source, port, context=None, starttls=None):
        """A message from that address to that port."""
        host = "::1" if ":" in source else "127.0.0.1"
        with Client(port, host=host, source=source, tls=context) as c:
            c.reply(220)
            c.ehlo(f"{word}.example.test")
            if starttls:
                c.starttls(starttls)
                c.ehlo(f"{word}.example.test")
            c.message(f"Subject: {word}\r\n\r\nx\r\n".encode())
            c.quit()


@pytest.fixture(scope="module")
def chain(session_folder, certs):
    folder = session_folder / "identity"
    folder.mkdir()
    folder.chmod(0o755)
    chain = Chain(folder, certs)
    yield chain
    chain.close()


def word_of(*parts):
    return "-".join(re.sub(r"[^a-z0-9]", "", str(part)) for part in parts)


@pytest.mark.parametrize("source", [V4, V6])
@pytest.mark.parametrize("told", ["xclient", "proxy-v1", "proxy-v2"])
@pytest.mark.parametrize("balancer", BALANCERS)
def test_the_servers_log_names_the_client(chain, balancer, told, source):
    word = word_of(balancer, told, source)
    chain.mail(word, source, chain.ways[f"{balancer}.{told}"][0])
    ended = chain.front.wait_event("session", helo=f"{word}.example.test")
    assert ended["src"] == source
    stored = chain.postfix.wait_stored(f"Subject: {word}".encode())
    assert f"from {word}.example.test (unknown [".encode() in stored
    address = f"IPv6:{source}" if ":" in source else source
    assert f"[{address}]".encode() in stored
    chain.postfix.wait_seen(rf"client=.*\[{re.escape(source)}\]")


@pytest.mark.parametrize("source", [V4, V6])
@pytest.mark.parametrize("told", ["xclient", "proxy-v1", "proxy-v2", "first"])
def test_who_comes_with_the_servers_own_tls_is_named_too(chain, told, source):
    word = word_of("passed", told, source)
    trust = chain.certs.client_context()
    how = {"context": trust} if told == "first" else {"starttls": trust}
    door = told if told == "first" else f"passed-{told}"
    chain.mail(word, source, chain.ways[f"haproxy-v2.{door}"][0], **how)
    assert chain.front.wait_event("session", src=source, tls="passthrough",
                                  listener=door)
    stored = chain.postfix.wait_stored(f"Subject: {word}".encode())
    address = f"IPv6:{source}" if ":" in source else source
    assert f"[{address}]".encode() in stored and b"with ESMTPS" in stored


def test_told_nothing_the_server_sees_postern(chain):
    chain.mail("nothing", V4, chain.ways["haproxy-v2.none"][0])
    stored = chain.postfix.wait_stored(b"Subject: nothing")
    assert b"[127.0.0.1]" in stored and V4.encode() not in stored


def test_postscreen_is_told_too(chain):
    chain.mail("screened", "203.0.113.8", chain.ways["haproxy-v1.screen"][0])
    chain.postfix.wait_seen(r"postscreen.* CONNECT from \[203\.0\.113\.8\]")
    stored = chain.postfix.wait_stored(b"Subject: screened")
    assert b"[203.0.113.8]" in stored


@pytest.mark.parametrize("balancer", BALANCERS)
def test_a_header_in_front_of_implicit_tls(chain, balancer):
    word = word_of("tls", balancer)
    chain.mail(word, V4, chain.ways[f"{balancer}.inside"][0],
               context=chain.certs.client_context(verify=False))
    ended = chain.front.wait_event("session", helo=f"{word}.example.test")
    assert ended["src"] == V4 and ended["tls"]
    assert V4.encode() in chain.postfix.wait_stored(
        f"Subject: {word}".encode())


def test_without_a_balancer_the_socket_is_the_client(chain):
    chain.mail("alone", V4, chain.front.ports["plain"])
    assert V4.encode() in chain.postfix.wait_stored(b"Subject: alone")


def test_a_balancer_that_looks_whether_we_live_is_no_trouble(chain):
    """HAProxy's own check connects, says a LOCAL header, and leaves."""
    before = len(chain.front.events("proxy-refused"))
    with Client(chain.front.ports["xclient"]) as c:
        c.send(b"\r\n\r\n\0\r\nQUIT\n\x20\0\0\0")
        c.reply(220)
        c.quit()
    with Client(chain.front.ports["xclient"]):
        pass
    assert len(chain.front.events("proxy-refused")) == before
