"""What an operator types: postern's words, posternctl's, and what they answer.

Texts are for eyes: the tests ask for what must be in them, not for each word.
Exit codes are for scripts and are what the man pages say.
"""

import json
import os
import pathlib
import re
import socket
import stat
import subprocess
import threading

import pytest

from attack import guesses
from harness import net
from harness.postern import ROOT, USER, binary, conf_block


def run(*words, user=None, env=None, program="postern"):
    """(exit code, standard output, standard error)."""
    argv = [str(word) for word in words]
    argv.insert(0, str(binary(program)))
    if user:
        argv = ["setpriv", "--reuid", user, "--regid", "nogroup",
                "--clear-groups", *argv]
    done = subprocess.run(argv, capture_output=True, text=True, timeout=30,
                          env=dict(os.environ, **(env or {})),
                          stdin=subprocess.DEVNULL)
    assert "Sanitizer" not in done.stderr, done.stderr
    return done.returncode, done.stdout, done.stderr


@pytest.fixture(autouse=True)
def built():
    if not binary().exists():
        pytest.skip(f"{binary()} is not built")


@pytest.fixture
def written(folder):
    """Write a configuration; its path."""
    def write(text, name="postern.conf"):
        path = folder / name
        path.write_text(text)
        return path
    return write


GOOD = ('listener mx { bind = "127.0.0.1:2599"  backend = b }\n'
        'backend b { servers = "127.0.0.1:2598" }\n')


# postern

def test_help_and_version_need_nothing():
    for word in ("--help", "-h", "help"):
        code, out, err = run(word, user="nobody")
        assert code == 0 and not err
        for what in ("run", "check", "dump", "sample", "version", "78"):
            assert what in out
        assert len(out.splitlines()) <= 24, "it must fit a screen"
    for word in ("version", "--version"):
        code, out, err = run(word, user="nobody")
        assert code == 0 and re.fullmatch(r"postern \d+\.\d+\S*\n", out)


@pytest.mark.parametrize("words", [
    [], ["sing"], ["check", "a", "b"], ["check", "--changed"],
    ["dump", "--what"], ["run", "-c"]])
def test_wrong_words_are_64_and_one_line(words):
    code, out, err = run(*words)
    assert code == 64 and not out
    assert err.splitlines()[-1].startswith("postern: ") and "--help" in err
    assert len(err.splitlines()) <= 2


def test_good_file_is_said_to_be_fine(written):
    path = written(GOOD)
    code, out, err = run("check", path, user="nobody")
    assert code == 0 and out == f"{path}: fine, 1 listener, 1 backend\n"
    assert run("check", "-c", path)[0] == 0


@pytest.mark.parametrize("text, line, why", [
    ("listener mx {\n", 1, "}"),
    (GOOD + "\nworkers = 1000\n", 4, "64"),
    (GOOD + "sesions_most = 10\n", 3, "sessions_most"),
    (GOOD.replace("backend = b ", "backend = c "), 1, "c"),
    (GOOD + 'backend b { servers = "127.0.0.1:1" }\n', 3, "b"),
    (GOOD.replace("127.0.0.1:2599", "nonsense"), 1, "nonsense"),
    (GOOD + "shutdown_grace = 5 parsecs\n", 3, ""),
    (GOOD + 'allow = {"192.0.2.0/40"}\n', 3, "192.0.2.0/40")])
def test_wrong_file_is_78_and_says_where_and_why(written, text, line, why):
    path = written(text)
    code, out, err = run("check", path, user="nobody")
    assert code == 78 and not out
    assert re.search(rf"^{re.escape(str(path))}:{line}: .*{re.escape(why)}",
                     err, re.M), err
    # The same words from the others, and nothing is begun.
    assert run("dump", path)[0] == 78
    assert run("run", "-c", path) == (78, "", err)


def test_all_that_is_wrong_is_said_at_once(written):
    path = written(GOOD + "workers = 1000\nsesions_most = 10\n"
                   "shutdown_grace = -3s\n")
    err = run("check", path)[2]
    assert {int(n) for n in re.findall(r"postern\.conf:(\d+): ", err)} >= \
        {3, 4, 5}


def test_missing_file_is_named(folder):
    path = folder / "nowhere.conf"
    for word in ("check", "dump"):
        code, out, err = run(word, path)
        assert code == 78 and str(path) in err


