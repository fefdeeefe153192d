"""A program under test: started, its output kept, stopped, judged."""

import os
import pathlib
import re
import signal
import subprocess

from . import wait

SANITIZER = re.compile(
    r"ERROR: (Address|Leak|Undefined|Memory)Sanitizer|runtime error: |"
    r"CHECK failed|Assertion .* failed")


class Program:
    """One process with its standard error (and output) in a file."""

    def __init__(self, name, argv, folder, env=None):
        self.name = name
        self.argv = [str(word) for word in argv]
        self.folder = pathlib.Path(folder)
        self.log_path = self.folder / f"{name}.log"
        self.env = dict(os.environ, **(env or {}))
        self.process = None

    def spawn(self, stdin=subprocess.DEVNULL):
        with open(self.log_path, "ab") as log:
            self.process = subprocess.Popen(
                self.argv, stdin=stdin, stdout=log, stderr=log, env=self.env,
                cwd=self.folder)

    def log(self):
        try:
            return self.log_path.read_text("utf-8", "backslashreplace")
        except FileNotFoundError:
            return ""

    def alive(self):
        return self.process is not None and self.process.poll() is None

    def wait_until(self, look, what, timeout_s=wait.DEADLINE_S):
        """As wait.until, but a program that died is not waited for."""
        def look_at_both():
            seen = look()
            if not seen and not self.alive():
                raise AssertionError(
                    f"{self.name} ended with {self.process.returncode}, "
                    f"waiting for {what}:\n{self.tail()}")
            return seen
        return wait.until(look_at_both, what, timeout_s)

    def wait_log(self, pattern, count=1, timeout_s=wait.DEADLINE_S):
        """Wait until that many matches are in the log; give the last."""
        regex = re.compile(pattern, re.M)

        def look():
            found = list(regex.finditer(self.log()))
            return found[count - 1] if len(found) >= count else None
        return self.wait_until(look, f"{pattern!r} in {self.name}'s log",
                               timeout_s)

    def tail(self, lines=60):
        return "\n".join(self.log().splitlines()[-lines:])

    def kill_with(self, number):
        self.process.send_signal(number)

    def stop(self, number=signal.SIGTERM, timeout_s=wait.DEADLINE_S):
        """End it; the exit code (negative: the signal that killed it)."""
        if self.process is None:
            return 0
        if self.process.poll() is None:
            self.process.send_signal(number)
        try:
            return self.process.wait(timeout_s)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            raise AssertionError(f"{self.name} did not stop in {timeout_s} s"
                                 f":\n{self.tail()}") from None

    def kill(self):
        if self.alive():
            self.process.kill()
        if self.process:
            self.process.wait()

    def sanitizer_report(self):
        """What a sanitizer or a failed check wrote, or None."""
        texts = [self.log()]
        for path in self.folder.glob("sanitizer.*"):
            texts.append(path.read_text("utf-8", "backslashreplace"))
        for text in texts:
            match = SANITIZER.search(text)
            if match:
                return text[match.start():match.start() + 4000]
        return None
