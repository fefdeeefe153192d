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
