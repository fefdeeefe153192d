"""The loads, and one run of one of them against one peer."""

import dataclasses
import sys

import machine
import peers

PLAIN = ["direct", "raw", "raw-splice", "haproxy", "haproxy-proxy",
         "haproxy-stick", "haproxy-splice", "nginx", "postern",
         "postern-quiet"]  # fmt: skip
FEW = ["direct", "raw", "haproxy-stick", "nginx", "postern"]
TLS = ["direct", "haproxy", "nginx", "postern"]
ATTACKED = ["direct", "raw", "haproxy-stick", "nginx", "postern-observe",
            "postern-banned"]  # fmt: skip
CHUNKED = ["direct", "raw", "raw-splice", "haproxy", "haproxy-splice",
           "postern"]  # fmt: skip
PASSED = ["raw-passed", "raw-splice-passed", "haproxy-splice", "postern"]
BUFFERS = ["direct", "raw", "raw-64k", "raw-16k", "raw-4k", "nginx", "postern"]

PER_SESSIONS, PER_BYTES = "10k", "GB"


@dataclasses.dataclass
class Scenario:
    """Options of smtpload, who runs it, and what its CPU is divided by."""

    name: str
    kind: str
    args: str
    peers: list
    unit: str
    text: str
    default: bool = True

    def sessions(self):
        args = self.args.split()
        return int(args[args.index("-n") + 1])

    def scaled(self, factor):
        """The same with so many times the sessions."""
        count = max(1, round(self.sessions() * factor))
        args = self.args.replace(f"-n {self.sessions()}", f"-n {count}")
        return dataclasses.replace(self, args=args)

    def size_bytes(self):
        args = self.args.split()
        return int(args[args.index("-S") + 1]) if "-S" in args else 0


def scenario(*fields, **more):
    return Scenario(*fields, **more)


ALL = [
    scenario("tiny", "plain", "-c 50 -n 10000 -m 1 -S 1024", PLAIN,
             PER_SESSIONS, "1 KB message a session, 50 at once"),
    scenario("tiny-auth", "plain", "-c 50 -n 10000 -m 1 -S 1024 -a good", FEW,
             PER_SESSIONS, "the same after AUTH PLAIN"),
    scenario("tiny-pipelined", "plain", "-c 50 -n 5000 -m 1 -S 1024 -p", FEW,
             PER_SESSIONS, "the same, pipelined"),
    scenario("big", "plain", "-c 4 -n 100 -m 1 -S 10000000", PLAIN,
             PER_BYTES, "10 MB messages, 4 at once"),
    scenario("big-bdat", "plain", "-C -c 4 -n 100 -m 1 -S 10000000", CHUNKED,
             PER_BYTES, "10 MB messages, each one BDAT chunk, 4 at once"),
    scenario("big-passed", "passed", "-c 4 -n 60 -m 1 -S 10000000", PASSED,
             PER_BYTES, "10 MB messages in TLS with the server itself",
             default=False),
    scenario("big-buffers", "plain", "-c 4 -n 100 -m 1 -S 10000000", BUFFERS,
             PER_BYTES, "10 MB messages: what the size of a read costs",
             default=False),
    scenario("latency-1", "plain", "-c 1 -n 20 -m 100 -S 1024", FEW,
             PER_SESSIONS,
             "one session at a time, 100 messages each, all on one CPU"),
    scenario("latency-1-2cpu", "plain", "-c 1 -n 20 -m 100 -S 1024", FEW,
             PER_SESSIONS,
             "the same, proxy on the other CPU (each hop wakes an idle one)",
             default=False),
    scenario("latency-100", "plain", "-c 100 -n 300 -m 40 -S 1024", FEW,
             PER_SESSIONS, "100 sessions at once, 40 messages each"),
    scenario("tls-rsa", "rsa", "-c 50 -n 1500 -m 1 -S 1024", TLS,
             PER_SESSIONS, "full handshakes, RSA-2048"),
    scenario("tls-ecdsa", "ecdsa", "-c 50 -n 3000 -m 1 -S 1024", TLS,
             PER_SESSIONS, "full handshakes, ECDSA P-256"),
    scenario("tls-resumed", "ecdsa", "-c 50 -n 4000 -m 1 -S 1024 -R", TLS,
             PER_SESSIONS, "resumed handshakes (TLS 1.3, PSK and ECDHE)"),
    scenario("tls12-ecdsa", "ecdsa", "-2 -c 50 -n 3000 -m 1 -S 1024", TLS,
             PER_SESSIONS, "full handshakes, TLS 1.2, ECDSA P-256",
             default=False),
    scenario("tls-big", "ecdsa", "-c 4 -n 60 -m 1 -S 10000000", TLS,
             PER_BYTES, "10 MB messages over TLS, 4 at once"),
    scenario("attack", "plain", "-c 9000 -n 6000 -r 3000 -m 0 -a bad "
             f"-b {machine.CLIENTS} -B {peers.ATTACKERS} -T 10", ATTACKED,
             PER_SESSIONS, "3000 bad AUTH/s from 2000 addresses"),
]  # fmt: skip
BY_NAME = {item.name: item for item in ALL}


def settle_attack(result):
    """nginx hangs up after a 535: what counts is the 535."""
    result["ok"] = result["replies"].get("auth:535", 0)
    result["rate"] = result["ok"] / result["wall"]
    return result["sessions"] / 1e4


def work_done(item, result):
    """What CPU is divided by: ten thousand sessions, or gigabytes."""
    if item.name == "attack":
        return settle_attack(result)
    if item.unit == PER_BYTES:
        return result["msgs"] * item.size_bytes() / 1e9
    return result["ok"] / 1e4


def warn_of_failures(item, peer, result):
    if result["ok"] == result["sessions"] or item.name == "attack":
        return
    lost = result["sessions"] - result["ok"]
    print(
        f"  ! {item.name} {peer}: {lost} of {result['sessions']} sessions "
        f"failed: {result['errors']} {result['replies']}",
        file=sys.stderr,
    )


def start_warm(peer, kind):
    """Starts what is missing; a fresh process serves a few sessions first."""
    before = set(machine.running)
    process, port, tls = peers.start_peer(peer, kind)
    if process not in before:
        machine.load(["-c", 20, "-n", 200, "-t", tls], port)
    return process, port, tls


def run_one(item, peer):
    """One run: smtpload's report, and CPU seconds a unit of work."""
    process, port, tls = start_warm(peer, item.kind)
    on_load_cpu = process == "sink" or item.name == "latency-1"
    machine.pin(process, machine.LOAD_CPU if on_load_cpu else machine.PEER_CPU)
    sink = "sink-passed" if item.kind == "passed" else "sink"
    watched = {process, sink} | ({"nginx-auth"} & {process + "-auth"})
    before = {name: machine.cpu_s(name) for name in watched}
    args = item.args.split() + (["-t", tls] if tls != "none" else [])
    result = machine.load(args, port)
    used = {name: machine.cpu_s(name) - before[name] for name in watched}
    warn_of_failures(item, peer, result)
    work = max(work_done(item, result), 1e-9)
    result["proxy_cpu"] = used[process] / work
    result["side_cpu"] = used.get("nginx-auth", 0) / work
    result["sink_cpu"] = 0 if process == "sink" else used[sink] / work
    result["load_cpu"] = result["cpu"] / work
    return result
