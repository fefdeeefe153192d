"""The page under attack: slow clients, many, large ones, and deaths beside it.
Whatever happens to it, mail goes on."""

import json
import os
import pathlib
import signal
import socket
import threading
import time

import pytest

import attack
import page
from harness import wait
from harness.double import Double
from harness.postern import Postern
from harness.raw import Client

MOST = 16       # connections of the page under test


@pytest.fixture(scope="module")
def site(place, certs):
    server = Double(place, auth_clear="LOGIN PLAIN", cert=certs.rsa,
                    name="double", users={"anna": "right"})
    web, door = page.options(place, connections_most=MOST)
    front = Postern(place, {"mx": {}}, [server.address], options=web)
    try:
        front.start()
        yield front, door
        front.stop_clean()
    finally:
        front.stop()
        server.stop()


def pid_of(front, role):
    return next(pid for pid, line in front.pids().items()
                if line.startswith(f"postern-{role}"))


def descriptors(pid):
    return len(os.listdir(f"/proc/{pid}/fd"))


def mail_goes_on(front):
    with attack.greeted(front.ports["mx"]) as one:
        assert one.auth_plain("anna", "right").code == 235


def ended(one):
    """The other end closes; what it said before that."""
    got = b""
    try:
        while piece := one.recv(4096):
            got += piece
    except ConnectionResetError:
        pass
    one.close()
    return got


