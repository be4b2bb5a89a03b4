// Batches (I9): 200 mixed requests alone and in every kind of company, with any kernels and any
// number of threads, in any memory, tokens guessed or one by one: the same tokens, text and bits of
// logprobs. And what a batch
// promises: prefixes shared within a tenant only, no prompt that holds up answers, memory set aside.
#include "cmocka_all.h"

#include <stdlib.h>
#include <string.h>

#include "engine/engine.h"
#include "specimen.h"

enum { REQUESTS = 200, CONTEXT = 128, TEXT_MAX = 2048, SLOTS = 64, TOP = 3, STEP_TOKENS = 64, BESIDE = 32 };

struct request {
    struct engine_job job;
    int32_t ids[CONTEXT];
    size_t len;
    uint32_t leave_after; // tokens after which its client leaves; 0: never
};

struct answer {
    uint32_t tokens;
    int32_t token[CONTEXT];
    float logprob[CONTEXT];
    struct engine_candidate top[CONTEXT][TOP];
    char text[TEXT_MAX];
    size_t text_len;
    enum engine_event_kind end;
};

static struct request requests[REQUESTS];
static struct answer alone[REQUESTS], beside[REQUESTS];
static uint64_t chance_state = 11;

static uint32_t chance(uint32_t below) {
    chance_state = chance_state * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)(chance_state >> 33) % below;
}

static struct engine_sampling chance_sampling(void) {
    static const struct engine_bias biases[] = {{210, 3}, {240, -100}};
    static const struct engine_bias narrow[] = {{210, 60}, {240, 60}}; // so that it repeats itself
    struct engine_sampling s = {.seed = chance(1000)};
    if (chance(3) == 0) s.logit_bias = narrow, s.logit_bias_len = 1 + chance(2);
    if (chance(3) == 0) return s;
    s.temperature = (float)chance(20) / 10;
    if (chance(2)) s.top_k = 1 + chance(50);
    if (chance(2)) s.top_p = (float)(1 + chance(10)) / 10;
    if (chance(4) == 0) s.min_p = 0.05f;
    if (chance(4) == 0) s.typical_p = 0.9f;
    if (chance(4) == 0) s.repetition_penalty = 1.3f;
    if (chance(4) == 0) s.presence_penalty = 0.5f;
    if (chance(4) == 0) s.frequency_penalty = 0.25f;
    if (chance(4) == 0) s.dry_multiplier = 0.8f;
    if (chance(4) == 0) s.logit_bias = biases, s.logit_bias_len = 2;
    return s;
}

// Prompts begin like others: as much of one of four texts as chance says, then their own words.
static void make_requests(void) {
    static const char *const stops[] = {"a", "he", "世", "or", "wor", "."};
    for (size_t i = 0; i < REQUESTS; i++) {
        struct request *r = &requests[i];
        uint32_t text = chance(4), common = chance(90);
        *r = (struct request){.len = common + 1 + chance(30)};
        for (uint32_t j = 0; j < r->len; j++)
            r->ids[j] = 200 + (int32_t)(j < common ? (j * j + text * 7) % 50 : chance(50));
        r->job = (struct engine_job){.sampling = chance_sampling(),
                                     .tokens_max = chance(9) ? 1 + chance(8) : 0,
                                     .logprobs = 1 + TOP,
                                     .tenant = chance(4)};
        if (chance(4) == 0) r->job.stops[r->job.stops_len++] = view_of(stops[chance(6)]);
        if (chance(5) == 0) r->leave_after = 1 + chance(6);
    }
}

static struct engine *open_engine(struct make *make, struct engine_options options) {
    struct engine *engine;
    if (engine_open_file(&engine, buf_view(&make->file), options) != SK_OK) {
        assert_non_null(strstr(fail_text(), "CPU lacks"));
        return NULL;
    }
    return engine;
}

static void start(struct engine *engine, uint32_t slot, const struct request *r) {
    if (engine_start(engine, slot, &r->job, r->ids, r->len) != SK_OK) fail_msg("%s", fail_text());
}

static struct engine_event step_one(struct engine *engine, uint32_t slot) {
    struct engine_event event;
    engine_step(engine, &slot, 1, &event);
    return event;
}

