"""Reloads while 50 clients go on: a thousand, wrong ones, without a DNS."""

import contextlib
import json
import os
import re
import shutil
import socket
import ssl
import subprocess

import pytest

import attack
from attack import processes
from dns_stub import Dns, asks_stub
from harness import wait
from harness.postern import Postern, binary
from harness.raw import Client
from load import MANY, Before, Load

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="needs root")

THOUSAND = 1000
NAME = "mail.fault.test"


@pytest.fixture
def chain_and_key(folder, certs):
    pair = folder / "chain.pem", folder / "key.pem"
    put(pair, certs.rsa)
    return pair


def put(pair, pems):
    """As a program that renews certificates does."""
    for path, pem in zip(pair, pems):
        new = path.with_suffix(".new")
        shutil.copy(pem, new)
        os.replace(new, path)


@pytest.fixture
def site(double, postern, chain_and_key, monkeypatch):
    # What was freed shall not count as memory in use.
    monkeypatch.setenv("POSTERN_ASAN_OPTIONS", "detect_leaks=1:"
                       "abort_on_error=0:quarantine_size_mb=1")
    server = double(auth_clear="LOGIN PLAIN", t_535="535 no")
    front = postern(
        {"mx": {"starttls": "optional", "banner": "first"}},
        [server.address], certificates={"main": chain_and_key},
        options={"source_limit": {"mode": "off"}})
    return server, front


def ask_reload(sock):
    """Over one control connection: what was said."""
    sock.sendall(b'{"command":"reload"}\n')
    return json.loads(sock.makefile().readline())


@contextlib.contextmanager
def control(front):
    with socket.socket(socket.AF_UNIX) as sock:
        sock.settimeout(wait.DEADLINE_S)
        sock.connect(str(front.control))
        yield sock


def shown(front):
    """The certificate that a new client gets."""
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    with attack.greeted(front.ports["mx"]) as c:
        c.starttls(context)
        return c.sock.getpeercert(binary_form=True)


def der(path):
    text = path.read_text()
    return ssl.PEM_cert_to_DER_cert(text[text.index("-----BEGIN"):])


def resident_kb(pid):
    with open(f"/proc/{pid}/statm") as file:
        return int(file.read().split()[1]) * 4


def check(load, server, before, source):
    assert load.wrong == [] and load.book.losses == 0, load.book.losses
    assert load.book.check(server) >= MANY
    before.check(source)


def test_thousand_reloads_and_a_new_certificate(site, strangers, certs,
                                                chain_and_key):
    """Nobody is dropped: a reload that changes nothing touches nobody."""
    server, front = site
    before = Before(front)
    first = processes(front)["worker"]
    with Load(front, strangers[:MANY]) as load, control(front) as sock:
        assert shown(front) == der(certs.rsa[0])
        for number in range(THOUSAND):
            if number == THOUSAND // 10:
                memory = resident_kb(front.process.pid)
            if number == THOUSAND // 2:
                put(chain_and_key, certs.ecdsa)
            ask_reload(sock)
        grown = resident_kb(front.process.pid) - memory
        assert shown(front) == der(certs.ecdsa[0])
    check(load, server, before, strangers[60])
    assert grown < 4096, f"{grown} KB"
    assert not set(first) & set(processes(front)["worker"])


def test_hundred_reloads_that_change_something(site, strangers):
    """Of those who stay, eight generations may be there; who was in before
    is told to come again between two messages, and no mail is lost."""
    server, front = site
    before = Before(front)
    most = 0
    with Load(front, strangers[:MANY]) as load, control(front) as sock:
        for number in range(100):
            front.listeners["mx"]["banner"] = f"number {number}"
            front.write_conf()
            ask_reload(sock)
            most = max(most, len(processes(front)["worker"]))
        load.more(MANY)
    # Those that were told to end may take their grace: on a busy machine
    # more than eight generations are there for a moment, but never all.
    assert most <= 100, most
    assert load.wrong == [] and load.book.check(server) >= MANY
    before.check(strangers[60])


def test_certificate_that_comes_while_it_reloads(site, certs, chain_and_key):
    """It is seen, though the files were read a moment before."""
    server, front = site
    with attack.stopped(attack.process_of(front, "keeper")):
        front.listeners["mx"]["banner"] = "second"  # new workers wait for it
        front.write_conf()
        front.reload()
        wait.until(lambda: len(processes(front)["worker"]) == 4, "new ones")
        put(chain_and_key, certs.ecdsa)
        front.wait_event("reload")
    wait.until(lambda: shown(front) == der(certs.ecdsa[0]), "it", 8)


