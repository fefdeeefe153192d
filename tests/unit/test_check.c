/* Sense: each rule of src/conf/check.c with a text that breaks it. */
#include "../../src/conf/check.h"

#include "../../src/conf/check_hooks.h"
#include "conf_text.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

#define BACKEND	    "backend b { servers = {\"10.0.0.1:25\"} }\n"
#define CERTIFICATE "certificate c { chain = a.pem key = a.key }\n"
#define LISTENER(more)                                                         \
	"listener l {\nbind = {\"127.0.0.1:25\"}\nbackend = b\n" more "\n}\n"

static void listeners_are_checked(void **state)
{
	static const struct conf_case cases[] = {
		{"", "x: there is no listener (like listener mx { bind = "
		     "{\"0.0.0.0:25\"} backend = domino }), and no "
		     "domino_log to live by\n"},
		{"domino_log { path = /var/log/domino.log }\n", ""},
		{"domino_log { path = domino.log }\n",
			"x:1: domino_log: path: \"domino.log\" is no absolute "
			"path (allowed: like "
			"/local/notesdata/IBM_TECHNICAL_SUPPORT/console.log)"
			"\n"},
		{"domino_log { path = /x\nservices = {http, impa} }\n",
			"x:2: domino_log: services: \"impa\" is none (allowed: "
			"smtp, http, imap, pop3, ldap, other; did you mean "
			"\"imap\"?)\n"},
		{"domino_log { path = /x }\nfirewall { backend = nft }\n",
			"x:2: firewall: ports = listeners, and there is "
			"no listener (set ports = all)\n"},
		{"listener l { }\n",
			"x:1: listener l: bind is missing (like bind = "
			"{\"0.0.0.0:25\", \"[::]:25\"})\n"
			"x:1: listener l: backend is missing\n"},
		{BACKEND LISTENER(""), ""},
		{BACKEND "\nlistener l {\nbackend = b\n"
			 "bind = {\"localhost:25\", \"[::1]:70000\", "
			 "\"::1:25\", \"1.2.3.4\", \"1.2.3.4:0\"}\n}",
			"x:5: listener l: bind: \"localhost:25\" is no "
			"ADDRESS:PORT (allowed: like 0.0.0.0:25, [::]:25)\n"
			"x:5: listener l: bind: \"[::1]:70000\" is no "
			"ADDRESS:PORT (allowed: like 0.0.0.0:25, [::]:25)\n"
			"x:5: listener l: bind: \"::1:25\" is no ADDRESS:PORT "
			"(allowed: like 0.0.0.0:25, [::]:25)\n"
			"x:5: listener l: bind: \"1.2.3.4\" is no ADDRESS:PORT "
			"(allowed: like 0.0.0.0:25, [::]:25)\n"
			"x:5: listener l: bind: \"1.2.3.4:0\" is no "
			"ADDRESS:PORT (allowed: like 0.0.0.0:25, [::]:25)\n"},
		{BACKEND LISTENER("") "listener m { backend = b\n"
				      "bind = {\"127.0.0.1:26\", "
				      "\"[::ffff:127.0.0.1]:25\"} }",
			"x:8: listener m: bind: [::ffff:127.0.0.1]:25 is taken "
			"already (listener l)\n"},
		{BACKEND "listener l { backend = b bind = {127.0.0.1:1, "
			 "127.0.0.1:1} }",
			"x:2: listener l: bind: 127.0.0.1:1 is taken already "
			"(listener l)\n"},
		{"backend domino { servers = {\"a:1\"} }\n"
		 "listener l { bind = 127.0.0.1:1\nbackend = domio }",
			"x:3: listener l: backend: there is no backend "
			"\"domio\" (did you mean \"domino\"?)\n"},
		{BACKEND CERTIFICATE LISTENER("certificates = {c, quite}"),
			"x:6: listener l: certificates: there is no "
			"certificate \"quite\"\n"},
		{BACKEND LISTENER("banner = \"é\""),
			"x:5: listener l: banner: only printable ASCII is "
			"allowed\n"},
		{"hostname = \"é\"\n" BACKEND LISTENER(""),
			"x:1: hostname: only printable ASCII is allowed\n"},
		{BACKEND LISTENER("bare_newline = pass"),
			"x:5: warning: listener l: bare_newline = pass risks "
			"SMTP smuggling (reject or normalize is safer)\n"},
	};

	for (size_t i = 0; i < COUNT(cases); i++)
		conf_says(cases[i].text, cases[i].says);
}

