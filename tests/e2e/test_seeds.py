"""Whatever the server's words are, the outcome is the same.

Nobody has seen what a Domino says to a login. Here each seed is another
Domino: other texts, other order of keywords, other ways of cutting replies
and of leaving behind a 535.
"""

import pytest

from harness.raw import Broken, Closed

SEEDS = range(12)
CHUNKS = ("whole", "line", "byte", "crlf", "coalesced")
CLOSES = ("no", "yes", "fin_before_reply_read")
FAILURES = 3


@pytest.fixture
def dominos(double, postern):
    """{seed: double}, and one postern with a door for each."""
    servers = {seed: double(
        name=f"domino{seed}", seed=seed, auth_clear="PLAIN LOGIN",
        f_8bit=bool(seed % 2), chunks=CHUNKS[seed % len(CHUNKS)],
        close_after_535=CLOSES[seed % len(CLOSES)]) for seed in SEEDS}
    front = postern(
        {f"at{seed}": {"backend": f"domino{seed}"} for seed in SEEDS},
        {f"domino{seed}": {"servers": [server.address]}
         for seed, server in servers.items()},
        options={"source_limit": {"delay": "0s", "failures": FAILURES},
                 # The same guesses at each server.
                 "refused_pair": {"mode": "off"},
                 "banned": {"answer": "close"}})
    return servers, front


def login(c, password):
    c.reply(220)
    c.ehlo()
    return c.auth_plain(password=password).code


def test_every_domino_takes_mail(dominos, client):
    servers, front = dominos
    for seed, server in servers.items():
        c = client(front.ports[f"at{seed}"])
        assert login(c, "secret") == 235
        c.message(b"Subject: %d\r\n\r\n.\r\n" % seed)
        c.quit()
        assert server.octets(server.wait_for("message")) == \
            b"Subject: %d\r\n\r\n.\r\n" % seed


def test_every_535_counts_once(dominos, client, strangers):
    servers, front = dominos
    for seed, server in servers.items():
        port, source = front.ports[f"at{seed}"], strangers[seed]
        for guess in range(FAILURES):
            assert login(client(port, source=source), f"no{guess}") == 535
        front.wait_event("ban", count=seed + 1)
        with pytest.raises((Broken, Closed, OSError)):
            client(port, source=source).reply(220)
        assert len(server.of("auth", ok=False)) == FAILURES
