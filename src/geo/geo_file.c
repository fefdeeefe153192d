/*
 * Databases of places, by libmaxminddb.
 *
 * That library maps a file and reads where it says; one that gets shorter
 * meanwhile would end the process by SIGBUS. So it gets a sealed copy in
 * memory, by its name in /proc (it takes no descriptor).
 *
 * What can go wrong: no file, no memory, no database, a damaged one. Each
 * lookup checks its bounds, so damage is an error and nothing worse.
 */
#include "geo_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#if defined(GEO_BUILT)
#include <maxminddb.h>
#endif

enum { COPY_MOST_BYTES = 512 * 1024 * 1024 };

static int failed(char *error, const char *why)
{
	(void)snprintf(error, GEO_ERROR_LONGEST, "%s", why);
	return -1;
}

/* ---- the copy ---- */

/* Descriptor of a regular file that is not too long; -1. */
static int open_file(const char *path, off_t *ret_size, char *error)
{
	/* A pipe or device would wait or do something. */
	int fd = open(path, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	struct stat st;

	if (fd < 0)
		return failed(error, strerror(errno));
	if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode) &&
		st.st_size <= COPY_MOST_BYTES) {
		*ret_size = st.st_size;
		return fd;
	}
	(void)close(fd);
	return failed(error,
		S_ISREG(st.st_mode) ? "longer than 512 MiB" : "not a file");
}

static bool copy_all(int from, int to, off_t size)
{
	while (size > 0) {
		ssize_t n = sendfile(to, from, NULL, (size_t)size);

		if (n < 0 && errno == EINTR)
			continue;
		if (n == 0)
			errno = EIO; /* it was cut meanwhile */
		if (n <= 0)
			return false;
		size -= n;
	}
	return true;
}

static int sealed_copy(int from, off_t size, char *error)
{
	int fd = memfd_create("places", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	int why;

	if (fd >= 0 && copy_all(from, fd, size) &&
		fcntl(fd, F_ADD_SEALS,
			F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE |
				F_SEAL_SEAL) == 0)
		return fd;
	why = errno;
	if (fd >= 0)
		(void)close(fd);
	return failed(error, strerror(why));
}

int geo_copy(const char *path, char error[GEO_ERROR_LONGEST])
{
	struct geo_file *file;
	off_t size;
	int from, fd;

	if (!geo_built())
		return failed(error,
			"this postern was built without libmaxminddb, and can "
			"read no such database (meson setup -Dgeo=enabled)");
	from = open_file(path, &size, error);
	if (from < 0)
		return -1;
	fd = sealed_copy(from, size, error);
	(void)close(from);
	if (fd < 0)
		return -1;
	file = geo_open(fd, error);
	if (file != NULL) {
		geo_free(&file);
		return fd;
	}
	(void)close(fd);
	return -1;
}

/* ---- the database ---- */

#if defined(GEO_BUILT)

struct geo_file {
	MMDB_s db;
};

bool geo_built(void)
{
	return true;
}

struct geo_file *geo_open(int fd, char error[GEO_ERROR_LONGEST])
{
	struct geo_file *file = calloc(1, sizeof(*file));
	char path[64];
	int status;

	if (file == NULL) {
		(void)failed(error, strerror(ENOMEM));
		return NULL;
	}
	(void)snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	status = MMDB_open(path, MMDB_MODE_MMAP, &file->db);
	if (status == MMDB_SUCCESS)
		return file;
	(void)failed(error, status == MMDB_IO_ERROR ? strerror(errno)
						    : MMDB_strerror(status));
	free(file);
	return NULL;
}

void geo_free(struct geo_file **file)
{
	if (*file == NULL)
		return;
	MMDB_close(&(*file)->db);
	free(*file);
	*file = NULL;
}

/* 0: there is no such thing, or it is damaged; then *good is false. */
static bool value_at(MMDB_entry_s *entry, const char *const *path,
	unsigned type, MMDB_entry_data_s *ret_data, bool *good)
{
	int status = MMDB_aget_value(entry, ret_data, path);

	if (status == MMDB_LOOKUP_PATH_DOES_NOT_MATCH_DATA_ERROR)
		return false;
	if (status != MMDB_SUCCESS) {
		*good = false;
		return false;
	}
	return ret_data->has_data && ret_data->type == type;
}

static bool letter(char c)
{
	return c >= 'A' && c <= 'Z';
}

static uint16_t country_at(
	MMDB_entry_s *entry, const char *const *path, bool *good)
{
	MMDB_entry_data_s data;

	if (!value_at(entry, path, MMDB_DATA_TYPE_UTF8_STRING, &data, good) ||
		data.data_size != 2 || !letter(data.utf8_string[0]) ||
		!letter(data.utf8_string[1]))
		return 0;
	return (uint16_t)(data.utf8_string[0] << 8 | data.utf8_string[1]);
}

static bool read_entry(MMDB_entry_s *entry, struct geo_place *ret_place)
{
	static const char *const where[] = {"country", "iso_code", NULL};
	static const char *const owner[] = {
		"registered_country", "iso_code", NULL};
	static const char *const network[] = {"autonomous_system_number", NULL};
	MMDB_entry_data_s data;
	bool good = true;
	uint16_t country = country_at(entry, where, &good);

	if (country == 0) /* of satellites and the like */
		country = country_at(entry, owner, &good);
	if (country != 0)
		ret_place->country = country;
	if (value_at(entry, network, MMDB_DATA_TYPE_UINT32, &data, &good))
		ret_place->asn = data.uint32;
	return good;
}

bool geo_look(const struct geo_file *file, const struct addr *addr,
	struct geo_place *ret_place)
{
	struct sockaddr_storage to;
	MMDB_lookup_result_s found;
	int status;

	(void)addr_to_sockaddr(addr, 0, (struct sockaddr *)&to);
	found = MMDB_lookup_sockaddr(
		&file->db, (const struct sockaddr *)&to, &status);
	if (status == MMDB_IPV6_LOOKUP_IN_IPV4_DATABASE_ERROR)
		return true; /* it knows none of them */
	if (status != MMDB_SUCCESS)
		return false;
	return !found.found_entry || read_entry(&found.entry, ret_place);
}

#else

bool geo_built(void)
{
	return false;
}

struct geo_file *geo_open(int fd, char error[GEO_ERROR_LONGEST])
{
	(void)failed(error, "built without libmaxminddb");
	return NULL;
}

void geo_free(struct geo_file **file)
{
	*file = NULL;
}

bool geo_look(const struct geo_file *file, const struct addr *addr,
	struct geo_place *ret_place)
{
	return true;
}

#endif
