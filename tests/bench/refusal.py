"""What a refused connection costs: in a proxy, and in the kernel."""

import json
import subprocess
import sys

import machine
import peers
import report

CONNECTIONS, SILENT_CONNECTIONS, SYNS = 20000, 4000, 100000
SET_SIZE = 100000
DROP = "nft drop, input, set of 100k"
SOURCES = 20000


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
        "accept and reset (raw)": ("raw-reject", 3204),
        "haproxy reject, list": ("haproxy", 3007),
        "haproxy reject, stick-table": ("haproxy", 3009),
        "haproxy silent-drop": ("haproxy", 3008),
    }
    if wanted("postern"):
        ways["postern, banned, close"] = ("postern-close", 3431)
    return ways


def ban_at(name):
    words = peers.control(name, "bans", "add", machine.BANNED_PREFIX)
    done = subprocess.run(words, capture_output=True, text=True)
    if done.returncode:
        sys.exit(f"posternctl: {done.stdout}{done.stderr}")


def at_proxy(way, name, port):
    fresh = name not in machine.running
    peers.start(name)
    if fresh and name.startswith("postern"):
        ban_at(name)
    silent = "silent" in way
    count = SILENT_CONNECTIONS if silent else CONNECTIONS
    before_s = machine.cpu_s(name)
    run = machine.load(
        ["-c", 400 if silent else 64, "-n", count, "-m", 0,
         "-T", 0.05 if silent else 5, "-b", machine.BANNED, "-B", SOURCES],
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
    return runs, floods


def run(rounds, wanted):
    runs, floods = measure(rounds, wanted)
    loop = floods.pop("loop")
    print("\n### refusal: what one connection from a banned address costs\n")
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
    return dict(runs=runs, floods=floods)
