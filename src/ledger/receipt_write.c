#include "base/text.h"
#include "base/utf8.h"
#include "ledger/store.h"

static void put_hex_member(struct json_writer *w, const char *name, const uint8_t hash[HASH_LEN]) {
    char digits[2 * HASH_LEN];
    struct buf hex = buf_over(digits, sizeof digits);
    hex_put(&hex, hash, HASH_LEN);
    json_member_string(w, name, buf_view(&hex));
}

static enum sk_code put_entry(struct json_writer *w, struct ledger *ledger, uint64_t index,
                              uint64_t size) {
    char bytes[LEDGER_LEAF_MAX];
    struct buf leaf = buf_over(bytes, sizeof bytes);
    TRY(ledger_leaf(ledger, index, &leaf));
    if (!utf8_check(buf_view(&leaf)))
        return FAIL(SK_INPUT, "receipt: leaf %llu is not text", (unsigned long long)index);
    struct tree_hash proof[LEDGER_PROOF_MAX];
    size_t proof_len = 0;
    TRY(ledger_inclusion(ledger, index, size, proof, &proof_len));
    json_open(w, '{');
    json_member_u64(w, "index", index);
    json_member_string(w, "leaf", buf_view(&leaf));
    json_name(w, "proof");
    json_open(w, '[');
    for (size_t i = 0; i < proof_len; i++) {
        char text[4 * (HASH_LEN + 2) / 3];
        struct buf base64 = buf_over(text, sizeof text);
        base64_put(&base64, &proof[i], HASH_LEN);
        json_put_string(w, buf_view(&base64));
    }
    json_close(w, ']');
    json_close(w, '}');
    return SK_OK;
}

static void put_salts(struct json_writer *w, const struct receipt_salts *salts) {
    json_open(w, '{');
    put_hex_member(w, "request_body", salts->body);
    put_hex_member(w, "prompt_tokens", salts->prompt);
    put_hex_member(w, "choice_0", salts->choice);
    json_close(w, '}');
}

enum sk_code receipt_write(struct ledger *ledger, uint64_t open, uint64_t close,
                           const struct receipt_salts *salts, struct buf *out) {
    struct json_writer w = json_writer_to(out);
    uint64_t last = close == UINT64_MAX || close < open ? open : close;
    bool published = last < ledger->published_size && ledger->published.len <= LEDGER_NOTE_MAX;
    uint64_t size = published ? ledger->published_size : ledger_size(ledger);
    json_open(&w, '{');
    json_member_text(&w, "v", RECEIPT_VERSION);
    json_member_text(&w, "origin", ledger_key(ledger)->name);
    json_name(&w, "open");
    TRY(put_entry(&w, ledger, open, size));
    json_name(&w, "close");
    if (close == UINT64_MAX) json_put_null(&w);
    else TRY(put_entry(&w, ledger, close, size));
    json_member_string(&w, "checkpoint",
                       published ? ledger->published : ledger_checkpoint(ledger));
    json_name(&w, "salts");
    if (salts && salts->present) put_salts(&w, salts);
    else json_put_null(&w);
    json_close(&w, '}');
    return buf_check(out, "receipt");
}
