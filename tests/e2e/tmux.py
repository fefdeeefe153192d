"""A terminal of a real tmux: keys in, the screen out.

Each has a server of its own; what stands on the screen is asked until it is
what is waited for. Nothing is assumed of how soon that is.
"""

import os
import subprocess

from harness import wait


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
        subprocess.run(["tmux", "-L", "own", "kill-server"],
                       capture_output=True, env=self.environ, check=False,
                       timeout=wait.DEADLINE_S)

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
