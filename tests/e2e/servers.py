"""Real servers behind postern: Postfix with Dovecot, OpenSMTPD, Exim.

Each is the test's own instance: configuration, queue and mailbox in a
temporary folder, ports of its own, nothing shared with the machine's. All of
them, and the double, have the same three doors:

    plain       like port 25: no login, STARTTLS offered
    submission  like 587: STARTTLS and login (anna, secret) required
    tls         like 465: TLS at once, login required

and keep what they get for anna@example.test in a maildir.
"""

import pathlib
import pwd
import shutil
import subprocess

from harness import net
from harness.certs import NAME
from harness.double import Double
from harness.postern import ROOT, USER, make_user
from harness.process import Program

HERE = pathlib.Path(__file__).resolve().parent
CACHE = ROOT / "build" / "servers"
DOORS = ("plain", "submission", "tls")
LOGIN = ("anna", "secret")
# Behind each of postern's doors: the server's door, and the leg's TLS.
SAME_DOORS = {"plain": ("plain", "off"), "submission":
              ("submission", "required"), "tls": ("tls", "implicit")}


def get_servers():
    """Fetch what is missing; in the machine's own network."""
    done = subprocess.run(net.outside([HERE / "get-servers.sh"]), text=True,
                          capture_output=True)
    assert done.returncode == 0, done.stdout + done.stderr


class Server(Program):
    """Common: folder, ports, mailbox. start() is the subclass's."""

    doors = SAME_DOORS
    login = LOGIN

    def __init__(self, folder, certs):
        name = type(self).__name__.lower()
        folder = pathlib.Path(folder) / name
        folder.mkdir()
        make_user()
        self.certs = certs
        self.ports = {}
        for door in DOORS:
            port = net.free_port()
            while port in self.ports.values():
                port = net.free_port()
            self.ports[door] = port
        self.mail = folder / "mail"
        self.mail.mkdir()
        shutil.chown(self.mail, USER, USER)
        super().__init__(name, [], folder)

    def start(self):
        self.argv = [str(word) for word in self.prepare()]
        self.spawn()
        for port in self.ports.values():
            self.wait_until(lambda: net.listens("127.0.0.1", port),
                            f"{self.name} on port {port}")
        return self

    def put(self, name, text):
        path = self.folder / name
        path.write_text(text)
        return path

    def stored(self, mark):
        """The octets of the message that holds the mark; None: not yet."""
        for path in sorted(self.mail.glob("**/new/*")):
            with open(path, "rb") as file:
                if mark in file.read(16384):
                    file.seek(0)
                    return file.read()
        return None

    def wait_stored(self, mark):
        return self.wait_until(lambda: self.stored(mark),
                               f"message {mark} at {self.name}")


class Domino(Double):
    """The double with the three doors."""

    doors = SAME_DOORS
    login = LOGIN

    def __init__(self, folder, certs):
        super().__init__(folder, "domino", cert=certs.rsa, tls_port=True,
                         starttls="enabled", auth_tls="LOGIN PLAIN",
                         f_8bit=True)
        self.ports = {"plain": self.port, "submission": self.port,
                      "tls": self.tls_port}

    def start(self):
        return self

    def stored(self, mark):
        for event in self.messages():
            octets = self.octets(event)
            if mark in octets[:16384]:
                return octets
        return None

    wait_stored = Server.wait_stored


