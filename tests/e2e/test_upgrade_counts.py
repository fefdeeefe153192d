"""What was counted before a new program took over counts behind it.

Failures short of a ban, logins under way, sessions of a source, sums: the
keeper that goes gives them to the one that comes, or to the one that has to
come back.
"""

import contextlib
import json
import shutil
import signal
import socket

import pytest

from attack import greeted, guess, guesses, plain_token
from harness import wait
from harness.postern import binary
from harness.raw import Broken, Client
from test_upgrade import (     # noqa: F401 (pair is a fixture)
    IMPOSTOR, RELAY, banned, logins, pair)

# The real one, of which the line "WORD" is changed on its way.
CHANGED = RELAY.replace("""        if text.startswith(b"hello"):
            text = text.rsplit(b" ", 1)[0] + b" 1"
        socket""", """        CHANGE
        socket""")

TORN = CHANGED.replace("CHANGE", """if text == b"memory":
            whole = os.pread(fds[0], 1 << 28, 0)
            os.close(fds[0])
            fds = [os.memfd_create("torn")]
            os.write(fds[0], whole[:len(whole) // 2] + bytes(len(whole) // 2))
""")

# Its keeper runs, and has the store and the lines; then it is killed.
KILLED = CHANGED.replace("CHANGE", """if text.startswith(b"keeper"):
            socket.send_fds(line, [text], [])
            real.kill()
            continue
""")


@pytest.fixture
def still(double):
    """Stops and continues the server: what it is asked waits."""
    stopped = []

    def stop(server):
        server.process.send_signal(signal.SIGSTOP)
        stopped.append(server)
    yield stop
    for server in stopped:
        server.process.send_signal(signal.SIGCONT)


def upgraded(front):
    code, said = front.upgrade()
    assert code == 0, said
    return said


def relayed(front, program):
    shutil.copy(binary(), front.program.with_name("real"))
    front.replace(program)


def status(front):
    return front.ctl("status", json_out=True)


def test_three_failures_and_two_are_five(pair, strangers):
    """In new sessions, in an old one, and over two upgrades."""
    server, front = pair
    one, old_one, twice = strangers[:3]
    guesses(front.ports["mx"], one, 3)
    guesses(front.ports["mx"], twice, 2, word="twice")
    with greeted(front.ports["mx"], old_one) as old:
        for n in range(3):
            assert old.auth_plain("anna", f"old-{n}").code == 535
        before = logins(server)
        upgraded(front)
        assert banned(front) == []
        guesses(front.ports["mx"], one, 2, word="after")
        guesses(front.ports["mx"], twice, 1, word="second")
        for n in range(2):
            assert old.auth_plain("anna", f"more-{n}").code in (535, 421)
    wait.until(lambda: sorted(banned(front)) == sorted([one, old_one]),
               "both bans")
    upgraded(front)
    guesses(front.ports["mx"], twice, 2, word="last")
    wait.until(lambda: twice in banned(front), "the third")
    assert logins(server) == before + 7
    guess(front.ports["mx"], twice, secret="one-more")
    assert logins(server) == before + 7


def test_logins_under_way_keep_their_places(pair, still, strangers):
    """Five of them: the sixth waits, and never reaches the server."""
    server, front = pair
    with contextlib.ExitStack() as stack:
        sessions = [stack.enter_context(
            greeted(front.ports["mx"], strangers[0])) for _ in range(6)]
        before = logins(server)
        still(server)
        for n, one in enumerate(sessions[:5]):
            one.send(b"AUTH PLAIN " +
                     plain_token("anna", f"way-{n}").encode() + b"\r\n")
        wait.until(lambda: status(front)["logins"]["under_way"] == 5,
                   "five under way")
        upgraded(front)
        assert status(front)["logins"]["under_way"] == 5
        sessions[5].send(b"AUTH PLAIN " +
                         plain_token("anna", "six").encode() + b"\r\n")
        front.wait_event("verdict", rule="in-flight")
        server.process.send_signal(signal.SIGCONT)
        for one in sessions[:5]:
            assert one.reply().code in (535, 421)
        with contextlib.suppress(Broken, OSError):
            assert sessions[5].reply().code in (421, 454)
        wait.until(lambda: banned(front) == [strangers[0]], "the ban")
    assert logins(server) == before + 5
    assert status(front)["logins"]["under_way"] == 0


def test_a_source_has_no_more_sessions_than_before(pair, strangers):
    _, front = pair
    front.options["sessions_per_source"] = 3
    front.write_conf()
    front.ctl("reload")

    def welcome():
        with Client(front.ports["mx"], source=strangers[0]) as one:
            return one.reply().code == 220
    with contextlib.ExitStack() as stack:
        old = [stack.enter_context(greeted(front.ports["mx"], strangers[0]))
               for _ in range(3)]
        upgraded(front)
        assert not welcome()
        old[0].quit()
        with wait.until(lambda: session(front, strangers[0]), "a place"):
            assert not welcome()
            upgraded(front)
            assert not welcome()
    wait.until(welcome, "its places")