// False when that was the last event.
static bool take(struct answer *answer, const struct engine_event *event) {
    assert_true(event->kind != ENGINE_FAILED);
    if (event->kind <= ENGINE_PREFILL) return true;
    uint32_t at = answer->tokens++;
    answer->token[at] = event->token;
    answer->logprob[at] = event->logprob;
    for (uint32_t i = 0; i < event->top_len && i < TOP; i++) answer->top[at][i] = event->top[i];
    struct buf text = buf_over(answer->text + answer->text_len, TEXT_MAX - answer->text_len);
    engine_event_content(event, &text);
    assert_false(text.over);
    answer->text_len += text.len;
    answer->end = event->kind;
    return event->kind == ENGINE_TEXT;
}

static void run(struct engine *engine, uint32_t slot, const struct request *r,
                struct answer *answer) {
    struct engine_event event;
    *answer = (struct answer){0};
    start(engine, slot, r);
    do event = step_one(engine, slot);
    while (take(answer, &event));
}

// `b` may have been left early.
static void assert_same(const struct answer *a, const struct answer *b, bool left) {
    uint32_t n = left ? b->tokens : a->tokens;
    assert_true(b->tokens == n && n <= a->tokens);
    assert_memory_equal(a->token, b->token, n * sizeof *a->token);
    assert_memory_equal(a->logprob, b->logprob, n * sizeof *a->logprob);
    assert_memory_equal(a->top, b->top, n * sizeof *a->top);
    size_t len = left ? b->text_len : a->text_len;
    assert_true(b->text_len == len && len <= a->text_len);
    assert_memory_equal(a->text, b->text, len);
    if (!left) assert_int_equal(a->end, b->end);
}

// ---- the mix ----

static struct {
    uint32_t cached, waited, busy, left, most, let_by, fetched;
} met; // so that a test which tests nothing fails

struct mix {
    struct engine *engine;
    uint32_t slots, next, running, requests;
    uint32_t of[SLOTS]; // request + 1
};

static void arrive(struct mix *mix) {
    for (uint32_t i = 0; i < mix->slots && mix->next < mix->requests; i++) {
        struct request *r = &requests[mix->next];
        if (mix->of[i] || chance(3)) continue;
        enum sk_code code = engine_start(mix->engine, i, &r->job, r->ids, r->len);
        if (code == SK_BUSY) {
            assert_true(mix->running > 0);
            met.busy++;
            return;
        }
        if (code != SK_OK) fail_msg("%s", fail_text());
        mix->of[i] = ++mix->next;
        mix->running++;
        beside[mix->next - 1] = (struct answer){0};
    }
    met.most = mix->running > met.most ? mix->running : met.most;
}

static void leave_slot(struct mix *mix, uint32_t slot, bool left) {
    uint32_t index = mix->of[slot] - 1;
    assert_same(&alone[index], &beside[index], left);
    engine_stop(mix->engine, slot);
    mix->of[slot] = 0;
    mix->running--;
    met.left += left;
}

// A step of some of those that run, in any order; often without prompts, so that they guess.
static void step_some(struct mix *mix) {
    uint32_t slots[SLOTS] = {0}, len = 0, from = chance(mix->slots);
    struct engine_event events[SLOTS];
    bool answers = chance(2);
    for (uint32_t i = 0; i < mix->slots; i++) {
        uint32_t slot = (from + i) % mix->slots;
        bool reads = mix->of[slot] && !beside[mix->of[slot] - 1].tokens;
        if (mix->of[slot] && chance(8) && !(answers && reads)) slots[len++] = slot;
    }
    engine_step(mix->engine, slots, len, events);
    for (uint32_t i = 0; i < len; i++) {
        uint32_t index = mix->of[slots[i]] - 1;
        const struct request *r = &requests[index];
        struct answer *answer = &beside[index];
        met.waited += events[i].kind == ENGINE_WAITED;
        met.let_by += events[i].kind == ENGINE_WAITED && answer->tokens > 0;
        if (events[i].kind > ENGINE_PREFILL)
            assert_true(events[i].top_len == TOP && events[i].logprob < 0);
        assert_true(events[i].prompt_cached < r->len && events[i].prompt_cached % 16 == 0);
        assert_true(r->job.tenant || events[i].prompt_cached == 0);
        if (!take(answer, &events[i])) {
            met.cached += events[i].prompt_cached;
            leave_slot(mix, slots[i], false);
        } else if (r->leave_after && answer->tokens >= r->leave_after) {
            leave_slot(mix, slots[i], true);
        }
    }
}

