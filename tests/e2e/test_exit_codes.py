"""Exit codes of posternctl: one table, in the code and where it is told."""

import re

from harness.postern import ROOT

TABLE = {"DONE": 0, "REFUSED": 1, "USAGE": 2, "NO_DAEMON": 3, "FAILURES": 4}


def test_the_table_is_told_as_it_is():
    header = (ROOT / "src/tools/exit_code.h").read_text()
    assert {name: int(code) for name, code in
            re.findall(r"EXIT_(\w+) = (\d+)", header)} == TABLE
    codes = [str(code) for code in TABLE.values()]
    page = (ROOT / "docs/man/posternctl.1").read_text()
    part = page.partition(".Sh EXIT STATUS")[2].partition(".Sh ")[0]
    assert re.findall(r"^\.It (\d)$", part, re.M) == codes
    told = (ROOT / "docs/control.md").read_text()
    assert re.findall(r"^\| (\d) \|", told, re.M) == codes


def test_nobody_has_codes_of_his_own():
    for path in (ROOT / "src/tools").glob("*.c"):
        assert not re.search(r"^\s*EXIT_(DONE|REFUSED|USAGE|NO_\w+)[ ,=]",
                             path.read_text(), re.M), path
