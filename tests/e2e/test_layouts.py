"""The layouts of the guide (docs/domino.md), with the pieces that are shipped.

Four namespaces: client, router, dmz (postern) and domino (two doubles, one for
each family). What routes and marks there is set up by conf/routing/
postern-routes itself; the router filters forged sources strictly. Seen from
the ends: the server's `connect` has the client's true address, a message
passes (so packets come back), and a failed login counts for that address.
"""

import json
import os
import socket
import subprocess

import pytest

from attack import greeted, guess
from harness import firewall
from harness.postern import binary

ROUTES = firewall.TOP / "conf/routing/postern-routes"
CLIENT = {4: "198.51.100.7", 6: "2001:db8:c::7"}
OTHER = {4: "198.51.100.8", 6: "2001:db8:c::8"}
ROUTER = {4: "203.0.113.1", 6: "2001:db8:d::1"}
DMZ = {4: "203.0.113.25", 6: "2001:db8:d::25"}
DOMINO = {4: "10.1.0.2", 6: "fd00:1::2"}
ON_LAN = {4: "203.0.113.2", 6: "2001:db8:d::2"}
GATEWAY = {4: "10.1.0.1", 6: "fd00:1::1"}
INNER = {4: "10.1.0.0/24", 6: "fd00:1::/64"}
LENGTH = {4: 24, 6: 64}
FLAG = {4: "-4", 6: "-6"}

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="needs root")


class Site(firewall.Network):
    """client -- router -- dmz -- domino; or, with inner = "router", domino
    behind a leg of the router's own; or, with "lan", domino and the dmz on
    one link of the router's."""

    def __init__(self, tag, folder, inner="dmz"):
        super().__init__(tag)
        self.names = {role: f"{firewall.NAME}{tag}-{role}"
                      for role in ("client", "router", "dmz", "domino")}
        self.folder, self.gateway = folder, inner
        self.domino = ON_LAN if inner == "lan" else DOMINO

    def on(self, role, *words, check=True, **more):
        return subprocess.run(
            ["ip", "netns", "exec", self.names[role], *map(str, words)],
            check=check, capture_output=True, text=True, **more)

    def at(self, role):
        return self.inside(self.names[role])

    def link(self, left, right, name_left, name_right, addresses):
        self.ip("link", "add", name_left, "netns", self.names[left],
                "type", "veth", "peer", "name", name_right, "netns",
                self.names[right])
        for role, name, mine in ((left, name_left, addresses[0]),
                                 (right, name_right, addresses[1])):
            self.on(role, "ip", "link", "set", name, "up")
            for one in mine:
                family = 6 if ":" in one else 4
                self.on(role, "ip", "addr", "add", f"{one}/{LENGTH[family]}",
                        "dev", name, *(["nodad"] if family == 6 else []))

    def sysctl(self, role, *settings):
        for one in settings:
            self.on(role, "sysctl", "-qw", one)

    def build(self):
        for name in self.names.values():
            self.ip("netns", "add", name)
            self.ip("-n", name, "link", "set", "lo", "up")
        for role in self.names:
            # Without DAD: a link is of use at once.
            self.sysctl(role, "net.ipv4.conf.all.rp_filter=1",
                        "net.ipv4.conf.default.rp_filter=1",
                        "net.ipv6.conf.default.accept_dad=0")
        self.sysctl("router", "net.ipv4.ip_forward=1",
                    "net.ipv6.conf.all.forwarding=1")
        self.link("client", "router", "eth0", "outside", (
            [*CLIENT.values(), *OTHER.values()],
            ["198.51.100.1", "2001:db8:c::1"]))
        if self.gateway == "lan":
            self.lan()
        else:
            self.link("router", "dmz", "dmz", "eth0",
                      (ROUTER.values(), DMZ.values()))
            self.link(self.gateway, "domino", "eth1", "eth0",
                      (GATEWAY.values(), DOMINO.values()))
        first = ROUTER if self.gateway == "lan" else GATEWAY
        for n, outside in ((4, "198.51.100.1"), (6, "2001:db8:c::1")):
            self.default("client", n, outside)
            self.default("dmz", n, ROUTER[n])
            self.default("domino", n, first[n])
            if self.gateway == "dmz":
                self.on("router", "ip", FLAG[n], "route", "add", INNER[n],
                        "via", DMZ[n])

    def lan(self):
        """A switch, which the router is on with an address."""
        self.on("router", "ip", "link", "add", "dmz", "type", "bridge")
        self.on("router", "ip", "link", "set", "dmz", "up")
        for n in (4, 6):
            self.on("router", "ip", "addr", "add", f"{ROUTER[n]}/{LENGTH[n]}",
                    "dev", "dmz", *(["nodad"] if n == 6 else []))
        for role, addresses in (("dmz", DMZ), ("domino", ON_LAN)):
            self.link("router", role, f"to-{role}", "eth0",
                      ((), addresses.values()))
            self.on("router", "ip", "link", "set", f"to-{role}", "master",
                    "dmz")

    def default(self, role, n, gateway):
        self.on(role, "ip", FLAG[n], "route", "add", "default", "via", gateway)

    def remove(self):
        for name in self.names.values():
            subprocess.run(["ip", "netns", "del", name], check=False,
                           capture_output=True)

    # The shipped pieces

    def routes(self, role, word, check=True, **settings):
        """postern-routes there, with a file of its own."""
        path = self.folder / f"routes-{role}.conf"
        if settings:
            path.write_text("".join(f'{key}="{value}"\n'
                                    for key, value in settings.items()))
        env = dict(os.environ, POSTERN_ROUTES=str(path),
                   POSTERN_ROUTES_STATE=str(self.folder / f"state-{role}"))
        done = self.on(role, ROUTES, word, check=False, env=env)
        assert not check or done.returncode == 0, done.stdout + done.stderr
        return done

    def state(self, role):
        """All that postern-routes could have touched."""
        said = [self.on(role, *words.split()).stdout for words in (
            "nft list ruleset", "ip -4 rule", "ip -6 rule",
            "ip -4 route show table all", "ip -6 route show table all",
            "sysctl net.ipv4.ip_forward net.ipv6.conf.all.forwarding",
            "grep -r . /proc/sys/net/ipv4/conf --include=rp_filter "
            "--include=src_valid_mark")]
        return "\n".join(said)