class Postfix(Server):
    """Postfix 3.7; logins are judged by a Dovecot of its own."""

    QUEUES = ("incoming active deferred bounce defer corrupt flush hold saved "
              "trace private public maildrop pid").split()
    mechanisms = "plain login"

    def prepare(self):
        self.queue = self.folder / "queue"
        self.data = self.folder / "data"
        for path in (self.queue, self.data):
            path.mkdir()
        for name in self.QUEUES:
            (self.queue / name).mkdir(mode=0o700)
            if name != "pid":
                shutil.chown(self.queue / name, "postfix")
        shutil.chown(self.queue / "public", "postfix", "postdrop")
        shutil.chown(self.data, "postfix")
        conf = self.folder / "conf"
        conf.mkdir()
        self.put("conf/main.cf", self.main_cf())
        self.put("conf/master.cf", self.master_cf())
        self.dovecot = Dovecot(self.folder, self.queue / "private" / "auth",
                               self.mechanisms)
        self.dovecot.start()
        return [HERE / "namespace.sh", CACHE / "postfix",
                "/usr/lib/postfix/sbin/master", "-d", "-c", conf]

    def main_cf(self):
        account = pwd.getpwnam(USER)
        chain, key = self.certs.rsa
        return f"""compatibility_level = 3.6
queue_directory = {self.queue}
data_directory = {self.data}
daemon_directory = /usr/lib/postfix/sbin
command_directory = /usr/sbin
mail_owner = postfix
setgid_group = postdrop
maillog_file = {self.folder}/mail.log
maillog_file_prefixes = {self.folder}
myhostname = {NAME}
mydestination =
alias_maps =
local_recipient_maps =
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
disable_dns_lookups = yes
smtpd_peername_lookup = no
virtual_mailbox_domains = example.test
virtual_mailbox_base = {self.mail}
virtual_mailbox_maps = static:anna/
virtual_minimum_uid = 1
virtual_uid_maps = static:{account.pw_uid}
virtual_gid_maps = static:{account.pw_gid}
virtual_mailbox_limit = 0
message_size_limit = 104857600
smtpd_tls_chain_files = {key}, {chain}
smtpd_tls_security_level = may
smtpd_tls_loglevel = 1
smtpd_sasl_type = dovecot
smtpd_sasl_path = private/auth
smtpd_relay_restrictions = permit_sasl_authenticated, reject_unauth_destination
smtpd_client_connection_rate_limit = 0
"""

    def master_cf(self):
        login = ("-o smtpd_sasl_auth_enable=yes -o smtpd_client_restrictions="
                 "permit_sasl_authenticated,reject")
        doors = {"plain": "",
                 "submission": f"-o smtpd_tls_security_level=encrypt {login}",
                 "tls": f"-o smtpd_tls_wrappermode=yes {login}"}
        lines = [f"127.0.0.1:{self.ports[door]} inet n - n - - smtpd {more}"
                 for door, more in doors.items()]
        lines += [
            "pickup unix n - n 60 1 pickup", "cleanup unix n - n - 0 cleanup",
            "qmgr unix n - n 300 1 qmgr", "tlsmgr unix - - n 1000? 1 tlsmgr",
            "rewrite unix - - n - - trivial-rewrite",
            "bounce unix - - n - 0 bounce", "defer unix - - n - 0 bounce",
            "trace unix - - n - 0 bounce", "verify unix - - n - 1 verify",
            "proxymap unix - - n - - proxymap", "error unix - - n - - error",
            "retry unix - - n - - error", "virtual unix - n n - - virtual",
            "anvil unix - - n - 1 anvil", "scache unix - - n - 1 scache",
            "postlog unix-dgram n - n - 1 postlogd"]
        return "\n".join(lines) + "\n"

    def stop(self, *args, **kwargs):
        self.dovecot.stop()
        return super().stop(*args, **kwargs)

    def tail(self, lines=60):
        path = self.folder / "mail.log"
        own = path.read_text() if path.exists() else ""
        return super().tail(lines) + "\n" + \
            "\n".join(own.splitlines()[-lines:]) + self.dovecot.tail(20)


class Dovecot(Program):
    """Dovecot's auth service alone, on a socket for Postfix."""

    def __init__(self, folder, socket_path, mechanisms):
        self.socket = socket_path
        folder = folder / "dovecot"
        folder.mkdir()
        (folder / "dovecot.conf").write_text(f"""
protocols =
base_dir = {folder}/run
state_dir = {folder}/state
log_path = {folder}/dovecot.log
ssl = no
auth_mechanisms = {mechanisms}
auth_failure_delay = 0
service anvil {{
  unix_listener anvil-auth-penalty {{
    mode = 0
  }}
}}
passdb {{
  driver = static
  args = user={LOGIN[0]} password={LOGIN[1]}
}}
userdb {{
  driver = static
  args = uid={USER} gid={USER} home=/nonexistent
}}
service auth {{
  unix_listener {socket_path} {{
    mode = 0660
    user = postfix
  }}
}}
service stats {{
  client_limit = 100
}}
""")
        super().__init__("dovecot", ["dovecot", "-F", "-c",
                                     folder / "dovecot.conf"], folder)

    def start(self):
        self.spawn()
        self.wait_until(self.socket.exists, "Dovecot's auth socket")