def test_sample_is_a_file_that_checks(written):
    code, out, err = run("sample", user="nobody")
    assert code == 0 and not err
    for name in ("listener", "source_limit", "shutdown_grace", "tarpit_pace"):
        assert name in out
    assert out == (ROOT / "conf/postern.conf.sample").read_text()
    path = written(out)
    code, out, err = run("check", path)
    # What it cannot know, as certificates and addresses, may be named.
    assert code in (0, 78) and "no such option" not in err


def test_output_that_is_cut_short_is_no_success(written):
    path = written(GOOD)
    for words in (["sample"], ["man"], ["version"], ["--help"],
                  ["dump", path]):
        with open("/dev/full", "w") as full:
            done = subprocess.run([binary(), *words], stdout=full,
                                  stderr=subprocess.PIPE, timeout=30)
        assert done.returncode == 71, words
        assert b"cannot write" in done.stderr


def test_dump_can_be_read_again_and_says_what_differs(written):
    path = written(GOOD + "workers = 3\nsource_limit { failures = 7 }\n")
    code, whole, _ = run("dump", path, user="nobody")
    assert code == 0 and "failures" in whole and "window" in whole
    again = run("dump", written(whole, "again.conf"))
    assert again[0] == 0 and again[1] == whole
    code, changed, _ = run("dump", "--changed", path)
    assert code == 0 and "failures" in changed and "window" not in changed
    assert run("dump", "--changed",
               written(changed, "changed.conf"))[1] == changed
    assert run("dump", written(changed, "changed.conf"))[1] == whole


def test_each_file_that_ships_checks(folder):
    for path in sorted((ROOT / "conf").glob("*.conf")):
        if path.name == "patterns.conf":    # of another kind: test_logs.py
            continue
        # ./dev run makes the certificates that demo.conf names.
        word = "dump" if path.name == "demo.conf" else "check"
        code, _, err = run(word, path)
        assert code == 0, (path, err)


def test_check_names_what_is_not_there(folder):
    path = folder / "x.conf"
    path.write_text("user = nobody-of-that-name\n" +
                    (ROOT / "conf/demo.conf").read_text().replace(
                        "user = postern\n", "").replace(
                            "build/run/", f"{folder}/none/"))
    code, _, err = run("check", path)
    assert code == 78
    assert "no system user nobody-of-that-name" in err
    assert f"{folder}/none/demo-rsa.pem: No such file" in err
    assert "well written, but 5 things it names are not there" in err


# Starting

@pytest.fixture
def pair(double, postern):
    server = double(auth_clear="LOGIN PLAIN", t_535="535 no")
    front = postern({"mx": {}}, [server.address], options={
        "source_limit": {"delay": "0s"}, "banned": {"answer": "refuse"}})
    return server, front


def second(front, folder, postern_conf):
    """Start another one; (exit code, its log)."""
    path = folder / "second.conf"
    path.write_text(postern_conf)
    path.chmod(0o644)
    code, out, err = run("run", "-c", path)
    return code, out + err


def test_second_postern_on_the_same_ports_says_so(pair, folder, client):
    server, front = pair
    text = front.conf_path.read_text()
    other = text.replace(str(front.control), str(folder / "control"))
    other = other.replace(str(front.state), str(folder))
    code, said = second(front, folder, other)
    port = front.ports["mx"]
    assert code == 71       # and no 78, with which the unit would give up
    assert f"127.0.0.1:{port}" in said and "in use" in said
    assert f"ss -ltnp 'sport = :{port}'" in said
    # Before the start: a running postern is no trouble.
    assert "already" not in run("check", front.conf_path)[2]
    # Other ports, but the same control socket.
    other = text.replace(f"127.0.0.1:{front.ports['mx']}",
                         f"127.0.0.1:{net.free_port()}")
    other = other.replace(str(front.state), str(folder))
    code, said = second(front, folder, other)
    assert code == 71 and str(front.control) in said and "another" in said
    # The first one has not noticed.
    assert front.ctl("status")
    client(front.ports["mx"]).reply(220)


@pytest.mark.parametrize("theirs, ours", [
    ("127.0.0.1", "127.0.0.1"), ("0.0.0.0", "127.0.0.1"),
    ("127.0.0.1", "0.0.0.0"), ("::1", "::1"), ("::", "0.0.0.0")])
