/*
 * Reading time stamps. Bounded: a head is at most some tens of octets.
 */
#include "stamp.h"

enum {
	MS_PER_S = 1000,
	S_PER_DAY = 86400,
	DAYS_TO_1970 = 719468,
	BRACKET_LONGEST = 40,
	SPACES_MOST = 8,
};

/* What is left of a line, and the shape so far. */
struct reading {
	struct slice left;
	struct head *head;
	size_t shape_n;
};

static void shape_add(struct reading *r, char c)
{
	if (r->shape_n + 1 < HEAD_SHAPE_LONGEST)
		r->head->shape[r->shape_n++] = c;
}

static bool is_digit(uint8_t c)
{
	return c >= '0' && c <= '9';
}

static bool is_hex(uint8_t c)
{
	return is_digit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}

static uint8_t peek(const struct reading *r)
{
	return r->left.n > 0 ? r->left.p[0] : 0;
}

static bool take(struct reading *r, char c)
{
	if (peek(r) != (uint8_t)c)
		return false;
	shape_add(r, c);
	r->left = slice_skip(r->left, 1);
	return true;
}

/* One to `most` digits. */
static bool take_number(struct reading *r, unsigned most, unsigned *ret_number)
{
	unsigned number = 0, n = 0;

	while (n < most && is_digit(peek(r))) {
		number = number * 10 + (unsigned)(peek(r) - '0');
		r->left = slice_skip(r->left, 1);
		n++;
	}
	if (n == 0 || is_digit(peek(r)))
		return false;
	shape_add(r, '0');
	*ret_number = number;
	return true;
}

static unsigned take_spaces(struct reading *r)
{
	unsigned n = 0;

	while (n < SPACES_MOST && take(r, ' '))
		n++;
	return n;
}

/* "[000738:000012-00007F1164B21700] ". What is not whole is not taken. */
static void take_thread(struct reading *r)
{
	struct reading before = *r;

	if (!take(r, '['))
		return;
	for (unsigned i = 0; i < BRACKET_LONGEST; i++) {
		bool digits = false;

		for (; is_hex(peek(r)) && i < BRACKET_LONGEST; i++) {
			r->left = slice_skip(r->left, 1);
			digits = true;
		}
		if (digits)
			shape_add(r, '0');
		if (take(r, ']') && take_spaces(r) > 0)
			return;
		if (!take(r, ':') && !take(r, '-'))
			break;
	}
	*r = before;
}

static bool take_date(struct reading *r, struct stamp *stamp)
{
	unsigned number;

	if (!take_number(r, 4, &number))
		return false;
	stamp->numbers[0] = (uint16_t)number;
	stamp->separator = (char)peek(r);
	if (stamp->separator != '.' && stamp->separator != '-' &&
		stamp->separator != '/')
		return false;
	for (unsigned i = 1; i < 3; i++) {
		if (!take(r, stamp->separator) || !take_number(r, 4, &number))
			return false;
		stamp->numbers[i] = (uint16_t)number;
	}
	return true;
}

/* Behind " ": AM or PM, for hours of 1 to 12. */
static bool take_half(struct reading *r, unsigned *hour)
{
	struct reading before = *r;
	bool pm;

	if (take_spaces(r) == 0 || (peek(r) != 'A' && peek(r) != 'P')) {
		*r = before;
		return true;
	}
	pm = peek(r) == 'P';
	r->left = slice_skip(r->left, 1);
	shape_add(r, 'A');
	if (!take(r, 'M')) {
		*r = before;
		return true;
	}
	if (*hour < 1 || *hour > 12)
		return false;
	*hour = *hour % 12 + (pm ? 12 : 0);
	return true;
}

/* ",123" of fail2ban, ".123" of ISO 8601; three digits. */
static bool take_fraction(struct reading *r, unsigned *ret_ms)
{
	*ret_ms = 0;
	if (peek(r) != ',' && peek(r) != '.')
		return true;
	return take(r, (char)peek(r)) && take_number(r, 3, ret_ms);
}

