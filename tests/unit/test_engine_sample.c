// Sampling against a reference written apart from it: sorted lists, libm, no scratch, no heap.
#include "cmocka_chance.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/exact.h"
#include "engine/logprob.h"
#include "engine/sample.h"

enum { TOKENS = 200, PAST_MAX = 120 };

static uint32_t chance(uint32_t below) {
    return (uint32_t)(chance_next(&chance_state) >> 32) % below;
}
static float chance_float(float low, float high) {
    return low + (high - low) * ((float)chance(1 << 20) / (1 << 20));
}

// ---- a vocabulary, and one step ----

static struct vocab_token tokens[TOKENS];
static char token_texts[TOKENS][4];
static struct view token_views[TOKENS];
static struct vocab vocab = {
    .len = TOKENS, .tokens = tokens, .texts = {.at = token_views, .len = TOKENS}, .bos = -1};

// Tokens are "a", "b", … "aa", "ab", …; 0 is a control token, 1 a line break, 2 "x\n".
static void vocab_make(void) {
    for (int i = 0; i < TOKENS; i++) {
        snprintf(token_texts[i], sizeof token_texts[i], i < 26 ? "%c" : "%c%c", 'a' + i % 26,
                 'a' + i / 26);
        tokens[i] = (struct vocab_token){.kind = VOCAB_NORMAL};
    }
    tokens[0].kind = VOCAB_CONTROL;
    memcpy(token_texts[1], "\n", 2);
    memcpy(token_texts[2], "x\n", 3);
    for (int i = 0; i < TOKENS; i++) token_views[i] = view_of(token_texts[i]);
}

static uint32_t counts[TOKENS], order[TOKENS], matches[PAST_MAX];
static uint64_t sorted[2 * TOKENS];
static float adjusted[TOKENS + 16], weights[TOKENS + 16], packed[TOKENS + 16];

static struct choice choice_of(const float *logits, const int32_t *ids, uint32_t len,
                               uint32_t prompt) {
    return (struct choice){logits, TOKENS, {ids, len, prompt, counts}, NULL, adjusted, weights,
                           packed, order,  sorted,                     matches};
}

static struct sampler sampler_of(const struct engine_sampling *as) {
    struct sampler sampler;
    if (sampler_init(&sampler, as, &vocab) != SK_OK) fail_msg("%s", fail_text());
    return sampler;
}

static int32_t pick(struct sampler *sampler, const struct choice *choice) {
    int32_t token;
    assert_int_equal(sampler_pick(sampler, &kernels_scalar, choice, &token), SK_OK);
    for (int i = 0; i < TOKENS; i++) assert_int_equal(counts[i], 0);
    return token;
}

// ---- the reference ----

struct item {
    int32_t id;
    double logit, p, key;
};

struct reference {
    struct item items[TOKENS];
    int len;
    double margin; // how far the nearest decision was from going the other way
};

static void near(struct reference *r, double difference) {
    if (difference != 0 && fabs(difference) < r->margin) r->margin = fabs(difference);
}

static int by_key(const void *a, const void *b) {
    const struct item *x = a, *y = b;
    if (x->key != y->key) return x->key > y->key ? -1 : 1;
    return x->id - y->id;
}

static void sort_by(struct reference *r) {
    qsort(r->items, (size_t)r->len, sizeof *r->items, by_key);
    for (int i = 1; i < r->len; i++) near(r, r->items[i - 1].key - r->items[i].key);
}

static void probabilities(struct reference *r, double temperature) {
    double most = -1e300, sum = 0;
    for (int i = 0; i < r->len; i++) most = fmax(most, r->items[i].logit);
    for (int i = 0; i < r->len; i++)
        sum += r->items[i].p = exp((r->items[i].logit - most) / temperature);
    for (int i = 0; i < r->len; i++) r->items[i].p /= sum;
}

