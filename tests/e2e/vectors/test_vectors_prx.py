"""PRX-: who the client is by a PROXY header, from balancers and to servers."""

import contextlib
import ipaddress
import socket
import ssl
import struct
import time

import pytest

from harness import wait
from harness.postern import Postern
from harness.raw import Client
from liar import Liar
from stage import closed
from ways import WHOLE, Way

SIGNATURE = bytes.fromhex("0d0a0d0a000d0a515549540a")
TIMEOUT_S = 1.5
LISTED = {"proxy": "required", "proxy_from": ["127.0.0.1", "198.51.100.0/30"],
          "proxy_timeout": f"{int(TIMEOUT_S * 1000)}ms"}
DOORS = {
    "mx": {},
    "prx": LISTED,
    "inside": {**LISTED, "tls": "implicit"},
    "upgrade": {**LISTED, "starttls": "optional"},
    "late": {**LISTED, "greeting_delay": "300ms"},
    "strange": {"proxy": "required", "proxy_from": ["192.0.2.1"]},
}


def v1(source, target="192.0.2.25", source_port=4711, target_port=25):
    version = 4 if "." in source and ":" not in source else 6
    return (f"PROXY TCP{version} {source} {target} {source_port} "
            f"{target_port}\r\n").encode()


def v2(source, target, source_port=4711, target_port=25, tlvs=b""):
    block = ipaddress.ip_address(source).packed \
        + ipaddress.ip_address(target).packed \
        + struct.pack("!HH", source_port, target_port) + tlvs
    family = 0x11 if len(block) - len(tlvs) == 12 else 0x21
    return raw_v2(0x21, family, block)


def raw_v2(command, family, block, length=None):
    return SIGNATURE + struct.pack(
        "!BBH", command, family, len(block) if length is None else length) \
        + block


@pytest.fixture(scope="module")
def the_stage(new_stage):
    return new_stage(doors=DOORS)


def sources(stage, words):
    """{word: address} of the sessions that said these EHLO names."""
    def look():
        found = {e["helo"]: e["src"] for e in stage.front.events("session")
                 if e.get("helo") in words}
        return found if len(found) == len(set(words)) else None
    return stage.front.wait_until(look, f"the ends of {len(words)} sessions")


def session(stage, door="prx", header=b"", way=WHOLE, word=None):
    """A whole session behind a header; its word."""
    word = word or stage.name()
    with stage.client(door) as c:
        assert way.send(c, header)
        c.reply(220)
        c.ehlo(word)
        c.quit()
    return word


def source_of(stage, header):
    word = session(stage, header=header)
    return sources(stage, [word])[word]


def refused(stage, octets, way=WHOLE, door="prx", timeout_s=None):
    """Closed without a word; the server heard of nobody."""
    with stage.client(door) as c:
        way.send(c, octets)
        assert closed(c, timeout_s) == b""


def connections(stage):
    return [e for e in stage.server.events() if e["event"] == "connect"]


def each_is_refused(stage, headers):
    before = len(connections(stage))
    stage.at_once({repr(h[:60]): (refused, stage, h) for h in headers})
    assert len(connections(stage)) == before


# --- not from balancers


def test_PRX_01_a_client_is_no_balancer(stage):
    line = b"PROXY TCP4 10.0.0.5 10.0.0.1 1 25\r\n"

    def case(way):
        word = stage.name()
        with stage.client("mx") as c:
            c.reply(220)
            way.send(c, line, after=f"EHLO {word}\r\n".encode())
            c.reply(502)
            c.reply(250)
            c.quit()
        return word
    words = stage.play(case, line)
    assert set(sources(stage, words.values()).values()) == {"127.0.0.1"}
    assert not stage.heard("PROXY")


def test_PRX_01_it_counts_as_a_bad_command(stage):
    with stage.greeted() as c:
        for _ in range(19):
            c.cmd("PROXY TCP4 10.0.0.5 10.0.0.1 1 25", 502)
        c.cmd("PROXY UNKNOWN", 421)
        assert closed(c) == b""


