"""Reads the table "Who may include whom" as rules.

The table is prose for people; the phrases below are all that it may consist
of. Any other phrase is an error, so the table cannot say
something that the check does not hold.
"""

import re

FREESTANDING = {
    "<float.h>", "<iso646.h>", "<limits.h>", "<stdalign.h>", "<stdarg.h>",
    "<stdbool.h>", "<stddef.h>", "<stdint.h>", "<stdnoreturn.h>",
}  # fmt: skip

# Headers of libraries; a system header that matches none of them is libc's.
LIBRARIES = {
    "OpenSSL": r"<openssl/.*>",
    "libevent": r"<event2/.*>|<event\.h>",
    "SQLite": r"<sqlite3\.h>",
    "hiredis": r"<hiredis/.*>",
    "jansson": r"<jansson\.h>",
    "libnftables": r"<nftables/.*>|<libmnl/.*>|<linux/netfilter/.*>",
    "the parser library": r"<confuse\.h>",
    "libcap-ng": r"<cap-ng\.h>",
    "PCRE2 in one file": r"<pcre2\.h>",
    "libseccomp": r"<seccomp\.h>",
    "libsystemd": r"<systemd/.*\.h>",
    "libmaxminddb": r"<maxminddb.*\.h>",
    "c-ares": r"<ares.*\.h>",
    "libcurl": r"<curl/.*>",
    "ncurses": r"<(curses|term)\.h>|<ncursesw/.*>",
    "libsystemd": r"<systemd/.*>",
}
# libevent and the like bring sockets of their own; these belong to nobody pure.
SOCKETS = r"<(sys/socket|netinet/.*|arpa/.*|sys/un|netdb|poll|sys/epoll)\.h>|" + (
    r"<(netinet|arpa)/.*>"
)

FOLDERS = {
    "base": "src/base/",
    "proto": "proto/",
    "tls": "tls/",
    "ipc": "src/ipc/",
    "conf": "src/conf/",
    "logs": "src/logs/",
    "geo": "src/geo/",
    "feed": "src/feed/",
    "policy": "src/policy/",
    "journal": "src/journal/",
}

# Phrases that allow no header of their own.
SAYINGS = {"speaks the control protocol", "itself", "libc"}
# The one folder that starts the others: it may name what begins each process.
ENTRIES = "the entry headers of its children"
ENTRY = r"src/(worker/worker|keeper/keeper|fw/(helper|rights)|dash/dash|hook/hook|fetch/fetch)\.h"


def rows(text):
    """{folder: cell "may include"} of the table in a text."""
    found = {}
    inside = False
    for line in text.splitlines():
        cells = [cell.strip() for cell in line.strip().strip("|").split("|")]
        if cells == ["folder", "may include", "may not"]:
            inside = True
        elif inside and not line.startswith("|"):
            break
        elif inside and not line.startswith("|-"):
            found[cells[0].strip("`")] = cells[1]
    return found


def phrases(cell):
    """Split at "," and ";" outside brackets; "X and Y" of `proto/` is one."""
    parts = re.split(r"[,;]\s*(?![^(]*\))", cell)
    return [part.strip() for part in parts]


class Rule:
    """What one folder may include."""

    def __init__(self, folder, cell):
        self.folder = folder
        self.libc = folder != "proto/"
        self.system = []
        self.own = [re.escape(folder) + ".*"]
        self.denied = []
        for phrase in phrases(cell):
            self.learn(phrase)

    def learn(self, phrase):
        if phrase in SAYINGS:
            return
        if phrase == "C11 freestanding headers and `<string.h>`":
            names = sorted(FREESTANDING | {"<string.h>"})
            self.system += [re.escape(name) for name in names]
        elif phrase in LIBRARIES:
            self.system.append(LIBRARIES[phrase])
        elif phrase in FOLDERS:
            self.own.append(re.escape(FOLDERS[phrase]) + ".*")
        elif phrase == "base (not clock, not log)":
            self.own.append(r"src/base/.*")
            self.denied += [r"src/base/(clock|log)\.h", SOCKETS]
        elif phrase == ENTRIES:
            self.own.append(ENTRY)
        elif re.fullmatch(r"`[^`<]+`", phrase):
            self.own.append(re.escape(phrase.strip("`")))
        else:
            raise ValueError(f"{self.folder}: unknown phrase: {phrase}")

    def allows(self, header):
        """header: "<system.h>", or a path from the top."""

        def among(patterns):
            return any(re.fullmatch(p, header) for p in patterns)

        if among(self.denied):
            return False
        if not header.startswith("<"):
            # The octets' slice is everybody's (src/base/addr.h shows it).
            return among(self.own) or header == "proto/slice.h"
        if among(self.system):
            return True
        return self.libc and not among(LIBRARIES.values())


def rules(text):
    return {folder: Rule(folder, cell) for folder, cell in rows(text).items()}
