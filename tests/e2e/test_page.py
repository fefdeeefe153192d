"""The process of the page without a browser: who may ask what, and what of it
comes back; metrics; feeds."""

import ipaddress
import json
import os
import pathlib
import re
import shutil
import subprocess
import threading

import pytest

import attack
import page
from harness.double import Double
from harness.postern import Postern

ATTACKER, NEIGHBOUR, WAITED, LIFTED = (
    "203.0.113.66", "203.0.113.67", "203.0.113.68", "203.0.113.69")
FORMATS = ("plain", "json", "nft", "mikrotik", "cisco", "windows")


@pytest.fixture(scope="module")
def site(place, certs):
    """One postern for all: (postern, its page, the door of its feeds)."""
    server = Double(place, auth_clear="LOGIN PLAIN", cert=certs.rsa,
                    name="double")
    web, door = page.options(place)
    feed_port = page.net.free_port("127.0.0.1")
    web["admin"]["hosts"] = ["proxy.example.test"]
    web["feed"].update(bind=[f"127.0.0.1:{feed_port}"], certificate="mail")
    front = Postern(place, {"mx": {}}, [server.address],
                    certificates={"mail": certs.rsa}, options={
        **web, "banned": {"answer": "close"}, "source_limit": {"delay": "0s", "failures": 3, "ban": "1h"},
        "soft_ban": {"mode": "enforce"}})
    try:
        front.start()
        yield front, door, page.Page(feed_port, tls=page.trusting(certs.ca))
        front.stop_clean()
    finally:
        front.stop()
        server.stop()


def banned(front, door, source):
    """Attack from there until it is banned, unless it is; the newest bans."""
    if not front.events("ban", src=source):
        attack.guesses(front.ports["mx"], source, 3, word=source,
                       user="u" + source.rpartition(".")[2])
        front.wait_event("ban", src=source)
    return door.json("/api/recent")


# Who may ask what

STRICT = {
    "X-Content-Type-Options": "nosniff", "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin"}


@pytest.mark.parametrize("path, status", [
    ("/", 200), ("/page.js", 200), ("/page.css", 200), ("/charts.js", 200),
    ("/dygraph.js", 200), ("/licences.txt", 200), ("/metrics", 200),
    ("/api/status", 200), ("/api/days", 200), ("/api/backends", 200),
    ("/api/bans", 200), ("/api/bans?cursor=0", 200), ("/api/allow", 200),
    ("/api/recent", 200), ("/api/watch", 200), ("/api/trend/minutes", 200),
    ("/api/trend/hours", 200), ("/feed/plain", 401), ("/nothing", 404),
    ("/api", 404), ("/feed/", 404), ("/feed/xml", 404), ("/api/ban", 405),
    ("/api/explain", 405), ("/api/bans?cursor=-1", 400),
    ("/api/status?x=1", 400), ("//", 404),
    ("/../../etc/passwd", 404), ("/..%2f..%2fetc/passwd", 404),
    ("/page.js/../../../etc/shadow", 404), ("/%2e%2e/", 404),
    ("/page.js%00.html", 404), ("/" + "a" * 2000, 400)])
def test_each_answer_is_as_strict_as_all(site, path, status):
    _, door, _ = site
    got, headers, body = door.get(path)
    assert got == status, body
    for name, value in STRICT.items():
        assert headers[name] == value
    policy = headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy and "unsafe" not in policy
    assert "frame-ancestors 'none'" in policy
    assert headers["Cache-Control"] in ("no-store", "no-cache")
    assert b"root:" not in body


@pytest.mark.parametrize("host, status", [
    ("127.0.0.1", 200), ("127.0.0.1:8025", 200), ("[::1]:8025", 200),
    ("localhost", 200), ("LOCALHOST:1", 200), ("proxy.example.test:80", 200),
    ("evil.example", 421), ("127.0.0.1.evil.example", 421),
    ("localhost.evil.example", 421), ("localhost@evil.example", 421),
    ("", 421), ("[::1", 421), ("example.test", 421)])
def test_a_foreign_name_that_leads_here_is_refused(site, host, status):
    _, door, _ = site
    assert door.get("/api/status", Host=host)[0] == status


def test_what_other_sites_send_is_refused(site):
    _, door, _ = site
    ours = f"127.0.0.1:{door.port}"
    body = {"prefix": "198.51.100.1"}
    for headers in ({"Origin": "https://evil.example"}, {"Origin": "null"},
                    {"Sec_Fetch_Site": "cross-site"},
                    {"Sec_Fetch_Site": "same-site"}):
        assert door.get("/api/status", **headers)[0] == 403
        assert door.post("/api/unban", body, token=page.TOKEN,
                         **headers)[0] == 403
    for headers in ({"Origin": f"http://{ours}"},
                    {"Sec_Fetch_Site": "same-origin"},
                    {"Sec_Fetch_Site": "none"}):
        assert door.get("/api/status", **headers)[0] == 200
    # What a form can send is no order.
    for kind in ("text/plain", "application/x-www-form-urlencoded", None):
        headers = {"Content_Type": kind} if kind else {"Content_Type": ""}
        status, _, _ = door.ask("POST", "/api/unban", body=json.dumps(body),
                                token=page.TOKEN, **headers)
        assert status == 415


