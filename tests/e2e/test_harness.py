"""The harness itself: what every other test leans on."""

import json
import socket
import ssl
import subprocess
import sys

import pytest

from harness import net
from harness.postern import conf_block, conf_value
from harness.process import Program
from harness.wait import TooLate


@pytest.mark.parametrize("name, good", [
    ("rsa", True), ("ecdsa", True), ("other", False), ("wrong", False),
    ("expired", False), ("stranger", False), ("selfsigned", False)])
def test_certificates_are_as_good_as_their_names(double, client, certs, name,
                                                 good):
    server = double(tls_port=True, cert=getattr(certs, name))
    if good:
        client(server.tls_port, tls=certs.client_context()).reply(220)
        return
    with pytest.raises(ssl.SSLCertVerificationError):
        client(server.tls_port, tls=certs.client_context())
    # Not the handshake as such is at fault.
    client(server.tls_port, tls=certs.client_context(verify=False)).reply(220)


def test_other_certificate_is_for_the_other_name(double, client, certs):
    server = double(tls_port=True, cert=certs.other)
    client(server.tls_port, tls=certs.client_context(),
           sni="smtp.other.test").reply(220)


@pytest.mark.parametrize("host, source", [
    ("127.0.0.1", "127.0.200.7"), ("127.0.0.1", "203.0.113.9"),
    ("::1", "2001:db8:5::9")])
def test_client_comes_from_its_address(double, client, strangers, host,
                                       source):
    server = double(host_ip=host)
    client(server.port, host=host, source=source).reply(220)
    assert server.wait_for("connect")["ip"] == source


def test_strangers_are_no_addresses_of_the_machine(strangers):
    """Of its interfaces: its name may lead nowhere, as on a bare machine."""
    shown = subprocess.run(["ip", "-j", "address"], check=True,
                           capture_output=True).stdout
    own = {entry["local"] for link in json.loads(shown)
           for entry in link["addr_info"]}
    assert "127.0.0.1" in own and not own & set(strangers)


def test_free_port_is_free():
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", net.free_port()))


def test_dead_program_is_not_waited_for(folder):
    program = Program("dead", [sys.executable, "-c",
                               "import sys; sys.exit('so it ends')"], folder)
    program.spawn()
    with pytest.raises(AssertionError, match="(?s)ended with 1.*so it ends"):
        program.wait_log("never")


def test_wait_ends_at_its_deadline(double):
    with pytest.raises(TooLate):
        double().wait_for("never", timeout_s=0.1)


@pytest.mark.parametrize("text, found", [
    ("==1==ERROR: AddressSanitizer: heap-use-after-free", True),
    ("x.c:3:4: runtime error: signed integer overflow", True),
    ("a session with an error", False)])
def test_sanitizer_reports_are_found_wherever_they_are(folder, text, found):
    program = Program("quiet", ["true"], folder)
    (folder / "sanitizer.77").write_text(text)
    assert bool(program.sanitizer_report()) == found


def test_configuration_text_is_quoted():
    assert conf_value(["a b", 'c"d']) == '{"a b", "c\\"d"}'
    assert conf_block("log", {"level": "debug", "sessions": True}) == \
        'log {\n    level = "debug"\n    sessions = "true"\n}'
