"""The page in a real Chromium: an attack is seen as it happens, a ban is lifted
with the token and not without, and everybody can use it."""

import os

import pytest

import attack
import browser
import page
from harness.double import Double
from harness.postern import ROOT, Postern

# Where the pictures of README come from: POSTERN_PICTURES=docs/images.
PICTURES = os.environ.get("POSTERN_PICTURES")
ANNA = "anna"
fresh = iter(range(100, 250))   # of addresses and users


@pytest.fixture(scope="module")
def site(place, certs):
    server = Double(place, auth_clear="LOGIN PLAIN", cert=certs.rsa,
                    name="double", users={ANNA: "right"})
    web, door = page.options(place)
    front = Postern(place, {"mx": {}}, [server.address], options={
        **web, "banned": {"answer": "close"},
        "source_limit": {"delay": "0s", "failures": 3, "ban": "1h"}})
    try:
        front.start()
        yield front, door
        front.stop_clean()
    finally:
        front.stop()
        server.stop()


@pytest.fixture(scope="module")
def chrome(place):
    one = browser.Browser(place / "profile")
    yield one
    one.close()


@pytest.fixture
def shown(site, chrome):
    """The page, live, with nobody's token."""
    front, door = site
    chrome.size(1280, 1000)
    chrome.scheme("light")
    chrome.open(f"http://127.0.0.1:{door.port}/")
    chrome.run("sessionStorage.clear(); localStorage.clear()")
    chrome.open(f"http://127.0.0.1:{door.port}/")
    chrome.until("live page", lambda: chrome.text("#live") == "live")
    chrome.complaints()     # what came before is another test's
    yield chrome
    assert chrome.complaints() == []


def attacked(front, source, user):
    attack.guesses(front.ports["mx"], source, 3, user=user, word=source)
    front.wait_event("ban", src=source)


def picture(chrome, name, scheme="light"):
    """For docs/first-hour.md."""
    if not PICTURES:
        return
    chrome.scheme(scheme, "reduce")
    chrome.size(1280, 800)
    chrome.until("colours", lambda: chrome.run(
        "return document.documentElement.dataset.theme") == scheme)
    chrome.picture(ROOT / PICTURES / f"hour-{name}.png")
    chrome.size(1280, 1000)
    chrome.scheme("light")


def enter(chrome, token):
    chrome.find("#token-text").clear()
    chrome.find("#token-text").send_keys(token)
    chrome.click("#token-dialog button[type=submit]")


def closed(chrome, dialog):
    return not chrome.run("return document.querySelector(arguments[0]).open",
                          dialog)


def test_an_attack_is_seen_without_asking_and_lifted_with_the_token(
        site, shown, strangers):
    front, door = site
    source = "203.0.113.21"
    shown.run("window.notReloaded = true")
    assert shown.row("bans", source) is None
    picture(shown, "quiet")
    attacked(front, source, "u21")
    row = shown.until("banned attacker", lambda: shown.row("bans", source))
    assert "too many failed logins from this source" in row[1]
    assert shown.run("return window.notReloaded"), "it came by the stream"
    guesser = shown.until("guesser", lambda: shown.row("guessers", source))
    assert guesser[1] == "3" and guesser[2] == "u21"
    shown.until("guesser's ban", lambda: shown.row(
        "guessers", source)[4] == "banned")
    assert "Guesses" in shown.text("#verdict")
    assert "1 source in ten minutes, and it is banned" in \
        shown.text("#verdict")
    picture(shown, "banned")

    unban = f'#bans tr[data-key="{source}"] button[aria-label^="Lift"]'
    shown.click(unban)
    assert not closed(shown, "#token-dialog"), "orders need the token"
    enter(shown, "wrong" * 4)
    shown.until("refusal", lambda: "not the token" in
                shown.text("#token-wrong"))
    assert not closed(shown, "#token-dialog")
    assert shown.row("bans", source), "nothing was lifted"
    enter(shown, page.TOKEN)
    shown.until("order", lambda: not closed(shown, "#order-dialog"))
    assert source in shown.text("#order-title")
    picture(shown, "unban", "dark")
    shown.click("#order-ok")
    shown.until("lifted ban", lambda: shown.row("bans", source) is None and
                closed(shown, "#order-dialog"))
    order = front.wait_event("order", command="bans.del", prefix=source)
    assert order["by"] == "page" and order["from"] == "127.0.0.1"
    assert page.TOKEN not in shown.driver.current_url


def test_with_the_token_one_bans_and_allows_and_asks_why(
        site, shown, strangers):
    front, _ = site
    shown.click("#token")
    enter(shown, page.TOKEN)
    shown.until("token", lambda: closed(shown, "#token-dialog"))
    shown.click("#ban-add")
    shown.find("#order-prefix").send_keys("nonsense")
    shown.click("#order-ok")
    shown.until("error", lambda: "not an address" in
                shown.text("#order-wrong"))
    shown.find("#order-prefix").clear()
    shown.find("#order-prefix").send_keys("198.51.100.0/28")
    shown.find("#order-reason").send_keys("<b>noise</b> & \"quotes\"")
    shown.click("#order-ok")
    row = shown.until("ban", lambda: shown.row("bans", "198.51.100.0/28"))
    # What people write is text, whatever it looks like.
    assert '<b>noise</b> & "quotes"' in row[1]
    shown.click('#bans tr[data-key="198.51.100.0/28"] '
                'button[aria-label^="What became"]')
    shown.until("explanation", lambda: "198.51.100.0" in
                shown.text("#explain-summary"))
    shown.press("Escape")
    shown.until("closed dialog", lambda: closed(shown, "#explain-dialog"))
    shown.click('#bans tr[data-key="198.51.100.0/28"] '
                'button[aria-label^="Allow"]')
    shown.click("#order-ok")
    shown.until("lifted ban", lambda: shown.row(
        "bans", "198.51.100.0/28") is None)
    assert "198.51.100.0/28" in front.ctl("allow", "list")


