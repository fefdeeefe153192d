"""The configuration that the core is asked with: a file, and rules off.

A rule is a section of the configuration that has a mode of its own, by
src/conf/options.def.
"""

import pathlib
import re

TOP = pathlib.Path(__file__).resolve().parents[3]
SITE = """
listener "yardstick" { bind = {"127.0.0.1:25"} backend = "yardstick" }
backend "yardstick" { servers = {"127.0.0.1:2525"} }
"""


def rules(text=None):
    """Names of the sections whose mode can be off, in their order."""
    text = text or (TOP / "src/conf/options.def").read_text()
    found = re.findall(r'^OPTION\((\w+),\s*"mode"', text, re.MULTILINE)
    sections = dict(re.findall(r'^SECTION\((\w+),\s*"(\w*)"', text,
                               re.MULTILINE))
    return [sections[name] for name in found if sections.get(name)]


def switched_off(text, rule):
    """The text with one rule off, wherever its section stands."""
    section = re.compile(rf"^(\s*{rule}\s*\{{)([^}}]*)", re.MULTILINE)
    if not section.search(text):
        return f"{text}\n{rule} {{ mode = off }}\n"
    return section.sub(
        lambda m: m[1] + " mode = off\n"
        + re.sub(r"\bmode\s*=\s*\w+", "", m[2]), text, count=1)


def compose(text, off=()):
    """A whole configuration of a text, which may lack the site."""
    if not re.search(r"^\s*listener\b", text, re.MULTILINE):
        text += SITE
    for rule in off:
        text = switched_off(text, rule)
    return text
