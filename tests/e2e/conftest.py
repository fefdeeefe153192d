"""Fixtures of the end-to-end tests.

POSTERN_BUILD   build folder that holds postern (default build/asan)
POSTERN_DIRECT  set: the matrix talks to the servers without postern
POSTERN_KEEP    set: the temporary folder stays
"""

import pathlib
import sys
import tempfile

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))

from harness.fixtures import *      # noqa: E402,F401,F403


@pytest.fixture(scope="module")
def place(session_folder):
    """A folder of this module's, that every user may enter."""
    path = pathlib.Path(tempfile.mkdtemp(dir=session_folder))
    path.chmod(0o755)
    return path
