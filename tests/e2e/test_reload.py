"""Reload: all or nothing, and nobody who is connected is hurt.

A wrong file leaves everything as it was and says why; a right one is in
force at once, while open sessions go on and bans stay.
"""

import json
import os
import re
import shutil
import ssl
import subprocess
import threading

import pytest

import attack
from attack import counted, guess, guesses, processes, settled
from harness import net, wait
from harness.postern import binary
from harness.raw import Broken, Client

BODY = b"Subject: x\r\n\r\nhello\r\n"
NAME = "mail.example.test"


@pytest.fixture
def pair(double, postern, certs):
    server = double(auth_clear="LOGIN PLAIN", t_535="535 no")
    front = postern(
        {"mx": {"starttls": "optional", "banner": "first"}},
        [server.address], certificates={"main": certs.rsa},
        options={"shutdown_grace": "10s",
                 "source_limit": {"delay": "0s"},
                 "banned": {"answer": "refuse"}})
    return server, front


@pytest.fixture
def greeted(client):
    def connect(front, name="mx", **more):
        one = client(front.ports[name], **more)
        one.banner = one.reply(220).text
        one.ehlo()
        return one
    return connect


def ctl_reload(front):
    """(exit code, what it said)."""
    done = subprocess.run(
        [binary("posternctl"), "--socket", front.control, "reload"],
        capture_output=True, text=True, timeout=30)
    return done.returncode, done.stdout + done.stderr


def reload(front):
    """Reload what the file says now; the changes that were told."""
    front.write_conf()
    code, said = ctl_reload(front)
    assert code == 0, said
    return said


# What changed

def test_changes_are_told(pair, greeted):
    server, front = pair
    assert reload(front) == "nothing changed\n"
    front.listeners["mx"]["banner"] = "second"
    front.options["source_limit"]["failures"] = 7
    front.backends["spare"] = {"servers": ["192.0.2.1:25"]}
    said = reload(front).splitlines()
    assert 'listener.mx.banner: "first" -> "second"' in said
    assert "source_limit.failures: 5 -> 7" in said
    assert any(line.startswith("backend.spare: ") for line in said)
    assert len(said) == 3
    front.wait_until(lambda: {e["message"] for e in front.events(
        "reload")} >= set(said), "the changes in the log")
    assert greeted(front).banner == "second"
    # An option that a running daemon cannot take over says so.
    front.options["user"] = "nobody"
    assert "needs a restart" in reload(front)


def test_helper_is_renewed_without_an_alarm(pair):
    """It reads the new file at its start: its end is no trouble, and not one
    of those behind which a process is started later and later."""
    server, front = pair
    for failures in range(6, 10):
        before = processes(front)["firewall"]
        front.options["source_limit"]["failures"] = failures
        reload(front)
        with attack.timed(longest_s=2):
            wait.until(lambda: processes(front)["firewall"] not in
                       (before, []), "another helper", 20)
    assert not front.events("process-ended", level="error")


def test_hangup_reloads_as_well(pair, greeted):
    server, front = pair
    front.listeners["mx"]["banner"] = "second"
    front.write_conf()
    front.reload()
    front.wait_event("reload")
    assert greeted(front).banner == "second"


# What is wrong

def spoilt(front, certs, folder):
    """(name, spoil the file's text, what must be said)."""
    line = r"postern\.conf:\d+: "
    missing = folder / "missing.pem"
    mixed = [str(certs.rsa[0]), str(certs.ecdsa[1])]
    return [
        ("syntax", lambda t: t.replace("listener mx {", "listener mx {{", 1),
         line),
        ("brace", lambda t: t + "log {\n", line),
        ("option", lambda t: t.replace("banner =", "baner =", 1),
         line + ".*banner"),
        ("value", lambda t: "workers = 1000\n" + t.replace(
            'workers = "2"', "", 1), line + ".*workers"),
        ("backend", lambda t: t.replace('backend = "domino"',
                                        'backend = "domni"', 1),
         line + ".*domni"),
        ("no certificate", lambda t: t.replace(str(certs.rsa[0]),
                                               str(missing), 1),
         re.escape(str(missing))),
        ("other key", lambda t: t.replace(str(certs.rsa[1]), mixed[1], 1),
         re.escape(mixed[1])),
        ("port in use", lambda t: t + "listener more {\n    bind = "
         f'"127.0.0.1:{front.taken}"\n    backend = "domino"\n}}\n',
         rf"127\.0\.0\.1:{front.taken}.*in use"),
        ("no address", lambda t: t + "listener more {\n    bind = "
         '"198.18.0.1:2525"\n    backend = "domino"\n}\n',
         r"198\.18\.0\.1:2525.*no interface"),
        ("empty", lambda t: "", "listener"),
    ]


