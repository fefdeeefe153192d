"""Who is measured, and how each is started.

A process is a command with its CPU and port; a peer is a process with the
ports and the kind of TLS for "plain", "rsa" and "ecdsa". In the TLS scenarios
"direct" is the terminating sink on the peer's CPU: the least that somebody
who terminates TLS can use.
"""

import resource
import sys
import time

import control
import machine
from machine import LOAD_CPU, PEER_CPU, RUN, tool

SINK, SINK_PROXY = "127.0.0.1:2525", "127.0.0.1:2526"
SINK_PASSED = "127.0.0.1:2529"  # behind TLS that nobody between ends
POSTERN = machine.BUILD / "src/supervisor/postern"
USER = "postern"
ATTACKERS = 2000  # addresses that the attack comes from


def hold_most():
    """Idle sessions that one proxy can hold: two descriptors each."""
    limit = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    return min(10000, (limit - 2000) // 2)


def values(**more):
    return dict(
        run=RUN,
        sink=SINK,
        sinkpp=SINK_PROXY,
        sinkpassed=SINK_PASSED,
        sink_host=SINK.partition(":")[0],
        sink_port=SINK.partition(":")[2],
        modules="/usr/lib/nginx/modules",
        maxconn=hold_most() + 400,
        banned=machine.BANNED_PREFIX,
        **more,
    )


def relay(port, *options, to=SINK):
    command = tool("rawrelay", *options, f"127.0.0.1:{port}", to)
    return command, PEER_CPU, port


def sink_tls(name, port, cpu=PEER_CPU):
    chain = RUN / f"{name}.pem"
    command = tool("smtpsink", "-c", chain, f"127.0.0.1:{port}")
    return command, cpu, port


def haproxy():
    conf = machine.render("haproxy.cfg", values())
    return ["haproxy", "-db", "-f", conf], PEER_CPU, 3001


def nginx(template, cpu, port):
    return ["nginx", "-c", machine.render(template, values())], cpu, port


def postern(name, port, **more):
    """One worker; listeners from `port` on: plain, RSA, ECDSA, passed."""
    settings = dict(
        mode="enforce",
        answer="tarpit",
        pace="5m",
        sessions="true",
        firewall="null",
    )
    settings.update(more)
    conf = machine.render(
        "postern.conf",
        values(
            name=name,
            plain_port=port,
            rsa_port=port + 1,
            ecdsa_port=port + 2,
            passed_port=port + 3,
            state=machine.folder(f"{name}-state", USER),
            **settings,
        ),
        f"{name}.conf",
    )
    return [POSTERN, "run", "-c", conf], PEER_CPU, port


PROCESSES = {
    "sink": lambda: (
        tool("smtpsink", SINK, SINK_PROXY + "/pp"),
        LOAD_CPU,
        2525,
    ),
    "sink-rsa": lambda: sink_tls("rsa", 2527),
    "sink-ecdsa": lambda: sink_tls("ecdsa", 2528),
    "sink-passed": lambda: sink_tls("ecdsa", 2529, LOAD_CPU),
    "raw": lambda: relay(3201),
    "raw-splice": lambda: relay(3202, "-z"),
    "raw-passed": lambda: relay(3208, to=SINK_PASSED),
    "raw-splice-passed": lambda: relay(3209, "-z", to=SINK_PASSED),
    "raw-4k": lambda: relay(3205, "-b", 4096),
    "raw-16k": lambda: relay(3206, "-b", 16384),
    "raw-64k": lambda: relay(3207, "-b", 65536),
    "raw-reject": lambda: (
        tool("rawrelay", "-r", "127.0.0.1:3204"),
        PEER_CPU,
        3204,
    ),
    "haproxy": haproxy,
    "nginx-auth": lambda: nginx("nginx-auth.conf", LOAD_CPU, 8090),
    "nginx": lambda: nginx("nginx.conf", PEER_CPU, 3101),
    "postern": lambda: postern("postern", 3401),
    # Decides and logs as always, but neither delays nor bans: otherwise an
    # attack would not be the same load for all.
    "postern-observe": lambda: postern("postern-observe", 3411, mode="observe"),
    "postern-quiet": lambda: postern("postern-quiet", 3421, sessions="false"),
    "postern-close": lambda: postern("postern-close", 3431, answer="close"),
    # Under an attack whose sources are all banned, each by itself.
    "postern-banned": lambda: postern("postern-banned", 3451, answer="close"),
    "postern-kernel": lambda: postern("postern-kernel", 3461, firewall="nft"),
    "postern-tarpit": lambda: postern("postern-tarpit", 3441),
    # Finds those who have left within a second.
    "postern-turns": lambda: postern("postern-turns", 3471, pace="1s"),
}


def plain(process, port):
    return process, {"plain": (port, "none")}


def passed(process, port):
    return process, {"passed": (port, "starttls")}


def postern_peer(process, port):
    return process, {
        "plain": (port, "none"),
        "rsa": (port + 1, "starttls"),
        "ecdsa": (port + 2, "starttls"),
        "passed": (port + 3, "starttls"),
    }


# peer -> (process, {kind: (port, TLS)})
PEERS = {
    "direct": (
        "sink",
        {
            "plain": (2525, "none"),
            "rsa": (2527, "starttls"),
            "ecdsa": (2528, "starttls"),
        },
    ),
    "raw": plain("raw", 3201),
    "raw-splice": plain("raw-splice", 3202),
    "raw-4k": plain("raw-4k", 3205),
    "raw-16k": plain("raw-16k", 3206),
    "raw-64k": plain("raw-64k", 3207),
    "haproxy": (
        "haproxy",
        {
            "plain": (3001, "none"),
            "rsa": (3005, "tls"),
            "ecdsa": (3006, "tls"),
        },
    ),
    "haproxy-proxy": plain("haproxy", 3002),
    "haproxy-stick": plain("haproxy", 3003),
    "haproxy-splice": (
        "haproxy",
        {"plain": (3004, "none"), "passed": (3010, "starttls")},
    ),
    "raw-passed": passed("raw-passed", 3208),
    "raw-splice-passed": passed("raw-splice-passed", 3209),
    "nginx": (
        "nginx",
        {
            "plain": (3101, "none"),
            "rsa": (3102, "starttls"),
            "ecdsa": (3103, "starttls"),
        },
    ),
    "postern": postern_peer("postern", 3401),
    "postern-observe": postern_peer("postern-observe", 3411),
    "postern-quiet": postern_peer("postern-quiet", 3421),
    "postern-banned": plain("postern-banned", 3451),
}
OURS = [name for name in PEERS if name.startswith("postern")]


def start(name):
    if name in machine.running:
        return
    machine.start(name, *PROCESSES[name]())
    if name.startswith("postern"):
        wait_workers(name)
    if name == "postern-banned":
        control.ban(name, machine.addresses(machine.CLIENTS, ATTACKERS))


def wait_workers(name):
    """The door is open before there is anybody behind it."""
    for _ in range(500):
        if control.answers(name) and machine.of_role(name, "worker"):
            return
        time.sleep(0.02)
    sys.exit(f"{name} has no workers:\n{machine.log_tail(name)}")


def start_peer(peer, kind):
    """Starts all that the peer needs: (process, port, TLS)."""
    process, kinds = PEERS[peer]
    port, tls = kinds[kind]
    if peer == "direct" and kind != "plain":
        process = f"sink-{kind}"
    start("sink-passed" if kind == "passed" else "sink")
    if process == "nginx":
        start("nginx-auth")
    start(process)
    return process, port, tls
