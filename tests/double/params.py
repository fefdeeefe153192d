"""What the double of Domino can be told to be.

One table: every parameter has a kind, a default and, where nobody has seen
what a real Domino says, the choices that the seed draws from. Nothing may
come to depend on such a text, so each seed gives another one; a parameter is
fixed by naming it. `draw` as a value draws any parameter that has choices.

Knows nothing of sockets or sessions. A wrong name or value is a ValueError
that says what is allowed.
"""

import random

DRAW = object()

PROFILES = {
    "r5": "Lotus Domino Release 5.0.12",
    "r6": "Lotus Domino Release 6.5.5",
    "r7": "Lotus Domino Release 7.0.4",
    "r85": "Lotus Domino Release 8.5.3FP6 HF1944",
    "ibm9": "IBM Domino Release 9.0.1FP8 HF475",
    "ibm10": "IBM Domino Release 10.0.1FP4",
    "hcl11": "HCL Domino Release 11.0.1FP4",
    "hcl12": "HCL Domino Release 12.0.2FP3",
    "hcl14": "HCL Domino Release 14.0FP4",
    "hcl145": "HCL Domino Release 14.5.1",
    "custom": "Lotus Domino Release 5.0.1 (Intl)",
}

SIZE_TEXTS = ["552 Message exceeds the maximum size",
              "552 Message size exceeds fixed maximum message size"]