def test_PRX_02_a_peer_that_is_not_listed_is_refused_at_once(stage):
    before = len(connections(stage))
    begun = time.monotonic()
    with stage.client("strange") as c:
        assert closed(c) == b""
    with stage.client("strange") as c, contextlib.suppress(OSError):
        c.send(v1("10.0.0.5"))
        assert closed(c) == b""
    assert time.monotonic() - begun < 4, "not at once"
    stage.front.wait_event("proxy-refused", listener="strange",
                           why="not in proxy_from", src="127.0.0.1")
    assert len(connections(stage)) == before


def test_PRX_03_no_header_is_closed_at_the_deadline(stage):
    def case(octets):
        begun = time.monotonic()
        refused(stage, octets, timeout_s=TIMEOUT_S + wait.DEADLINE_S)
        assert TIMEOUT_S * 0.9 < time.monotonic() - begun < TIMEOUT_S + 5
    stage.at_once({repr(octets): (case, octets) for octets in (
        b"", b"P", b"PROXY TCP4 10.0.0.5",
        b"PROXY TCP4 1.2.3.4 1.2.3.4 1 25\r", SIGNATURE[:5], SIGNATURE,
        v2("10.0.0.5", "10.0.0.1")[:-1])})


def test_PRX_03_octets_buy_no_time(stage):
    begun = time.monotonic()
    with stage.client("prx") as c:
        with contextlib.suppress(OSError):
            for octet in v1("10.0.0.5")[:-1]:
                c.send(bytes([octet]))
                time.sleep(0.1)     # it is slowness that is tried
        assert closed(c) == b""
    assert TIMEOUT_S * 0.9 < time.monotonic() - begun < TIMEOUT_S + 8


def test_PRX_03_who_leaves_or_resets_before_its_header(stage):
    def case(octets, reset):
        c = stage.client("prx")
        c.send(octets) if octets else None
        c.reset() if reset else c.close()
    stage.at_once({f"{octets} {reset}": (case, octets, reset)
                   for octets in (b"", b"PROXY TCP4", SIGNATURE)
                   for reset in (False, True)})


def test_PRX_04_a_second_header_is_a_bad_command(stage):
    line = v1("10.0.0.6")

    def case(way):
        word = stage.name()
        with stage.client("prx") as c:
            way.send(c, line, before=v1("10.0.0.5"),
                     after=f"EHLO {word}\r\n".encode())
            c.reply(220)
            c.reply(502)
            c.reply(250)
            c.cmd(line[:-2], 502)
            c.quit()
        return word
    words = stage.play(case, line)
    assert set(sources(stage, words.values()).values()) == {"10.0.0.5"}
    assert not stage.heard("PROXY")


# --- version 2


GOOD_V2 = bytes.fromhex("0d0a0d0a000d0a515549540a" "2111" "0014"
                        "7f000001" "7f000001" "002a" "0539"
                        "02" "0005" "3132333435")


def test_PRX_05_version_2_with_a_tlv(stage):
    def case(way):
        return session(stage, header=GOOD_V2, way=way)
    words = stage.play(case, GOOD_V2)
    assert set(sources(stage, words.values()).values()) == {"127.0.0.1"}
    other = v2("203.0.113.77", "192.0.2.25",
               tlvs=bytes.fromhex("030004") + b"\0\0\0\0")
    each_is_refused(stage, [other])     # a CRC32C that is wrong
    word = session(stage, header=v2(
        "203.0.113.77", "192.0.2.25", tlvs=b"\x04\x00\x03abc\x02\x00\x00"))
    assert sources(stage, [word])[word] == "203.0.113.77"


def test_PRX_06_what_stands_behind_the_header_is_smtp(stage):
    stray = b"\x02\x00\x0554321\r\n"

    def case(way):
        with stage.client("prx") as c:
            way.send(c, stray, before=GOOD_V2)
            c.reply(220)
            assert 500 <= c.reply().code < 600
            assert closed(c) == b""
    stage.play(case, stray)
    assert not stage.heard("54321")


def test_PRX_06_early_talk_behind_the_header(stage):
    with stage.client("late") as c:
        c.send(v1("203.0.113.78") + b"EHLO early\r\n")
        c.reply(554)
        assert closed(c) == b""
    with stage.client("late") as c:
        c.send(v1("203.0.113.78"))
        c.reply(220)
        c.ehlo()
        c.quit()


