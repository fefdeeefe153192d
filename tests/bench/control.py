"""A word to a postern under test, by its control socket."""

import json
import socket
import sys
import threading

import machine

AT_ONCE = 500


def path(name):
    return machine.RUN / f"{name}-state/control"


def ask_all(name, requests):
    """The answers, in order; so many requests are on their way at a time."""
    answers = []
    with socket.socket(socket.AF_UNIX) as sock:
        sock.connect(str(path(name)))
        lines = sock.makefile("rb")
        for at in range(0, len(requests), AT_ONCE):
            some = requests[at : at + AT_ONCE]
            text = b"".join(json.dumps(one).encode() + b"\n" for one in some)
            asking = threading.Thread(target=sock.sendall, args=(text,))
            asking.start()
            answers += [json.loads(lines.readline()) for _ in some]
            asking.join()
    return answers


def ask(name, command, **members):
    return ask_all(name, [{"command": command, **members}])[0]


def answers(name):
    try:
        return ask(name, "status")["ok"]
    except (OSError, ValueError):
        return False


def ban(name, prefixes, span="1d"):
    """Bans of the operator's, in force when this is back."""
    orders = [
        {"command": "bans.add", "prefix": prefix, "for": span}
        for prefix in prefixes
    ]
    for order, answer in zip(orders, ask_all(name, orders)):
        if not answer["ok"]:
            sys.exit(f"{name}: {order}: {answer}")
