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
UNIT = """[Unit]
After=basic.target
[Service]
ExecStart=/boot-work.sh
"""
TARGET = """[Unit]
Requires=basic.target
Wants=boot.service
AllowIsolate=yes
"""
WORK = r"""#!/bin/bash
say() { "${@:2}" >"/out/$1" 2>&1; echo "exit $?" >>"/out/$1"; }
until_there() { for _ in {1..200}; do [ "$(grep -cs "$1" $log)" -ge "$2" ] && return; sleep .05; done; }
log=/var/log/postern/postern.log
say start systemctl start postern
until_there '"event":"ready"' 1
say ban posternctl bans add 203.0.113.9 --for 5m
for _ in {1..100}; do nft list ruleset | grep -q 203.0.113.9 && break; sleep .05; done
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
    put(files / "usr/lib/sysusers.d/postern.conf", conf / "postern.sysusers",
        0o644)
    put(files / "etc/postern/mail.pem", certs.rsa[0], 0o644)
    put(files / "etc/postern/mail.key", certs.rsa[1], 0o600)
    for path, text, mode in [(files / "etc/postern/postern.conf", CONF, 0o640),
                             (units / "boot.service", UNIT, 0o644),
                             (units / "boot.target", TARGET, 0o644),
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
