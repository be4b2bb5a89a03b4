// Identifiers in texts as people write them: «…» marks what is to be found, of the detector named;
// nothing else of these detectors may be found.
#include <stdio.h>

#include "scan_fixture.h"

struct identifier_case {
    const char *detectors; // names, one per mark, "" for none at all
    const char *text;
};

static const struct identifier_case cases[] = {
#define X(detectors, text) {detectors, text},
#include "identifiers.def"
#include "identifiers_forms.def"
#undef X
};

// The text without its marks, and where they were.
static struct view unmarked(const char *marked, struct finding *marks, uint32_t *len, char *out) {
    size_t n = 0;
    *len = 0;
    for (const char *at = marked; *at; at++) {
        if (memcmp(at, "«", 2) == 0)
            marks[*len].at = (uint32_t)n, at++;
        else if (memcmp(at, "»", 2) == 0)
            marks[*len].len = (uint32_t)n - marks[*len].at, ++*len, at++;
        else
            out[n++] = *at;
    }
    return (struct view){out, n};
}

static void check(const struct identifier_case *one, unsigned *wrong) {
    char text[4096], names[256];
    struct finding marks[16];
    uint32_t len = 0, i = 0;
    struct view view = unmarked(one->text, marks, &len, text);
    struct scan scan = scan_all(view);
    snprintf(names, sizeof names, "%s", one->detectors);
    bool right = scan.findings_len == len;
    char *save = NULL;
    for (char *name = strtok_r(names, " ", &save); name; name = strtok_r(NULL, " ", &save), i++) {
        const struct finding *found = &scan.findings[i];
        right = right && i < len && found->at == marks[i].at && found->len == marks[i].len &&
                strcmp(detector_name((enum detector)found->detector), name) == 0;
    }
    if (right && i == len) return;
    ++*wrong;
    print_message("%s: %s\n", one->detectors, one->text);
    for (i = 0; i < scan.findings_len; i++)
        print_message(
            "    found %s %u «%.*s»\n", detector_name((enum detector)scan.findings[i].detector),
            scan.findings[i].score, (int)scan.findings[i].len, text + scan.findings[i].at);
}

static void what_is_marked_is_found_and_nothing_else(void **state) {
    (void)state;
    unsigned wrong = 0;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        check(&cases[i], &wrong);
    if (wrong) fail_msg("%u of %zu", wrong, sizeof cases / sizeof *cases);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_marked_is_found_and_nothing_else),
    };
    return cmocka_run_group_tests(tests, scan_setup, scan_teardown);
}