# Wrong files

WRONG = {
    "syntax": lambda t, f: t.replace("listener mx {", "listener mx {{", 1),
    "no certificate": lambda t, f: t.replace("chain.pem", "none.pem", 1),
    "regular expression": lambda t, f: t.replace(
        "backend domino {", 'backend domino {\n    auth_failed = "(("', 1),
    "two listeners of one name": lambda t, f: t + t[t.index("listener mx"):
                                                    t.index("backend ")],
    "two listeners of one port": lambda t, f: t + t[
        t.index("listener mx"):t.index("backend ")].replace("mx", "my", 1),
    "port taken": lambda t, f: t + "listener more {\n    bind = "
    f'"127.0.0.1:{f.taken}"\n    backend = "domino"\n}}\n',
}
ONLY_AT_RUN = {"port taken"}    # `check` opens no port


def test_wrong_files(site, double, strangers):
    server, front = site
    front.taken = double(name="other").port
    before, workers = Before(front), processes(front)["worker"]
    good = front.conf_path.read_text()
    with Load(front, strangers[:MANY]) as load, control(front) as sock:
        for name, spoil in WRONG.items():
            # A right change beside the wrong one must not come into force.
            text = spoil(good.replace('"first"', '"second"'), front)
            front.conf_path.write_text(text)
            answer = ask_reload(sock)
            assert not answer["ok"], (name, answer)
            code = subprocess.run([binary(), "check", front.conf_path],
                                  capture_output=True).returncode
            assert code == (0 if name in ONLY_AT_RUN else 78), name
            with Client(front.ports["mx"]) as c:
                assert c.reply(220).text == "first", name
        front.conf_path.unlink()    # root may read all files but none
        assert not ask_reload(sock)["ok"]
        front.conf_path.mkdir()
        assert not ask_reload(sock)["ok"]
        front.conf_path.rmdir()
        load.more(MANY)
        front.conf_path.write_text(good)
        assert ask_reload(sock)["ok"]
    assert sorted(processes(front)["worker"]) == sorted(workers)
    check(load, server, before, strangers[60])


# The DNS

@pytest.fixture
def dns():
    one = Dns()
    yield one
    one.close()


def test_dns_away(dns, double, postern, folder, strangers):
    """Known addresses stay in use; the supervisor serves meanwhile; a start
    without any says so in time and is not a wrong configuration."""
    server = double(auth_clear="LOGIN PLAIN", t_535="535 no")
    place = f"{NAME}:{server.port}"
    front = asks_stub(postern({"mx": {"banner": "at first"}}, [place],
                              run=False, options={
        "source_limit": {"mode": "off"}}), folder, "timeout:1 attempts:2")
    front.start()
    before = Before(front)
    dns.mode = "silent"
    late = asks_stub(Postern(folder, {"mx": {}}, [place], name="late"),
                     folder, "timeout:30")
    with Load(front, strangers[:MANY]) as load, attack.timed(longest_s=14):
        late.spawn()
        for count, mode in enumerate(("silent", "garbage", "failure",
                                      "unknown"), 1):
            dns.mode, asked = mode, dns.asked
            front.listeners["mx"]["banner"] = mode
            front.write_conf()
            front.reload()
            wait.until(lambda: dns.asked > asked, "a question")
            if mode == "silent":    # it waits for the answer; we do not
                with attack.timed(longest_s=1.9):   # it waits for two
                    front.kill_with(10)     # SIGUSR1
                    assert front.ctl("status", json_out=True)["workers"]
                    gone = processes(front)["worker"][0]
                    attack.kill_pid(gone)
                    wait.until(lambda: len(processes(front)["worker"]) == 2,
                               "a new worker")
            front.wait_event("reload", count, level="info", timeout_s=8)
            assert len(front.events("names")) == count
            with Client(front.ports["mx"]) as c:
                assert c.reply(220).text == mode
        dns.mode = "right"
        front.listeners["mx"]["banner"] = "again"
        front.write_conf()
        front.ctl("reload")
        assert len(front.events("names")) == 4
        load.more(MANY)
        # At its start it asks for ten seconds, and leaves.
        dns.mode = "silent"
        assert late.process.wait(14) == 71
    assert re.search(rf"cannot resolve {place}: no answer in time",
                     late.log())
    # One worker was killed, and its sessions with it.
    assert load.wrong == [] and load.book.losses <= MANY
    load.book.check(server)
    before.check(strangers[60])
