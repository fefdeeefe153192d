"""The systemd unit: how much of the machine it leaves open."""

import re
import shutil
import subprocess

import pytest

import tree

UNIT = tree.TOP / "conf/systemd/postern.service"
REPORT = UNIT.with_name("postern-report.service")
EXPOSURE_MOST = 20      # tenths, of systemd-analyze's 100


@pytest.mark.parametrize("unit", [UNIT, REPORT], ids=lambda unit: unit.name)
def test_unit_exposes_little(unit):
    if not shutil.which("systemd-analyze"):
        pytest.skip("no systemd-analyze (Debian package systemd)")
    done = subprocess.run(
        ["systemd-analyze", "security", "--offline=true", "--no-pager",
         f"--threshold={EXPOSURE_MOST}", unit],
        capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


def test_unit_exposes_little_with_transparency(tmp_path):
    """The drop-in that gives workers CAP_NET_RAW."""
    if not shutil.which("systemd-analyze"):
        pytest.skip("no systemd-analyze (Debian package systemd)")
    drop_ins = tmp_path / "postern.service.d"
    drop_ins.mkdir()
    shutil.copy(UNIT, tmp_path)
    shutil.copy(UNIT.with_name("postern-transparent.conf"), drop_ins)
    done = subprocess.run(
        ["systemd-analyze", "security", "--offline=true", "--no-pager",
         f"--threshold={EXPOSURE_MOST}", tmp_path / UNIT.name],
        capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    assert re.search(r"✗ CapabilityBoundingSet=~CAP_NET_\(.*RAW", done.stdout)


@pytest.mark.parametrize("unit", ["postern.service",
                                  "postern-routes.service"])
def test_unit_is_understood(unit):
    if not shutil.which("systemd-analyze"):
        pytest.skip("no systemd-analyze (Debian package systemd)")
    done = subprocess.run(["systemd-analyze", "verify", UNIT.with_name(unit)],
                          capture_output=True, text=True)
    wrong = [line for line in done.stderr.splitlines()
             if unit in line and not re.search(
                 "is not executable|Command 'man ", line)]  # not installed
    assert not wrong, "\n".join(wrong)
