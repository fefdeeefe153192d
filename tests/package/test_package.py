"""The Debian packages: what is in them, lintian, and their whole life.

Installed, started after one edit, upgraded under a running service, removed
and purged: in a container that real systemd boots, of this machine's files.
"""

import os
import pathlib
import re
import shutil
import subprocess

import pytest

TOP = pathlib.Path(__file__).resolve().parents[2]
RELEASE = TOP / "build/release"
BOOT = TOP / "tests/e2e/boot.sh"
BOOT_MOST_S = 120
VERSION = re.search(r"version: '([^']*)'",
                    (TOP / "meson.build").read_text()).group(1)
WORK = r"""#!/bin/bash
export DEBIAN_FRONTEND=noninteractive
rm -f /usr/sbin/policy-rc.d # of the machine that tests, it would say no
say() { echo "$SECONDS $1" >>/out/times; "${@:2}" >"/out/$1" 2>&1; echo "exit $?" >>"/out/$1"; }
running() { echo "$(systemctl show postern -p MainPID --value) $(systemctl is-active postern)"; }
files() { find /etc /lib/systemd /usr /var /run -path '*postern*' ! -path '/usr/share/doc/*' | sort; }
say before files
say install dpkg -i /debs/1/postern_*.deb /debs/1/postern-doc_*.deb
say idle systemctl is-active postern
say unedited systemctl start postern
say unedited-why journalctl -u postern --no-pager
sed -i 's,# servers = .*,servers = {"127.0.0.1:2598"},' /etc/postern/postern.conf
sed -i 's,^firewall.*,firewall { backend = nft },' /etc/postern/postern.conf
sed -i 's,^# admin ,admin ,' /etc/postern/postern.conf
touch /etc/postern/mail.key
mkdir -p /etc/systemd/system/postern.service.d
printf '[Service]\nWatchdogSec=4\n' >/etc/systemd/system/postern.service.d/quick.conf
show() { systemctl show postern -p "$1" --value; }
told() { local was=$(show WatchdogTimestampMonotonic); for _ in {1..400}; do [ "$(show WatchdogTimestampMonotonic)" != "$was" ] && echo told && break; sleep .05; done; }
mended() { kill -STOP "$(show MainPID)"; for _ in {1..900}; do [ "$(show NRestarts)" -ge 1 ] && [ "$(systemctl is-active postern)" = active ] && break; sleep .05; done; show NRestarts; }
say period systemctl cat postern
systemctl daemon-reload
say start systemctl start postern
for _ in {1..200}; do [ -S /run/postern/control ] && posternctl status >/dev/null 2>&1 && break; sleep .05; done
say running running
say content told
say greeting bash -c 'exec 3<>/dev/tcp/127.0.0.1/25; echo QUIT >&3; cat <&3'
say ban posternctl bans add 203.0.113.9 --for 5m
say allow posternctl allow add 192.0.2.7
for _ in {1..200}; do nft list table inet postern | grep -q 203.0.113.9 && break; sleep .05; done
say dropped nft list table inet postern
say page curl --silent --show-error --fail --retry 5 --retry-all-errors http://127.0.0.1:8025/
say timer systemctl start postern-report.timer
say letter systemctl start postern-report.service
cksum </etc/postern/postern.conf >/out/conf-before
knock() { exec 3<>/dev/tcp/127.0.0.1/25 && read -r -t 20 line <&3 && echo "$line"; }
while [ -d /debs/1 ]; do (knock) || echo "nobody: $line"; done >/out/knocks 2>&1 &
say man man -w 8 postern 5 postern.conf 1 posternctl
say modes stat -c '%U:%G %a %n' /var/lib/postern /run/postern /var/log/postern /etc/postern/postern.conf /etc/postern/page.token /usr/sbin/postern
say logrotate logrotate --debug /etc/logrotate.d/postern
say asked dpkg-query -W -f '${Conffiles}\n' postern
say upgrade dpkg -i /debs/2/postern_*.deb
say upgraded running
say content-later told
mv /debs/1 /debs/old
wait $!
say restarts show NRestarts
say mended mended
say banned posternctl bans list
say allowed posternctl allow list
cksum </etc/postern/postern.conf >/out/conf-after
say page-later curl --silent --show-error --fail --retry 5 --retry-all-errors http://127.0.0.1:8025/
say remove dpkg --remove postern
say removed bash -c 'systemctl is-active postern; pgrep -c postern; ls /etc/postern /var/lib/postern'
say remains nft list tables
say purge dpkg --purge postern postern-doc
say user getent passwd postern
say group getent group postern
say timers systemctl list-timers --all --no-pager
say own ls -R /etc/postern
rm -r /etc/postern /etc/systemd/system/postern.service.d
say after files
say journal journalctl -u postern --no-pager
systemctl poweroff
"""


