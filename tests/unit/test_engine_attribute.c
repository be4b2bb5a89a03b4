// Attribution: exactly what scoring every variant from scratch gives, alone and beside others; the
// sentences it finds; what it refuses, with the cost.
#include "cmocka_all.h"

#include <string.h>

#include "base/json.h"
#include "base/utf8.h"
#include "engine/engine.h"
#include "specimen.h"

enum { WIDTH = 64, CONTEXT = 512, JSON_MAX = 1 << 18, NODES = 1 << 22 };

static const struct engine_message messages[] = {
    {ENGINE_SYSTEM, {"You are a guide. Answer in one line.", 36}},
    {ENGINE_USER, {"The inn is by the sea. It has 3.5 stars!\nこんにちは。世界は「広い。」はい", 0}},
    {ENGINE_USER, {"Where is the inn?", 17}},
};
enum { MESSAGES = sizeof messages / sizeof *messages };

struct room {
    struct make make;
    struct engine *engine;
    struct arena arena;
    struct engine_message messages[MESSAGES];
    struct engine_job job;
    struct engine_attribute ask;
    int32_t ids[CONTEXT];
};

static void room_open(struct room *r, uint32_t slots) {
    *r = (struct room){.make = {.chat_template =
                                    "{% for m in messages %}{{ m.role + ': ' + m.content + '\n' }}"
                                    "{% endfor %}assistant: "}};
    struct engine_options options = {.context = CONTEXT, .slots = slots, .threads = 2};
    struct view file = specimen_make(&r->make, specimen_find("llama"), weight_type_find("Q8_0"),
                                     false, WIDTH);
    if (engine_open(&r->engine, &file, 1, options) != SK_OK) fail_msg("%s", fail_text());
    assert_int_equal(arena_open(&r->arena, "test", NODES), SK_OK);
    memcpy(r->messages, messages, sizeof messages);
    r->messages[1].text = view_of(messages[1].text.at);
    r->job = (struct engine_job){.messages = r->messages, .messages_len = MESSAGES, .tenant = 1};
    r->ask = (struct engine_attribute){.job = &r->job, .answer = VIEW("by the sea。"),
                                       .tokens = true};
}

static void room_close(struct room *r) {
    engine_close(r->engine);
    arena_close(&r->arena);
    make_free(&r->make);
}

// Steps slot 0, and slots 1 .. beside, which answer something else all the time.
static void step(struct engine *engine, uint32_t beside, struct engine_event *event) {
    static const int32_t others[] = {5, 200, 17, 33, 90, 41};
    struct engine_job job = {.tokens_max = 5, .tenant = 1};
    uint32_t slots[8] = {0}, len = 1;
    struct engine_event events[8];
    for (; len <= beside; len++) {
        engine_stop(engine, len);
        assert_int_equal(engine_start(engine, len, &job, others, 6), SK_OK);
        slots[len] = len;
    }
    engine_step(engine, slots, len, events);
    *event = events[0];
}

// The whole attribution, as JSON.
static void attribute(struct room *r, uint32_t beside, struct buf *json) {
    struct engine_attribution *a;
    struct engine_job job;
    size_t len;
    if (engine_attribute_begin(r->engine, &r->ask, &r->arena, r->ids, CONTEXT, &a) != SK_OK)
        fail_msg("%s", fail_text());
    for (;;) {
        struct engine_event event;
        assert_int_equal(engine_attribute_next(a, r->ids, CONTEXT, &len, &job), SK_OK);
        if (len == 0) break;
        assert_int_equal(engine_start(r->engine, 0, &job, r->ids, len), SK_OK);
        do {
            step(r->engine, beside, &event);
            assert_int_equal(engine_attribute_take(a, &event), SK_OK);
        } while (event.kind < ENGINE_STOPPED);
    }
    assert_int_equal(engine_attribute_write(a, json), SK_OK);
    for (uint32_t i = 1; i <= beside; i++) engine_stop(r->engine, i);
}

static const struct json_node *member(const struct json_node *object, const char *name) {
    const struct json_node *at = json_first(object);
    for (uint32_t i = 0; i < object->len; i++, at = json_next(json_next(at)))
        if (view_is(json_view(at), name)) return json_next(at);
    fail_msg("no %s", name);
    return NULL;
}

static double number(const struct json_node *object, const char *name) {
    double value;
    assert_true(json_f64(member(object, name), &value));
    return value;
}

// ---- beside brute force ----