// A disk in memory: what it gave back was put there under the same bounds; at times it is full or
// damaged, unless it is sound.
static bool sound;
enum { PLACES_MAX = 32, BOUND_MAX = 128, PAGE_BYTES_MAX = 1 << 20 };
static struct place {
    struct buf bytes;
    char bound[BOUND_MAX];
} places[PLACES_MAX];

static bool place_put(void *self, uint32_t at, struct view bound, struct view page) {
    struct place *place = &places[at];
    assert_true(self == places && at < PLACES_MAX && bound.len <= BOUND_MAX);
    if (!place->bytes.at && buf_open(&place->bytes, PAGE_BYTES_MAX) != SK_OK) fail();
    buf_reset(&place->bytes);
    buf_put_view(&place->bytes, page);
    assert_false(place->bytes.over);
    memcpy(place->bound, bound.at, bound.len);
    return sound || chance(50) > 0;
}

static bool place_get(void *self, uint32_t at, struct view bound, struct view page) {
    const struct place *place = &places[at];
    assert_true(self == places && at < PLACES_MAX && place->bytes.len == page.len);
    assert_memory_equal(place->bound, bound.at, bound.len);
    bool good = sound || chance(10) > 0;
    memset((char *)(uintptr_t)page.at, 0xff, page.len); // what is not good may be anything
    if (good) memcpy((char *)(uintptr_t)page.at, place->bytes.at, page.len);
    met.fetched += good;
    return good;
}

static void place_drop(void *self, uint32_t at) {
    assert_true(self == places);
    buf_reset(&places[at].bytes);
}

static void run_mix(struct make *make, struct engine_options options, uint32_t len,
                    uint64_t seed) {
    chance_state = seed;
    options.slots = 2 + chance(SLOTS - 1);
    if (chance(2))
        options.spill = (struct engine_spill){places, 1 + chance(PLACES_MAX), place_put, place_get,
                                              place_drop};
    struct engine *engine = open_engine(make, options);
    if (!engine) return;
    if (options.spill.places || chance(2)) { // less memory than all slots can use, and a context's
        struct engine_shape shape = engine_shape(engine);
        engine_close(engine);
        uint64_t pages = shape.tokens_held / 16, few = CONTEXT / 16 + chance(24);
        options.memory_max = shape.state_bytes - shape.state_bytes / (2 + chance(4));
        if (options.spill.places && pages > few)
            options.memory_max = shape.state_bytes - (pages - few) * shape.page_bytes;
        if (engine_open_file(&engine, buf_view(&make->file), options) != SK_OK) {
            options.memory_max = 0;
            engine = open_engine(make, options);
        }
    }
    struct mix mix = {.engine = engine, .slots = options.slots, .requests = len};
    while (mix.next < len || mix.running > 0) {
        arrive(&mix);
        step_some(&mix);
    }
    engine_close(engine);
}

// The first `len` requests alone, then in company, `rounds` times: of AVX2 and AVX-512, and a
// quarter of them by the slow scalar kernels.
static void compare(struct make *make, uint32_t len, uint32_t rounds, enum engine_cache cache) {
    struct engine_options options = {
        .slots = 1, .threads = 1, .context = CONTEXT, .cache = cache};
    struct engine *engine = open_engine(make, options);
    for (size_t i = 0; i < len; i++) {
        struct request r = requests[i];
        r.job.one_by_one = true;
        run(engine, 0, &r, &alone[i]);
    }
    engine_close(engine);
    for (uint32_t round = 0; round < rounds; round++) {
        options.kernels = round == 2 ? ENGINE_SCALAR : ENGINE_AVX2 + round % 2;
        options.threads = 2 - round / 2 % 2;
        run_mix(make, options, round == 2 ? len / 4 : len, make->chance + round);
    }
}

