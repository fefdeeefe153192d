"""Whatever the documents tell somebody to type exists: command and option."""

import os
import pathlib
import re
import subprocess

import tree

BUILD = pathlib.Path(os.environ.get("POSTERN_BUILD", tree.TOP / "build/asan"))
CTL = "docs/man/posternctl.1"
GUIDES = [pathlib.Path("README.md"), pathlib.Path("NEWS.md"),
          *tree.files(["*.md"], ["docs"])]
PAGES = tree.files(["*.[1-8]"], ["docs/man"])
# What the package says, and the hints of ./dev run.
SHOWN = [pathlib.Path(path) for path in (
    "conf/debian/postern.conf", "conf/debian/postern.postinst")]
DEV = pathlib.Path("dev")
EVERYWHERE = {"--socket", "--json", "--help", "--version"}


def in_code(path):
    """What stands in code there, a piece for each line or span."""
    text = tree.text(path)
    if path in SHOWN or path == DEV:
        return re.split(r"\n|   +|\t", text)
    if path.suffix == ".md":
        fence = re.compile(r"^```.*?\n(.*?)^```", re.M | re.S)
        lines = "\n".join(fence.findall(text)).splitlines()
        spans = re.findall(r"`([^`]+)`", fence.sub("", text))
        return lines + [" ".join(span.split()) for span in spans]
    text = text.replace("\\-", "-")
    blocks = re.findall(r"^\.Bd -literal.*?\n(.*?)^\.Ed", text, re.M | re.S)
    return ("\n".join(blocks).splitlines()
            + re.findall(r"^\.Ql (.*)", text, re.M))


def told(program, paths=()):
    """(document, words) of each call of it with a word."""
    call = re.compile(rf"(?<![\w/.-]){program}((?: +[^\s|&;<>()#`]+)+)")
    found = [(path, [word.strip("\"',:") for word in words.split()])
             for path in [*GUIDES, *PAGES, *SHOWN, *paths]
             for piece in in_code(path) for words in call.findall(piece)]
    assert found, program
    return found


def manual():
    """{command, with its verb: its options}, by posternctl(1)."""
    found = {}
    for line in re.findall(r"^\.It Cm (.*)", tree.text(CTL), re.M):
        words = re.match(r"[a-z-]+(?: (?:Op Cm )?[a-z]+(?= |$))?", line)[0]
        flags = re.findall(r"\bFl ((?:-[a-z-]+)(?: \| [a-z]+)*)", line)
        found[words.replace("Op Cm ", "")] = {
            f"--{flag.strip(' -')}" for group in flags
            for flag in group.split("|")}
    return found


def wrong(words, known):
    """What of such a call there is not."""
    options = [word.split("=")[0] for word in words if word[:2] == "--"]
    if words[:1] == ["--socket"]:
        words = words[2:]
    words = [word for word in words if word[:2] != "--" and
             word not in ("…", "ARG...")]
    if not words:
        return set(options) - EVERYWHERE
    fits = [name for name in known if name.split()[0] == words[0]]
    if not fits:
        return {words[0]}
    verbs = {name.split()[1] for name in fits if " " in name}
    if verbs and words[1:] and re.fullmatch("[a-z]+", words[1]) and \
            words[0] != "user":
        fits = [name for name in fits if name.split()[1:] == words[1:2]]
        if not fits:
            return {" ".join(words[:2])}
    return set(options) - EVERYWHERE - set().union(
        *(known[name] for name in fits))


def test_posternctl_has_what_documents_tell():
    known = manual()
    assert known["bans add"] == {"--for", "--reason"}
    assert known["report"] >= {"--since", "--mail", "--html"}
    bad = [f"{path}: posternctl {' '.join(words)}: {missing}"
           for path, words in told("posternctl") + told(r"\./dev ctl", [DEV])
           if (missing := wrong(words, known))]
    assert not bad, "\n".join(bad)


def helped(program):
    done = subprocess.run([program, "--help"], capture_output=True, text=True,
                          check=True)
    return done.stdout


def test_the_manual_has_an_example_of_each_command():
    shown = [words for path, words in told("posternctl")
             if path.name == "posternctl.1"]
    # `name` and `name list` are the same.
    heads = {tuple(word for word in words if word[0] != "-")[:2]
             for words in shown}
    bare = {head[0] for head in heads}
    missing = [name for name in manual()
               if tuple(name.split()) not in heads and not (
                   name.split()[1:] in ([], ["list"])
                   and name.split()[0] in bare)]
    assert not missing, f"EXAMPLES in {CTL}: {missing}"


def test_the_manual_has_only_commands_that_posternctl_has():
    text = helped(BUILD / "src/tools/posternctl")
    missing = {name for name in manual() for word in name.split()
               if not re.search(rf"(?<![\w-]){word}(?![\w-])", text)}
    assert not missing, missing


def test_postern_and_dev_have_what_documents_tell():
    text = helped(BUILD / "src/supervisor/postern")
    words = set(re.findall(r"\bpostern ([a-z]+)", text))
    options = set(re.findall(r"-[-\w]+", text))
    bad = [f"{path}: postern {' '.join(call)}"
           for path, call in told("postern(?= [a-z]+(?: |$))")
           if call[0] not in words
           or {word for word in call if word[0] == "-"} - options]
    text = helped(tree.TOP / "dev")
    words = set(re.findall(r"\./dev ([a-z]+)", text)) | {"help"}
    bad += [f"{path}: ./dev {' '.join(call)}"
            for path, call in told(r"\./dev", [DEV])
            if not set(re.findall("[a-z]+", call[0])) <= words]
    assert not bad, "\n".join(bad)
