"""Logins by country and network, with databases made here."""

import os
import random
import subprocess

import pytest

import attack
import mmdb
from attack import greeted, guess, reached
from harness import wait
from harness.postern import binary, build_folder

AT, DE, HOSTER, NOWHERE = (f"203.0.113.{n}" for n in (7, 70, 135, 200))
COUNTRIES = {"203.0.113.0/26": mmdb.country("AT"),
             "203.0.113.64/26": mmdb.country("DE"),
             "203.0.113.128/26": mmdb.country("DE"),
             "2001:db8:7::/48": mmdb.country("AT"),
             "2001:db8:8::/48": {"registered_country": {"iso_code": "DE"}}}
NETWORKS = {"203.0.113.0/25": mmdb.asn(64501),
            "203.0.113.128/26": mmdb.asn(4200000000)}


@pytest.fixture
def files(folder):
    """(of countries, of networks), as files."""
    paths = folder / "country.mmdb", folder / "asn.mmdb"
    for path, networks in zip(paths, (COUNTRIES, NETWORKS)):
        path.write_bytes(mmdb.build(networks))
    return paths


@pytest.fixture
def guarded(double, postern, files):
    def start(**geo):
        behind = double(auth_clear="LOGIN PLAIN")
        front = postern({"mx": {}}, [behind.address], options={"geo": {
            "country_db": files[0], "asn_db": files[1], **geo},
            "source_limit": {"delay": "0s"}, "workers": 1})
        return behind, front
    return start


def state(front):
    return front.ctl("status", json_out=True)["geo"]


def replace(path, octets):
    """As such files come: the new one takes the old one's name."""
    fresh = path.with_suffix(".new")
    fresh.write_bytes(octets)
    fresh.rename(path)


def reload(front):
    before = len(front.events("reload"))
    front.reload()
    front.wait_event("reload", before + 1)


def test_logins_from_denied_places_are_answered_454(guarded, strangers):
    server, front = guarded(deny_countries=["at"],
                            deny_asn=["AS4200000000"])
    port = front.ports["mx"]
    assert guess(port, AT, "anna", "secret") == 454
    assert guess(port, AT, "anna", "wrong") == 454
    assert guess(port, HOSTER) == 454
    assert reached(server) == []
    assert guess(port, DE) == 535
    assert guess(port, NOWHERE, "anna", "secret") == 235
    rules = front.ctl("status", json_out=True)["rules"]
    assert (rules["country"], rules["asn"]) == (2, 1)
    said = front.events("verdict", verdict="answer-454")
    assert [e["rule"] for e in said] == ["country", "country", "asn"]
    # Mail without a login is nobody's business here.
    with greeted(port, AT) as one:
        one.cmd("MAIL FROM:<a@sender.test>", 250)
        one.cmd("RCPT TO:<anna@example.test>", 250)
    about = attack.explain(front, AT)
    assert (about["country"], about["asn"]) == ("AT", 64501)
    assert about["failures"]["count"] == 0
    assert attack.explain(front, NOWHERE)["country"] is None
    assert "AT, AS64501" in front.ctl("explain", AT)
    # The allow list is above all of it.
    front.ctl("allow", "add", AT)
    assert guess(port, AT, "anna", "secret") == 235


def test_a_known_source_passes_and_the_lists_follow_a_reload(
        guarded, strangers, files):
    server, front = guarded(mode="observe", allow_countries=["DE"])
    port = front.ports["mx"]
    assert guess(port, AT, "anna", "secret") == 235
    front.wait_event("verdict", verdict="would-answer-454", rule="country")
    assert guess(port, DE, "anna", "secret") == 235
    assert len(front.events("verdict")) == 1
    front.options["geo"]["mode"] = "enforce"
    front.write_conf()
    reload(front)
    assert guess(port, AT, "anna", "secret") == 235
    assert guess(port, "203.0.113.9") == 454
    assert guess(port, NOWHERE) == 535
    # The same file, with other content: taken without another word.
    replace(files[0], mmdb.build({"203.0.113.192/26": mmdb.country("AT")}))
    reload(front)
    wait.until(lambda: guess(port, NOWHERE) == 454, "the new database")
    assert guess(port, "203.0.113.9") == 535
    front.options["geo"]["mode"] = "off"
    front.write_conf()
    reload(front)
    assert guess(port, NOWHERE) == 535


