// The little of cmocka's API that the kernels' tests use, for machines cmocka is not built for. A
// failure ends the program. ONLY=NAME in the environment: that one test.
#pragma once
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct CMUnitTest {
    const char *name;
    void (*run)(void **state);
};

#define cmocka_unit_test(function) {#function, function}
#define print_message(...) printf(__VA_ARGS__)
#define fail_msg(...)                                                                              \
    do {                                                                                           \
        printf("%s:%d: ", __FILE__, __LINE__);                                                     \
        printf(__VA_ARGS__);                                                                       \
        putchar('\n');                                                                             \
        exit(1);                                                                                   \
    } while (0)
#define assert_true(condition)                                                                     \
    do {                                                                                           \
        if (!(condition)) fail_msg("%s", #condition);                                              \
    } while (0)
#define assert_false(condition) assert_true(!(condition))
#define assert_non_null(pointer) assert_true((pointer) != NULL)
#define assert_null(pointer) assert_true((pointer) == NULL)
#define assert_int_equal(a, b) assert_true((long long)(a) == (long long)(b))
#define assert_int_not_equal(a, b) assert_true((long long)(a) != (long long)(b))
#define assert_string_equal(a, b) assert_true(strcmp((a), (b)) == 0)
#define assert_memory_equal(a, b, size) assert_true(memcmp((a), (b), (size)) == 0)
#define assert_memory_not_equal(a, b, size) assert_true(memcmp((a), (b), (size)) != 0)
#define cmocka_run_group_tests(tests, setup, teardown)                                             \
    cmocka_run((tests), sizeof(tests) / sizeof *(tests), (setup))

static inline int cmocka_run(const struct CMUnitTest *tests, size_t len, int (*setup)(void **)) {
    const char *only = getenv("ONLY");
    void *state = NULL;
    if (setup && setup(&state)) return 1;
    for (size_t i = 0; i < len; i++) {
        if (only && strcmp(only, tests[i].name) != 0) continue;
        tests[i].run(&state);
        printf("ok %s\n", tests[i].name);
        fflush(stdout);
    }
    return 0;
}