static void page_and_feed_beyond_loopback_need_tls_and_token(void **state)
{
	static const struct conf_case cases[] = {
		{BACKEND LISTENER("") "admin { bind = {\"127.0.0.1:8025\", "
				      "\"[::1]:8025\"} }",
			""},
		{BACKEND LISTENER("") "admin { bind = {\"192.0.2.1:8025\"} }",
			"x:7: admin: bind: \"192.0.2.1:8025\" is not loopback: "
			"it needs certificate and token_file (or 127.0.0.1 and "
			"a tunnel)\n"},
		{BACKEND CERTIFICATE LISTENER("") "admin { bind = "
						  "{\"0.0.0.0:8025\"}\n"
						  "certificate = c\n"
						  "token_file = /t }",
			""},
		{BACKEND LISTENER("") "admin { bind = {\"127.0.0.1:25\", x}\n"
				      "hosts = {\"a b\"}\n"
				      "certificate = d\ntoken_file = t }",
			"x:7: admin: bind: \"127.0.0.1:25\" is taken already\n"
			"x:7: admin: bind: \"x\" is no ADDRESS:PORT (allowed: "
			"like 127.0.0.1:8025, [::1]:8025)\n"
			"x:8: admin: hosts: \"a b\" is no name (allowed: like "
			"proxy.example.com, without port)\n"
			"x:9: admin: certificate: there is no certificate "
			"\"d\"\n"},
		{BACKEND LISTENER("") "admin { bind = {\"127.0.0.1:26\"} }\n"
				      "feed { bind = {\"127.0.0.1:26\"} }",
			"x:8: feed: bind: \"127.0.0.1:26\" is taken already\n"
			"x:8: feed: a feed needs token_file: the list "
			"says who attacks you, and whom you mistook\n"},
	};

	for (size_t i = 0; i < COUNT(cases); i++)
		conf_says(cases[i].text, cases[i].says);
}

#define LOCAL "local_domains = {a.b}\n"
#define SEES                                                                   \
	"the server sees postern's address for every client and may relay "    \
	"for all of them, taking postern for a host of its own (list the "     \
	"domains it takes mail for, like local_domains = {\"example.com\", "   \
	"\".example.com\"})\n"
#define DOMAINS " is no domain (allowed: like example.com, .example.com)\n"
#define OUTSIDE(more)                                                          \
	"listener l { bind = {10.0.0.1:1} backend = b auth = hide " more " }"
#define TOLD(how)                                                              \
	"backend b { servers = {10.0.0.1:25} client_address = " how " }\n"

static void who_the_client_is_is_checked(void **state)
{
	static const struct conf_case cases[] = {
		{BACKEND OUTSIDE(""), "x: warning: " SEES},
		{TOLD("xclient") OUTSIDE(""), "x: warning: " SEES},
		{TOLD("proxy-v1") OUTSIDE(""), ""},
		{TOLD("proxy-v2") OUTSIDE(""), ""},
		{"local_domains = {a.b, .a.b, x--y.z, 0.test}\n" BACKEND
				OUTSIDE(""),
			""},
		{"local_domains = {a.b, @a.b, \"*.a.b\", a., \"\", ., a..b, "
		 "..a}\n" BACKEND OUTSIDE(""),
			"x:1: local_domains: \"@a.b\"" DOMAINS
			"x:1: local_domains: \"*.a.b\"" DOMAINS
			"x:1: local_domains: \"a.\"" DOMAINS
			"x:1: local_domains: \"\"" DOMAINS
			"x:1: local_domains: \".\"" DOMAINS
			"x:1: local_domains: \"a..b\"" DOMAINS
			"x:1: local_domains: \"..a\"" DOMAINS},
		{"user_domains = {\"-\"}\n" BACKEND LISTENER(""), ""},
		{"user_domains = {a.b, \"-\"}\n" BACKEND LISTENER(""),
			"x:1: user_domains: \"-\" is no domain (allowed: "
			"like example.com, .example.com; \"-\" alone: "
			"none)\n"},
		{"relay_from = {10.0.0.0/8}\n" BACKEND LISTENER(""),
			"x:1: warning: relay_from does nothing without "
			"local_domains\n"},
		{BACKEND LISTENER("proxy = required"),
			"x:5: listener l: proxy = required needs the balancers "
			"(like proxy_from = {\"192.0.2.10\"})\n"},
		{BACKEND LISTENER("proxy_from = {10.0.0.1}"),
			"x:5: listener l: proxy_from without proxy = required "
			"(add it, or remove proxy_from)\n"},
		{BACKEND LISTENER("proxy = required proxy_from = {10.0.0.1, "
				  "\"fd00::/64\"}"),
			""},
		{BACKEND LISTENER("proxy = required proxy_from = {0.0.0.0/0}"),
			"x:5: warning: listener l: proxy_from holds every "
			"address: any client can name another's (list the "
			"balancers only)\n"},
	};

	for (size_t i = 0; i < COUNT(cases); i++)
		conf_says(cases[i].text, cases[i].says);
}

