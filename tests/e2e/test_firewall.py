"""The firewall helper against the real kernel: what is banned is not heard.

Each test has two network namespaces of its own (root), a helper in one, and
clients in the other whose SYNs the kernel drops or lets through.
"""

import os
import statistics
import time

import pytest

from harness import firewall, wait
from harness.firewall import ADD, DELETE, FAILED, FLUSH, OK, REFUSED, record
from harness.wait import DEADLINE_S

A, B = "203.0.113.5", "203.0.113.6"
NET, IN_NET, OUT_OF_NET = "198.51.100.0/24", "198.51.100.7", A
SIX, OTHER_SIX = "2001:db8:5:1::7", "2001:db8:5:2::7"
SIX_NET = "2001:db8:5:1::/64"
SHORT_S = 1.5   # a SYN that is dropped: nobody waits longer for it
MANY = 100000

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="needs root")


@pytest.fixture
def network():
    made = firewall.Network(os.getpid())
    try:
        made.build()
        yield made
    finally:
        made.remove()


@pytest.fixture
def helper(network, folder, programs):
    if not firewall.DRIVER.exists():
        pytest.skip(f"{firewall.DRIVER} is not built")
    folder.chmod(0o777)

    def start(**options):
        one = firewall.Helper(network, folder, name=f"helper{len(programs)}",
                              **options)
        programs.append(one)
        return one.spawn()
    return start


def blocked(network, source, counter, port=25):
    """True: the SYN was dropped by that rule; False: it got through."""
    before = network.dropped(counter)
    if network.connects(source, port, SHORT_S):
        return False
    assert network.dropped(counter) > before, "lost, but not dropped by us"
    return True


def test_ban_drops_and_unban_lets_through(network, helper):
    one = helper()
    assert network.connects(A)
    assert one.do(record(ADD, A, 600))[-1].count == 1
    assert blocked(network, A, "v4_32")
    assert blocked(network, A, "v4_32", port=587)
    assert network.connects(B)
    assert network.connects(A, firewall.OTHER_PORT)
    assert one.do(record(DELETE, A))[-1].count == 0
    assert network.connects(A)


def test_network_of_ipv4_is_banned_whole(network, helper):
    one = helper(uid=None)
    one.do(record(ADD, NET, 600))
    assert blocked(network, IN_NET, "v4_24")
    assert blocked(network, "198.51.100.8", "v4_24")
    assert network.connects(OUT_OF_NET)
    one.do(record(DELETE, NET))
    assert network.connects(IN_NET)
    assert one.leave() == 0


def test_network_of_ipv6_is_banned_whole(network, helper):
    one = helper()
    assert network.connects(SIX)
    one.do(record(ADD, SIX_NET, 600))
    assert blocked(network, SIX, "v6_64")
    assert network.connects(OTHER_SIX)
    assert network.connects(A)
    one.do(record(DELETE, SIX_NET))
    assert network.connects(SIX)


def test_without_ports_all_is_dropped(network, helper):
    one = helper(ports=())
    one.do(record(ADD, A, 600), record(ADD, SIX_NET, 600))
    assert blocked(network, A, "v4_32", firewall.OTHER_PORT)
    assert blocked(network, SIX, "v6_64", firewall.OTHER_PORT)
    assert network.connects(OTHER_SIX, firewall.OTHER_PORT)
    # Neighbours must still find each other: a router may be among them.
    assert network.echoes(SIX)


def test_ban_ends_by_itself_without_the_helper(network, helper):
    one = helper()
    one.do(record(ADD, A, 3))
    one.kill()
    assert blocked(network, A, "v4_32")
    wait.until(lambda: not network.elements("v4_32"), "end of the ban")
    assert network.connects(A)


def test_adding_again_gives_the_new_time(network, helper):
    one = helper()
    for ttl in (50, 5000, 90, 0, 315360000, 70):
        assert [a.status for a in one.do(record(ADD, A, ttl))] == [OK]
        left = network.elements("v4_32")[A]
        if ttl:
            assert ttl - 20 <= left <= ttl
        else:
            assert left is None


def test_last_word_of_a_datagram_counts(network, helper):
    one = helper()
    one.do(record(ADD, A, 60), record(DELETE, A), record(ADD, B, 60),
           record(DELETE, B), record(ADD, B, 900), record(DELETE, "11.0.0.1"))
    elements = network.elements("v4_32")
    assert list(elements) == [B] and elements[B] > 800


