"""The service that comes with postern, under a real systemd in a container.

What a unit file forbids is seen only where it is in force: a key of root's, a
port below 1024, nft, folders, reload and stop, and what each process may.
"""

import os
import pathlib
import shutil
import subprocess

import pytest

from harness import postern as harness

RELEASE = harness.ROOT / "build/release"
BOOT = pathlib.Path(__file__).resolve().parent / "boot.sh"
BOOT_MOST_S = 90
CONF = """
workers = 1
listener mx { bind = {"127.0.0.1:25"} backend = "d" starttls = "optional" }
backend d { servers = {"127.0.0.1:2598"} }
certificate mail { chain = "/etc/postern/mail.pem" key = "/etc/postern/mail.key" }
firewall { backend = "nft" }
log { to = "/var/log/postern/postern.log" format = "json" }
"""
WORK = r"""#!/bin/bash
say() { "${@:2}" >"/out/$1" 2>&1; echo "exit $?" >>"/out/$1"; }
until_there() { for _ in {1..600}; do [ "$(grep -cs "$1" $log)" -ge "$2" ] && return; sleep .05; done; }
log=/var/log/postern/postern.log
say start systemctl start postern
until_there '"event":"ready"' 1
say ban posternctl bans add 203.0.113.9 --for 5m
for _ in {1..600}; do nft list ruleset | grep -q 203.0.113.9 && break; sleep .05; done
say nft nft list ruleset
for pid in $(pgrep postern); do cat /proc/$pid/comm /proc/$pid/status; done >/out/processes
say ports cat /proc/net/tcp
say greeting bash -c 'exec 3<>/dev/tcp/127.0.0.1/25; echo QUIT >&3; cat <&3'
say reload systemctl reload postern
until_there '"event":"reload"' 1
say status posternctl --json status
say files stat -c '%U %a %n' /var/lib/postern /var/lib/postern/postern.db /run/postern $log
say stop systemctl stop postern
say result systemctl show postern -p Result -p ExecMainStatus
say again systemctl start postern
until_there '"event":"ready"' 2
say banned posternctl bans list
say stop systemctl stop postern
look() { nft list ruleset; ip -4 rule; ip -6 rule; ip route show table 4025; }
mkdir /etc/systemd/system/postern.service.d
cp /postern-transparent.conf /etc/systemd/system/postern.service.d
sed -i 's/^backend d {/& client_address = "transparent"/' /etc/postern/postern.conf
systemctl daemon-reload
say transparent systemctl start postern
until_there '"event":"ready"' 3
say routes look
cat /proc/$(pgrep -n postern-worker)/status >/out/borrower
say doctor posternctl doctor
say routes-stop systemctl stop postern postern-routes
say no-routes look
say journal journalctl -u postern --no-pager
cat $log >/out/log
systemctl poweroff
"""


@pytest.fixture(scope="module")
def booted(session_folder, certs):
    """{name: what the work in the container has said}."""
    if os.geteuid() != 0 or not shutil.which("systemd-nspawn"):
        pytest.skip("needs root and systemd-container")
    files, out = session_folder / "boot-files", session_folder / "boot-out"
    out.mkdir()
    put(files / "usr/sbin/postern", RELEASE / "src/supervisor/postern", 0o755)
    put(files / "usr/bin/posternctl", RELEASE / "src/tools/posternctl", 0o755)
    conf = harness.ROOT / "conf/systemd"
    units = files / "etc/systemd/system"
    put(units / "postern.service", conf / "postern.service", 0o644)
    put(units / "postern-routes.service", conf / "postern-routes.service",
        0o644)
    put(files / "postern-transparent.conf", conf / "postern-transparent.conf",
        0o644)
    routing = harness.ROOT / "conf/routing"
    put(files / "usr/sbin/postern-routes", routing / "postern-routes", 0o755)
    put(files / "etc/postern/routes.conf", routing / "routes.conf", 0o644)
    shutil.copytree(harness.ROOT / "conf/nft", files / "usr/share/postern/nft")
    put(files / "usr/lib/sysusers.d/postern.conf", conf / "postern.sysusers",
        0o644)
    put(files / "etc/postern/mail.pem", certs.rsa[0], 0o644)
    put(files / "etc/postern/mail.key", certs.rsa[1], 0o600)
    for path, text, mode in [(files / "etc/postern/postern.conf", CONF, 0o640),
                             (files / "boot-work.sh", WORK, 0o755)]:
        path.write_text(text)
        path.chmod(mode)
    done = subprocess.run([BOOT, files, out, str(BOOT_MOST_S)],
                          capture_output=True, text=True)
    told = {path.name: path.read_text("utf-8", "backslashreplace")
            for path in out.iterdir() if path.is_file()}
    if "start" not in told:
        pytest.skip("no systemd boots in a container here: "
                    f"{done.stderr}{told.get('console', '')[-300:]}")
    return told


def put(path, source, mode):
    path.parent.mkdir(parents=True, exist_ok=True)
    shutil.copy(source, path)
    path.chmod(mode)


def test_it_starts_serves_reloads_and_stops(booted):
    for name in "start", "ban", "reload", "stop", "again", "status":
        assert booted[name].endswith("exit 0\n"), (name, booted[name])
    assert "Result=success" in booted["result"]
    assert "ExecMainStatus=0" in booted["result"]
    assert '"event":"reload"' in booted["log"]
    for event in "sandbox", "key-readable", "rights":
        assert f'"event":"{event}"' not in booted["log"], booted["log"]
    assert booted["greeting"].startswith("421 "), "port 25 does not answer"
    assert "libcap-ng used by" not in booted["journal"]


def test_S_09_rights_under_the_service(booted):
    caps = {"postern": 0x1404, "postern-worker": 0, "postern-keeper": 0,
            "postern-firewal": 0x1000}
    seen = {}
    for text in booted["processes"].split("Name:")[1:]:
        lines = dict(line.split(":", 1) for line in
                     ("Name:" + text).splitlines() if ":" in line)
        name = lines["Name"].strip()
        seen[name] = int(lines["CapEff"], 16)
        assert int(lines["CapPrm"], 16) == caps[name], name
        assert lines["NoNewPrivs"].strip() == "1"
        assert lines["Seccomp"].strip() == "2"
        assert "0" not in lines["Uid"].split(), name
    assert seen == caps


def test_its_folders_are_its_own_and_bans_are_kept(booted):
    for line in booted["files"].splitlines()[:-1]:
        assert line.startswith("postern "), booted["files"]
    assert "203.0.113.9" in booted["nft"]
    assert "203.0.113.9" in booted["banned"]


def test_the_drop_in_lends_the_right_and_brings_the_routes(booted):
    assert booted["transparent"].endswith("exit 0\n"), booted["journal"]
    assert "postern_return" in booted["routes"], booted["journal"]
    assert booted["routes"].count("lookup 4025") == 2
    assert "local default" in booted["routes"]
    assert "CapEff:\t0000000000002000" in booted["borrower"]
    assert "CapAmb:\t0000000000000000" in booted["borrower"]
    assert "has CAP_NET_RAW and no other" in booted["doctor"]
    assert booted["routes-stop"].endswith("exit 0\n")
    for trace in "postern_return", "lookup 4025", "local default":
        assert trace not in booted["no-routes"], booted["no-routes"]
