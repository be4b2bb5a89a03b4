// Pieces joined: an answer that comes in bursts is the answer that comes one by one.
#include "mask_fixture.h"

#include "chance.h"
#include "node/choice.h"
#include "node/piece.h"

enum { EVENTS = 60, ANSWER_MAX = 1 << 16, ROUNDS = 400 };

// One event as a place tells it: a piece of its own, in front of joining.
struct event {
    char parts[512], logprobs[256];
    struct buf part, logprob;
    uint32_t tokens;
};

// What border and the client see of a whole answer.
struct seen {
    char value[ANSWER_MAX], restored[ANSWER_MAX], logprobs[ANSWER_MAX];
    struct buf choice, text, weighed;
    enum engine_channel last, came, checked;
    struct restore restore;
    uint32_t tokens, pieces;
};

static uint64_t seed = 20261122;
static struct vault *vault;
static char *mask;

static uint32_t chance(uint32_t below) {
    return (uint32_t)(chance_next(&seed) % below);
}

static int begin(void **state) {
    (void)state;
    struct marked *text = marked_read("<person|佐藤 花子>様、<jp.phone|090-1234-5678>");
    vault = vault_make("c");
    mask_read(vault, text);
    mask = mask_write(vault, text);
    return 0;
}

static int end(void **state) {
    (void)state;
    free(mask);
    vault_close(vault);
    return 0;
}

// ---- a random answer ----
// A few whole characters of the masked text, from `*at` on and round again.
static struct view text_next(size_t *at) {
    size_t from = *at, chars = 1 + chance(9);
    for (; chars && mask[*at]; chars--)
        do (*at)++;
        while ((mask[*at] & 0xc0) == 0x80);
    struct view text = {mask + from, *at - from};
    if (!mask[*at]) *at = 0;
    return text;
}

static void events_make(struct event *events, bool weighed) {
    enum engine_channel channel = ENGINE_CONTENT;
    size_t at = 0;
    for (size_t i = 0; i < EVENTS; i++) {
        struct event *event = &events[i];
        event->part = buf_over(event->parts, sizeof event->parts);
        event->logprob = buf_over(event->logprobs, sizeof event->logprobs);
        event->tokens = chance(3);
        for (uint32_t n = 1 + chance(2); n; n--) {
            if (chance(6) == 0) channel = chance(2) ? ENGINE_CONTENT : ENGINE_REASONING;
            if (chance(9) == 0) channel = ENGINE_CALL;
            bool call = channel == ENGINE_CALL;
            struct view text = call ? VIEW("look_up") : text_next(&at);
            piece_part_put((struct engine_part){channel, text}, &event->part);
            if (call) channel = ENGINE_ARGUMENTS;
        }
        if (weighed && chance(4)) piece_token_put(VIEW("あ"), -0.5f, 0, &event->logprob);
        assert_false(event->part.over || event->logprob.over);
    }
}

// ---- as border takes it ----
static void seen_begin(struct seen *seen) {
    *seen = (struct seen){.last = ENGINE_CONTENT};
    seen->choice = buf_over(seen->value, sizeof seen->value);
    seen->text = buf_over(seen->restored, sizeof seen->restored);
    seen->weighed = buf_over(seen->logprobs, sizeof seen->logprobs);
}

static void restore_more(struct seen *seen, struct view text, bool last) {
    bool json = seen->came == ENGINE_ARGUMENTS;
    assert_int_equal(restore_put(&seen->restore, vault, text, json, last, &seen->text), SK_OK);
    if (last) seen->restore = (struct restore){0};
}

static void piece_see(struct seen *seen, struct view parts, struct view logprobs, uint32_t tokens) {
    struct engine_part part;
    assert_int_equal(piece_parts_check(parts, &seen->checked), SK_OK);
    assert_int_equal(piece_logprobs_check(logprobs), SK_OK);
    buf_put_view(&seen->weighed, logprobs);
    seen->tokens += tokens;
    seen->pieces++;
    while (piece_part_take(&parts, &part)) {
        choice_put(&seen->last, part, &seen->choice);
        if (part.channel != seen->came || part.channel == ENGINE_CALL)
            restore_more(seen, VIEW(""), true);
        seen->came = part.channel;
        if (part.channel != ENGINE_CALL) restore_more(seen, part.text, false);
    }
}

static void joined_see(struct seen *seen, struct piece_joined *joined) {
    struct view parts = {joined->parts, joined->parts_len};
    struct view logprobs = {joined->logprobs, joined->logprobs_len};
    if (parts.len) piece_see(seen, parts, logprobs, joined->tokens);
    *joined = (struct piece_joined){0};
}

static void same(const struct buf *a, const struct buf *b) {
    assert_false(a->over || b->over);
    assert_true(view_same(buf_view(a), buf_view(b)));
}