static void company_changes_nothing(void **state) {
    (void)state;
    static struct make makes[] = {{.width = 64, .ff = 192}, {.matrix_type = 3}};
    make_requests();
    for (size_t i = 0; i < sizeof makes / sizeof *makes; i++) {
        makes[i].chance = i;
        make_file(&makes[i]);
        compare(&makes[i], REQUESTS, 8, ENGINE_CACHE_F16);
        make_free(&makes[i]);
    }
    print_message("%u slots at once, %u tokens found, %u waits, %u times no memory, %u left, "
                  "%u times guesses let by, %u pages from disk\n",
                  met.most, met.cached, met.waited, met.busy, met.left, met.let_by, met.fetched);
    assert_true(met.most > 32 && met.cached > 1000 && met.busy > 100 && met.left > 100);
    assert_true(met.let_by > 1000 && met.fetched > 10);
}

static void company_changes_nothing_in_eight_bits(void **state) {
    (void)state;
    struct make make = {.width = 64, .ff = 192};
    make_requests();
    make_file(&make);
    met.fetched = 0;
    compare(&make, 80, 4, ENGINE_CACHE_Q8_0);
    assert_true(met.fetched > 10);
    make_free(&make);
}

static void families_do_not_mind_company(void **state) {
    (void)state;
    make_requests();
    for (const struct specimen *specimen = specimens; specimen->name; specimen++) {
        struct make make = {.chance = 3};
        if (specimen->has & HAS_ENCODER) continue;
        specimen_make(&make, specimen, weight_type_find("Q8_0"), false, 64);
        compare(&make, 40, 2, ENGINE_CACHE_F16);
        make_free(&make);
    }
}

// ---- what is promised beside ----

static struct engine *open_made(struct make *make, uint32_t slots) {
    make_file(make);
    return open_engine(make, (struct engine_options){.slots = slots, .threads = 1});
}

static struct request request_of(size_t len, uint32_t tokens_max, uint64_t tenant) {
    struct request r = {.len = len, .job = {.tokens_max = tokens_max, .tenant = tenant}};
    for (size_t i = 0; i < len; i++) r.ids[i] = 262 + (int32_t)(i * i % 50);
    return r;
}

// Bounds of what is found: whole pages of 16, exactly the same tokens, never the last one of the
// prompt, the same tenant; tenant 0 finds nothing and leaves nothing to be found.
static void prefixes_are_shared_within_a_tenant(void **state) {
    (void)state;
    struct make make = {0};
    struct engine *engine = open_made(&make, 24); // so that nothing has to make room
    static const struct {
        uint64_t tenant;
        uint32_t len, changed, cached; // changed: 1 + token that differs
    } cases[] = {
        {0, 100, 0, 0}, {0, 100, 0, 0},   {1, 100, 0, 0},  {2, 100, 0, 0},   {1, 100, 0, 96},
        {2, 96, 0, 80}, {1, 97, 0, 96},   {1, 100, 1, 0},  {1, 100, 50, 48}, {3, 16, 0, 0},
        {3, 17, 0, 16}, {0, 100, 0, 0},   {9, 100, 0, 0},  {1, 100, 96, 80}, {1, 100, 97, 96},
        {1, 16, 0, 0},  {1, 100, 100, 96}};
    static struct answer first, again;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct request r = request_of(cases[i].len, 9, cases[i].tenant);
        if (cases[i].changed) r.ids[cases[i].changed - 1] = 261;
        start(engine, 0, &r);
        struct engine_event event = step_one(engine, 0);
        assert_int_equal(event.prompt_cached, cases[i].cached);
        uint32_t left = cases[i].len - cases[i].cached;
        assert_int_equal(event.prompt_done - event.prompt_cached,
                         left < STEP_TOKENS ? left : STEP_TOKENS);
        engine_stop(engine, 0);
        run(engine, 0, &r, &again);
        r.job.tenant = 0;
        run(engine, 1, &r, &first);
        assert_same(&first, &again, false);
    }
    engine_close(engine);
    make_free(&make);
}

