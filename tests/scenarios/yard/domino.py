"""The server: who its users are, what it answers and how long that takes.

It answers 235 or 535. Its lockout, where a scenario turns it on, counts the
failures of a user since the last success and then refuses the right secret
too, until somebody unlocks the user. While its directory is ill it refuses
everybody.
"""

from .world import MINUTE

UNLOCKED_AFTER = 45 * MINUTE    # somebody calls the help desk


class User:
    __slots__ = ("secret", "failures", "locked_until", "tested")

    def __init__(self, secret):
        self.secret = secret
        self.failures = 0
        self.locked_until = 0.0
        self.tested = set()     # secrets that this one was compared with


class Domino:
    def __init__(self, world, lockout=0):
        self.world = world
        self.lockout = lockout
        self.users = {}
        self.ill = []           # (from, until)
        self.locks = 0
        self.random = world.random("domino")

    def add(self, name, secret):
        self.users[name] = User(secret)

    def change(self, name, secret):
        """A new secret: what was compared with the old one says nothing."""
        user = self.users[name]
        user.secret = secret
        user.tested = set()

    def is_ill(self):
        return any(a <= self.world.now < b for a, b in self.ill)

    def accepts(self, name, secret):
        """Is it right, whatever the lockout says?"""
        user = self.users.get(name)
        return bool(user) and user.secret == secret and not self.is_ill()

    def latency(self):
        """A look into the directory, over the network: 20 to 400 ms."""
        return 0.02 + min(0.38, self.random.expovariate(1 / 0.06))

    def answer(self, name, secret):
        user = self.users.get(name)
        if user is None:
            return "535"
        if not self.is_ill():
            user.tested.add(secret)
        if self.is_ill() or self.world.now < user.locked_until:
            return "535"
        if user.secret == secret:
            user.failures = 0
            return "235"
        user.failures += 1
        if self.lockout and user.failures >= self.lockout:
            user.failures = 0
            user.locked_until = self.world.now + UNLOCKED_AFTER
            self.locks += 1
        return "535"
