"""Clients as people have them, one function each.

    result = CLIENTS["swaks"](message, port, mode, login, ca)

message: octets with CRLF. mode: plain, starttls (it must be used) or tls.
login: (user, password) or None. ca: the PEM of the authority that the
server's certificate, for mail.example.test, must come from. The result says
whether the client was content, and what it wrote. Nothing is retried.
"""

import base64
import collections
import pathlib
import re
import smtplib
import ssl
import subprocess
import tempfile

from harness import raw
from harness.certs import NAME

FROM, TO = "a@sender.test", "anna@example.test"
HELO = "client.example.test"
HOST = "127.0.0.1"
TIMEOUT_S = 60

Result = collections.namedtuple("Result", "ok output")


def run(argv, octets=b""):
    try:
        done = subprocess.run([str(word) for word in argv], input=octets,
                              capture_output=True, timeout=TIMEOUT_S)
    except subprocess.TimeoutExpired as late:
        return Result(False, f"{argv[0]} hangs: {late.stdout}")
    text = (done.stdout + done.stderr).decode("utf-8", "replace")
    return Result(done.returncode == 0, text)


def in_file(octets, call):
    with tempfile.TemporaryDirectory(prefix="postern-client-") as folder:
        path = pathlib.Path(folder) / "message"
        path.write_bytes(octets)
        return call(path)


def swaks(message, port, mode, login, ca):
    argv = ["swaks", "--server", HOST, "--port", port, "--ehlo", HELO,
            "--from", FROM, "--to", TO, "--timeout", TIMEOUT_S,
            "--suppress-data"]
    if mode != "plain":
        argv += ["--tls" if mode == "starttls" else "--tls-on-connect",
                 "--tls-verify", "--tls-ca-path", ca, "--tls-sni", NAME]
    if login:
        argv += ["--auth", "PLAIN,LOGIN", "--auth-user", login[0],
                 "--auth-password", login[1]]
    # Its repairs would take dots off the end and replace \n and %TOKENS%.
    return in_file(raw.stuff(message) + b".", lambda path: run(
        [*argv, "--no-data-fixup", "--data", f"@{path}"]))


def curl(message, port, mode, login, ca):
    scheme = "smtps" if mode == "tls" else "smtp"
    argv = ["curl", "-sSv", "--url", f"{scheme}://{NAME}:{port}/{HELO}",
            "--resolve", f"{NAME}:{port}:{HOST}", "--mail-from", FROM,
            "--mail-rcpt", TO, "--cacert", ca, "--max-time", TIMEOUT_S]
    if mode == "starttls":
        argv += ["--ssl-reqd"]
    if login:
        argv += ["--user", ":".join(login)]
    return in_file(message,
                   lambda path: run([*argv, "--upload-file", path]))


def msmtp(message, port, mode, login, ca):
    argv = ["msmtp", "-v", "-C", "/dev/null", f"--host={HOST}",
            f"--port={port}", f"--domain={HELO}", f"--from={FROM}",
            f"--timeout={TIMEOUT_S}"]
    if mode != "plain":
        argv += ["--tls=on", f"--tls-trust-file={ca}",
                 f"--tls-host-override={NAME}", "--tls-starttls="
                 + ("on" if mode == "starttls" else "off")]
    if login:
        argv += ["--auth=login", f"--user={login[0]}",
                 f"--passwordeval=echo {login[1]}"]
    # It is a sendmail: lines come in with LF.
    return run([*argv, "--", TO], message.replace(b"\r\n", b"\n"))


def python_smtplib(message, port, mode, login, ca):
    context = ssl.create_default_context(cafile=ca)
    try:
        if mode == "tls":
            # smtplib has no place for another name than the host's.
            context.check_hostname = False
            smtp = smtplib.SMTP_SSL(HOST, port, HELO, timeout=TIMEOUT_S,
                                    context=context)
        else:
            smtp = smtplib.SMTP(HOST, port, HELO, timeout=TIMEOUT_S)
        with smtp:
            if mode == "starttls":
                context.check_hostname = False
                smtp.starttls(context=context)
            if login:
                smtp.login(*login)
            smtp.sendmail(FROM, [TO], message)
        return Result(True, "")
    except (OSError, smtplib.SMTPException) as error:
        return Result(False, repr(error))


class Talk:
    """A dialogue with a program by its standard input and output."""

    def __init__(self, argv):
        self.process = subprocess.Popen(
            [str(word) for word in argv], stdin=subprocess.PIPE,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        self.seen = []

    def say(self, octets, code):
        if octets:
            self.process.stdin.write(octets)
            self.process.stdin.flush()
        while True:
            line = self.process.stdout.readline().decode("utf-8", "replace")
            if not line:
                raise EOFError()
            self.seen.append(line)
            match = re.match(r"(\d{3})([ -]|\r)", line)
            if match and match[2] != "-":
                if match[1] != str(code):
                    raise ValueError(f"wanted {code}, got {line}")
                return


def s_client(message, port, mode, login, ca):
    argv = ["openssl", "s_client", "-connect", f"{HOST}:{port}", "-quiet",
            "-CAfile", ca, "-verify_return_error", "-verify_hostname", NAME,
            "-servername", NAME]
    if mode == "starttls":
        argv += ["-starttls", "smtp", "-name", HELO]
    talk = Talk(argv)
    try:
        if mode == "starttls":
            # The reply to s_client's own EHLO ends with what it shows.
            talk.say(b"", 250)
        else:
            talk.say(b"", 220)
        talk.say(f"EHLO {HELO}\r\n".encode(), 250)
        if login:
            token = base64.b64encode("\0{}\0{}".format(*login).encode())
            talk.say(b"AUTH PLAIN " + token + b"\r\n", 235)
        talk.say(f"MAIL FROM:<{FROM}>\r\n".encode(), 250)
        talk.say(f"RCPT TO:<{TO}>\r\n".encode(), 250)
        talk.say(b"DATA\r\n", 354)
        talk.say(raw.stuff(message) + b".\r\n", 250)
        talk.say(b"QUIT\r\n", 221)
        ok = True
    except (EOFError, ValueError, OSError) as error:
        ok = False
        talk.seen.append(repr(error))
        talk.process.kill()
    finally:
        talk.process.stdin.close()
        try:
            talk.process.wait(10)
        except subprocess.TimeoutExpired:
            talk.process.kill()
        talk.process.stdout.close()
    return Result(ok, "".join(talk.seen))


CLIENTS = {"swaks": swaks, "curl": curl, "msmtp": msmtp,
           "smtplib": python_smtplib, "s_client": s_client}
