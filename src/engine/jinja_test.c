// Tests (`is defined`) and global functions (`range`).
#include <string.h>

#include "base/buf.h"
#include "engine/jinja_strings.h"

// ---- tests ----

enum sort { // of tests, by what they look at
    TEST_UNDEFINED,
    TEST_DEFINED,
    TEST_NONE,
    TEST_BOOLEAN,
    TEST_TRUE,
    TEST_FALSE,
    TEST_INTEGER,
    TEST_FLOAT,
    TEST_NUMBER,
    TEST_STRING,
    TEST_MAPPING,
    TEST_SEQUENCE,
    TEST_ITERABLE,
    TEST_CALLABLE,
    TEST_ODD,
    TEST_EVEN,
    TEST_DIVISIBLE,
    TEST_UPPER,
    TEST_LOWER,
    TEST_FILTER,
    TEST_OPERATOR, // an operator with the argument
};

struct test {
    const char *name;
    enum sort sort;
    enum jinja_op op;
};

static const struct test *find_test(struct view name) {
    static const struct test tests[] = {
        {"undefined", TEST_UNDEFINED, 0},
        {"defined", TEST_DEFINED, 0},
        {"none", TEST_NONE, 0},
        {"boolean", TEST_BOOLEAN, 0},
        {"true", TEST_TRUE, 0},
        {"false", TEST_FALSE, 0},
        {"integer", TEST_INTEGER, 0},
        {"float", TEST_FLOAT, 0},
        {"number", TEST_NUMBER, 0},
        {"string", TEST_STRING, 0},
        {"mapping", TEST_MAPPING, 0},
        {"sequence", TEST_SEQUENCE, 0},
        {"iterable", TEST_ITERABLE, 0},
        {"callable", TEST_CALLABLE, 0},
        {"odd", TEST_ODD, 0},
        {"even", TEST_EVEN, 0},
        {"divisibleby", TEST_DIVISIBLE, 0},
        {"upper", TEST_UPPER, 0},
        {"lower", TEST_LOWER, 0},
        {"filter", TEST_FILTER, 0},
        {"sameas", TEST_OPERATOR, JINJA_EQUAL},
        {"equalto", TEST_OPERATOR, JINJA_EQUAL},
        {"eq", TEST_OPERATOR, JINJA_EQUAL},
        {"==", TEST_OPERATOR, JINJA_EQUAL},
        {"ne", TEST_OPERATOR, JINJA_UNEQUAL},
        {"!=", TEST_OPERATOR, JINJA_UNEQUAL},
        {"lt", TEST_OPERATOR, JINJA_LESS},
        {"lessthan", TEST_OPERATOR, JINJA_LESS},
        {"<", TEST_OPERATOR, JINJA_LESS},
        {"le", TEST_OPERATOR, JINJA_LESS_EQUAL},
        {"<=", TEST_OPERATOR, JINJA_LESS_EQUAL},
        {"gt", TEST_OPERATOR, JINJA_MORE},
        {"greaterthan", TEST_OPERATOR, JINJA_MORE},
        {">", TEST_OPERATOR, JINJA_MORE},
        {"ge", TEST_OPERATOR, JINJA_MORE_EQUAL},
        {">=", TEST_OPERATOR, JINJA_MORE_EQUAL},
        {"in", TEST_OPERATOR, JINJA_IN},
    };
    for (size_t i = 0; i < sizeof tests / sizeof *tests; i++)
        if (view_is(name, tests[i].name)) return &tests[i];
    return NULL;
}

static enum sk_code test_integer(struct jinja_run *run, enum sort sort, struct jinja_value value,
                                 const struct jinja_arguments *arguments, bool *out) {
    int64_t by = 2;
    if (value.type != JINJA_INTEGER)
        return FAIL(SK_UNSUPPORTED, "odd, even or divisibleby of %s", jinja_type_name(value));
    if (sort == TEST_DIVISIBLE) TRY(jinja_take_int(run, arguments, 0, "num", &by));
    if (by == 0) return FAIL(SK_UNSUPPORTED, "divisibleby zero");
    *out = (by == -1 || value.integer % by == 0) != (sort == TEST_ODD);
    return SK_OK;
}

static enum sk_code test_letters(struct jinja_run *run, enum sort sort, struct jinja_value value,
                                 bool *out) {
    const struct jinja_arguments none = {0};
    struct jinja_value changed;
    *out = false;
    if (value.type != JINJA_CHARS) return SK_OK;
    jinja_builtin *change = sort == TEST_UPPER ? jinja_do_upper : jinja_do_lower;
    TRY(change(run, value, &none, &changed));
    *out = jinja_same(run, value, changed);
    return SK_OK;
}

static enum sk_code test_operator(struct jinja_run *run, enum jinja_op op,
                                  struct jinja_value value,
                                  const struct jinja_arguments *arguments, bool *out) {
    struct jinja_value result;
    if (arguments->plain.len != 1) return FAIL(SK_UNSUPPORTED, "a test without its argument");
    TRY(jinja_binary(run, op, value, arguments->plain.at[0], &result));
    *out = jinja_is_true(result);
    return SK_OK;
}

