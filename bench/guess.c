// bench_guess [MODEL THREADS CASE...]: what guessed tokens bring (engine/guess.h). Answers are
// forced, token by token, upon a model whose text would be noise: real texts of this repository,
// cut into words, after prompts they rest on more or less. Each is made one by one and with
// guesses, in turns; the ratio is the median over the pairs. With random tokens there is nothing to
// guess, with two of them at random what is guessed is wrong half the time: guessing must cost
// nothing there.
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "chance.h"
#include "engine/state.h"
#include "node/weights.h"

enum { PROMPT = 400, ANSWER = 100, SEQUENCES = 8, PAIRS_MAX = 15, BYTES = 1 << 16, FIRST_ID = 300 };

struct text {
    int32_t ids[PROMPT + ANSWER];
    uint32_t prompt;
};

static uint64_t chance_state;
static uint32_t chance(uint32_t below) {
    return (uint32_t)(chance_next(&chance_state) >> 32) % below;
}

static double now(void) {
    struct timespec now;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now); // of one thread: others use this machine
    return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}

// ---- texts ----

static const char *const files[SEQUENCES] = {
    "src/engine/kv.c",     "src/engine/step.c",  "docs/policy.md", "src/engine/spout.c",
    "src/engine/sample.c", "docs/threat-model.md", "docs/tools.md", "src/engine/pool.c"};

static const char *read_file(const char *path, char *out) {
    FILE *file = fopen(path, "r");
    if (!file) {
        perror(path);
        exit(1);
    }
    out[fread(out, 1, BYTES - 1, file)] = 0;
    fclose(file);
    return out;
}

// A word of up to five letters with the space before it, up to three digits, or one sign.
static uint32_t cut(const char *text, int32_t *ids, uint32_t max, uint32_t vocabulary) {
    uint32_t len = 0;
    while (*text && len < max) {
        const char *end = text + (*text == ' ' && isalpha((uint8_t)text[1]));
        if (isalpha((uint8_t)*end))
            for (int i = 0; i < 5 && isalpha((uint8_t)*end); i++) end++;
        else if (isspace((uint8_t)*end))
            while (isspace((uint8_t)*end)) end++;
        else
            end++;
        uint32_t hash = 2166136261u;
        for (; text < end; text++) hash = (hash ^ (uint8_t)*text) * 16777619u;
        ids[len++] = FIRST_ID + (int32_t)(hash % (vocabulary - FIRST_ID));
    }
    return len;
}

// The lines `every` to be kept, as they are, with words replaced, or as fields of JSON.
static void write_answer(const char *kind, const char *from, char *out) {
    struct buf answer = buf_over(out, BYTES - 1);
    for (uint32_t i = 0; *from; i++) {
        size_t len = strcspn(from, "\n") + 1;
        if (strcmp(kind, "summary") == 0 && i % 3 == 0) buf_put(&answer, from, len);
        if (strcmp(kind, "extract") == 0 && i % 2 == 0)
            buf_print(&answer, "{\"line\": %u, \"text\": \"%.*s\"},\n", i, (int)len - 1, from);
        for (size_t j = 0; strcmp(kind, "edit") == 0 && j < len; j++) {
            bool there = strncmp(from + j, "the ", 4) == 0 || strncmp(from + j, "for ", 4) == 0;
            if (there) buf_put_text(&answer, "that_other ");
            if (there) j += 3;
            else buf_put_char(&answer, from[j]);
        }
        from += len - (from[len - 1] == 0);
    }
    out[answer.len] = 0;
}

static void make_text(const char *kind, uint32_t index, uint32_t vocabulary, struct text *text) {
    static char prompt[BYTES], answer[BYTES];
    uint32_t len, few = strcmp(kind, "two") == 0 ? 2 : vocabulary - FIRST_ID;
    if (strcmp(kind, "noise") == 0 || strcmp(kind, "two") == 0) {
        text->prompt = PROMPT;
        for (uint32_t i = 0; i < PROMPT + ANSWER; i++)
            text->ids[i] = FIRST_ID + (int32_t)chance(few);
        return;
    }
    text->prompt = cut(read_file(files[index], prompt), text->ids, PROMPT, vocabulary);
    if (strcmp(kind, "free") == 0)
        read_file(files[(index + 1) % SEQUENCES], answer);
    else
        write_answer(kind, prompt, answer);
    len = cut(answer, text->ids + text->prompt, ANSWER, vocabulary);
    must(len == ANSWER);
}