def test_PRX_06_a_hello_behind_the_header_is_tls(stage):
    """In one segment, and in as many as there are octets in the header."""
    def case(way, header):
        word = stage.name()
        with stage.client("inside") as c:
            context = stage.certs.client_context(verify=False)
            into, out = ssl.MemoryBIO(), ssl.MemoryBIO()
            inside = context.wrap_bio(into, out)
            with contextlib.suppress(ssl.SSLWantReadError):
                inside.do_handshake()
            assert way.send(c, header, after=out.read())
            said = talk_tls(c.sock, inside, into, out,
                            f"EHLO {word}\r\nQUIT\r\n".encode())
            assert said.startswith(b"220 ") and b"\r\n221 " in said
        return word
    for header in (v1("203.0.113.79"), v2("203.0.113.79", "192.0.2.25")):
        words = stage.at_once({
            repr(way): (case, way, header) for way in
            [WHOLE, Way("octets"), Way("split", 1), Way("split", 16),
             Way("split", len(header) - 1), Way("split", len(header))]})
        assert set(sources(stage, words.values()).values()) == \
            {"203.0.113.79"}


def talk_tls(sock, inside, into, out, octets):
    """The handshake over a socket, then `octets`; all that is said back."""
    said, shaken = b"", False
    while True:
        try:
            if not shaken:
                inside.do_handshake()
                shaken = True
                inside.write(octets)
            said += inside.read(65536)
            if said.endswith(b"\r\n") and b"\r\n221 " in said:
                return said
        except ssl.SSLWantReadError:
            sock.sendall(out.read())
            data = sock.recv(65536)
            if not data:
                return said
            into.write(data)


def test_PRX_06_starttls_behind_a_header(stage):
    word = stage.name()
    with stage.client("upgrade") as c:
        c.send(v1("203.0.113.80"))
        c.reply(220)
        c.ehlo()
        c.starttls(stage.certs.client_context(verify=False))
        c.ehlo(word)
        c.quit()
    assert sources(stage, [word])[word] == "203.0.113.80"


def test_PRX_07_a_tlv_longer_than_the_header(stage):
    wrong = GOOD_V2[:-7] + b"\x00\x0a12345"

    def case(way):
        refused(stage, wrong, way)
    stage.play(case, wrong)


def test_PRX_08_a_tlv_that_ends_before_the_header(stage):
    wrong = GOOD_V2[:-7] + b"\x00\x041234" + b"5"

    def case(way):
        refused(stage, wrong, way)
    stage.play(case, wrong)


def test_PRX_09_lengths_families_and_commands(stage):
    more = b"\x01" * 65536
    short = [raw_v2(0x21, family, more[:length], length) + more[:99]
             for family, needs in ((0x11, 12), (0x21, 36))
             for length in (0, 1, 11, 12, 35, 36)
             if length < needs]
    each_is_refused(stage, short + [
        raw_v2(0x21, 0x11, more, 65535), raw_v2(0x20, 0, more, 65535),
        raw_v2(0x21, 0x12, more[:12]), raw_v2(0x21, 0x31, more[:216]),
        raw_v2(0x21, 0xff, more[:12]), raw_v2(0x22, 0x11, more[:12]),
        raw_v2(0x11, 0x11, more[:12]), raw_v2(0x2f, 0x11, more[:12])])


@pytest.mark.parametrize("header", [
    raw_v2(0x20, 0x00, b""), raw_v2(0x20, 0x11, b"\x01" * 12),
    raw_v2(0x20, 0xff, b"\x01" * 300), raw_v2(0x21, 0x00, b""),
    raw_v2(0x21, 0x00, b"\x01" * 36), b"PROXY UNKNOWN\r\n",
    b"PROXY UNKNOWN ffff::1 junk 1\r\n"])
def test_PRX_09_of_nobody_the_socket_speaks(stage, header):
    assert source_of(stage, header) == "127.0.0.1"


# --- version 1


LONGEST = b"PROXY UNKNOWN " + b"x" * (107 - 16) + b"\r\n"


