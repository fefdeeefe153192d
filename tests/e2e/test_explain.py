"""posternctl explain, as somebody who was called at night needs it: by what a
refused client reads out, by an address, by a name; also after a restart."""

import re
import subprocess

import pytest

import attack
from harness.postern import binary
from harness.raw import Broken


@pytest.fixture
def site(double, postern):
    server = double(auth_clear="LOGIN PLAIN", t_535="535 no")
    return postern({"mx": {}}, [server.address], options={
        "workers": 1, "banned": {"answer": "refuse"},
        "source_limit": {"delay": "0s", "failures": 3, "ban": "1h"}})


def refusal(port, source):
    """What a banned client reads: the text of the 421 or 554."""
    with attack.Client(port, source=source) as one:
        try:
            return str(one.reply())
        except Broken as error:
            return str(error)


def refused(front, *words):
    """The code and what stands on standard error."""
    done = subprocess.run([binary("posternctl"), "--socket", front.control,
                           *words], capture_output=True, text=True, timeout=30)
    return done.returncode, done.stderr


def test_what_a_refused_client_reads_leads_to_the_way_out(site, strangers):
    front, (source, other) = site, strangers[:2]
    port = front.ports["mx"]
    attack.guesses(port, source, 3)
    front.wait_event("ban", src=source)
    reference = re.search(r"\(ref ([0-9A-Z]+)\)", refusal(port, source))[1]
    assert attack.guess(port, other, user="berta", secret="secret") == 535
    attack.settled(front)
    attack.stored(front)
    front.stop_clean()
    front.spawn()
    front.wait_ready(2)

    said = front.ctl("explain", reference.lower())
    first = said.splitlines()[0]
    assert first.startswith(f"{source} is banned, for another ")
    assert "too many failed logins from this source" in first
    assert f"to lift it    posternctl bans del {source}" in said
    assert f"never again   posternctl allow add {source}" in said
    assert re.search(r"refusal +" + re.escape(source), said)

    said = front.ctl("explain", source)
    lines = [line for line in said.splitlines() if "auth-failed" in line]
    assert len(lines) == 3 and all("anna" in line for line in lines)
    assert re.search(r"ban +" + re.escape(source) + " +source-limit", said)

    said = front.ctl("explain", "berta", json_out=True)
    assert [place["source"] for place in said["places"]] == [other]
    assert said["places"][0]["failures"] == 1

    # The command that it names does it.
    command = re.search(r"to lift it +posternctl (.*)",
                        front.ctl("explain", source))[1]
    front.ctl(*command.split())
    assert attack.guess(front.ports["mx"], source, secret="secret") == 235
    assert "is not banned" in front.ctl("explain", source).splitlines()[0]

    code, said = refused(front, "explain", "0123456789ABC")
    assert code == 1
    assert "is it complete?" in said and "look for ref=" in said


def test_days_are_shown_for_eyes(site, strangers):
    port = site.ports["mx"]
    attack.guesses(port, strangers[0], 3)
    site.wait_event("ban", src=strangers[0])
    assert attack.guess(port, strangers[1], secret="secret") == 235
    attack.settled(site)
    said = site.ctl("status", "--days", "2").splitlines()
    assert said[0].split()[:4] == ["DAY", "(UTC)", "LOGINS", "GUESSES"]
    assert re.fullmatch(
        r"\d{4}-\d\d-\d\d +1 +3 +3 +2 +0 +source-limit 1 *", said[-1])
    code, said = refused(site, "bans", "list", "--days", "2")
    assert code == 2 and "--days belongs to status" in said
    code, said = refused(site, "status", "--days", "x")
    assert code == 2 and "number of days" in said


def test_a_user_is_one_whatever_his_name_looks_like(site, strangers):
    port = site.ports["mx"]
    for name in ("192.0.2.77", "0123456789ABC"):
        assert attack.guess(port, strangers[2], user=name) == 535
        attack.settled(site)
        attack.stored(site)
        told = site.ctl("user", name, json_out=True)
        assert told["user"] == name
        assert [place["source"] for place in told["places"]] == [strangers[2]]
    assert "address" in site.ctl("explain", "192.0.2.77", json_out=True)
    code, said = refused(site, "user", "nobody-so-far")
    assert code == 1 and "no login of a user with this name" in said
    assert refused(site, "user")[0] == 2
    assert "anna" in site.ctl("user", "forget", "anna")
