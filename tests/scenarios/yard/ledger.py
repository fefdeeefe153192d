"""What is counted, and what the counts mean.

A *guess* is a pair of user and secret that an attacker sets out to try from
one source; he may present it several times.

	made      he began: the first connection for it was made or refused
	reached   the server heard it
	tested    it was *put to the test*: had the secret been right, he would
	          have been told something else

What the server answered was tested, always, also when the attacker did not
wait for the reply or the server's lockout hid the truth: that errs on the
safe side. What postern answered was tested when the same question with the
right secret would have been answered otherwise (verdict or time), unless this
secret had been compared with the user's before: then the answer tells nothing
that was not told then. A 454 for whatever secret tells nothing. A 535 for a
pair that the server refused tells nothing new; a 535 for a pair that it never
heard, where the right one would have passed, tells everything.

The other answer is asked from a copy of the core (`other` of policy-filter),
for the first guesses all and then for one in SAMPLE, weighted.

A *right login* is a message that a person wants to send with a secret that
the server would accept at that moment. Its time runs from the first try for
which that was so. It is *late* when it took longer than LATE, and *lost* when
the mail program gave up.
"""

import collections

LATE = 10.0
SURELY, SAMPLE = 1500, 10


class Guess:
    __slots__ = ("user", "secret", "reached", "tested", "told")

    def __init__(self, user, secret):
        self.user = user
        self.secret = secret
        self.reached = False
        self.tested = 0         # or the weight of a sampled one
        self.told = None        # the last reply


class Want:
    """A message that somebody wants to send."""

    __slots__ = ("person", "asked", "right")

    def __init__(self, person, now):
        self.person = person
        self.asked = now
        self.right = None       # since when its secret was right


class Ledger:
    def __init__(self, world):
        self.world = world
        self.measuring = True
        self.guesses = []
        self.right = 0
        self.lost = collections.Counter()       # by person
        self.late = []
        self.late_by = collections.Counter()
        self.turned_away = set()                # people's addresses
        self.verdicts = collections.Counter()   # (whose, verdict, why)
        self.alarms = collections.Counter()
        self.locks_before = 0
        self.asked_other = 0
        self.transcript = None      # a list: all that bots were told

    def guess(self, user, secret):
        guess = Guess(user, secret)
        self.guesses.append(guess)
        return guess

    def other_weight(self, random):
        """0: do not ask what the right secret would have been told."""
        self.asked_other += 1
        if self.asked_other <= SURELY:
            return 1
        return SAMPLE if random.random() * SAMPLE < 1 else 0

    def got(self, want, now):
        """A right login has come through."""
        if not self.measuring:
            return
        self.right += 1
        if now - want.right > LATE:
            self.late.append(now - want.right)
            self.late_by[want.person] += 1

    def gave_up(self, want):
        if not self.measuring or want.right is None:
            return              # he never found the right one himself
        self.right += 1
        self.lost[want.person] += 1

    def note(self, whose, verdict, why):
        if self.measuring:
            self.verdicts[(whose, verdict, why)] += 1

    def figures(self):
        """All that was measured, as plain data."""
        late = sorted(self.late)
        return {
            "guesses": len(self.guesses),
            "reached": sum(g.reached for g in self.guesses),
            "tested": sum(g.tested for g in self.guesses),
            "taken": sum(g.told == "235" for g in self.guesses),
            "right": self.right,
            "lost": sum(self.lost.values()),
            "lost_by": dict(self.lost),
            "late": len(late),
            "late_by": dict(self.late_by),
            "late_s": [round(seconds) for seconds in late],
            "turned_away": len(self.turned_away),
            "verdicts": {"|".join(k): n for k, n in self.verdicts.items()},
            "alarms": dict(self.alarms),
        }