// ---- runs ----

static void force(struct slot *slot, const struct text *text) {
    slot->sampler.as.logit_bias_len = 1;
    slot->sampler.biases[0] = (struct engine_bias){text->ids[slot->len], 1e6f};
}

// Seconds of the answers after their first token.
static double run(struct engine *engine, const struct text *texts, uint32_t len, bool plain) {
    struct engine_job job = {.tokens_max = ANSWER, .one_by_one = plain};
    uint32_t slots[SEQUENCES];
    struct engine_event events[SEQUENCES];
    double began = 0;
    for (uint32_t i = 0; i < len; i++) {
        job.tenant = 1; // the second time the prompt is found
        must(engine_start(engine, slots[i] = i, &job, texts[i].ids, texts[i].prompt) == SK_OK);
    }
    for (uint32_t running = len; running > 0;) {
        bool all = true;
        for (uint32_t i = 0; i < running; i++)
            force(&engine->slots[slots[i]], &texts[slots[i]]);
        engine_step(engine, slots, running, events);
        uint32_t left = 0;
        for (uint32_t i = 0; i < running; i++) {
            must(events[i].kind != ENGINE_FAILED);
            all = all && events[i].prompt_done == texts[slots[i]].prompt;
            if (events[i].kind <= ENGINE_TEXT) slots[left++] = slots[i];
        }
        running = left;
        if (all && began == 0) began = now();
    }
    return now() - began;
}

static int by_size(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return x < y ? -1 : x > y;
}

static void run_case(struct engine *engine, const char *kind, uint32_t len, uint32_t pairs) {
    static struct text texts[SEQUENCES];
    double ratios[PAIRS_MAX], plain = 1e9, guessed = 1e9;
    chance_state = 1;
    for (uint32_t i = 0; i < len; i++) make_text(kind, i, engine->vocab.len, &texts[i]);
    for (uint32_t i = 0; i < pairs; i++) {
        double a = run(engine, texts, len, true), b = run(engine, texts, len, false);
        ratios[i] = a / b;
        plain = a < plain ? a : plain;
        guessed = b < guessed ? b : guessed;
    }
    qsort(ratios, pairs, sizeof *ratios, by_size);
    double tokens = (ANSWER - 1) * len;
    printf("RESULT guess.%s.%u %.2f x goal 0.97 %s (%.2f..%.2f; at best %.1f and %.1f tokens/s)\n",
           kind, len, ratios[pairs / 2], ratios[pairs / 2] >= 0.97 ? "met" : "missed", ratios[0],
           ratios[pairs - 1], tokens / plain, tokens / guessed);
    fflush(stdout);
}

int main(int argc, char **argv) {
    static const char *const kinds[] = {"edit", "extract", "summary", "free", "two", "noise"};
    static struct weights weights;
    static struct view views[WEIGHTS_PARTS_MAX];
    const char *path = argc > 1 ? argv[1] : "models/sekisho-keigo.gguf";
    struct engine_options options = {.slots = SEQUENCES, .context = PROMPT + ANSWER,
                                     .threads = argc > 2 ? (uint32_t)atoi(argv[2]) : 1};
    struct engine *engine;
    if (weights_open(&weights, path) != SK_OK || weights_map(&weights, views) != SK_OK ||
        engine_open(&engine, views, weights.len, options) != SK_OK) {
        printf("%s: %s\n", path, fail_text());
        return 1;
    }
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        bool asked = argc <= 3;
        for (int j = 3; j < argc; j++) asked = asked || strcmp(argv[j], kinds[i]) == 0;
        for (uint32_t len = 1; asked && len <= SEQUENCES; len *= len == 1 ? 2 : 4)
            run_case(engine, kinds[i], len, argc == 1 ? PAIRS_MAX : 3);
    }
    engine_close(engine);
    return 0;
}
