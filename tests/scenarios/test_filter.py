"""posternctl policy-filter: the form, the same answers, bad lines."""

import json
import subprocess

import pytest

SITE = """
listener "a" { bind = {"127.0.0.1:25"} backend = "b" }
backend "b" { servers = {"127.0.0.1:2525"} }
"""


def run(posternctl, lines, *arguments):
    done = subprocess.run(
        [posternctl, "policy-filter", *(arguments or ("--seed", "1"))],
        input="".join(f"{line}\n" for line in lines),
        capture_output=True, text=True, timeout=60)
    return done


def ask(kind, t, **members):
    """One question with all members of the form."""
    whole = {"ask": kind, "t": t, "id": 1, "conn": 1, "src": "192.0.2.7",
             "listener": 587, "helo": "pc.example", "user": "anna",
             "tag": f"{7:016x}", "code": None, "lockout": False}
    return json.dumps({**whole, **members})


def guess(number, t, **members):
    """A login that the server refuses, from its connection on."""
    id_ = {"id": number, "conn": number, "tag": f"{number + 100:016x}",
           **members}
    return [ask("connect", t, **id_), ask("auth_begin", t + 0.1, **id_),
            ask("auth_settled", t + 0.2, **{**id_, "code": "535"})]


def answers(done):
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


def test_five_guesses_pass_and_the_source_is_banned(posternctl):
    lines = [line for n in range(6) for line in guess(n, 10 * n)]
    said = answers(run(posternctl, lines[:-1]))
    assert [a["verdict"] for a in said[0:15:3]] == ["accept"] * 5
    assert [a["verdict"] for a in said[1:15:3]] == ["pass"] * 5
    settled = said[2:15:3]
    assert all("verdict" not in a for a in settled)
    assert [a["wait"] for a in settled] == [1, 2, 4, 8, 15]
    assert [a["bans"] for a in settled[:4]] == [[], [], [], []]
    assert settled[4]["bans"] == [["192.0.2.7/32", 1840.2, "source-limit"]]
    assert said[15]["verdict"] == "ignore", "the tarpit lets nobody go on"
    assert said[16]["verdict"] == "drop" and said[16]["why"] == "banned"


def test_a_ban_ends_in_the_lines_time(posternctl):
    lines = [line for n in range(5) for line in guess(n, n)]
    lines += [ask("connect", 1803), ask("connect", 1805)]
    said = answers(run(posternctl, lines))
    assert [a["verdict"] for a in said[-2:]] == ["ignore", "accept"]


def strangers_guess(posternctl, tmp_path, locks, **shield):
    """One user, a stranger's guess an hour, each from a network of its own:
    what became of them."""
    options = " ".join(f"{key} = {value}" for key, value in shield.items())
    config = tmp_path / "postern.conf"
    config.write_text(SITE + f"""
        campaign {{ mode = off }}
        lockout_shield {{ {options} }}
        """)
    lines = [line for n in range(8)
             for line in guess(n, 3600 * n, src=f"203.0.{n}.1", lockout=locks)]
    said = answers(run(posternctl, lines, "--seed", "1", "--config", config))
    return [(a["verdict"], a["why"]) for a in said[1::3]]


def test_a_server_that_locks_users_out_is_shielded(posternctl, tmp_path):
    passed, stopped = ("pass", ""), ("answer454", "lockout-shield")
    assert strangers_guess(posternctl, tmp_path, False) == [passed] * 8
    # Five are supposed, the last two are for people.
    assert strangers_guess(posternctl, tmp_path, True) == (
        [passed] * 3 + [stopped] * 5)
    assert strangers_guess(posternctl, tmp_path, True, lockout=9) == (
        [passed] * 7 + [stopped])
    assert strangers_guess(posternctl, tmp_path, True, mode="off") == (
        [passed] * 8)


def test_a_name_may_have_a_nul(posternctl):
    said = answers(run(posternctl, guess(1, 1, user="an\0na", helo="\0")))
    assert said[1]["verdict"] == "pass"
    for member in ({"src": "192.0.2.7\0"}, {"tag": f"{7:015x}\0"}):
        done = run(posternctl, [ask("auth_begin", 1, **member)])
        assert done.returncode == 1 and "line 1" in done.stderr


