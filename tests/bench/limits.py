"""What no proxy can beat: a hop over loopback, a signature; and how many
system calls each spends on a session."""

import json
import signal
import statistics
import subprocess
import sys

import goals
import machine
import peers
import report
import scenarios

TRACED = "-c 50 -n 2000 -m 1 -S 1024"

COLUMNS = ("direct_cpu0", "direct_cpu1", "relay_cpu0", "relay_cpu1")
ALGORITHMS = ("rsa2048", "ecdsap256", "ecdhx25519", "ecdhp256")


def hops(rounds):
    found = {"read+write": [], "epoll_wait+read+write": []}
    for _ in range(rounds):
        for way, option in (("read+write", []), ("epoll_wait+read+write", ["-e"])):
            done = subprocess.run(
                machine.tool("pingpong", *option),
                capture_output=True,
                text=True,
                check=True,
            )
            found[way].append(json.loads(done.stdout))
    report.head("loopback round trip of 30 bytes (us)",
                "direct, both on CPU 0", "direct, CPU 0 and 1",
                "with a relay, all on CPU 0",
                "with a relay on CPU 1")  # fmt: skip
    for way, runs in found.items():
        row = [report.spread([run[key] for run in runs]) for key in COLUMNS]
        report.row(way, *row)
    return found


def crypto(rounds):
    found = {}
    for algorithm in ALGORITHMS:
        lines = []
        for _ in range(min(rounds, 3)):
            out = subprocess.run(
                ["taskset", "-c", str(machine.PEER_CPU), "openssl", "speed",
                 "-seconds", "1", "-mr", algorithm],
                capture_output=True,
                text=True,
            ).stdout  # fmt: skip
            lines += [x for x in out.splitlines() if x.startswith("+F")][-1:]
        rates = [list(map(float, line.split(":")[3:])) for line in lines]
        what = "derives a second" if "ecdh" in algorithm else "sign, verify"
        middle = " ".join(f"{statistics.median(x):.1f}" for x in zip(*rates))
        print(f"\n{algorithm}: {middle} ({what})")
        found[algorithm] = lines
    return found


def run_limits(rounds):
    print("\n### limits\n")
    return dict(hops=hops(rounds), crypto=crypto(rounds))


def traced(pids, port):
    """Calls a session of `tiny` of some processes, and what a session is."""
    path = machine.RUN / "strace.txt"
    followed = [word for pid in pids for word in ("-p", str(pid))]
    trace = subprocess.Popen(
        ["strace", "-c", "-f", *followed, "-o", path],
        stderr=subprocess.PIPE,
        text=True,
    )
    for _ in pids:
        await_attached(trace)
    result = machine.load(TRACED.split(), port)
    trace.send_signal(signal.SIGINT)
    trace.communicate()
    calls = {}
    for line in path.read_text().splitlines():
        words = line.split()
        if len(words) > 4 and words[3].isdigit() and words[-1] != "total":
            calls[words[-1]] = int(words[3]) / max(result["ok"], 1)
    return calls


def await_attached(trace):
    """strace says of each process that it has it."""
    for line in trace.stderr:
        if "attached" in line:
            return
    sys.exit("strace could not attach")


def shares(peer, process):
    """Who is counted by himself: the whole, or postern's processes."""
    if peer not in peers.OURS:
        return {peer: machine.tree(process)}
    found = {
        f"{peer}, {role}": machine.of_role(process, role)
        for role in ("worker", "keeper")
    }
    known = [pid for pids in found.values() for pid in pids]
    found[f"{peer}, the others"] = [
        pid for pid in machine.tree(process) if pid not in known
    ]
    return found


def judge_calls(peer, of):
    goals.note("calls of a plain session, worker", of[f"{peer}, worker"],
               goals.CALLS_A_SESSION, "calls")  # fmt: skip
    goals.note("calls of a plain session, keeper", of[f"{peer}, keeper"],
               goals.CALLS_OF_KEEPER, "calls")  # fmt: skip


def run_syscalls(names, wanted):
    print("\n### syscalls: a session of `tiny`, counted by strace -c\n")
    report.head("process", "calls/session", "of which")
    found, of = {}, {}
    for peer in filter(wanted, names):
        process, port, _ = scenarios.start_warm(peer, "plain")
        for who, pids in shares(peer, process).items():
            calls = found[who] = traced(pids, port)
            of[who] = sum(calls.values())
            often = sorted(calls.items(), key=lambda item: -item[1])
            text = ", ".join(f"{k} {v:.2f}" for k, v in often if v >= 0.01)
            report.row(who, f"{of[who]:.2f}", text)
        if peer == "postern":
            judge_calls(peer, of)
    return found