static void tls_of_listeners_is_checked(void **state)
{
	static const struct conf_case cases[] = {
		{BACKEND LISTENER("starttls = optional"),
			"x:5: listener l: TLS needs a certificate block, and "
			"there is none\n"},
		{BACKEND LISTENER("tls = implicit"),
			"x:5: listener l: TLS needs a certificate block, and "
			"there is none\n"},
		{BACKEND CERTIFICATE LISTENER("starttls = required auth = tls"),
			""},
		{BACKEND CERTIFICATE LISTENER("tls = implicit auth = tls"), ""},
		{BACKEND CERTIFICATE LISTENER(
			 "tls = implicit\nstarttls = optional"),
			"x:7: listener l: starttls cannot be with tls = "
			"implicit (one of the two)\n"},
		{BACKEND CERTIFICATE LISTENER("auth = tls"),
			"x:6: listener l: auth = tls needs TLS (starttls = "
			"optional, required or passthrough, or tls = "
			"implicit)\n"},
		{BACKEND "listener l { bind = {127.0.0.1:1, \"[::1]:1\"} "
			 "backend = b }",
			""},
		{BACKEND "listener l { bind = {127.0.0.1:1, 10.0.0.1:1} "
			 "backend = b }",
			"x: warning: " SEES
			"x:2: warning: listener l: passwords cross in clear "
			"(auth = offer without TLS; hide or tls is safer)\n"},
		{LOCAL BACKEND "listener l { bind = {10.0.0.1:1} backend = b "
			       "auth = hide }",
			""},
		{LOCAL BACKEND CERTIFICATE
			"listener l { bind = {10.0.0.1:1} backend = b "
			"starttls = optional }",
			""},
		{BACKEND "certificate c {\n}\n" LISTENER("tls = implicit"),
			"x:2: certificate c: chain is missing (a PEM file)\n"
			"x:2: certificate c: key is missing (a PEM file)\n"},
	};

	for (size_t i = 0; i < COUNT(cases); i++)
		conf_says(cases[i].text, cases[i].says);
}

#define LOST(line)                                                             \
	"x:" line ": warning: listener l: passthrough: inside TLS postern "    \
	"sees no login and no message. Guessers there are not delayed, "       \
	"banned or tarpitted, users not shielded, smuggling not stopped; "     \
	"limits of commands, bare_newline and received do nothing. Only "      \
	"connections are counted, and bans from elsewhere act (a certificate " \
	"here gives it all back)\n"
#define TLS_BACKEND                                                            \
	"backend b { servers = {\"10.0.0.1:465\"} tls = implicit }\n"

