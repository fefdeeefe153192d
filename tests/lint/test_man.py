"""Man pages: sound by mandoc, and whole by the programs' own help."""

import os
import pathlib
import re
import subprocess

import pytest
import tree

BUILD = pathlib.Path(os.environ.get("POSTERN_BUILD", tree.TOP / "build/asan"))
PAGES = sorted((tree.TOP / "docs/man").glob("*.[1-9]"))


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_mandoc_has_nothing_to_say(page):
    done = subprocess.run(["mandoc", "-Tlint", "-W", "warning", page],
                          capture_output=True, text=True)
    # The option table's texts are whole paragraphs in one line.
    said = [line for line in done.stdout.splitlines()
            if not (page.name == "postern.conf.5"
                    and line.endswith("new sentence, new line"))]
    assert not said and not done.stderr, "\n".join(said) + done.stderr


@pytest.mark.parametrize("program, page", [
    ("src/supervisor/postern", "docs/man/postern.8"),
    ("src/tools/posternctl", "docs/man/posternctl.1")])
def test_what_help_names_is_in_the_man_page(program, page):
    said = subprocess.run([BUILD / program, "--help"], capture_output=True,
                          text=True).stdout
    text = subprocess.run(["mandoc", "-Tascii", "-Owidth=200",
                           tree.TOP / page], capture_output=True,
                          text=True).stdout
    text = re.sub(".\b", "", text)
    options = set(re.findall(r"--[a-z][a-z-]*", said)) - {"--help"}
    commands = set(re.findall(r"^ +(?:postern )?([a-z][a-z-]+)", said, re.M))
    assert options and commands
    for word in sorted(options | commands):
        assert re.search(rf"(?<![\w-]){word}(?![\w-])", text), word


def test_examples_of_the_configuration_are_right(tmp_path):
    text = (tree.TOP / "docs/man/postern.conf.5").read_text()
    blocks = re.findall(r"^\.Bd -literal.*?\n(.*?)^\.Ed", text, re.M | re.S)
    base = {"listener": 'listener a { bind = "0.0.0.0:25" backend = domino }\n',
            "backend": 'backend domino { servers = {"10.0.0.25:25"} }\n'}
    assert len(blocks) > 4
    for block in blocks:
        file = tmp_path / "postern.conf"
        file.write_text(block + "".join(
            piece for word, piece in base.items() if word not in
            re.findall(r"^([a-z]+)", block, re.M)))
        done = subprocess.run([BUILD / "src/supervisor/postern", "check", file],
                              capture_output=True, text=True)
        # The certificate that it names is not on this machine.
        said = done.stdout + done.stderr
        assert re.search(": (fine|well written), ", said), block + said
