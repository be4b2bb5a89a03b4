#include "base/fail.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { FAIL_TEXT_MAX = 512 };
static _Thread_local char fail_kept[FAIL_TEXT_MAX];

const char *fail_name(enum sk_code code) {
    static const char *const names[] = {
        [SK_OK] = "SK_OK",           [SK_INPUT] = "SK_INPUT",     [SK_DENIED] = "SK_DENIED",
        [SK_UNKNOWN] = "SK_UNKNOWN", [SK_LIMIT] = "SK_LIMIT",     [SK_BUSY] = "SK_BUSY",
        [SK_GONE] = "SK_GONE",       [SK_IO] = "SK_IO",           [SK_CORRUPT] = "SK_CORRUPT",
        [SK_UNSUPPORTED] = "SK_UNSUPPORTED",
    };
    size_t index = (size_t)code;
    return index < sizeof names / sizeof *names ? names[index] : "SK_?";
}

const char *fail_text(void) { return fail_kept; }

enum sk_code fail_set(enum sk_code code, const char *format, ...) {
    // Formatted aside first: an argument may be the kept text itself.
    char text[FAIL_TEXT_MAX];
    va_list list;
    va_start(list, format);
    vsnprintf(text, sizeof text, format, list);
    va_end(list);
    memcpy(fail_kept, text, sizeof text);
    return code;
}

enum sk_code fail_within(enum sk_code code, const char *format, ...) {
    char where[FAIL_TEXT_MAX / 2];
    va_list list;
    va_start(list, format);
    vsnprintf(where, sizeof where, format, list);
    va_end(list);
    return fail_set(code, "%s: %.*s", where, (int)(FAIL_TEXT_MAX - sizeof where - 3), fail_kept);
}

void must_failed(const char *what, const char *file, int line) {
    fprintf(stderr, "%s:%d: must hold: %s\n", file, line, what);
    abort();
}