def test_wrong_file_changes_nothing_and_says_why(pair, double, greeted,
                                                 certs, folder):
    server, front = pair
    front.taken = double(name="other").port
    inside = greeted(front)
    good = front.conf_path.read_text()
    for count, (name, spoil, why) in enumerate(
            spoilt(front, certs, folder), 1):
        # A right change beside the wrong one must not come into force.
        text = spoil(good.replace('"first"', '"second"'))
        assert text != good
        front.conf_path.write_text(text)
        code, said = ctl_reload(front)
        assert code == 1, (name, said)
        assert re.search(why, said), (name, said)
        # The log may come a moment behind the answer.
        wait.until(lambda: any(re.search(why, e["message"]) for e in
                               front.events("reload-refused")), name)
        assert greeted(front).banner == "first", name
    front.conf_path.unlink()
    code, said = ctl_reload(front)
    assert code == 1 and str(front.conf_path) in said
    assert not front.events("reload", level="info")
    inside.message(BODY)
    assert reload(front) == "nothing changed\n"


def test_hangup_with_a_wrong_file_is_logged(pair, greeted):
    server, front = pair
    front.conf_path.write_text("listener mx {")
    front.reload()
    assert "postern.conf:1" in front.wait_event("reload-refused")["message"]
    assert front.alive() and greeted(front).banner == "first"


# Who is inside

def test_open_sessions_go_on(pair, greeted, certs):
    server, front = pair
    clear, tls, user, busy = (greeted(front) for _ in range(4))
    tls.starttls(certs.client_context())
    tls.ehlo()
    user.auth_plain(code=235)
    busy.envelope()
    busy.cmd("DATA", 354)
    busy.send(BODY[:7])
    asked = greeted(front)
    asked.cmd("AUTH LOGIN", 334)
    front.listeners["mx"]["banner"] = "second"
    reload(front)
    busy.send(BODY[7:] + b".\r\n")
    busy.reply(250)
    asked.cmd("YW5uYQ==", 334)
    asked.cmd("c2VjcmV0", 235)
    for c in (clear, tls, user, busy, asked):
        c.message(BODY)
        c.quit()
    assert len(server.messages()) == 6
    assert {e["end"] for e in front.events("session")} == {"quit"}
    assert greeted(front).banner == "second"


def test_who_stays_is_still_judged_by_the_one_keeper(pair, greeted,
                                                     strangers):
    """The old workers know the bans that come after the reload."""
    server, front = pair
    old = greeted(front, source=strangers[0])
    old.auth_plain(password="guess0", code=535)
    front.listeners["mx"]["banner"] = "second"
    reload(front)
    guesses(front.ports["mx"], strangers[0], 4, word="new")
    front.wait_event("ban")
    old.reply(421)
    old.expect_closed()


def test_old_workers_leave_with_their_last_session(pair, greeted):
    server, front = pair
    c = greeted(front)
    for number in range(3):
        front.listeners["mx"]["banner"] = f"number {number}"
        reload(front)
    c.cmd("NOOP", 250)
    wait.until(lambda: workers(front) == 3, "its worker and two new ones")
    c.quit()
    wait.until(lambda: workers(front) == 2, "end of the last old worker")


def workers(front):
    return sum("worker" in comm(pid) for pid in front.pids())


def comm(pid):
    try:
        with open(f"/proc/{pid}/comm") as file:
            return file.read()
    except OSError:
        return ""


# Listeners

def test_listeners_come_and_go(pair, double, greeted):
    server, front = pair
    other = double(name="other")
    front.ports["new"] = net.free_port()
    front.backends["other"] = {"servers": [other.address]}
    front.listeners["new"] = {
        "bind": [f"127.0.0.1:{front.ports['new']}"], "backend": "other"}
    inside = greeted(front)
    reload(front)
    greeted(front, "new").message(BODY)
    assert len(other.messages()) == 1
    leaving = greeted(front, "mx")
    del front.listeners["mx"]
    reload(front)
    wait.until(lambda: not net.listens("127.0.0.1", front.ports["mx"]),
               "a closed door")
    greeted(front, "new").message(BODY)
    for c in (inside, leaving):     # who came in through it may finish
        c.message(BODY)
        c.quit()
    assert len(server.messages()) == 2 and len(other.messages()) == 2