def test_check_names_who_has_the_port(pair, folder, theirs, ours):
    _, front = pair
    family = socket.AF_INET6 if ":" in theirs else socket.AF_INET
    port = net.free_port()      # none that the kernel gives to a client
    with socket.create_server((theirs, port), family=family,
                              dualstack_ipv6=theirs == "::"):
        place = f"[{ours}]:{port}" if ":" in ours else f"{ours}:{port}"
        path = folder / "other.conf"
        path.write_text(front.conf_path.read_text().replace(
            f"127.0.0.1:{front.ports['mx']}", place))
        code, out, err = run("check", path)
        assert code == 0 and "fine" in out      # it may be gone by the start
        assert f"(process {os.getpid()}) listens on {place} already" in err
        path.chmod(0o644)
        folder.chmod(0o755)
        _, _, err = run("check", path, user="nobody")
        assert f"somebody listens on {place} already" in err
        assert f"ss -ltnp 'sport = :{port}'" in err
    assert "already" not in run("check", path)[2]


def test_missing_user_is_77_with_advice(pair, folder):
    server, front = pair
    text = front.conf_path.read_text().replace(f'user = "{USER}"',
                                               'user = "no-such-user"')
    code, said = second(front, folder, text)
    assert code == 77 and "no-such-user" in said and "useradd" in said


def test_missing_group_is_said(pair, folder):
    server, front = pair
    text = ('control_group = "no-such-group"\n' + front.conf_path.read_text()
            ).replace(str(front.control), str(folder / "c/control")).replace(
            str(front.state), str(folder)).replace(
            f"127.0.0.1:{front.ports['mx']}",
            f"127.0.0.1:{net.free_port()}")
    code, said = second(front, folder, text)
    assert code == 71 and "no-such-group" in said


def test_without_root_it_serves_or_says_what_it_lacks(double, folder):
    """As nobody: high ports are possible, low ones say what is missing."""
    server = double()
    folder.chmod(0o777)
    text = (f'control = "{folder}/control"\nstate_dir = "{folder}"\n'
            f'user = "nobody"\n' + conf_block("listener mx", {
                "bind": "127.0.0.1:25", "backend": "b"}) + "\n" +
            conf_block("backend b", {"servers": server.address}) + "\n")
    low = pathlib.Path("/proc/sys/net/ipv4/ip_unprivileged_port_start")
    if int(low.read_text()) <= 25:
        pytest.skip("port 25 is for everybody here")
    path = folder / "postern.conf"
    path.write_text(text)
    code, out, err = run("run", "-c", path, user="nobody")
    assert code in (71, 77, 78)
    assert "127.0.0.1:25" in err and re.search("root|CAP_", err), err


def test_control_socket_is_for_owner_and_group(pair):
    server, front = pair
    mode = front.control.stat()
    assert stat.S_ISSOCK(mode.st_mode) and mode.st_mode & 0o777 == 0o660
    code, out, err = run("--socket", front.control, "status",
                         user="nobody", program="posternctl")
    assert code == 3 and "ermission" in err and "control_group" in err


def test_control_socket_is_gone_behind_an_orderly_end(pair):
    server, front = pair
    assert front.stop() == 0
    assert not front.control.exists()