# name: (kind, default, choices, text). Kinds: text, int, bool, list.
# Default DRAW: inferred, so the seed decides unless it is named.
PARAMS = {
    "profile": ("text", "hcl14", sorted(PROFILES), "release that it is"),
    "host": ("text", "domino.example.test", None, "its name; may be empty"),
    "greeting_custom": ("text", "", None, "SMTPGreeting: text after 220"),
    "banner_lang": ("text", "en", ["en", "it"], "en or it"),
    "two_spaces": ("bool", False, None, "two spaces behind the host"),
    "rdns": ("text", "", None, "reverse name of every client"),
    "hello_form": ("text", DRAW, ["ip", "name"],
                   "with rdns: ([ip]) or (name [ip])"),
    "size_limit": ("int", 0, None, "0: bare SIZE; else octets"),
    "f_help": ("bool", True, None, "HELP"),
    "f_size": ("bool", True, None, "SIZE"),
    "f_pipelining": ("bool", True, None, "PIPELINING"),
    "f_vrfy": ("bool", False, None, "VRFY"),
    "f_expn": ("bool", False, None, "EXPN"),
    "f_etrn": ("bool", False, None, "ETRN"),
    "f_dsn": ("bool", False, None, "DSN"),
    "f_8bit": ("bool", False, None, "8BITMIME"),
    "f_chunking": ("bool", False, None, "CHUNKING; no Domino has it"),
    "f_xclient": ("bool", False, None, "XCLIENT, as an add-in has it"),
    "extra_keywords": ("list", [], None, "more EHLO lines, verbatim"),
    "starttls": ("text", "off", ["off", "enabled", "required"], ""),
    "implicit_tls": ("bool", False, None, "TLS at once on every --listen"),
    "tls_profile": ("text", "tls12",
                    ["ssl3", "tls10", "tls12", "tls12-pfs", "tls13"],
                    "what it speaks"),
    "auth_clear": ("text", "none", None, "mechanisms without TLS, or none"),
    "auth_tls": ("text", "LOGIN PLAIN", None, "mechanisms inside TLS"),
    "auth_pos": ("text", DRAW, ["after_help", "after_size", "last"], ""),
    "close_after_535": ("text", "no",
                        ["no", "yes", "fin_before_reply_read", "rst"], ""),
    "error_limit": ("int", 0, None, "errors before 421; 0: off"),
    "errors_count_535": ("bool", False, None, "a 535 is an error too"),
    "access": ("text", "ok", ["ok", "denied_at_ehlo", "denied_at_mail",
                              "denied_at_rcpt"], ""),
    "ip_lockout": ("int", 0, None, "failures of an address; 0: off"),
    "ip_lockout_form": ("text", "535", ["535", "421", "close"],
                        "a locked address: no login, or no connection"),
    "user_lockout": ("int", 0, None, "failures of a user; 0: off"),
    "lock_s": ("int", 3600, None, "how long either lasts"),
    "relay_from": ("list", [], None, "addresses that may relay"),
    "local_domains": ("list", ["example.test"], None, "its domains"),
    "local_users": ("list", [], None, "its addresses; none: all"),
    "deny_from": ("list", [], None, "senders that are refused"),
    "mail_without_helo": ("bool", DRAW, [True, False], ""),
    "idle_s": ("int", 180, None, "silence before it leaves"),
    "idle_form": ("text", DRAW, ["silent", "421"], ""),
    "delay_220": ("int", 0, None, "ms before the banner"),
    "delay_auth": ("int", 0, None, "ms before 235 and 535"),
    "line_mode": ("text", "crlf_only", ["crlf_only", "lax"], ""),
    "data_ends": ("list", [], [
        f"{before}.{behind}" for before in ("crlf", "lf", "cr")
        for behind in ("crlf", "lf", "cr", "crcrlf", "nul")],
        "what ends DATA, too, besides CRLF.CRLF"),
    "line_longest": ("int", 65536, None, "octets of a command line"),
    "chunks": ("text", "whole", ["whole", "line", "byte", "crlf",
                                 "coalesced"], "how replies are cut"),
    "log_stamp": ("text", "dash", ["none", "dash", "slash", "dot", "iso",
                                   "ampm"], "time stamp of the console"),
    "log_thread": ("bool", False, None, "[pid:thread] prefix"),
    "log_bracket": ("bool", False, None, "[ip] in the failure line"),
    "log_failure": ("text", "both", ["old", "new", "both"], ""),
    # From here on: texts, all of them inferred unless they have a default.
    "t_235": ("text", DRAW, [
        "235 Authentication successful",
        "235 2.7.0 Authentication successful", "235 OK", "235"], ""),
    "t_535": ("text", DRAW, [
        "535 Authentication failed", "535 Authentication failed.",
        "535 5.7.8 Authentication failed",
        "535 5.7.8 Error: authentication failed",
        "535-Authentication failed\n535 Contact your administrator",
        "535 ", "535", "535 Anmeldung fehlgeschlagen"], ""),
    "t_noop": ("text", "250 OK", None, ""),
    "t_334_empty": ("text", DRAW, ["334 ", "334"], "to a bare AUTH PLAIN"),
    "t_cancel": ("text", DRAW, ["501 Authentication cancelled",
                                "501 Authentication aborted."], ""),
    "t_garbage": ("text", DRAW, ["501 Cannot decode response",
                                 "501 Syntax error", "t_535"], ""),
    "t_504": ("text", DRAW, ["504 Unrecognized authentication type",
                             "504 Mechanism not supported", "echo"], ""),
    "t_503": ("text", DRAW, ["503 Bad sequence of commands",
                             "503 Out of sequence."], ""),
    "t_501": ("text", DRAW, ["501 Syntax error in parameters or arguments",
                             "501 Syntax error"], ""),
    "t_530": ("text", DRAW, ["530 Must issue a STARTTLS command first",
                             "554 Encryption required"], ""),
    "t_550": ("text", DRAW, ["550 %s... No such user",
                             "550 %s... User unknown"], ""),
    "t_552": ("text", DRAW, SIZE_TEXTS, ""),
    "t_554": ("text", DRAW, [
        "554 Connection denied based on policy reason.",
        "554 Your host was blacklisted"], "to a denied host"),
    "t_421": ("text", DRAW, [
        "421 SMTP service not available, closing transmission channel.",
        "421 %h SMTP service not available, closing transmission channel."],
        "at the error limit; %h is the host"),
}

TRUTH = {"1": True, "on": True, "yes": True, "true": True,
         "0": False, "off": False, "no": False, "false": False}


def text_of_escapes(text):
    r"""The text with \n, \r, \t, \\ and \xHH made real, as latin-1."""
    return text.encode("latin-1", "backslashreplace").decode("unicode_escape")


