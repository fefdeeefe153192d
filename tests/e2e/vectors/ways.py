"""The ways in which the octets of a vector are cut.

Each vector is run whole, one octet a write, and split at every offset of its
critical part. Between two writes the other end has read the first.
"""

import ssl

from inet_diag import wait_read


class Way:
    """One way: `whole`, `octets`, or a split at an offset."""

    def __init__(self, name, at=None):
        self.name = name
        self.at = at

    def __repr__(self):
        return self.name

    def pieces(self, before, critical, after):
        if self.name == "whole":
            return [before + critical + after]
        if self.name == "octets":
            data = before + critical + after
            return [data[i:i + 1] for i in range(len(data))]
        return [piece for piece in (before + critical[:self.at],
                                    critical[self.at:] + after) if piece]

    def send(self, client, critical, before=b"", after=b""):
        """Sends before + critical + after. True: all of it; False: the other
        end had closed before that. Inside TLS each piece is a record."""
        raw = getattr(client, "sock", client)
        for index, piece in enumerate(self.pieces(before, critical, after)):
            if index:
                wait_read(raw)
            try:
                client.send(piece)
            except (BrokenPipeError, ConnectionError, ssl.SSLError):
                return False
        return True


WHOLE = Way("whole")


def all_ways(critical):
    """Whole, octet by octet, and split within the critical part: in front of
    each of its octets, and behind the last."""
    splits = [Way(f"split at {at}", at) for at in range(len(critical) + 1)]
    return [WHOLE, Way("octets"), *splits]