SERVERS = {"SERVERS_V4": DOMINO[4], "SERVERS_V6": DOMINO[6]}


def gateway(site):
    """A: postern's host is Domino's default gateway."""
    site.routes("dmz", "up", PIECES="return-path", FORWARD="yes")


def marked(site):
    """B: a router sends back, by mark, what Domino answers to postern."""
    site.routes("dmz", "up", PIECES="return-path", FORWARD="no")
    site.routes("router", "up", PIECES="router", FORWARD="no",
                PROXY_SIDE="dmz", PROXY_V4=DMZ[4], PROXY_V6=DMZ[6], **SERVERS)


def one_link(site):
    """B on one link: Domino's own host sends its answers to postern."""
    site.routes("dmz", "up", PIECES="return-path", FORWARD="yes")
    site.routes("domino", "up", PIECES="server", FORWARD="no",
                PROXY_SIDE="eth0", PROXY_V4=DMZ[4], PROXY_V6=DMZ[6])


def inline(site):
    """C: postern's host is on the way, clients name Domino's own address."""
    site.routes("dmz", "up", PIECES="return-path tproxy", FORWARD="yes",
                OUTSIDE="eth0", **SERVERS)


def redirected(site):
    """As C, by address translation."""
    site.routes("dmz", "up", PIECES="return-path redirect", FORWARD="yes",
                OUTSIDE="eth0", **SERVERS)


# name: (whose leg Domino is on, pieces, what clients connect to, intercept)
LAYOUTS = {
    "gateway": ("dmz", gateway, DMZ, "off"),
    "marked": ("router", marked, DMZ, "off"),
    "one-link": ("lan", one_link, DMZ, "off"),
    "inline": ("dmz", inline, DOMINO, "tproxy"),
    "redirected": ("dmz", redirected, DOMINO, "redirect"),
}


@pytest.fixture
def build(folder):
    made = []

    def start(inner):
        site = Site(f"{os.getpid()}l", folder, inner)
        made.append(site)
        site.build()
        return site
    try:
        yield start
    finally:
        for site in made:
            site.remove()


@pytest.fixture
def serve(double, postern):
    """Two doubles at Domino's place, and postern at its own."""
    def start(site, intercept="off", families=(4, 6), **backend):
        with site.at("domino"):
            servers = {n: double(host_ip=site.domino[n], port=25,
                                 auth_clear="LOGIN PLAIN", t_535="535 no")
                       for n in families}
        with site.at("dmz"):
            front = postern(
                {"mx": {"intercept": intercept}},
                {"domino": {"servers": [s.address for s in servers.values()],
                            "client_address": "transparent",
                            "connect_timeout": "1s", **backend}}, run=False,
                options={"workers": 1, "source_limit": {"delay": "0s"}})
            front.listeners["mx"]["bind"] = ["0.0.0.0:25", "[::]:25"]
            front.write_conf()
            front.start()
        return servers, front
    return start


def deliver(site, target, source):
    with site.at("client"):
        with greeted(25, source, host=target) as client:
            client.message(b"Subject: layout\r\n\r\nover the router\r\n")
            client.quit()


@pytest.mark.parametrize("layout", LAYOUTS)
def test_the_server_sees_the_clients_true_address(layout, build, serve):
    inner, pieces, target, intercept = LAYOUTS[layout]
    site = build(inner)
    pieces(site)
    servers, front = serve(site, intercept)
    for n in (4, 6):
        deliver(site, target[n], CLIENT[n])
        assert [e["ip"] for e in servers[n].of("connect")] == [CLIENT[n]]
        assert len(servers[n].messages()) == 1
        line = front.wait_event("session", src=CLIENT[n])
        assert line["messages"] == 1
        if intercept != "off":
            assert (line["target"], line["target_port"]) == (DOMINO[n], 25)
        with site.at("client"):
            assert guess(25, OTHER[n], secret=f"wrong {n}",
                         host=target[n]) == 535
        assert front.wait_event("auth-failed", src=OTHER[n])["count"] == 1
        assert servers[n].of("connect")[-1]["ip"] == OTHER[n]
    _, found = examine(site, front)
    assert levels(found, "return path") == levels(found, "open relay") \
        == levels(found, "server") == ["ok", "ok"]