static void keep_share(struct reference *r, double share) {
    double sum = 0, all = 0;
    int kept = 0;
    for (int i = 0; i < r->len; i++) all += r->items[i].p;
    for (; kept < r->len && sum < share * all; kept++) {
        sum += r->items[kept].p;
        near(r, sum - share * all);
    }
    r->len = kept;
}

// How many tokens stand wholly after the last breaker or control token.
static int run_of(const struct engine_sampling *as, const int32_t *ids, int len) {
    char text[PAST_MAX * 4];
    int starts[PAST_MAX], at = 0, from = 0, run = 0;
    for (int i = 0; i < len; i++) {
        bool control = tokens[ids[i]].kind == VOCAB_CONTROL;
        starts[i] = at;
        if (control) from = i + 1;
        at = control ? 0 : at + sprintf(text + at, "%s", token_texts[ids[i]]);
    }
    int last = 0; // where the last breaker ends
    for (uint32_t b = 0; b < as->dry_breakers_len; b++) {
        int n = (int)as->dry_breakers[b].len;
        for (int i = 0; i + n <= at; i++)
            if (memcmp(text + i, as->dry_breakers[b].at, (size_t)n) == 0 && i + n > last)
                last = i + n;
    }
    for (int i = from; i < len; i++) run += starts[i] >= last;
    return run;
}

static bool bears_breaker(const struct engine_sampling *as, int32_t id) {
    for (uint32_t b = 0; b < as->dry_breakers_len; b++)
        if (memmem(token_texts[id], token_views[id].len, as->dry_breakers[b].at,
                   as->dry_breakers[b].len))
            return true;
    return tokens[id].kind == VOCAB_CONTROL;
}

static double dry_loss(const struct engine_sampling *as, const struct past *past, int32_t id) {
    uint32_t from = as->dry_penalty_last_n && as->dry_penalty_last_n < past->len
                        ? past->len - as->dry_penalty_last_n
                        : 0;
    int run = run_of(as, past->ids, (int)past->len), longest = 0;
    int allowed = as->dry_allowed_length ? (int)as->dry_allowed_length : 2;
    for (uint32_t next = from + 1; next < past->len; next++) {
        int n = 0;
        while (n < run && next - from > (uint32_t)n &&
               past->ids[next - 1 - (uint32_t)n] == past->ids[past->len - 1 - (uint32_t)n])
            n++;
        if (past->ids[next] == id && n > longest) longest = n;
    }
    if (longest < allowed || bears_breaker(as, id)) return 0;
    double base = as->dry_base > 0 ? (double)as->dry_base : 1.75;
    return (double)as->dry_multiplier * pow(base, longest - allowed);
}

static double adjusted_logit(const struct engine_sampling *as, const struct choice *c,
                             int32_t id) {
    double x = (double)c->logits[id];
    const struct past *past = &c->past;
    for (uint32_t i = 0; i < as->logit_bias_len; i++)
        if (as->logit_bias[i].token == id) x += (double)as->logit_bias[i].bias;
    uint32_t seen = 0, made = 0;
    for (uint32_t i = 0; i < past->len; i++) {
        if (as->penalty_last_n && i + as->penalty_last_n < past->len) continue;
        seen += past->ids[i] == id;
        made += past->ids[i] == id && i >= past->prompt;
    }
    if (seen && as->repetition_penalty > 0)
        x = x > 0 ? x / (double)as->repetition_penalty : x * (double)as->repetition_penalty;
    if (made) x -= (double)as->presence_penalty + made * (double)as->frequency_penalty;
    if (as->dry_multiplier > 0) x -= dry_loss(as, past, id);
    return fmax(-1e30, fmin(1e30, x));
}