// A prompt that runs beside one with the same beginning does not compute what that one has done,
// and an answer is found by the prompt that quotes it.
static void what_runs_is_shared_too(void **state) {
    (void)state;
    struct make make = {0};
    struct engine *engine = open_made(&make, 8);
    struct request r = request_of(110, 1, 5), quick = request_of(2, 100, 0);
    static const uint32_t pair[] = {2, 0}; // beside an answer a prompt is read in smaller parts
    static struct answer answer;
    struct engine_event events[2], event;
    start(engine, 2, &quick);
    step_one(engine, 2);
    start(engine, 0, &r);
    engine_step(engine, pair, 2, events);
    start(engine, 1, &r);
    engine_step(engine, pair, 2, events); // the other goes on, this one has not begun
    assert_int_equal(events[1].prompt_done, 2 * BESIDE);
    event = step_one(engine, 1);
    assert_int_equal(event.prompt_cached, 2 * BESIDE);
    engine_stop(engine, 0);
    engine_stop(engine, 1);
    r = request_of(40, 30, 5);
    run(engine, 0, &r, &answer);
    memcpy(r.ids + r.len, answer.token, 29 * sizeof *r.ids);
    r.len += 29;
    start(engine, 1, &r);
    event = step_one(engine, 1);
    assert_int_equal(event.prompt_cached, 64);
    engine_close(engine);
    make_free(&make);
}

// Those that make tokens make one in every step, however long the prompts beside them are; and a
// short prompt does not wait for the end of a long one.
static void prompts_do_not_hold_up_answers(void **state) {
    (void)state;
    struct make make = {0};
    struct engine *engine = open_made(&make, 8);
    struct request quick = request_of(2, 100, 0), slow = request_of(127, 1, 0);
    uint32_t slots[8] = {0}, len = 0;
    struct engine_event events[8];
    for (; len < 4; len++) {
        start(engine, slots[len] = len, &quick);
        step_one(engine, len);
    }
    for (; len < 7; len++) start(engine, slots[len] = len, &slow);
    for (uint32_t step = 1; step <= 7; step++) {
        engine_step(engine, slots, 7, events);
        uint32_t read = 0;
        for (uint32_t i = 0; i < 4; i++) assert_int_equal(events[i].kind, ENGINE_TEXT);
        for (uint32_t i = 4; i < 7; i++) read += events[i].prompt_done;
        assert_int_equal(read, BESIDE * step);
        assert_int_equal(events[4].prompt_done, BESIDE / 2 * step); // half is the oldest's
    }
    struct request shorter = request_of(5, 4, 0);
    start(engine, slots[7] = 7, &shorter);
    engine_step(engine, slots, 8, events);
    assert_int_equal(events[7].kind, ENGINE_TEXT);
    engine_close(engine);
    make_free(&make);
}

// A prompt of another tenant, whose pages need the room of all others.
static void put_out(struct engine *engine, uint64_t tenant) {
    struct request r = request_of(120, 1, tenant);
    static struct answer answer;
    run(engine, 1, &r, &answer);
}

// Pages of a prompt come back from disk a few a step, before any of it is computed, and the answer
// beside it goes on in every step; it is the answer that there was, and what it lacked was read.
static void disk_does_not_hold_up_answers(void **state) {
    (void)state;
    struct make make = {.width = 64, .ff = 192};
    make_file(&make);
    sound = true;
    for (int cache = 0; cache < ENGINE_CACHE_END; cache++) {
        struct engine_options options = {
            .slots = 2, .threads = 1, .context = CONTEXT, .cache = (enum engine_cache)cache,
            .spill = {places, PLACES_MAX, place_put, place_get, place_drop}};
        struct engine *engine = open_engine(&make, options);
        struct engine_shape shape = engine_shape(engine);
        engine_close(engine);
        options.memory_max = shape.state_bytes - 4 * shape.page_bytes;
        engine = open_engine(&make, options);
        assert_int_equal(engine_shape(engine).tokens_held, 12 * 16);
        struct request r = request_of(120, 4, 1), quick = request_of(2, 40, 0);
        static struct answer first, again;
        run(engine, 1, &r, &first);
        put_out(engine, 2);
        put_out(engine, 3);
        assert_int_equal(engine_spilled(engine).pages, 10); // 11 full ones are in memory
        start(engine, 0, &quick);
        step_one(engine, 0);
        uint32_t pair[] = {1, 0}, steps = 0;
        struct engine_event events[2];
        again = (struct answer){0};
        start(engine, 1, &r);
        assert_int_equal(engine_cached(engine, 1), 0);
        do {
            engine_step(engine, pair, 2, events);
            steps++;
            assert_int_equal(events[1].kind, ENGINE_TEXT);
            assert_int_equal(events[0].prompt_cached, 16 * (steps == 1 ? 4 : 7));
            if (steps == 1) assert_int_equal(events[0].kind, ENGINE_WAITED);
        } while (take(&again, &events[0]));
        assert_same(&first, &again, false);
        assert_int_equal(engine_spilled(engine).hits, 7);
        engine_close(engine);
    }
    sound = false;
    make_free(&make);
}

