#include "ledger/successor.h"

#include "base/json.h"

void successor_closed(struct view reason, const struct note_key *successor, int64_t time_ms,
                      struct buf *out) {
    struct json_writer w = json_writer_to(out);
    char storage[512];
    struct buf key = buf_over(storage, sizeof storage);
    note_key_write(successor, &key);
    must(!key.over);
    json_open(&w, '{');
    json_member_string(&w, "reason", reason);
    json_member_string(&w, "successor", buf_view(&key));
    json_member_i64(&w, "time_ms", time_ms);
    json_member_text(&w, "type", "closed");
    json_member_u64(&w, "v", LEDGER_LEAF_VERSION);
    json_close(&w, '}');
}

void successor_first(const char *cause, struct view reason, struct view checkpoint, int64_t time_ms,
                     struct buf *out) {
    struct json_writer w = json_writer_to(out);
    json_open(&w, '{');
    json_member_text(&w, "cause", cause);
    json_member_string(&w, "checkpoint", checkpoint);
    json_member_string(&w, "reason", reason);
    json_member_i64(&w, "time_ms", time_ms);
    json_member_text(&w, "type", "restore");
    json_member_u64(&w, "v", LEDGER_LEAF_VERSION);
    json_close(&w, '}');
}
