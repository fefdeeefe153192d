"""Who stands before the server.

All three have the same face, so the same agents meet them:

	connect   a generator; returns how it was met: "accept", "refuse"
	          (421 or 554 at once), "ignore" (no answer: the client waits
	          for its own time-out); and the connection's number
	auth      a generator; returns the reply's code, "gone" when the
	          connection was ended instead, "silent" when nothing came

Nothing learns who is a person and who is not but the ledger.
"""

import collections
import hashlib
import json
import subprocess

ROUND_TRIP = 0.05
CLIENT_TIMEOUT = 30.0


class Nobody:
    """No protection: every client talks to the server."""

    name = "nobody"

    def __init__(self, world, domino, ledger):
        self.world, self.domino, self.ledger = world, domino, ledger

    def barred(self, src):
        return False

    def failed(self, src):
        """The server's log has a new line."""

    def connect(self, who, src, port=587, helo=None):
        if self.barred(src):
            who.turned_away(src)
            yield CLIENT_TIMEOUT
            return "ignore", 0
        yield ROUND_TRIP
        return "accept", 0

    def auth(self, who, src, user, secret, guess=None, port=587, conn=0):
        if self.barred(src):        # its packets are dropped from now on
            who.turned_away(src)
            yield CLIENT_TIMEOUT
            return "silent"
        if guess:
            guess.reached = True
        yield self.domino.latency()
        code = self.domino.answer(user, secret)
        if guess:
            guess.tested = 1
        if code == "535":
            self.failed(src)
        return code

    def close(self):
        """Nothing to end."""


class LogWatcher(Nobody):
    """Reads the server's log and blocks addresses, with its defaults.

    Five failures of one address in ten minutes: blocked for ten minutes. A
    line is read one to two seconds after it was written.
    """

    name = "watcher"
    LIMIT, WINDOW, BAN, READ_AFTER = 5, 600.0, 600.0, (1.0, 2.0)

    def __init__(self, world, domino, ledger):
        super().__init__(world, domino, ledger)
        self.lines = collections.defaultdict(collections.deque)
        self.until = {}
        self.random = world.random("watcher")

    def barred(self, src):
        return self.until.get(src, 0.0) > self.world.now

    def failed(self, src):
        self.world.start(self.read(src, self.world.now),
                         self.world.now + self.random.uniform(*self.READ_AFTER))

    def read(self, src, written):
        lines = self.lines[src]
        lines.append(written)
        while lines[0] <= written - self.WINDOW:
            lines.popleft()
        if len(lines) >= self.LIMIT:
            self.until[src] = self.world.now + self.BAN
            del self.lines[src]
        return
        yield


class Postern(Nobody):
    """The real core, over a pipe to posternctl policy-filter."""

    name = "postern"

    def __init__(self, world, domino, ledger, posternctl, config=None):
        super().__init__(world, domino, ledger)
        command = [posternctl, "policy-filter", "--seed", str(world.seed)]
        if config:
            command += ["--config", config]
        self.core = subprocess.Popen(command, stdin=subprocess.PIPE,
                                     stdout=subprocess.PIPE)
        self.tags = {}
        self.ids = 0
        self.random = world.random("postern")
        self.lockout = "true" if domino.lockout else "false"

    def close(self):
        self.core.stdin.close()
        self.core.stdout.close()
        if self.core.wait() != 0:
            raise RuntimeError("policy-filter ended with an error")

    def tag(self, secret):
        tag = self.tags.get(secret)
        if tag is None:
            text = f"{self.world.seed}/{secret}".encode()
            tag = hashlib.blake2b(text, digest_size=8).hexdigest()
            self.tags[secret] = tag
        return tag

    def ask(self, who, text):
        core = self.core
        try:
            core.stdin.write(text.encode())
            core.stdin.flush()
            line = core.stdout.readline()
        except BrokenPipeError:
            line = b""
        if not line:
            core.kill()
            core.wait()
            raise RuntimeError(f"policy-filter went away at: {text}")
        answer = json.loads(line)
        for rule, _, _ in answer.get("alarms", ()):
            self.ledger.alarms[rule] += 1
        who.note(answer.get("verdict") or "settled", answer["why"],
                 answer["wait"])
        return answer

    def connect(self, who, src, port=587, helo=None):
        self.ids += 1
        conn = self.ids
        answer = self.ask(who, (
            f'{{"ask":"connect","t":{self.world.now:.3f},"id":null,'
            f'"conn":{conn},"src":"{src}","listener":{port},'
            f'"helo":{json.dumps(helo)},"lockout":{self.lockout}}}\n'))
        met = answer["verdict"]
        if met == "accept":
            yield ROUND_TRIP + answer["wait"]
            return met, conn
        who.turned_away(src)
        yield CLIENT_TIMEOUT if met == "ignore" else ROUND_TRIP
        return met, conn

    def begin(self, who, src, user, secret, guess, port, conn, number):
        """One question about a login, and what the right secret would have
        been told in its place."""
        other, weight, account = "", 0, self.domino.users.get(user)
        if guess and not guess.tested and account:
            weight = self.ledger.other_weight(self.random)
        if weight:
            other = f',"other":"{self.tag(account.secret)}"'
        answer = self.ask(who, (
            f'{{"ask":"auth_begin","t":{self.world.now:.3f},"id":{number},'
            f'"conn":{conn},"src":"{src}","listener":{port},'
            f'"user":{json.dumps(user)},"tag":"{self.tag(secret)}",'
            f'"lockout":{self.lockout}{other}}}\n'))
        if weight and answer["verdict"] != "pass":
            told = (answer["verdict"], answer["wait"])
            right = (answer["other"]["verdict"], answer["other"]["wait"])
            if told != right and secret not in account.tested:
                guess.tested = weight
                account.tested.add(secret)
        return answer

    def auth(self, who, src, user, secret, guess=None, port=587, conn=0):
        self.ids += 1
        number = self.ids
        while True:
            answer = self.begin(who, src, user, secret, guess, port, conn,
                                number)
            verdict = answer["verdict"]
            if verdict != "hold":
                break
            yield answer["wait"]
        if verdict == "pass":
            return (yield from self.pass_on(who, src, user, secret, guess,
                                            conn, number))
        if verdict == "drop":
            who.turned_away(src)
            return "gone"
        code = verdict[-3:]     # answer454, answer535
        return (yield from self.deliver(who, answer["wait"], code))

    def pass_on(self, who, src, user, secret, guess, conn, number):
        if guess:
            guess.reached = True
        yield self.domino.latency()
        code = self.domino.answer(user, secret)
        if guess:
            guess.tested = 1
        answer = self.ask(who, (
            f'{{"ask":"auth_settled","t":{self.world.now:.3f},"id":{number},'
            f'"conn":{conn},"src":"{src}","code":"{code}",'
            f'"lockout":{self.lockout}}}\n'))
        return (yield from self.deliver(who, answer["wait"], code))

    @staticmethod
    def deliver(who, wait, code):
        """A reply that comes late; a hasty bot does not wait for it."""
        if wait > who.patience:
            yield who.patience
            return "gone"
        if wait:
            yield wait
        return code
