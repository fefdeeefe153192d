"""What each process may: read from /proc, and tried from inside of it.

`inject` makes the living process carry out one system call, as somebody who
has taken it over would. A refusal is an errno and the process serves on; an
attack ends the process, which is said in the log, and another one serves.
All of it is asked of the release build: an instrumented one lets its runtime
write reports and look at memory.
"""

import errno
import os
import pathlib
import signal
import socket
import subprocess

import pytest

from attack import alive, greeted, process_of, processes
from dns_lists import Rbldnsd, until_on
from harness import net
from harness import postern as harness
from harness import wait

RELEASE = harness.ROOT / "build/release"
CAP_NET_ADMIN = 1 << 12
CAP_NET_RAW = 1 << 13
AT_FDCWD = -100
ROLES = "worker", "keeper", "firewall", "dash"
FAMILIES = {"netlink": 16, "packet": 17, "unix": 1, "inet": 2}


@pytest.fixture
def released(monkeypatch):
    if os.geteuid() != 0:
        pytest.skip("needs root to look into the processes")
    if not (RELEASE / "tests/inject").exists():
        pytest.skip("build/release is not built")
    monkeypatch.setenv("POSTERN_BUILD", str(RELEASE))


@pytest.fixture
def site(released, double, postern):
    servers = []

    def start(backend="nft", name="postern", certificates=None, **options):
        if not servers:
            servers.append(double(auth_clear="LOGIN PLAIN", t_535="535 no"))
        return servers[0], postern(
            {"mx": {}}, [servers[0].address], bind_ip="203.0.113.1",
            name=name, certificates=certificates,
            options={"workers": 1, "firewall": {"backend": backend},
                     "admin": {"bind": [f"127.0.0.1:{net.free_port()}"]},
                     **options})
    return start


def status(pid):
    """/proc/PID/status as a dictionary."""
    lines = pathlib.Path(f"/proc/{pid}/status").read_text().splitlines()
    return {key: value.strip()
            for key, _, value in (line.partition(":") for line in lines)}


def capabilities(pid):
    """{set: bits} of Inh, Prm, Eff, Bnd, Amb."""
    return {key[3:]: int(value, 16) for key, value in status(pid).items()
            if key.startswith("Cap")}


def inject(pid, call, *arguments):
    """The result, negative for an errno, or the signal that it died of."""
    def look():
        done = subprocess.run(
            [RELEASE / "tests/inject", str(pid), call,
             *map(str, arguments)], capture_output=True, text=True)
        if "not waiting" in done.stderr:
            return None     # it was at work just then
        assert done.returncode == 0, done.stderr
        return done.stdout
    words = wait.until(look, f"{call} in {pid}").split()
    return (words[0], int(words[1])) if words[0] == "killed" \
        else int(words[0])


def serves(front):
    with greeted(front.ports["mx"], host="203.0.113.1") as client:
        client.auth_plain(code=235)
        client.quit()


def all_serve(front):
    serves(front)
    assert front.ctl("status", json_out=True)["ok"]


# What the kernel says of them

def test_S_09_rights_as_the_kernel_tells_them(site):
    _, front = site()
    user = harness.make_user()
    serves(front)
    for role in ROLES:
        pid = process_of(front, role)
        told = status(pid)
        assert set(told["Uid"].split()) == {str(user.pw_uid)}, role
        assert set(told["Gid"].split()) == {str(user.pw_gid)}, role
        assert told["Groups"] == "", role
        assert told["NoNewPrivs"] == "1" and told["Seccomp"] == "2", role
        mine = CAP_NET_ADMIN if role == "firewall" else 0
        assert capabilities(pid) == {"Inh": 0, "Prm": mine, "Eff": mine,
                                     "Bnd": mine, "Amb": 0}, role
    assert status(front.process.pid)["NoNewPrivs"] == "1"
    assert front.ctl("status", json_out=True)["sandbox"] == {
        "seccomp": True, "landlock": has_landlock()}


