#include "out/format.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/*
 * Shortest decimal digits that give v back.  For normal numbers 15 digits
 * are always exact, so trailing zeros tell of anything shorter; subnormals have
 * less precision and need the search from one digit on.
 */
static int double_digits(double v, char digits[32])
{
	char e[40];
	int precision = v < 2.3e-308 ? 1 : 15;
	for (; precision < 17; precision++) {
		snprintf(e, sizeof(e), "%.*e", precision - 1, v);
		if (strtod(e, NULL) == v)
			break;
	}
	if (precision == 17)
		snprintf(e, sizeof(e), "%.16e", v);
	int n = 0;
	char *p = e;
	for (; *p && *p != 'e'; p++)
		if (*p >= '0' && *p <= '9') /* whatever the locale's decimal point is */
			digits[n++] = *p;
	while (n > 1 && digits[n - 1] == '0')
		n--;
	digits[n] = '\0';
	return *p == 'e' ? atoi(p + 1) : 0;
}

/* ECMA-262 Number::toString */
void np_format_double(struct np_buf *buf, double v)
{
	if (isnan(v)) {
		np_buf_puts(buf, "NaN");
		return;
	}
	if (signbit(v))
		np_buf_putc(buf, '-');
	v = fabs(v);
	if (isinf(v)) {
		np_buf_puts(buf, "Infinity");
		return;
	}
	if (v < 9007199254740992.0 && v == floor(v)) {
		np_buf_printf(buf, "%" PRIu64, (uint64_t)v);
		return;
	}
	char digits[32];
	int exponent = double_digits(v, digits); /* d.ddd * 10^exponent */
	int n = (int)strlen(digits), point = exponent + 1;
	if (point > 21 || point < -5) {
		np_buf_putc(buf, digits[0]);
		if (n > 1)
			np_buf_printf(buf, ".%s", digits + 1);
		np_buf_printf(buf, "e%+d", exponent);
	} else if (point <= 0) {
		np_buf_printf(buf, "0.%.*s%s", -point, "00000", digits);
	} else if (n <= point) {
		np_buf_printf(buf, "%s%.*s", digits, point - n, "000000000000000000000");
	} else {
		np_buf_printf(buf, "%.*s.%s", point, digits, digits + point);
	}
}

/* Three significant digits at most, one decimal at most. */
static void put_scaled(struct np_buf *buf, double v, const char *unit)
{
	if (v < 9.95 && v != floor(v))
		np_buf_printf(buf, "%.1f %s", v, unit);
	else
		np_buf_printf(buf, "%.0f %s", v, unit);
}

void np_format_bytes(struct np_buf *buf, uint64_t v)
{
	static const char *const units[] = {"B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
	double d = (double)v;
	size_t unit = 0;
	/* 1023.5 would be shown as 1024 */
	while (d >= 1023.5 && unit + 1 < NP_ARRAY_LEN(units)) {
		d /= 1024;
		unit++;
	}
	if (unit && d < 99.95 && d != floor(d))
		np_buf_printf(buf, "%.1f %s", d, units[unit]);
	else
		np_buf_printf(buf, "%.0f %s", d, units[unit]);
}

static void put_two(struct np_buf *buf, uint64_t big, const char *unit, uint64_t small, const char *small_unit)
{
	np_buf_printf(buf, "%" PRIu64 " %s", big, unit);
	if (small)
		np_buf_printf(buf, " %" PRIu64 " %s", small, small_unit);
}

void np_format_ns(struct np_buf *buf, uint64_t v)
{
	const uint64_t second = 1000000000;
	if (v < 1000)
		np_buf_printf(buf, "%" PRIu64 " ns", v);
	else if (v < 999500)
		put_scaled(buf, (double)v / 1e3, "µs");
	else if (v < 999500000)
		put_scaled(buf, (double)v / 1e6, "ms");
	else if (v < 60 * second)
		put_scaled(buf, (double)v / 1e9, "s");
	else if (v < 3600 * second)
		put_two(buf, v / (60 * second), "min", v / second % 60, "s");
	else if (v < 86400 * second)
		put_two(buf, v / (3600 * second), "h", v / (60 * second) % 60, "min");
	else
		put_two(buf, v / (86400 * second), "d", v / (3600 * second) % 24, "h");
}

void np_format_addr(struct np_buf *buf, np_addr v)
{
	np_buf_printf(buf, "0x%" PRIx64, v);
}

/* Days since 1970-01-01 to a proleptic Gregorian date (Howard Hinnant, "chrono-Compatible Low-Level Date
 * Algorithms"). */
static void civil_from_days(int64_t days, int64_t *year, int *month, int *day)
{
	days += 719468;
	int64_t era = (days >= 0 ? days : days - 146096) / 146097;
	int64_t doe = days - era * 146097;
	int64_t yoe = (doe - doe / 1460 + doe / 36524 - doe / 146096) / 365;
	int64_t doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
	int64_t mp = (5 * doy + 2) / 153;
	*day = (int)(doy - (153 * mp + 2) / 5 + 1);
	*month = (int)(mp < 10 ? mp + 3 : mp - 9);
	*year = yoe + era * 400 + (*month <= 2);
}

void np_format_date_ms(struct np_buf *buf, double ms)
{
	if (!(fabs(ms) <= 8.64e15)) { /* ECMA-262 time range; NaN too */
		np_buf_puts(buf, "Invalid Date");
		return;
	}
	int64_t t = (int64_t)ms, day_ms = 86400000;
	int64_t days = t / day_ms, rest = t % day_ms;
	if (rest < 0) {
		rest += day_ms;
		days--;
	}
	int64_t year;
	int month, day;
	civil_from_days(days, &year, &month, &day);
	if (year < 0 || year > 9999)
		np_buf_printf(buf, "%c%06" PRId64, year < 0 ? '-' : '+', year < 0 ? -year : year);
	else
		np_buf_printf(buf, "%04" PRId64, year);
	np_buf_printf(buf, "-%02d-%02dT%02d:%02d:%02d.%03dZ", month, day, (int)(rest / 3600000),
		      (int)(rest / 60000 % 60), (int)(rest / 1000 % 60), (int)(rest % 1000));
}
