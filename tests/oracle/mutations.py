"""What the oracle must cry at: one thing damaged, on the way to postern.

Each row: a name; the listed change beside which it lies ("" for none: then
the octet had to pass); the variant; a script; the way that is damaged ("out"
to the server, "in" to the client); a pattern; what takes its place (None:
the connection ends there). Undamaged, each script is without a difference.
"""

HELLO = "> EHLO client.example.test\n"
ENVELOPE = HELLO + "> MAIL FROM:<a@sender.test>\n" \
    "> RCPT TO:<anna@example.test>\n"
MESSAGE = ENVELOPE + "d DATA\n| Subject: one\n|\n| blank  \n| ..x\n" \
    "| \\xe4 text one\n| .\n"
SMALL = HELLO + "> NOOP\n> RSET\n> QUIT\n"
CHUNK = ENVELOPE + "? BDAT 9 LAST\\r\\na: b\\r\\n\\r\\nx\n> QUIT\n"
MAIL = MESSAGE + "> QUIT\n"
CRAM = HELLO + "a AUTH CRAM-MD5\n=* anna secret\n> QUIT\n"
REFUSED = HELLO + "> ETRN x\n> QUIT\n"
PAST = HELLO + "+ AUTH LOGIN\n> NOOP\n"
LOST = HELLO + "+ ..\n> NOOP\n"     # Postfix breaks the rules, too
D, P, E = "double-a", "postfix-a", "exim-a"