class Params:
    """One Domino: all parameters as attributes, fixed by seed and names."""

    def __init__(self, seed=1, **values):
        self.seed = seed
        self.rewrite = {}       # an add-in at work: code -> text
        self.users = {}
        for name, (kind, default, choices, _) in PARAMS.items():
            # One generator for each name: naming one parameter leaves what
            # the seed gives to the others as it was.
            value = default
            if default is DRAW:
                value = self._draw(name)
            setattr(self, name, list(value) if kind == "list" else value)
        for name, value in values.items():
            self.set(name, value)

    def _draw(self, name):
        choices = PARAMS[name][2]
        if not choices:
            raise ValueError(f"{name} has nothing to draw from")
        return random.Random(f"{self.seed}/{name}").choice(choices)

    def set(self, name, value):
        """Set one from text, as the command line and the control have it."""
        name = name.replace("-", "_")
        if name not in PARAMS:
            raise ValueError(f"no parameter {name}")
        kind, _, choices, _ = PARAMS[name]
        if value == "draw":
            setattr(self, name, self._draw(name))
            return
        if kind == "bool" and isinstance(value, str):
            if value.lower() not in TRUTH:
                raise ValueError(f"{name}: on or off, not {value}")
            value = TRUTH[value.lower()]
        elif kind == "int":
            value = int(value)
        elif kind == "list" and isinstance(value, str):
            value = [part for part in value.split(",") if part]
            if choices and not set(value) <= set(choices):
                raise ValueError(f"{name}: of {choices}, not {value}")
        elif kind == "text" and name.startswith("t_"):
            value = text_of_escapes(value)
        elif kind == "text" and choices and value not in choices:
            raise ValueError(f"{name}: one of {choices}, not {value}")
        setattr(self, name, value)

    def shuffled(self, items):
        """The items in this seed's order."""
        items = list(items)
        random.Random(f"{self.seed}/order").shuffle(items)
        return items

    def banner(self, date):
        """Text behind `220 `."""
        if self.greeting_custom:
            return self.greeting_custom.replace("%s", date)
        brand = PROFILES[self.profile]
        if self.banner_lang == "it":
            brand = brand.replace("Release", "Versione")
        gap = "  " if self.two_spaces else " "
        return f"{self.host}{gap}ESMTP Service ({brand}) ready at {date}"

    def mechanisms(self, tls):
        """What AUTH offers now, in order; upper case."""
        names = self.auth_tls if tls else self.auth_clear
        return [] if names == "none" else names.upper().split()

    def ehlo_keywords(self, tls):
        """The lines behind the hello of EHLO."""
        auth = self.mechanisms(tls)
        auth_line = ["AUTH " + " ".join(auth)] if auth else []
        lines = ["HELP"] if self.f_help else []
        if self.auth_pos == "after_help":
            lines += auth_line
        middle = [word for word, on in (
            ("STARTTLS", self.starttls != "off" and not tls),
            ("DSN", self.f_dsn), ("8BITMIME", self.f_8bit),
            ("VRFY", self.f_vrfy), ("EXPN", self.f_expn),
            ("ETRN", self.f_etrn), ("CHUNKING", self.f_chunking),
            ("XCLIENT NAME ADDR PORT PROTO HELO LOGIN", self.f_xclient),
        ) if on]
        lines += self.shuffled(middle + self.extra_keywords)
        if self.f_size:
            limit = f" {self.size_limit}" if self.size_limit else ""
            lines.append("SIZE" + limit)
        if self.auth_pos == "after_size":
            lines += auth_line
        if self.f_pipelining:
            lines.append("PIPELINING")
        if self.auth_pos == "last":
            lines += auth_line
        return lines

    def help_verbs(self, tls):
        """Verbs of HELP's last line; each is followed by a space."""
        return [verb for verb, on in (
            ("HELP", self.f_help), ("VRFY", self.f_vrfy),
            ("EXPN", self.f_expn),
            ("STARTTLS", self.starttls != "off" and not tls)) if on]