def test_people_who_were_hurt_are_named(site, shown, strangers):
    front, _ = site
    source, port = "203.0.113.23", front.ports["mx"]
    # A phone with an old password: the second time it is postern who answers.
    for _ in range(2):
        assert attack.guess(port, source, ANNA, "old") == 535
    assert attack.guess(port, source, ANNA, "right") == 235
    row = shown.until("person", lambda: next((row for row in shown.run(
        "return [...document.getElementById('people').rows]"
        ".map(r => [...r.cells].map(c => c.innerText))")
        if row[2] == source), None))
    assert row[1] == ANNA and "logged in from there later" in row[3]
    assert int(shown.text("#tile-hurt")) >= 1


def test_servers_rules_and_graphs_are_there(site, shown, strangers):
    front, _ = site
    attacked(front, "203.0.113.24", "u24")
    shown.until("server", lambda: "up" in shown.text("#servers"))
    shown.until("rule", lambda: shown.row("rules", "source-limit"))
    shown.until("graph", lambda: len(shown.all(".chart canvas")) >= 6)
    assert "In this minute:" in shown.text("#chart-logins-says")
    before = shown.run("return charts.window()")
    shown.click("#zoom-in")
    near = shown.run("return charts.window()")
    assert near[1] - near[0] < before[1] - before[0]
    shown.click("#zoom-left")
    assert shown.run("return charts.window()")[0] <= near[0]
    shown.click("#zoom-all")
    assert shown.run("return charts.window()") == before
    shown.click("#span-hours")
    shown.until("days", lambda: "In this hour:" in
                shown.text("#chart-logins-says"))
    assert shown.find("#span-hours").get_attribute("aria-pressed") == "true"


def test_the_page_survives_a_new_keeper(site, shown):
    front, _ = site
    pid = next(pid for pid, line in front.pids().items()
               if line.startswith("postern-keeper"))
    shown.run("window.notReloaded = true")
    os.kill(pid, 9)
    shown.until("news of the new one", lambda: shown.run(
        "return fetch('api/watch').then(a => a.json()).then(a => a.pid)"
        ".catch(() => 0)") not in (0, pid))
    shown.until("live page", lambda: shown.text("#live") == "live")
    assert shown.run("return window.notReloaded")
    # The browser tells of each answer of 503 that it got meanwhile.
    assert all("503" in line for line in shown.complaints())


@pytest.mark.parametrize("scheme, width, phone", [
    ("light", 1280, False), ("dark", 1280, False), ("light", 1100, False),
    ("light", 390, True), ("dark", 390, True)])
def test_everybody_can_read_it(site, shown, strangers, scheme, width, phone):
    front, _ = site
    for number in range(3):
        attacked(front, f"203.0.113.{next(fresh)}", f"u{next(fresh)}")
    shown.size(width, 1000 if not phone else 844, phone)
    shown.scheme(scheme, "reduce")
    shown.until("ban", lambda: shown.all("#bans tr"))
    shown.until("colours", lambda: shown.run(
        "return document.documentElement.dataset.theme") == scheme)
    assert shown.run(browser.STRUCTURE) == []
    assert shown.run(browser.CONTRAST) == []
    assert shown.nameless() == []
    # Nothing hangs over the edge.
    assert shown.run("return document.documentElement.scrollWidth") <= width
    assert shown.run("return getComputedStyle(document.querySelector("
                     "'tr')).animationName") == "none"
    if PICTURES and width != 1100:
        folder = ROOT / PICTURES
        folder.mkdir(parents=True, exist_ok=True)
        name = scheme if not phone else f"phone-{scheme}"
        shown.size(width, 900 if not phone else 844, phone)
        shown.picture(folder / f"page-{name}.png")


def test_the_switch_of_colours_outlasts_a_reload(site, shown):
    shown.scheme("dark")
    shown.until("dark", lambda: shown.run(
        "return document.documentElement.dataset.theme") == "dark")
    shown.click("#theme")
    assert shown.run("return document.documentElement.dataset.theme") == \
        "light"
    shown.driver.refresh()
    shown.until("light", lambda: shown.run(
        "return document.documentElement.dataset.theme") == "light")


def test_it_goes_by_the_keyboard_alone(site, shown, strangers):
    front, _ = site
    source = "203.0.113.41"
    attacked(front, source, "u41")
    shown.until("ban", lambda: shown.row("bans", source))
    shown.press("Tab")
    assert shown.focused() == "To the content"
    wanted = f"Lift the ban {source}"
    for _ in range(300):
        if shown.focused() == wanted:
            break
        shown.press("Tab")
    assert shown.focused() == wanted
    ring = shown.run("return getComputedStyle(document.activeElement)"
                     ".outlineStyle")
    assert ring != "none", "who tabs sees where he is"
    shown.press("Enter")
    shown.until("dialog", lambda: not closed(shown, "#token-dialog"))
    assert shown.focused() == "token-text"
    shown.press("Escape")
    shown.until("no dialog", lambda: closed(shown, "#token-dialog"))
    assert shown.focused() == wanted, "the focus is back where it was"


def test_it_asks_nobody_else(site, shown):
    origins = shown.run(
        "return [...new Set(performance.getEntriesByType('resource')"
        ".map(e => new URL(e.name).origin))]")
    assert origins == [shown.run("return location.origin")]
