"""Each vector of docs/security.md has a test with its id in its name.

A row is `| ID | what | where |`: where is the file (below tests/) that has tests
with the id in their names, FILE::NAME for one that has another name, or
"does not apply: why".
"""

import re

import pytest
import tree

DOCUMENT = "docs/security.md"
ROW = re.compile(r"^\| ([A-Z]{2,3}-\d\d) \| (.+?) \| (.+?) \|$", re.MULTILINE)
# How many vectors a group has, so that none can be forgotten in the table.
GROUPS = {
    "TLS": 18, "RSP": 6, "EOD": 20, "CMD": 17, "PIP": 12, "BDT": 16,
    "AUT": 18, "REP": 13, "RES": 16, "LOG": 2, "FW": 4, "BAN": 10, "SEC": 4,
    "PRX": 11, "XCL": 4, "REL": 3,
}


def rows():
    return {id_: where for id_, _, where in ROW.findall(tree.text(DOCUMENT))}


def vectors_written():
    """{id: files with a test of that name}."""
    found = {}
    name = re.compile(r"^\s*(?:def|static void) (?:test_)?([A-Z]{2,3})_(\d\d)_",
                      re.MULTILINE)
    for path in tree.files(["test_*.py", "test_*.c"], ["tests"]):
        for group, number in name.findall(tree.text(path)):
            found.setdefault(f"{group}-{number}", set()).add(str(path))
    return found


def stands(where, files):
    """Is there a test of that name, or one with the id, in that file?"""
    path, _, name = where.partition("::")
    if name:
        return re.search(rf"\b{name}\(", tree.text(f"tests/{path}"))
    return f"tests/{path}" in files


@pytest.mark.parametrize("group", GROUPS)
def test_each_vector_has_a_row_and_a_test(group):
    listed, written = rows(), vectors_written()
    wanted = [f"{group}-{n:02}" for n in range(1, GROUPS[group] + 1)]
    wrong = []
    for id_ in wanted:
        where = listed.get(id_)
        if where is None:
            wrong.append(f"{id_}: no row")
        elif where.startswith("does not apply"):
            if id_ in written:
                wrong.append(f"{id_}: does not apply, but is tested")
        elif not stands(where.strip("`"), written.get(id_, ())):
            wrong.append(f"{id_}: no test in {where}")
    assert not wrong, "\n".join(wrong)


def test_each_test_with_an_id_is_in_the_table():
    unlisted = sorted(set(vectors_written()) - set(rows()))
    assert not unlisted, ", ".join(unlisted)
