/*
 * postern.conf(5), made from the schema, in mdoc.
 *
 * docs/man/postern.conf.5 is what conf_print_man() prints; tests/lint fails
 * when the copy in the tree is out of date. What stands here is what holds for
 * all options: syntax, units, includes. What an option does stands in
 * options.def.
 */
#include <ctype.h>
#include <string.h>

#include "conf.h"
#include "schema.h"
#include "value.h"

/* Errors stay in the stream; who opened it looks at its end. */
/* NOLINTBEGIN(cert-err33-c) */

/* Text that is no macro: a leading dot and each backslash are escaped. */
static void print_text(const char *text, FILE *out)
{
	if (*text == '.' || *text == '\'')
		fputs("\\&", out);
	for (; *text; text++) {
		if (*text == '\\')
			fputs("\\e", out);
		else if (strncmp(text, "§", strlen("§")) == 0) {
			fputs("\\(sc", out);
			text += strlen("§") - 1;
		} else {
			fputc(*text, out);
		}
	}
}

static void print_sentence(const char *text, FILE *out)
{
	if (!*text)
		return;
	print_text(text, out);
	fputs(strchr(".?!", text[strlen(text) - 1]) ? "\n" : ".\n", out);
}

static const char *type_name(enum schema_type type)
{
	switch (type) {
	case SCHEMA_BOOL: return "yes or no";
	case SCHEMA_INT: return "number";
	case SCHEMA_MS: return "time";
	case SCHEMA_BYTES: return "size";
	case SCHEMA_TEXT: return "text";
	case SCHEMA_LIST: return "list";
	case SCHEMA_PREFIXES: return "list of addresses and prefixes";
	case SCHEMA_CHOICE: return "word";
	}
	return "";
}

static const char *default_text(const struct schema_option *option)
{
	bool empty = !*option->def || strcmp(option->def, "{}") == 0;

	return empty ? "empty" : option->def;
}

static void man_option(const struct schema_option *option, FILE *out)
{
	char allowed[160];

	value_allowed(option, allowed, sizeof(allowed));
	fprintf(out, ".It Ic %s\n", option->name);
	/* A half sentence there, a whole one here. */
	fputc(toupper((unsigned char)option->text[0]), out);
	print_sentence(option->text + 1, out);
	print_sentence(option->more, out);
	fprintf(out, ".br\nType: %s", type_name(option->type));
	if (*allowed)
		fprintf(out, " (%s)", allowed);
	fputs("; default: ", out);
	print_text(default_text(option), out);
	fprintf(out, ".%s\n",
		option->restart ? " A change needs a restart." : "");
}

static void man_section(const struct schema_section *section, FILE *out)
{
	fprintf(out, ".Ss %s\n", section->text);
	if (*section->name)
		fprintf(out, "In\n.Ic %s%s\n.Li { \\&... } .\n", section->name,
			section->titled ? " Ar NAME" : "");
	else
		fputs("Outside of any block.\n", out);
	fputs(".Bl -tag -width Ds\n", out);
	for (size_t i = 0; i < section->option_count; i++)
		man_option(&section->options[i], out);
	fputs(".El\n", out);
}

static const char man_head[] =
	".\\\" Made from src/conf/options.def: change it there.\n"
	".Dd November 1, 2026\n"
	".Dt POSTERN.CONF 5\n"
	".Os\n"
	".Sh NAME\n"
	".Nm postern.conf\n"
	".Nd configuration of the SMTP proxy postern\n"
	".Sh DESCRIPTION\n"
	".Nm\n"
	"says where\n"
	".Xr postern 8\n"
	"listens, which server is behind it, and what is done about sources\n"
	"that guess passwords.\n"
	"It holds no secrets, only the paths of files that do.\n"
	".Ss Syntax\n"
	"An option is\n"
	".Li name = value ,\n"
	"a block is\n"
	".Li name TITLE { \\&... }\n"
	"or\n"
	".Li name { \\&... } .\n"
	"The order is free, and an option stands once in its block.\n"
	"A title is made of letters, digits, dots, dashes and underscores.\n"
	"Values with spaces or any of\n"
	".Li \\(dq # ' = { } \\&( \\&) + \\&, * \\&|\n"
	"stand in double quotes, where\n"
	".Li \\e\\(dq\n"
	"is a quote and\n"
	".Li \\e\\e\n"
	"a backslash; a string ends on its line.\n"
	"A list is\n"
	".Li {\\(dqa\\(dq, \\(dqb\\(dq} .\n"
	"Remarks begin with\n"
	".Li #\n"
	"or\n"
	".Li //\n"
	"and end with the line, or stand between\n"
	".Li /*\n"
	"and\n"
	".Li */ .\n"
	".Pp\n"
	"Times have a unit:\n"
	".Li 200ms 30s 10m 1h 30d .\n"
	"Sizes may have one, of 1024:\n"
	".Li 64k 10M 1G .\n"
	"Addresses and prefixes are like\n"
	".Li 192.0.2.7 , 192.0.2.0/24\n"
	"and\n"
	".Li 2001:db8::/48 .\n"
	".Pp\n"
	".Ic include Ns Li \\&( Ns Ar \\(dqPATH\\(dq Ns Li \\&)\n"
	"outside of any block reads a file, or all\n"
	".Pa *.conf\n"
	"of a folder in the order of their names.\n"
	"A relative path begins at the folder of the file that says it.\n"
	"All other relative paths begin where postern was started.\n"
	".Pp\n"
	"A wrong file never stops a running daemon: it is refused as a whole,\n"
	"with the place of each mistake.\n"
	".Sh OPTIONS\n";