static void cut_reference(const struct engine_sampling *as, struct reference *r) {
    if (as->top_k && as->top_k < TOKENS) {
        sort_by(r);
        r->len = (int)as->top_k;
    }
    probabilities(r, 1);
    if (as->typical_p > 0 && as->typical_p < 1) {
        double entropy = 0;
        for (int i = 0; i < r->len; i++)
            if (r->items[i].p > 0) entropy -= r->items[i].p * log(r->items[i].p);
        for (int i = 0; i < r->len; i++)
            r->items[i].key = -fabs(-log(r->items[i].p) - entropy);
        sort_by(r);
        keep_share(r, (double)as->typical_p);
        for (int i = 0; i < r->len; i++) r->items[i].key = r->items[i].logit;
    }
    if (as->top_p > 0 && as->top_p < 1) {
        sort_by(r);
        keep_share(r, (double)as->top_p);
    }
    double most = 0;
    int kept = 0;
    for (int i = 0; i < r->len; i++) most = fmax(most, r->items[i].p);
    for (int i = 0; i < r->len && as->min_p > 0; i++) {
        near(r, r->items[i].p - (double)as->min_p * most);
        if (r->items[i].p >= (double)as->min_p * most) r->items[kept++] = r->items[i];
    }
    if (as->min_p > 0) r->len = kept;
}

static int32_t pick_reference(const struct engine_sampling *as, const struct choice *c,
                              double *margin) {
    static struct reference r;
    r = (struct reference){.len = TOKENS, .margin = 1};
    for (int32_t id = 0; id < TOKENS; id++) {
        double x = adjusted_logit(as, c, id);
        r.items[id] = (struct item){.id = id, .logit = x, .key = (double)(float)x};
    }
    int32_t token;
    if (as->temperature < SAMPLE_COLD) {
        sort_by(&r);
        token = r.items[0].id;
        r.margin = r.items[0].key - r.items[1].key; // other places do not matter
        if (r.margin == 0) r.margin = 1;
    } else {
        cut_reference(as, &r);
        probabilities(&r, (double)as->temperature);
        uint64_t state = as->seed;
        double rest = (double)(chance_next(&state) >> 11) * 0x1p-53;
        token = r.items[r.len - 1].id;
        for (int i = 0; i < r.len; i++) {
            rest -= r.items[i].p;
            near(&r, rest);
            if (rest < 0) {
                token = r.items[i].id;
                break;
            }
        }
    }
    *margin = r.margin;
    return token;
}

// ---- random cases ----

static const struct view breakers[] = {{"\n", 1}, {"gh", 2}, {"dk", 2}};
static float case_logits[TOKENS];
static int32_t case_ids[PAST_MAX];
static struct engine_bias case_biases[3];

static void random_logits(void) {
    float spread = chance_float(0.5f, 8);
    for (int i = 0; i < TOKENS; i++)
        case_logits[i] = spread * (chance_float(-1, 1) + chance_float(-1, 1) + chance_float(-1, 1));
    for (int i = 0; i < 10; i++) case_logits[chance(TOKENS)] = case_logits[chance(TOKENS)]; // ties
}

static struct choice random_past(void) {
    uint32_t len = 1 + chance(PAST_MAX), few = 2 + chance(12); // few tokens: many repetitions
    for (uint32_t i = 0; i < len; i++)
        case_ids[i] = (int32_t)(chance(9) ? chance(few) + 3 : chance(TOKENS));
    if (chance(2) && len > 20) memcpy(case_ids + len - 8, case_ids + 3, 8 * sizeof *case_ids);
    return choice_of(case_logits, case_ids, len, chance(len + 1));
}

static struct engine_sampling random_sampling(void) {
    struct engine_sampling as = {.temperature = chance(5) ? chance_float(0.1f, 2) : 0,
                                 .seed = chance_next(&chance_state)};
    if (chance(2)) as.top_k = 1 + chance(TOKENS + 20);
    if (chance(2)) as.top_p = chance_float(0.05f, 1);
    if (chance(2)) as.min_p = chance_float(0, 0.5f);
    if (chance(3) == 0) as.typical_p = chance_float(0.05f, 1);
    if (chance(3) == 0) as.repetition_penalty = chance_float(0.5f, 2);
    if (chance(3) == 0) as.presence_penalty = chance_float(-2, 2);
    if (chance(3) == 0) as.frequency_penalty = chance_float(-2, 2);
    if (chance(2)) as.penalty_last_n = 1 + chance(PAST_MAX);
    if (chance(2)) as.dry_multiplier = chance_float(0.1f, 3);
    if (chance(2)) as.dry_base = chance_float(1, 3);
    if (chance(2)) as.dry_allowed_length = 1 + chance(4);
    if (chance(2)) as.dry_penalty_last_n = 1 + chance(PAST_MAX);
    as.dry_breakers = breakers;
    as.dry_breakers_len = chance(4);
    as.logit_bias = case_biases;
    as.logit_bias_len = chance(4);
    for (uint32_t i = 0; i < 3; i++)
        case_biases[i] = (struct engine_bias){(int32_t)(i * 60 + chance(60)), chance_float(-9, 9)};
    return as;
}