def test_S_09_a_worker_that_borrows_addresses_has_one_right_more(
        released, double, postern, prey):
    """CAP_NET_RAW where it is configured, and no raw socket with it."""
    server = double(host_ip="203.0.113.2", auth_clear="LOGIN PLAIN")
    front = postern(
        {"mx": {}}, {"domino": {"servers": [server.address],
                                "client_address": "transparent"}},
        bind_ip="203.0.113.1", options={"workers": 30})
    serves_as(front, server, "203.0.113.9")
    pids = processes(front)["worker"]
    assert capabilities(pids[0]) == {
        "Inh": 0, "Prm": CAP_NET_RAW, "Eff": CAP_NET_RAW, "Bnd": CAP_NET_RAW,
        "Amb": 0}
    assert capabilities(process_of(front, "keeper"))["Prm"] == 0
    assert refused(inject(pids[0], "listen", 3, 1), "ENOSYS")
    calls = role_attacks("worker", front, prey)
    for pid, (what, call) in zip(pids, calls.items()):
        assert inject(pid, *call) == ("killed", signal.SIGSYS), what
    serves_as(front, server, "203.0.113.8")
    # Configured no more, gone at the reload.
    front.backends["domino"]["client_address"] = "none"
    front.write_conf()
    front.reload()
    front.wait_event("reload")
    wait.until(lambda: len(processes(front)["worker"]) == 30 and
               not set(pids) & set(processes(front)["worker"]), "new")
    for pid in processes(front)["worker"]:
        assert capabilities(pid)["Prm"] == capabilities(pid)["Bnd"] == 0


def serves_as(front, server, source):
    """The server sees that address and not postern's."""
    with greeted(front.ports["mx"], source, host="203.0.113.1") as client:
        client.auth_plain(code=235)
        client.quit()
    assert server.of("connect")[-1]["ip"] == source


def has_landlock():
    done = subprocess.run(
        [RELEASE / "tests/inject", "--landlock"],
        capture_output=True, text=True, check=True)
    return int(done.stdout) > 0


def limits(pid):
    """{name: soft and hard limit} as the kernel writes them."""
    lines = pathlib.Path(f"/proc/{pid}/limits").read_text().splitlines()[1:]
    return {line[:26].strip(): line[26:].split()[:2] for line in lines}


def test_SEC_02_no_core_and_no_stranger_reads_memory(site):
    _, front = site()
    serves(front)
    pids = [front.process.pid, *front.pids()]
    assert len(pids) == 1 + len(ROLES)
    for pid in pids:
        assert limits(pid)["Max core file size"] == ["0", "0"]
        # Not dumpable: what is below /proc belongs to root.
        assert os.stat(f"/proc/{pid}/mem").st_uid == 0
        user = harness.make_user()
        done = subprocess.run(
            ["setpriv", f"--reuid={user.pw_uid}", f"--regid={user.pw_gid}",
             "--clear-groups", "head", "-c1", f"/proc/{pid}/environ"],
            capture_output=True)
        assert done.returncode != 0, pid
    worker = process_of(front, "worker")
    assert limits(worker)["Max processes"] == ["0", "0"]
    assert limits(worker)["Max file size"] == ["0", "0"]


# What is tried from inside

@pytest.fixture
def prey(folder):
    """A folder that every user may write to, all the way down to it."""
    prey = folder / "prey"
    prey.mkdir()
    prey.chmod(0o777)
    (prey / "old").write_text("old")
    (prey / "old").chmod(0o666)
    yield prey
    assert (prey / "old").read_text() == "old"
    assert os.listdir(prey) == ["old"]


def refused(result, *codes):
    return result in [-getattr(errno, code) for code in codes]


