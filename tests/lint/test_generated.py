"""Files that are made from src/conf/options.def are up to date."""

import os
import pathlib
import subprocess

import pytest
import tree

BUILD = pathlib.Path(os.environ.get("POSTERN_BUILD", tree.TOP / "build/asan"))
POSTERN = BUILD / "src/supervisor/postern"


@pytest.mark.parametrize(
    "word,path",
    [
        ("sample", "conf/postern.conf.sample"),
        ("man", "docs/man/postern.conf.5"),
    ],
)
def test_the_file_is_what_postern_prints(word, path):
    done = subprocess.run([POSTERN, word], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert tree.text(path) == done.stdout, f"postern {word} >{path}"