def test_a_datagram_of_a_thousand(network, helper):
    one = helper(changes=5000)
    one.end.settimeout(6 * DEADLINE_S)      # this is the heaviest of all
    many = [f"11.0.{n // 256}.{n % 256}" for n in range(1000)]
    assert one.do(*(record(ADD, a, 600) for a in many))[-1].count == 1000
    assert set(network.elements("v4_32")) == set(many)
    assert one.do(record(FLUSH))[-1].count == 0
    assert network.elements("v4_32") == {}


def test_flushed_ruleset_is_repaired_by_the_sync(network, helper):
    one = helper()
    table = {A: 600, NET: 600, SIX_NET: 0}
    assert one.sync(table).drift == 3
    network.nft("flush", "ruleset")
    assert network.connects(A)
    answer = one.sync(table)
    assert (answer.status, answer.count, answer.drift) == (OK, 3, 3)
    assert one.sync(table).drift == 0
    assert blocked(network, A, "v4_32")
    assert blocked(network, IN_NET, "v4_24")
    assert blocked(network, SIX, "v6_64")


def test_flushed_ruleset_is_repaired_by_the_next_ban(network, helper):
    one = helper()
    one.sync({A: 600, NET: 600})
    network.nft("flush", "ruleset")
    assert one.do(record(ADD, B, 600))[-1].status == OK
    assert set(network.elements("v4_32")) == {A, B}
    assert blocked(network, IN_NET, "v4_24")


def test_flushed_rules_alone_are_repaired(network, helper):
    one = helper()
    one.sync({A: 600})
    network.nft("flush", "chain", "inet", "postern", "v4_32")
    network.nft("flush", "chain", "inet", "postern", "prerouting")
    assert network.connects(A)
    assert one.sync({A: 600}).drift == 0
    assert blocked(network, A, "v4_32")


def test_sync_applies_the_differences(network, helper):
    one = helper()
    one.sync({A: 600, B: 600})
    network.nft("add", "element", "inet", "postern", "v4_32",
                "{ 11.0.0.1, 11.0.0.2 timeout 5m }")
    network.nft("delete", "element", "inet", "postern", "v4_32", f"{{ {B} }}")
    answer = one.sync({A: 600, B: 600, "11.0.0.2": 3000})
    assert (answer.status, answer.drift, answer.count) == (OK, 3, 3)
    elements = network.elements("v4_32")
    assert set(elements) == {A, B, "11.0.0.2"}
    assert elements["11.0.0.2"] > 2900


def test_killed_helper_leaves_the_bans_and_the_next_takes_over(
        network, helper):
    first = helper()
    began = time.monotonic()
    first.do(record(ADD, A, 600), record(ADD, NET, 600))
    first.kill()
    assert blocked(network, A, "v4_32")
    second = helper()
    second.do()
    assert blocked(network, A, "v4_32")
    assert blocked(network, IN_NET, "v4_24")
    answer = second.sync({A: round(600 - (time.monotonic() - began))})
    assert (answer.drift, answer.count) == (1, 1)
    assert network.connects(IN_NET)
    assert second.leave() == 0
    assert blocked(network, A, "v4_32")


def test_full_set_and_foreign_shapes_are_made_good(network, helper):
    network.nft("add table inet postern; "
                "add set inet postern v4_32 { type ipv4_addr; "
                "flags timeout; size 16; }; "
                "add set inet postern v6_64 { type inet_service; }; "
                "add chain inet postern prerouting { type filter hook "
                "output priority 5; }")
    one = helper()
    many = {f"11.0.0.{n}": 600 for n in range(200)}
    assert one.sync(many | {SIX_NET: 600}).status == OK
    assert set(network.elements("v4_32")) == set(many)
    assert blocked(network, SIX, "v6_64")


def test_other_tables_are_left_alone(network, helper):
    network.nft("add table inet postern2; add chain inet postern2 v4_24; "
                "add rule inet postern2 v4_24 counter")
    before = network.nft("list", "table", "inet", "postern2")
    one = helper(table="postern")
    one.sync({A: 600})
    one.do(record(FLUSH))
    assert network.nft("list", "table", "inet", "postern2") == before
    assert "v4_24" not in network.nft("list", "table", "inet", "postern")


def test_never_list_wins(network, helper):
    one = helper(never=(A, "2001:db8:5:1::7"))
    answers = one.do(record(ADD, A, 600), record(ADD, "203.0.113.0/24", 600),
                     record(ADD, SIX_NET, 600), record(ADD, B, 600))
    assert [a.status for a in answers] == [REFUSED] * 3 + [OK]
    assert one.sync({A: 600, B: 600}).count == 1
    assert network.connects(A)
    assert network.connects(SIX)
    assert blocked(network, B, "v4_32")
    one.wait_log("firewall-refused.*203.0.113.0/24.*never-block")


