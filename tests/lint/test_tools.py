"""Form of the C sources, the scripts and the Python files."""

import py_compile
import re
import subprocess

import tree

WARNING = re.compile(r"^\S+: warning: ", re.MULTILINE)


def run(command):
    done = subprocess.run(
        command,
        cwd=tree.TOP,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    assert done.returncode == 0, done.stdout[-6000:]


def scripts():
    named = [tree.TOP / "dev", tree.TOP / ".ci/run"]
    found = [tree.TOP / path for path in tree.files(["*.sh"], ["tests", "conf"])]
    found.append(tree.TOP / "conf/routing/postern-routes")
    return [str(path.relative_to(tree.TOP)) for path in named + found]


def test_c_files_are_formatted():
    paths = [str(path) for path in tree.all_sources()]
    done = subprocess.run(
        ["clang-format-14", "--dry-run", *paths],
        cwd=tree.TOP,
        stderr=subprocess.PIPE,
        text=True,
    )
    wrong = {line.partition(":")[0] for line in WARNING.findall(done.stderr)}
    assert not wrong, "./dev fmt changes " + " ".join(sorted(wrong))
    assert done.returncode == 0, done.stderr


def test_scripts_are_clean():
    run(["shellcheck", *scripts()])


def test_python_files_compile(tmp_path):
    for path in tree.files(["*.py"], ["tests", "conf"]):
        py_compile.compile(
            str(tree.TOP / path), cfile=str(tmp_path / "out.pyc"), doraise=True
        )