// The answer's tokens after a conversation, by an engine that has seen nothing: their sum.
static double from_scratch(const struct engine_message *said, struct view answer, float *each,
                           uint32_t *each_len) {
    struct room r;
    room_open(&r, 1);
    struct engine_job job = {.messages = said, .messages_len = MESSAGES};
    float logprobs[CONTEXT];
    size_t prompt, len;
    double sum = 0;
    assert_int_equal(engine_prompt(r.engine, &job, r.ids, CONTEXT, &prompt), SK_OK);
    assert_int_equal(engine_tokenize(r.engine, answer, false, r.ids + prompt, CONTEXT - prompt,
                                     &len),
                     SK_OK);
    assert_int_equal(engine_score(r.engine, r.ids, prompt + len, logprobs), SK_OK);
    for (size_t i = 0; i < len; i++) sum += (double)(each[i] = logprobs[prompt + i]);
    *each_len = (uint32_t)len;
    room_close(&r);
    return sum;
}

static size_t byte_of(struct view text, uint32_t point) {
    size_t at = 0;
    uint32_t c;
    for (; point > 0; point--) at += utf8_take(view_from(text, at), &c);
    return at;
}

static void assert_span(const struct room *r, const struct json_node *span, double whole,
                        const float *each) {
    struct engine_message said[MESSAGES];
    char text[256];
    float without[CONTEXT];
    uint32_t len;
    memcpy(said, r->messages, sizeof said);
    struct engine_message *one = &said[(size_t)number(span, "message")];
    size_t from = byte_of(one->text, (uint32_t)number(span, "start"));
    size_t to = byte_of(one->text, (uint32_t)number(span, "end"));
    struct view cut = {one->text.at + from, to - from};
    assert_true(from < to && view_same(json_view(member(span, "text")), cut));
    memcpy(text, one->text.at, from);
    memcpy(text + from, one->text.at + to, one->text.len - to);
    one->text = (struct view){text, one->text.len - (to - from)};
    double sum = from_scratch(said, r->ask.answer, without, &len);
    assert_true(number(span, "delta") == whole - sum);
    const struct json_node *tokens = member(span, "tokens"), *token = json_first(tokens);
    assert_int_equal(tokens->len, len);
    for (uint32_t i = 0; i < len; i++, token = json_next(token)) {
        double delta;
        assert_true(json_f64(token, &delta) && delta == (double)each[i] - (double)without[i]);
    }
}

static uint32_t assert_exact(struct room *r, struct buf *json) {
    const struct json_node *root;
    float each[CONTEXT];
    uint32_t len;
    double whole = from_scratch(r->messages, r->ask.answer, each, &len);
    assert_int_equal(json_parse(json->at, json->len, &r->arena, &root), SK_OK);
    assert_true(number(member(root, "baseline"), "logprob") == whole);
    assert_int_equal(member(member(root, "baseline"), "tokens")->len, len);
    const struct json_node *spans = member(root, "spans"), *span = json_first(spans);
    for (uint32_t i = 0; i < spans->len; i++, span = json_next(span))
        assert_span(r, span, whole, each);
    const struct json_node *cost = member(root, "cost");
    double computed = number(cost, "tokens_computed"), cached = number(cost, "tokens_cached");
    assert_true(computed + cached <= number(cost, "tokens_max") && cached > 0);
    return spans->len;
}

static void it_is_what_brute_force_gives(void **state) {
    (void)state;
    static char json[JSON_MAX];
    static const struct engine_span spans[] = {{0, 4, 9}, {1, 0, 57}, {1, 40, 45}, {2, 0, 17},
                                               {1, 12, 30}};
    for (uint32_t beside = 0; beside < 3; beside++) {
        struct room r;
        room_open(&r, 1 + beside);
        struct buf out = buf_over(json, sizeof json);
        attribute(&r, beside, &out);
        assert_int_equal(assert_exact(&r, &out), 8); // sentences
        r.ask.spans = spans;
        r.ask.spans_len = sizeof spans / sizeof *spans;
        out = buf_over(json, sizeof json);
        attribute(&r, beside, &out);
        assert_int_equal(assert_exact(&r, &out), 5);
        room_close(&r);
    }
}

// ---- sentences ----

