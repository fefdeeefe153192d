"""Processes under test: starting, stopping, and what they use.

CPU is that of a whole tree of processes, those already reaped included;
memory is private memory, so that what a fork shares does not count.
"""

import json
import os
import pathlib
import shutil
import socket
import subprocess
import sys
import time

sys.dont_write_bytecode = True

TOP = pathlib.Path(__file__).resolve().parents[2]
HERE = TOP / "tests/bench"
BUILD = pathlib.Path(os.environ.get("POSTERN_BUILD", TOP / "build/release"))
TOOLS = BUILD / "tests/bench"


def run_folder():
    """Where postern's children, who are another user, can go."""
    inside = all(path.stat().st_mode & 1 for path in TOP.parents)
    inside = inside and TOP.stat().st_mode & 1
    return TOP / "build/bench" if inside else pathlib.Path("/run/postern-bench")


RUN = run_folder()
TICKS = os.sysconf("SC_CLK_TCK")

LOAD_CPU, PEER_CPU = 0, 1
# Where the load comes from, and what is banned where something is.
CLIENTS, BANNED, BANNED_PREFIX = "10.98.0.2", "10.96.0.2", "10.96.0.0/15"

running = {}  # name -> Popen


def tool(name, *args):
    return [str(TOOLS / name), *map(str, args)]


def certificate(name, *kind):
    """RUN/NAME.pem: chain and key in one file, made once."""
    path = RUN / f"{name}.pem"
    if path.exists():
        return
    key, chain = RUN / f"{name}.key", RUN / f"{name}.crt"
    subprocess.run(
        ["openssl", "req", "-x509", *kind, "-nodes", "-days", "3650",
         "-subj", "/CN=localhost", "-keyout", key, "-out", chain],
        check=True,
        stderr=subprocess.DEVNULL,
    )  # fmt: skip
    path.touch(0o600)
    path.write_text(chain.read_text() + key.read_text())


def prepare():
    RUN.mkdir(parents=True, exist_ok=True)
    certificate("rsa", "-newkey", "rsa:2048")
    curve = "ec_paramgen_curve:P-256"
    certificate("ecdsa", "-newkey", "ec", "-pkeyopt", curve)


def render(template, values, name=None):
    """A template of conf/ with {word} replaced; the path of the result."""
    text = (HERE / "conf" / template).read_text()
    for word, value in values.items():
        text = text.replace("{" + word + "}", str(value))
    path = RUN / (name or template)
    path.write_text(text)
    return str(path)


def folder(name, user=None):
    """An empty folder below RUN, given to a user."""
    path = RUN / name
    shutil.rmtree(path, ignore_errors=True)
    path.mkdir()
    if user:
        shutil.chown(path, user)
    return path


def log_tail(name):
    path = RUN / f"{name}.log"
    return path.read_text(errors="replace")[-2000:] if path.exists() else ""


def wait_port(name, port):
    for _ in range(500):
        if running[name].poll() is not None:
            break
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.02)
    sys.exit(f"{name} does not listen on {port}:\n{log_tail(name)}")


def start(name, command, cpu, port):
    with open(RUN / f"{name}.log", "w") as log:
        running[name] = subprocess.Popen(
            ["taskset", "-c", str(cpu), *map(str, command)],
            stdout=log,
            stderr=log,
            stdin=subprocess.DEVNULL,
            cwd=TOP,
        )
    wait_port(name, port)


def stop(name):
    process = running.pop(name, None)
    if not process:
        return
    process.terminate()
    try:
        process.wait(10)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def stop_all():
    for name in list(running):
        stop(name)


def children(pid):
    found = []
    for task in os.listdir(f"/proc/{pid}/task"):
        with open(f"/proc/{pid}/task/{task}/children") as file:
            found += map(int, file.read().split())
    return found


def tree(name):
    """The process and all below it."""
    found, todo = [], [running[name].pid]
    while todo:
        pid = todo.pop()
        found.append(pid)
        try:
            todo += children(pid)
        except OSError:
            pass
    return found


def of_role(name, role):
    """Those of the tree that postern calls so: worker, keeper ..."""
    found = []
    for pid in tree(name):
        try:
            with open(f"/proc/{pid}/comm") as file:
                if file.read().strip() == f"postern-{role}":
                    found.append(pid)
        except OSError:
            pass
    return found


def addresses(first, count):
    """So many addresses from the first on."""
    begin = int.from_bytes(socket.inet_aton(first), "big")
    return [
        socket.inet_ntoa(number.to_bytes(4, "big"))
        for number in range(begin, begin + count)
    ]


def pin(name, cpu):
    for pid in tree(name):
        for task in os.listdir(f"/proc/{pid}/task"):
            os.sched_setaffinity(int(task), {cpu})


def pid_cpu_s(pid):
    """Own run time to the nanosecond, and that of reaped children."""
    with open(f"/proc/{pid}/stat") as file:
        fields = file.read().rsplit(")", 1)[1].split()
    own_s = sum(map(int, fields[11:13])) / TICKS
    reaped_s = sum(map(int, fields[13:15])) / TICKS
    try:
        own_s = 0
        for task in os.listdir(f"/proc/{pid}/task"):
            with open(f"/proc/{pid}/task/{task}/schedstat") as file:
                own_s += int(file.read().split()[0]) / 1e9
    except OSError:
        own_s = sum(map(int, fields[11:13])) / TICKS
    return own_s + reaped_s


def cpu_s(name):
    total = 0
    for pid in tree(name):
        try:
            total += pid_cpu_s(pid)
        except OSError:
            pass
    return total


def pid_private_bytes(pid):
    """Private dirty memory; where it may not be read, anonymous memory."""
    for path, key in (("smaps_rollup", "Private_Dirty:"), ("status", "RssAnon:")):
        try:
            with open(f"/proc/{pid}/{path}") as file:
                for line in file:
                    if line.startswith(key):
                        return int(line.split()[1]) * 1024
        except OSError:
            continue
    return 0


def private_bytes(name):
    return sum(pid_private_bytes(pid) for pid in tree(name))


def slab_bytes():
    with open("/proc/meminfo") as file:
        sizes = [
            int(line.split()[1])
            for line in file
            if line.startswith(("Slab:", "Percpu:"))
        ]
    return sum(sizes) * 1024


def descriptors(name):
    return sum(len(os.listdir(f"/proc/{pid}/fd")) for pid in tree(name))


def load_command(args, port):
    """smtpload from the load's CPU and, unless args say other, addresses."""
    args = list(map(str, args))
    if "-b" not in args:
        args += ["-b", CLIENTS, "-B", "50"]
    pinned = ["taskset", "-c", str(LOAD_CPU)]
    return pinned + tool("smtpload", *args, f"127.0.0.1:{port}")


def load(args, port):
    command = load_command(args, port)
    done = subprocess.run(command, capture_output=True, text=True, timeout=300)
    if done.returncode:
        sys.exit(f"{' '.join(command)}: {done.stderr}")
    return json.loads(done.stdout.splitlines()[-1])