ROWS = [
    # What passes
    ("octet lost", "", D, MAIL, "out", b"text one", b"text on"),
    ("octet more", "", D, MAIL, "out", b"text one", b"text onee"),
    ("eighth bit lost", "", D, MAIL, "out", b"\xe4", b"d"),
    ("blanks stripped", "", D, MAIL, "out", b"blank  \r\n", b"blank\r\n"),
    ("dot lost", "", D, MAIL, "out", rb"\.\.x", b".x"),
    ("dot more", "", D, MAIL, "out", rb"\.\.x", b"...x"),
    ("header put in", "", D, MAIL, "out", b"Subject", b"X: y\r\nSubject"),
    ("chunk changed", "", D, CHUNK, "out", b"a: b", b"a: c"),
    ("chunk counted anew", "", D, CHUNK, "out",
     b"BDAT 9 LAST", b"BDAT 09 LAST"),
    ("case of a verb", "", D, MAIL, "out", b"RCPT", b"Rcpt"),
    ("space behind a verb", "", D, SMALL, "out", b"NOOP", b"NOOP "),
    ("address changed", "", P, MAIL, "out", b"a@sender", b"b@sender"),
    ("name changed", "", D, SMALL, "out", b"client", b"clienT"),
    ("command lost", "", D, SMALL, "out", b"RSET\r\n", b""),
    ("command more", "", D, SMALL, "out", b"RSET\r\n", b"NOOP\r\nRSET\r\n"),
    ("commands swapped", "", D, SMALL.replace("> NOOP", "+ NOOP"), "out",
     b"NOOP\r\nRSET\r\n", b"RSET\r\nNOOP\r\n"),
    ("text changed", "", D, MAIL, "in", b"Recipient OK", b"recipient OK"),
    ("code changed", "", E, MAIL, "in", b"250 Accepted", b"251 Accepted"),
    ("status changed", "", P, SMALL, "in", b"221 2.0.0", b"221 2.1.0"),
    ("acceptance changed", "", E, MAIL, "in", b"250 OK id", b"250 Ok id"),
    ("reply lost", "", D, SMALL, "in", b"250 OK\r\n", b""),
    ("reply more", "", D, SMALL, "in", b"(221 .*\r\n)", rb"250 x\r\n\1"),
    ("reply doubled", "", D, SMALL, "in", b"(250 Reset state\r\n)", rb"\1\1"),
    ("reply in two lines", "", D, SMALL, "in",
     b"250 Reset state", b"250-Reset\r\n250 state"),
    ("CRLF made LF", "", D, SMALL, "in", b"250 OK\r\n", b"250 OK\n"),
    ("reply of another command", "", D, SMALL, "in",
     b"250 OK", b"250 Reset state"),
    ("banner changed", "", D, SMALL, "in", b"220 domino", b"220 Domino"),
    ("an end too early", "", D, SMALL, "in", b"250 OK\r\n", None),
    ("a login refused", "", D, CRAM, "in", b"235[^\r]*", b"535 no"),
    # Beside what does not
    ("keyword lost", "ehlo-keyword", D, SMALL, "in", b"250-SIZE\r\n", b""),
    ("keyword invented", "ehlo-keyword", D, SMALL, "in",
     b"250-SIZE\r\n", b"250-SIZE\r\n250-ETRN\r\n"),
    ("keyword let through", "ehlo-keyword", D, SMALL, "in",
     b"250-SIZE\r\n", b"250-SIZE\r\n250-XFORWARD NAME\r\n"),
    ("keyword's argument", "ehlo-keyword", P, SMALL, "in",
     b"SIZE 104857600", b"SIZE 10485760"),
    ("keywords reordered", "ehlo-keyword", D, SMALL, "in",
     b"(250-SIZE\r\n)(250-STARTTLS\r\n)?", rb"\2\1250-HELP\r\n"),
    ("keyword's case", "ehlo-keyword", D, SMALL, "in", b"-SIZE", b"-Size"),
    ("STARTTLS hidden", "ehlo-starttls", D, SMALL, "in",
     rb"250[- ]STARTTLS\r\n", b""),
    ("STARTTLS of a listener without", "ehlo-starttls", "double-b", SMALL,
     "in", b"250([- ]SIZE)", rb"250-STARTTLS\r\n250\1"),
    ("own text changed", "own-reply", D, REFUSED, "in",
     b"not implemented", b"is not implemented"),
    ("own status left out", "own-reply", D, REFUSED, "in",
     b"502 5.5.1 Command", b"502 Command"),
    ("own reply in the wrong place", "own-reply", D, SMALL, "in",
     b"250 OK\r\n", b"502 5.5.1 Command not implemented\r\n"),
    ("another own reply", "own-reply", D, REFUSED, "in",
     b"502 5.5.1 Command not implemented", b"500 5.5.2 Command not recognized"),
    ("a refusal that was passed on", "own-reply", D, REFUSED, "in",
     b"502 5.5.1 Command not", b'502 Command "ETRN x" not'),
    ("reference with a zero in front", "own-end", D, PAST, "in",
     rb"\(ref ", b"(ref 0"),
    ("reference with a letter that is none", "own-end", D, PAST, "in",
     rb"\(ref .", b"(ref U"),
    ("reference left out", "own-end", D, PAST, "in", rb" \(ref .*\)", b""),
    ("a word behind the end", "own-end", D, PAST, "in",
     b"(503 .*\r\n)", rb"\g<1>421 x\r\n"),
    ("a word to another protocol", "silent-end", D, "> GET / HTTP/1.1\n",
     "in", b"(220 .*\r\n)", rb"\g<1>500 x\r\n"),
    ("own 220 changed", "starttls", D, HELLO + "tls\n> NOOP\n> QUIT\n", "in",
     b"Ready to start TLS", b"Go ahead"),
    ("451 for 421", "server-lost", P, LOST, "in",
     b"421 4.4.2", b"451 4.4.2"),
    ("421 of other words", "server-lost", P, LOST, "in",
     b"Lost the mail", b"Lost a mail"),
    ("a cut message changed", "message-cut", D, ENVELOPE +
     "d DATA\n| one two\n|! a\\nb\\r\\n.\\r\\n\n", "out", b"one", b"One"),
    ("a cut message completed", "message-cut", D, ENVELOPE +
     "> DATA\n!! half\\r\\n\nhalf\n", "out", b"half\r\n", b"half\r\n.\r\n"),
    ("a line completed", "unfinished-line", D, HELLO + "! NOO\nhalf\n",
     "out", b"NOO", b"NOOP\r\n"),
    ("a word of ours to who has left", "farewell", E, HELLO +
     "! NOOP\\r\\n\nhalf\n", "in", b"(250 OK\r\n)", rb"\g<1>421 bye\r\n"),
    ("a change before the end", "behind-the-end", P, LOST, "out",
     rb"\.\.\r\n", b"NOOP\r\n..\r\n"),
    ("more than the client said", "left-early", D, HELLO +
     "!! NOOP\\r\\n\nclose\n", "out", b"NOOP", b"RSET"),
    ("date with words", "date", D, SMALL, "in", b"ready at .*", b"ready now"),
    ("zone of a date", "date", E, SMALL, "in", rb"\+0000\r", b"UTC\r"),
    ("words before a date", "date", E, SMALL, "in", b"Exim 4", b"exim 4"),
    ("queue id of other letters", "queue-id", P, MAIL, "in",
     rb"queued as .", b"queued as x"),
    ("words before a queue id", "queue-id", P, MAIL, "in",
     b"queued as", b"queued at"),
    ("words behind a queue id", "queue-id", E, MAIL, "in",
     b"(id=.*)", rb"\1 thanks"),
    ("queue id of a chunk", "queue-id", E, CHUNK, "in",
     rb"total [0-9]+", b"total 1"),
    ("challenge of another form", "challenge", P, CRAM, "in",
     b"334 .*\r", b"334 PGhlbGxvPg==\r"),
    ("answer changed", "challenge", D, CRAM, "out",
     b"YW5uYS", b"YW5uYT"),
]