def test_entry_that_came_on_the_never_list_is_lifted(network, helper):
    first = helper()
    first.sync({A: 600, B: 600})
    assert first.leave() == 0
    second = helper(never=(A,))
    assert second.sync({A: 600, B: 600}).count == 1
    assert network.connects(A)
    assert blocked(network, B, "v4_32")


def test_without_the_right_it_fails_and_goes_on(network, helper):
    one = helper(uid=None, before=("setpriv", "--bounding-set=-net_admin",
                                   "--inh-caps=-net_admin"))
    for _ in range(3):
        answers = one.do(record(ADD, A, 600))
        assert [a.status for a in answers] == [FAILED, FAILED]
    assert one.sync({A: 600}).status == FAILED
    assert one.alive()
    one.wait_log("firewall-helper-failed.*doing=preparing.*CAP_NET_ADMIN")
    one.wait_log("firewall-helper-failed.*doing=sync.*CAP_NET_ADMIN")
    assert one.log().count("firewall-helper-failed") == 2
    assert one.leave() == 0


def test_the_helper_has_one_right_only(network, helper):
    one = helper()
    one.do()
    with open(f"/proc/{one.process.pid}/status", encoding="ascii") as lines:
        status = dict(line.split(":\t", 1) for line in lines)
    net_admin = f"{1 << 12:016x}\n"
    assert status["CapEff"] == status["CapPrm"] == net_admin
    assert status["CapBnd"] == net_admin
    assert int(status["CapInh"], 16) == int(status["CapAmb"], 16) == 0
    assert status["NoNewPrivs"] == "1\n"
    assert status["Uid"].split() == status["Gid"].split() == ["65534"] * 4
    assert status["Groups"].split() == []
    # Not dumpable: its files in /proc are root's.
    assert os.stat(f"/proc/{one.process.pid}/mem").st_uid == 0
    with open(f"/proc/{one.process.pid}/limits", encoding="ascii") as lines:
        core = next(x for x in lines if x.startswith("Max core"))
    assert core.split()[4:6] == ["0", "0"]


def test_a_hundred_thousand_in_one_sync(network, helper):
    one = helper(changes=5000)
    many = {f"10.{n >> 16}.{n >> 8 & 255}.{n & 255}": 3600
            for n in range(MANY)}
    began = time.monotonic()
    answer = one.sync(many)
    loaded_s = time.monotonic() - began
    assert (answer.status, answer.count, answer.drift) == (OK, MANY, MANY)
    began = time.monotonic()
    assert one.sync(many).drift == 0
    compared_s = time.monotonic() - began
    singles_s = []
    for n in range(200):
        began = time.monotonic()
        assert len(one.do(record(ADD, f"11.0.0.{n}", 600))) == 1
        singles_s.append(time.monotonic() - began)
    median_ms = statistics.median(singles_s) * 1000
    print(f"{MANY} loaded in {loaded_s:.2f} s, compared in {compared_s:.2f} "
          f"s, one more in {median_ms:.2f} ms")
    # One more is not paid for by the size of the set.
    assert median_ms < loaded_s * 1000 / 50
    assert len(network.elements("v4_32")) == MANY + 200


def test_null_only_says_what_it_would_do(network, helper):
    one = helper(backend="null")
    assert one.sync({A: 600, NET: 600}).drift == 2
    assert network.connects(A)
    assert "postern" not in network.nft("list", "ruleset")
    one.wait_log(f"firewall-would.*word=add prefix={A} ttl_s=600")


def test_another_backend_lifts_what_nft_left(network, helper):
    first = helper()
    first.do(record(ADD, A, 600))
    assert first.leave() == 0 and blocked(network, A, "v4_32")
    network.nft("add table inet other")
    second = helper(backend="null")
    second.do()
    assert network.connects(A)
    rules = network.nft("list", "ruleset")
    assert "postern" not in rules and "table inet other" in rules
    second.wait_log("table that backend nft left is deleted")


SCRIPT = """#!/bin/sh
for fd in /proc/$$/fd/*; do readlink $fd; done > FOLDER/files
{
    echo "args $*"
    echo "count $#"
    echo "environment $(wc -c < /proc/$$/environ)"
    grep CapEff /proc/$$/status
    pwd
} >> FOLDER/called
FURTHER
"""


def program(folder, further="", mode=0o755):
    path = folder / "program"
    path.write_text(SCRIPT.replace("FOLDER", str(folder))
                    .replace("FURTHER", further))
    path.chmod(mode)
    return path