@pytest.mark.parametrize("method", [
    "PUT", "DELETE", "OPTIONS", "TRACE", "PATCH", "CONNECT"])
def test_other_methods_are_none(site, method):
    _, door, _ = site
    assert door.ask(method, "/api/status")[0] in (400, 405, 501)


def test_orders_need_the_token_and_looking_does_not(site, strangers):
    front, door, _ = site
    prefix = "198.51.100.77"
    body = {"prefix": prefix, "for": "1h", "reason": "noise"}
    for token in (None, "wrong" * 5, page.TOKEN[:-1], page.TOKEN + "x",
                  page.FEED_TOKEN, ""):
        for path in ("ban", "unban", "allow/add", "allow/del", "token"):
            assert door.post(f"/api/{path}", body, token=token)[0] == 401
    # In an address it would stand in logs and histories.
    assert door.post(f"/api/ban?token={page.TOKEN}", body)[0] == 400
    assert front.wait_event("token-wrong")["from"] == "127.0.0.1"
    assert page.TOKEN not in front.log()

    assert door.post("/api/token", {}, token=page.TOKEN) == \
        (200, {"ok": True})
    status, answer = door.post("/api/ban", body, token=page.TOKEN)
    assert status == 200 and answer["ban"]["note"] == "noise"
    order = front.wait_event("order", command="bans.add", prefix=prefix)
    assert order["by"] == "page" and order["from"] == "127.0.0.1"
    assert any(ban["prefix"] == prefix
               for ban in door.json("/api/recent")["bans"])
    assert door.post("/api/unban", {"prefix": prefix}, token=page.TOKEN)[0] \
        == 200
    assert door.post("/api/unban", {"prefix": prefix}, token=page.TOKEN)[0] \
        == 404
    assert door.post("/api/unban", {"prefix": "nonsense"},
                     token=page.TOKEN)[0] == 400


def test_an_order_is_what_the_page_may_and_nothing_else(site):
    front, door, _ = site
    for body in ({"prefix": "127.0.0.1"}, {"prefix": "0.0.0.0/0"}):
        assert door.post("/api/ban", body, token=page.TOKEN)[0] == 409
    # A command of its own in the body is not one.
    status, answer = door.post("/api/explain", {
        "subject": "192.0.2.1", "command": "bans.flush", "from": "me"})
    assert status == 200 and "summary" in answer
    for body in ("[]", "{", "", '{"prefix": "a", "prefix": "b"}', "\x00"):
        status, _, _ = door.ask("POST", "/api/ban", body=body,
                                token=page.TOKEN,
                                Content_Type="application/json")
        assert status == 400
    assert not front.events("page-refused")


def test_an_attack_and_its_end_are_seen(site, strangers):
    front, door, _ = site
    before = door.json("/api/watch")["serial"]
    bans = banned(front, door, LIFTED)["bans"]
    assert bans[0]["prefix"] == LIFTED or \
        LIFTED in [ban["prefix"] for ban in bans]
    seen = door.json("/api/watch")
    assert seen["serial"] > before
    guesser = next(g for g in seen["guessers"] if g["source"] == LIFTED)
    assert guesser["guesses"] >= 3 and guesser["banned"]
    assert guesser["user"] == "u69"
    news = [n for n in seen["decisions"] if n["prefix"] == LIFTED]
    assert news[0]["kind"] == "ban" and news[0]["rule"] == "source-limit"
    assert door.post("/api/unban", {"prefix": LIFTED},
                     token=page.TOKEN)[0] == 200
    news = [n for n in door.json("/api/watch")["decisions"]
            if n["prefix"] == LIFTED]
    assert [n["kind"] for n in news[:2]] == ["unban", "ban"]


def test_how_it_went_has_a_row_for_now(site):
    _, door, _ = site
    for span, step in (("minutes", 60), ("hours", 3600)):
        trend = door.json(f"/api/trend/{span}")
        assert trend["step_s"] == step
        assert len(trend["rows"][-1]) == len(trend["names"]) + 1
        assert trend["rows"][-1][0] % step == 0


# Metrics

