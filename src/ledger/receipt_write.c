#include "base/utf8.h"
#include "ledger/store.h"

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
    for (size_t i = 0; i < proof_len; i++)
        json_put_base64(w, &proof[i], HASH_LEN);
    json_close(w, ']');
    json_close(w, '}');
    return SK_OK;
}

static void put_salts(struct json_writer *w, const struct receipt_salts *salts) {
    json_open(w, '{');
    json_member_hex(w, "request_body", salts->body, HASH_LEN);
    json_member_hex(w, "prompt_tokens", salts->prompt, HASH_LEN);
    json_member_hex(w, "choice_0", salts->choice, HASH_LEN);
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