// As many answers as there can be all go on in every step, and a prompt beside them is read too.
static void nobody_is_left_behind(void **state) {
    (void)state;
    struct make make = {0};
    struct engine *engine = open_made(&make, SLOTS);
    struct request quick = request_of(1, 20, 0), slow = request_of(100, 1, 0);
    uint32_t slots[SLOTS];
    struct engine_event events[SLOTS];
    for (uint32_t i = 0; i < SLOTS; i++) start(engine, slots[i] = i, i < 63 ? &quick : &slow);
    for (uint32_t step = 1; step <= 8; step++) {
        engine_step(engine, slots, SLOTS, events);
        for (uint32_t i = 0; i < 63; i++) assert_int_equal(events[i].kind, ENGINE_TEXT);
        assert_int_equal(events[63].prompt_done, step);
    }
    engine_stop(engine, 62);
    slow.ids[0]++;
    start(engine, 62, &slow);
    for (uint32_t step = 1; step <= 4; step++) { // two prompts share what is left
        engine_step(engine, slots, SLOTS, events);
        assert_int_equal(events[62].prompt_done, step);
        assert_int_equal(events[63].prompt_done, 8 + step);
    }
    engine_close(engine);
    make_free(&make);
}

// What may be needed is set aside at the start, refused when it is not there, and free again as
// soon as its slot is, also when prompts of before lie in it.
static void memory_is_set_aside(void **state) {
    (void)state;
    struct make make = {0};
    struct engine *engine = open_made(&make, 2);
    struct engine_options options = {.slots = 2, .threads = 1,
                                     .memory_max = engine_shape(engine).state_bytes - 8 * 4096};
    engine_close(engine);
    engine = open_engine(&make, options);
    assert_int_equal(engine_shape(engine).tokens_held, CONTEXT);
    struct request half = request_of(30, 35, 1), whole = request_of(30, 0, 2);
    for (uint32_t round = 0; round < 20; round++) {
        half.job.tenant = whole.job.tenant = 1 + round;
        start(engine, 0, &half);
        assert_int_equal(engine_start(engine, 1, &whole.job, whole.ids, 30), SK_BUSY);
        step_one(engine, 0);
        // Of 8 pages it holds 4, of which this one can share the first: 7 more are wanted, then 4.
        assert_int_equal(engine_start(engine, 1, &whole.job, whole.ids, 30), SK_BUSY);
        // A form is looked at when there is memory; a wrong one leaves it as it was.
        whole.job.format = ENGINE_JSON_SCHEMA;
        whole.job.format_text = VIEW("{");
        assert_int_equal(engine_start(engine, 1, &whole.job, whole.ids, 30), SK_BUSY);
        whole.job.tokens_max = 51;
        assert_int_equal(engine_start(engine, 1, &whole.job, whole.ids, 30), SK_INPUT);
        whole.job.format = ENGINE_FREE;
        start(engine, 1, &whole);
        engine_stop(engine, 1);
        whole.job.tokens_max = 0;
        engine_stop(engine, 0);
        start(engine, 1, &whole);
        while (step_one(engine, 1).kind <= ENGINE_TEXT) {}
    }
    engine_close(engine);
    make_free(&make);
}

// A text has the logprobs that its tokens had when they were made.
// Without a context asked for: the trained one where memory has room for it in every slot, else a
// half, a quarter …, and below 4096 fewer tokens than all slots could use.
static void context_fits_memory(void **state) {
    (void)state;
    struct make make = {.key = "llama.context_length", .kind = 4, .value = 100000};
    make_file(&make);
    struct engine_options options = {.slots = 4, .threads = 1};
    uint32_t context = 100000, met_quarters = 0;
    struct engine_shape look;
    struct view file = buf_view(&make.file);
    assert_int_equal(engine_look(&file, 1, options, &look), SK_OK);
    uint64_t most = UINT64_MAX;
    for (options.memory_max = 1u << 29; options.memory_max >= look.state_bytes;
         options.memory_max -= options.memory_max / 8) {
        struct engine *engine = open_engine(&make, options);
        struct engine_shape shape = engine_shape(engine);
        assert_true(shape.context <= context && shape.context >= 4096);
        assert_true(shape.state_bytes <= options.memory_max && shape.state_bytes <= most);
        assert_true(shape.tokens_held >= shape.context * (shape.context >= 8192 ? 4 : 1));
        met_quarters += shape.context == 25000;
        context = shape.context;
        most = shape.state_bytes;
        engine_close(engine);
    }
    assert_true(met_quarters > 0 && context < 8192);
    make_free(&make);
}