static const char man_tail[] =
	".Sh FILES\n"
	".Bl -tag -width Ds\n"
	".It Pa /etc/postern/postern.conf\n"
	"The file that is read when no other is named.\n"
	".El\n"
	".Sh EXIT STATUS\n"
	".Li postern check Ar FILE\n"
	"ends with 0 when the file is good, and with 78 when it is not.\n"
	".Sh EXAMPLES\n"
	"Mail for a domain, with no logins from outside:\n"
	".Bd -literal -offset indent\n"
	"listener mx {\n"
	"\tbind = {\"0.0.0.0:25\", \"[::]:25\"}\n"
	"\tbackend = domino\n"
	"\tauth = hide\n"
	"}\n"
	"backend domino {\n"
	"\tservers = {\"10.0.0.25:25\"}\n"
	"}\n"
	".Ed\n"
	".Pp\n"
	"The same with logins inside TLS from telephones and mail programs,\n"
	"mail for others only for who has logged in, and the kernel dropping\n"
	"who is banned:\n"
	".Bd -literal -offset indent\n"
	"listener submission {\n"
	"\tbind = {\"0.0.0.0:587\", \"[::]:587\"}\n"
	"\tbackend = domino\n"
	"\tstarttls = required\n"
	"\tauth = tls\n"
	"}\n"
	"certificate mail {\n"
	"\tchain = \"/etc/postern/mail.pem\"\n"
	"\tkey = \"/etc/postern/mail.key\"\n"
	"}\n"
	"local_domains = {\"example.com\", \".example.com\"}\n"
	"firewall { backend = nft }\n"
	".Ed\n"
	".Pp\n"
	"The first days: say who would be banned and do nothing; never ban\n"
	"these networks:\n"
	".Bd -literal -offset indent\n"
	"mode = observe\n"
	"allow = {\"192.0.2.0/24\", \"2001:db8:1::/48\"}\n"
	".Ed\n"
	".Pp\n"
	"Ten failures in ten minutes are banned for an hour, the second time\n"
	"for two, and so on up to a month:\n"
	".Bd -literal -offset indent\n"
	"source_limit {\n"
	"\tfailures = 10\n"
	"\twindow = 10m\n"
	"\tban = 60m\n"
	"\tban_growth = 2\n"
	"\tban_longest = 30d\n"
	"}\n"
	".Ed\n"
	".Pp\n"
	"Two servers that see the client\\(aqs own address\n"
	".Po\n"
	"needs routes, see\n"
	".Xr postern-routes 8\n"
	".Pc ,\n"
	"TLS to them:\n"
	".Bd -literal -offset indent\n"
	"backend domino {\n"
	"\tservers = {\"10.0.0.25:25\", \"10.0.0.26:25\"}\n"
	"\tclient_address = transparent\n"
	"\ttls = starttls\n"
	"}\n"
	".Ed\n"
	".Pp\n"
	"The page, on this host alone, and a letter each morning:\n"
	".Bd -literal -offset indent\n"
	"admin {\n"
	"\tbind = {\"127.0.0.1:8025\"}\n"
	"\ttoken_file = \"/etc/postern/page.token\"\n"
	"}\n"
	"report {\n"
	"\tmail = {\"admin@example.com\"}\n"
	"\tfrom = \"postern@example.com\"\n"
	"\tserver = \"10.0.0.25:25\"\n"
	"}\n"
	".Ed\n"
	".Sh SEE ALSO\n"
	".Xr posternctl 1 ,\n"
	".Xr postern 8 ,\n"
	".Xr postern-routes 8\n";

void conf_print_man(FILE *out)
{
	fputs(man_head, out);
	for (int i = 0; i < SECTION_COUNT; i++)
		man_section(schema_section((unsigned)i), out);
	fputs(man_tail, out);
}

/* NOLINTEND(cert-err33-c) */