NAMED = """postern_connections_total postern_auth_total postern_verdicts_total
postern_bans postern_tarpit_sessions postern_backend_up
postern_backend_reply_seconds_bucket postern_firewall_sync_seconds_bucket
postern_firewall_drift_total postern_tls_handshakes_total
postern_loop_stall_seconds postern_up""".split()


def scraped(door):
    status, headers, body = door.get("/metrics")
    assert status == 200
    assert headers["Content-Type"].startswith("text/plain; version=0.0.4")
    return body.decode()


def value(text, name, **labels):
    """The sum of a metric over all rows that have these labels."""
    found = []
    for line in text.splitlines():
        match = re.fullmatch(re.escape(name) + r"(?:\{(.*)\})? (\S+)", line)
        if not match:
            continue
        has = dict(re.findall(r'(\w+)="((?:[^"\\]|\\.)*)"', match[1] or ""))
        if all(has.get(key) == want for key, want in labels.items()):
            found.append(float(match[2]))
    return sum(found) if found else None


def test_metrics_are_as_prometheus_reads_them(site, client, strangers):
    front, door, _ = site
    attack.guesses(front.ports["mx"], NEIGHBOUR, 2)
    text = attack.wait.until(
        lambda: (value(scraped(door), "postern_connections_total",
                       listener="mx") or 0) >= 2 and scraped(door),
        "connections in the metrics")
    done = subprocess.run(["promtool", "check", "metrics"], input=text,
                          text=True, capture_output=True)
    assert done.returncode == 0, done.stdout + done.stderr
    have = set(re.findall(r"^(\w+)", text, re.M))
    assert {name for name in NAMED
            if name not in ("postern_tls_handshakes_total",)} <= have
    assert "# TYPE postern_tls_handshakes_total counter" in text
    assert value(text, "postern_auth_total", listener="mx",
                 mechanism="PLAIN", result="failed") >= 2
    assert value(text, "postern_backend_reply_seconds_count") >= 2
    assert value(text, "postern_backend_reply_seconds_bucket", le="+Inf") == \
        value(text, "postern_backend_reply_seconds_count")
    assert value(text, "postern_up") == 1


def is_address(word):
    try:
        return bool(ipaddress.ip_network(word, strict=False))
    except ValueError:
        return False


def test_SEC_03_metrics_name_nobody(site, strangers):
    """Who connects, whom he tries, who is banned: no label, no text."""
    front, door, _ = site
    before = value(scraped(door), "postern_auth_total", listener="mx",
                   mechanism="PLAIN", result="failed") or 0
    source = strangers[42]
    attack.guesses(front.ports["mx"], source, 2, user="carla", word="named")
    text = attack.wait.until(
        lambda: (value(scraped(door), "postern_auth_total", listener="mx",
                       mechanism="PLAIN", result="failed") or 0) >= before + 2
        and scraped(door), "two more failures in the metrics")
    labels = re.findall(r'[{,]\w+="((?:[^"\\]|\\.)*)"', text)
    assert "mx" in labels and "failed" in labels
    assert not [word for word in labels if is_address(word) or "@" in word]
    for word in (source, source.rpartition(".")[0], "carla"):
        assert word not in text


def test_everything_that_the_board_and_the_alerts_use_is_there(site):
    _, door, _ = site
    text = scraped(door)
    have = set(re.findall(r"^# TYPE (\w+)", text, re.M))
    have |= {f"{name}_{part}" for name in list(have)
             for part in ("bucket", "sum", "count")}
    conf = pathlib.Path(__file__).resolve().parents[2] / "conf"
    for path in ("grafana/postern.json", "prometheus/postern.rules.yml"):
        used = set(re.findall(r"\bpostern_[a-z_]+\b",
                              (conf / path).read_text()))
        assert used and used <= have, used - have
    json.loads((conf / "grafana/postern.json").read_text())
    for words in (["check", "rules", conf / "prometheus/postern.rules.yml"],
                  ["test", "rules", conf / "prometheus/postern.test.yml"]):
        done = subprocess.run(["promtool", *map(str, words)], text=True,
                              capture_output=True)
        assert done.returncode == 0, done.stdout + done.stderr


# Feeds

@pytest.mark.parametrize("form", FORMATS)
def test_each_feed_has_its_tag_and_its_token(site, strangers, form):
    front, door, feeds = site
    banned(front, door, ATTACKER)
    for where, token in ((door, page.TOKEN), (door, page.FEED_TOKEN),
                         (feeds, page.FEED_TOKEN), (feeds, page.TOKEN)):
        status, headers, body = where.get(f"/feed/{form}", token=token)
        assert status == 200 and ATTACKER.encode() in body
        assert headers["Postern-Feed-Version"] == "1"
        tag = headers["ETag"]
        status, _, body = where.get(f"/feed/{form}", token=token,
                                    If_None_Match=f'"other", {tag}')
        assert status == 304 and not body
    assert feeds.get(f"/feed/{form}")[0] == 401
    assert feeds.get(f"/feed/{form}", token="wrong" * 5)[0] == 401


