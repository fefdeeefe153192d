"""Are the two runs equal, but for the listed changes?

The direct run (direct.py) has made those changes already that postern makes;
what is left here are the numbers, dates and challenges that a server draws
anew for each session, and the ends that a client makes in the middle of
something. Each of them is named and counted only where it made a difference.
"""

import base64
import re

MONTHS = "Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec"
DATE = (rb"(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun), [ 0-9]?[0-9] (?:" +
        MONTHS.encode() + rb") [0-9]{4} [0-9]{2}:[0-9]{2}:[0-9]{2} "
        rb"[+-][0-9]{4}")

# (change, server, verbs, pattern): the group is what the server draws.
DRAWN = [
    ("date", "double", {"banner"}, rb"220 \S+ ESMTP Service \(.*\) ready at (" +
     DATE + rb")\r\n"),
    ("date", "exim", {"banner"}, rb"220 \S+ ESMTP Exim \S+ (" + DATE +
     rb")\r\n"),
    ("queue-id", "postfix", {b"dot"},
     rb"250 2\.0\.0 Ok: queued as ([0-9A-F]{6,20})\r\n"),
    ("queue-id", "postfix", {b"last"},
     rb"250 2\.0\.0 Ok: [0-9]+ bytes queued as ([0-9A-F]{6,20})\r\n"),
    ("queue-id", "exim", {b"dot", b"last"},
     rb"250 OK id=([0-9A-Za-z]{6}-[0-9A-Za-z]{6,11}-[0-9A-Za-z]{2,4})\r\n"),
    ("queue-id", "exim", {b"last"},
     rb"250- [0-9]+ byte chunk, total [0-9]+\r\n"
     rb"250 OK id=([0-9A-Za-z]{6}-[0-9A-Za-z]{6,11}-[0-9A-Za-z]{2,4})\r\n"),
]
CHALLENGE = re.compile(rb"334 ([A-Za-z0-9+/]+={0,2})\r\n")


def without_drawn(server, verb, reply, changes):
    """The reply without what the server draws; the changes it stands for."""
    for change, where, verbs, pattern in DRAWN:
        if where == server and verb in verbs:
            match = re.fullmatch(pattern, reply)
            if match:
                changes.add(change)
                return reply[:match.start(1)] + b"*" + reply[match.end(1):]
    match = CHALLENGE.fullmatch(reply)
    if verb == b"AUTH" and match and re.fullmatch(
            rb"<[0-9.]+@[A-Za-z0-9.-]+>",
            base64.b64decode(match[1] + b"==", validate=False)):
        changes.add("challenge")
        return b"334 <challenge>\r\n"
    return reply


def same_reply(server, slot, reply, counts):
    if slot.own is not None:
        return bool(slot.own.fullmatch(reply))
    if slot.reply == reply:
        return True
    changes = set()
    one = without_drawn(server, slot.verb, slot.reply, changes)
    two = without_drawn(server, slot.verb, reply, changes)
    if one != two:
        return False
    counts.update(changes)
    return True


def replies(server, direct, proxied):
    """The differences of the transcripts."""
    found = []
    if proxied.trouble:
        found.append(f"client: {proxied.trouble}")
    at = 0
    for slot in direct.slots:
        reply = proxied.replies[at] if at < len(proxied.replies) else None
        if not slot.done():
            found.append(f"direct: no reply {at} to {slot.verb}")
        elif reply is not None and same_reply(server, slot, reply,
                                              direct.counts):
            at += 1
        elif slot.maybe:
            continue
        elif reply is None:
            found.append(f"reply {at}: missing; direct {slot!r}")
        else:
            found.append(f"reply {at}: {reply!r}; direct {slot!r}")
            at += 1
    if direct.early is None:
        found += [f"reply {i}: surplus {proxied.replies[i]!r}" for i in
                  range(at, len(proxied.replies))]
    return found


def at_server(direct, proxied, connections):
    """The differences of the octets at the server."""
    wanted = list(direct.parts)
    for mine, theirs in zip(direct.answers, proxied.answers):
        wanted[-1] = wanted[-1].replace(mine, theirs, 1)
    if len(connections) != len(wanted):
        return [f"server: {len(connections)} connections, not {len(wanted)}"]
    found = []
    for index, (want, one) in enumerate(zip(wanted, connections)):
        got, last = one.octets, index == len(wanted) - 1
        if got == want:
            continue
        if last and not direct.exact and want.startswith(got) and \
                len(got) >= direct.least:
            continue
        at = next((i for i, (a, b) in enumerate(zip(want, got)) if a != b),
                  min(len(want), len(got)))
        found.append(f"server: at octet {at} of {len(got)} (least "
                     f"{direct.least}): {got[max(0, at - 60):at + 60]!r}; "
                     f"direct, {len(want)}: {want[max(0, at - 60):at + 60]!r}")
    return found


def differences(server, direct, proxied, connections):
    return replies(server, direct, proxied) + \
        at_server(direct, proxied, connections)
