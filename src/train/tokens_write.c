#include <stdlib.h>
#include <string.h>

#include "train/tokens.h"

// ---- GGUF ----

enum sk_code tokens_put(const struct tokens_made *made, struct gguf_writer *writer) {
    uint32_t len = made->len;
    struct view *texts = calloc(len, sizeof *texts);
    float *scores = calloc(len, sizeof *scores);
    int32_t *kinds = calloc(len, sizeof *kinds);
    bool all = texts && scores && kinds;
    for (uint32_t i = 0; all && i < len; i++) {
        texts[i] = made->pieces[i].text;
        scores[i] = made->pieces[i].score;
        kinds[i] = (int32_t)made->pieces[i].kind;
    }
    if (all) gguf_put_texts(writer, "tokenizer.ggml.tokens", len, texts);
    if (all) gguf_put_values(writer, "tokenizer.ggml.scores", GGUF_F32, len, scores);
    if (all) gguf_put_values(writer, "tokenizer.ggml.token_type", GGUF_I32, len, kinds);
    free(texts);
    free(scores);
    free(kinds);
    if (!all) return FAIL(SK_LIMIT, "memory: none left");
    bool unigram = made->model == TOKENS_UNIGRAM;
    gguf_put_text(writer, "tokenizer.ggml.model", unigram ? VIEW("t5") : VIEW("gpt2"));
    gguf_put_text(writer, "tokenizer.ggml.pre", unigram ? VIEW("default") : made->pre);
    gguf_put_u32(writer, "tokenizer.ggml.bos_token_id", (uint32_t)made->bos);
    gguf_put_u32(writer, "tokenizer.ggml.eos_token_id", (uint32_t)made->eos);
    gguf_put_bool(writer, "tokenizer.ggml.add_bos_token", true);
    gguf_put_bool(writer, "tokenizer.ggml.add_eos_token", false);
    if (!unigram) {
        gguf_put_texts(writer, "tokenizer.ggml.merges", made->merges_len, made->merges);
        return SK_OK;
    }
    gguf_put_u32(writer, "tokenizer.ggml.unknown_token_id", (uint32_t)made->unknown);
    gguf_put_bool(writer, "tokenizer.ggml.add_space_prefix", false);
    gguf_put_bool(writer, "tokenizer.ggml.remove_extra_whitespaces", false);
    gguf_put_bool(writer, "tokenizer.ggml.byte_fallback", made->byte_fallback);
    if (made->charsmap.len)
        gguf_put_values(writer, "tokenizer.ggml.precompiled_charsmap", GGUF_U8, made->charsmap.len,
                        made->charsmap.at);
    return SK_OK;
}

// ---- SentencePiece ----

// Protocol buffers (encoding guide): a field is its number and kind, then its value.
enum { VARINT = 0, BYTES = 2, FIXED = 5 };

static void put_varint(struct buf *out, uint64_t value) {
    for (; value >= 0x80; value >>= 7) buf_put_char(out, (char)(value | 0x80));
    buf_put_char(out, (char)value);
}

static void put_number(struct buf *out, unsigned field, uint64_t value) {
    put_varint(out, field << 3 | VARINT);
    put_varint(out, value);
}

static void put_bytes(struct buf *out, unsigned field, struct view bytes) {
    put_varint(out, field << 3 | BYTES);
    put_varint(out, bytes.len);
    buf_put_view(out, bytes);
}

static void put_float(struct buf *out, unsigned field, float value) {
    put_varint(out, field << 3 | FIXED);
    buf_put(out, &value, sizeof value);
}

// message ModelProto { repeated SentencePiece pieces = 1; TrainerSpec trainer_spec = 2;
// NormalizerSpec normalizer_spec = 3; }, of sentencepiece_model.proto.
enum { PIECES = 1, TRAINER = 2, NORMALIZER = 3 };

static void put_piece(struct buf *out, const struct tokens_piece *piece) {
    char storage[VOCAB_PIECE_MAX + 64];
    struct buf message = buf_over(storage, sizeof storage);
    put_bytes(&message, 1, piece->text);
    put_float(&message, 2, piece->score);
    put_number(&message, 3, piece->kind); // the numbers are those of GGUF
    must(!message.over);
    put_bytes(out, PIECES, buf_view(&message));
}

static void put_trainer(struct buf *out, const struct tokens_made *made) {
    enum { MODEL_TYPE = 3, VOCAB_SIZE = 4, BYTE_FALLBACK = 35, UNIGRAM = 1 };
    char storage[64];
    struct buf message = buf_over(storage, sizeof storage);
    put_number(&message, MODEL_TYPE, UNIGRAM);
    put_number(&message, VOCAB_SIZE, made->len);
    put_number(&message, BYTE_FALLBACK, made->byte_fallback);
    must(!message.over);
    put_bytes(out, TRAINER, buf_view(&message));
}

static enum sk_code put_normalizer(struct buf *out, const struct tokens_made *made) {
    enum { NAME = 1, MAP = 2, DUMMY_PREFIX = 3, EXTRA_WHITESPACES = 4, ESCAPE_WHITESPACES = 5 };
    struct buf message;
    TRY(buf_open(&message, made->charsmap.len + 64));
    put_bytes(&message, NAME, made->charsmap.len ? VIEW("nfkc") : VIEW("identity"));
    if (made->charsmap.len) put_bytes(&message, MAP, made->charsmap);
    put_number(&message, DUMMY_PREFIX, false);
    put_number(&message, EXTRA_WHITESPACES, false);
    put_number(&message, ESCAPE_WHITESPACES, true);
    must(!message.over);
    put_bytes(out, NORMALIZER, buf_view(&message));
    buf_close(&message);
    return SK_OK;
}

enum sk_code tokens_write_spm(const struct tokens_made *made, struct gguf_sink sink) {
    struct buf out = {0};
    if (made->model != TOKENS_UNIGRAM)
        return FAIL(SK_UNSUPPORTED, "a SentencePiece model of byte-level BPE: there is none");
    TRY(buf_open(&out, (size_t)1 << 28));
    for (uint32_t i = 0; i < made->len; i++) put_piece(&out, &made->pieces[i]);
    put_trainer(&out, made);
    enum sk_code code = put_normalizer(&out, made);
    if (code == SK_OK) code = buf_check(&out, "the model");
    if (code == SK_OK) code = sink.put(sink.self, out.at, out.len);
    buf_close(&out);
    return code;
}
