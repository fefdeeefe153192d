"""The project's files, as the checks of this suite look at them."""

import pathlib
import re
import sys

sys.dont_write_bytecode = True

TOP = pathlib.Path(__file__).resolve().parents[2]
LINT = TOP / "tests/lint"
PRODUCT = ("proto", "tls", "src")

COMMENT_OR_STRING = re.compile(
    r"""/\*.*?\*/ | "(?:\\.|[^"\\\n])*" | '(?:\\.|[^'\\\n])*'""",
    re.DOTALL | re.VERBOSE,
)


def files(patterns, folders):
    """Paths relative to the top, sorted."""
    found = set()
    for folder in folders:
        for pattern in patterns:
            found.update((TOP / folder).rglob(pattern))
    found = [path for path in found if "__pycache__" not in path.parts]
    return sorted(path.relative_to(TOP) for path in found)


def product_sources():
    return files(["*.c", "*.h"], PRODUCT)


def all_sources():
    return files(["*.c", "*.h"], PRODUCT + ("tests",))


def text(path):
    return (TOP / path).read_text(encoding="utf-8")


def without_comments(code):
    """The code with comments blank, lines kept; strings stay."""

    def blank(match):
        piece = match.group(0)
        return re.sub(r"[^\n]", " ", piece) if piece[:2] == "/*" else piece

    return COMMENT_OR_STRING.sub(blank, code)


def without_text(code):
    """The code with comments, strings and characters blank, lines kept."""
    return COMMENT_OR_STRING.sub(
        lambda match: re.sub(r"[^\n]", " ", match.group(0)), code
    )


def functions(code):
    """(first line, lines from brace to brace, comment above) of each."""
    lines = code.splitlines()
    found, brace = [], None
    for number, line in enumerate(lines):
        if line.startswith("{"):
            brace = number
        elif line.startswith("}") and brace is not None:
            head = comment_above(lines, brace)
            found.append((brace + 1, number - brace - 1, head))
            brace = None
    return found


def comment_above(lines, brace):
    """The comment that ends above the function's head, or ''."""
    end = brace
    while end > 0 and lines[end - 1].strip() and "*/" not in lines[end - 1]:
        end -= 1
    begin = end
    while begin > 0 and "/*" not in lines[begin]:
        begin -= 1
    if end == 0 or "*/" not in lines[end - 1]:
        return ""
    return "\n".join(lines[begin:end])


def listed(name, check):
    """Exceptions of one check in a list: {path or noun: reason}.

    A line is: CHECK WHAT REASON. A reason is not optional.
    """
    found = {}
    for line in (LINT / name).read_text().splitlines():
        if not line.strip() or line.startswith("#"):
            continue
        words = line.split(None, 2)
        assert len(words) == 3, f"{name}: no reason: {line}"
        if words[0] == check:
            found[words[1]] = words[2]
    return found