static void tokens_are_those_of_the_reference(void **state) {
    (void)state;
    enum { ROUNDS = 6000 };
    int close = 0;
    for (int round = 0; round < ROUNDS; round++) {
        uint64_t before = chance_state;
        random_logits();
        struct choice choice = random_past();
        struct engine_sampling as = random_sampling();
        struct sampler sampler = sampler_of(&as);
        double margin;
        int32_t token = pick(&sampler, &choice), want = pick_reference(&as, &choice, &margin);
        if (margin < 2e-6) close++;
        if (token != want && margin >= 2e-6)
            fail_msg("SEKISHO_SEED=%llu: token %d, not %d", (unsigned long long)before, token, want);
        for (enum engine_kernels kind = ENGINE_AVX2; kind < ENGINE_KERNELS_END; kind++) {
            const struct kernels *kernels;
            if (kernels_choose(kind, &kernels) != SK_OK) continue;
            int32_t same;
            sampler = sampler_of(&as);
            assert_int_equal(sampler_pick(&sampler, kernels, &choice, &same), SK_OK);
            assert_int_equal(same, token);
        }
    }
    print_message("%d of %d cases too close to compare\n", close, ROUNDS);
    assert_true(close < ROUNDS / 10);
}

static void greedy_takes_the_lowest_of_equals(void **state) {
    (void)state;
    float logits[TOKENS] = {0};
    struct choice choice = choice_of(logits, case_ids, 0, 0);
    struct engine_sampling as = {.temperature = 0};
    struct sampler greedy = sampler_of(&as);
    assert_int_equal(pick(&greedy, &choice), 0);
    logits[9] = logits[30] = 2;
    assert_int_equal(pick(&greedy, &choice), 9);
    as = (struct engine_sampling){.temperature = 1, .top_k = 1};
    struct sampler one = sampler_of(&as);
    as = (struct engine_sampling){.temperature = 1, .top_p = 0.001f};
    struct sampler narrow = sampler_of(&as);
    for (int i = 0; i < 100; i++) {
        assert_int_equal(pick(&one, &choice), 9);
        assert_int_equal(pick(&narrow, &choice), 9);
    }
    int32_t token;
    static const float bad[] = {NAN, INFINITY, -INFINITY};
    for (size_t i = 0; i < 3; i++) {
        logits[49] = bad[i];
        assert_int_equal(sampler_pick(&one, &kernels_scalar, &choice, &token), SK_CORRUPT);
        assert_int_equal(sampler_pick(&greedy, &kernels_scalar, &choice, &token), SK_CORRUPT);
    }
}

static void draws_follow_the_weights(void **state) {
    (void)state;
    enum { DRAWS = 50000, RANKS = 6 };
    float logits[TOKENS];
    for (int i = 0; i < TOKENS; i++) logits[i] = i < RANKS ? (float)-i / 2 : -80;
    struct choice choice = choice_of(logits, case_ids, 0, 0);
    struct engine_sampling as = {.temperature = 0.7f, .seed = 42};
    struct sampler sampler = sampler_of(&as);
    double total = 0;
    uint32_t count[TOKENS] = {0};
    for (int i = 0; i < RANKS; i++) total += exp(-i / 2.0 / 0.7);
    for (int i = 0; i < DRAWS; i++) count[pick(&sampler, &choice)]++;
    for (int i = 0; i < TOKENS; i++) {
        double want = i < RANKS ? DRAWS * exp(-i / 2.0 / 0.7) / total : 0;
        assert_true(fabs(count[i] - want) <= 5 * sqrt(want));
    }
}

