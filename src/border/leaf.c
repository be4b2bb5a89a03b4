// Leaves. Members are written in the order RFC 8785 sorts them (a test checks it), so the bytes are
// canonical without a sorting step.
#include "base/json.h"
#include "base/text.h"
#include "border/border.h"

enum { LEAF_VERSION = 1 };

static void member_hex(struct json_writer *w, const char *name, const uint8_t *hash) {
    char text[2 * HASH_LEN];
    struct buf hex = buf_over(text, sizeof text);
    hex_put(&hex, hash, HASH_LEN);
    json_member_string(w, name, buf_view(&hex));
}

void border_open_write(const struct border_open *open, struct buf *out) {
    struct json_writer w = json_writer_to(out);
    json_open(&w, '{');
    member_hex(&w, "body", open->body);
    json_member_u64(&w, "choice", open->choice);
    json_member_text(&w, "class", "unclassified");
    json_member_text(&w, "isolation", open->isolation);
    json_member_text(&w, "key", open->key);
    json_member_text(&w, "model", open->model);
    json_member_text(&w, "model_checked", open->model_cached ? "cached" : "now");
    json_member_i64(&w, "model_checked_ms", open->model_checked_ms);
    member_hex(&w, "model_sha256", open->model_digest);
    json_member_u64(&w, "n", open->number);
    json_member_text(&w, "node", open->node);
    json_member_text(&w, "operation", open->operation);
    json_member_text(&w, "place", "local");
    member_hex(&w, "policy_sha256", open->policy_digest);
    member_hex(&w, "prompt", open->prompt);
    json_member_text(&w, "rule", "default.local");
    member_hex(&w, "runtime_sha256", open->runtime_digest);
    json_member_i64(&w, "time_ms", open->time_ms);
    json_member_text(&w, "type", "open");
    json_member_u64(&w, "v", LEAF_VERSION);
    json_member_text(&w, "verdict", "local");
    json_close(&w, '}');
}

void border_close_write(const struct border_close *close, struct buf *out) {
    struct json_writer w = json_writer_to(out);
    const struct border_replay *replay = close->replay;
    json_open(&w, '{');
    if (replay) json_member_u64(&w, "arithmetic", replay->arithmetic);
    json_name(&w, "choices");
    json_open(&w, '[');
    if (close->choice) {
        char text[2 * HASH_LEN];
        struct buf hex = buf_over(text, sizeof text);
        hex_put(&hex, close->choice, HASH_LEN);
        json_put_string(&w, buf_view(&hex));
    }
    json_close(&w, ']');
    json_member_u64(&w, "completion_tokens", close->completion_tokens);
    if (replay) json_member_u64(&w, "context", replay->context);
    json_member_text(&w, "energy", "unavailable");
    json_member_text(&w, "key", close->key);
    json_member_u64(&w, "n", close->number);
    json_member_u64(&w, "open", close->open);
    json_member_text(&w, "outcome", close->outcome);
    json_member_u64(&w, "prompt_tokens", close->prompt_tokens);
    if (replay) {
        json_member_string(&w, "sampler", replay->sampler);
        member_hex(&w, "template_sha256", replay->template_digest);
        json_member_i64(&w, "template_time_s", replay->time_s);
    }
    json_member_i64(&w, "time_ms", close->time_ms);
    json_member_text(&w, "type", "close");
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
