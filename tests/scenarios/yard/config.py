"""The configuration that the core is asked with: a file, and rules off.

An administrator whose server locks users out says so in the file, as the
scenarios do that have a lockout.

A rule is a section of the configuration that has a mode of its own, by
src/conf/options.def.
"""

import pathlib
import re

TOP = pathlib.Path(__file__).resolve().parents[3]
LOCKOUT = "lockout_shield", "lockout"
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


def has_option(section, option, text=None):
    text = text or (TOP / "src/conf/options.def").read_text()
    return re.search(rf'^OPTION\({section},\s*"{option}"', text,
                     re.MULTILINE) is not None


def with_option(text, section, option, value):
    """The text with one option of a section set, wherever that stands."""
    place = re.compile(rf"^(\s*{section}\s*\{{)([^}}]*)", re.MULTILINE)
    if not place.search(text):
        return f"{text}\n{section} {{ {option} = {value} }}\n"
    return place.sub(
        lambda m: f"{m[1]} {option} = {value}\n"
        + re.sub(rf"\b{option}\s*=\s*\w+", "", m[2]), text, count=1)


def compose(text, off=(), lockout=0):
    """A whole configuration of a text, which may lack the site."""
    if not re.search(r"^\s*listener\b", text, re.MULTILINE):
        text += SITE
    if lockout and has_option(*LOCKOUT):
        text = with_option(text, *LOCKOUT, lockout)
    for rule in off:
        text = with_option(text, rule, "mode", "off")
    return text
