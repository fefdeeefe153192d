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


def first_words(path, macro):
    """The first argument of each row of a table."""
    return re.findall(rf"^{macro}\((\w+)", tree.text(path), re.MULTILINE)


def quoted_names(path, macro):
    """The first quoted argument of each row of a table."""
    pattern = rf'^{macro}\(\w+,\s*"([^"]+)"'
    return re.findall(pattern, tree.text(path), re.MULTILINE)


def documents():
    """All prose, as one text."""
    paths = tree.files(["*.md", "*.[1-8]"], ["docs"])
    return "\n".join(tree.text(path) for path in paths)


def test_the_manual_has_each_option():
    manual = tree.text(MAN).replace("\\-", "-")
    missing = [
        f"{section}.{name}"
        for section, name in options()
        if not re.search(rf"\b{name}\b", manual)
    ]
    assert options() and not missing, "\n".join(missing)


@pytest.mark.parametrize(
    "path,macro",
    [
        ("src/policy/rules.def", "RULE"),
        ("proto/close_reasons.def", "CLOSE"),
        ("proto/replies.def", "REPLY"),
    ],
)
def test_the_documents_have_each_name(path, macro):
    if not (tree.TOP / path).exists():
        pytest.fail(f"{path} does not exist")
    names = quoted_names(path, macro) or first_words(path, macro)
    prose = documents().replace("\\-", "-")
    missing = [name for name in names if name not in prose]
    assert names and not missing, "\n".join(missing)