static void passthrough_is_checked(void **state)
{
	static const struct conf_case cases[] = {
		{BACKEND LISTENER("starttls = passthrough"), LOST("5")},
		{BACKEND LISTENER("starttls = passthrough\nauth = tls"),
			LOST("5")},
		{BACKEND LISTENER("starttls = passthrough\nauth = hide"),
			LOST("5") "x:6: warning: listener l: auth = hide holds "
				  "before STARTTLS only: behind it the "
				  "server's AUTH is open to guessers (switch "
				  "it off there, or take starttls = "
				  "optional)\n"},
		{TLS_BACKEND LISTENER("tls = passthrough"), LOST("5")},
		{BACKEND LISTENER("tls = passthrough"),
			"x:5: listener l: tls = passthrough needs a port of "
			"the server that speaks TLS from the first octet (tls "
			"= implicit in backend b, which the health dialogue "
			"then speaks, too)\n" LOST("5")},
		{TLS_BACKEND LISTENER("starttls = passthrough"),
			"x:5: listener l: starttls = passthrough needs tls = "
			"off in backend b: a client cannot have the server's "
			"TLS inside postern's\n" LOST("5")},
		{TLS_BACKEND LISTENER(
			 "tls = passthrough\nstarttls = passthrough"),
			LOST("5") "x:6: listener l: starttls cannot be with "
				  "tls = passthrough (one of the two)\n"},
		{TLS_BACKEND LISTENER("tls = passthrough\nauth = hide\n"
				      "greeting_delay = 1s\nbanner = x"),
			LOST("5") "x:6: listener l: auth = hide cannot be with "
				  "tls = passthrough: AUTH is inside TLS, "
				  "where only the server can hide it\n"
				  "x:7: listener l: greeting_delay cannot be "
				  "with tls = passthrough: in TLS it is the "
				  "client who speaks first\n"
				  "x:8: listener l: banner cannot be with tls "
				  "= passthrough: the server's own is inside "
				  "TLS\n"},
		{BACKEND CERTIFICATE LISTENER(
			 "starttls = passthrough\ncertificates = {c}"),
			"x:2: warning: certificate c: no listener shows it: "
			"clients see the server's own (remove it, or take "
			"starttls = optional and have all that passthrough "
			"gives away)\n" LOST("6") "x:7: warning: listener l: "
						  "with passthrough clients "
						  "see the server's TLS: "
						  "certificates, tls_least "
						  "and tls_ciphers do nothing "
						  "here (remove them)\n"},
		{LOCAL BACKEND "listener l { bind = {10.0.0.1:1} backend = b\n"
			       "starttls = passthrough }",
			LOST("4") "x:4: warning: listener l: passthrough: "
				  "inside TLS local_domains is not held, and "
				  "the server sees postern's address for every "
				  "client: it must not relay for that, nor "
				  "lock it out (client_address = transparent "
				  "is safer)\n"},
		{LOCAL TOLD("transparent") "listener l { bind = {10.0.0.1:1} "
					   "backend = b\n"
					   "starttls = passthrough }",
			LOST("4") "x:4: warning: listener l: passthrough: "
				  "local_domains is not held inside TLS\n"},
	};

	for (size_t i = 0; i < COUNT(cases); i++)
		conf_says(cases[i].text, cases[i].says);
}

#define SERVERS_LIKE                                                           \
	" is no HOST:PORT (allowed: like 10.0.0.25:25, [2001:db8::25]:25, "    \
	"mail.example.org:25)\n"

