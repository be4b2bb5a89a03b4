// sekisho border check, test, explain, diff: what a policy file says.
#include "cli/cli.h"
#include "cli/detect.h"
#include "node/policy_files.h"

#include <stdio.h>
#include <string.h>

enum { EXPIRING_DAYS = 30, TEXT_MAX = 256 << 20 };

struct loaded {
    struct arena arena;
    struct policy policy;
    const char *file;
    int64_t day;
};

// The policy of `file`, or of the configuration when it is NULL.
static enum sk_code load(const char *file, const struct conf *conf, struct loaded *out) {
    out->file = file ? file : conf->policy;
    out->day = policy_files_today();
    if (!out->file[0])
        return FAIL(SK_UNKNOWN, "%s names no border.policy: give a FILE", conf->file);
    TRY(arena_open(&out->arena, "policy", POLICY_FILES_ARENA));
    return policy_files_read(out->file, out->day, &out->arena, &out->policy);
}

// With a file the configuration is not needed: a policy is checked where it is written.
static enum sk_code load_words(const char *file, const char *config, struct conf *conf,
                               struct loaded *out) {
    enum sk_code code = conf_read(config, conf);
    if (code != SK_OK && (!file || config)) return code;
    return load(file, conf, out);
}

static enum sk_code out_open(struct buf *out) {
    return buf_open(out, TEXT_MAX);
}

static int out_print(struct buf *out, int status) {
    if (buf_check(out, "policy") != SK_OK) return cli_failed();
    fwrite(out->at, 1, out->len, stdout);
    buf_close(out);
    return status;
}

// ---- check ----

static const char check_usage[] =
    "usage: sekisho border check [FILE] [--config FILE]\n\n"
    "Reads a policy with its packs, runs their tests, proves its routes, and says what a person\n"
    "should look at: what expires within 30 days, what is off, what nothing leads to. Without "
    "FILE\n"
    "the policy of the configuration. Exit code 1: it does not load, with file, line and column.\n";

static void keys_lint(const struct policy *policy, const struct conf *conf, struct buf *out) {
    for (uint32_t t = 1; t < policy->tenants_len; t++) {
        const struct policy_tenant *tenant = &policy->tenants[t];
        if (tenant->keys_len == 0) buf_print(out, "tenant.%s has no keys\n", tenant->id);
        for (uint32_t k = 0; k < tenant->keys_len; k++) {
            bool there = false;
            for (uint32_t i = 0; i < conf->keys_len; i++)
                there = there || strcmp(conf->keys[i].name, tenant->keys[k]) == 0;
            if (!there)
                buf_print(out, "tenant.%s: no key is called %s in %s\n", tenant->id,
                          tenant->keys[k], conf->file);
        }
    }
}

// A class whose detector has no file: the border cannot judge, and refuses.
static void detectors_lint(const struct loaded *loaded, const struct conf *conf, struct buf *out) {
    static struct cli_detectors detectors;
    const struct policy *policy = &loaded->policy;
    if (cli_detectors_open(conf->detectors, loaded->file, &detectors) != SK_OK) {
        buf_print(out, "every request is refused: %s\n", fail_text());
        return;
    }
    for (uint32_t c = 0; c < policy->classes_len; c++)
        for (unsigned i = 0; i < DETECTOR_COUNT; i++)
            if (policy->classes[c].detect.bits & ~detectors.working.bits & UINT64_C(1) << i)
                buf_print(out, "class.%s: %s has no detector file: every request is refused%s\n",
                          policy->classes[c].id, detector_name((enum detector)i),
                          i == DETECTOR_LISTED ? " (make it: sekisho border words)" : "");
    cli_detectors_close(&detectors);
}

static void indented(const char *head, struct view lines) {
    struct view line;
    if (lines.len) printf("%s\n", head);
    while (view_next(&lines, '\n', &line))
        printf("  %.*s\n", (int)line.len, line.at);
}