def test_who_sends_octet_by_octet_is_ended_in_time(site):
    front, door = site
    slow = [door.raw() for _ in range(3)]
    began = time.monotonic()
    slow[0].sendall(b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n")
    stop = threading.Event()

    def drip():
        # Each octet is news: silence alone does not end this one.
        while not stop.wait(0.5):
            try:
                slow[0].sendall(b"X")
            except OSError:
                return
    dripping = threading.Thread(target=drip)
    dripping.start()
    try:
        assert b"200" not in ended(slow[0])
    finally:
        stop.set()
        dripping.join()
    assert time.monotonic() - began >= 8    # it had its ten seconds
    for silent in slow[1:]:
        assert ended(silent) == b""
    assert door.get("/api/status")[0] == 200


def test_a_thousand_connections_cost_no_request_and_no_mail(site):
    front, door = site
    dash = pid_of(front, "dash")
    held = []
    for number in range(1000):
        one = socket.socket()
        one.settimeout(page.DEADLINE_S)
        one.connect((door.host, door.port))
        held.append(one)
        if number % 250 == 0:
            assert door.get("/api/status")[0] == 200
            mail_goes_on(front)
    assert door.get("/api/status")[0] == 200
    # The longest silent ones made room: never more than there may be, and
    # those that are being ended.
    assert descriptors(dash) < 40 + 2 * MOST
    for one in held:
        one.close()
    wait.until(lambda: json.loads(door.get("/api/status")[2])["ok"] and
               b"postern_http_connections 1\n" in door.get("/metrics")[2],
               "all but one to be gone")
    assert pid_of(front, "dash") == dash


@pytest.mark.parametrize("octets", [
    b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nX: " + b"a" * 100000,
    b"GET /" + b"a" * 100000,
    b"\r\n" * 50000,
    b"\x16\x03\x01" + b"\0" * 1000 + b"\r\n\r\n",
    b"POST /api/ban HTTP/1.1\r\nHost: 127.0.0.1\r\n"
    b"Content-Length: 99999999999999999999\r\n\r\n",
    b"POST /api/ban HTTP/1.1\r\nHost: 127.0.0.1\r\n"
    b"Content-Length: -1\r\n\r\n",
    b"POST /api/explain HTTP/1.1\r\nHost: 127.0.0.1\r\n"
    b"Content-Type: application/json\r\nContent-Length: 5000\r\n\r\n" +
    b"a" * 5000,
    b"POST /api/explain HTTP/1.1\r\nHost: 127.0.0.1\r\n"
    b"Transfer-Encoding: chunked\r\n\r\n" + b"1000\r\n" + b"a" * 4096 +
    b"\r\n1000\r\n" + b"a" * 4096 + b"\r\n"],
    ids=["header", "target", "lines", "tls", "length", "negative", "body",
         "chunks"])
def test_what_is_too_large_or_nonsense_is_ended(site, octets):
    _, door = site
    one = door.raw()
    # It may be ended before all is taken; then the rest has no reader.
    try:
        one.sendall(octets)
        one.shutdown(socket.SHUT_WR)
    except OSError:
        pass
    assert b" 200 " not in ended(one)
    assert door.get("/api/status")[0] == 200


def test_two_requests_in_one_piece_have_two_answers(site):
    _, door = site
    one = door.raw()
    request = b"GET /api/status HTTP/1.1\r\nHost: 127.0.0.1\r\n"
    one.sendall(request + b"\r\n" + request + b"Connection: close\r\n\r\n")
    assert ended(one).count(b"HTTP/1.1 200") == 2


def test_who_watches_and_does_not_read_goes(site):
    front, door = site
    silent = [door.raw() for _ in range(20)]
    for one in silent:
        try:
            one.sendall(b"GET /events HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
        except OSError:
            pass    # it has made room already
    # Sixteen may watch and sixteen may be connected: others still get in.
    for one in silent:
        one.close()
    wait.until(lambda: b"postern_http_watchers 0\n" in
               door.get("/metrics")[2], "nobody to watch")


def test_the_keeper_dies_and_the_page_tells_and_goes_on(site):
    front, door = site
    watching = door.connect()
    watching.request("GET", "/events", headers={"Host": "127.0.0.1"})
    stream = watching.getresponse()
    assert stream.status == 200

    def hear(event):
        while (line := stream.readline()) and \
                line.strip() != b"event: " + event:
            pass
        assert line, "the stream has ended"
    hear(b"status")
    keeper, dash = pid_of(front, "keeper"), pid_of(front, "dash")
    os.kill(keeper, signal.SIGKILL)
    hear(b"status")         # by the new one, on the same stream
    assert wait.until(lambda: door.get("/api/status")[0] == 200 and
                      pid_of(front, "keeper") != keeper, "a new keeper")
    assert pid_of(front, "dash") == dash
    watching.close()
    mail_goes_on(front)


def test_the_page_dies_and_is_there_again(site):
    front, door = site
    keeper = pid_of(front, "keeper")
    for _ in range(2):
        dash = pid_of(front, "dash")
        os.kill(dash, signal.SIGKILL)
        mail_goes_on(front)

        def new_one():
            try:
                return door.get("/api/status")[0] == 200 and \
                    pid_of(front, "dash") != dash
            except (OSError, StopIteration):
                return False
        wait.until(new_one, "a new page")
    assert pid_of(front, "keeper") == keeper
    signals = [event.get("signal") for event in front.events("process-ended")
               if event["name"] == "dash"]
    assert signals[-2:] == [9, 9]


def test_the_page_has_no_rights_and_no_files(site):
    front, _ = site
    dash = pid_of(front, "dash")
    status = dict(line.split(":\t", 1) for line in pathlib.Path(
        f"/proc/{dash}/status").read_text().splitlines() if ":\t" in line)
    assert int(status["CapEff"], 16) == int(status["CapPrm"], 16) == 0
    assert status["NoNewPrivs"].strip() == "1"
    assert status["Seccomp"].strip() == "2"
    assert set(status["Uid"].split()) != {"0"}
    kinds = {os.readlink(f"/proc/{dash}/fd/{fd}").split(":")[0]
             for fd in os.listdir(f"/proc/{dash}/fd") if int(fd) > 2}
    assert kinds <= {"socket", "anon_inode", "pipe"}, kinds


def test_a_reload_turns_the_page_off_and_on_and_refuses_a_wrong_one(site):
    front, door = site
    admin = front.options["admin"]
    token = pathlib.Path(admin["token_file"])

    def reloaded(event, count):
        front.write_conf()
        front.reload()
        front.wait_event(event, count)
    refusals = len(front.events("reload-refused"))
    token.write_text("short\n")
    front.reload()
    front.wait_event("reload-refused", refusals + 1)
    assert door.get("/api/status")[0] == 200
    token.write_text(page.TOKEN + "\n")

    done = len(front.events("reload"))
    front.options = {**front.options, "admin": {"bind": []}}
    reloaded("reload", done + 1)

    def gone():
        try:
            door.raw().close()
        except ConnectionRefusedError:
            return True
        return False
    wait.until(gone, "nobody to listen")
    done = len(front.events("reload"))
    front.options = {**front.options, "admin": admin}
    reloaded("reload", done + 1)

    def back():
        try:
            return door.get("/api/status")[0] == 200
        except OSError:
            return False
    wait.until(back, "the page")
    mail_goes_on(front)