static bool test_type(enum sort sort, struct jinja_value value) {
    enum jinja_type type = value.type;
    bool map = type == JINJA_MAP || type == JINJA_LOOP;
    switch (sort) {
    case TEST_UNDEFINED: return type == JINJA_UNDEFINED;
    case TEST_DEFINED: return type != JINJA_UNDEFINED;
    case TEST_NONE: return type == JINJA_NULL;
    case TEST_BOOLEAN: return type == JINJA_TRUTH;
    case TEST_TRUE: return type == JINJA_TRUTH && value.integer;
    case TEST_FALSE: return type == JINJA_TRUTH && !value.integer;
    case TEST_INTEGER: return type == JINJA_INTEGER;
    case TEST_FLOAT: return type == JINJA_REAL;
    case TEST_NUMBER: return jinja_is_number(value);
    case TEST_STRING: return type == JINJA_CHARS;
    case TEST_MAPPING: return map;
    case TEST_SEQUENCE: return map || type == JINJA_ARRAY || type == JINJA_CHARS;
    case TEST_ITERABLE: return type == JINJA_ARRAY || type == JINJA_CHARS; // as the oracle
    default: return type == JINJA_FUNCTION;
    }
}

enum sk_code jinja_test(struct jinja_run *run, struct view name, struct jinja_value value,
                        const struct jinja_arguments *arguments, bool *out) {
    const struct test *test = find_test(name);
    if (!test) return FAIL(SK_UNSUPPORTED, "no test '%.*s'", (int)(name.len & 63), name.at);
    switch (test->sort) {
    case TEST_ODD:
    case TEST_EVEN:
    case TEST_DIVISIBLE: return test_integer(run, test->sort, value, arguments, out);
    case TEST_UPPER:
    case TEST_LOWER: return test_letters(run, test->sort, value, out);
    case TEST_OPERATOR: return test_operator(run, test->op, value, arguments, out);
    case TEST_FILTER:
        *out = value.type == JINJA_CHARS && jinja_filter_find(jinja_chars(run, value));
        return SK_OK;
    default: *out = test_type(test->sort, value); return SK_OK;
    }
}

// ---- global functions ----

#define BUILTIN(name)                                                                              \
    static enum sk_code name(struct jinja_run *run, struct jinja_value self,                       \
                             const struct jinja_arguments *arguments, struct jinja_value *out)

BUILTIN(do_range) {
    int64_t bounds[3] = {0, 0, 1};
    uint32_t given = arguments->plain.len;
    (void)self;
    if (given < 1 || given > 3) return FAIL(SK_UNSUPPORTED, "range of %u arguments", given);
    for (uint32_t i = 0; i < given; i++)
        TRY(jinja_take_int(run, arguments, i, "", &bounds[given == 1 ? 1 : i]));
    int64_t step = bounds[2];
    if (step == 0) return FAIL(SK_UNSUPPORTED, "range by steps of zero");
    TRY(jinja_array_new(run, 0, out));
    for (int64_t i = bounds[0]; step > 0 ? i < bounds[1] : i > bounds[1];) {
        TRY(jinja_array_add(run, out->array, jinja_integer(i)));
        if (__builtin_add_overflow(i, step, &i)) break;
    }
    return SK_OK;
}

static enum sk_code add_named(struct jinja_run *run, struct jinja_map *map,
                              const struct jinja_map *from) {
    for (uint32_t i = 0; i < from->len; i++)
        TRY(jinja_map_set(run, map, from->at[i].key, from->at[i].value));
    return SK_OK;
}

// dict and namespace: members of a mapping or pairs of a list, then the named arguments.
BUILTIN(do_dict) {
    (void)self;
    TRY(jinja_map_new(run, out));
    struct jinja_map *map = out->map;
    if (arguments->plain.len > 1) return FAIL(SK_UNSUPPORTED, "more than one argument");
    if (arguments->plain.len == 1) {
        struct jinja_value from = arguments->plain.at[0];
        if (from.type == JINJA_MAP) TRY(add_named(run, map, from.map));
        if (from.type != JINJA_MAP && from.type != JINJA_ARRAY)
            return FAIL(SK_UNSUPPORTED, "members from %s", jinja_type_name(from));
        for (uint32_t i = 0; from.type == JINJA_ARRAY && i < from.array->len; i++) {
            struct jinja_value pair = from.array->at[i];
            if (pair.type != JINJA_ARRAY || pair.array->len != 2)
                return FAIL(SK_UNSUPPORTED, "members from what are no pairs");
            TRY(jinja_map_set(run, map, pair.array->at[0], pair.array->at[1]));
        }
    }
    return add_named(run, map, &arguments->named);
}

BUILTIN(do_namespace) {
    TRY(do_dict(run, self, arguments, out));
    out->type = JINJA_NAMESPACE;
    return SK_OK;
}