def build(folder, version):
    done = subprocess.run(
        [TOP / "conf/debian/build", folder, version, RELEASE],
        capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return {path.name.split("_")[0]: path for path in folder.glob("*.deb")}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("package")


@pytest.fixture(scope="module")
def debs(folder):
    """{package: its file}."""
    return build(folder / "1", VERSION)


def contents(deb):
    """{path: 'mode owner/group'}."""
    text = subprocess.run(["dpkg-deb", "-c", deb], capture_output=True,
                          text=True, check=True).stdout
    lines = [line.split(None, 5) for line in text.splitlines()]
    return {line[5]: f"{line[0]} {line[1]}" for line in lines}


def test_lintian_has_no_error(debs, folder):
    changes = next((folder / "1").glob("*.changes"))
    done = subprocess.run(
        ["lintian", "--allow-root", "--fail-on", "error", changes],
        capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    assert not re.search("^[EW]: ", done.stdout, re.M), done.stdout


def test_packages_hold_what_an_operator_needs(debs):
    files = contents(debs["postern"])
    for path in ("usr/sbin/postern", "usr/bin/posternctl",
                 "usr/sbin/postern-routes"):
        assert files["./" + path] == "-rwxr-xr-x root/root"
    for path in ("usr/share/postern/postern.conf", "etc/logrotate.d/postern",
                 "lib/systemd/system/postern.service",
                 "usr/lib/sysusers.d/postern.conf",
                 "usr/lib/tmpfiles.d/postern.conf",
                 "usr/share/man/man8/postern.8.gz",
                 "usr/share/man/man5/postern.conf.5.gz",
                 "usr/share/man/man1/posternctl.1.gz"):
        assert files["./" + path] == "-rw-r--r-- root/root"
    assert "./usr/share/doc/postern-doc/domino.md" in contents(
        debs["postern-doc"])


def test_every_unit_and_page_of_the_tree_is_packed(debs):
    names = {pathlib.PurePath(path).name.removesuffix(".gz")
             for path in contents(debs["postern"])}
    for path in [*TOP.glob("conf/systemd/*.[st]*[er]"),
                 *TOP.glob("docs/man/*"), *TOP.glob("conf/nft/*")]:
        if path.suffix not in (".sysusers", ".tmpfiles", ".logrotate"):
            assert path.name in names, path


def test_the_version_is_the_projects(debs):
    for deb in debs.values():
        field = subprocess.run(["dpkg-deb", "-f", deb, "Version"], check=True,
                               capture_output=True, text=True).stdout
        assert field.strip() == VERSION
    first = (TOP / "conf/debian/changelog").read_text().splitlines()[0]
    assert f"({VERSION})" in first


@pytest.fixture(scope="module")
def life(debs, folder):
    """{name: what was said}."""
    if os.geteuid() != 0 or not shutil.which("systemd-nspawn"):
        pytest.skip("needs root and systemd-container")
    build(folder / "2", VERSION + "+1")
    files, out = folder / "files", folder / "out"
    out.mkdir()
    files.mkdir()
    work = files / "boot-work.sh"
    work.write_text(WORK)
    work.chmod(0o755)
    for version in "12":
        (files / "debs" / version).mkdir(parents=True)
        for deb in (folder / version).glob("*.deb"):
            shutil.copy(deb, files / "debs" / version)
    done = subprocess.run([BOOT, files, out, str(BOOT_MOST_S)],
                          capture_output=True, text=True)
    told = {path.name: path.read_text("utf-8", "backslashreplace")
            for path in out.iterdir() if path.is_file()}
    if "before" not in told:
        pytest.skip("no systemd boots in a container here: "
                    f"{done.stderr}{told.get('console', '')[-300:]}")
    return told


def test_it_starts_after_one_edit(life):
    assert life["install"].endswith("exit 0\n"), life["install"]
    assert life["idle"].startswith("inactive")
    assert not life["unedited"].endswith("exit 0\n")
    assert "servers is missing (like servers" in life["unedited-why"]
    assert life["start"].endswith("exit 0\n"), life["journal"]
    assert life["running"].split()[1] == "active", life["journal"]
    assert life["greeting"].startswith("421 "), life["journal"]
    assert life["man"].endswith("exit 0\n"), life["man"]
    assert life["logrotate"].endswith("exit 0\n"), life["logrotate"]


def test_the_page_and_the_report_work_under_their_units(life):
    assert "<title>postern" in life["page"], life["page"]
    assert life["timer"] == life["letter"] == "exit 0\n", life["journal"]


def test_its_folders_and_files_have_the_right_owners(life):
    assert life["modes"].splitlines()[:-1] == [
        "postern:postern 750 /var/lib/postern",
        "postern:postern 755 /run/postern",
        "postern:postern 750 /var/log/postern",
        "root:root 644 /etc/postern/postern.conf",
        "root:root 600 /etc/postern/page.token",
        "root:root 755 /usr/sbin/postern"]


def test_an_upgrade_keeps_it_running(life):
    assert life["upgrade"].endswith("exit 0\n"), life["upgrade"]
    assert "serves now" in life["upgrade"], life["upgrade"]
    before, after = life["running"].split(), life["upgraded"].split()
    assert after[1] == "active" and after[0] != before[0], life["journal"]
    assert "203.0.113.9" in life["banned"]
    assert "192.0.2.7" in life["allowed"]
    # Who edits a conffile, as everybody must, is asked at every upgrade.
    assert "postern.conf" not in life["asked"], life["asked"]
    assert life["conf-after"] == life["conf-before"]
    assert "<title>postern" in life["page-later"], life["page-later"]


def test_the_watchdog_is_told_and_mends_what_hangs(life):
    """By the program that took over as well; then its supervisor hangs."""
    assert "\nWatchdogSec=60\n" in life["period"], life["period"]
    assert life["content"] == "told\nexit 0\n", life["journal"]
    assert life["content-later"] == "told\nexit 0\n", life["journal"]
    assert life["restarts"] == "0\nexit 0\n", life["journal"]
    assert life["mended"] == "1\nexit 0\n", life["journal"]


def test_an_upgrade_refuses_nobody(life):
    knocks = life["knocks"].splitlines()
    assert knocks and all(line[:4] == "421 " for line in knocks), knocks


def test_removed_and_purged_it_leaves_nothing(life):
    assert life["remove"].endswith("exit 0\n"), life["remove"]
    state, count, *left = life["removed"].splitlines()
    assert state == "inactive" and count == "0"
    assert "postern.conf" in left and "postern.db" in left
    assert "203.0.113.9" in life["dropped"], life["dropped"]
    assert life["remains"] == "exit 0\n", life["remains"]
    assert life["purge"].endswith("exit 0\n"), life["purge"]
    assert life["user"] == life["group"] == "exit 2\n"
    assert "postern" not in life["timers"]
    assert life["own"].split() == ["/etc/postern:", "mail.key", "exit", "0"]
    assert life["after"] == life["before"]
