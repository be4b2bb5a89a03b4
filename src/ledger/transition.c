#include "ledger/transition.h"

#include "base/json.h"
#include "base/text.h"
#include "base/utf8.h"

static const char transition_head[] = "sekisho key transition";
static const char *const stage_names[] = {[TRANSITION_BEGIN] = "begin", [TRANSITION_END] = "end"};

static bool reason_good(struct view reason) {
    if (reason.len == 0 || reason.len > TRANSITION_REASON_MAX || !utf8_check(reason)) return false;
    for (size_t i = 0; i < reason.len; i++)
        if ((unsigned char)reason.at[i] < ' ' || reason.at[i] == 0x7f) return false;
    return true;
}

static bool keys_fit(const struct note_key *old, const struct note_key *new) {
    return old->type == NOTE_ED25519 &&
           new->type == NOTE_ED25519 &&strcmp(old->name, new->name) == 0 &&
           memcmp(old->public, new->public, SIGN_PUBLIC_LEN) != 0 &&
           memcmp(old->id, new->id, NOTE_ID_LEN) != 0;
}

enum sk_code transition_write(enum transition_stage stage, const struct signer *old,
                              const struct signer *new, uint64_t size, struct view reason,
                              struct buf *out) {
    size_t from = out->len;
    if (!reason_good(reason))
        return FAIL(SK_INPUT, "reason: one line of at most %d bytes", TRANSITION_REASON_MAX);
    if (!keys_fit(&old->name, &new->name))
        return FAIL(SK_INPUT, "the new key must be another one, with the log's name %s",
                    old->name.name);
    buf_print(out, "%s\n%s\n%s\n", transition_head, old->name.name, stage_names[stage]);
    note_key_write(&old->name, out);
    buf_put_char(out, '\n');
    note_key_write(&new->name, out);
    buf_print(out, "\n%llu\n%.*s\n", (unsigned long long)size, (int)reason.len, reason.at);
    TRY(buf_check(out, "key transition"));
    struct view text = {out->at + from, out->len - from};
    buf_put_char(out, '\n');
    note_sign(text, &old->name, &old->key, out);
    note_sign(text, &new->name, &new->key, out);
    return buf_check(out, "key transition");
}

static bool text_take(struct view text, struct transition *out) {
    struct view lines[7]; // as in transition.h
    for (size_t i = 0; i < sizeof lines / sizeof *lines; i++)
        if (!view_cut(&text, '\n', &lines[i])) return false;
    bool begins = view_is(lines[2], stage_names[TRANSITION_BEGIN]);
    out->stage = begins ? TRANSITION_BEGIN : TRANSITION_END;
    out->reason = lines[6];
    return text.len == 0 && view_is(lines[0], transition_head) &&
           (begins || view_is(lines[2], stage_names[TRANSITION_END])) &&
           note_key_parse(lines[3], &out->old) == SK_OK &&
           note_key_parse(lines[4], &out->new) == SK_OK && view_is(lines[1], out->old.name) &&
           decimal_take(lines[5], &out->size) && out->size > 0 && reason_good(out->reason) &&
           keys_fit(&out->old, &out->new);
}

enum sk_code transition_read(struct view note, struct transition *out) {
    struct view text = {0}, lines = {0};
    uint64_t time_s;
    *out = (struct transition){0};
    TRY(note_split(note, &text, &lines));
    if (!text_take(text, out)) return FAIL(SK_INPUT, "it is no key transition");
    const struct note_key *keys[] = {&out->old, &out->new};
    for (size_t i = 0; i < 2; i++) {
        enum sk_code code = note_lines_signed(text, lines, keys[i], &time_s);
        if (code != SK_OK) return fail_within(SK_CORRUPT, "key transition");
    }
    return SK_OK;
}

void transition_leaf(struct view note, int64_t time_ms, struct buf *out) {
    struct json_writer w = json_writer_to(out);
    json_open(&w, '{');
    json_member_string(&w, "note", note);
    json_member_i64(&w, "time_ms", time_ms);
    json_member_text(&w, "type", "key-transition");
    json_member_u64(&w, "v", LEDGER_LEAF_VERSION);
    json_close(&w, '}');
}

enum sk_code transition_follow(const struct transition *transition, struct view checkpoint,
                               struct note_key *key) {
    struct checkpoint found;
    uint64_t time_s;
    enum sk_code code = note_signed(checkpoint, key, &time_s);
    if (code != SK_UNKNOWN) return code;
    bool back = note_key_same(key, &transition->new);
    if (!back && !note_key_same(key, &transition->old))
        return FAIL(SK_DENIED, "the transition is not from or to the key %s", key->name);
    const struct note_key *other = back ? &transition->old : &transition->new;
    TRY(checkpoint_check(checkpoint, other, &found));
    if (back && transition->stage == TRANSITION_END && found.size > transition->size)
        return FAIL(SK_DENIED, "the old key signed a log of %llu, and its last was of %llu",
                    (unsigned long long)found.size, (unsigned long long)transition->size);
    if (!back && transition->stage == TRANSITION_BEGIN && found.size < transition->size)
        return FAIL(SK_DENIED, "the new key signed a log of %llu, and its first was of %llu",
                    (unsigned long long)found.size, (unsigned long long)transition->size);
    *key = *other;
    return SK_OK;
}
