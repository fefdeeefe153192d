"""A message on its way in: found by its end, freed of dots, stored, hashed.

The end is CRLF . CRLF and nothing else, unless the double is told to be as
lax as servers have been. What is stored is what the client meant, octet for
octet: nothing is added and no line end is touched.
"""

import hashlib
import os

NEWLINES = {"crlf": b"\r\n", "lf": b"\n", "cr": b"\r",
            "crcrlf": b"\r\r\n", "nul": b"\0"}


def end_of(name):
    """`lf.crlf`: the newlines in front of the dot and behind it."""
    before, _, behind = name.partition(".")
    return NEWLINES[before], NEWLINES[behind]


class Store:
    """One message, into FOLDER/tmp and, when whole, FOLDER/new."""

    def __init__(self, folder, name):
        self.sha = hashlib.sha256()
        self.octets = 0
        self.path = self.file = None
        if folder:
            self.path = os.path.join(folder, "tmp", name)
            self.final = os.path.join(folder, "new", name)
            self.file = open(self.path, "wb")

    def add(self, data):
        self.sha.update(data)
        self.octets += len(data)
        if self.file:
            self.file.write(data)

    def keep(self):
        if self.file:
            self.file.close()
            os.rename(self.path, self.final)
            return self.final
        return None

    def drop(self):
        if self.file and not self.file.closed:
            self.file.close()
            os.unlink(self.path)


class Unstuffer:
    """DATA, fed in any parts. ends: more names of ends (end_of)."""

    def __init__(self, store, ends=()):
        self.store = store
        self.ends = [end_of(name) for name in ("crlf.crlf", *ends)]
        # The line end of the DATA command counts for the end of an empty
        # message but is no part of it.
        self.pending = bytearray(b"\r\n")
        self.skip = 2

    def _emit(self, part):
        part = bytes(part).replace(b"\r\n.", b"\r\n")
        self.store.add(part[self.skip:])
        self.skip = 0

    def _find(self):
        """(what lies behind the end, the text's octets) of the first."""
        found = []
        for before, behind in self.ends:
            at = self.pending.find(before + b"." + behind)
            if at >= 0:
                found.append((at + len(before) + 1 + len(behind),
                              at + len(before)))
        return min(found, default=None)

    def feed(self, data):
        """None, or the octets that lay behind the end."""
        self.pending += data
        end = self._find()
        if end:
            self._emit(self.pending[:end[1]])
            return bytes(self.pending[end[0]:])
        # Everything up to the last CRLF is settled; a line longer than this
        # is too, but for octets that might be part of an end.
        cut = self.pending.rfind(b"\r\n")
        if cut <= 0 and len(self.pending) > 4096:
            cut = len(self.pending) - 7
        if cut > self.skip:
            self._emit(self.pending[:cut])
            del self.pending[:cut]
        return None
