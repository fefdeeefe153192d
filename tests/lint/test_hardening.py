"""The release binaries carry what compiler and linker can do for them."""

import re
import subprocess

import pytest
import tree

BUILD = tree.TOP / "build/release"
BINARIES = ("src/supervisor/postern", "src/tools/posternctl")


def readelf(*words):
    return subprocess.run(["readelf", "-W", *map(str, words)], check=True,
                          capture_output=True, text=True).stdout


@pytest.fixture(scope="module", params=BINARIES)
def elf(request):
    path = BUILD / request.param
    assert path.exists(), f"{path} is not built: ./dev test lint builds it"
    return path


def test_is_loaded_at_a_random_address(elf):
    assert re.search(r"Type:\s+DYN", readelf("-h", elf))
    assert re.search(r"\(FLAGS_1\).*\bPIE\b", readelf("-d", elf))


def test_its_links_are_bound_at_once_and_read_only(elf):
    assert "GNU_RELRO" in readelf("-l", elf)
    assert re.search(r"\(FLAGS(_1)?\).*\b(BIND_NOW|NOW)\b",
                     readelf("-d", elf))
    assert "(TEXTREL)" not in readelf("-d", elf)


def test_nothing_is_writable_and_runs(elf):
    for line in readelf("-l", elf).splitlines():
        flags = re.search(r"0x\w+ ([R ][W ][E ]) 0x", line)
        assert not flags or flags[1][1:] != "WE", line
    assert re.search(r"GNU_STACK.* RW  ", readelf("-l", elf))


def test_looks_for_libraries_where_the_system_has_them(elf):
    assert not re.search(r"\((RPATH|RUNPATH)\)", readelf("-d", elf))


def test_its_stack_and_buffers_are_guarded(elf):
    symbols = readelf("--dyn-syms", elf)
    assert "__stack_chk_fail" in symbols
    assert len(set(re.findall(r"\b__\w+_chk\b", symbols))) > 3


def test_each_object_marks_its_jumps():
    """Not the binary: Debian's own crt1.o has no mark, so ld drops it."""
    archives = sorted((BUILD / "proto").glob("*.a")) + \
        sorted((BUILD / "tls").glob("*.a")) + \
        sorted((BUILD / "src").rglob("*.a"))
    assert archives
    for archive in archives:
        said = readelf("-n", archive)
        marks = re.findall(r"x86 feature: IBT, SHSTK", said)
        assert len(marks) == len(re.findall(r"^File: ", said, re.M)), archive
