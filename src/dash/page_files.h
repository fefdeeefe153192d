/* The files of the page, in the binary: made by embed.py. */
#ifndef DASH_PAGE_FILES_H
#define DASH_PAGE_FILES_H

#include <stddef.h>
#include <stdint.h>

struct page_file {
	const char *path;  /* "/", "/page.js" */
	const char *media; /* Content-Type */
	const char *tag;   /* ETag, with its quotes */
	const uint8_t *octets;
	size_t n;
};

extern const struct page_file page_files[];
extern const unsigned page_file_count;

#endif