def test_PRX_10_version_1_as_it_is_written(stage):
    header = v1("203.0.113.81")

    def case(way):
        return session(stage, header=header, way=way)
    words = stage.play(case, header)
    assert set(sources(stage, words.values()).values()) == {"203.0.113.81"}
    assert len(LONGEST) == 107
    assert source_of(stage, LONGEST) == "127.0.0.1"
    assert source_of(stage, v1("2001:db8::9", "2001:db8::25")) == "2001:db8::9"


def test_PRX_10_version_1_as_it_is_not(stage):
    tail = b"1.2.3.4 1.2.3.4 "
    each_is_refused(stage, [
        LONGEST[:-2] + b"x\r\n", b"PROXY TCP4 " + tail + b"1 25\n",
        b"PROXY TCP4 " + tail + b"1 25\rX", b"PROXY TCP6 " + tail + b"1 25\r\n",
        b"PROXY TCP4 ::1 ::1 1 25\r\n", b"PROXY TCP4 " + tail + b"65536 25\r\n",
        b"PROXY TCP4 " + tail + b"01 25\r\n", b"PROXY TCP4 1.2.3.4 1.2.3 1 2\r\n",
        b"PROXY TCP4 01.2.3.4 1.2.3.4 1 25\r\n", b"proxy TCP4 " + tail + b"1 2\r\n",
        b"PROXY tcp4 " + tail + b"1 25\r\n", b"PROXY TCP4 " + tail + b"1 25 x\r\n",
        b"PROXY TCP4 " + tail + b"1\r\n", b"PROXY TCP4  " + tail + b"1 25\r\n",
        b"PROXY\r\n", b"PROXY \r\n", b"PROXY UDP4 " + tail + b"1 25\r\n",
        b"PROXY TCP6 fe80::1%eth0 ::1 1 25\r\n", b"PROXYUNKNOWN\r\n",
        b"PROXY TCP4 1.2.3.4\0 1.2.3.4 1 25\r\n", b"A" * 1500,
        b"PROXY " + b"A" * 1500, b"EHLO x\r\n", b"\x16\x03\x01\x02\x00\x01",
        b"\r\n\r\n", b"\r\n\r\n\0\r\nQUIT\r\n"])


# --- addresses


def test_PRX_11_addresses_are_made_canonical(stage):
    addresses = {
        "::ffff:10.0.0.1": "10.0.0.1", "::ffff:a00:1": "10.0.0.1",
        "2001:0DB8:0::0007": "2001:db8::7", "fe80::1": "fe80::1",
        "::": "::", "::1": "::1", "ff02::1": "ff02::1"}
    for text, canonical in addresses.items():
        assert source_of(stage, v1(text, "::1")) == canonical
    for text in ("0.0.0.0", "127.0.0.1", "224.0.0.1", "255.255.255.255"):
        assert source_of(stage, v1(text)) == text
    assert source_of(stage, v2("::ffff:10.0.0.1", "::1")) == "10.0.0.1"


@pytest.fixture(scope="module")
def front(session_folder):
    """A strict one: what the header says is what is banned and limited."""
    folder = session_folder / "strict"
    folder.mkdir()
    folder.chmod(0o755)
    server = Liar(folder)
    front = Postern(
        folder, {"prx": {**LISTED, "auth": "offer"}},
        {"domino": {"servers": [server.address]}},
        options={"source_limit": {"failures": 3, "delay": "0s",
                                  "slow_failures": 0},
                 "sessions_per_source": 4, "workers": 1,
                 "banned": {"answer": "refuse"}})
    front.start()
    front.liar = server
    yield front
    front.stop_clean()
    server.close()


def client_of(front, source, code=220):
    c = Client(front.ports["prx"])
    c.send(v1(source))
    c.reply(code)
    return c


def guess(front, source):
    for number in range(3):
        with client_of(front, source) as c:
            word = f"guess-{source.replace(':', '-')}-{number}"
            front.liar.case(word, WHOLE, {"AUTH": b"535 no\r\n"})
            c.ehlo(word)
            c.auth_plain("anna", f"wrong-{number}", 535)


