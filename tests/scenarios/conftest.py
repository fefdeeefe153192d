"""The scenarios' tests: the package yard, and the core that they ask.

POSTERN_BUILD   build folder that holds posternctl (default build/asan)
"""

import os
import pathlib
import sys

import pytest

HERE = pathlib.Path(__file__).resolve().parent
TOP = HERE.parents[1]
sys.path.insert(0, str(HERE))


@pytest.fixture(scope="session")
def posternctl():
    build = pathlib.Path(os.environ.get("POSTERN_BUILD", TOP / "build/asan"))
    return build / "src/tools/posternctl"
