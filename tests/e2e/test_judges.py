"""Outside judges: scanners and attackers that others wrote, at our door.

All run at once, each from an address of its own, and each has a deadline.
None of them can be told its source address: a route to an address that only
this tool calls gives it. docs/security/judges.md says what is excluded.
"""

import contextlib
import json
import os
import shutil
import signal
import subprocess
import time
import xml.etree.ElementTree as xml

import pytest

import attack
from harness import net
from harness.double import Double
from harness.postern import Postern, binary

TOOL_S = 240        # on a machine that does much else; alone, 40 s
SPIN_S = 20         # a banned hydra may go on for minutes; it is ended
FAILURES = 5
CLEAR, IMPLICIT = 25, 465       # what tools know as SMTP; the network is ours
LISTENERS = {
    "mx": {"bind": f"0.0.0.0:{CLEAR}", "starttls": "optional"},
    "smtps": {"bind": f"0.0.0.0:{IMPLICIT}", "tls": "implicit"},
}
GUESSES = [f"guess-{n}" for n in range(199)]
USERS = {name: f"{name}-secret" for name in ("anna", "bert", "carl", "dora",
                                             "emil")}
SCRIPTS = ("smtp-commands", "smtp-open-relay", "smtp-enum-users",
           "smtp-ntlm-info", "smtp-vuln-cve2010-4344",
           "smtp-vuln-cve2011-1720", "smtp-vuln-cve2011-1764",
           "smtp-strangeport", "ssl-enum-ciphers", "ssl-heartbleed",
           "ssl-ccs-injection", "ssl-poodle", "ssl-dh-params", "sslv2")
# What testssl.sh says of any host in a test, by its id.
EXCLUDED = {
    "engine_problem": "Debian's openssl has no GOST engine to test with",
    "cert_trust": "the tool calls an address, the certificate has a name",
    "cert_expirationStatus": "test certificates live for 30 days",
    "cert_notAfter": "test certificates live for 30 days",
    "cert_revocation": "the test's authority publishes nothing",
}
# And what it may say when it was itself too fast: its client is gone before
# the ticket, which TLS 1.3 sends after the handshake, and it then "connects"
# with an empty file. test_tls.py holds that sessions are resumed.
TOO_FAST = {
    "sessionresumption_ticket": "check failed because of connect problem",
}
FINE = ("OK", "INFO", "DEBUG")


