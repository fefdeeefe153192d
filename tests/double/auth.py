"""The mechanisms of AUTH, each a generator.

It yields challenges (octets, not yet base64) and is sent the client's
answers; it returns (user, secret, ok). `check(user, secret)` asks for the
password; where the secret never travels, `secret_of(user)` gives it.
Known to Domino: LOGIN and PLAIN. The others are there so that a proxy meets
them. Raises Garbage where an answer has not the form that it must have.
"""

import hashlib
import hmac
import json


class Garbage(Exception):
    """The answer is no answer."""


def text(octets):
    return octets.decode("utf-8", "surrogateescape")


def plain(users, first):
    answer = first if first is not None else (yield b"")
    parts = answer.split(b"\0")
    if len(parts) != 3:
        raise Garbage()
    user, secret = text(parts[1]), text(parts[2])
    return user, secret, users.check(user, secret)


def login(users, first):
    user = first if first is not None else (yield b"Username:")
    secret = yield b"Password:"
    user, secret = text(user), text(secret)
    return user, secret, users.check(user, secret)


def cram_md5(users, first):
    if first is not None:
        raise Garbage()
    challenge = b"<1896.697170952@domino.example.test>"
    answer = text((yield challenge))
    user, _, digest = answer.rpartition(" ")
    secret = users.secret_of(user)
    wanted = hmac.new((secret or "").encode(), challenge,
                      hashlib.md5).hexdigest()
    ok = secret is not None and hmac.compare_digest(wanted.encode(),
                                                    digest.encode())
    return user, digest, ok


def xoauth2(users, first):
    answer = first if first is not None else (yield b"")
    fields = dict(part.partition("=")[::2]
                  for part in text(answer).split("\x01") if part)
    user = fields.get("user", "")
    token = fields.get("auth", "").removeprefix("Bearer ")
    if not fields:
        raise Garbage()
    ok = users.check(user, token)
    if not ok:
        yield json.dumps({"status": "400", "schemes": "Bearer"}).encode()
    return user, token, ok


def oauthbearer(users, first):
    answer = first if first is not None else (yield b"")
    header, _, rest = text(answer).partition("\x01")
    fields = dict(part.partition("=")[::2]
                  for part in rest.split("\x01") if part)
    user = header.split(",")[1].removeprefix("a=") if "," in header else ""
    token = fields.get("auth", "").removeprefix("Bearer ")
    if not user:
        raise Garbage()
    ok = users.check(user, token)
    if not ok:
        # RFC 7628 §3.2.2: the error is told first, then comes a dummy.
        yield json.dumps({"status": "invalid_token"}).encode()
    return user, token, ok


def opaque(users, first):
    """Any other name: two challenges, user and secret as the answers."""
    user = first if first is not None else (yield b"who are you, \x00\xff?")
    secret = yield b"and what do you know?"
    user, secret = text(user), text(secret)
    return user, secret, users.check(user, secret)


MECHANISMS = {"PLAIN": plain, "LOGIN": login, "CRAM-MD5": cram_md5,
              "XOAUTH2": xoauth2, "OAUTHBEARER": oauthbearer}


def start(name, users, first):
    return MECHANISMS.get(name, opaque)(users, first)