@pytest.mark.parametrize("role", ROLES)
def test_S_09_what_fails_and_the_process_serves_on(site, role, prey):
    _, front = site()
    pid = process_of(front, role)
    name = f"={prey}/old"
    assert refused(inject(pid, "socket", FAMILIES["unix"], 1, 0), "EACCES")
    assert refused(inject(pid, "socket", FAMILIES["inet"], 2, 0), "EACCES")
    if role == "dash":      # it has all the sockets that it will have
        assert refused(inject(pid, "socket", FAMILIES["inet"], 1, 0), "EACCES")
        assert refused(inject(pid, "connect", 3, 0, 0), "ENOSYS")
    if role in ("worker", "dash") or has_landlock():
        assert refused(inject(pid, "openat", AT_FDCWD, name, os.O_RDONLY),
                       "EACCES")
    assert refused(inject(pid, "openat2", AT_FDCWD, name, 0, 24), "ENOSYS")
    assert refused(inject(pid, "clone3", 0, 0), "ENOSYS")
    assert refused(inject(pid, "mprotect", 0, 4096, 7), "ENOSYS")
    assert refused(inject(pid, "memfd_create", name, 0), "ENOSYS")
    assert refused(inject(pid, "prlimit64", front.process.pid, 7, 0, 0),
                   "ENOSYS")
    assert refused(inject(pid, "listen", 3, 1), "ENOSYS")
    if role == "keeper":    # datagrams go where a socket leads, if there is one
        assert refused(inject(pid, "sendmsg", 0, 0, 0), "ENOSYS")
        assert refused(inject(pid, "sendto", 0, 0, 0, 0, name, 16), "ENOSYS")
        assert refused(inject(pid, "connect", 0, name, 16), "ENOSYS")
        mine = inject(pid, "openat", AT_FDCWD, f"={front.state}/new",
                      os.O_WRONLY | os.O_CREAT, 0o600)
        assert mine >= 0 and inject(pid, "close", mine) == 0
    if role == "keeper" and has_landlock():
        assert refused(inject(pid, "openat", AT_FDCWD, f"={prey}/new",
                              os.O_WRONLY | os.O_CREAT, 0o644), "EACCES")
        assert refused(inject(pid, "unlink", name), "EACCES")
        assert refused(inject(pid, "rename", name, f"{name}.x"), "EACCES",
                       "EXDEV")
    assert alive(pid) and process_of(front, role) == pid
    all_serve(front)


def attacks(front, folder):
    """{what: the call} of what ends every process."""
    parent = front.process.pid
    new = f"={folder}/new"
    return {
        "exec": ("execve", "=/bin/true", 0, 0),
        "execveat": ("execveat", AT_FDCWD, "=/bin/true", 0, 0, 0),
        "fork": ("fork",), "clone": ("clone", signal.SIGCHLD, 0, 0, 0, 0),
        "packet": ("socket", FAMILIES["packet"], 3, 0),
        "raw": ("socket", FAMILIES["inet"], 3, 1),
        "ptrace": ("ptrace", 16, parent, 0, 0),
        "memory": ("process_vm_readv", parent, 0, 0, 0, 0, 0),
        "signal": ("kill", parent, signal.SIGKILL),
        "thread": ("tgkill", parent, parent, signal.SIGKILL),
        "queue": ("rt_sigqueueinfo", parent, signal.SIGKILL, 0),
        "mount": ("mount", "=none", f"={folder}", "=tmpfs", 0, 0),
        "namespace": ("unshare", 0x10000000), "keys": ("keyctl", 0, 0, 0),
        "bpf": ("bpf", 0, 0, 0), "uring": ("io_uring_setup", 8, 0),
        "fault": ("userfaultfd", 0), "chroot": ("chroot", "=/"),
        "uid": ("setuid", 0), "capset": ("capset", 0, 0),
        "chmod": ("chmod", f"={folder}", 0o777),
        "mkdir": ("mkdir", new, 0o755),
        "link": ("symlink", "=/etc/passwd", new),
    }


WRITES = {
    "write": os.O_WRONLY, "update": os.O_RDWR,
    "create": os.O_RDONLY | os.O_CREAT,
    "cut": os.O_RDONLY | os.O_TRUNC,
}


def role_attacks(role, front, folder):
    calls = attacks(front, folder)
    if role != "firewall":
        calls["netlink"] = ("socket", FAMILIES["netlink"], 3, 12)
    if role != "keeper":    # that one has its own folder
        calls["unlink"] = ("unlink", f"={folder}/old")
        for name, flags in WRITES.items():
            calls[name] = ("openat", AT_FDCWD, f"={folder}/old", flags, 0o644)
    return calls


def locked_in(pid):
    """A process that is just starting is not yet."""
    try:
        return status(pid)["Seccomp"] == "2"
    except (FileNotFoundError, ProcessLookupError):
        return False


