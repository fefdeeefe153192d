"""What bash completes behind posternctl: asked of bash itself."""

import re
import subprocess

import pytest

from harness.postern import ROOT, binary

FILE = ROOT / "conf/completion/posternctl"


def completed(*words):
    """The words that bash would offer for the last one."""
    script = ('source "$1"; shift; COMP_WORDS=("$@"); '
              'COMP_CWORD=$((${#COMP_WORDS[@]} - 1)); _posternctl; '
              'printf "%s\\n" "${COMPREPLY[@]}"')
    done = subprocess.run(
        ["bash", "--norc", "-euc", script, "bash", str(FILE),
         str(binary("posternctl")), *map(str, words)],
        capture_output=True, text=True, timeout=60)
    assert done.returncode == 0 and not done.stderr, done.stderr
    return set(done.stdout.split())


@pytest.mark.parametrize("words, offered", [
    (["stat"], {"status"}), (["to"], {"top"}), (["bans", ""], {"list", "add", "del", "flush"}),
    (["feed", "m"], {"mikrotik"}), (["feed", "nft", "--ch"], {"--chunk"}),
    (["bans", "add", "192.0.2.1", "--for", "e"], {"ever"}),
    (["--json", "back"], {"backends"}),
    (["bans", "add", "192.0.2.1", "--reason", ""], set()),
    (["--socket", "/nowhere", "bans", "del", ""], set())])
def test_words_are_completed(words, offered):
    assert completed(*words) == offered


def test_each_command_and_option_of_the_help_is_offered():
    text = subprocess.run([binary("posternctl"), "--help"],
                          capture_output=True, text=True).stdout
    commands = set(re.findall(r"^  ([a-z][a-z-]+)", text, re.M))
    commands |= {"version", "policy-filter"}
    assert commands <= completed("") and len(commands) > 10
    every = FILE.read_text()
    for option in set(re.findall(r"--[a-z-]+", text)):
        assert re.search(rf"(?<![\w-]){option}\b", every), option


def test_addresses_of_bans_are_asked_for(double, postern):
    server = double()
    front = postern({"mx": {}}, [server.address])
    for prefix in ("192.0.2.7", "198.51.100.0/24"):
        front.ctl("bans", "add", prefix, "--for", "ever")
    asked = ("--socket", front.control, "bans", "del")
    assert {word.split("/")[0] for word in completed(*asked, "")} == {
        "192.0.2.7", "198.51.100.0"}
    assert {word.split("/")[0] for word in completed(*asked, "192")} == {
        "192.0.2.7"}
    assert server.address in completed(
        "--socket", front.control, "backends", "drain", "")