static void sentences_are_the_whole_text(void **state) {
    (void)state;
    static const struct {
        const char *text, *cut; // cut: the same with | between sentences
    } cases[] = {
        {"One. Two! Three?", "One. |Two! |Three?"},
        {"3.14 is pi. e.g. this", "3.14 is pi. |e.g. |this"},
        {"\n\n 一つ。二つ！\n三つ", "\n\n 一つ。|二つ！\n|三つ"},
        {"「はい。」と言う。(So.) \"Yes!\" End", "「はい。」|と言う。|(So.) |\"Yes!\" |End"},
        {"a...b ... c\r\n\r\nd", "a...b ... |c\r\n\r\n|d"},
        {"what?! \xe3\x80\x80yes", "what?! \xe3\x80\x80|yes"},
    };
    static char json[JSON_MAX];
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct room r;
        char found[256];
        struct buf text = buf_over(found, sizeof found), out = buf_over(json, sizeof json);
        const struct json_node *root;
        room_open(&r, 1);
        r.job.messages_len = 1;
        r.messages[0].text = view_of(cases[i].text);
        attribute(&r, 0, &out);
        assert_int_equal(json_parse(out.at, out.len, &r.arena, &root), SK_OK);
        const struct json_node *spans = member(root, "spans"), *span = json_first(spans);
        for (uint32_t s = 0; s < spans->len; s++, span = json_next(span)) {
            if (s) buf_put_char(&text, '|');
            buf_put_view(&text, json_view(member(span, "text")));
        }
        if (!view_is(buf_view(&text), cases[i].cut))
            fail_msg("%s: %.*s", cases[i].text, (int)text.len, text.at);
        room_close(&r);
    }
}

// ---- refusals ----

static void assert_refused(struct room *r, enum sk_code code, const char *names) {
    struct engine_attribution *a;
    enum sk_code got = engine_attribute_begin(r->engine, &r->ask, &r->arena, r->ids, CONTEXT, &a);
    if (got != code || !strstr(fail_text(), names))
        fail_msg("%s: %s %s", names, fail_name(got), fail_text());
}

static void what_cannot_be_is_refused_by_name(void **state) {
    (void)state;
    struct room r;
    struct engine_span span = {3, 0, 1}, spans[ENGINE_SPANS_MAX + 1] = {{0}};
    char many[4 * (ENGINE_SPANS_MAX + 1)];
    room_open(&r, 1);
    r.ask.cost_max = 100;
    assert_refused(&r, SK_LIMIT, "spans: (8 + 1) x (");
    assert_refused(&r, SK_LIMIT, "> 100");
    r.ask.cost_max = 0;
    r.ask.spans = &span;
    r.ask.spans_len = 1;
    assert_refused(&r, SK_INPUT, "spans: span 0: message 3 of 3");
    span = (struct engine_span){0, 5, 5};
    assert_refused(&r, SK_INPUT, "spans: span 0 is empty");
    span = (struct engine_span){0, 5, 37};
    assert_refused(&r, SK_INPUT, "spans: span 0 ends at 37, message 0 has 36 characters");
    r.ask.spans = spans;
    r.ask.spans_len = ENGINE_SPANS_MAX + 1;
    assert_refused(&r, SK_LIMIT, "spans: 65 > 64");
    r.ask.spans_len = 0;
    for (size_t i = 0; i < sizeof many; i++) many[i] = "ab. "[i % 4];
    r.messages[2].text = (struct view){many, sizeof many};
    assert_refused(&r, SK_LIMIT, "spans: 72 sentences > 64");
    for (size_t i = 0; i < MESSAGES; i++) r.messages[i].text = VIEW(" \n");
    assert_refused(&r, SK_INPUT, "spans: the messages hold no text");
    r.messages[1].text = VIEW("\xff");
    assert_refused(&r, SK_INPUT, "messages: message 1 is not UTF-8");
    r.messages[1].text = VIEW("hello");
    r.ask.answer = VIEW("");
    assert_refused(&r, SK_INPUT, "answer: no text");
    r.ask.answer = VIEW("\xff");
    assert_refused(&r, SK_INPUT, "answer: not UTF-8");
    char long_answer[2 * CONTEXT];
    memset(long_answer, 'z', sizeof long_answer);
    r.ask.answer = (struct view){long_answer, sizeof long_answer};
    assert_refused(&r, SK_LIMIT, "tokens > context 512");
    room_close(&r);
}

static void a_failed_job_fails_it(void **state) {
    (void)state;
    struct room r;
    struct engine_attribution *a;
    struct engine_event event = {.kind = ENGINE_FAILED, .code = SK_CORRUPT, .why = VIEW("rotten")};
    room_open(&r, 1);
    assert_int_equal(engine_attribute_begin(r.engine, &r.ask, &r.arena, r.ids, CONTEXT, &a), SK_OK);
    assert_int_equal(engine_attribute_take(a, &event), SK_CORRUPT);
    assert_string_equal(fail_text(), "rotten");
    room_close(&r);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_is_what_brute_force_gives),
        cmocka_unit_test(sentences_are_the_whole_text),
        cmocka_unit_test(what_cannot_be_is_refused_by_name),
        cmocka_unit_test(a_failed_job_fails_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