def taken_over(front, role, what, call):
    """The kernel ends it, the supervisor says so, another one serves."""
    pid = wait.until(lambda: [pid for pid in processes(front)[role]
                              if locked_in(pid)], role)[0]
    assert inject(pid, *call) == ("killed", signal.SIGSYS), (role, what)
    event = front.wait_event("process-ended", pid=pid)
    assert event["signal"] == signal.SIGSYS and event["restart"], what
    assert "sandbox" in event["forbidden"], what


def test_S_09_a_worker_that_attacks_ends(site, prey):
    """One attack for each worker: all are on the way at once."""
    _, front = site(workers=30)
    calls = role_attacks("worker", front, prey)
    pids = processes(front)["worker"]
    assert len(calls) < len(pids)
    for pid, (what, call) in zip(pids, calls.items()):
        assert inject(pid, *call) == ("killed", signal.SIGSYS), what
    for pid in pids[:len(calls)]:
        event = front.wait_event("process-ended", pid=pid)
        assert event["signal"] == signal.SIGSYS and event["restart"]
        assert "sandbox" in event["forbidden"]
    wait.until(lambda: len(processes(front)["worker"]) == 30, "all workers")
    all_serve(front)


def test_S_09_a_keeper_helper_or_dash_that_attacks_ends(site, prey):
    """Several posterns, so that no child dies so often that it must wait."""
    fronts = [site("null", name=f"postern{n}")[1] for n in range(8)]
    for role in "firewall", "keeper", "dash":
        calls = role_attacks(role, fronts[0], prey).items()
        for n, (what, call) in enumerate(calls):
            taken_over(fronts[n % len(fronts)], role, what, call)
    for front in fronts:
        wait.until(lambda one=front: all(processes(one).values()), "all")
        all_serve(front)


def test_S_09_a_keeper_asks_lists_in_the_dns_within_its_walls(
        site, folder, programs):
    """Its sockets to the name server are given, and lead nowhere else."""
    lists = Rbldnsd(folder, {"bl.test": {"203.0.113.7": "127.0.0.2"}})
    programs.append(lists)
    _, front = site(dns_lists={"resolvers": [lists.start().address],
                               "threshold": 1, "mode": "enforce"},
                    **{"dns_list bl": {"zone": "bl.test"}})
    until_on(front, "bl")
    pid = process_of(front, "keeper")
    with greeted(front.ports["mx"], "203.0.113.7", host="203.0.113.1") as one:
        one.quit()
    front.wait_event("listed", src="203.0.113.7")
    with greeted(front.ports["mx"], "203.0.113.7", host="203.0.113.1") as one:
        one.auth_plain(code=454)
    sockets = pathlib.Path(f"/proc/{pid}/net/udp").read_text()
    assert f":{lists.port:04X} 01" in sockets    # connected
    assert process_of(front, "keeper") == pid
    assert status(pid)["Seccomp"] == "2"
    assert front.events("process-ended") == []


def test_S_09_who_asks_for_names(released, folder, prey, postern):
    """The child that waits for the DNS: a copy of who holds the keys."""
    resolv = folder / "resolv.conf"
    resolv.write_text("nameserver 127.0.0.1\noptions timeout:30\n")
    front = postern({"mx": {}}, ["mail.rights.test:25"], run=False)
    front.argv = ["unshare", "--mount", "sh", "-c",
                  'mount --bind "$0" /etc/resolv.conf && exec "$@"',
                  str(resolv), *front.argv]
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as silent:
        silent.bind(("127.0.0.1", 53))
        silent.settimeout(wait.DEADLINE_S)
        front.spawn()
        assert silent.recv(512)
        pid = next(pid for pid in front.pids()
                   if status(pid)["Name"] == "postern-names")
        assert set(capabilities(pid).values()) == {0}
        assert locked_in(pid) and status(pid)["NoNewPrivs"] == "1"
        assert inject(pid, "openat", AT_FDCWD, f"={prey}/old",
                      os.O_WRONLY) == ("killed", signal.SIGSYS)
    front.kill()
    front.process = None    # it has served nobody: nothing to stop cleanly


# A kernel that has less

LANDLOCK = ("landlock_create_ruleset,landlock_add_rule,"
            "landlock_restrict_self")


