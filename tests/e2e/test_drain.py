"""What a reload and an end leave behind: old workers, and who is still inside.

A worker that drains takes no client away from those that serve; nobody who is
inside is cut by a reload; and a supervisor's death leaves the port to the next
one while a message in transit comes to its end.
"""

import contextlib
import os
import signal
import threading
import time

import pytest

import attack
from attack import greeted, processes, worker_of
from harness import wait
from harness.raw import Broken, Client

BODY = b"Subject: x\r\n\r\nhello\r\n"
ONCE_S = 2          # a loaded machine and sanitizers; at once is meant


@pytest.fixture
def site(double, postern):
    """site(**options): (server, front)."""
    def start(listener=None, certificates=None, **options):
        server = double(auth_clear="LOGIN PLAIN")
        return server, postern({"mx": listener or {}}, [server.address],
                               certificates=certificates, options=options)
    return start


def one_in_each(front, count):
    """{pid: an open session of this worker}, for that many workers."""
    found = {}
    for _ in range(50 * count):
        one = greeted(front.ports["mx"])
        if found.setdefault(worker_of(front, one), one) is not one:
            one.close()
        if len(found) == count:
            return found
    raise AssertionError(f"{count} workers, clients only at {len(found)}")


def workers_are(front, count):
    return lambda: len(processes(front)["worker"]) == count


def in_message(front):
    """A client in the middle of a message."""
    one = greeted(front.ports["mx"])
    one.envelope()
    one.cmd("DATA", 354)
    one.send(BODY[:12])
    return one


def end_message(one):
    one.send(BODY[12:] + b".\r\n")
    one.reply(250)


# After a reload

def test_fewer_workers_greet_everybody_at_once(site):
    """Old workers with sessions keep no door that nobody opens."""
    server, front = site(workers=4)
    old = one_in_each(front, 4)
    front.options["workers"] = 1
    front.write_conf()
    front.reload()
    front.wait_event("reload")
    for _ in range(40):
        with attack.timed(longest_s=ONCE_S):
            with Client(front.ports["mx"], timeout_s=ONCE_S) as new:
                new.reply(220)
    assert set(old) < set(processes(front)["worker"])
    for one in old.values():
        one.message(BODY)
        one.quit()
    wait.until(workers_are(front, 1), "end of the old workers")
    assert len(server.messages()) == 4


@pytest.mark.parametrize("inside", [True, False])
def test_who_connects_during_a_reload_is_greeted(site, inside):
    """From 4 workers to 1 and back, while clients come without a pause."""
    server, front = site(workers=4)
    old = one_in_each(front, 4).values() if inside else []
    stop, troubles, counts = threading.Event(), [], [0] * 3

    def knock(place):
        while not stop.is_set():
            try:
                with Client(front.ports["mx"], timeout_s=ONCE_S) as one:
                    one.reply(220)
                counts[place] += 1
            except (Broken, OSError) as error:
                troubles.append(repr(error))
    threads = [threading.Thread(target=knock, args=(place,), daemon=True)
               for place in range(3)]
    for thread in threads:
        thread.start()
    for count, workers in enumerate([1, 4, 1], 1):
        front.options["workers"] = workers
        front.write_conf()
        front.reload()
        front.wait_event("reload", count)
        seen = sum(counts)
        front.wait_until(lambda: troubles or sum(counts) > seen + 30,
                         "more clients")
    stop.set()
    for thread in threads:
        thread.join(attack.NEVER_S)
    assert not troubles, (len(troubles), troubles[:3], counts)
    for one in old:
        one.quit()


def test_a_refused_reload_leaves_no_door_that_nobody_opens(site, double):
    """Sockets for more workers that never came."""
    server, front = site(workers=1)
    taken = double(name="other").port
    front.options["workers"] = 4
    front.listeners["zz"] = {"bind": [f"127.0.0.1:{taken}"],
                             "backend": "domino"}
    front.write_conf()
    front.reload()
    front.wait_event("reload-refused")
    for _ in range(20):
        with Client(front.ports["mx"], timeout_s=ONCE_S) as new:
            new.reply(220)


@pytest.mark.parametrize("why", ["hangup", "certificate"])
def test_a_reload_cuts_no_session_even_behind_the_grace(site, certs, folder,
                                                        why):
    pair = folder / "mail.pem", folder / "mail.key"
    for path, source in zip(pair, certs.rsa):
        path.write_bytes(source.read_bytes())
    server, front = site(shutdown_grace="1s", certificates={"mail": pair},
                         listener={"starttls": "optional"})
    tls = greeted(front.ports["mx"])
    tls.starttls(certs.client_context())
    tls.ehlo()
    idle, busy = greeted(front.ports["mx"]), in_message(front)
    if why == "hangup":
        front.options["workers"] = 1
        front.write_conf()
        front.reload()
    else:
        for path, source in zip(pair, certs.ecdsa):
            path.write_bytes(source.read_bytes())
    front.wait_event("reload")
    # The grace and the second behind it, and nobody hears a word.
    assert busy.silent(2.5) and idle.silent(0.05) and tls.silent(0.05)
    end_message(busy)
    for one in (idle, busy, tls):
        one.message(BODY)
        one.quit()
    assert len(server.messages()) == 4
    assert {e["end"] for e in front.events("session")} == {"quit"}
    wait.until(workers_are(front, front.options.get("workers", 2)),
               "end of the old workers")


# At the end

@pytest.mark.parametrize("order", ["reload behind stop", "stop behind reload"])
def test_a_reload_does_not_disturb_a_stop(site, order):
    server, front = site(workers=1, shutdown_grace="10s")
    busy = in_message(front)
    front.options["workers"] = 3
    front.write_conf()
    signals = [signal.SIGTERM, signal.SIGHUP]
    if order == "stop behind reload":
        signals.reverse()
    for number in signals:
        front.kill_with(number)
        if number == signal.SIGTERM:
            front.wait_event("stopping")
    wait.until(workers_are(front, 1), "end of all workers but one")
    end_message(busy)
    busy.reply(421)
    busy.expect_closed()
    assert front.process.wait(attack.NEVER_S) == 0
    assert front.events("stopped", message="all sessions are over")
    assert len(server.messages()) == 1


def greets(front):
    """Does a client hear 220 now?"""
    with contextlib.suppress(Broken, OSError):
        with Client(front.ports["mx"], timeout_s=ONCE_S) as one:
            return one.reply(220)
    return None


def test_a_dead_supervisor_leaves_port_and_message_alone(site):
    """kill -9 of it alone: what it leaves behind stops by itself."""
    server, front = site(shutdown_grace="20s")
    idle, busy = greeted(front.ports["mx"]), in_message(front)
    holder = worker_of(front, busy)
    os.kill(front.process.pid, signal.SIGKILL)
    front.process.wait()
    began = time.monotonic()

    def again():
        if not front.alive():   # as a service manager would
            front.spawn()
        return greets(front)
    wait.until(again, "banner of a new postern", ONCE_S)
    assert time.monotonic() - began < ONCE_S
    assert attack.alive(holder)
    # The old one's clients: who is between messages is told to come again.
    idle.reply(421)
    idle.expect_closed()
    end_message(busy)
    busy.reply(421)
    busy.expect_closed()
    wait.until(lambda: not attack.alive(holder), "end of the old worker")
    assert len(server.messages()) == 1
    assert greets(front)
