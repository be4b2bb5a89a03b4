// What leaves: the task with its protected values cut out, in the words of the place's protocol,
// sealed. These bytes are committed to and are what ferry posts.
#include "base/json.h"
#include "node/room_border.h"
#include "node/sealed.h"
#include "upstream/upstream.h"

#include <unistd.h>

_Static_assert((int)KIND_OPENAI == (int)UPSTREAM_OPENAI, "a policy's kinds are upstream's");
_Static_assert((int)KIND_ANTHROPIC == (int)UPSTREAM_ANTHROPIC, "a policy's kinds are upstream's");

enum { ENVELOPE_KEPT = 64 << 10 }; // of the memory it is written in

struct cuts {
    struct detector_set cut, one_way;
    struct detector_set format; // inside the country, where no class to mask says tokens
};

static struct cuts cuts_of(const struct decision *decision) {
    const struct policy *policy = &decision->rules->policy;
    struct cuts cuts = {{0}, {0}, {0}};
    struct detector_set tokens = {0};
    for (uint32_t i = 0; i < policy->classes_len; i++) {
        if (!(decision->verdict.mask >> i & 1)) continue;
        cuts.cut.bits |= policy->classes[i].detect.bits;
        if (policy->classes[i].one_way) cuts.one_way.bits |= policy->classes[i].detect.bits;
        bool format = policy->classes[i].mask == MASK_FORMAT;
        (format ? &cuts.format : &tokens)->bits |= policy->classes[i].detect.bits;
    }
    bool near = policy_distance(policy, decision->place, decision->tenant) <= REACH_COUNTRY;
    cuts.format.bits = near ? cuts.format.bits & ~tokens.bits : 0;
    return cuts;
}

// What a conversation is known by: its first message of a user, else how a prompt begins.
static struct view conversation_first(const struct texts *texts) {
    enum { BEGINNING = 256 };
    const struct json_node *messages = json_find(texts->data, "messages");
    const struct json_node *message = json_is(messages, JSON_ARRAY) ? json_first(messages) : NULL;
    for (uint32_t i = 0; message && i < messages->len; i++, message = json_next(message)) {
        const struct json_node *content = json_find(message, "content");
        bool user = json_is_text(json_find(message, "role"), "user");
        if (user && json_is(content, JSON_STRING)) return json_view(content);
    }
    size_t len = texts->joined.len < BEGINNING ? texts->joined.len : BEGINNING;
    return (struct view){texts->joined.at, len};
}

// One conversation of one key has the same tokens from turn to turn, and no other has them.
static struct view conversation_of(const struct ask *ask, const struct texts *texts,
                                   struct arena *arena) {
    struct buf out = arena_rest(arena);
    buf_put_text(&out, ask->key->id);
    buf_put_view(&out, conversation_first(texts));
    return out.over ? VIEW("") : arena_keep(arena, out.len);
}

static enum sk_code masks_learn(struct ask *ask, struct judge *judge, const struct cuts *cuts) {
    uint32_t from = 0;
    for (uint32_t i = 0; i < judge->texts.len; i++) {
        struct finding *findings;
        uint32_t len;
        TRY(texts_findings(&judge->texts, i, &judge->scan, &from, &findings, &len));
        if (!len) continue;
        TRY(mask_learn(ask->decision.vault, judge->texts.places[i].text, findings, len, &cuts->cut,
                       &cuts->one_way));
    }
    return SK_OK;
}

static enum sk_code masks_put(struct ask *ask, struct judge *judge, const struct cuts *cuts) {
    uint32_t from = 0;
    for (uint32_t i = 0; i < judge->texts.len; i++) {
        struct finding *findings;
        uint32_t len;
        struct text_place *place = &judge->texts.places[i];
        TRY(texts_findings(&judge->texts, i, &judge->scan, &from, &findings, &len));
        struct buf out = arena_rest(&judge->arena);
        struct mask_argument argument = {place->text, findings, len, cuts->format,
                                         judge->texts.joined};
        if (!place->argument || !mask_format(ask->decision.vault, &argument, &out))
            TRY(mask_put(ask->decision.vault, place->text, findings, len, &cuts->cut, &out));
        TRY(buf_check(&out, "masked text"));
        if (view_same(buf_view(&out), place->text)) continue; // a number stays a number
        place->text = arena_keep(&judge->arena, out.len);
    }
    return SK_OK;
}

static bool says_japanese(struct view text) {
    for (size_t i = 0; i + 2 < text.len; i++) // a three-byte lead from U+3000 on
        if ((uint8_t)text.at[i] >= 0xe3 && (uint8_t)text.at[i] <= 0xe9) return true;
    return false;
}

static enum sk_code task_mask(struct border_state *state, struct ask *ask, struct judge *judge) {
    struct cuts cuts = cuts_of(&ask->decision);
    struct view conversation = conversation_of(ask, &judge->texts, &judge->arena);
    TRY(vault_open(&ask->decision.vault, state->mask_key, conversation));
    TRY(masks_learn(ask, judge, &cuts));
    return masks_put(ask, judge, &cuts);
}

// The job whose answer ferry reads, then the envelope; both without what was masked.
static enum sk_code envelope_seal(struct ask *ask, struct view job, struct view envelope) {
    struct decision *decision = &ask->decision;
    const struct view parts[] = {job, envelope};
    TRY(sealed_make(parts, 2, &decision->envelope));
    decision->envelope_at = (uint32_t)job.len;
    decision->envelope_len = (uint32_t)envelope.len;
    commit_of("envelope", ask->salt_prompt, envelope, decision->commit_envelope);
    return SK_OK;
}

enum sk_code envelope_make(struct border_state *state, struct ask *ask, struct judge *judge) {
    struct decision *decision = &ask->decision;
    const struct policy *policy = &decision->rules->policy;
    const struct policy_place *place = decision_place(decision);
    const struct policy_step *step = &policy->routes[decision->route].steps[decision->step];
    bool masks = decision->verdict.verdict == VERDICT_MASK;
    struct view instruction = VIEW("");
    struct gate_task task;
    if (masks) TRY(task_mask(state, ask, judge));
    if (masks && vault_holds(decision->vault))
        instruction = mask_instruction(says_japanese(judge->texts.joined));
    TRY(texts_task(&judge->texts, instruction, &judge->arena, &task));
    task.job.sampling.seed += ask->copy;
    struct buf job = arena_rest(&judge->arena);
    TRY(job_write(&task, &job));
    struct view written = arena_keep(&judge->arena, job.len);
    static struct arena space; // kept from one to the next
    if (!space.base) TRY(arena_open(&space, "envelope", JOB_FILE_MAX));
    struct buf envelope = arena_rest(&space);
    enum sk_code code = upstream_write((enum upstream_kind)place->kind, &task, view_of(step->model),
                                       &judge->arena, &envelope);
    if (code == SK_OK) code = buf_check(&envelope, "envelope");
    if (code == SK_OK && masks && !vault_clean(decision->vault, buf_view(&envelope)))
        code = FAIL(SK_DENIED, "a value that was to be masked is still in the envelope");
    if (code == SK_OK) code = envelope_seal(ask, written, buf_view(&envelope));
    arena_keep(&space, envelope.len);
    arena_shrink(&space, ENVELOPE_KEPT);
    return code;
}