static void backends_are_checked(void **state)
{
	static const struct conf_case cases[] = {
		{"backend b {\n}",
			"x:1: backend b: servers is missing (like servers = "
			"{\"10.0.0.25:25\"})\n"},
		{"backend b { servers = {\"a.example:25\", \"10.0.0.1:25\", "
		 "\"[2001:db8::1]:25\", localhost:25, a_b-c.:65535} }",
			""},
		{"backend b { servers = {a} }",
			"x:1: backend b: servers: \"a\"" SERVERS_LIKE},
		{"backend b { servers = {\"a:\"} }",
			"x:1: backend b: servers: \"a:\"" SERVERS_LIKE},
		{"backend b { servers = {\"a:0\"} }",
			"x:1: backend b: servers: \"a:0\"" SERVERS_LIKE},
		{"backend b { servers = {\"a:65536\"} }",
			"x:1: backend b: servers: \"a:65536\"" SERVERS_LIKE},
		{"backend b { servers = {\"a:25x\"} }",
			"x:1: backend b: servers: \"a:25x\"" SERVERS_LIKE},
		{"backend b { servers = {\":25\"} }",
			"x:1: backend b: servers: \":25\"" SERVERS_LIKE},
		{"backend b { servers = {\"a b:25\"} }",
			"x:1: backend b: servers: \"a b:25\"" SERVERS_LIKE},
		{"backend b { servers = {\"10.0.0.256:25\"} }",
			"x:1: backend b: servers: "
			"\"10.0.0.256:25\"" SERVERS_LIKE},
		{"backend b { servers = {\"2001:db8::1:25\"} }",
			"x:1: backend b: servers: "
			"\"2001:db8::1:25\"" SERVERS_LIKE},
		{"backend b { servers = a:25\ntls_verify = name }",
			"x:2: backend b: tls_verify = name needs tls_name\n"},
		{"backend b { servers = a:25\ntls_pin = abcd }",
			"x:2: backend b: tls_pin: not 64 hex digits\n"},
		{"backend b { servers = 192.0.2.1:25\ntls = required }",
			"x:2: warning: backend b: TLS to a server outside that "
			"nobody verifies (tls_verify = name or tls_pin is "
			"safer)\n"},
		{"backend b { servers = {10.0.0.1:25, a:25}\ntls = starttls }",
			"x:2: warning: backend b: TLS to a server outside that "
			"nobody verifies (tls_verify = name or tls_pin is "
			"safer)\n"},
		{"backend b { servers = {10.0.0.1:25, \"[fd00::1]:25\", "
		 "192.168.1.1:25, 172.31.0.1:25, 127.0.0.1:25, localhost:25} "
		 "tls = required }",
			""},
		{"backend b { servers = a:25 tls = required tls_verify = ca }",
			""},
		{"backend b { servers = a:25 tls = required tls_pin = "
		 "00112233445566778899aabbccddeeff00112233445566778899AABBCCDD"
		 "EEFF }",
			""},
	};

	conf_all_say(cases, COUNT(cases));
}

static void the_rest_is_checked(void **state)
{
	static const struct conf_case cases[] = {
		{"firewall {\nbackend = exec }",
			"x:2: firewall: backend = exec needs a program in "
			"exec\n"},
		{"firewall { backend = exec\nexec = bin/block }",
			"x:2: firewall: exec: \"bin/block\" is no absolute "
			"path (allowed: like /usr/local/sbin/block)\n"},
		{"firewall { backend = exec exec = /bin/block }", ""},
		{"mode = enforce firewall { backend = null }", ""},
		{"log { to = stdrr }",
			"x:1: log: to: \"stdrr\" is no place for a log "
			"(allowed: stderr, syslog, a path with /; did you mean "
			"\"stderr\"?)\n"},
		{"log { to = ./postern.log }", ""},
		{"log { to = syslog }", ""},
		{"source_limit { ban = 2h ban_longest = 1h }",
			"x:1: warning: source_limit: ban_longest is shorter "
			"than ban: no ban lasts longer than that\n"},
	};

	conf_all_say(cases, COUNT(cases));
}

#define UNSAFE                                                                    \
	" is not safe: whoever is on the way could ban whom he likes "            \
	"(allowed: https://…, or http://127.0.0.1…, http://[::1]… on this " \
	"machine)\n"