def bans(front):
    return {ban["prefix"] for ban in
            front.ctl("bans", "list", json_out=True)["bans"]}


def test_PRX_11_who_guesses_is_banned_by_the_headers_address(front):
    guess(front, "203.0.113.9")
    front.wait_until(lambda: "203.0.113.9" in bans(front), "the ban")
    with client_of(front, "203.0.113.9", 554) as c:
        assert closed(c) == b""
    with Client(front.ports["prx"]) as c:
        c.send(v1("::ffff:203.0.113.9", "::1"))
        c.reply(554)
    with client_of(front, "203.0.113.10") as c:
        c.ehlo()
        c.quit()
    assert bans(front) == {"203.0.113.9"}


@pytest.mark.parametrize("source", [
    "::ffff:127.0.0.1", "::1", "127.1.2.3", "198.51.100.2",
    "::ffff:198.51.100.1"])
def test_PRX_11_never_banned_is_looked_up_canonical(front, source):
    before = bans(front)
    for number in range(6):
        with Client(front.ports["prx"]) as c:
            c.send(v1(source, "::1" if ":" in source else "192.0.2.25"))
            c.reply(220)
            word = f"never-{abs(hash(source))}-{number}"
            front.liar.case(word, WHOLE, {"AUTH": b"535 no\r\n"})
            c.ehlo(word)
            c.auth_plain("anna", f"wrong-{number}", 535)
    assert bans(front) == before


def test_PRX_balancers_cannot_be_banned(front):
    for prefix in ("198.51.100.1", "198.51.100.0/31", "127.0.0.1"):
        with pytest.raises(AssertionError, match="allow|never"):
            front.ctl("bans", "add", prefix)


def test_PRX_the_limit_of_sessions_is_the_headers_addresss(front):
    with contextlib.ExitStack() as stack:
        for _ in range(4):
            stack.enter_context(client_of(front, "203.0.113.20"))
        with client_of(front, "203.0.113.20", 421) as c:
            assert closed(c) == b""
        stack.enter_context(client_of(front, "203.0.113.21"))
    with contextlib.ExitStack() as stack:   # and the places are given back
        for _ in range(4):
            front.wait_until(lambda: free(front, stack, "203.0.113.20"),
                             "a free place")


def free(front, stack, source):
    c = Client(front.ports["prx"])
    c.send(v1(source))
    if c.reply().code != 220:
        c.close()
        return False
    stack.enter_context(c)
    return True


def test_PRX_a_reload_waits_for_the_header(front):
    """D-11: who was accepted before it is served behind it."""
    header, reloads = v1("203.0.113.40"), len(front.events("reload"))
    with Client(front.ports["prx"]) as c:
        c.send(header[:20])
        front.reload()
        front.wait_event("reload", reloads + 1)
        with client_of(front, "203.0.113.41") as other:
            other.quit()
        c.send(header[20:])
        c.reply(220)
        c.ehlo("reloaded")
        c.quit()
    ended = front.wait_event("session", helo="reloaded")
    assert ended["src"] == "203.0.113.40"


def test_PRX_those_without_a_header_have_a_limit(folder):
    server = Liar(folder)
    front = Postern(folder, {"prx": {**LISTED, "proxy_timeout": "30s"}},
                    {"domino": {"servers": [server.address]}},
                    options={"sessions_most": 10, "workers": 1})
    front.start()
    with contextlib.ExitStack() as stack:
        waiting = [stack.enter_context(Client(front.ports["prx"]))
                   for _ in range(10)]
        with Client(front.ports["prx"]) as c:
            assert closed(c) == b""
        waiting[0].send(v1("203.0.113.30"))
        waiting[0].reply(220)
    front.stop_clean()
    server.close()


# --- to the server


class Told(Liar):
    """A server that wants a header in front of everything, in clear."""

    def __init__(self, folder, context=None):
        self.context = context
        super().__init__(folder)

    def serve(self, peer):
        head = peer.sock.recv(16, socket.MSG_WAITALL)
        if head[:12] == SIGNATURE:
            head += peer.sock.recv(struct.unpack("!H", head[14:])[0],
                                   socket.MSG_WAITALL)
        while head[:5] == b"PROXY" and not head.endswith(b"\r\n"):
            head += peer.sock.recv(1)
        self._note("header", octets=head)
        if self.context:
            peer.sock = self.context.wrap_socket(peer.sock, server_side=True)
        super().serve(peer)