// ---- penalties, one by one ----

static int32_t pick_with(struct engine_sampling as, const float *logits, const int32_t *ids,
                         uint32_t len, uint32_t prompt) {
    struct choice choice = choice_of(logits, ids, len, prompt);
    struct sampler sampler = sampler_of(&as);
    return pick(&sampler, &choice);
}

static void penalties_count_what_they_say(void **state) {
    (void)state;
    static const int32_t ids[] = {5, 6, 7, 6, 6}; // 5 6 were given, 7 6 6 made
    float logits[TOKENS] = {0};
    logits[5] = logits[6] = logits[7] = 2;
    logits[8] = 1.5f;
    struct engine_sampling as = {.presence_penalty = 1};
    assert_int_equal(pick_with(as, logits, ids, 5, 2), 5); // a prompt's token is not punished
    as = (struct engine_sampling){.repetition_penalty = 1.5f};
    assert_int_equal(pick_with(as, logits, ids, 5, 2), 8); // here it is
    as.penalty_last_n = 4;
    assert_int_equal(pick_with(as, logits, ids, 5, 2), 5); // out of sight again
    as = (struct engine_sampling){.frequency_penalty = 0.2f};
    logits[5] = 0;
    assert_int_equal(pick_with(as, logits, ids, 5, 2), 7); // 2 - 0.2 against 2 - 0.4
    as.frequency_penalty = -0.2f;
    assert_int_equal(pick_with(as, logits, ids, 5, 2), 6);
    as.penalty_last_n = 1;
    assert_int_equal(pick_with(as, logits, ids, 5, 2), 6);
    for (int i = 0; i < TOKENS; i++) logits[i] = -3; // below 0 a repetition is multiplied
    as = (struct engine_sampling){.repetition_penalty = 0.5f};
    assert_int_equal(pick_with(as, logits, ids, 5, 5), 5);
}

static void a_bias_forces_and_forbids(void **state) {
    (void)state;
    float logits[TOKENS] = {0};
    logits[9] = 20;
    struct engine_bias biases[] = {{9, -100}, {150, 100}};
    struct engine_sampling as = {.temperature = 1, .logit_bias = biases, .logit_bias_len = 1};
    for (as.seed = 0; as.seed < 500; as.seed++)
        assert_int_not_equal(pick_with(as, logits, NULL, 0, 0), 9);
    as.logit_bias_len = 2;
    for (as.seed = 0; as.seed < 500; as.seed++)
        assert_int_equal(pick_with(as, logits, NULL, 0, 0), 150);
}

// Token 30 follows the run 10 11 12 13 at the beginning, and the run comes again.
static void dry_breaks_repetitions(void **state) {
    (void)state;
    int32_t ids[] = {10, 11, 12, 13, 30, 50, 10, 11, 12, 13};
    float logits[TOKENS] = {0};
    logits[30] = 3;
    logits[40] = 0.1f;
    struct engine_sampling as = {.dry_multiplier = 1};
    assert_int_equal(pick_with(as, logits, ids, 10, 10), 40); // 3 - 1.75^2 = -0.06
    as.dry_base = 1.2f;
    assert_int_equal(pick_with(as, logits, ids, 10, 10), 30); // 3 - 1.2^2
    as.dry_base = 0;
    as.dry_allowed_length = 3;
    assert_int_equal(pick_with(as, logits, ids, 10, 10), 30); // 3 - 1.75
    as.dry_allowed_length = 0;
    as.dry_penalty_last_n = 9; // then the run is only 11 12 13
    assert_int_equal(pick_with(as, logits, ids, 10, 10), 30);
    as.dry_penalty_last_n = 0;
    const struct view across = {"lm", 2}; // 11 is "l", 12 is "m"
    as.dry_breakers = &across;
    as.dry_breakers_len = 1;
    assert_int_equal(pick_with(as, logits, ids, 10, 10), 30);
    as.dry_breakers_len = 0;
    ids[1] = ids[7] = 0; // a control token breaks too
    assert_int_equal(pick_with(as, logits, ids, 10, 10), 30);
    ids[1] = ids[7] = 11;
    as.dry_breakers = breakers;
    as.dry_breakers_len = 1;
    ids[4] = 2; // "x\n" holds a breaker: it loses nothing
    logits[2] = 4;
    assert_int_equal(pick_with(as, logits, ids, 10, 10), 2);
    int32_t same[PAST_MAX];
    for (int i = 0; i < PAST_MAX; i++) same[i] = 30;
    logits[2] = 0;
    as.dry_base = 100; // far over what a float holds
    assert_int_equal(pick_with(as, logits, same, PAST_MAX, 1), 40);
}

