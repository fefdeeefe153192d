"""Fixtures of the differential oracle: those of the end-to-end tests."""

import pathlib
import sys

HERE = pathlib.Path(__file__).resolve().parent
for folder in (HERE.parent / "e2e", HERE):
    sys.path.insert(0, str(folder))

from harness.fixtures import *      # noqa: E402,F401,F403
