"""The keeper hangs while something else goes wrong, too.

It is stopped, not dead: its lines stay open and nobody starts it anew. Doors
still open, a reload still comes through, and what it did not hear of in time
is counted when it is back.
"""

import threading

import pytest

import attack
from attack import greeted, guess, processes, process_of
from harness import wait
from harness.raw import Client

LIMIT = 5
VERDICT_S = 5       # then a login goes on without the keeper
SYNC_S = 3          # then a new worker's door opens without it
SPARE_S = 3         # a loaded machine


@pytest.fixture
def site(double, postern, strangers):
    """site(**options): (server, front)."""
    def start(server=None, **options):
        behind = double(auth_clear="LOGIN PLAIN", t_535="535 no",
                        **(server or {}))
        options.setdefault("workers", 1)
        options["banned"] = {"answer": "close"}
        options["source_limit"] = {"failures": LIMIT, "delay": "0s"}
        return behind, postern({"mx": {}}, [behind.address], options=options)
    return start


def test_a_dead_worker_is_replaced(site, strangers):
    server, front = site()
    with attack.stopped(process_of(front, "keeper")):
        attack.kill(front, "worker")
        with attack.timed(longest_s=SYNC_S + SPARE_S):
            with Client(front.ports["mx"]) as client:
                client.reply(220)
    assert guess(front.ports["mx"], strangers[0], secret="secret") == 235


def test_a_reload_while_old_workers_die(site, strangers):
    """Nobody starts a worker of the old plan with the new one."""
    server, front = site(workers=4)
    old = processes(front)["worker"]
    with attack.stopped(process_of(front, "keeper")):
        front.options["workers"] = 1
        front.write_conf()
        front.reload()
        front.wait_until(lambda: set(processes(front)["worker"]) - set(old),
                         "the new worker")
        for pid in sorted(old)[2:]:
            attack.kill_pid(pid)
        front.wait_event("reload", timeout_s=SYNC_S + SPARE_S)
        for _ in range(20):
            with Client(front.ports["mx"]) as client:
                client.reply(220)
    assert front.sanitizer_report() is None
    assert guess(front.ports["mx"], strangers[0], secret="secret") == 235
    assert attack.guesses(front.ports["mx"], strangers[1], LIMIT + 1) == \
        [535] * LIMIT + [None]
    wait.until(lambda: len(processes(front)["worker"]) == 1,
               "end of the old workers")
    assert len(front.ctl("status", json_out=True)["workers"]) == 1


def test_guesses_let_through_are_counted_when_it_is_back(site, strangers):
    """policy_unavailable = allow; it is back before the server's 535."""
    server, front = site({"delay_auth": 1500}, workers=3)
    port, source, many = front.ports["mx"], strangers[0], 2 * LIMIT + 2
    clients = [greeted(port, source) for _ in range(many)]
    codes = []

    def one(client, number):
        codes.append(client.auth_plain("anna", f"guess-{number}").code)
        client.close()
    threads = [threading.Thread(target=one, args=pair, daemon=True)
               for pair in zip(clients, range(many))]
    with attack.stopped(process_of(front, "keeper")):
        for thread in threads:
            thread.start()
        server.wait_for(lambda e: e["event"] == "command" and
                        "AUTH" in e["line"], count=many,
                        timeout_s=VERDICT_S + SPARE_S)
        assert not codes and not attack.reached(server)
    front.wait_event("ban", src=source)
    for thread in threads:
        thread.join(attack.NEVER_S)
    assert attack.explain(front, source)["banned"]
    assert guess(port, source, secret="one more") is None
    assert len(attack.reached(server)) == many
    # The others are not made to pay.
    assert guess(port, strangers[1], secret="secret") == 235


def test_a_right_login_let_through_is_not_counted(site, strangers):
    server, front = site({"delay_auth": 500})
    client = greeted(front.ports["mx"], strangers[0])
    with attack.stopped(process_of(front, "keeper")):
        client.line("AUTH PLAIN " + attack.plain_token("anna", "secret"))
        server.wait_for(lambda e: e["event"] == "command" and
                        "AUTH" in e["line"], timeout_s=VERDICT_S + SPARE_S)
    client.reply(235)
    attack.settled(front)
    assert attack.counted(front, strangers[0]) == 0