def test_the_same_lines_get_the_same_answers(posternctl):
    lines = [line for n in range(40)
             for line in guess(n, n, src=f"198.51.100.{n % 7}")]
    first = run(posternctl, lines)
    assert first.stdout == run(posternctl, lines).stdout
    assert len(answers(first)) == len(lines)


def test_the_sixth_at_once_is_held_and_asks_again(posternctl):
    lines = [ask("auth_begin", 1, id=n, tag=f"{n + 1:016x}")
             for n in range(6)]
    lines.append(ask("auth_begin", 1.2, id=5, tag=f"{6:016x}"))
    lines.append(ask("auth_begin", 31, id=5, tag=f"{6:016x}"))
    said = answers(run(posternctl, lines))
    assert [a["verdict"] for a in said[:5]] == ["pass"] * 5
    assert [a["verdict"] for a in said[5:]] == ["hold", "hold", "answer454"]
    assert said[5]["wait"] == 0.2


def test_one_who_leaves_counts_when_the_server_heard_him(posternctl):
    """A held login that is given up was never begun; a passed one failed."""
    lines = []
    for n in range(5):
        lines.append(ask("auth_begin", n, id=n, tag=f"{n + 1:016x}"))
        lines.append(ask("auth_abandoned", n + 0.5, id=n))
    said = answers(run(posternctl, lines))
    assert said[-1]["bans"], "the fifth that leaves is the fifth failure"
    lines = [ask("auth_begin", 1, id=n, tag=f"{n + 1:016x}")
             for n in range(6)]
    lines += [ask("auth_abandoned", 2, id=5)]
    said = answers(run(posternctl, lines))
    assert said[5]["verdict"] == "hold" and said[6]["bans"] == []


@pytest.mark.parametrize("code,counts", [
    ("535", True), ("454", False), ("421", False), ("501", False),
    ("504", False), (None, False), ("235", False)])
def test_only_refusals_count(posternctl, code, counts):
    lines = []
    for n in range(5):
        tag = f"{n + 1:016x}"
        lines.append(ask("auth_begin", n, id=n, tag=tag))
        lines.append(ask("auth_settled", n + 0.1, id=n, code=code))
    said = answers(run(posternctl, lines))
    assert bool(said[-1]["bans"]) is counts


def test_another_secret_is_supposed_and_leaves_no_trace(posternctl):
    """`other` asks what would be said to another secret: here the one that
    was refused at first. The run goes on as if it had not been asked."""
    plain, supposing = [], []
    for n in range(6):
        plain += guess(n, n * 0.3)
        supposing += guess(n, n * 0.3)
        begin = json.loads(supposing[-2])
        supposing[-2] = json.dumps({**begin, "other": f"{100:016x}"})
    first, second = (answers(run(posternctl, x)) for x in (plain, supposing))
    others = [a.pop("other", None) for a in second]
    assert first == second
    assert [a["verdict"] for a in others[1::3]] == \
        ["pass"] + ["answer535"] * 4 + ["drop"]
    held = [ask("auth_begin", 1, id=n, tag=f"{n + 1:016x}") for n in range(5)]
    held.append(ask("auth_begin", 1, id=5, tag=f"{6:016x}",
                    other=f"{1:016x}"))
    last = answers(run(posternctl, held))[-1]
    assert last["verdict"] == "hold" and last["other"]["verdict"] == "pass"


def test_the_configuration_is_that_of_postern(posternctl, tmp_path):
    conf = tmp_path / "postern.conf"
    conf.write_text(SITE + "source_limit { failures = 2 }\n"
                    "banned { answer = refuse }\nallow = {\"192.0.2.9\"}\n")
    arguments = ("--seed", "1", "--config", conf)
    lines = guess(0, 1) + guess(1, 2) + [ask("connect", 3)]
    said = answers(run(posternctl, lines, *arguments))
    assert said[5]["bans"] and said[6]["verdict"] == "refuse"
    lines = [line for n in range(9) for line in guess(n, n, src="192.0.2.9")]
    said = answers(run(posternctl, lines, *arguments))
    assert {a.get("verdict") for a in said} == {"accept", "pass", None}