def on_an_old_kernel(postern, calls, listeners, backends, **more):
    front = postern(listeners, backends, run=False, **more)
    front.argv = [str(RELEASE / "tests/inject"), "--without", calls,
                  *front.argv]
    return front.start()


@pytest.mark.parametrize("calls, layer", [(LANDLOCK, "landlock"),
                                          ("seccomp", "seccomp")])
def test_S_09_a_kernel_without_a_layer_is_told_and_serves(
        released, double, postern, calls, layer, prey):
    server = double(auth_clear="LOGIN PLAIN")
    front = on_an_old_kernel(postern, calls, {"mx": {}}, [server.address],
                             bind_ip="203.0.113.1", options={"workers": 1})
    event = front.wait_event("sandbox")
    assert event["level"] == "warn" and layer in event["message"].lower()
    told = front.ctl("status", json_out=True)["sandbox"]
    assert told[layer] is False
    check = subprocess.run(
        [RELEASE / "tests/inject", "--without", calls,
         RELEASE / "src/supervisor/postern", "check", front.conf_path],
        capture_output=True, text=True)
    assert check.returncode == 0 and layer in check.stderr.lower()
    all_serve(front)
    # What is left still holds.
    worker = process_of(front, "worker")
    assert refused(inject(worker, "openat", AT_FDCWD, f"={prey}/old",
                          os.O_RDONLY), "EACCES")
    left = -errno.EPERM if layer == "seccomp" else ("killed", signal.SIGSYS)
    assert inject(worker, "kill", front.process.pid, signal.SIGTERM) == left


# SEC-04: the private key

@pytest.fixture
def key(certs, session_folder):
    """A certificate whose key is a copy that the test may spoil."""
    folder = session_folder / f"keys-{os.urandom(4).hex()}"
    folder.mkdir()
    folder.chmod(0o755)
    path = folder / "mail.key"
    path.write_bytes(certs.rsa[1].read_bytes())
    path.chmod(0o600)
    return certs.rsa[0], path


def key_warnings(front):
    done = subprocess.run([harness.binary(), "check", front.conf_path],
                          capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    said = [line for line in done.stderr.splitlines() if "key" in line]
    logged = [event["message"] for event in front.events("key-readable")]
    return said, logged


def test_SEC_04_a_key_of_root_alone_is_read_before_rights_go(
        released, double, postern, certs, key):
    server = double(auth_clear="LOGIN PLAIN")
    front = postern({"mx": {"starttls": "optional"}}, [server.address],
                    certificates={"mail": key}, options={"workers": 1})
    with greeted(front.ports["mx"]) as client:
        client.starttls(certs.client_context())
        client.ehlo()
        client.auth_plain(code=235)
    assert key_warnings(front) == ([], [])
    user = harness.make_user()
    done = subprocess.run(
        ["setpriv", f"--reuid={user.pw_uid}", f"--regid={user.pw_gid}",
         "--clear-groups", "cat", key[1]], capture_output=True)
    assert done.returncode != 0


@pytest.mark.parametrize("mode, owner, above, who", [
    (0o644, (0, 0), 0o755, "everybody on this machine"),
    (0o602, (0, 0), 0o755, "everybody on this machine"),
    (0o644, (0, 0), 0o700, None),           # nobody gets so far
    (0o600, (True, 0), 0o755, "the user that talks to clients"),
    (0o640, (0, True), 0o755, "the user that talks to clients"),
    (0o640, (0, 0), 0o755, None),
])
def test_SEC_04_a_key_that_others_can_read_is_warned_of(
        postern, double, key, mode, owner, above, who):
    user = harness.make_user()
    uid, gid = (mine if one is True else one for one, mine in
                zip(owner, (user.pw_uid, user.pw_gid)))
    os.chown(key[1], uid, gid)
    key[1].chmod(mode)
    key[1].parent.chmod(above)
    front = postern({"mx": {"starttls": "optional"}}, ["127.0.0.1:9"],
                    certificates={"mail": key}, options={"workers": 1})
    said, logged = key_warnings(front)
    if who is None:
        assert (said, logged) == ([], [])
        return
    assert len(said) == 1 and who in said[0] and "warning" in said[0]
    assert f"chmod 600 {key[1]}" in said[0]
    assert len(logged) == 1 and who in logged[0]
