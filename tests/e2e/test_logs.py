"""Logs that postern reads: its patterns, and what others do to them."""

import subprocess

import pytest

from harness.postern import ROOT, binary

PATTERNS = ROOT / "conf/patterns.conf"


def ctl(*words, **options):
    """(exit code, standard output, standard error); no daemon runs."""
    done = subprocess.run([str(binary("posternctl")), *map(str, words)],
                          capture_output=True, text=True, timeout=60,
                          **options)
    return done.returncode, done.stdout, done.stderr


# Patterns

@pytest.mark.parametrize("words", [(), (PATTERNS,)])
def test_the_patterns_that_postern_comes_with_pass_their_samples(words):
    code, out, err = ctl("patterns", "check", *words)
    assert code == 0 and not err, err
    assert "25 samples" in out and " 0 wrong" in out


def test_a_pattern_that_can_be_forged_is_refused(tmp_path):
    text = PATTERNS.read_text()
    end = r" \[(?<addr>[0-9A-Fa-f:.]{2,45})\] authentication failure"
    # From the left, with anything behind it.
    loose = text.replace(r"(?<user>.*)" + end, r"(?<user>.*?)" + end + r".*|\b")
    assert loose != text
    path = tmp_path / "patterns.conf"
    path.write_text(loose)
    code, out, err = ctl("patterns", "check", path)
    assert code == 1 and "a name forges an address: found 203.0.113.66" in err


def test_errors_in_patterns_have_their_place(tmp_path):
    path = tmp_path / "patterns.conf"
    path.write_text("[mine]\noutcome = failed\npattern = (?<addr>[0-9\n")
    code, out, err = ctl("patterns", "check", path)
    assert code == 1 and err.startswith(f"{path}:3: pattern: ")
    code, out, err = ctl("patterns", "check", tmp_path / "none")
    assert code == 1 and "No such file" in err


# postern check

def check(folder, text):
    path = folder / "postern.conf"
    path.write_text(text)
    done = subprocess.run([str(binary()), "check", str(path)], timeout=60,
                          capture_output=True, text=True)
    return done.returncode, done.stdout, done.stderr


def test_a_log_and_a_firewall_are_a_whole_configuration(tmp_path):
    log = tmp_path / "console.log"
    ear = f'domino_log {{ path = "{log}" }}\n'
    code, out, err = check(tmp_path, ear)
    assert code == 0 and "fine, 0 listeners, 0 backends" in out
    assert f"warning: domino_log: {log}: No such file" in err
    log.touch()
    code, out, err = check(
        tmp_path, ear + "firewall { backend = nft ports = all }\n")
    assert code == 0 and "domino_log" not in err
    code, out, err = check(tmp_path, ear + "firewall { backend = nft }\n")
    assert code == 78 and "set ports = all" in err


def test_check_tries_the_patterns(tmp_path):
    path = tmp_path / "patterns.conf"
    path.write_text(PATTERNS.read_text().replace(
        "finds = 125.120.107.140", "finds = 125.120.107.141"))
    conf = f'domino_log {{ path = /x\npatterns = "{path}" }}\n'
    code, out, err = check(tmp_path, conf)
    assert code == 78 and f"{path}:" in err and "does not find what" in err
    path.unlink()
    code, out, err = check(tmp_path, conf)
    assert code == 78 and "No such file" in err
