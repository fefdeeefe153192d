/*
 * The problems of a configuration.
 *
 * They are found in several passes (syntax, types, sense) and shown in the
 * order of the file, as an operator reads them. The list has a cap: a file
 * that is no configuration at all must not fill a screen a hundred times.
 */
#include "problem.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../base/check.h"
#include "conf.h"

void problems_file(struct problems *problems, const char *file)
{
	problems->files = realloc(problems->files,
		(problems->file_count + 1) * sizeof(*problems->files));
	CHECK(problems->files);
	problems->files[problems->file_count++] = file;
}

static size_t file_rank(const struct problems *problems, const char *file)
{
	for (size_t i = 0; i < problems->file_count; i++)
		if (strcmp(problems->files[i], file) == 0)
			return i;
	return problems->file_count;
}

/* The parser runs over a text again after each unknown name (draft.c). */
static bool problem_known(
	const struct problems *problems, const struct problem *problem)
{
	for (size_t i = 0; i < problems->count; i++) {
		const struct problem *item = &problems->items[i];

		if (item->place.line == problem->place.line &&
			strcmp(item->place.file, problem->place.file) == 0 &&
			strcmp(item->text, problem->text) == 0)
			return true;
	}
	return false;
}

static void problems_add(struct problems *problems, struct place place,
	bool warning, const char *format, va_list args)
	__attribute__((format(printf, 4, 0)));

static void problems_add(struct problems *problems, struct place place,
	bool warning, const char *format, va_list args)
{
	struct problem problem = {place, warning, NULL, problems->count};

	CHECK(vasprintf(&problem.text, format, args) >= 0);
	if (problem_known(problems, &problem)) {
		free(problem.text);
		return;
	}
	problems->warning_count += warning;
	problems->error_count += !warning;
	if (problems->count >= PROBLEMS_MOST) {
		free(problem.text);
		return;
	}
	problems->items = realloc(problems->items,
		(problems->count + 1) * sizeof(*problems->items));
	CHECK(problems->items);
	problems->items[problems->count++] = problem;
}

void problems_error(
	struct problems *problems, struct place place, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	problems_add(problems, place, false, format, args);
	va_end(args);
}

void problems_warn(
	struct problems *problems, struct place place, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	problems_add(problems, place, true, format, args);
	va_end(args);
}

static int problem_compare(const void *a_, const void *b_, void *problems)
{
	const struct problem *a = a_, *b = b_;
	size_t a_rank = file_rank(problems, a->place.file);
	size_t b_rank = file_rank(problems, b->place.file);

	if (a_rank != b_rank)
		return a_rank < b_rank ? -1 : 1;
	if (a->place.line != b->place.line)
		return a->place.line < b->place.line ? -1 : 1;
	return a->order < b->order ? -1 : 1;
}

static void problem_print(const struct problem *problem, FILE *out)
{
	fprintf(out, "%s:", problem->place.file);
	if (problem->place.line)
		fprintf(out, "%u:", problem->place.line);
	fprintf(out, " %s%s\n", problem->warning ? "warning: " : "",
		problem->text);
}

static void problems_print(
	const struct problems *problems, struct conf_errors *errors)
{
	size_t all = problems->error_count + problems->warning_count;
	FILE *out = open_memstream(&errors->text, &errors->n);

	CHECK(out);
	for (size_t i = 0; i < problems->count; i++)
		problem_print(&problems->items[i], out);
	if (all > problems->count)
		fprintf(out, "%s: and %zu more\n",
			problems->items[0].place.file, all - problems->count);
	CHECK(fclose(out) == 0);
}

void problems_done(struct problems *problems, struct conf_errors *ret_errors)
{
	*ret_errors = (struct conf_errors){
		.error_count = problems->error_count,
		.warning_count = problems->warning_count,
	};
	if (problems->count) {
		qsort_r(problems->items, problems->count,
			sizeof(*problems->items), problem_compare, problems);
		problems_print(problems, ret_errors);
	}
	for (size_t i = 0; i < problems->count; i++)
		free(problems->items[i].text);
	free(problems->items);
	free(problems->files);
	*problems = (struct problems){0};
}
