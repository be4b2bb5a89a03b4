// Leaves. Members are written in the order RFC 8785 sorts them (a test checks it), so the bytes are
// canonical without a sorting step.
#include "base/json.h"
#include "border/border.h"

enum { LEAF_VERSION = 2 };

static void member_classes(struct json_writer *w, const char *name,
                           const struct border_classes *classes) {
    json_name(w, name);
    json_open(w, '[');
    for (uint32_t i = 0; classes->policy && i < classes->policy->classes_len; i++)
        if (classes->classes >> i & 1) json_put_text(w, classes->policy->classes[i].id);
    json_close(w, ']');
}

static void member_maybe(struct json_writer *w, const char *name, const char *text) {
    if (text && text[0]) json_member_text(w, name, text);
}

static void hex_maybe(struct json_writer *w, const char *name, const uint8_t *hash) {
    if (hash) json_member_hex(w, name, hash, HASH_LEN);
}

void border_open_write(const struct border_open *open, struct buf *out) {
    struct json_writer w = json_writer_to(out);
    json_open(&w, '{');
    if (open->adapter_digest) {
        json_member_text(&w, "adapter_scale", open->adapter_scale);
        json_member_hex(&w, "adapter_sha256", open->adapter_digest, HASH_LEN);
        hex_maybe(&w, "adapter_signature_sha256", open->adapter_statement);
        hex_maybe(&w, "adapter_signer", open->adapter_signer);
    }
    json_member_hex(&w, "body", open->body, HASH_LEN);
    json_member_u64(&w, "choice", open->choice);
    member_classes(&w, "classes", &open->classes);
    member_maybe(&w, "consent", open->consent);
    hex_maybe(&w, "envelope", open->envelope);
    json_member_text(&w, "isolation", open->isolation);
    json_member_text(&w, "key", open->key);
    member_classes(&w, "label", &open->label);
    json_member_text(&w, "model", open->model);
    if (open->model_digest) {
        json_member_text(&w, "model_checked", open->model_cached ? "cached" : "now");
        json_member_i64(&w, "model_checked_ms", open->model_checked_ms);
        json_member_hex(&w, "model_sha256", open->model_digest, HASH_LEN);
        hex_maybe(&w, "model_signature_sha256", open->model_statement);
        hex_maybe(&w, "model_signer", open->model_signer);
    }
    json_member_u64(&w, "n", open->number);
    json_member_text(&w, "node", open->node);
    json_member_text(&w, "operation", open->operation);
    json_member_text(&w, "place", open->place);
    json_member_hex(&w, "policy_sha256", open->policy_digest, HASH_LEN);
    hex_maybe(&w, "prompt", open->prompt);
    member_maybe(&w, "purpose", open->purpose);
    if (open->retry_of != UINT64_MAX) json_member_u64(&w, "retry_of", open->retry_of);
    json_member_text(&w, "rule", open->rule);
    json_member_hex(&w, "runtime_sha256", open->runtime_digest, HASH_LEN);
    member_maybe(&w, "shadow_rule", open->shadow_rule);
    member_maybe(&w, "shadow_verdict", open->shadow_verdict);
    json_member_i64(&w, "time_ms", open->time_ms);
    json_member_text(&w, "type", "open");
    json_member_u64(&w, "v", LEAF_VERSION);
    json_member_text(&w, "verdict", open->verdict);
    json_close(&w, '}');
}

void border_close_write(const struct border_close *close, struct buf *out) {
    struct json_writer w = json_writer_to(out);
    const struct border_replay *replay = close->replay;
    const struct border_carried *carried = close->carried;
    json_open(&w, '{');
    if (close->classes.policy) member_classes(&w, "answer_classes", &close->classes);
    if (replay) json_member_u64(&w, "arithmetic", replay->arithmetic);
    if (replay && replay->cache_type.len && !view_is(replay->cache_type, "f16"))
        json_member_string(&w, "cache_type", replay->cache_type);
    json_name(&w, "choices");
    json_open(&w, '[');
    if (close->choice) json_put_hex(&w, close->choice, HASH_LEN);
    json_close(&w, ']');
    member_maybe(&w, "client", close->client);
    json_member_u64(&w, "completion_tokens", close->completion_tokens);
    if (replay) json_member_u64(&w, "context", replay->context);
    json_member_text(&w, "energy", "unavailable");
    member_maybe(&w, "kept", close->kept);
    if (close->kept_until_s) json_member_i64(&w, "kept_until_s", close->kept_until_s);
    json_member_text(&w, "key", close->key);
    if (carried) {
        json_member_u64(&w, "masks_restored", carried->restored);
        json_member_u64(&w, "masks_unknown", carried->unknown);
    }
    json_member_u64(&w, "n", close->number);
    json_member_u64(&w, "open", close->open);
    json_member_text(&w, "outcome", close->outcome);
    if (carried) member_maybe(&w, "peer", carried->peer);
    json_member_u64(&w, "prompt_tokens", close->prompt_tokens);
    member_maybe(&w, "rule", close->rule);
    if (replay) json_member_string(&w, "sampler", replay->sampler);
    if (carried) json_member_hex(&w, "spki_sha256", carried->spki, HASH_LEN);
    if (replay) {
        json_member_hex(&w, "template_sha256", replay->template_digest, HASH_LEN);
        json_member_i64(&w, "template_time_s", replay->time_s);
    }
    json_member_i64(&w, "time_ms", close->time_ms);
    json_member_text(&w, "type", "close");
    json_member_u64(&w, "v", LEAF_VERSION);
    json_close(&w, '}');
}

void border_policy_write(const struct policy *policy, int64_t time_ms, struct buf *out) {
    struct json_writer w = json_writer_to(out);
    json_open(&w, '{');
    json_member_text(&w, "name", policy->name);
    json_name(&w, "places");
    json_open(&w, '[');
    for (uint32_t i = 0; i < policy->places_len; i++)
        if (!policy->places[i].off) json_put_text(&w, policy->places[i].id);
    json_close(&w, ']');
    json_member_hex(&w, "policy_sha256", policy->digest, HASH_LEN);
    json_member_i64(&w, "time_ms", time_ms);
    json_member_text(&w, "type", "policy");
    json_member_u64(&w, "v", LEAF_VERSION);
    json_close(&w, '}');
}

void border_isolation_write(const char *level, struct view report, int64_t time_ms,
                            struct buf *out) {
    struct json_writer w = json_writer_to(out);
    json_open(&w, '{');
    json_member_text(&w, "isolation", level);
    json_member_string(&w, "report", report);
    json_member_i64(&w, "time_ms", time_ms);
    json_member_text(&w, "type", "isolation");
    json_member_u64(&w, "v", LEAF_VERSION);
    json_close(&w, '}');
}
