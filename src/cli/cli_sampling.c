#include <stdlib.h>

#include "cli/cli.h"

static bool real(const char *text, float *out) {
    char *end;
    *out = strtof(text, &end);
    return *text && *end == 0; // NaN and infinities are out of every range
}

static bool count(const char *text, uint32_t *out) {
    uint64_t value;
    if (!cli_number(text, 0, UINT32_MAX, &value)) return false;
    *out = (uint32_t)value;
    return true;
}

bool cli_sampling_take(const struct cli_sampling *words, const char *usage,
                       struct engine_sampling *out) {
    *out = (struct engine_sampling){0};
    const struct {
        const char *name, *text;
        float *to;
    } reals[] = {{"--temperature", words->temperature, &out->temperature},
                 {"--top-p", words->top_p, &out->top_p},
                 {"--min-p", words->min_p, &out->min_p},
                 {"--repeat-penalty", words->repeat_penalty, &out->repetition_penalty}};
    for (size_t i = 0; i < sizeof reals / sizeof *reals; i++) {
        if (!reals[i].text || real(reals[i].text, reals[i].to)) continue;
        cli_usage(usage, "%s %s: a number is needed", reals[i].name, reals[i].text);
        return false;
    }
    if (words->top_k && !count(words->top_k, &out->top_k)) {
        cli_usage(usage, "--top-k %s: 0 to %u", words->top_k, UINT32_MAX);
        return false;
    }
    if (words->seed && !cli_number(words->seed, 0, UINT64_MAX, &out->seed)) {
        cli_usage(usage, "--seed %s: 0 to 2^64 - 1", words->seed);
        return false;
    }
    if (engine_sampling_check(out) == SK_OK) return true;
    cli_usage(usage, "%s", fail_text());
    return false;
}
