// Failure: ten codes that say what the caller may do, with the text kept beside.
//
// Promises: a function that can fail returns enum sk_code; when it is not SK_OK the thread's
// fail_text() names the field, the limit and the fix. Nothing here prints: a room or main reads the
// text once at its edge. Refuses: codes for causes (the text carries those).
#pragma once
#include <stddef.h>

enum sk_code {
    SK_OK = 0,
    SK_INPUT,       // the input is wrong: correct it
    SK_DENIED,      // not allowed: ask for the right
    SK_UNKNOWN,     // no such thing: name another
    SK_LIMIT,       // a stated limit was passed: ask for less
    SK_BUSY,        // not now: try again later
    SK_GONE,        // the other side left
    SK_IO,          // the machine failed: look at it
    SK_CORRUPT,     // stored or received bytes are damaged: do not use them
    SK_UNSUPPORTED, // correct, but not something this build does
};

// "SK_LIMIT" for SK_LIMIT; never NULL.
const char *fail_name(enum sk_code code);

// The text of this thread's last failure (valid until the next one); never NULL.
const char *fail_text(void);

// Keeps the text and returns `code`. Use through FAIL.
enum sk_code fail_set(enum sk_code code, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

// Puts "prefix: " before the kept text and returns `code`: says where, while passing on.
enum sk_code fail_within(enum sk_code code, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

#define FAIL(code, ...) fail_set((code), __VA_ARGS__)

#define TRY(expression)                                                                            \
    do {                                                                                           \
        enum sk_code try_code_ = (expression);                                                     \
        if (try_code_ != SK_OK) return try_code_;                                                  \
    } while (0)

// Our own bugs abort, in every build: must(queue_len <= queue_max).
_Noreturn void must_failed(const char *what, const char *file, int line);
#define must(condition)                                                                            \
    do {                                                                                           \
        if (__builtin_expect(!(condition), 0)) must_failed(#condition, __FILE__, __LINE__);        \
    } while (0)