def test_a_ban_that_acts_at_logins_is_in_no_feed(site, strangers):
    front, door, feeds = site
    source, marker = strangers[40], strangers[41]
    port = front.ports["mx"]
    assert attack.guess(port, source, "anna", "secret") == 235
    attack.guesses(port, source, 3, user="u40", word=source)
    front.wait_event("ban", src=source, acts="login")
    front.ctl("bans", "add", marker)    # the feed knows what came before it
    body = feeds.get("/feed/plain", token=page.FEED_TOKEN)[2].decode()
    assert marker in body and source not in body


def test_the_door_of_the_feeds_leads_to_nothing_else(site):
    _, _, feeds = site
    for path in ("/", "/api/status", "/metrics", "/events"):
        assert feeds.get(path, token=page.TOKEN)[0] == 404
    assert feeds.post("/api/ban", {"prefix": "192.0.2.1"},
                      token=page.TOKEN)[0] == 404


def test_a_feed_that_is_waited_for_comes_with_the_ban(site, strangers):
    front, door, feeds = site
    _, headers, _ = feeds.get("/feed/json", token=page.FEED_TOKEN)
    got = []
    waits = threading.Thread(target=lambda: got.append(feeds.get(
        "/feed/json?wait=60", token=page.FEED_TOKEN,
        If_None_Match=headers["ETag"])))
    waits.start()
    banned(front, door, WAITED)
    waits.join(page.DEADLINE_S)
    status, after, body = got[0]
    assert status == 200 and after["ETag"] != headers["ETag"]
    row = next(row for row in json.loads(body)["bans"]
               if row["prefix"] == WAITED)
    assert row["rule"] == "source-limit" and row["until"] > 0
    # Nothing new: it waits its second, and says so.
    status, _, _ = feeds.get("/feed/json?wait=1", token=page.FEED_TOKEN,
                             If_None_Match=after["ETag"])
    assert status in (200, 304)
    for query in ("chunk=0", "chunk=1001", "wait=301", "chunk=x", "what=1"):
        assert feeds.get(f"/feed/plain?{query}",
                         token=page.FEED_TOKEN)[0] == 400


def test_the_kernel_takes_the_feed_for_nft(site, strangers):
    front, door, feeds = site
    banned(front, door, ATTACKER)
    for prefix, span in (("198.51.100.0/24", "ever"), ("198.51.100.9", "1h"),
                         ("2001:db8:7::/48", "2h")):
        assert door.post("/api/ban", {"prefix": prefix, "for": span},
                         token=page.TOKEN)[0] == 200
    body = feeds.get("/feed/nft?chunk=2", token=page.FEED_TOKEN)[2]
    for _ in range(2):      # once more over itself
        done = subprocess.run(["nft", "-f", "-"], input=body,
                              capture_output=True)
        assert done.returncode == 0, done.stderr
    have = subprocess.run(["nft", "list", "table", "inet", "postern_feed"],
                          capture_output=True, text=True, check=True).stdout
    subprocess.run(["nft", "delete", "table", "inet", "postern_feed"],
                   check=True)
    for prefix in (ATTACKER, "198.51.100.0/24", "2001:db8:7::/48"):
        assert prefix in have


def test_beyond_this_machine_looking_needs_the_token_too(
        double, postern, folder, certs):
    server = double(auth_clear="LOGIN PLAIN")
    port = page.net.free_port("127.0.0.1")
    web, _ = page.options(folder, port, bind=[f"203.0.113.5:{port}"],
                          certificate="mail")
    postern({"mx": {}}, [server.address], certificates={"mail": certs.rsa},
            options=web)
    door = page.Page(port, host="203.0.113.5", tls=page.trusting(certs.ca))
    # The page is the same for everybody; what it shows is not.
    assert door.get("/")[0] == door.get("/page.js")[0] == 200
    for path in ("/api/status", "/metrics", "/events", "/api/watch"):
        assert door.get(path)[0] == 401
        assert door.get(path, token="wrong" * 5)[0] == 401
    assert door.post("/api/explain", {"subject": "192.0.2.1"})[0] == 401
    for path in ("/api/status", "/metrics"):
        assert door.get(path, token=page.TOKEN)[0] == 200
    # In clear there is nothing.
    with page.Page(port, host="203.0.113.5").raw() as one:
        one.sendall(b"GET / HTTP/1.1\r\nHost: 203.0.113.5\r\n\r\n")
        try:
            assert b"200" not in one.recv(4096)
        except ConnectionResetError:
            pass