def test_a_database_that_is_gone_or_damaged_denies_nobody(
        guarded, strangers, files):
    whole = files[0].read_bytes()
    replace(files[0], whole[:len(whole) // 2])
    server, front = guarded(deny_countries=["AT"])
    port = front.ports["mx"]
    assert guess(port, AT) == 535
    assert state(front)["country_db"]["state"] == "trouble"
    assert front.events("geo", level="warn")
    # Damage that only a lookup finds: its data is of no known kind.
    at = whole.index(mmdb.encode("country"))
    replace(files[0], whole[:at] + b"\x00\xff" + whole[at + 2:])
    reload(front)
    wait.until(lambda: state(front)["country_db"]["state"] == "open",
               "the file that can be opened")
    assert guess(port, AT, secret="other") == 535
    assert state(front)["country_db"]["damaged"] >= 1
    replace(files[0], whole)
    reload(front)
    wait.until(lambda: guess(port, AT) == 454, "the whole file")
    # Cut under a running postern: it has a copy.
    with files[0].open("r+b") as cut:
        cut.truncate(10)
    assert guess(port, AT) == 454
    files[0].unlink()
    reload(front)
    assert guess(port, AT, secret="third") == 535
    assert state(front)["country_db"]["state"] == "trouble"


def check(front):
    done = subprocess.run([binary(), "check", "-c", front.conf_path],
                          capture_output=True, text=True, timeout=60)
    return done.returncode, done.stderr


def test_check_names_what_cannot_be_used(postern, files, tmp_path):
    front = postern({"mx": {}}, ["127.0.0.1:9"], run=False)

    def errors(**geo):
        front.options["geo"] = geo
        front.write_conf()
        code, text = check(front)
        assert code in (0, 78) and (code == 0) == ("geo: " not in text)
        return text

    cut = tmp_path / "cut.mmdb"
    cut.write_bytes(files[0].read_bytes()[:100])
    assert "geo: " not in errors(country_db=files[0], asn_db=files[1],
                                 deny_countries=["DE"], deny_asn=["64500"])
    assert "No such file" in errors(country_db="/nowhere/x.mmdb")
    assert "geo: country_db" in errors(country_db=cut)
    assert "not a file" in errors(country_db="/dev/null")
    assert "no absolute path" in errors(asn_db="x.mmdb")
    assert "no country" in errors(country_db=files[0],
                                  deny_countries=["Austria"])
    assert "needs a database" in errors(allow_countries=["DE"])
    assert "no autonomous system" in errors(asn_db=files[1],
                                            deny_asn=["hoster"])
    assert "needs a database" in errors(deny_asn=["AS1"])


def driver(paths, *addresses, env=None):
    done = subprocess.run([build_folder() / "tests/geo_driver", *addresses],
                          input="".join(f"{path}\n" for path in paths),
                          capture_output=True, text=True, timeout=120,
                          env=os.environ | (env or {}))
    assert done.returncode == 0 and not done.stderr, done.stderr
    return done.stdout.splitlines()


def test_the_format_is_read_as_it_is_written(files):
    addresses = (AT, DE, HOSTER, NOWHERE, "2001:db8:7::1", "2001:db8:8::1")
    assert driver(files, *addresses) == [
        "\tAT 0\tDE 0\tDE 0\t-- 0\tAT 0\tDE 0",
        "\t-- 64501\t-- 64501\t-- 4200000000\t-- 0\t-- 0\t-- 0"]


def test_no_damage_does_more_than_be_found(files, folder):
    """Octets changed and files cut at random; the driver is sanitized."""
    whole, chance, paths = files[0].read_bytes(), random.Random(6), []
    for n in range(400):
        octets = bytearray(whole)
        for _ in range(chance.randint(1, 8)):
            octets[chance.randrange(len(octets))] = chance.randrange(256)
        if n % 4 == 0:
            del octets[chance.randrange(len(octets)):]
        paths.append(folder / f"damaged-{n}.mmdb")
        paths[-1].write_bytes(octets)
    # libmaxminddb 1.7.1 keeps some kilobytes of a file whose description of
    # itself is damaged; only the supervisor opens such, once a reload.
    said = driver(paths, AT, DE, NOWHERE, "2001:db8:7::1",
                  env={"ASAN_OPTIONS": "detect_leaks=0"})
    assert len(said) == len(paths)
    assert any("none:" in line for line in said)
    assert any("damaged" in line for line in said)
