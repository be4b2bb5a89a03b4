#include "base/day.h"

enum { YEAR_DAYS = 365, ERA_DAYS = 146097 }; // an era is 400 years

// Years begin in March, so that the leap day is the last of one: day 0 of year 0 is 0000-03-01.
enum { EPOCH = 719468 };

static int64_t day_number(int64_t year, int64_t month, int64_t day) {
    year -= month <= 2;
    int64_t era = year / 400, of_era = year % 400;
    int64_t of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;
    return era * ERA_DAYS + of_era * YEAR_DAYS + of_era / 4 - of_era / 100 + of_year - EPOCH;
}

static void day_split(int64_t number, int64_t *year, int64_t *month, int64_t *day) {
    int64_t whole = number + EPOCH, era = whole / ERA_DAYS, of = whole % ERA_DAYS;
    int64_t of_era = (of - of / 1460 + of / 36524 - of / 146096) / YEAR_DAYS;
    int64_t of_year = of - (YEAR_DAYS * of_era + of_era / 4 - of_era / 100);
    int64_t from_march = (5 * of_year + 2) / 153;
    *day = of_year - (153 * from_march + 2) / 5 + 1;
    *month = from_march + (from_march < 10 ? 3 : -9);
    *year = era * 400 + of_era + (*month <= 2);
}

static bool digits_take(struct view text, size_t at, size_t len, int64_t *out) {
    *out = 0;
    for (size_t i = at; i < at + len; i++) {
        if (text.at[i] < '0' || text.at[i] > '9') return false;
        *out = *out * 10 + (text.at[i] - '0');
    }
    return true;
}

bool day_take(struct view text, int64_t *out) {
    int64_t year, month, day, y, m, d;
    if (text.len != 10 || text.at[4] != '-' || text.at[7] != '-') return false;
    if (!digits_take(text, 0, 4, &year) || !digits_take(text, 5, 2, &month) ||
        !digits_take(text, 8, 2, &day) || year < 1 || month < 1 || month > 12)
        return false;
    int64_t number = day_number(year, month, day);
    day_split(number, &y, &m, &d);
    if (y != year || m != month || d != day) return false; // no such day
    *out = number;
    return true;
}

void day_put(struct buf *out, int64_t number) {
    int64_t year, month, day;
    day_split(number, &year, &month, &day);
    buf_print(out, "%04lld-%02lld-%02lld", (long long)year, (long long)month, (long long)day);
}
