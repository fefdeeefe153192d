"""What the clients saw of each message, held against what arrived.

    begun     its end of data was not sent: it must not arrive
    ended     sent whole, no answer seen, or a temporary one: may arrive
    refused   5yz to its end of data: must not arrive
    accepted  2yz to its end of data: arrived exactly once
"""

import collections


class Book:
    def __init__(self, paths):
        self.paths = {path: 0 for path in paths}
        self.open, self.closed = {}, {}
        self.arrived, self.count = {}, 0
        self.counts = collections.Counter()
        self.wrong = []

    def new(self):
        self.count += 1
        name = f"m{self.count}"
        self.open[name] = ["begun", None]
        return name

    def ends(self, name, digest):
        """Its end of data is about to be sent."""
        self.open[name] = ["ended", digest]

    def answered(self, name, code):
        if 200 <= code < 300:
            self.open[name][0] = "accepted"
        elif code >= 500:
            self.open[name][0] = "refused"

    def close(self, name):
        """No more will be seen of it."""
        self.closed[name] = self.open.pop(name)
        self.counts[self.closed[name][0]] += 1

    def read(self):
        """What has come since; half a line waits for its end."""
        for path, offset in self.paths.items():
            with open(path, "rb") as file:
                file.seek(offset)
                text = file.read()
            text = text[: text.rfind(b"\n") + 1]
            self.paths[path] += len(text)
            for line in text.decode().splitlines():
                name, digest, _ = line.split()
                self.counts["arrived"] += 1
                if name in self.arrived:
                    self.wrong.append(f"{name} arrived twice")
                else:
                    self.arrived[name] = digest

    def judge(self):
        """All that is closed; what was closed before the read has arrived."""
        closed, self.closed = self.closed, {}
        self.read()
        for name, (state, digest) in closed.items():
            there = self.arrived.get(name)
            if there:
                self.arrived[name] = "judged"
            if state == "accepted" and not there:
                self.wrong.append(f"{name} was accepted and is not there")
            if state in ("begun", "refused") and there:
                self.wrong.append(f"{name} is there and was {state}")
            if state in ("accepted", "ended") and there not in (None, digest):
                self.wrong.append(f"{name} is another than was sent")

    def judge_last(self):
        for name in list(self.open):
            self.close(name)
        self.judge()
        for name, digest in self.arrived.items():
            if digest != "judged":
                self.wrong.append(f"{name} arrived, and nobody sent it")
