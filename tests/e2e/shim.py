"""The orders of shim.c: what a running postern's system calls answer."""

import mmap
import struct

from harness.postern import build_folder

SIZE = struct.calcsize("=q8iII")
PLACES = {"accept": 8, "fork": 16, "exec": 24, "random": 32}
STORM, STORM_COUNT = 40, 44


class Trouble:
    """For one postern: Trouble(front) before its start."""

    def __init__(self, front):
        path = front.folder / "trouble"
        path.write_bytes(bytes(SIZE))
        path.chmod(0o666)
        with open(path, "r+b") as file:
            self.map = mmap.mmap(file.fileno(), SIZE)
        front.env["TROUBLE"] = str(path)
        front.env["LD_PRELOAD"] = str(build_folder() / "tests/libshim.so")
        front.env["ASAN_OPTIONS"] += ":verify_asan_link_order=0"

    def _put(self, form, place, *values):
        struct.pack_into(form, self.map, place, *values)

    def clock(self, offset_s):
        """The wall clock, so much off."""
        self._put("=q", 0, offset_s)

    def fail(self, what, error, times):
        self._put("=ii", PLACES[what], error, times)

    def left(self, what):
        return struct.unpack_from("=i", self.map, PLACES[what] + 4)[0]

    def storm(self, on):
        self._put("=I", STORM, on)

    def stumbles(self):
        return struct.unpack_from("=I", self.map, STORM_COUNT)[0]
