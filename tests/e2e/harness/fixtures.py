"""Fixtures that suites share: folders, certificates, programs, clients.

A suite's conftest.py takes them all: `from harness.fixtures import *`.
"""

import os
import pathlib
import shutil
import tempfile

import pytest

from . import net
from .certs import Certs
from .double import Double
from .postern import Postern, binary
from .raw import Client


def pytest_configure(config):
    """Move in; with pytest-xdist only its workers do, each on its own.

    The process that hands out the tests stays outside: where it were, there
    its workers would be, and get-servers.sh would have no network.
    """
    hands_out = getattr(config.option, "dist", "no") != "no"
    if not hands_out or hasattr(config, "workerinput"):
        net.enter()


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    """Show the logs of what a failed test had started."""
    report = (yield).get_result()
    item.failed = getattr(item, "failed", False) or report.failed
    if report.failed:
        for program in getattr(item, "programs", []):
            report.sections.append((f"log of {program.name}",
                                    program.tail(200)))


@pytest.fixture(scope="session")
def session_folder():
    # Not pytest's own: that one is closed to other users, and postern's
    # processes run as one.
    folder = pathlib.Path(tempfile.mkdtemp(prefix="postern-e2e-"))
    folder.chmod(0o755)
    yield folder
    if not os.environ.get("POSTERN_KEEP"):
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def folder(session_folder, request):
    name = "".join(c if c.isalnum() else "_" for c in request.node.name)[:30]
    path = pathlib.Path(tempfile.mkdtemp(prefix=name + "-",
                                         dir=session_folder))
    path.chmod(0o755)
    return path


@pytest.fixture(scope="session")
def certs(session_folder):
    return Certs(session_folder / "certs")


@pytest.fixture
def programs(request):
    """What the test started, newest last; stopped in the reverse order."""
    request.node.programs = started = []
    yield started
    for program in reversed(started):
        if not isinstance(program, Postern):
            program.stop()


@pytest.fixture
def double(folder, programs, certs):
    """Start a double: double(auth_clear="LOGIN PLAIN", faults=[...])."""
    def start(**params):
        index = sum(isinstance(p, Double) for p in programs)
        params.setdefault("name", f"double{index or ''}")
        params.setdefault("cert", certs.rsa)
        program = Double(folder, **params)
        programs.append(program)
        return program
    return start


@pytest.fixture
def postern(folder, programs):
    """Start postern: postern({"mx": {...}}, [double.address], ...)."""
    started = []

    def start(listeners, backends, run=True, **more):
        if not binary().exists():
            pytest.skip(f"{binary()} is not built")
        program = Postern(folder, listeners, backends, **more)
        programs.append(program)
        started.append(program)
        return program.start() if run else program
    yield start
    for program in started:
        if program.process is not None:
            program.stop_clean()


@pytest.fixture
def client():
    """Connect a raw client: client(port, source="203.0.113.7")."""
    opened = []

    def connect(port, **more):
        opened.append(Client(port, **more))
        return opened[-1]
    yield connect
    for one in opened:
        one.close()


@pytest.fixture
def strangers():
    """Addresses that are neither loopback nor the machine's own."""
    if not net.inside():
        pytest.skip("needs root for a network of its own")
    return [f"203.0.113.{n}" for n in range(1, 255)]


@pytest.fixture
def small_queues():
    """The kernel holds little for each socket; what grows is postern's."""
    if not net.inside():
        pytest.skip("needs root for a network of its own")
    paths = [pathlib.Path(f"/proc/sys/net/ipv4/tcp_{side}mem")
             for side in "rw"]
    before = [path.read_text() for path in paths]
    for path in paths:
        path.write_text("4096 16384 32768")
    yield
    for path, text in zip(paths, before):
        path.write_text(text)
