"""posternctl doctor on one host; wrong layouts are test_layouts.py's.

Each case is a site with one fault, which doctor must name, and one without.
"""

import json
import os
import subprocess

import pytest

from harness import net
from harness.postern import binary

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="needs root")


def examine(front, *words):
    """Its exit code, and {check: [finding]}."""
    done = subprocess.run(
        [binary("posternctl"), "--socket", front.control, "--json", "doctor",
         *words], capture_output=True, text=True, check=False)
    found = {}
    for one in json.loads(done.stdout)["findings"]:
        assert one["text"] and (one["do"] or one["level"] != "fail")
        found.setdefault(one["check"], []).append(one)
    return done.returncode, found


def levels(found, check):
    return [one["level"] for one in found[check]]


def test_a_server_that_relays_for_postern(double, postern):
    """The trap of every proxy that hides its clients."""
    open_one = double(relay_from=["127.0.0.1"])
    front = postern({"mx": {}}, [open_one.address], options={"workers": 1})
    code, found = examine(front)
    assert code == 2 and levels(found, "open relay") == ["fail"]
    assert "anti-relay" in found["open relay"][0]["do"]
    assert levels(found, "address lockout") == ["warn"]
    assert levels(found, "server") == levels(found, "rights") == ["ok"]
    assert "PIPELINING" in found["server"][0]["text"]
    # No message was sent and no login tried.
    said = [line.split()[0].upper() for line in open_one.commands()]
    assert "RCPT" in said and not {"DATA", "AUTH", "BDAT"} & set(said)


def test_a_server_that_does_not_relay(double, postern, certs):
    front = postern({"mx": {"starttls": "optional"}},
                    [double().address],
                    certificates={"mail": certs.rsa},
                    options={"workers": 1, "hostname": "other.test"})
    _, found = examine(front)
    assert levels(found, "open relay") == ["ok"]
    assert levels(found, "certificate") == ["warn"]
    assert "is not for other.test" in found["certificate"][0]["text"]
    assert levels(found, "descriptors")[0] in ("ok", "warn")


def test_a_server_that_is_away_and_one_that_is_not_known(double, postern):
    port = net.free_port()
    front = postern({"mx": {}}, [f"127.0.0.1:{port}"],
                    options={"workers": 1, "sessions_most": 1000000})
    code, found = examine(front)
    assert code == 2 and levels(found, "server") == ["fail"]
    assert "refused" in found["server"][0]["text"]
    assert levels(found, "descriptors") == ["warn"]


def test_transparent_on_one_host(double, postern):
    """The answers are here already; the server sees the stranger."""
    server = double(host_ip="203.0.113.2")
    front = postern({"mx": {}}, {"domino": {
        "servers": [server.address], "client_address": "transparent"}},
        bind_ip="203.0.113.1", options={"workers": 1})
    _, found = examine(front, "--as", "198.51.100.9")
    assert levels(found, "return path") == levels(found, "open relay") \
        == levels(found, "rights") == ["ok"]
    assert "CAP_NET_RAW" in found["rights"][0]["text"]
    assert server.of("connect")[-1]["ip"] == "198.51.100.9"


def test_for_eyes_and_wrong_words(double, postern):
    front = postern({"mx": {}}, [double().address], options={"workers": 1})
    text = front.ctl("doctor", check=False)
    assert "ok    server: " in text and "      -> " in text
    for words in (["doctor", "--as", "nobody"], ["status", "--as", "::1"]):
        done = subprocess.run(
            [binary("posternctl"), "--socket", front.control, *words],
            capture_output=True, text=True)
        assert done.returncode == 2 and "--as" in done.stderr
    done = subprocess.run(
        [binary("posternctl"), "--socket", "/nonexistent", "doctor"],
        capture_output=True, text=True)
    assert done.returncode == 3