def banner(site, target, source, port):
    """What a client hears whose port is that one."""
    with site.at("client"):
        sock = socket.socket(
            socket.AF_INET6 if ":" in target else socket.AF_INET)
    with sock:
        sock.settimeout(20)
        sock.bind((source, port))
        sock.connect((target, 25))
        return sock.recv(100)


def test_a_connection_never_has_its_clients_port(build, serve):
    """With a redirected client it would be the same connection twice."""
    site = build("dmz")
    redirected(site)
    servers, _ = serve(site, "redirect")
    # bind(2) would take the odd one first.
    site.sysctl("dmz", "net.ipv4.ip_local_port_range=40000 40001")
    for n in (4, 6):
        for source in (CLIENT[n], OTHER[n]):
            assert banner(site, DOMINO[n], source, 40001).startswith(b"220")
            seen = servers[n].of("connect")[-1]
            assert (seen["ip"], seen["port"]) == (source, 40000)


# Set up, taken down, and wrong

@pytest.mark.parametrize("layout", LAYOUTS)
def test_the_pieces_go_up_twice_and_leave_nothing(layout, build):
    inner, pieces, _, _ = LAYOUTS[layout]
    site = build(inner)
    roles = ["dmz", *{"marked": ["router"], "one-link": ["domino"]}.get(
        layout, [])]
    before = {role: site.state(role) for role in roles}
    pieces(site)
    once = {role: site.state(role) for role in roles}
    pieces(site)
    for role in roles:
        assert site.state(role) == once[role] != before[role]
        assert "missing" not in site.routes(role, "status").stdout
        site.routes(role, "down")
        assert site.state(role) == before[role]
        done = site.routes(role, "status", check=False)
        assert done.returncode == 1 and "missing" in done.stdout
        site.routes(role, "down")


def test_a_file_that_makes_no_sense_changes_nothing(build):
    site = build("dmz")
    before = site.state("dmz")
    for wrong, said in (
            ({"PIECES": "tproxi"}, "there is no tproxi"),
            ({"PIECES": "tproxy", "OUTSIDE": "eth0"}, "needs return-path"),
            ({"PIECES": "redirect"}, "OUTSIDE"),
            ({"PIECES": "router", "PROXY_SIDE": "eth0"}, "PROXY_V4")):
        done = site.routes("dmz", "up", check=False, **wrong)
        assert done.returncode == 1 and said in done.stderr, done.stderr
        assert site.state("dmz") == before


# What doctor says of them

def examine(site, front, *words):
    """Its exit code, and {check: [finding]}; from the dmz, as root."""
    done = site.on("dmz", binary("posternctl"), "--socket", front.control,
                   "--json", "doctor", "--as", CLIENT[4], *words, check=False)
    found = {}
    for one in json.loads(done.stdout)["findings"]:
        found.setdefault(one["check"], []).append(one)
    return done.returncode, found


def levels(found, check):
    return [one["level"] for one in found[check]]


def test_doctor_names_the_fault_of_a_wrong_layout(build, serve):
    site = build("dmz")
    servers, front = serve(site, families=(4,))
    # Nothing is set up: clients wait in vain, and the log says where to look.
    assert banner(site, DMZ[4], CLIENT[4], 0).startswith(b"421")
    assert "posternctl doctor" in front.wait_event("server-failed")["why"]

    def fault():
        code, found = examine(site, front)
        (one,) = found["return path"]
        assert code == 4 and one["level"] == "fail"
        assert levels(found, "server") == ["ok"]
        return one["text"], one["do"]
    text, do = fault()
    assert "no nft rule" in text and do == "postern-routes up"
    gateway(site)
    site.on("dmz", "ip", "-4", "rule", "del", "pref", "4025")
    assert "no policy route" in fault()[0]
    gateway(site)
    site.sysctl("dmz", "net.ipv4.conf.all.src_valid_mark=1")
    assert "src_valid_mark=0" in fault()[1]
    gateway(site)
    site.on("domino", "ip", "route", "del", "default")
    text, do = fault()
    assert "does not come to this host" in text and "router" in do
    site.default("domino", 4, GATEWAY[4])
    _, found = examine(site, front)
    assert levels(found, "return path") == ["ok"]


def test_doctor_sees_that_no_rule_leads_clients_here(build, serve):
    site = build("dmz")
    inline(site)
    _, front = serve(site, "tproxy", families=(4,))
    assert levels(examine(site, front)[1], "intercept") == ["ok"]
    site.on("dmz", "nft", "delete", "table", "inet", "postern_tproxy")
    code, found = examine(site, front)
    assert code == 4 and levels(found, "intercept") == ["fail"]
