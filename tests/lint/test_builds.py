"""The whole tree builds without a warning, with both compilers.

And what the analysers find in it is mended, or excused in exceptions.txt. A
line there names FILE:FUNCTION:CHECK and the reason; one that excuses nothing
any more is a failure, too.
"""

import os
import subprocess

import analysis
import pytest
import tree


@pytest.mark.parametrize("compiler", ["gcc", "clang"])
def test_builds_without_a_warning(compiler):
    build = tree.TOP / "build" / compiler
    env = dict(os.environ, CC=compiler)
    if not (build / "build.ninja").exists():
        command = ["meson", "setup", str(build), "-Dwerror=true"]
        subprocess.run(command, cwd=tree.TOP, env=env, check=True)
    done = subprocess.run(
        ["ninja", "-C", str(build)],
        env=env,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    assert done.returncode == 0, done.stdout[-6000:]


# Without optimisation: what gcc drops as useless, it does not look at.
GCC = ("-fanalyzer", "-fanalyzer-verbosity=0", "-fdiagnostics-plain-output",
       "-O0", "-U_FORTIFY_SOURCE", "-c", "-o", "/dev/null")
CPPCHECK = ("cppcheck", "--enable=warning,portability,performance", "--quiet",
            "--std=c11", "--inline-suppr", "--error-exitcode=0",
            "--template={file}:{line}:{column}: warning: {message} [{id}]",
            "--template-location=")


# It hides from gcc what is not initialised; clang wants to be asked twice.
HIDES = "-ftrivial-auto-var-init=zero"


def flags(unit):
    return [word for word in unit.argv[1:] if word != HIDES]


def gcc(unit):
    return ["gcc", *flags(unit), *GCC, str(tree.TOP / unit.path)]


# Five times as fast as with its default, and found no less here.
FEW_NODES = ("-Xclang", "-analyzer-config", "-Xclang", "max-nodes=40000")


def clang_tidy(unit):
    return ["clang-tidy-14", "--quiet", str(tree.TOP / unit.path), "--",
            *flags(unit), *FEW_NODES]


def cppcheck(unit):
    defines = [word for word in flags(unit) if word[:2] in ("-D", "-I")]
    return [*CPPCHECK, *defines, str(tree.TOP / unit.path)]


TOOLS = {
    "gcc-analyzer": (["gcc", "--version"], gcc),
    "clang-tidy": (["clang-tidy-14", "--version"], clang_tidy),
    "cppcheck": (["cppcheck", "--version"], cppcheck),
}


@pytest.mark.parametrize("tool", TOOLS)
def test_analyser_finds_nothing_that_is_not_excused(tool):
    wrong = analysis.judge(tool, analysis.run_all(tool, *TOOLS[tool]))
    assert not wrong, "\n".join(wrong)


WRONG = """
#include <stdlib.h>
int twice(int n);
int twice(int n)
{
	int *p = malloc(sizeof(*p));
	if (n > 3) {
		free(p);
	}
	free(p);
	return n;
}
"""


@pytest.mark.parametrize("tool", TOOLS)
def test_analyser_is_awake(tool, tmp_path):
    source = tmp_path / "wrong.c"
    source.write_text(WRONG)
    unit = analysis.units()[0]._replace(path=str(source))
    done = subprocess.run(TOOLS[tool][1](unit), capture_output=True,
                          text=True, cwd=tree.TOP)
    said = (done.stdout + done.stderr).replace(str(source), "wrong.c")
    lines = [int(match["line"]) for match in map(
        analysis.SAID.match, said.splitlines()) if match
        and match["kind"] in ("warning", "error")]
    assert 10 in lines, said