def test_other_number_of_workers(pair, greeted):
    server, front = pair
    for count in (4, 1, 3):
        front.options["workers"] = count
        reload(front)
        for _ in range(8):
            greeted(front).quit()
        wait.until(lambda: workers(front) == count, f"{count} workers")


def test_nobody_is_refused_while_it_reloads(pair):
    """D-11: twenty reloads, and clients that connect all the time."""
    server, front = pair
    stop, done, troubles = threading.Event(), [], []

    def live():
        while not stop.is_set():
            try:
                with Client(front.ports["mx"]) as c:
                    c.reply(220)
                    c.ehlo()
                    c.message(BODY)
                    c.quit()
                done.append(1)
            except (Broken, OSError) as error:
                troubles.append(repr(error))
                return
    threads = [threading.Thread(target=live) for _ in range(4)]
    for thread in threads:
        thread.start()
    for number in range(20):
        front.listeners["mx"]["banner"] = f"number {number}"
        assert f"number {number}" in reload(front)
    stop.set()
    for thread in threads:
        thread.join(30)
        assert not thread.is_alive()
    assert not troubles, troubles
    assert len(done) >= 40 and len(server.messages()) == len(done)


# Limits and bans

def test_limits_change_at_once_and_bans_stay(pair, greeted, strangers):
    server, front = pair
    front.ctl("bans", "add", strangers[1], "--for", "1h")
    guesses(front.ports["mx"], strangers[0], 2)
    assert counted(front, strangers[0]) == 2
    front.options["source_limit"].update(failures=3, ban="20m")
    reload(front)
    assert counted(front, strangers[0]) == 2    # what was counted stays
    assert guess(front.ports["mx"], strangers[1], "x") is None
    guess(front.ports["mx"], strangers[0], "anna", "third")
    ban = front.wait_event("ban", src=f"{strangers[0]}")
    settled(front)
    bans = front.ctl("bans", "list", json_out=True)["bans"]
    assert {b["prefix"].split("/")[0] for b in bans} == set(strangers[:2])
    assert [b["left_s"] for b in bans if b["prefix"].startswith(
        strangers[0] + "/") or b["prefix"] == strangers[0]][0] > 1100
    assert ban


def test_allow_in_the_file_lifts_a_ban_within_a_second(pair, greeted,
                                                       strangers):
    """BAN-05"""
    server, front = pair
    guesses(front.ports["mx"], strangers[0], 5)
    front.wait_event("ban")
    assert guess(front.ports["mx"], strangers[0]) is None
    front.options["allow"] = [strangers[0][:-1] + "0/28"]
    front.write_conf()
    front.reload()
    front.wait_event("reload")

    def inside():
        return guess(front.ports["mx"], strangers[0], "anna", "secret") == 235
    wait.until(inside, "an end of the ban", timeout_s=1)
    assert not front.ctl("bans", "list", json_out=True)["bans"]
    # And none begins again; taken out of the file, he is as anybody.
    guesses(front.ports["mx"], strangers[0], 8, word="more")
    assert not front.ctl("bans", "list", json_out=True)["bans"]
    del front.options["allow"]
    reload(front)
    guesses(front.ports["mx"], strangers[0], 5, word="again")
    front.wait_event("ban", 2)


# Certificates

@pytest.fixture
def own_pair(double, postern, certs, folder):
    """With a certificate in files of its own, that may be replaced."""
    chain, key = folder / "chain.pem", folder / "key.pem"
    shutil.copy(certs.rsa[0], chain)
    shutil.copy(certs.rsa[1], key)
    server = double(auth_clear="LOGIN PLAIN")
    front = postern({"mx": {"tls": "implicit"}}, [server.address],
                    certificates={"main": (chain, key)},
                    options={"shutdown_grace": "10s"})
    return server, front, chain, key


def shown(front):
    """The certificate that a new client gets."""
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    with Client(front.ports["mx"], tls=context) as c:
        c.reply(220)
        return c.sock.getpeercert(binary_form=True)


def der(path):
    text = path.read_text()
    return ssl.PEM_cert_to_DER_cert(text[text.index("-----BEGIN"):])


def replace(path, text):
    """As a program that renews certificates does."""
    new = path.with_suffix(".new")
    new.write_bytes(text)
    os.replace(new, path)


