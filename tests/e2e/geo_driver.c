/*
 * Databases of places without a daemon: geo_driver ADDRESS... reads paths from
 * its standard input, a line each, and prints for each what it says of the
 * addresses: "DE 64500", "-- 0", or "damaged"; "none: why" where it is none.
 */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "../../src/geo/geo_file.h"

static void print_place(const struct geo_file *file, const char *text)
{
	struct geo_place place = {0};
	struct addr addr;

	if (!addr_parse(text, &addr) || !geo_look(file, &addr, &place)) {
		(void)printf("\tdamaged");
		return;
	}
	if (place.country == 0)
		(void)printf("\t-- %u", place.asn);
	else
		(void)printf("\t%c%c %u", place.country >> 8,
			place.country & 0xff, place.asn);
}

static void print_file(const char *path, int argc, char **argv)
{
	char error[GEO_ERROR_LONGEST];
	struct geo_file *file = NULL;
	int fd = geo_copy(path, error);

	if (fd >= 0) {
		file = geo_open(fd, error);
		(void)close(fd);
	}
	if (file == NULL)
		(void)printf("none: %s", error);
	for (int i = 1; file != NULL && i < argc; i++)
		print_place(file, argv[i]);
	(void)putchar('\n');
	geo_free(&file);
}

int main(int argc, char **argv)
{
	char path[4096];

	while (fgets(path, sizeof(path), stdin) != NULL) {
		path[strcspn(path, "\n")] = '\0';
		print_file(path, argc, argv);
	}
	return 0;
}
