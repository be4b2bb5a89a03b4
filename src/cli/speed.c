#include "cli/speed.h"

#include <stdlib.h>

// Ids all over the vocabulary; what they mean has no influence on the time.
static enum sk_code make_ids(struct speed *speed, uint32_t len) {
    uint32_t vocabulary = engine_shape(speed->engine).vocabulary;
    speed->ids = calloc(len, sizeof *speed->ids);
    if (!speed->ids) return FAIL(SK_LIMIT, "no memory for %u token ids", len);
    uint64_t chance = 1;
    for (uint32_t i = 0; i < len; i++) {
        chance = chance * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
        speed->ids[i] = (int32_t)((chance >> 33) % vocabulary);
    }
    return SK_OK;
}

enum sk_code speed_open(struct speed *speed, struct engine *engine, uint32_t prompt_max) {
    *speed = (struct speed){.engine = engine, .world = world_real(-1)};
    return make_ids(speed, prompt_max ? prompt_max : 1);
}

void speed_close(struct speed *speed) {
    free(speed->ids);
    *speed = (struct speed){0};
}

static int64_t now(const struct speed *speed) {
    return speed->world.monotonic_us(speed->world.self);
}

// Forbids a token; the list stays sorted.
static enum sk_code forbid(struct speed *speed, int32_t token) {
    uint32_t at = speed->ends_len;
    if (at == SPEED_ENDS_MAX)
        return FAIL(SK_LIMIT, "more than %d tokens end an answer", SPEED_ENDS_MAX);
    for (; at > 0 && speed->ends[at - 1].token > token; at--) speed->ends[at] = speed->ends[at - 1];
    speed->ends[at] = (struct engine_bias){token, -100};
    speed->ends_len++;
    return SK_OK;
}

// Steps until every sequence has made its tokens. Time and tokens made count from the step on after
// which no sequence has a prompt to read.
static enum sk_code run_steps(struct speed *speed, uint32_t len, struct speed_time *time,
                              bool *cut) {
    struct engine_event events[SPEED_BATCH_MAX];
    uint32_t slots[SPEED_BATCH_MAX];
    int64_t read = 0;
    for (uint32_t i = 0; i < len; i++) slots[i] = i;
    *cut = false;
    while (len > 0) {
        engine_step(speed->engine, slots, len, events);
        uint32_t left = 0, reading = 0;
        for (uint32_t i = 0; i < len; i++) {
            const struct engine_event *event = &events[i];
            if (event->kind == ENGINE_FAILED)
                return FAIL(event->code, "%.*s", (int)event->why.len, event->why.at);
            if (event->kind == ENGINE_STOPPED) {
                *cut = true;
                return forbid(speed, event->token);
            }
            if (event->kind == ENGINE_PREFILL || event->kind == ENGINE_WAITED) reading++;
            else if (read) time->made++;
            if (event->kind != ENGINE_LENGTH) slots[left++] = slots[i];
        }
        if (!read && !reading) read = now(speed);
        len = left;
    }
    time->made_seconds = (double)(now(speed) - read) / 1e6;
    return SK_OK;
}

enum sk_code speed_round(struct speed *speed, const struct speed_test *test,
                         struct speed_time *time) {
    bool cut = true;
    enum sk_code code = SK_OK;
    while (cut && code == SK_OK) { // again, when a token not known to be an end came
        struct engine_job job = {
            .tokens_max = test->made ? test->made : 1,
            .one_by_one = true, // what a model of random weights repeats says nothing
            .sampling = {.logit_bias = speed->ends, .logit_bias_len = speed->ends_len}};
        *time = (struct speed_time){0};
        size_t len = test->prompt ? test->prompt : 1;
        int64_t started = now(speed);
        for (uint32_t i = 0; i < test->batch && code == SK_OK; i++)
            code = engine_start(speed->engine, i, &job, speed->ids, len);
        if (code == SK_OK) code = run_steps(speed, test->batch, time, &cut);
        time->seconds = (double)(now(speed) - started) / 1e6;
        for (uint32_t i = 0; i < test->batch; i++) engine_stop(speed->engine, i);
    }
    return code;
}