def test_replaced_certificate_is_shown_without_being_told(own_pair, client,
                                                          certs):
    server, front, chain, key = own_pair
    assert shown(front) == der(certs.rsa[0])
    c = client(front.ports["mx"], tls=certs.client_context())
    c.reply(220)
    c.ehlo()
    c.envelope()
    c.cmd("DATA", 354)
    replace(chain, certs.ecdsa[0].read_bytes())
    replace(key, certs.ecdsa[1].read_bytes())
    wait.until(lambda: shown(front) == der(certs.ecdsa[0]),
               "the new certificate")
    c.send(BODY + b".\r\n")
    c.reply(250)
    c.message(BODY)
    assert len(server.messages()) == 2


def test_broken_certificate_is_logged_and_the_old_one_stays(own_pair, client,
                                                            certs):
    server, front, chain, key = own_pair
    whole = certs.ecdsa[0].read_bytes()
    chain.write_bytes(whole[:len(whole) // 2])
    said = front.wait_event("reload-refused")["message"]
    assert str(chain) in said
    assert shown(front) == der(certs.rsa[0])
    code, said = ctl_reload(front)
    assert code == 1 and str(chain) in said
    # The rest comes, and then the key that fits.
    chain.write_bytes(whole)
    front.wait_until(lambda: any(str(key) in e["message"] for e in
                                 front.events("reload-refused")),
                     "word of the key that does not fit")
    assert shown(front) == der(certs.rsa[0])
    replace(key, certs.ecdsa[1].read_bytes())
    wait.until(lambda: shown(front) == der(certs.ecdsa[0]),
               "the new certificate")


# The log

def test_log_file_is_opened_again_when_told(pair, greeted, folder):
    server, front = pair
    place = folder / "log"
    place.mkdir()
    first, second = place / "postern.log", place / "postern.log.1"
    front.options["log"] = {"to": first}
    reload(front)
    wait.until(first.exists, "the log file")
    assert first.stat().st_mode & 0o777 == 0o640
    for path in (first, second):
        c = greeted(front)
        c.cmd(f"EHLO {path.name}")
        c.quit()
        c.close()
        wait.until(lambda: f'"helo":"{path.name}"' in first.read_text(),
                   "the session's line")
        if path is first:
            first.rename(second)
            front.process.send_signal(10)   # SIGUSR1
            wait.until(first.exists, "a new log file")
    assert '"helo":"postern.log"' in second.read_text()
    assert '"helo":"postern.log.1"' not in second.read_text()
    # A place that cannot be written to is refused; the log stays where it is.
    front.options["log"] = {"to": place / "none" / "x.log"}
    front.write_conf()
    code, said = ctl_reload(front)
    assert code != 0 and "x.log" in said
    greeted(front).quit()
    wait.until(lambda: "cannot write" in first.read_text(), "word of it")


NASTY = ['"', "\\", "\x1b[2J", "\x1b]0;x\x07", "%n%s", "\u202e", "{}",
         "x\ty", "x" * 300, "<0>x", "user=x event=ban ip=192.0.2.1"]


@pytest.mark.parametrize("form", ["json", "text"])
def test_each_line_of_the_log_is_one_event(pair, client, strangers, form):
    """LOG-01, AUT-06: whatever clients send."""
    server, front = pair
    if form == "text":
        front.options["log"] = {"format": "text"}
        reload(front)
    start = len(front.log())
    for number, text in enumerate(NASTY):
        c = client(front.ports["mx"], source=strangers[number])
        c.reply(220)
        c.cmd("EHLO " + text)
        c.auth_plain(user=text, password="hush-hush", code=535)
        c.cmd(f"FOO {text}")
        c.cmd(f"MAIL FROM:<{text}@x.test>")
        c.quit()
        c.close()
    c = client(front.ports["mx"], source=strangers[50])
    c.reply(220)
    c.send(b"EHLO \x9b31m\xff\xfe\x80\r\n")
    c.reply()
    c.quit()
    c.close()
    wait.until(lambda: strangers[50] in front.log()[start:], "the last line")
    text = front.log()[start:]
    assert not re.search(r"[\x00-\x09\x0b-\x1f\x7f-\x9f\u202e]", text)
    for line in text.splitlines()[:-1]:
        if form == "json":
            event = json.loads(line)
            assert event["event"] and event["time"] and event["process"]
        else:
            assert re.match(r"\d{4}-\d\d-\d\dT\S+ ", line) or \
                re.search(r"\b(debug|info|warn|error)\b", line), line
    assert not front.secrets_in_log("hush-hush", "aHVzaC1odXNo")
    forged = [e for e in front.events("ban")]
    assert not forged