static void lists_of_others_are_checked(void **state)
{
	static const struct conf_case cases[] = {
		{"list a { file = /etc/a.txt }", ""},
		{"list a { url = \"https://a.test/drop.txt?x=1\"\n"
		 "token_file = /t ca_file = /c every = 6h expire = 7d }",
			""},
		{"list a { url = \"http://127.0.0.1:8025/feed/plain\" }\n"
		 "list b { url = \"http://[::1]/\" }\n"
		 "list c { url = \"http://localhost:1/\" }",
			""},
		{"list a { every = 1h }",
			"x:1: list a: file or url is missing (like file = "
			"\"/etc/postern/list.txt\" or url = "
			"\"https://list.example.org/drop.txt\")\n"},
		{"list a { file = /x url = \"https://a.test/\" }",
			"x:1: list a: file and url: only one of them (like "
			"file = \"/etc/postern/list.txt\" or url = "
			"\"https://list.example.org/drop.txt\")\n"},
		{"list a { file = a.txt }",
			"x:1: list a: file: \"a.txt\" is no full path (like "
			"/etc/postern/list.txt)\n"},
		{"list a { url = \"http://a.test/\" }",
			"x:1: list a: url: \"http://a.test/\"" UNSAFE},
		{"list a { url = \"http://127.0.0.1.a.test/\" }",
			"x:1: list a: url: \"http://127.0.0.1.a.test/"
			"\"" UNSAFE},
		{"list a { url = \"http://127.0.0.1:1@a.test/\" }",
			"x:1: list a: url: \"http://127.0.0.1:1@a.test/"
			"\"" UNSAFE},
		{"list a { url = \"file:///etc/passwd\" }",
			"x:1: list a: url: \"file:///etc/passwd\"" UNSAFE},
		{"list a { url = \"https://me:word@a.test/\" }",
			"x:1: list a: url: a name and a password have no "
			"place here (token_file has one for a token)\n"},
		{"list a { url = \"https://a.test/a b\" }",
			"x:1: list a: url: it has a blank or an odd character "
			"(write it as %xx)\n"},
		{"list .a { file = /x }",
			"x:1: list .a: a list's name does not begin with a "
			"dot\n"},
		{"list a { file = /x\nexpire = 1h }",
			"x:2: warning: list a: expire is not longer than "
			"every: what it names ends before it is looked at "
			"again\n"},
		{"list a { file = /x ca_file = /y }",
			"x:1: warning: list a: token_file and ca_file are for "
			"a url\n"},
		{"list a { file = /x as = score score = 3 }\n"
		 "dns_lists { mode = enforce }",
			""},
		{"list a { file = /x as = score score = 3 }",
			"x:1: warning: list a: as = score, and dns_lists.mode "
			"is not enforce: it refuses nobody\n"},
	};

	conf_all_say(cases, COUNT(cases));
}

static void lists_are_checked(void **state)
{
	static const struct conf_case cases[] = {
		{"dns_list a { zone = bl.example.org weight = 2 }\n"
		 "dns_list b { zone = bl.example.org kind = good\n"
		 "answers = {127.0.0.2, \"127.0.0.4-127.0.0.7\", \"&4\"} }",
			""},
		{"dns_list a { weight = 2 }",
			"x:1: dns_list a: zone is missing (like zone = "
			"\"bl.example.org\")\n"},
		{"dns_list a { weight = 2\nzone = \"bl..org\"\n"
		 "answers = {127.0.0.2, 192.0.2.1, \"&300\"} }",
			"x:2: dns_list a: zone: \"bl..org\" is no name "
			"(allowed: like bl.example.org)\n"
			"x:3: dns_list a: answers: \"192.0.2.1\" is none that "
			"counts (allowed: like 127.0.0.2, "
			"127.0.0.4-127.0.0.7, 127.0.1.0/24, &4)\n"
			"x:3: dns_list a: answers: \"&300\" is none that "
			"counts (allowed: like 127.0.0.2, "
			"127.0.0.4-127.0.0.7, 127.0.1.0/24, &4)\n"},
		{"dns_list a { zone = a.example weight = 0 } "
		 "dns_lists { threshold = 1 }",
			"x:1: dns_list.a.weight: \"0\" is out of range "
			"(allowed: 1 to 1000)\n"},
		{"dns_list a { zone = a.example }\n"
		 "dns_list b { zone = b.example kind = good weight = 9 }",
			"x: warning: dns_lists: all weights together are 1, "
			"less than threshold (2): no login is ever refused\n"},
		{"dns_lists { mode = enforce }",
			"x:1: warning: dns_lists: mode = enforce, and there "
			"is no dns_list to ask\n"},
		{"dns_lists { resolvers = {127.0.0.1, \"[::1]:5353\"} }", ""},
		{"dns_lists {\nresolvers = {localhost, \"127.0.0.1:0\"} }",
			"x:2: dns_lists: resolvers: \"localhost\" is no "
			"address (allowed: like 127.0.0.1, [::1]:5353)\n"
			"x:2: dns_lists: resolvers: \"127.0.0.1:0\" is no "
			"address (allowed: like 127.0.0.1, [::1]:5353)\n"},
		{"dns_lists {\nresolvers = {::1, ::1, ::1, ::1, ::1} }",
			"x:2: dns_lists: resolvers: at most 4\n"},
		{"dns_lists { keep_longest = 1m\nkeep_least = 2m }",
			"x:1: warning: dns_lists: keep_longest is shorter "
			"than keep_least: all answers are kept for "
			"keep_longest\n"},
	};

	conf_all_say(cases, COUNT(cases));
}

