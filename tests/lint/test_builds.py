"""The whole tree builds without a warning, with both compilers."""

import os
import subprocess

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