// ---- logprobs ----

static void logprobs_are_exact(void **state) {
    (void)state;
    for (int round = 0; round < 500; round++) {
        random_logits();
        if (round == 0) memset(case_logits, 0, sizeof case_logits);
        long double sum = 0;
        for (int i = 0; i < TOKENS; i++) sum += expl((long double)case_logits[i]);
        double total = logprob_total(case_logits, TOKENS);
        assert_true(fabsl((long double)total - logl(sum)) < 1e-13L);
        struct engine_candidate top[ENGINE_CANDIDATES_MAX];
        for (uint32_t len = 0; len <= ENGINE_CANDIDATES_MAX; len += 5) {
            assert_int_equal(logprob_top(case_logits, TOKENS, total, top, len), len);
            for (uint32_t i = 0; i < len; i++) {
                uint32_t rank = 0; // how many come before it
                for (int j = 0; j < TOKENS; j++)
                    rank += case_logits[j] > case_logits[top[i].token] ||
                            (case_logits[j] == case_logits[top[i].token] && j < top[i].token);
                assert_int_equal(rank, i);
                long double want = (long double)case_logits[top[i].token] - logl(sum);
                assert_true(fabsl((long double)top[i].logprob - want) < 1e-6L);
            }
        }
    }
    struct engine_candidate top[4];
    float pair[2] = {-1000, 1000};
    assert_int_equal(logprob_top(pair, 2, logprob_total(pair, 2), top, 4), 2);
    assert_true(top[0].token == 1 && top[0].logprob == 0 && top[1].logprob == -2000);
}

static void exact_functions_are_close(void **state) {
    (void)state;
    double worst = 0, worst_log = 0;
    for (double x = -699; x < 699; x += 0.00917)
        worst = fmax(worst, (double)fabsl((long double)exact_exp(x) / expl((long double)x) - 1));
    for (double x = 1e-300; x < 1e300; x *= 1.01) {
        long double want = logl((long double)x);
        worst_log = fmax(worst_log, (double)fabsl((long double)exact_log(x) - want) /
                                        fmax(1, (double)fabsl(want)));
    }
    print_message("exp off by %.2g, log by %.2g\n", worst, worst_log);
    assert_true(worst < 1e-15 && worst_log < 1e-15);
    assert_true(exact_exp(0) == 1 && exact_log(1) == 0 && exact_exp(-701) == 0);
    assert_true(exact_exp(-INFINITY) == 0);
}

int main(void) {
    vocab_make();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tokens_are_those_of_the_reference),
        cmocka_unit_test(greedy_takes_the_lowest_of_equals),
        cmocka_unit_test(draws_follow_the_weights),
        cmocka_unit_test(penalties_count_what_they_say),
        cmocka_unit_test(a_bias_forces_and_forbids),
        cmocka_unit_test(dry_breaks_repetitions),
        cmocka_unit_test(logprobs_are_exact),
        cmocka_unit_test(exact_functions_are_close),
    };
    return cmocka_run_group_tests(tests, chance_seed, NULL);
}
