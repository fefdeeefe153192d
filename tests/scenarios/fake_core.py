#!/usr/bin/python3
"""Cores that are wrong in a known way, in the form of policy-filter.

FAKE_CORE says which; before FAKE_LEARNS seconds each lets all through.

	pass        lets everything through
	wait        454 to everybody, whatever the secret
	refuse      535 to everybody
	remember    454 to all but the secrets that were right before: the
	            server hears no guess, and every guess is put to the test
	slow        454 to everybody, but later to such a secret
	hold        holds all others for a second, then 454
	pairs       535 to pairs that were refused, as it should be
	decoy       535 to every pair that was not right before
"""

import json
import os
import sys


class Core:
    def __init__(self, kind):
        self.kind = kind
        self.open = {}
        self.right, self.wrong = set(), set()
        self.held = set()

    def verdict(self, user, tag, number):
        pair = (user, tag)
        known = pair in self.right
        if self.kind == "pass":
            return "pass", 0
        if self.kind == "wait":
            return "answer454", 0
        if self.kind == "refuse":
            return "answer535", 0
        if self.kind == "remember":
            return ("pass" if known else "answer454"), 0
        if self.kind == "slow":
            return "answer454", 0.5 if known else 0
        if self.kind == "hold":
            if known:
                return "pass", 0
            return ("answer454", 0) if number in self.held else ("hold", 1)
        if self.kind == "pairs":
            return ("answer535" if pair in self.wrong else "pass"), 0
        return ("pass" if known else "answer535"), 0

    def answer(self, ask):
        answer = {"wait": 0, "why": "fake", "bans": []}
        kind, number = ask["ask"], ask["id"]
        if kind == "connect":
            answer["verdict"] = "accept"
        elif kind == "auth_begin":
            learning = ask["t"] < float(os.environ.get("FAKE_LEARNS", "0"))
            answer["verdict"], answer["wait"] = (
                ("pass", 0) if learning
                else self.verdict(ask["user"], ask["tag"], number))
            if "other" in ask:
                told = self.verdict(ask["user"], ask["other"], number)
                answer["other"] = {"verdict": told[0], "wait": told[1]}
            self.held.add(number)
            self.open[number] = (ask["user"], ask["tag"])
        elif kind == "auth_settled":
            which = self.right if ask["code"] == "235" else self.wrong
            which.add(self.open.pop(number))
        return answer


def main():
    core = Core(os.environ["FAKE_CORE"])
    for line in sys.stdin:
        print(json.dumps(core.answer(json.loads(line))), flush=True)


if __name__ == "__main__":
    main()
