"""Memory and descriptors that run out in one process, when told to.

A library stands in front of the C library of all of postern's processes
(tests/e2e/starve.c); what it does lies in a file that all of them map.
"""

import contextlib
import mmap
import os
import pathlib
import struct

TOP = pathlib.Path(__file__).resolve().parents[3]
# A sanitizer brings its own allocator: what it needs fails nobody.
BUILD = TOP / "build/release"
LIBRARY = BUILD / "tests/libstarve.so"
FOR_EVER = 1 << 60

FIELDS = ("pid", "first", "last", "count", "failed", "accept_error",
          "socket_error", "refused", "turn_octets", "splice_in_error",
          "splice_out_error", "spliced")


class Starve:
    """A field of the orders is an attribute."""

    def __init__(self, path):
        self.__dict__["path"] = pathlib.Path(path)
        self.path.write_bytes(bytes(8 * len(FIELDS)))
        self.path.chmod(0o666)
        with open(self.path, "r+b") as file:
            self.__dict__["memory"] = mmap.mmap(file.fileno(), 0)

    def __getattr__(self, name):
        at = 8 * FIELDS.index(name)
        return struct.unpack_from("q", self.memory, at)[0]

    def __setattr__(self, name, value):
        struct.pack_into("q", self.memory, 8 * FIELDS.index(name), value)

    def clear(self):
        for name in FIELDS:
            setattr(self, name, 0)

    @contextlib.contextmanager
    def allocations(self, pid, first, last):
        """Within, those allocations of this process fail."""
        self.first = self.last = self.count = self.failed = 0
        self.last, self.first, self.pid = last, first, pid
        try:
            yield
        finally:
            self.first = self.pid = 0

    @contextlib.contextmanager
    def environment(self):
        """What is started within can be starved; it is a release build."""
        assert LIBRARY.exists(), f"{LIBRARY} is not built"
        before = dict(os.environ)
        os.environ.update(LD_PRELOAD=str(LIBRARY), STARVE=str(self.path),
                          POSTERN_BUILD=str(BUILD))
        try:
            yield
        finally:
            os.environ.clear()
            os.environ.update(before)