def session(front, source):
    """One that is let in, open; or None."""
    one = Client(front.ports["mx"], source=source)
    if one.reply().code == 220:
        return one
    one.close()
    return None


def test_sums_go_on(pair, strangers):
    _, front = pair
    guesses(front.ports["mx"], strangers[0], 3)
    with greeted(front.ports["mx"], strangers[1]) as one:
        assert one.auth_plain("anna", "secret").code == 235
        one.message(b"Subject: -1\r\n\r\nx\r\n")
        one.quit()
    wait.until(lambda: status(front)["sessions"]["messages"] == 1 and
               status(front)["sessions"]["total"] == 4, "all that was")
    before, tallies = status(front), metrics(front)
    upgraded(front)
    after = status(front)
    for name in ("total", "messages", "turned_away", "server_errors"):
        assert after["sessions"][name] == before["sessions"][name], name
    for name in ("ok", "failed"):
        assert after["logins"][name] == before["logins"][name], name
    assert metrics(front) == tallies
    guesses(front.ports["mx"], strangers[0], 1, word="after")
    assert status(front)["logins"]["failed"] == before["logins"]["failed"] + 1


def asked(front, command):
    with socket.socket(socket.AF_UNIX) as control:
        control.settimeout(wait.DEADLINE_S)
        control.connect(str(front.control))
        control.sendall(b'{"command":"%b"}\n' % command.encode())
        return json.loads(control.makefile().readline())


def metrics(front):
    said = asked(front, "metrics")
    return {name: said[name] for name in ("logins", "verdicts")}


def graph(front, step):
    """What its points add up to."""
    said = asked(front, f"trend.{step}")
    sums = [sum(row[n + 1] for row in said["rows"])
            for n in range(len(said["names"]))]
    return {name: number for name, number in zip(said["names"], sums)
            if name in ("sessions", "messages", "logins", "failed")}


def test_graphs_outlast_an_upgrade_and_a_restart(pair, strangers):
    """Minutes and hours, those that go on too."""
    _, front = pair
    wanted = {"sessions": 4, "messages": 1, "logins": 1, "failed": 3}

    def both():
        return [graph(front, step) for step in ("minutes", "hours")]
    guesses(front.ports["mx"], strangers[0], 3)
    with greeted(front.ports["mx"], strangers[1]) as one:
        assert one.auth_plain("anna", "secret").code == 235
        one.message(b"Subject: -1\r\n\r\nx\r\n")
        one.quit()
    wait.until(lambda: both() == [wanted, wanted], "the points")
    upgraded(front)
    assert both() == [wanted, wanted]
    guesses(front.ports["mx"], strangers[0], 1, word="after")
    wanted.update(sessions=5, failed=4)
    wait.until(lambda: both() == [wanted, wanted], "one more")
    front.end()
    front.mains.clear()
    front.spawn()
    front.wait_ready(3)
    assert both() == [wanted, wanted]


def test_what_is_torn_is_refused_whole_and_the_store_is_there(
        pair, strangers):
    _, front = pair
    guesses(front.ports["mx"], strangers[0], 5)
    guesses(front.ports["mx"], strangers[1], 3)
    assert banned(front) == [strangers[0]]
    relayed(front, TORN)
    upgraded(front)
    front.wait_event("memory-refused")
    assert banned(front) == [strangers[0]]
    guesses(front.ports["mx"], strangers[1], 2, word="after")
    assert banned(front) == [strangers[0]]
    guesses(front.ports["mx"], strangers[1], 3, word="more")
    wait.until(lambda: len(banned(front)) == 2, "a ban of five new ones")


@pytest.mark.parametrize("way", ["go", "keeper"])
def test_the_one_that_comes_back_has_counted_too(pair, strangers, way):
    """keeper: the new one was killed when its own keeper ran already."""
    server, front = pair
    guesses(front.ports["mx"], strangers[0], 3)
    with greeted(front.ports["mx"], strangers[1]) as old:
        for n in range(3):
            assert old.auth_plain("anna", f"old-{n}").code == 535
        if way == "go":
            front.replace(IMPOSTOR.replace("UNTIL", "go"))
        else:
            relayed(front, KILLED)
        code, said = front.upgrade()
        assert code == 1 and "ended before it served" in said, said
        assert front.process.poll() is None
        guesses(front.ports["mx"], strangers[0], 2, word="after")
        for n in range(2):
            assert old.auth_plain("anna", f"more-{n}").code in (535, 421)
    wait.until(lambda: sorted(banned(front)) == sorted(strangers[:2]),
               "both bans")
    front.replace()
    upgraded(front)
    assert sorted(banned(front)) == sorted(strangers[:2])
