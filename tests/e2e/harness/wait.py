"""Waiting for what can be seen, with a deadline."""

import os
import time

# A loaded machine must not make tests fail: deadlines are long, and only a
# test that fails anyhow waits for one.
DEADLINE_S = float(os.environ.get("POSTERN_DEADLINE", "20"))
PAUSE_S = 0.01


class TooLate(AssertionError):
    """What was waited for did not come."""


def until(look, what, timeout_s=DEADLINE_S):
    """The first true value that look() gives."""
    deadline = time.monotonic() + timeout_s
    while True:
        seen = look()
        if seen:
            return seen
        if time.monotonic() > deadline:
            raise TooLate(f"after {timeout_s} s still no {what}")
        time.sleep(PAUSE_S)