def login(number, t, code, **members):
    """One connection and its login, which says its name only at the door."""
    id_ = {"id": number, "conn": number, **members}
    begin = json.loads(ask("auth_begin", t + 0.1, **id_))
    del begin["helo"]
    return [ask("connect", t, **id_), json.dumps(begin),
            ask("auth_settled", t + 0.2, **{**id_, "code": code})]


def test_a_login_has_the_name_of_its_connection(posternctl, tmp_path):
    conf = tmp_path / "postern.conf"
    conf.write_text(SITE + "campaign { learn = 1s learned = 0 }\n")
    lines = login(1, 1, "235", helo="anna-laptop")
    for n in range(2, 40):
        lines += login(n, 10 * n, "535", helo="ylmf-pc", user=f"u{n % 30}",
                       tag=f"{n + 100:016x}", src=f"198.{n}.100.1")
    for n, name in ((50, "other"), (51, "anna-laptop")):
        lines += login(n, 10 * n, "235", helo=name, src=f"203.{n}.113.1")
    said = answers(run(posternctl, lines, "--seed", "1", "--config", conf))
    assert said[-5]["verdict"] == "answer454"
    assert said[-5]["why"] == "auth-greylist"
    assert said[-2]["verdict"] == "pass"


def test_a_bad_configuration_is_said_with_its_line(posternctl, tmp_path):
    conf = tmp_path / "postern.conf"
    conf.write_text(SITE + "source_limit { failures = none }\n")
    done = run(posternctl, [], "--seed", "1", "--config", conf)
    assert done.returncode == 1 and f"{conf}:4:" in done.stderr


@pytest.mark.parametrize("line,words", [
    ("", "no JSON"),
    ("{", "no JSON"),
    ("[]", "not a JSON object"),
    ("\x00", "no JSON"),
    ('{"ask": "hello", "t": 1}', '"ask"'),
    ('{"t": 1}', '"ask"'),
    (ask("connect", -1), '"t"'),
    (ask("connect", "1"), '"t"'),
    (ask("connect", 1e300), '"t"'),
    (ask("connect", 1, src="192.0.2"), '"src"'),
    (ask("connect", 1, src=None), '"src"'),
    (ask("connect", 1, listener=70000), '"listener"'),
    (ask("auth_begin", 1, id=None), '"id"'),
    (ask("auth_begin", 1, id=-1), '"id"'),
    (ask("auth_begin", 1, id=1.5), '"id"'),
    (ask("auth_begin", 1, user=7), '"user"'),
    (ask("auth_begin", 1, tag="7"), '"tag"'),
    (ask("auth_begin", 1, tag="0x00000000000000"), '"tag"'),
    (ask("auth_begin", 1, other=7), '"other"'),
    (ask("auth_settled", 1, code="99"), '"code"'),
    (ask("auth_settled", 1, code=535), '"code"'),
    (ask("connect", 1, helo="x" * 70000), "65536"),
])  # fmt: skip
def test_a_bad_line_ends_it_with_its_number(posternctl, line, words):
    done = run(posternctl, [ask("connect", 0), line, ask("connect", 9)])
    assert done.returncode == 1
    assert done.stderr.count("\n") == 1 and "line 2: " in done.stderr
    assert words in done.stderr and len(done.stdout.splitlines()) == 1


def test_time_that_goes_back_is_a_bad_line(posternctl):
    done = run(posternctl, [ask("connect", 5), ask("connect", 4.9)])
    assert done.returncode == 1 and "line 2: " in done.stderr


@pytest.mark.parametrize("arguments", [
    ("--seed", "x"), ("--seed", "-1"), ("--seed", ""), ("--seed", "1" * 30),
    ("--seed",), ("--config", "/dev/null"), ("--seed", "1", "more")])
def test_wrong_usage(posternctl, arguments):
    done = run(posternctl, [], *arguments)
    assert done.returncode == 2 and done.stderr.count("\n") == 1


def test_the_seed_belongs_to_it_alone(posternctl):
    done = subprocess.run([posternctl, "status", "--seed", "1"],
                          capture_output=True, text=True, timeout=60)
    assert done.returncode == 2 and "policy-filter" in done.stderr