int cmd_border_check(int argc, char **argv) {
    static struct conf conf;
    static struct loaded loaded;
    const char *config = NULL;
    const struct cli_option options[] = {{"--config", &config, NULL}, {0}};
    int rest;
    struct buf soon = {0}, look = {0};
    if (!cli_options(argc, argv, check_usage, options, &rest)) return EXIT_USAGE;
    if (rest > 1) return cli_usage(check_usage, "one FILE");
    const char *file = rest ? argv[1] : NULL;
    if (load_words(file, config, &conf, &loaded) != SK_OK) return cli_failed();
    if (out_open(&soon) != SK_OK || out_open(&look) != SK_OK) return cli_failed();
    const struct policy *policy = &loaded.policy;
    policy_expiring(policy, loaded.day, EXPIRING_DAYS, &soon);
    policy_lint(policy, loaded.day, &look);
    detectors_lint(&loaded, &conf, &look);
    if (!file || config) keys_lint(policy, &conf, &look);
    printf("%s: good: %u classes, %u places, %u routes, %u tests pass\n", loaded.file,
           policy->classes_len, policy->places_len, policy->routes_len, policy->tests_len);
    indented("soon", buf_view(&soon));
    indented("to look at", buf_view(&look));
    return EXIT_DONE;
}

// ---- test ----

static const char test_usage[] = "usage: sekisho border test [FILE] [--config FILE]\n\n"
                                 "Runs the tests of a policy and of its packs. Exit code 1: one "
                                 "fails; it is named with what was\n"
                                 "expected and what came, file, line and column.\n";

int cmd_border_test(int argc, char **argv) {
    static struct conf conf;
    static struct loaded loaded;
    const char *config = NULL;
    const struct cli_option options[] = {{"--config", &config, NULL}, {0}};
    int rest;
    if (!cli_options(argc, argv, test_usage, options, &rest)) return EXIT_USAGE;
    if (rest > 1) return cli_usage(test_usage, "one FILE");
    if (load_words(rest ? argv[1] : NULL, config, &conf, &loaded) != SK_OK) return cli_failed();
    printf("%s: %u tests pass\n", loaded.file, loaded.policy.tests_len);
    return EXIT_DONE;
}

// ---- explain ----

static const char explain_usage[] =
    "usage: sekisho border explain [FILE] [--json] [--config FILE]\n\n"
    "Prints the whole table of a policy: for each class, with each consent, how far it may go; "
    "how\n"
    "far each place is, and why one is off. --json: every cell of class, place and consent.\n";

int cmd_border_explain(int argc, char **argv) {
    static struct conf conf;
    static struct loaded loaded;
    const char *config = NULL;
    bool json = false;
    const struct cli_option options[] = {{"--config", &config, NULL}, {"--json", NULL, &json}, {0}};
    int rest;
    struct buf out = {0};
    if (!cli_options(argc, argv, explain_usage, options, &rest)) return EXIT_USAGE;
    if (rest > 1) return cli_usage(explain_usage, "one FILE");
    if (load_words(rest ? argv[1] : NULL, config, &conf, &loaded) != SK_OK) return cli_failed();
    if (out_open(&out) != SK_OK) return cli_failed();
    policy_explain(&loaded.policy, loaded.day, json, &out);
    return out_print(&out, EXIT_DONE);
}

// ---- diff ----

static const char diff_usage[] =
    "usage: sekisho border diff OLD NEW [--json]\n\n"
    "Says what NEW opens and closes beside OLD, the farthest first. Exit code 0: nothing opens,\n"
    "3: something does, 1: one of them does not load.\n";

int cmd_border_diff(int argc, char **argv) {
    static struct loaded old, fresh;
    static const struct conf none;
    bool json = false;
    const struct cli_option options[] = {{"--json", NULL, &json}, {0}};
    int rest;
    uint32_t opened;
    struct buf out = {0};
    if (!cli_options(argc, argv, diff_usage, options, &rest)) return EXIT_USAGE;
    if (rest != 2) return cli_usage(diff_usage, "two policies, OLD and NEW");
    if (load(argv[1], &none, &old) != SK_OK || load(argv[2], &none, &fresh) != SK_OK ||
        out_open(&out) != SK_OK)
        return cli_failed();
    policy_diff(&old.policy, &fresh.policy, fresh.day, json, &out, &opened);
    if (!json && out.len == 0) buf_put_text(&out, "nothing opens, nothing closes\n");
    return out_print(&out, opened ? EXIT_REJECTED : EXIT_DONE);
}