/* What a misspelt block lacks is not said: it may only be misspelt. */
static void damaged_blocks_are_left_out_and_others_are_not(void **state)
{
	conf_says("listener l {\nbnd = 127.0.0.1:1\n}\n"
		  "backend b {\ntls = maybe\n}\n"
		  "backend c { }\n",
		"x:2: unknown option \"bnd\" in listener (did you mean "
		"\"bind\"?)\n"
		"x:5: backend.b.tls: \"maybe\" is none of its words (allowed: "
		"off, starttls, required, implicit)\n"
		"x:7: backend c: servers is missing (like servers = "
		"{\"10.0.0.25:25\"})\n");
}

static void hooks_have_one_goal(void **state)
{
	static const struct conf_case cases[] = {
		{"hook a { url = \"https://chat.example.com/x\" }", ""},
		{"hook a { url = \"http://127.0.0.1:8080/x\" }", ""},
		{"hook a { url = \"http://[::1]:8080/x\" }", ""},
		{"hook a { url = \"http://localhost/x\" }", ""},
		{"hook a { url = \"http://10.0.0.1/\" cleartext = true }", ""},
		{"hook a { url_file = /etc/x on = {ban, backend_up} }", ""},
		{"hook a { exec = {/bin/tell, x} }", ""},
		{"hook a { }",
			"x:1: hook a: has none of url, url_file and exec (one "
			"of them, like url = "
			"\"https://chat.example.com/hook\")\n"},
		{"hook a { url = \"https://x/\" exec = {/bin/tell} }",
			"x:1: hook a: has more than one of url, url_file and "
			"exec (one of them, like url = "
			"\"https://chat.example.com/hook\")\n"},
		{"hook a { exec = {tell} }",
			"x:1: hook a: exec: \"tell\" is no whole path "
			"(allowed: "
			"like {\"/usr/local/bin/tell\", \"ops\"}; there is no "
			"shell)\n"},
		{"hook a { exec = {/bin/tell} on = {bann} }",
			"x:1: hook a: on: \"bann\" is no event (allowed: ban, "
			"unban, alarm, backend_down, backend_up)\n"},
		{"hook a { exec = {/bin/tell} secret = s }",
			"x:1: hook a: secret: \"s\" is no whole path\n"
			"x:1: warning: hook a: secret does nothing for a "
			"program: nothing is signed\n"},
	};

	(void)state;
	conf_all_say(cases, sizeof(cases) / sizeof(cases[0]));
}

static void a_url_of_a_hook_is_sound(void **state)
{
	static const char *const wrong[] = {"", "ftp://x/", "HTTPS://x/",
		"https://", "https:///x", "https://:80/", "https://[::1/",
		"https://u:p@x/", "https://x/a b", "https://x/\\",
		"https://x/\xc3\xa4", "https://x/\n", "http://x/",
		"http://127.0.0.1.example.com/", "http://localhost.example/",
		"http://127.0.0.1@x/"};
	char longest[HOOK_URL_LONGEST + 1] = "https://x/";

	(void)state;
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
		assert_non_null(check_hook_url(wrong[i], false));
	assert_null(check_hook_url("https://x.example:8443/a?b=c@d", false));
	assert_null(check_hook_url("http://x/", true));
	memset(longest + 10, 'a', sizeof(longest) - 11);
	assert_non_null(check_hook_url(longest, false));
	longest[HOOK_URL_LONGEST - 1] = 0;
	assert_null(check_hook_url(longest, false));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(listeners_are_checked),
		cmocka_unit_test(
			page_and_feed_beyond_loopback_need_tls_and_token),
		cmocka_unit_test(who_the_client_is_is_checked),
		cmocka_unit_test(tls_of_listeners_is_checked),
		cmocka_unit_test(passthrough_is_checked),
		cmocka_unit_test(backends_are_checked),
		cmocka_unit_test(the_rest_is_checked),
		cmocka_unit_test(lists_are_checked),
		cmocka_unit_test(lists_of_others_are_checked),
		cmocka_unit_test(
			damaged_blocks_are_left_out_and_others_are_not),
		cmocka_unit_test(hooks_have_one_goal),
		cmocka_unit_test(a_url_of_a_hook_is_sound),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