class Bench:
    """postern, the double behind it, and the tools that run against it."""

    def __init__(self, folder, certs):
        self.folder, self.certs = folder, certs
        self.server = Double(folder, auth_clear="LOGIN PLAIN", users=USERS,
                             auth_tls="LOGIN PLAIN", cert=certs.rsa,
                             t_535="535 no")
        self.front = Postern(
            folder, LISTENERS, [self.server.address], bind_ip="0.0.0.0",
            certificates={"rsa": certs.rsa, "ec": certs.ecdsa},
            options={"source_limit": {"delay": "0s",
                                      "failures": FAILURES}}).start()
        self.running, self.doors = {}, 10
        self.began = time.monotonic()

    def door(self):
        """An address of postern; who calls it comes from one like it."""
        self.doors += 1
        net.ip("route", "add", "local", f"198.51.100.{self.doors}/32", "dev",
               "lo", "src", f"203.0.113.{self.doors}")
        return f"198.51.100.{self.doors}"

    def begin(self, name, *argv):
        if not shutil.which(argv[0]):
            return
        with open(self.path(f"{name}.said"), "wb") as said:
            self.running[name] = subprocess.Popen(
                [str(word) for word in argv], stdin=subprocess.DEVNULL,
                stdout=said, stderr=said, cwd=self.folder,
                start_new_session=True)

    def process(self, name):
        if name not in self.running:
            pytest.skip(f"no tool for {name}")
        return self.running[name]

    def end(self, process):
        """With all that it has forked: hydra does not wait for its own."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()

    def said(self, name):
        """What the tool has said, once it has ended."""
        self.process(name).wait(TOOL_S)
        return self.path(f"{name}.said").read_text(errors="replace")

    def path(self, name):
        return self.folder / name

    def words(self, user):
        path = self.path(f"words-{user}")
        path.write_text("\n".join([*GUESSES, USERS[user]]) + "\n")
        return path

    def stop(self):
        for process in self.running.values():
            self.end(process)
        self.front.stop_clean()
        self.server.stop()


def scanners(bench):
    testssl = ("testssl", "--quiet", "--color", "0", "--warnings", "off",
               "--nodns", "none", "-p", "-s", "-f", "-U")
    bench.begin("testssl-mx", *testssl, "-t", "smtp", "--jsonfile",
                bench.path("testssl-mx.json"), f"{bench.door()}:{CLEAR}")
    bench.begin("testssl-smtps", *testssl, "-S", "--add-ca", bench.certs.ca,
                "--jsonfile", bench.path("testssl-smtps.json"),
                f"{bench.door()}:{IMPLICIT}")
    bench.begin("sslscan-mx", "sslscan", "--starttls-smtp",
                f"--xml={bench.path('sslscan-mx.xml')}",
                f"{bench.door()}:{CLEAR}")
    bench.begin("sslscan-smtps", "sslscan",
                f"--xml={bench.path('sslscan-smtps.xml')}",
                f"{bench.door()}:{IMPLICIT}")
    users = bench.path("users")
    users.write_text("\n".join(USERS) + "\n")
    nmap = ("nmap", "-sT", "-Pn", "-n")
    bench.begin("nmap", *nmap, "-p", f"{CLEAR},{IMPLICIT}", "--script",
                ",".join(SCRIPTS), "--script-args", f"userdb={users}", "-oX",
                bench.path("nmap.xml"), bench.door())
    user = bench.path("nmap-user")
    user.write_text("emil\n")
    bench.begin("nmap-brute", *nmap, "-p", CLEAR, "--script", "smtp-brute",
                "--script-args",
                f"userdb={user},passdb={bench.words('emil')},"
                f"brute.retries=0,unpwdb.timelimit=60s",
                "-oX", bench.path("nmap-brute.xml"), bench.door())


# name: (user, port, connections at once, more)
ATTACKS = {
    "hydra-login": ("bert", CLEAR, 8, ()),
    "hydra-starttls": ("carl", CLEAR, 16, ("-m", "TLS:PLAIN")),
    "hydra-implicit": ("dora", IMPLICIT, 4, ("-S",)),
}


def hydra(bench, name, user, host, port, tasks, more=()):
    bench.begin(name, "hydra", "-I", "-l", user, "-P", bench.words(user),
                "-t", tasks, "-w", 5, "-s", port, *more, host, "smtp")


@pytest.fixture(scope="module")
def bench(session_folder, certs):
    if not net.inside():
        pytest.skip("needs root for a network of its own")
    if not binary().exists():
        pytest.skip(f"{binary()} is not built")
    folder = session_folder / "judges"
    folder.mkdir()
    one = Bench(folder, certs)
    try:
        for name, (user, port, tasks, more) in ATTACKS.items():
            hydra(one, name, user, one.door(), port, tasks, more)
        scanners(one)
        yield one
    finally:
        one.stop()


@pytest.fixture(autouse=True)
def logs(bench, request):
    request.node.programs = [bench.server, bench.front]


# Attackers

def lets_in(source):
    assert attack.guess(CLEAR, source, secret=USERS["anna"]) == 235


@pytest.mark.parametrize("name", ATTACKS)
def test_hydra_brings_5_of_200_guesses_to_the_server(bench, name, strangers):
    process, user = bench.process(name), ATTACKS[name][0]
    bench.server.wait_for("auth", count=FAILURES, user=user,
                          timeout_s=TOOL_S)
    ends = max(bench.began + SPIN_S, time.monotonic() + 2)
    while process.poll() is None and time.monotonic() < ends:
        lets_in(strangers[1])
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(1)
    bench.end(process)
    said = bench.said(name)
    lets_in(strangers[2])
    guesses = attack.reached(bench.server, user=user)
    assert [one["ok"] for one in guesses] == [False] * FAILURES, said
    assert USERS[user] not in said, said


def test_hydra_finds_the_password_where_postern_is_not(bench, session_folder,
                                                       certs):
    folder = session_folder / "judged-alone"
    folder.mkdir()
    alone = Double(folder, auth_clear="LOGIN PLAIN", users=USERS,
                   t_535="535 no", cert=certs.rsa)
    try:
        # It loses a thread now and then, and with it its result.
        for name in ("alone", "alone-again", "alone-at-last"):
            hydra(bench, name, "bert", alone.host, alone.port, 16)
            said = bench.said(name)
            if "password: " in said:
                break
        assert f"password: {USERS['bert']}" in said, said
        assert len(attack.reached(alone, user="bert")) >= 100
    finally:
        alone.stop()


def test_nmap_guesses_behind_no_ehlo_and_brings_none(bench):
    said = bench.said("nmap-brute")
    assert "No valid accounts found" in said, said
    assert "Performed" in said
    assert attack.reached(bench.server, user="emil") == []


# testssl.sh

MUST_BE_OK = {
    "SSLv2", "SSLv3", "TLS1_2", "TLS1_3", "cipherlist_NULL",
    "cipherlist_aNULL", "cipherlist_EXPORT", "cipherlist_LOW",
    "cipherlist_STRONG", "PFS", "heartbleed", "CCS", "ROBOT",
    "secure_renego", "secure_client_renego", "CRIME_TLS", "POODLE_SSL",
    "fallback_SCSV", "SWEET32", "FREAK", "DROWN", "LOGJAM", "BEAST",
    "LUCKY13", "RC4",
}
MUST_NOT_BE_OFFERED = {"TLS1", "TLS1_1", "cipherlist_3DES_IDEA",
                       "cipherlist_AVERAGE"}


@pytest.mark.parametrize("name", ["testssl-mx", "testssl-smtps"])
def test_testssl_finds_nothing(bench, name):
    said = bench.said(name)
    found = {}
    for one in json.loads(bench.path(f"{name}.json").read_text()):
        found[one["id"]] = (one["severity"], one["finding"])
    wrong = {key: value for key, value in found.items()
             if value[0] not in FINE and key.split()[0] not in EXCLUDED
             and TOO_FAST.get(key) != value[1]}
    assert not wrong, wrong
    assert {key for key in MUST_BE_OK
            if found.get(key, ("",))[0] != "OK"} == set(), said
    for key in MUST_NOT_BE_OFFERED:
        assert found[key][1] == "not offered", key


# sslscan

@pytest.mark.parametrize("name", ["sslscan-mx", "sslscan-smtps"])
def test_sslscan_finds_only_strong_tls(bench, name):
    said = bench.said(name)
    assert bench.path(f"{name}.xml").exists(), said
    test = xml.parse(bench.path(f"{name}.xml")).find("ssltest")
    protocols = {f"{one.get('type')}{one.get('version')}"
                 for one in test.iter("protocol") if one.get("enabled") != "0"}
    assert protocols == {"tls1.2", "tls1.3"}
    ciphers = list(test.iter("cipher"))
    assert ciphers and all(
        one.get("strength") in ("strong", "acceptable")
        and int(one.get("bits")) >= 128 for one in ciphers)
    for one in ciphers:
        name = one.get("cipher")
        assert name.startswith(("TLS_", "ECDHE-")), name
        assert "GCM" in name or "CHACHA20" in name, name
    hearts = list(test.iter("heartbleed"))
    assert hearts and all(one.get("vulnerable") == "0" for one in hearts)
    assert test.find("renegotiation").get("supported") == "0"
    assert all(one.get("supported") == "0" for one in
               test.iter("compression"))
    assert all(int(one.get("bits")) >= 112 for one in test.iter("group"))


# nmap

@pytest.fixture(scope="module")
def nmap(bench):
    """{port: {script: element}}"""
    said = bench.said("nmap")
    assert bench.path("nmap.xml").exists(), said
    return {int(port.get("portid")): {script.get("id"): script for script in
                                      port.iter("script")}
            for port in xml.parse(bench.path("nmap.xml")).iter("port")}


def output(nmap, port, script):
    element = nmap[port].get(script)
    return "" if element is None else element.get("output")


@pytest.mark.parametrize("port", [CLEAR, IMPLICIT])
def test_nmap_finds_nothing_to_attack(nmap, port):
    assert "all tests failed" in output(nmap, port, "smtp-open-relay")
    assert "NOT VULNERABLE" in output(nmap, port, "smtp-vuln-cve2010-4344")
    for script in ("smtp-vuln-cve2011-1720", "smtp-vuln-cve2011-1764",
                   "smtp-ntlm-info", "smtp-strangeport", "ssl-heartbleed",
                   "ssl-ccs-injection", "ssl-poodle", "ssl-dh-params",
                   "sslv2"):     # they speak when they find something
        assert output(nmap, port, script) == "", script
    users = output(nmap, port, "smtp-enum-users")
    assert users and not any(user in users for user in USERS), users


@pytest.mark.parametrize("port", [CLEAR, IMPLICIT])
def test_nmap_sees_the_servers_words_and_ours(nmap, port):
    words = output(nmap, port, "smtp-commands")
    assert "AUTH LOGIN PLAIN" in words and "PIPELINING" in words
    assert ("STARTTLS" in words) == (port == CLEAR)
    assert "Enter one of the following commands" in words   # HELP passes


@pytest.mark.parametrize("port", [CLEAR, IMPLICIT])
def test_nmap_gives_every_cipher_an_a(nmap, port):
    script = nmap[port]["ssl-enum-ciphers"]
    tables = {table.get("key") for table in script.findall("table")}
    assert tables == {"TLSv1.2", "TLSv1.3"}
    strengths = [one.text for one in script.iter("elem")
                 if one.get("key") == "strength"]
    assert strengths and set(strengths) == {"A"}
    compressors = [elem.text for table in script.iter("table")
                   if table.get("key") == "compressors"
                   for elem in table.iter("elem")]
    assert set(compressors) == {"NULL"}
