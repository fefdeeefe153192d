"""Virtual time: agents are generators that yield how long they wait.

Nothing here reads a clock. Agents that wake at the same moment run in the
order in which they went to sleep, and each has a random generator of its own,
drawn from the seed and its name: so the same seed gives the same run, and one
agent's luck does not depend on what another did.
"""

import hashlib
import heapq
import random

MINUTE, HOUR, DAY = 60.0, 3600.0, 86400.0
WEEK = 7 * DAY      # time begins on a Monday at midnight


class World:
    def __init__(self, seed):
        self.seed = seed
        self.now = 0.0
        self.heap = []
        self.started = 0

    def random(self, *name):
        """A generator for one agent."""
        text = "/".join(map(str, (self.seed, *name)))
        digest = hashlib.blake2b(text.encode(), digest_size=8).digest()
        return random.Random(int.from_bytes(digest, "big"))

    def start(self, agent, at=None):
        """Lets an agent begin, now or at a time."""
        self.started += 1
        at = self.now if at is None else max(at, self.now)
        heapq.heappush(self.heap, (at, self.started, agent))

    def run(self, until):
        """Lets time pass; whoever sleeps longer than that never wakes."""
        heap, push, pop = self.heap, heapq.heappush, heapq.heappop
        while heap and heap[0][0] <= until:
            self.now, _, agent = pop(heap)
            try:
                wait = next(agent)
            except StopIteration:
                continue
            self.started += 1
            push(heap, (self.now + wait, self.started, agent))
        self.now = until


def at(world, time, action):
    """An agent that does one thing at a time: world.start(at(...))."""
    if time > world.now:
        yield time - world.now
    action()
