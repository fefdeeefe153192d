"""The vectors of docs/security.md: each is a test with its id in its name.

A module has one stage (its own by a fixture that calls new_stage), and the
rule U is held on it behind every test.
"""

import contextlib
import pathlib
import sys
import tempfile

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))

from stage import Stage                         # noqa: E402


@pytest.fixture(scope="module")
def new_stage(session_folder, certs, request):
    """Start a stage: new_stage(server={...}, doors={...}, options={...})."""
    with contextlib.ExitStack() as started:
        def start(**more):
            folder = pathlib.Path(tempfile.mkdtemp(
                prefix=request.module.__name__[-20:] + "-",
                dir=session_folder))
            folder.chmod(0o755)
            stage = Stage(folder, certs, **more)
            # Each is closed, whatever is wrong with another.
            started.callback(end, stage)
            return stage

        def end(stage):
            try:
                if not request.session.testsfailed:
                    stage.hold_fresh()
            finally:
                stage.close()
        yield start


@pytest.fixture(scope="module")
def the_stage(new_stage):
    """The usual one: every door, a server with all that Domino may offer."""
    return new_stage()


@pytest.fixture
def stage(the_stage, request):
    """The module's stage, with the rule U behind the test. A module that
    wants another overrides the_stage."""
    request.node.programs = [the_stage.front]
    if hasattr(the_stage.server, "tail"):
        request.node.programs.append(the_stage.server)
    yield the_stage
    if hasattr(the_stage.server, "clear_faults"):
        the_stage.server.clear_faults()
    if not getattr(request.node, "failed", False):
        the_stage.hold_u()
