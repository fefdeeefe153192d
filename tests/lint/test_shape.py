"""Lengths, comments and what a source may not hold."""

import re
import statistics
import subprocess

import tree

FUNCTION_CAP = 100
FUNCTION_MEDIAN = 18
FILE_CAP = 800
HEADER_CAP = 150
PURE = ("pure table", "pure switch")


def line_count(path):
    return tree.text(path).count("\n")


def test_functions_are_short():
    wrong = []
    for path in tree.all_sources():
        for line, length, comment in tree.functions(tree.text(path)):
            if length > FUNCTION_CAP and not any(w in comment for w in PURE):
                wrong.append(f"{path}:{line}: {length} lines")
    assert not wrong, "\n".join(wrong)


def test_half_of_the_functions_are_below_the_median():
    lengths = [
        length
        for path in tree.product_sources()
        for _, length, _ in tree.functions(tree.text(path))
    ]
    assert statistics.median(lengths) < FUNCTION_MEDIAN


def test_files_are_short():
    paths = tree.all_sources() + tree.files(["*.py"], ["tests"])
    wrong = [
        f"{path}: {line_count(path)} lines"
        for path in paths
        if line_count(path) > FILE_CAP
    ]
    assert not wrong, "\n".join(wrong)


def test_headers_are_short():
    excused = tree.listed("exceptions.txt", "header-length")
    wrong = [
        f"{path}: {line_count(path)} lines"
        for path in tree.product_sources()
        if path.suffix == ".h"
        and line_count(path) > HEADER_CAP
        and path.as_posix() not in excused
    ]
    assert not wrong, "\n".join(wrong)


def test_sources_begin_with_their_purpose():
    wrong = [
        str(path)
        for path in tree.all_sources()
        if not tree.text(path).startswith("/*")
    ]
    assert not wrong, "\n".join(wrong)


def grep(pattern, reduce, paths):
    found = []
    for path in paths:
        for number, line in enumerate(reduce(tree.text(path)).splitlines(), 1):
            if re.search(pattern, line):
                found.append(f"{path}:{number}: {line.strip()}")
    return found


def test_no_line_comments():
    assert not grep(r"//", tree.without_text, tree.all_sources())


def test_no_notes_to_oneself():
    paths = tree.all_sources() + tree.files(["*.def"], tree.PRODUCT)
    words = "|".join(["TO" + "DO", "FIX" + "ME", "XX" + "X"])
    assert not grep(rf"\b({words})\b", lambda text: text, paths)


def test_each_header_is_guarded_by_its_own_name():
    wrong = []
    for path in files_with_suffix(".h"):
        folder = path.parent.name.upper()
        guard = f"{folder}_{path.stem.upper()}_H"
        if f"#ifndef {guard}\n#define {guard}\n" not in tree.text(path):
            wrong.append(f"{path}: no guard {guard}")
    assert not wrong, "\n".join(wrong)


def files_with_suffix(suffix):
    return [path for path in tree.product_sources() if path.suffix == suffix]


def test_each_header_compiles_alone(tmp_path):
    wrong = []
    for path in files_with_suffix(".h"):
        alone = tmp_path / "alone.c"
        alone.write_text(f'#include "{tree.TOP / path}"\n')
        done = subprocess.run(
            ["gcc", "-std=c11", "-D_GNU_SOURCE", "-fsyntax-only", "-Wall",
             "-Wextra", "-Werror", alone],
            capture_output=True,
            text=True,
        )  # fmt: skip
        if done.returncode:
            wrong.append(f"{path}: {done.stderr}")
    assert not wrong, "\n".join(wrong)


TESTED = ("proto", "tls", "src/base", "src/conf", "src/policy", "src/ipc")


def included_by_tests():
    """Names of headers that the unit tests include."""
    pattern = r'#include "(?:[^"]*/)?([^"/]+\.h)"'
    paths = tree.files(["*.c", "*.h"], ["tests/unit"])
    return {name for p in paths for name in re.findall(pattern, tree.text(p))}


def is_tested(path, included):
    """By its own test, by one that includes it, or by that of its noun.

    dialog_client.c is a part of the noun dialog: test_dialog.c tests it.
    """
    stem = path.stem
    names = {stem, stem.partition("_")[0]}
    tests = [tree.TOP / f"tests/unit/test_{name}.c" for name in names]
    return any(t.exists() for t in tests) or f"{stem}.h" in included


def test_each_module_has_a_test():
    excused = tree.listed("exceptions.txt", "untested")
    included = included_by_tests()
    wrong = [
        f"{path}: no tests/unit/test_{path.stem}.c"
        for path in tree.files(["*.c"], TESTED)
        if not is_tested(path, included) and path.as_posix() not in excused
    ]
    assert not wrong, "\n".join(wrong)


def test_the_keeper_frees_no_text_of_jansson():
    """Where memory ends it is one of src/keeper/spare.c, not free()'s."""
    wrong = [str(path) for path in tree.files(["*.c"], ["src/keeper"])
             if re.search(r"[=(] *json_dumps\(", tree.text(path))]
    assert not wrong, wrong


def test_exceptions_are_still_needed():
    gone = [
        f"{check} {path}"
        for check in ("header-length", "untested")
        for path in tree.listed("exceptions.txt", check)
        if not (tree.TOP / path).exists()
    ]
    assert not gone, "\n".join(gone)


def test_the_scanner_sees_long_functions_and_comments():
    body = "\tcall();\n" * 101
    plain = "/* Does much. */\nint f(void)\n{\n" + body + "}\n"
    table = plain.replace("Does much", "A pure table of calls")
    assert tree.functions(plain) == [(3, 101, "/* Does much. */")]
    assert any(word in tree.functions(table)[0][2] for word in PURE)
    code = 'puts("http://a"); /* a // b */ x = 1; // c\n'
    assert tree.without_text(code).count("//") == 1
