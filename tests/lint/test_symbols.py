"""The pure archives call nothing that is not on a list.

Looked at in the release build: sanitizers and coverage bring calls of their
own. Besides the list, policy may call src/base, but for clock and log.
"""

import pathlib
import subprocess

import pytest
import tree

BUILD = tree.TOP / "build/release"
IMPURE_OBJECTS = ("clock.c.o", "log.c.o")


def archive(path):
    full = BUILD / path
    assert full.exists(), f"{full} is not built: ./dev test lint builds it"
    return full


def names(option, path):
    """{symbol: object that has it} of `nm`."""
    done = subprocess.run(
        ["nm", "-A", option, str(path)],
        check=True,
        capture_output=True,
        text=True,
    )
    found = {}
    for line in done.stdout.splitlines():
        place, _, rest = line.rpartition(": ") if ": " in line else ("", "", line)
        words = rest.split()
        owner = place.split(":")[-2] if place.count(":") > 1 else place
        found[words[-1]] = owner
    return found


def defined_in_base():
    """Symbols of src/base that a pure folder may call."""
    found = {}
    for item in (BUILD / "src/base/libbase.a.p").glob("*.o"):
        if item.name not in IMPURE_OBJECTS:
            found.update(names("--defined-only", item))
    return set(found)


def strays(path, allowed):
    return sorted(
        symbol
        for symbol in names("--undefined-only", path)
        if symbol not in allowed
        and symbol not in names("--defined-only", path)
    )


def test_proto_calls_nothing_of_the_outside_world():
    allowed = set(tree.listed("symbols.txt", "proto"))
    assert strays(archive("proto/libproto.a"), allowed) == []


def test_policy_calls_nothing_of_the_outside_world():
    allowed = set(tree.listed("symbols.txt", "policy")) | defined_in_base()
    assert strays(archive("src/policy/libpolicy.a"), allowed) == []


@pytest.mark.parametrize("call", ["time(0)", "rand()", "getpid()"])
def test_the_check_finds_a_stray_call(call, tmp_path):
    source = pathlib.Path(tmp_path / "stray.c")
    source.write_text(
        "#include <stdlib.h>\n#include <time.h>\n#include <unistd.h>\n"
        f"int stray(void)\n{{\n\treturn (int){call};\n}}\n"
    )
    target = tmp_path / "stray.o"
    subprocess.run(["gcc", "-c", source, "-o", target], check=True)
    assert strays(target, set()) == [call.partition("(")[0]] or strays(
        target, {"_GLOBAL_OFFSET_TABLE_"}
    ) == [call.partition("(")[0]]