class OpenSMTPD(Server):
    """OpenSMTPD 6.8; plain only.

    Debian's build of it cannot do TLS as a server with OpenSSL 3 ("missing
    private key", OpenSMTPD issue 1171), and without TLS it takes no login.
    So all doors lead to the plain one; the TLS is postern's alone.
    """

    doors = {door: ("plain", "off") for door in DOORS}
    login = None

    def prepare(self):
        account = pwd.getpwnam(USER)
        self.ports = {"plain": self.ports["plain"]}
        conf = self.put("smtpd.conf", f"""
table boxes {{ "@" = "anna" }}
table users {{ anna = "{account.pw_uid}:{account.pw_gid}:{self.mail}" }}
smtp max-message-size 100M
listen on 127.0.0.1 port {self.ports['plain']}
action "store" maildir "{self.mail}" userbase <users> virtual <boxes>
match from any for domain "example.test" action "store"
""")
        conf.chmod(0o600)
        return [HERE / "namespace.sh", CACHE / "opensmtpd", "/usr/sbin/smtpd",
                "-d", "-f", conf]


class Exim(Server):
    """Exim 4.96."""

    def prepare(self):
        for name in ("spool", "log"):
            (self.folder / name).mkdir()
            shutil.chown(self.folder / name, "Debian-exim", "Debian-exim")
        shutil.chown(self.mail, "Debian-exim", "Debian-exim")
        # It starts itself anew as its own user, whom a checkout below /root
        # lets in nowhere.
        self.program = self.folder / "exim4"
        shutil.copy(CACHE / "exim/usr/sbin/exim4", self.program)
        conf = self.put("exim.conf", self.conf())
        shutil.chown(conf, "root", "root")
        return [self.program, "-C", conf, "-bdf", "-q1h"]

    def conf(self):
        chain, key = self.certs.rsa
        plain = self.ports["plain"]
        doors = " ; ".join(f"127.0.0.1.{p}" for p in self.ports.values())
        user, secret = LOGIN
        return f"""exim_path = {self.program}
primary_hostname = {NAME}
spool_directory = {self.folder}/spool
log_file_path = {self.folder}/log/%slog
pid_file_path = {self.folder}/spool/exim.pid
local_interfaces = <; {doors}
tls_on_connect_ports = {self.ports['tls']}
tls_advertise_hosts = *
tls_certificate = {chain}
tls_privatekey = {key}
auth_advertise_hosts = ${{if and{{{{def:tls_in_cipher}}\
{{!={{$received_port}}{{{plain}}}}}}}{{*}}{{}}}}
deliver_drop_privilege
keep_environment = PATH
host_lookup =
rfc1413_hosts =
disable_ipv6
message_size_limit = 100M
smtp_accept_max = 0
acl_smtp_mail = acl_mail
acl_smtp_rcpt = acl_rcpt
begin acl
acl_mail:
  accept condition = ${{if ={{$received_port}}{{{plain}}}}}
  deny !encrypted = *
       message = encrypt first
  deny !authenticated = *
       message = log in first
  accept
acl_rcpt:
  accept authenticated = *
  accept domains = example.test
  deny message = no relay
begin routers
all:
  driver = accept
  transport = store
begin transports
store:
  driver = appendfile
  directory = {self.mail}
  maildir_format
  user = Debian-exim
  group = Debian-exim
begin retry
begin rewrite
begin authenticators
plain:
  driver = plaintext
  public_name = PLAIN
  server_prompts = :
  server_condition = ${{if and{{{{eq{{$auth2}}{{{user}}}}}\
{{eq{{$auth3}}{{{secret}}}}}}}}}
  server_set_id = $auth2
login:
  driver = plaintext
  public_name = LOGIN
  server_prompts = <| Username: | Password:
  server_condition = ${{if and{{{{eq{{$auth1}}{{{user}}}}}\
{{eq{{$auth2}}{{{secret}}}}}}}}}
  server_set_id = $auth1
"""

    def tail(self, lines=60):
        own = [path.read_text("utf-8", "replace")
               for path in (self.folder / "log").glob("*log")]
        return super().tail(lines) + "\n" + \
            "\n".join("".join(own).splitlines()[-lines:])


ALL = {"domino": Domino, "postfix": Postfix, "opensmtpd": OpenSMTPD,
       "exim": Exim}
