"""Certificates for a run, made by openssl: good ones and bad ones."""

import pathlib
import ssl
import subprocess

NAME = "mail.example.test"
OTHER = "smtp.other.test"


def openssl(*words, cwd):
    subprocess.run(["openssl", *map(str, words)], cwd=cwd, check=True,
                   capture_output=True)


class Certs:
    """Each pair is (chain, key): rsa and ecdsa for NAME, other for OTHER,
    wrong (another name), expired, selfsigned, stranger (from a CA that is
    not trusted). ca is the PEM of the authority."""

    def __init__(self, folder):
        self.folder = pathlib.Path(folder)
        self.folder.mkdir(exist_ok=True)
        self.ca = self._authority("ca")
        self._authority("strange")
        self.rsa = self._leaf("rsa", NAME)
        self.ecdsa = self._leaf("ecdsa", NAME, key="ec")
        self.other = self._leaf("other", OTHER, key="ec")
        self.wrong = self._leaf("wrong", "wrong.example.test", key="ec")
        self.expired = self._leaf("expired", NAME, key="ec", dates=(
            "-startdate", "20200101000000Z", "-enddate", "20210101000000Z"))
        self.stranger = self._leaf("stranger", NAME, key="ec", ca="strange")
        self.selfsigned = self._selfsigned()
        for path in self.folder.glob("*.key"):
            path.chmod(0o644)   # the servers under test run as many users

    def _new_key(self, name, kind):
        words = ["genrsa", "-out", f"{name}.key", "2048"] if kind == "rsa" \
            else ["ecparam", "-genkey", "-name", "prime256v1", "-noout",
                  "-out", f"{name}.key"]
        openssl(*words, cwd=self.folder)

    def _authority(self, name):
        self._new_key(name, "ec")
        openssl("req", "-x509", "-new", "-key", f"{name}.key", "-days", 30,
                "-subj", f"/CN=Test {name}", "-addext",
                "basicConstraints=critical,CA:TRUE", "-out", f"{name}.pem",
                cwd=self.folder)
        # `openssl ca` is the one that takes dates in the past.
        (self.folder / f"{name}.index").write_text("")
        (self.folder / f"{name}.serial").write_text("1000\n")
        (self.folder / f"{name}.cnf").write_text(
            f"[ca]\ndefault_ca=d\n[d]\ndatabase={name}.index\n"
            f"serial={name}.serial\nnew_certs_dir=.\ndefault_md=sha256\n"
            "policy=p\ndefault_days=30\nunique_subject=no\n"
            "copy_extensions=copy\n[p]\ncommonName=supplied\n")
        return self.folder / f"{name}.pem"

    def _leaf(self, name, host, key="rsa", ca="ca", dates=()):
        self._new_key(name, key)
        openssl("req", "-new", "-key", f"{name}.key", "-subj", f"/CN={host}",
                "-addext", f"subjectAltName=DNS:{host}", "-out",
                f"{name}.csr", cwd=self.folder)
        openssl("ca", "-batch", "-notext", "-config", f"{ca}.cnf", "-cert",
                f"{ca}.pem", "-keyfile", f"{ca}.key", "-in", f"{name}.csr",
                "-out", f"{name}.pem", *dates, cwd=self.folder)
        return self.folder / f"{name}.pem", self.folder / f"{name}.key"

    def _selfsigned(self):
        self._new_key("selfsigned", "ec")
        openssl("req", "-x509", "-new", "-key", "selfsigned.key", "-days", 30,
                "-subj", f"/CN={NAME}", "-addext",
                f"subjectAltName=DNS:{NAME}", "-out", "selfsigned.pem",
                cwd=self.folder)
        return (self.folder / "selfsigned.pem", self.folder / "selfsigned.key")

    def client_context(self, verify=True):
        """A client's TLS: trusts our authority, or anybody."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        if verify:
            context.load_verify_locations(self.ca)
        else:
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
        return context
