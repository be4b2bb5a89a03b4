#include "ledger/witness.h"

#include <stdio.h>

#include "base/text.h"
#include "ledger/cosign.h"

static const char type_text[] = "text/plain; charset=utf-8";
static const char type_size[] = "text/x.tlog.size";

// ---- requests ----

void witness_request_write(const struct witness_request *request, struct buf *out) {
    buf_put_text(out, "old ");
    buf_put_u64(out, request->old);
    buf_put_char(out, '\n');
    note_hashes_put(request->proof, request->proof_len, out);
    buf_put_view(out, request->note);
}

enum sk_code witness_request_read(struct view body, struct witness_request *out) {
    struct view rest = body, line;
    *out = (struct witness_request){0};
    if (body.len > WITNESS_REQUEST_MAX)
        return FAIL(SK_LIMIT, "request of %zu bytes > %d", body.len, WITNESS_REQUEST_MAX);
    if (!view_cut(&rest, '\n', &line) || !view_starts(line, VIEW("old ")) ||
        !decimal_take(view_from(line, 4), &out->old))
        return FAIL(SK_INPUT, "request line 1: not 'old number'");
    for (int number = 2; view_cut(&rest, '\n', &line) && line.len > 0; number++) {
        if (out->proof_len == WITNESS_PROOF_MAX)
            return FAIL(SK_LIMIT, "request line %d: more than %d hashes", number,
                        WITNESS_PROOF_MAX);
        if (!tree_hash_take(line, &out->proof[out->proof_len++]))
            return FAIL(SK_INPUT, "request line %d: no hash of 32 bytes in base64", number);
    }
    if (rest.len > WITNESS_NOTE_MAX)
        return FAIL(SK_LIMIT, "checkpoint of %zu bytes > %d", rest.len, WITNESS_NOTE_MAX);
    // A checkpoint has no empty line of its own. What follows it is for the signatures to settle.
    const char *end = rest.len ? memmem(rest.at, rest.len, "\n\n", 2) : NULL;
    if (!end) return FAIL(SK_INPUT, "request: no checkpoint with signatures");
    out->note = rest;
    return checkpoint_read((struct view){rest.at, (size_t)(end - rest.at) + 1}, &out->checkpoint);
}

// ---- deciding ----

enum sk_code witness_logs_parse(struct view keys, struct witness_log out[WITNESS_LOGS_MAX],
                                size_t *len) {
    *len = 0;
    while (keys.len > 0) {
        const char *comma = memchr(keys.at, ',', keys.len);
        struct view one = {keys.at, comma ? (size_t)(comma - keys.at) : keys.len};
        keys = view_from(keys, one.len + 1);
        if (*len == WITNESS_LOGS_MAX) return FAIL(SK_LIMIT, "more than %d logs", WITNESS_LOGS_MAX);
        struct witness_log *log = &out[(*len)++];
        TRY(note_key_parse(one, &log->key));
        if (log->key.type != NOTE_ED25519)
            return FAIL(SK_INPUT, "%s is the key of a witness, not of a log", log->key.name);
        memcpy(log->origin, log->key.name, sizeof log->origin);
    }
    return SK_OK;
}

static void verdict_say(struct witness_verdict *out, unsigned status, const char *text) {
    *out = (struct witness_verdict){.status = status, .type = type_text};
    int len = snprintf(out->body, sizeof out->body, "%s\n", text);
    out->body_len = (size_t)len < sizeof out->body ? (size_t)len : sizeof out->body - 1;
}

void witness_refuse(struct witness_verdict *out) {
    verdict_say(out, 400, fail_text());
}

static bool log_is(const struct witness_log *log, const struct witness_request *request) {
    return view_is(request->checkpoint.origin, log->origin);
}

bool witness_knows(const struct witness *witness, const struct witness_request *request) {
    for (size_t i = 0; i < witness->logs_len; i++)
        if (log_is(&witness->logs[i], request)) return true;
    return false;
}

// 200, 404 or 403: some key of the origin signed it, and none of them wrongly.
static unsigned log_decide(const struct witness *witness, const struct witness_request *request) {
    struct view text = {0}, lines = {0};
    bool trusted = false;
    if (!witness_knows(witness, request)) {
        FAIL(SK_UNKNOWN, "unknown log");
        return 404;
    }
    if (note_split(request->note, &text, &lines) != SK_OK) return 403;
    for (size_t i = 0; i < witness->logs_len; i++) {
        uint64_t none;
        if (!log_is(&witness->logs[i], request)) continue;
        enum sk_code code = note_lines_signed(text, lines, &witness->logs[i].key, &none);
        if (code != SK_OK && code != SK_UNKNOWN) return 403;
        trusted |= code == SK_OK;
    }
    if (!trusted) FAIL(SK_DENIED, "no signature of a known key of this log");
    return trusted ? 200 : 403;
}

// 200 or 422: the tree grows from what is stored.
static unsigned growth_decide(const struct witness_stored *stored,
                              const struct witness_request *request) {
    const struct checkpoint *new = &request->checkpoint;
    struct tree_hash empty;
    hash_of("", 0, empty.at);
    if (new->size == 0 && memcmp(&new->root, &empty, sizeof empty) != 0) {
        FAIL(SK_CORRUPT, "a log of size 0 has another root");
        return 422;
    }
    if (request->old == 0) { // an empty tree grows into any; nothing is to be proven
        if (request->proof_len == 0) return 200;
        FAIL(SK_CORRUPT, "consistency proof: of hashes, from size 0");
        return 422;
    }
    return tree_consistency_check(stored->size, new->size, &stored->root, &new->root,
                                  request->proof, request->proof_len) == SK_OK
               ? 200
               : 422;
}