BUILTIN(do_raise) {
    struct jinja_span text = {0};
    (void)self;
    (void)out;
    TRY(jinja_take_span(run, arguments, 0, "message", &text));
    struct view said = jinja_view(run, text);
    run->told = true;
    size_t len = said.len;
    if (len > 400) { // whole characters of a longer text
        len = 400;
        while (len > 0 && (said.at[len] & 0xc0) == 0x80) len--;
    }
    return FAIL(SK_INPUT, "%.*s", (int)len, len ? said.at : "");
}

// ---- the date ----

struct date {
    int64_t year;
    int month, day, hour, minute, second, weekday, yearday; // month 0.., day 1.., Sunday 0
};

// Days since 1970 to a date of the Gregorian calendar, by eras of 400 years that begin in March.
static struct date date_of(int64_t time_s) {
    int64_t days = time_s / 86400, rest = time_s % 86400;
    if (rest < 0) {
        rest += 86400;
        days--;
    }
    int64_t shifted = days + 719468, era = (shifted >= 0 ? shifted : shifted - 146096) / 146097;
    int64_t of_era = shifted - era * 146097;
    int64_t year = (of_era - of_era / 1460 + of_era / 36524 - of_era / 146096) / 365;
    int64_t of_year = of_era - (365 * year + year / 4 - year / 100);
    int64_t march = (5 * of_year + 2) / 153;
    struct date date = {.year = year + era * 400 + (march >= 10),
                        .month = (int)(march < 10 ? march + 2 : march - 10),
                        .day = (int)(of_year - (153 * march + 2) / 5 + 1),
                        .hour = (int)(rest / 3600),
                        .minute = (int)(rest / 60 % 60),
                        .second = (int)(rest % 60),
                        .weekday = (int)(((days + 4) % 7 + 7) % 7)};
    bool leap = (date.year % 4 == 0 && date.year % 100 != 0) || date.year % 400 == 0;
    date.yearday = (int)(of_year >= 306 ? of_year - 306 : of_year + 59 + leap);
    return date;
}

static void put_date(struct buf *out, const struct date *date, char letter) {
    static const char *const months[] = {"January",   "February", "March",    "April",
                                         "May",       "June",     "July",     "August",
                                         "September", "October",  "November", "December"};
    static const char *const days[] = {"Sunday",   "Monday", "Tuesday", "Wednesday",
                                       "Thursday", "Friday", "Saturday"};
    int hour = date->hour % 12 ? date->hour % 12 : 12;
    switch (letter) {
    case 'Y': buf_print(out, "%lld", (long long)date->year); break;
    case 'y': buf_print(out, "%02d", (int)(date->year % 100)); break;
    case 'm': buf_print(out, "%02d", date->month + 1); break;
    case 'd': buf_print(out, "%02d", date->day); break;
    case 'e': buf_print(out, "%2d", date->day); break;
    case 'H': buf_print(out, "%02d", date->hour); break;
    case 'I': buf_print(out, "%02d", hour); break;
    case 'M': buf_print(out, "%02d", date->minute); break;
    case 'S': buf_print(out, "%02d", date->second); break;
    case 'j': buf_print(out, "%03d", date->yearday + 1); break;
    case 'p': buf_put_text(out, date->hour < 12 ? "AM" : "PM"); break;
    case 'B': buf_put_text(out, months[date->month]); break;
    case 'b': buf_put(out, months[date->month], 3); break;
    case 'A': buf_put_text(out, days[date->weekday]); break;
    case 'a': buf_put(out, days[date->weekday], 3); break;
    case 'Z': buf_put_text(out, "UTC"); break;
    case 'z': buf_put_text(out, "+0000"); break;
    case '%': buf_put_char(out, '%'); break;
    default:
        buf_put_char(out, '%');
        buf_put_char(out, letter);
    }
}

BUILTIN(do_strftime_now) {
    struct jinja_span form = {0};
    (void)self;
    TRY(jinja_take_span(run, arguments, 0, "format", &form));
    struct date date = date_of(run->time_s);
    uint32_t from = run->heap.len;
    for (uint32_t i = 0; i < form.len; i++) {
        const char *at = run->heap.at + form.at + i;
        char text[32];
        struct buf out_text = buf_over(text, sizeof text);
        bool code = *at == '%' && i + 1 < form.len && (at[1] & 0x80) == 0;
        if (code) {
            put_date(&out_text, &date, at[1]);
            jinja_text_fill(&run->heap, buf_view(&out_text), 0);
            i++;
        } else {
            jinja_put_span(run, &run->heap, (struct jinja_span){form.at + i, 1});
        }
    }
    return jinja_built(run, from, out);
}

jinja_builtin *jinja_global_find(struct view name) {
    static const struct {
        const char *name;
        jinja_builtin *function;
    } table[] = {
        {"range", do_range},
        {"dict", do_dict},
        {"namespace", do_namespace},
        {"raise_exception", do_raise},
        {"strftime_now", do_strftime_now},
    };
    for (size_t i = 0; i < sizeof table / sizeof *table; i++)
        if (view_is(name, table[i].name)) return table[i].function;
    return NULL;
}
