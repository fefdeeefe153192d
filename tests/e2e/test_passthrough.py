"""TLS that the server has for itself: real clients, real servers, real TLS.

postern here has no certificate at all, so what a client trusts is the
server's. What happens to sessions inside when others do something: a ban, a
reload, a stop.
"""

import concurrent.futures
import os
import signal
import ssl
import subprocess

import pytest

import clients
import servers
from attack import processes, worker_of
from harness import net, wait
from harness.postern import Postern, binary
from harness.raw import Client, Closed
from test_matrix import DOTS, digest, message

LARGE = (b"z" * 78 + b"\r\n") * (10_000_000 // 80)
BODY = b"Subject: x\r\n\r\nhello\r\n"
MODES = {"submission": "starttls", "tls": "tls"}
DOORS = {"plain": {"starttls": "passthrough", "auth": "hide",
                   "backend": "plain"},
         "submission": {"starttls": "passthrough", "auth": "tls",
                        "backend": "submission"},
         "tls": {"tls": "passthrough", "backend": "tls"}}


pytestmark = pytest.mark.skipif(
    not net.inside(), reason="needs root: namespaces, servers' accounts")


@pytest.fixture(scope="module")
def started(session_folder, certs):
    """started("postfix"): the server and a postern before it, started once."""
    made = {}
    folder = session_folder / "passed-servers"
    folder.mkdir()
    servers.get_servers()

    def start(name):
        if name not in made:
            server = servers.ALL[name](folder, certs).start()
            made[name] = server, Postern(
                folder, DOORS,
                {door: {"servers": [f"127.0.0.1:{server.ports[door]}"],
                        "tls": "implicit" if door == "tls" else "off"}
                 for door in DOORS}, name=f"postern-{name}").start()
        return made[name]
    yield start
    for server, front in made.values():
        front.stop_clean()
        server.stop()


def deliver(started, certs, server_name, client, door, body=DOTS,
            login=servers.LOGIN):
    server, front = started(server_name)
    mark = os.urandom(8).hex().encode()
    octets = message(mark, body)
    result = clients.CLIENTS[client](octets, front.ports[door], MODES[door],
                                     login, certs.ca)
    if login != servers.LOGIN:
        assert not result.ok and server.stored(mark) is None
        return
    assert result.ok, (server_name, client, door, result.output[-2000:])
    assert digest(server.wait_stored(mark)) == digest(octets), (client, door)


@pytest.mark.parametrize("server", ["domino", "postfix", "exim"])
def test_mail_and_login_through_the_servers_own_tls(started, certs, request,
                                                    server):
    """Each client on both roads; it checks the server's certificate."""
    request.node.programs = list(started(server))
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        jobs = [pool.submit(deliver, started, certs, server, client, door)
                for client in clients.CLIENTS for door in MODES]
        jobs += [pool.submit(deliver, started, certs, server, "smtplib", door,
                             login=("anna", "wrong")) for door in MODES]
        for job in jobs:
            job.result()
    front = started(server)[1]
    assert not front.events("auth-failed") and not front.events("verdict")


@pytest.mark.parametrize("door", MODES)
def test_10_mb_through_the_servers_own_tls(started, certs, request, door):
    request.node.programs = list(started("postfix"))
    deliver(started, certs, "postfix", "curl", door, LARGE)


@pytest.mark.parametrize("door", MODES)
def test_the_certificate_is_the_servers(started, certs, door):
    server, front = started("postfix")
    words = ["-starttls", "smtp"] if MODES[door] == "starttls" else []
    done = subprocess.run(
        ["openssl", "s_client", "-connect", f"127.0.0.1:{front.ports[door]}",
         "-CAfile", certs.ca, "-verify_return_error", "-verify_hostname",
         "mail.example.test", *words], input="QUIT\r\n",
        capture_output=True, text=True, timeout=20)
    assert "Verify return code: 0 (ok)" in done.stdout, done.stdout
    leaf = certs.rsa[0].read_text()
    assert leaf.strip().splitlines()[1] in done.stdout
    assert not front.certificates


# What happens meanwhile

@pytest.fixture
def site(double, postern):
    def start(**options):
        server = double(starttls="enabled", tls_port=True,
                        t_535="535 no")
        return server, postern(
            {"mx": {"starttls": "passthrough", "backend": "plain"},
             "first": {"tls": "passthrough", "backend": "tls"}},
            {"plain": {"servers": [server.address]},
             "tls": {"servers": [f"127.0.0.1:{server.tls_port}"],
                     "tls": "implicit"}}, options=options)
    return start


def inside(front, certs, door="mx", source=None):
    """A client inside TLS and behind EHLO."""
    context = certs.client_context()
    if door == "first":
        c = Client(front.ports[door], source=source, tls=context)
        c.reply(220)
    else:
        c = Client(front.ports[door], source=source)
        c.reply(220)
        c.ehlo()
        c.starttls(context)
    c.ehlo()
    return c


def in_message(front, certs, **more):
    c = inside(front, certs, **more)
    c.envelope()
    c.cmd("DATA", 354)
    c.send(BODY[:12])
    return c


def ends_mute(c):
    """Closed; behind TLS not one octet was said in clear."""
    raw = c.sock
    raw.settimeout(wait.DEADLINE_S)
    try:
        assert raw.recv(100) == b""
    except ssl.SSLEOFError:
        pass        # no close_notify, and no octet either
    except ConnectionResetError:
        pass
    c.close()


@pytest.mark.parametrize("door", ["mx", "first"])
def test_a_ban_ends_who_is_inside_and_who_comes(site, certs, door):
    server, front = site()
    idle = inside(front, certs, door, source="203.0.113.66")
    busy = in_message(front, certs, door=door, source="203.0.113.66")
    other = inside(front, certs, door, source="203.0.113.77")
    front.ctl("bans", "add", "203.0.113.66")
    ends_mute(idle)
    assert front.wait_event("session", src="203.0.113.66")["end"] == "banned"
    # A message under way has its verdict first (D-10).
    busy.send(BODY[12:] + b".\r\n")
    busy.reply(250)
    ends_mute(busy)
    assert len(server.messages()) == 1
    assert front.wait_event("session", 2, src="203.0.113.66")["end"] == "banned"
    began = len(server.of("connect"))
    with Client(front.ports[door], source="203.0.113.66") as again:
        assert not again.buf and again.silent(0.5)      # the tarpit
    assert len(server.of("connect")) == began
    other.message(BODY)
    other.quit()


def test_a_login_under_way_has_its_answer_and_is_the_last(site, certs):
    """A ban that somebody else's rule brought: postern saw no guess here."""
    server, front = site()
    source = "203.0.113.66"
    c = inside(front, certs, source=source)
    for n in range(8):
        c.auth_plain("anna", f"guess-{n}", 535)
    server.fault("delay=auth-final:300")
    c.line("AUTH PLAIN AGFubmEAdHdv")
    server.wait_for("command", line="AUTH PLAIN AGFubmEAdHdv")
    front.ctl("bans", "add", source)
    assert c.expect_closed().count(b"535") <= 1
    c.close()
    assert front.wait_event("session", src=source)["end"] == "banned"


@pytest.mark.parametrize("door", ["mx", "first"])
def test_a_reload_leaves_who_is_inside_alone(site, certs, door):
    server, front = site(workers=1, shutdown_grace="1s")
    idle = inside(front, certs, door)
    busy = in_message(front, certs, door=door)
    old = worker_of(front, busy, door)
    front.options["source_limit"] = {"failures": 7}
    front.write_conf()
    front.reload()
    front.wait_event("reload")
    assert idle.silent(2.5)         # behind the grace and its second
    busy.send(BODY[12:] + b".\r\n")
    busy.reply(250)
    for c in (busy, idle):
        c.message(BODY)
        c.quit()
        c.close()       # the double waits for its close_notify
    wait.until(lambda: old not in processes(front)["worker"],
               "the old worker's end")
    assert len(server.messages()) == 3


@pytest.mark.parametrize("door", ["mx", "first"])
def test_a_stop_waits_for_a_verdict_and_says_nothing_in_clear(site, certs,
                                                              door):
    server, front = site(shutdown_grace="20s")
    idle = inside(front, certs, door)
    busy = in_message(front, certs, door=door)
    front.kill_with(signal.SIGTERM)
    ends_mute(idle)
    busy.send(BODY[12:] + b".\r\n")
    busy.reply(250)
    ends_mute(busy)
    assert front.process.wait(wait.DEADLINE_S) == 0
    assert len(server.messages()) == 1
    assert {e["end"] for e in front.events("session")} == {"stopping"}


def test_a_stop_cuts_who_does_not_finish_and_completes_nothing(site, certs):
    server, front = site(shutdown_grace="1s")
    busy = in_message(front, certs)
    front.kill_with(signal.SIGTERM)
    ends_mute(busy)
    assert front.process.wait(wait.DEADLINE_S) == 0
    assert not server.messages()
    server.wait_for("disconnect", why="reset")


@pytest.mark.parametrize("door", ["mx", "first"])
def test_a_server_that_is_away_is_no_word_inside_tls(site, certs, door):
    """421 in clear where it can be heard; a close where it cannot."""
    server, front = site()
    server.stop()
    with Client(front.ports[door]) as c:
        if door == "mx":
            c.reply(421)
        else:
            with pytest.raises((Closed, ssl.SSLError, OSError)):
                c.wrap(certs.client_context())
    assert front.wait_event("session")["end"] == "server-away"


def test_a_tls_port_is_found_well_by_the_health_dialogue(double, postern):
    server = double(starttls="enabled", tls_port=True)
    front = postern({"first": {"tls": "passthrough"}}, {
        "domino": {"servers": [f"127.0.0.1:{server.tls_port}"],
                   "tls": "implicit", "health_interval": "200ms"}})
    server.wait_for("command", line="QUIT")
    server.wait_for("command", 2, line="QUIT")
    assert not front.events("server-down")


def test_check_says_what_is_lost(tmp_path):
    conf = tmp_path / "p.conf"
    conf.write_text(
        "listener mx { bind = {127.0.0.1:25} backend = b starttls = "
        "passthrough }\nbackend b { servers = {10.0.0.1:25} }\n")
    done = subprocess.run([binary(), "check", str(conf)], text=True,
                          capture_output=True)
    assert done.returncode == 0
    for word in ("no login", "not delayed, banned or tarpitted",
                 "smuggling not stopped", "Only connections are counted",
                 "bans from elsewhere act"):
        assert word in done.stdout + done.stderr