static void bursts_are_one_by_one(void **state) {
    (void)state;
    static struct event events[EVENTS];
    static struct seen alone, together;
    static struct piece_joined joined;
    uint32_t pieces = 0;
    for (uint32_t round = 0; round < ROUNDS; round++) {
        events_make(events, round % 2);
        seen_begin(&alone);
        seen_begin(&together);
        for (size_t i = 0; i < EVENTS; i++) {
            struct view parts = buf_view(&events[i].part), logprobs = buf_view(&events[i].logprob);
            piece_see(&alone, parts, logprobs, events[i].tokens);
            if (!piece_join(&joined, parts, logprobs, events[i].tokens)) {
                joined_see(&together, &joined);
                assert_true(piece_join(&joined, parts, logprobs, events[i].tokens));
            }
            if (chance(8) == 0) joined_see(&together, &joined); // what came is used up
        }
        joined_see(&together, &joined);
        restore_more(&alone, VIEW(""), true);
        restore_more(&together, VIEW(""), true);
        same(&alone.choice, &together.choice);
        same(&alone.text, &together.text);
        same(&alone.weighed, &together.weighed);
        assert_int_equal(alone.tokens, together.tokens);
        pieces += together.pieces;
    }
    assert_true(pieces * 2 < ROUNDS * EVENTS); // else nothing was shown
}

static struct view part_of(enum engine_channel channel, const char *text, struct buf *out) {
    buf_reset(out);
    piece_part_put((struct engine_part){channel, view_of(text)}, out);
    return buf_view(out);
}

static void text_goes_on_in_its_part(void **state) {
    (void)state;
    static struct piece_joined joined;
    char one[2048], all[256];
    struct buf part = buf_over(one, sizeof one), expected = buf_over(all, sizeof all);
    struct view none = VIEW("");
    assert_true(piece_join(&joined, part_of(ENGINE_CONTENT, "会", &part), none, 1));
    assert_true(piece_join(&joined, part_of(ENGINE_CONTENT, "議", &part), none, 2));
    assert_true(piece_join(&joined, part_of(ENGINE_CALL, "f", &part), none, 0));
    assert_true(piece_join(&joined, part_of(ENGINE_ARGUMENTS, "{", &part), none, 1));
    assert_true(piece_join(&joined, part_of(ENGINE_ARGUMENTS, "}", &part), none, 1));
    assert_true(piece_join(&joined, part_of(ENGINE_CALL, "g", &part), none, 0));
    piece_part_put((struct engine_part){ENGINE_CONTENT, VIEW("会議")}, &expected);
    piece_part_put((struct engine_part){ENGINE_CALL, VIEW("f")}, &expected);
    piece_part_put((struct engine_part){ENGINE_ARGUMENTS, VIEW("{}")}, &expected);
    piece_part_put((struct engine_part){ENGINE_CALL, VIEW("g")}, &expected);
    assert_true(view_same(buf_view(&expected), (struct view){joined.parts, joined.parts_len}));
    assert_int_equal(joined.tokens, 5);
    assert_int_equal(joined.count, 4);
}

static void what_does_not_fit_stays_out(void **state) {
    (void)state;
    static struct piece_joined joined;
    static char text[PIECE_JOINED_PARTS];
    char one[2048], weighed[64];
    struct buf part = buf_over(one, sizeof one), logprob = buf_over(weighed, sizeof weighed);
    struct view none = VIEW("");
    memset(text, 'a', sizeof text - 6);
    assert_true(piece_join(&joined, part_of(ENGINE_CONTENT, text, &part), none, 1));
    assert_int_equal(joined.parts_len, PIECE_JOINED_PARTS - 1);
    assert_false(piece_join(&joined, part_of(ENGINE_CONTENT, "b", &part), none, 1));
    joined = (struct piece_joined){0};
    for (int i = 0; i < ENGINE_PARTS_MAX; i++)
        assert_true(piece_join(&joined, part_of(ENGINE_CALL, "f", &part), none, 0));
    assert_false(piece_join(&joined, part_of(ENGINE_CALL, "f", &part), none, 0));
    joined = (struct piece_joined){0};
    piece_token_put(VIEW("b"), -1, 0, &logprob);
    assert_true(piece_join(&joined, part_of(ENGINE_REASONING, "a", &part), none, 1));
    assert_false(
        piece_join(&joined, part_of(ENGINE_CONTENT, "b", &part), buf_view(&logprob), 1));
    assert_int_equal(joined.logprobs_len, 0);
    assert_int_equal(joined.tokens, 1);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bursts_are_one_by_one),
        cmocka_unit_test(text_goes_on_in_its_part),
        cmocka_unit_test(what_does_not_fit_stays_out),
    };
    return cmocka_run_group_tests(tests, begin, end);
}