def called(folder):
    return [line.partition(" ")[2]
            for line in (folder / "called").read_text().splitlines()
            if line.startswith("args ")]


def test_exec_gets_fixed_words_and_nothing_else(helper, folder):
    one = helper(backend="exec", exec=program(folder))
    one.do(record(ADD, A, 600))
    one.do(record(ADD, NET, 0), record(DELETE, SIX_NET))
    one.do(record(FLUSH))
    words = called(folder)
    assert words[:2] == ["flush", f"add {A} 600"]
    assert sorted(words[2:4]) == [f"add {NET} 0", f"delete {SIX_NET} 0"]
    assert words[4:] == ["flush"]
    said = (folder / "called").read_text().splitlines()
    assert {x for x in said if x.startswith("environment")} == \
        {"environment 0"}
    # The shell itself has opened the script and the list.
    # (In a changed root a path may have that root in front of it.)
    files = {x[max(x.find(str(folder)), 0):]
             for x in (folder / "files").read_text().split()}
    assert files <= {
        "/dev/null", str(one.log_path), str(folder / "program"),
        str(folder / "files")}
    assert {x for x in said if x.startswith("CapEff")} == \
        {"CapEff:\t0000000000001000"}
    assert "/" in said


def test_exec_may_change_the_kernel_with_the_right_handed_on(
        network, helper, folder):
    path = program(folder, "PATH=/usr/sbin:/sbin:/usr/bin:/bin\n"
                   "[ \"$1\" = add ] && exec nft add table inet byscript\n"
                   "exit 0")
    one = helper(backend="exec", exec=path)
    assert one.do(record(ADD, A, 600))[-1].status == OK
    assert "byscript" in network.nft("list", "tables")


def test_exec_lifts_what_has_ended_and_syncs_differences(helper, folder):
    one = helper(backend="exec", exec=program(folder))
    one.sync({A: 600, B: 2})
    assert one.sync({A: 600, B: 2}).drift == 0
    wait.until(lambda: f"delete {B} 0" in called(folder), "delete at the end")
    assert one.sync({NET: 600}).drift == 2
    assert sorted(called(folder)[-2:]) == [f"add {NET} 600", f"delete {A} 0"]


def test_exec_that_hangs_is_killed(helper, folder):
    path = program(folder, f"[ \"$1\" = flush ] && exit 0\n"
                   f"echo $$ >> {folder}/pids\n"
                   f"sleep 1000 & echo $! >> {folder}/pids\nwait")
    one = helper(backend="exec", exec=path)
    began = time.monotonic()
    answers = one.do(record(ADD, A, 600), record(ADD, B, 600))
    took_s = time.monotonic() - began
    assert [a.status for a in answers] == [FAILED] * 3
    assert 4.5 < took_s < 15
    pids = (folder / "pids").read_text().split()
    assert len(pids) == 2   # the second ban was not tried
    for pid in pids:
        wait.until(lambda: gone(pid), f"end of {pid}")
    one.wait_log("firewall-helper-failed.*killed after 5000 ms")
    # Not tried again at once, and the helper lives.
    assert [a.status for a in one.do(record(ADD, A, 600))] == [FAILED] * 2
    assert len((folder / "pids").read_text().split()) == 2
    assert one.leave() == 0


def gone(pid):
    """Ended; a zombie that nobody has fetched is ended too."""
    try:
        with open(f"/proc/{pid}/stat", encoding="ascii") as stat:
            return stat.read().rpartition(")")[2].split()[0] == "Z"
    except FileNotFoundError:
        return True


def test_exec_that_says_no_is_asked_again_at_the_sync(helper, folder):
    path = program(folder, f"[ \"$1\" = flush ] || [ -e {folder}/yes ]")
    one = helper(backend="exec", exec=path)
    assert [a.status for a in one.do(record(ADD, A, 600))][0] == FAILED
    one.wait_log("firewall-helper-failed.*exit status 1")
    assert one.sync({A: 600}).status == FAILED
    (folder / "yes").write_text("")
    answer = one.sync({A: 600})
    assert (answer.status, answer.drift) == (OK, 1)
    assert one.sync({A: 600}).drift == 0
    one.wait_log("firewall-works")


@pytest.mark.parametrize("mode,why", [
    (0o777, "must be a file of root"), (0o775, "must be a file of root"),
    (0o644, "exit status 127")])
def test_exec_of_a_program_that_is_not_sound_fails(helper, folder, mode, why):
    one = helper(backend="exec", exec=program(folder, mode=mode))
    assert one.sync({A: 600}).status == FAILED
    one.wait_log(f"firewall-helper-failed.*{why}")
    assert not (folder / "called").exists()