void witness_decide(const struct witness *witness, const struct witness_stored *stored,
                    const struct witness_request *request, struct witness_verdict *out) {
    static const struct witness_stored nothing;
    if (!stored) stored = &nothing;
    unsigned status = log_decide(witness, request);
    if (status == 200 && request->old > request->checkpoint.size) {
        FAIL(SK_INPUT, "old size %llu > size %llu", (unsigned long long)request->old,
             (unsigned long long)request->checkpoint.size);
        status = 400;
    }
    if (status == 200 && request->old != stored->size) {
        char size[24];
        (void)snprintf(size, sizeof size, "%llu", (unsigned long long)stored->size);
        verdict_say(out, 409, size);
        out->type = type_size;
        return;
    }
    if (status == 200) status = growth_decide(stored, request);
    if (status != 200)
        verdict_say(out, status, fail_text());
    else
        *out = (struct witness_verdict){.status = 200, .type = type_text};
}

// The first line that is a good signature of the key.
static void kept_put(struct view lines, struct view text, const struct note_key *key,
                     struct buf *kept) {
    struct view line;
    uint64_t none;
    while (view_cut(&lines, '\n', &line)) {
        if (note_line_signed(line, text, key, &none) != SK_OK) continue;
        buf_put_view(kept, line);
        buf_put_char(kept, '\n');
        return;
    }
}

enum sk_code witness_grant(const struct witness *witness, const struct witness_request *request,
                           uint64_t time_s, struct buf *kept, struct witness_verdict *out) {
    struct view text = {0}, lines = {0};
    must(out->status == 200);
    TRY(note_split(request->note, &text, &lines));
    struct buf body = buf_over(out->body, sizeof out->body);
    checkpoint_cosign(text, witness->key, witness->secret, time_s, &body);
    must(!body.over);
    out->body_len = body.len;
    buf_put_view(kept, text);
    buf_put_char(kept, '\n');
    for (size_t i = 0; i < witness->logs_len; i++)
        if (log_is(&witness->logs[i], request)) kept_put(lines, text, &witness->logs[i].key, kept);
    buf_put_view(kept, buf_view(&body));
    return buf_check(kept, "cosigned checkpoint");
}

// ---- replies ----

// The newest good line of the witness in a body of signature lines.
static enum sk_code lines_read(struct view body, struct view note, const struct note_key *key,
                               struct witness_reply *out) {
    struct view text = {0}, lines = {0}, rest = body, line;
    TRY(note_split(note, &text, &lines));
    for (int number = 1; rest.len > 0; number++) {
        uint64_t when = 0;
        if (number > NOTE_LINES_MAX)
            return FAIL(SK_LIMIT, "reply: more than %d lines", NOTE_LINES_MAX);
        if (!view_cut(&rest, '\n', &line))
            return FAIL(SK_INPUT, "reply line %d: no newline at its end", number);
        enum sk_code code = note_line_signed(line, text, key, &when);
        if (code == SK_UNKNOWN) continue;
        if (code != SK_OK) return fail_within(code, "reply line %d", number);
        if (when <= out->time_s) continue;
        out->time_s = when;
        out->line = (struct view){line.at, line.len + 1};
    }
    if (out->time_s == 0) return FAIL(SK_INPUT, "reply: no signature of %s", key->name);
    return SK_OK;
}

enum sk_code witness_reply_read(unsigned status, struct view body, struct view note,
                                const struct note_key *key, struct witness_reply *out) {
    *out = (struct witness_reply){0};
    must(key->type == NOTE_COSIGNATURE);
    if (body.len > NOTE_MAX) return FAIL(SK_LIMIT, "reply of %zu bytes > %d", body.len, NOTE_MAX);
    switch (status) {
    case 200:
        return lines_read(body, note, key, out);
    case 409:
        if (body.len == 0 || body.at[body.len - 1] != '\n' ||
            !decimal_take((struct view){body.at, body.len - 1}, &out->size))
            return FAIL(SK_INPUT, "reply 409: its body is not a size and a newline");
        return FAIL(SK_BUSY, "witness %s has size %llu", key->name, (unsigned long long)out->size);
    case 400:
        return FAIL(SK_INPUT, "witness %s: it takes the request for malformed", key->name);
    case 403:
        return FAIL(SK_DENIED, "witness %s: it does not know our key", key->name);
    case 404:
        return FAIL(SK_UNKNOWN, "witness %s: it does not witness this log", key->name);
    case 422:
        return FAIL(SK_CORRUPT, "witness %s: what it has seen is no beginning of this log",
                    key->name);
    default:
        return FAIL(SK_GONE, "witness %s: status %u", key->name, status);
    }
}

void witness_origin_hex(struct view origin, char out[2 * HASH_LEN + 1]) {
    uint8_t hash[HASH_LEN];
    hash_of(origin.at, origin.len, hash);
    struct buf hex = buf_over(out, 2 * HASH_LEN);
    hex_put(&hex, hash, HASH_LEN);
    out[2 * HASH_LEN] = '\0';
}
