"""A message on its way in: found by its end, freed of dots, stored, hashed.

The end is CRLF . CRLF and nothing else. What is stored is what the client
meant, octet for octet: nothing is added and no line end is touched.
"""

import hashlib
import os

END = b"\r\n.\r\n"


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
    """DATA, fed in any parts."""

    def __init__(self, store):
        self.store = store
        # The line end of the DATA command counts for the end of an empty
        # message but is no part of it.
        self.pending = bytearray(b"\r\n")
        self.skip = 2

    def _emit(self, part):
        part = bytes(part).replace(b"\r\n.", b"\r\n")
        self.store.add(part[self.skip:])
        self.skip = 0

    def feed(self, data):
        """None, or the octets that lay behind the end."""
        self.pending += data
        end = self.pending.find(END)
        if end >= 0:
            self._emit(self.pending[:end + 2])
            return bytes(self.pending[end + len(END):])
        # Everything up to the last CRLF is settled; a line longer than this
        # is too, but for an octet that might be half of a CRLF.
        cut = self.pending.rfind(b"\r\n")
        if cut <= 0 and len(self.pending) > 4096:
            cut = len(self.pending) - 1
        if cut > self.skip:
            self._emit(self.pending[:cut])
            del self.pending[:cut]
        return None
