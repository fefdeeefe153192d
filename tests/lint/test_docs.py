"""What the tables say exists, the documents explain."""

import re

import pytest
import tree

OPTIONS = "src/conf/options.def"
MAN = "docs/man/postern.conf.5"


def options():
    """(section, option) of each row of options.def."""
    pattern = r'^OPTION\((\w+),\s*"(\w+)"'
    return re.findall(pattern, tree.text(OPTIONS), re.MULTILINE)


def quoted(path, macro, which):
    """One of the quoted arguments of each row of a table."""
    row = rf"^{macro}\((.*?)\)$"
    found = re.findall(row, tree.text(path), re.MULTILINE | re.DOTALL)
    return [re.findall(r'"((?:[^"\\]|\\.)*)"', args)[which] for args in found]


def documents():
    """All prose as one line: of the guides and the manuals."""
    paths = tree.files(["*.md", "*.[1-8]"], ["docs"])
    prose = "\n".join(tree.text(path) for path in paths)
    return " ".join(prose.replace("\\-", "-").split())


def test_the_manual_has_each_option():
    manual = tree.text(MAN).replace("\\-", "-")
    missing = [
        f"{section}.{name}"
        for section, name in options()
        if not re.search(rf"\b{name}\b", manual)
    ]
    assert options() and not missing, "\n".join(missing)


# A name stands as a word in code: `name`, or bold in a manual.
NAME = r"(`|\\fB|\.B ){}(`|\\|\s)"


@pytest.mark.parametrize(
    "path,macro",
    [("src/policy/rules.def", "RULE"), ("proto/close_reasons.def", "CLOSE")],
)
def test_the_documents_have_each_name(path, macro):
    names, prose = quoted(path, macro, 0), documents()
    missing = [
        name
        for name in names
        if not re.search(NAME.format(re.escape(name)), prose)
    ]
    assert names and not missing, "\n".join(missing)


def test_the_documents_have_each_reply():
    texts, prose = quoted("proto/replies.def", "REPLY", 1), documents()
    missing = [text for text in texts if text not in prose]
    assert texts and not missing, "\n".join(missing)


LIMITS = "docs/security/limits.md"
COUNTERS = "src/ipc/limits.def"


def limits_named(pattern):
    """What stands in code in the document and looks like that."""
    found = set(re.findall(rf"`({pattern})`", tree.text(LIMITS)))
    assert found, pattern
    return found


def test_limits_have_their_options():
    known = {f"{section}.{name}" for section, name in options()}
    sections = {section for section, _ in options()}
    named = {
        name
        for name in limits_named(r"[a-z_]+\.[a-z_]+")
        if name.split(".")[0] in sections and name.split(".")[0] != "firewall"
    }
    assert named <= known, named - known
    # Each option that ends a peer's patience or takes its count is there.
    limiting = {
        f"{section}.{name}"
        for section, name in options()
        if re.search(r"_most$|_longest$|_least$|_timeout$|_per_source$", name)
        and not re.search(r"tls_|ban_|delay_|attempt_", name)
    }
    missing = limiting - limits_named(r"[a-z_]+\.[a-z_]+")
    assert not missing, missing


def test_limits_have_their_constants_counters_and_tests():
    code = "\n".join(tree.text(path) for path in tree.product_sources())
    for name in limits_named(r"[A-Z][A-Z0-9_]+"):
        assert re.search(rf"\b{name}\b", code), name
    counters = quoted(COUNTERS, "LIMIT", 0)
    named = limits_named(r"limits\.[a-z_]+")
    assert {f"limits.{name}" for name in counters} == named
    tests = "\n".join(
        tree.text(path) for path in tree.files(["*.c", "*.py"], ["tests"])
    )
    rows = [line for line in tree.text(LIMITS).splitlines() if "|" in line]
    for row in rows:
        for name in re.findall(r"`(\w+)`", row.split("|")[-2]):
            assert re.search(rf"(def|void) {name}\b", tests), name
