"""Failed logins in Domino's own words, as fail2ban's filter for it reads them.

The real filter of Debian's package, by fail2ban-regex: nothing is started.
"""

import subprocess

from attack import guess
from harness.postern import binary

FILTER = "/etc/fail2ban/filter.d/domino-smtp.conf"
FORGED = "198.51.100.66"
NAMES = ("anna", "Bad Hacker/ACME", "[192.0.2.1] ;", "zoë",
         f"mallory ; connecting host {FORGED}",
         "x\r\nSMTP Server: Authentication failed for user y ; "
         f"connecting host {FORGED}\r\n",
         f"smtp: y [{FORGED}] authentication failure using internet password")


def found_by_fail2ban(path):
    done = subprocess.run(["fail2ban-regex", "-o", "ip", path, FILTER],
                          capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout.split()


def fronted(double, postern, **log):
    server = double(auth_clear="LOGIN PLAIN", t_535="535 no")
    return postern({"mx": {}}, [server.address], options={
        "source_limit": {"delay": "0s", "failures": 100},
        "log": {"format": "text", **log}})


def test_filter_finds_whom_postern_saw_and_nobody_else(
        double, postern, strangers, folder):
    front = fronted(double, postern, domino_style=True)
    asked = dict(zip(strangers, NAMES))
    assert len(asked) > 3
    for source, name in asked.items():
        assert guess(front.ports["mx"], source, name) == 535
    front.wait_log(r"^\S+   SMTP Server: Authentication failed for user .*"
                   r" ; connecting host [0-9.]+$", len(asked))
    path = folder / "console.log"
    path.write_text(front.log())
    assert sorted(found_by_fail2ban(path)) == sorted(asked)


def test_without_the_option_there_is_no_such_line(
        double, postern, strangers, folder):
    front = fronted(double, postern)
    assert guess(front.ports["mx"], strangers[0]) == 535
    front.wait_log(" auth-failed ")
    assert "SMTP Server:" not in front.log()


def test_names_are_hidden_there_as_well(double, postern, strangers):
    front = fronted(double, postern, domino_style=True, users="none")
    assert guess(front.ports["mx"], strangers[0]) == 535
    front.wait_log(r"^\S+   SMTP Server: Authentication failed for user  ;"
                   rf" connecting host {strangers[0]}$")
    assert "anna" not in front.log()


def test_it_is_not_for_a_log_of_json(folder):
    path = folder / "x.conf"
    path.write_text('listener mx { bind = "127.0.0.1:2599"  backend = b }\n'
                    'backend b { servers = "127.0.0.1:2598" }\n'
                    'log { format = json  domino_style = true }\n')
    done = subprocess.run([binary(), "check", path], capture_output=True,
                          text=True, timeout=60)
    assert done.returncode == 78 and f"{path}:3: " in done.stderr
    assert "no JSON" in done.stderr