def headers(server):
    return [e["octets"] for e in server.of("header")]


@pytest.fixture(scope="module", params=["proxy-v1", "proxy-v2"])
def told(request, new_stage, session_folder):
    folder = session_folder / f"told-{request.param}"
    folder.mkdir()
    folder.chmod(0o755)
    stage = new_stage(server=Told(folder), doors=DOORS,
                      backend={"client_address": request.param})
    stage.write = v1 if request.param == "proxy-v1" else \
        lambda *args: v2(*args)
    yield stage


def test_PRX_out_the_sockets_ends_are_told(told):
    with told.client("mx") as c:
        own = c.sock.getsockname()
        c.reply(220)
        c.ehlo()
        c.quit()
    assert told.write("127.0.0.1", "127.0.0.1", own[1],
                      told.front.ports["mx"]) in headers(told.server)
    told.hold_u()


@pytest.mark.parametrize("source, target", [
    ("203.0.113.90", "192.0.2.25"), ("2001:db8::90", "2001:db8::25")])
def test_PRX_out_what_the_header_said_is_told(told, source, target):
    word = told.name()
    session(told, header=v2(source, target, 1025, 587), word=word)
    seen = [h for h in headers(told.server) if h == told.write(
        *(long_form(a) if told.write is v1 else a for a in (source, target)),
        1025, 587)]
    assert len(seen) == 1, headers(told.server)
    told.hold_u()


def long_form(address):
    """As postern writes IPv6: eight groups, no more than is needed."""
    if ":" not in address:
        return address
    groups = ipaddress.ip_address(address).exploded.split(":")
    return ":".join(f"{int(group, 16):x}" for group in groups)


def test_PRX_out_a_local_header_is_told_as_the_sockets(told):
    word = told.name()
    session(told, header=raw_v2(0x20, 0, b""), word=word)
    last = headers(told.server)[-1]
    assert last[:10] == (b"PROXY TCP4" if told.write is v1
                         else SIGNATURE[:10])
    told.hold_u()


def test_PRX_out_stands_in_front_of_tls(certs, session_folder, new_stage):
    folder = session_folder / "told-tls"
    folder.mkdir()
    folder.chmod(0o755)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*certs.rsa)
    stage = new_stage(server=Told(folder, context), doors=DOORS,
                      backend={"client_address": "proxy-v1",
                               "tls": "implicit"})
    session(stage, header=v1("203.0.113.91"))
    assert v1("203.0.113.91") in headers(stage.server)
    stage.hold_u()


def test_PRX_out_each_connection_to_the_server_begins_with_it(told):
    """Also the second one of a session: a server that takes no other EHLO."""
    word = told.name()
    told.server.case(word, WHOLE, {"EHLO": second_ehlo_refused()})
    with told.client("upgrade") as c:
        c.send(v2("203.0.113.92", "192.0.2.25"))
        c.reply(220)
        c.ehlo(word)
        c.starttls(told.certs.client_context(verify=False))
        c.ehlo(word)
        c.message(b"Subject: x\r\n\r\nx\r\n")
        c.quit()
    assert headers(told.server).count(
        told.write("203.0.113.92", "192.0.2.25")) == 2
    told.hold_u()


def second_ehlo_refused():
    peers = set()

    def answer(peer, _line):
        if peer in peers:
            return b"503 once is enough\r\n"
        peers.add(peer)
        return b"250-liar.example.test\r\n250 SIZE\r\n"
    return answer


def test_PRX_out_no_client_can_add_to_it(told):
    """What the server reads behind the header is the client's EHLO."""
    word = told.name()
    with told.client("mx") as c:
        c.reply(220)
        c.cmd("PROXY TCP4 1.2.3.4 1.2.3.4 1 25", 502)
        c.ehlo(word)
        c.quit()
    assert not told.heard("PROXY")
    assert not [h for h in headers(told.server) if b"1.2.3.4" in h]
    told.hold_u()
