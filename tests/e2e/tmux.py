"""A terminal of a real tmux: keys in, the screen out.

Each has a server of its own; what stands on the screen is asked until it is
what is waited for. Nothing is assumed of how soon that is.
"""

import os
import subprocess

from harness import wait


def alive(pid):
    try:
        with open(f"/proc/{pid}/stat", encoding="ascii") as text:
            return text.read().rpartition(")")[2].split()[0] not in "ZX"
    except (FileNotFoundError, ProcessLookupError):
        return False


class Terminal:
    """A shell in a pane: terminal.keys("q"), terminal.wait("$ ")."""

    def __init__(self, folder, width=80, height=24, **env):
        self.folder = folder / "tmux"
        self.folder.mkdir()
        self.environ = {**os.environ, "TMUX_TMPDIR": str(self.folder),
                        "LC_ALL": "C.UTF-8"}
        for name in ("TMUX", "NO_COLOR", "POSTERN_CONTROL"):
            self.environ.pop(name, None)
        self.environ.update(env)
        self.tmux("-f", "/dev/null", "new-session", "-d", "-x", str(width),
                  "-y", str(height), "env PS1='shell> ' bash --norc --noprofile -i")
        self.wait("shell>")

    def tmux(self, *words):
        done = subprocess.run(["tmux", "-L", "own", *words], text=True,
                              capture_output=True, env=self.environ,
                              timeout=wait.DEADLINE_S)
        assert done.returncode == 0, (words, done.stderr)
        return done.stdout

    def close(self):
        """End it, and whatever runs in it: that must go with its terminal."""
        pids = self.below(int(self.value("pane_pid")))
        self.tmux("kill-server")
        wait.until(lambda: not any(map(alive, pids)), f"end of {pids}")

    @classmethod
    def below(cls, pid):
        """A process, and those that it started."""
        with open(f"/proc/{pid}/task/{pid}/children", encoding="ascii") as text:
            children = [int(child) for child in text.read().split()]
        return [pid, *(one for child in children for one in cls.below(child))]

    def keys(self, *names):
        self.tmux("send-keys", *names)

    def type(self, text):
        self.tmux("send-keys", "-l", text)

    def resize(self, width, height):
        self.tmux("resize-window", "-x", str(width), "-y", str(height))

    def screen(self, escapes=False):
        """Its lines as one text; escapes: with those for attributes."""
        return self.tmux("capture-pane", "-p", *(["-e"] if escapes else []))

    def wait(self, *texts, without=(), escapes=False):
        """The screen as soon as it has all of these and none of those."""
        seen = [""]

        def look():
            seen[0] = self.screen(escapes)
            return all(text in seen[0] for text in texts) and \
                not any(text in seen[0] for text in without)
        try:
            wait.until(look, f"{texts} without {without} on the screen")
        except wait.TooLate as late:
            raise wait.TooLate(f"{late}; it is:\n{seen[0]}") from None
        return seen[0]

    def value(self, name):
        """A value of tmux's own, of the pane: "alternate_on"."""
        return self.tmux("display-message", "-p", f"#{{{name}}}").strip()
