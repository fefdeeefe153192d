"""Who may include whom, as docs/ARCHITECTURE.md says."""

import os.path
import re

import layers
import tree

INCLUDE = re.compile(r'^\s*#\s*include\s+([<"][^>"]+[>"])', re.MULTILINE)
TABLE = (tree.LINT / "layers.txt").read_text()
DOCUMENT = tree.TOP / "docs/ARCHITECTURE.md"


def resolved(path, header):
    """An include as "<system.h>" or as a path from the top."""
    if header.startswith("<"):
        return header
    header = header.strip('"')
    for base in (path.parent, tree.TOP):
        full = tree.TOP / base / header
        if full.exists():
            return os.path.relpath(os.path.normpath(full), tree.TOP)
    return header


def includes(path):
    code = tree.without_comments(tree.text(path))
    return [resolved(path, header) for header in INCLUDE.findall(code)]


def folder_of(path, rules):
    name = path.as_posix()
    return next((folder for folder in rules if name.startswith(folder)), None)


def test_each_folder_includes_only_what_the_table_allows():
    rules = layers.rules(TABLE)
    wrong = []
    for path in tree.product_sources():
        folder = folder_of(path, rules)
        if not folder:
            wrong.append(f"{path}: its folder is not in the table")
            continue
        for header in includes(path):
            if not rules[folder].allows(header):
                wrong.append(f"{path} includes {header}")
    assert not wrong, "\n".join(wrong)


def test_the_table_is_that_of_the_architecture():
    if not DOCUMENT.exists():
        return
    assert layers.rows(DOCUMENT.read_text()) == layers.rows(TABLE)


def test_the_check_finds_what_is_forbidden():
    rules = layers.rules(TABLE)
    forbidden = [
        ("proto/", "<stdio.h>"),
        ("proto/", "src/base/addr.h"),
        ("src/base/", "<openssl/ssl.h>"),
        ("tls/", "proto/reply.h"),
        ("src/policy/", "src/base/clock.h"),
        ("src/policy/", "<sys/socket.h>"),
        ("src/policy/", "<netinet/in.h>"),
        ("src/conf/", "tls/context.h"),
        ("src/worker/", "src/keeper/store.h"),
        ("src/worker/", "src/policy/source.h"),
        ("src/keeper/", "src/fw/nft.h"),
        ("src/fw/", "<event2/event.h>"),
    ]
    passed = [pair for pair in forbidden if rules[pair[0]].allows(pair[1])]
    assert not passed


def test_openssl_is_only_included_in_tls():
    wrong = [
        str(path)
        for path in tree.product_sources()
        if path.parts[0] != "tls"
        and any(h.startswith("<openssl/") for h in includes(path))
    ]
    assert not wrong, "\n".join(wrong)


def test_a_source_includes_its_own_header_first():
    wrong = []
    for path in tree.product_sources():
        own = path.with_suffix(".h")
        if path.suffix != ".c" or not (tree.TOP / own).exists():
            continue
        first = (includes(path) or ["nothing"])[0]
        inner = first.endswith("internal.h")  # the folder's; has it first
        if first != own.as_posix() and not inner:
            wrong.append(f"{path} includes {first} first")
    assert not wrong, "\n".join(wrong)