static bool take_time(struct reading *r, struct stamp *stamp)
{
	unsigned hour, minute, second, ms;
	char separator;

	if (!take_number(r, 2, &hour))
		return false;
	separator = (char)peek(r);
	if ((separator != ':' && separator != '.') || !take(r, separator) ||
		!take_number(r, 2, &minute) || !take(r, separator) ||
		!take_number(r, 2, &second) || !take_fraction(r, &ms) ||
		!take_half(r, &hour))
		return false;
	if (hour > 23 || minute > 59 || second > 60)
		return false;
	stamp->ms_of_day = ((hour * 60 + minute) * 60 + second) * MS_PER_S + ms;
	return true;
}

bool head_read(struct slice line, struct head *ret_head)
{
	struct head head = {.n = 0};
	struct reading r = {.left = line, .head = &head};

	take_thread(&r);
	if (!take_date(&r, &head.stamp) ||
		(take_spaces(&r) == 0 && !take(&r, 'T')) ||
		!take_time(&r, &head.stamp))
		return false;
	(void)take(&r, 'Z');
	if (take_spaces(&r) == 0 && r.left.n > 0)
		return false;
	head.stamp.known = true;
	head.shape[r.shape_n] = 0; /* what was given back stands behind it */
	head.n = line.n - r.left.n;
	*ret_head = head;
	return true;
}

/* ---- what it means ---- */

enum stamp_order stamp_order_of(const struct stamp *stamp)
{
	if (stamp->numbers[0] > 31)
		return STAMP_YMD;
	if (stamp->numbers[0] > 12)
		return STAMP_DMY;
	return stamp->numbers[1] > 12 ? STAMP_MDY : STAMP_UNKNOWN;
}

enum stamp_order stamp_order_usual(const struct stamp *stamp)
{
	if (stamp->numbers[0] > 31)
		return STAMP_YMD;
	return stamp->separator == '/' ? STAMP_MDY : STAMP_DMY;
}

/* Days since 1970 in the Gregorian calendar, by years that begin in March. */
static int64_t days_of(unsigned year, unsigned month, unsigned day)
{
	int64_t y = (int64_t)year - (month <= 2);
	int64_t era = y / 400, of_era = y % 400;
	int64_t of_year =
		(153 * ((int64_t)month + (month > 2 ? -3 : 9)) + 2) / 5 + day -
		1;

	return era * 146097 + of_era * 365 + of_era / 4 - of_era / 100 +
	       of_year - DAYS_TO_1970;
}

static bool day_exists(unsigned year, unsigned month, unsigned day)
{
	static const unsigned days[] = {
		31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};

	if (month < 1 || month > 12 || day < 1 || day > days[month - 1])
		return false;
	return month != 2 || day < 29 ||
	       (year % 4 == 0 && (year % 100 != 0 || year % 400 == 0));
}

bool stamp_ms(
	const struct stamp *stamp, enum stamp_order order, int64_t *ret_ms)
{
	const uint16_t *n = stamp->numbers;
	unsigned year = n[2], month = n[1], day = n[0];

	if (!stamp->known)
		return false;
	if (stamp->numbers[0] > 31)
		order = STAMP_YMD;
	if (order == STAMP_YMD) {
		year = n[0];
		day = n[2];
	} else if (order == STAMP_MDY) {
		month = n[0];
		day = n[1];
	}
	if (year < 100)
		year += year < 70 ? 2000 : 1900;
	if (year < 1970 || !day_exists(year, month, day))
		return false;
	*ret_ms = days_of(year, month, day) * S_PER_DAY * MS_PER_S +
		  stamp->ms_of_day;
	return true;
}

uint64_t stamp_raw_s(const struct stamp *stamp)
{
	uint64_t date = 0;

	for (unsigned i = 0; i < 3; i++)
		date = date * 10000 + stamp->numbers[i];
	return date * 2 * S_PER_DAY + stamp->ms_of_day / MS_PER_S;
}
