"""What a refused connection costs: in a proxy, and in the kernel."""

import json
import subprocess
import sys
import time

import control
import goals
import machine
import peers
import report

CONNECTIONS, SILENT_CONNECTIONS, SYNS = 40000, 4000, 100000
SET_SIZE = 100000
DROP = "nft drop, input, set of 100k"
SOURCES = 20000
RAW, OURS = "accept and reset (raw)", "postern, banned, close"
KERNEL = "postern, banned, in the kernel (nft)"


def nft(text):
    done = subprocess.run(
        ["nft", "-f", "-"], input=text, text=True, capture_output=True
    )
    if done.returncode:
        sys.exit(f"nft: {done.stderr[:300]}")


def set_elements():
    first = (10 << 24) + (96 << 16) + 1
    octets = ((24, 16, 8, 0), range(first, first + SET_SIZE))
    return ", ".join(
        ".".join(str(number >> shift & 255) for shift in octets[0])
        for number in octets[1]
    )


def table(family, hook, match, verdict, elements=""):
    made = ""
    if elements:
        made = f"set s {{ type ipv4_addr; elements = {{ {elements} }}\n }}\n"
    rule = f"tcp dport 2525 ip saddr {match} {verdict};"
    return (
        f"table {family} b {{\n {made} chain c {{\n"
        f"  type filter hook {hook}; {rule}\n }}\n}}\n"
    )


def kernel_ways():
    elements = set_elements()
    reset = "reject with tcp reset"
    return {
        DROP: table("inet", "input priority 0", "@s", "drop", elements),
        "nft drop, prerouting raw, set of 100k": table(
            "inet", "prerouting priority -300", "@s", "drop", elements
        ),
        "nft drop, netdev ingress, set of 100k": table(
            "netdev", "ingress device lo priority -500", "@s", "drop", elements
        ),
        "nft drop, input, one prefix": table(
            "inet", "input priority 0", machine.BANNED_PREFIX, "drop"
        ),
        "nft reject with tcp reset, set of 100k": table(
            "inet", "input priority 0", "@s", reset, elements
        ),
    }


def proxy_ways(wanted):
    ways = {
        RAW: ("raw-reject", 3204),
        "haproxy reject, list": ("haproxy", 3007),
        "haproxy reject, stick-table": ("haproxy", 3009),
        "haproxy silent-drop": ("haproxy", 3008),
    }
    if wanted("postern"):
        ways[OURS] = ("postern-close", 3431)
    return ways


def at_proxy(way, name, port):
    fresh = name not in machine.running
    peers.start(name)
    if fresh and name.startswith("postern"):
        control.ban(name, [machine.BANNED_PREFIX])
    if "silent" in way:
        return refused(name, port, 400, SILENT_CONNECTIONS, 0.05)
    return refused(name, port, 64, CONNECTIONS, 5)


def refused(name, port, at_once, count, patience_s):
    before_s = machine.cpu_s(name)
    run = machine.load(
        ["-c", at_once, "-n", count, "-m", 0, "-T", patience_s,
         "-b", machine.BANNED, "-B", SOURCES],
        port,
    )  # fmt: skip
    run["proxy_us"] = (machine.cpu_s(name) - before_s) / count * 1e6
    run["all_us"] = run["proxy_us"] + run["cpu"] / count * 1e6
    return run


def flood_us(mode, port):
    command = machine.tool(
        "synflood", mode, SYNS, f"127.0.0.1:{port}", machine.BANNED, SOURCES
    )
    done = subprocess.run(
        ["taskset", "-c", str(machine.LOAD_CPU), *command],
        capture_output=True,
        text=True,
        check=True,
    )
    return json.loads(done.stdout)["cpu_us"]


def in_kernel(name, port):
    """What postern's processes use while the kernel drops for them; clients
    connect as they do to a proxy that says nothing."""
    fresh = name not in machine.running
    peers.start(name)
    if fresh:
        control.ban(name, [machine.BANNED_PREFIX])
        wait_entries(name, 1)
    run = refused(name, port, 400, SILENT_CONNECTIONS, 0.05)
    if run["errors"] != {"timeout": SILENT_CONNECTIONS}:
        sys.exit(f"{name}: not dropped: {run['errors']} {run['replies']}")
    return run


def wait_entries(name, count):
    for _ in range(500):
        if control.ask(name, "status")["firewall"]["entries"] >= count:
            return
        time.sleep(0.02)
    sys.exit(f"{name} has not told the kernel:\n{machine.log_tail(name)}")


def measure(rounds, wanted):
    ways, chains = proxy_ways(wanted), kernel_ways()
    runs = {way: [] for way in ways}
    floods = {way: [] for way in ["loop", "closed port (kernel RST)", *chains]}
    peers.start("sink")
    for _ in range(rounds):
        for way, (name, port) in ways.items():
            runs[way].append(at_proxy(way, name, port))
        floods["loop"].append(flood_us(0, 2525))
        floods["closed port (kernel RST)"].append(flood_us(1, 2999))
        for way, chain in chains.items():
            nft(chain)
            floods[way].append(flood_us(1, 2525))
            nft("flush ruleset")
    if wanted("postern"):
        runs[KERNEL] = [
            in_kernel("postern-kernel", 3461) for _ in range(rounds)
        ]
        machine.stop("postern-kernel")
    return runs, floods


def judge(runs):
    ours, raw = runs.get(OURS), runs[RAW]
    if not ours:
        return
    ratios = [x["proxy_us"] / y["proxy_us"] for x, y in zip(ours, raw)]
    goals.note("refusing a banned source, x accept and reset", ratios,
               goals.REFUSAL, "x")  # fmt: skip
    kernel = [run["proxy_us"] for run in runs[KERNEL]]
    goals.note("the same in the kernel: postern's CPU", kernel,
               goals.REFUSAL_KERNEL_US, "us")  # fmt: skip


def run(rounds, wanted):
    runs, floods = measure(rounds, wanted)
    loop = floods.pop("loop")
    print("\n### refusal: what one connection from a banned address costs")
    print(f"\n({report.rounds_text(runs)})\n")
    report.head("way", "connections/s", "proxy CPU us",
                "proxy and client CPU us", "x nft drop (input, set)",
                "outcome")  # fmt: skip
    drop = [a - b for a, b in zip(floods[DROP], loop)]
    for way, found in runs.items():
        report.row(
            way,
            report.spread([r["sessions"] / r["wall"] for r in found], "{:.0f}"),
            report.spread([r["proxy_us"] for r in found]),
            report.spread([r["all_us"] for r in found]),
            report.spread([r["all_us"] / d for r, d in zip(found, drop)]),
            found[-1]["errors"] or found[-1]["replies"],
        )
    for way, found in floods.items():
        own = [a - b for a, b in zip(found, loop)]
        report.row(way, "-", "0", f"{report.spread(own)} (with the SYN)",
                   report.spread([a / b for a, b in zip(own, drop)]),
                   "never accepted")  # fmt: skip
    judge(runs)
    return dict(runs=runs, floods=floods)