static void scores_are_what_steps_said(void **state) {
    (void)state;
    struct make make = {0};
    struct engine *engine = open_made(&make, 1);
    struct request r = request_of(40, 60, 1);
    static struct answer answer;
    float logprobs[CONTEXT];
    r.job.logprobs = 1;
    run(engine, 0, &r, &answer);
    assert_int_equal(answer.tokens, 60);
    memcpy(r.ids + r.len, answer.token, sizeof *r.ids * answer.tokens);
    if (engine_score(engine, r.ids, 100, logprobs) != SK_OK) fail_msg("%s", fail_text());
    assert_true(logprobs[0] == 0 && logprobs[1] < 0);
    assert_memory_equal(logprobs + 40, answer.logprob, 60 * sizeof *logprobs);
    assert_int_equal(engine_score(engine, r.ids, 1, logprobs), SK_OK);
    assert_int_equal(engine_score(engine, r.ids, 0, logprobs), SK_INPUT);
    assert_int_equal(engine_score(engine, r.ids, CONTEXT, logprobs), SK_OK);
    assert_int_equal(engine_score(engine, r.ids, CONTEXT + 1, logprobs), SK_LIMIT);
    start(engine, 0, &r);
    assert_int_equal(engine_score(engine, r.ids, CONTEXT, logprobs), SK_BUSY);
    engine_stop(engine, 0);
    assert_int_equal(engine_score(engine, r.ids, CONTEXT, logprobs), SK_OK);
    r.ids[7] = -1;
    assert_int_equal(engine_score(engine, r.ids, CONTEXT, logprobs), SK_INPUT);
    engine_close(engine);
    make_free(&make);
}

// Two engines on the same threads, step by step in turn.
static void engines_share_threads(void **state) {
    (void)state;
    static struct make makes[2] = {{.width = 128, .ff = 256}, {.width = 64}};
    struct engine_threads *threads;
    struct engine *engines[2];
    struct request r = request_of(60, 9, 0);
    static struct answer own[2], shared[2];
    assert_int_equal(engine_threads_open(&threads, 0), SK_INPUT);
    assert_int_equal(engine_threads_open(&threads, 2), SK_OK);
    for (size_t i = 0; i < 2; i++) {
        engines[i] = open_made(&makes[i], 1);
        run(engines[i], 0, &r, &own[i]);
        engine_close(engines[i]);
        engines[i] = open_engine(&makes[i], (struct engine_options){.slots = 1, .pool = threads});
        start(engines[i], 0, &r);
        shared[i] = (struct answer){0};
    }
    for (bool more[2] = {true, true}; more[0] || more[1];) {
        for (size_t i = 0; i < 2; i++) {
            if (!more[i]) continue;
            struct engine_event event = step_one(engines[i], 0);
            more[i] = take(&shared[i], &event);
        }
    }
    for (size_t i = 0; i < 2; i++) {
        assert_same(&own[i], &shared[i], false);
        engine_close(engines[i]);
        make_free(&makes[i]);
    }
    engine_threads_close(threads);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(company_changes_nothing),
        cmocka_unit_test(company_changes_nothing_in_eight_bits),
        cmocka_unit_test(families_do_not_mind_company),
        cmocka_unit_test(prefixes_are_shared_within_a_tenant),
        cmocka_unit_test(what_runs_is_shared_too),
        cmocka_unit_test(prompts_do_not_hold_up_answers),
        cmocka_unit_test(disk_does_not_hold_up_answers),
        cmocka_unit_test(nobody_is_left_behind),
        cmocka_unit_test(memory_is_set_aside),
        cmocka_unit_test(context_fits_memory),
        cmocka_unit_test(scores_are_what_steps_said),
        cmocka_unit_test(engines_share_threads),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