def test_control_group_may_use_it(double, postern):
    server = double()
    front = postern({"mx": {}}, [server.address],
                    options={"control_group": "daemon"})
    assert front.control.stat().st_mode & 0o777 == 0o660
    done = subprocess.run(
        ["setpriv", "--reuid", "nobody", "--regid", "daemon",
         "--clear-groups", binary("posternctl"), "--socket", front.control,
         "status"], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


# posternctl

def ctl(front, *words, env=None):
    return run("--socket", front.control, *words, program="posternctl",
               env=env)


def test_no_daemon_is_3_and_helpful(folder):
    for words in (["status"], ["bans"], ["explain", "192.0.2.1"], ["reload"]):
        code, out, err = run("--socket", folder / "none", *words,
                             program="posternctl")
        assert code == 3 and not out
        assert str(folder / "none") in err and "start postern" in err
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(str(folder / "dead"))     # as a crash leaves it
    code, out, err = run("--socket", folder / "dead", "status",
                         program="posternctl")
    assert code == 3 and "no daemon" in err


@pytest.mark.parametrize("words", [
    [], ["sing"], ["bans", "sing"], ["bans", "add"], ["bans", "del"],
    ["status", "now"], ["--what"], ["explain"], ["--socket"],
    ["status", "--for", "1h"], ["bans", "add", "192.0.2.1", "192.0.2.2"],
    ["allow", "add"]])
def test_wrong_words_to_posternctl_are_2(words):
    code, out, err = run(*words, program="posternctl")
    assert code == 2 and not out
    assert err.startswith("posternctl: ") and len(err.splitlines()) == 1


@pytest.mark.parametrize("words, meant", [
    (["stauts"], "status"), (["bans", "ad"], "add"), (["fed"], "feed"),
    (["backends", "undrian", "x"], "undrain")])
def test_posternctl_says_what_may_be_meant(words, meant):
    code, out, err = run(*words, program="posternctl")
    assert code == 2 and not out
    assert f'did you mean "{meant}"?' in err and len(err.splitlines()) == 1


class Told:
    """Stands in for the daemon: one answer for each request line, then the
    end."""

    def __init__(self, path, *answers):
        self.path, self.answers = path, answers
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.bind(str(path))
        self.socket.listen()
        self.thread = threading.Thread(target=self.serve)
        self.thread.start()

    def serve(self):
        taken, _ = self.socket.accept()
        with taken, taken.makefile("rwb") as lines:
            for answer in self.answers:
                lines.readline()
                lines.write(json.dumps(answer).encode() + b"\n")
                lines.flush()

    def __enter__(self):
        return self

    def __exit__(self, *what):
        self.thread.join()
        self.socket.close()


def page_of(rows, following=None):
    return {"ok": True, "total": 9, "next": following, "bans": [
        {"prefix": prefix, "until": None, "rule": "operator", "acts": acts,
         "note": ""} for prefix, acts in rows]}


FEED_PAGES = (page_of([("192.0.2.7/32", "connection"),
                       ("198.51.100.0/24", "login")], 2),
              page_of([("192.0.2.0/31", "connection")]))


def test_feed_is_whole_and_leaves_out_what_acts_at_logins(folder):
    with Told(folder / "told", *FEED_PAGES) as told:
        code, out, err = run("--socket", told.path, "feed", "plain",
                             program="posternctl")
    assert (code, err) == (0, "")
    assert [line.split("/")[0] for line in out.splitlines()] == [
        "192.0.2.0", "192.0.2.7"]


def test_feed_that_breaks_off_is_none(folder):
    with Told(folder / "told", FEED_PAGES[0]) as told:
        code, out, err = run("--socket", told.path, "feed", "plain",
                             program="posternctl")
    assert code == 3 and not out and "no whole list" in err


def test_feed_of_nonsense_is_none(folder):
    rows = [("192.0.2.7/32", "connection"), ("1.2.3.4; flush", "connection")]
    with Told(folder / "told", page_of(rows)) as told:
        code, out, err = run("--socket", told.path, "feed", "nft",
                             program="posternctl")
    assert code == 1 and not out and "could not be read" in err


@pytest.mark.parametrize("words", [
    ["feed"], ["feed", "nfx"], ["feed", "plain", "x"],
    ["feed", "nft", "--chunk", "0"], ["feed", "nft", "--chunk", "1001"],
    ["feed", "nft", "--chunk", "9x"], ["status", "--chunk", "9"]])
def test_wrong_words_to_feed_are_2(words):
    code, out, err = run(*words, program="posternctl")
    assert code == 2 and not out and len(err.splitlines()) == 1


def test_feed_in_each_format(pair):
    server, front = pair
    for prefix in ("192.0.2.7", "192.0.2.9", "2001:db8:1::/48"):
        assert ctl(front, "bans", "add", prefix, "--for", "ever")[0] == 0
    for name, words in {
            "plain": "192.0.2.7", "json": '"rule":"operator"',
            "nft": "add set inet postern_feed postern_v4",
            "mikrotik": "/ip firewall address-list add list=postern",
            "cisco": "object-group network POSTERN-V4",
            "windows": "New-NetFirewallRule -Group postern"}.items():
        code, out, err = ctl(front, "feed", name)
        assert code == 0 and not err
        assert words in out and "2001:db8:1::/48" in out, name
    chunks = ctl(front, "feed", "windows", "--chunk", "1")[1]
    assert chunks.count("New-NetFirewallRule") == 3
    assert ctl(front, "bans", "flush")[0] == 0
    assert ctl(front, "feed", "plain") == (0, "", "")


def test_help_and_version_of_posternctl(pair, folder):
    server, front = pair
    for word in ("--help", "help"):
        code, out, err = run(word, program="posternctl")
        assert code == 0 and not err and len(out.splitlines()) <= 24
        assert all(w in out for w in ("status", "explain", "allow", "reload"))
    code, out, err = ctl(front, "version")
    assert code == 0 and len(set(re.findall(r"\d+\.\d+\S*", out))) == 1
    code, out, err = run("--socket", folder / "none", "version",
                         program="posternctl")
    assert code == 0 and "not running" in out


def test_socket_may_come_from_the_environment(pair):
    server, front = pair
    code, out, _ = run("status", program="posternctl",
                       env={"POSTERN_CONTROL": str(front.control)})
    assert code == 0 and out.startswith("postern ")


def test_status_for_eyes_and_for_scripts(pair, client, strangers):
    server, front = pair
    inside = client(front.ports["mx"])
    inside.reply(220)
    guesses(front.ports["mx"], strangers[0], 5)
    front.wait_event("ban")
    code, out, err = ctl(front, "status")
    assert code == 0 and not err
    assert re.search(r"^logins +.*5 failed", out, re.M), out
    assert re.search(r"^firewall +null", out, re.M)
    assert all(len(line) < 160 for line in out.splitlines())
    code, out, _ = ctl(front, "--json", "status")
    status = json.loads(out)
    assert code == 0 and status["ok"]
    assert status["logins"]["failed"] == 5
    assert status["firewall"]["backend"] == "null"


def columns(table):
    """A table's rows as dictionaries, cut where its heads begin."""
    head, *rows = table.splitlines()
    starts = [match.start() for match in re.finditer(r"\S+", head)]
    ends = starts[1:] + [None]
    names = head.split()
    return [{name: row[a:b].strip() for name, a, b in
             zip(names, starts, ends)} for row in rows]


def test_reasons_cannot_steer_a_terminal(pair):
    """Whoever has the page's token may write one; root reads it."""
    server, front = pair
    ctl(front, "bans", "add", "192.0.2.8", "--reason",
        "M\u00fcller \x1b[2J\u009b2J\u0085\x7f.")
    for words in (["bans"], ["explain", "192.0.2.8"]):
        code, out, _ = ctl(front, *words)
        assert code == 0 and "M\u00fcller ?[2J?2J??." in out, out


def test_bans_are_added_listed_and_lifted(pair, strangers):
    server, front = pair
    assert ctl(front, "bans") == (0, "no bans\n", "")
    code, out, _ = ctl(front, "bans", "add", "192.0.2.7", "--for", "90m",
                       "--reason", "he knows why")
    assert code == 0 and "192.0.2.7" in out and "1h 30m" in out.replace(
        "1h 29m 59s", "1h 30m")
    assert ctl(front, "bans", "add", "2001:db8:1::/48", "--for", "ever")[0] \
        == 0
    guesses(front.ports["mx"], strangers[0], 5)
    front.wait_event("ban", rule="source-limit")
    rows = {row["PREFIX"].split("/")[0]: row for row in
            columns(ctl(front, "bans", "list")[1])}
    assert rows["192.0.2.7"]["RULE"] == "operator"
    assert rows["192.0.2.7"]["NOTE"] == "he knows why"
    assert rows["2001:db8:1::"]["ENDS"] == "never"
    assert rows[strangers[0]]["RULE"] == "source-limit"
    assert rows[strangers[0]]["FAILURES"] == "5"
    only = columns(ctl(front, "bans", "list", "--rule", "operator")[1])
    assert len(only) == 2
    bans = json.loads(ctl(front, "--json", "bans")[1])["bans"]
    assert len(bans) == 3 and {b["rule"] for b in bans} == {
        "operator", "source-limit"}
    code, out, _ = ctl(front, "bans", "del", strangers[0])
    assert code == 0 and out == "1 ban lifted\n"
    code, out, err = ctl(front, "bans", "del", strangers[0])
    assert code == 1 and strangers[0] in out + err
    assert ctl(front, "bans", "flush")[1] == "2 bans lifted\n"
    assert ctl(front, "bans")[1] == "no bans\n"


@pytest.mark.parametrize("words", [
    ["bans", "add", "nonsense"], ["bans", "add", "192.0.2.0/40"],
    ["bans", "add", "192.0.2.1", "--for", "5 parsecs"],
    ["bans", "del", "nonsense"], ["allow", "add", "x"],
    ["explain", "so what?"], ["bans", "list", "--rule", "sing"]])
def test_wrong_arguments_are_refused_with_a_word(pair, words):
    server, front = pair
    code, out, err = ctl(front, *words)
    assert code in (1, 2) and not out
    assert err.startswith("posternctl: ") and len(err) > 30
    answer = json.loads(ctl(front, "--json", *words)[1])
    assert answer["ok"] is False and answer["error"]


def test_own_addresses_and_allowed_ones_cannot_be_banned(pair):
    server, front = pair
    front.ctl("allow", "add", "192.0.2.0/28")
    for prefix in ("127.0.0.1", "192.0.2.3"):
        code, out, err = ctl(front, "bans", "add", prefix)
        assert code == 1 and "allow" in (out + err).lower()


def test_allow_is_added_listed_and_taken_back(pair, strangers):
    server, front = pair
    guesses(front.ports["mx"], strangers[0], 5)
    front.wait_event("ban")
    code, out, _ = ctl(front, "allow", "add", strangers[0] + "/32",
                       "--reason", "the office")
    assert code == 0 and "1 ban lifted" in out
    rows = columns(ctl(front, "allow", "list")[1])
    mine = [row for row in rows if row["PREFIX"].startswith(strangers[0])]
    assert mine and "the office" in mine[0]["NOTE"]
    assert any(row["PREFIX"].startswith("127.") for row in rows)
    assert ctl(front, "bans")[1] == "no bans\n"
    guesses(front.ports["mx"], strangers[0], 8, word="more")
    assert ctl(front, "bans")[1] == "no bans\n"
    entries = json.loads(ctl(front, "--json", "allow")[1])["allow"]
    assert len(entries) == len(rows)
    assert ctl(front, "allow", "del", strangers[0])[0] == 0
    assert ctl(front, "allow", "del", strangers[0])[0] == 1
    # What the file or the machine says is not taken back here.
    code, out, err = ctl(front, "allow", "del", "127.0.0.0/8")
    assert code == 1 and err


def test_explain_tells_who_is_banned_why_and_the_way_out(pair, client,
                                                         strangers):
    server, front = pair
    code, out, _ = ctl(front, "explain", "198.51.100.9")
    assert code == 0 and re.search(r"^banned +no$", out, re.M)
    guesses(front.ports["mx"], strangers[0], 5)
    front.wait_event("ban")
    code, out, _ = ctl(front, "explain", strangers[0])
    assert code == 0
    assert re.search(rf"^banned +{re.escape(strangers[0])}", out, re.M)
    assert re.search(r"^rule +source-limit: ", out, re.M)
    assert f"posternctl bans del {strangers[0]}" in out
    assert f"posternctl allow add {strangers[0]}" in out
    # What the guesser was shown leads there, too.
    said = client(front.ports["mx"], source=strangers[0]).reply(554).text
    reference = re.search(r"\(ref (\w+)\)", said)[1]
    code, out, _ = ctl(front, "explain", reference)
    assert code == 0 and strangers[0] in out and reference in out
    answer = json.loads(ctl(front, "--json", "explain", reference)[1])
    assert answer["address"] == strangers[0] and answer["banned"]
    # The way out works as it is written.
    lift = re.search(r"posternctl (bans del \S+)", out)[1]
    assert ctl(front, *lift.split())[0] == 0
    client(front.ports["mx"], source=strangers[0]).reply(220)
    code, out, err = ctl(front, "explain", "ZZZZZZZZZZ")
    assert code == 1 and not out and "reference" in err


def test_reload_says_what_changed_or_what_is_wrong(pair):
    server, front = pair
    assert ctl(front, "reload") == (0, "nothing changed\n", "")
    front.options["source_limit"]["failures"] = 9
    front.write_conf()
    code, out, _ = ctl(front, "--json", "reload")
    assert code == 0 and "failures: 5 -> 9" in json.loads(out)["text"]
    front.conf_path.write_text("nonsense\n")
    code, out, err = ctl(front, "reload")
    assert code == 1 and not out
    assert re.search(r"postern\.conf:1: ", err) and "stays in force" in err
    answer = json.loads(ctl(front, "--json", "reload")[1])
    assert answer["ok"] is False and "postern.conf:1" in answer["text"]


def test_thousands_of_bans_come_in_one_list(pair):
    server, front = pair
    with socket.socket(socket.AF_UNIX) as sock:
        sock.connect(str(front.control))
        sock.settimeout(20)
        lines = sock.makefile("rb")
        for number in range(1200):
            sock.sendall(json.dumps({
                "command": "bans.add", "for": "1h", "prefix":
                f"198.18.{number >> 8}.{number & 255}"}).encode() + b"\n")
            assert json.loads(lines.readline())["ok"]
    bans = json.loads(ctl(front, "--json", "bans")[1])["bans"]
    assert len({b["prefix"] for b in bans}) == 1200
    assert len(ctl(front, "bans")[1].splitlines()) == 1201
    assert ctl(front, "bans", "flush")[1] == "1200 bans lifted\n"
