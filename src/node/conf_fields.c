#include "node/conf_fields.h"

#include "base/fair.h"
#include "base/text.h"

#include <stddef.h>

enum { QUEUE_MAX = 190, PARALLEL_MAX = 64 };

#define SIZE_OF(type, member) sizeof(((struct type *)0)->member)
// Fields of text and of numbers; the formatter would take them for blocks.
// clang-format off
#define TEXT(kind_, type, section_, name_, member)                                                 \
    .section = section_, .name = name_, .kind = kind_, .offset = offsetof(struct type, member),    \
    .size = SIZE_OF(type, member)
#define NUMBER(kind_, type, section_, name_, member, min_, max_)                                   \
    .section = section_, .name = name_, .kind = kind_, .offset = offsetof(struct type, member),    \
    .min = min_, .max = max_
// clang-format on

static const struct conf_field node_rows[] = {
    {TEXT(CONF_TEXT, conf, "", "node", node),
     .en = "name of this node: origin of its ledger, in every receipt",
     .ja = "このノードの名前。台帳と受領証に載る"},
    {TEXT(CONF_TEXT, conf, "", "listen", listen),
     .en = "address to serve on; port 0 takes a free one",
     .ja = "待ち受けるアドレス。ポート 0 は空きを使う"},
    {TEXT(CONF_TEXT, conf, "", "data", data),
     .en = "directory of ledger and keys",
     .ja = "台帳と鍵を置く場所"},
    {TEXT(CONF_CHOICE, conf, "", "isolation", isolation),
     .choices = {"fenced", "walled", "fortress"},
     .en = "lowest isolation to serve at: fenced, walled or fortress (docs/powers.md)",
     .ja = "これより弱い隔離では応答しない: fenced、walled、fortress"},
    {TEXT(CONF_CHOICE, conf, "", "require_signed_models", require_signed_models),
     .choices = {"no", "yes"},
     .en = "yes: no model is served that is not signed by a key of its signed_by "
           "(docs/model-signing.md)",
     .ja = "yes なら signed_by の鍵で署名されたモデルだけを読み込む"},
    {TEXT(CONF_TEXT, conf, "border", "policy", policy),
     .en = "policy file: how far each class of text may travel (docs/policy.md); empty: nothing "
           "leaves this node",
     .ja = "文章の種類ごとの越境ポリシーのファイル。空なら何もこのノードから出ない"},
    {TEXT(CONF_TEXT, conf, "border", "detectors", detectors),
     .en = "directory of all detector files (*.skdt); empty: those that come with the program; "
           "your own words (listed.skdt) may stand beside the policy",
     .ja = "検出器ファイル (*.skdt) すべての場所。空なら付属のもの。自前の語 (listed.skdt) は"
           "ポリシーの隣でもよい"},
    {NUMBER(CONF_NUMBER, conf, "border", "probe_s", probe_s, 1, 86400),
     .live = true,
     .en = "seconds between two rounds in which the node attacks its own isolation",
     .ja = "自分の隔離を攻撃して確かめる間隔 (秒)"},
    {NUMBER(CONF_NUMBER, conf, "ledger", "scrub_days", scrub_days, 0, 3650),
     .en = "days within which the whole log is read again and compared (docs/ledger-format.md); 0: "
           "never",
     .ja = "台帳の全体を読み直して照合する周期 (日)。0 は読み直さない"},
    {TEXT(CONF_TEXT, conf, "witness", "policy", witness_policy),
     .en = "file that names the witnesses of this node's log and their quorum (C2SP tlog-policy, "
           "docs/witness.md); empty: none is asked",
     .ja = "この台帳の証人と定足数を書いたファイル (C2SP tlog-policy)。空なら証人に頼まない"},
    {NUMBER(CONF_NUMBER, conf, "witness", "every_s", witness_every_s, 1, 86400),
     .en = "seconds between two checkpoints that they are asked to cosign",
     .ja = "証人に連署を頼む間隔 (秒)"},
    {TEXT(CONF_CHOICE, conf, "witness", "required", witness_required),
     .choices = {"no", "yes"},
     .en = "yes: the node does not start before a quorum has said that its log is not an old copy",
     .ja = "yes なら、台帳が古い写しでないと定足数の証人が言うまで起動しない"},
    {TEXT(CONF_LIST, conf, "witness", "logs", witness_logs),
     .live = true,
     .en = "verifier keys of the logs that this node cosigns (docs/witness.md)",
     .ja = "このノードが連署する他のログの検証鍵の一覧"},
    {NUMBER(CONF_NUMBER, conf, "engine", "threads", threads, 0, CONF_THREADS_MAX),
     .en = "threads that compute; 0: one per CPU",
     .ja = "計算スレッド数。0 は CPU の数"},
    {NUMBER(CONF_BYTES, conf, "engine", "memory", memory, 0, UINT64_MAX),
     .en = "bytes for all loaded models, weights and caches; 0: three quarters of this machine's "
           "memory",
     .ja = "読み込んだモデル全体のメモリの上限。0 は搭載メモリの四分の三"},
    {NUMBER(CONF_BYTES, conf, "engine", "cache_disk", cache_disk, 0, UINT64_C(1) << 44),
     .en = "bytes of disk, in `data`, for keys and values of prompts that memory has no room for, "
           "encrypted; 0: none; nothing of it outlives the node",
     .ja = "メモリに収まらない入力のキーと値を置くディスクの上限 (data の中、暗号化)。0 は使わない。"
           "ノードが止まれば何も残らない"},
    {NUMBER(CONF_NUMBER, conf, "engine", "idle_s", idle_s, 0, 1 << 30),
     .en = "seconds after which a model nobody asks for leaves the memory; 0: never",
     .ja = "使われないモデルをメモリから外すまでの秒数。0 は外さない"},
    {NUMBER(CONF_NUMBER, conf, "limits", "connections", connections, 1, 3000),
     .live = true,
     .en = "client connections at once",
     .ja = "同時接続数"},
    {NUMBER(CONF_NUMBER, conf, "limits", "queue", queue, 0, QUEUE_MAX),
     .en = "requests waiting for the engine; more are told 429",
     .ja = "待ち行列の長さ。超えると 429"},
    {NUMBER(CONF_NUMBER, conf, "limits", "requests_per_minute", limits.requests, 0, UINT32_MAX),
     .live = true,
     .en = "requests per minute of one API key; 0: no limit",
     .ja = "API 鍵ごとの毎分のリクエスト数。0 は無制限"},
    {NUMBER(CONF_NUMBER, conf, "limits", "tokens_per_minute", limits.tokens, 0, UINT32_MAX),
     .live = true,
     .en = "tokens per minute of one API key, prompts and answers together; 0: no limit",
     .ja = "API 鍵ごとの毎分のトークン数 (入力と出力の合計)。0 は無制限"},
    {NUMBER(CONF_NUMBER, conf, "limits", "parallel_per_key", limits.parallel, 0, UINT32_MAX),
     .live = true,
     .en = "requests of one API key at once; 0: no limit",
     .ja = "API 鍵ごとの同時リクエスト数。0 は無制限"},
    {NUMBER(CONF_BYTES, conf, "limits", "body", body, 1 << 10, 8 << 20),
     .live = true,
     .en = "largest request body",
     .ja = "リクエスト本文の上限"},
    {NUMBER(CONF_BYTES, conf, "limits", "header", header, 1 << 10, 64 << 10),
     .live = true,
     .en = "largest request header",
     .ja = "ヘッダーの上限"},
    {NUMBER(CONF_NUMBER, conf, "limits", "header_ms", header_ms, 100, 600000),
     .live = true,
     .en = "time for the whole header",
     .ja = "ヘッダー受信の期限 (ミリ秒)"},
    {NUMBER(CONF_NUMBER, conf, "limits", "idle_ms", idle_ms, 100, 3600000),
     .live = true,
     .en = "time without a byte from or to the client",
     .ja = "無通信の期限 (ミリ秒)"},
    {NUMBER(CONF_NUMBER, conf, "limits", "drain_ms", drain_ms, 0, 3600000),
     .live = true,
     .en = "time for running answers when the node stops",
     .ja = "停止時に応答を待つ時間 (ミリ秒)"},
    {NUMBER(CONF_NUMBER, conf, "keep", "seconds", keep_s, 0, 7 * 86400),
     .live = true,
     .en = "how long stored responses and answers to idempotency keys can be asked for again; 0: "
           "nothing is kept",
     .ja = "保存した応答と冪等キーの応答を再取得できる秒数。0 は何も残さない"},
    {NUMBER(CONF_BYTES, conf, "keep", "memory", keep_memory, 0, UINT64_C(1) << 40),
     .live = true,
     .en = "bytes for them, encrypted, in memory only",
     .ja = "そのためのメモリ (暗号化され、ディスクには書かれない)"},
    {TEXT(CONF_LIST, conf, "cors", "origins", origins),
     .live = true,
     .en = "origins whose pages may call from a browser, like https://app.example; \"*\": every "
           "one, where there are keys",
     .ja = "ブラウザから呼べるページの origin の一覧。\"*\" はすべて (鍵があるときのみ)"},
    {TEXT(CONF_TEXT, conf, "", "hosts", hosts),
     .live = true,
     .en = "further Host names allowed while there are no keys, comma separated",
     .ja = "鍵がないときに許す Host 名 (カンマ区切り)"},
};

static const struct conf_field model_rows[] = {
    {TEXT(CONF_TEXT, conf_model, "model", "id", id),
     .en = "the name clients ask for",
     .ja = "クライアントが指定する名前"},
    {TEXT(CONF_TEXT, conf_model, "model", "file", file),
     .en = "a GGUF file; of a split one the first part, …-00001-of-0000N.gguf",
     .ja = "GGUF ファイル。分割されたものは最初の一つ"},
    {NUMBER(CONF_NUMBER, conf_model, "model", "context", context, 0, 1 << 20),
     .en = "tokens of one conversation; 0: what the model was trained for, or what memory has room "
           "for",
     .ja = "一つの会話のトークン数。0 はモデルの学習時の長さ、またはメモリに収まる長さ"},
    {NUMBER(CONF_NUMBER, conf_model, "model", "parallel", parallel, 1, PARALLEL_MAX),
     .en = "answers at once",
     .ja = "同時に作る応答の数"},
    {TEXT(CONF_CHOICE, conf_model, "model", "cache_type", cache_type),
     .choices = {"f16", "q8_0"},
     .en = "what keys and values are kept in: f16, or q8_0, eight bits in about half the memory",
     .ja = "キーと値を保持する形式: f16、または q8_0 (8 ビット、メモリは約半分)"},
    {TEXT(CONF_LIST, conf_model, "model", "signed_by", signed_by),
     .en = "public keys (PEM files) of those who may sign it; none: it need not be signed",
     .ja = "このモデルに署名してよい者の公開鍵 (PEM)。なければ署名を求めない"},
    {TEXT(CONF_TEXT, conf_model, "model", "signature", signature),
     .en = "its signature; empty: model.sig in its directory, else FILE.sig",
     .ja = "署名のファイル。空なら同じ場所の model.sig、なければ FILE.sig"},
    {TEXT(CONF_TEXT, conf_model, "model", "adapter_of", adapter_of),
     .en = "id of the model that the file is a LoRA adapter of (docs/training.md); empty: it is a "
           "model",
     .ja = "LoRA アダプターなら、その元のモデルの id。空ならモデル"},
    {TEXT(CONF_TEXT, conf_model, "model", "scale", scale),
     .en = "of an adapter: times what it adds",
     .ja = "アダプターの強さ (倍率)"},
};

static const struct conf_field key_rows[] = {
    {TEXT(CONF_TEXT, conf_key, "key", "name", name),
     .en = "what the operator calls it",
     .ja = "管理者がつける名前"},
    {TEXT(CONF_DIGEST, conf_key, "key", "sha256", digest),
     .en = "SHA-256 of the key",
     .ja = "鍵の SHA-256"},
    {TEXT(CONF_CHOICE, conf_key, "key", "use", use),
     .choices = {"ask", "metrics", "audit"},
     .en = "ask; metrics: to read /metrics, audit: to read the log, and nothing else",
     .ja = "ask、metrics (/metrics を読むだけの鍵)、audit (台帳を読むだけの鍵)"},
    {NUMBER(CONF_NUMBER, conf_key, "key", "requests_per_minute", limits.requests, 0, UINT32_MAX),
     .en = "instead of limits.requests_per_minute",
     .ja = "limits.requests_per_minute の代わり"},
    {NUMBER(CONF_NUMBER, conf_key, "key", "tokens_per_minute", limits.tokens, 0, UINT32_MAX),
     .en = "instead of limits.tokens_per_minute",
     .ja = "limits.tokens_per_minute の代わり"},
    {NUMBER(CONF_NUMBER, conf_key, "key", "parallel", limits.parallel, 0, UINT32_MAX),
     .en = "instead of limits.parallel_per_key",
     .ja = "limits.parallel_per_key の代わり"},
    {NUMBER(CONF_NUMBER, conf_key, "key", "weight", weight, 1, FAIR_WEIGHT_MAX),
     .en = "its part of the engine where keys wait for each other; 1 unless it says more",
     .ja = "複数の鍵が待ち合うときの取り分の重み。書かなければ 1"},
};

#define TABLE(rows)                                                                                \
    { rows, sizeof rows / sizeof *rows }
const struct conf_table conf_fields = TABLE(node_rows);
const struct conf_table conf_model_fields = TABLE(model_rows);
const struct conf_table conf_key_fields = TABLE(key_rows);

const struct conf_field *conf_field_find(const struct conf_table *table, struct view section,
                                         struct view name) {
    for (size_t i = 0; i < table->len; i++) {
        const struct conf_field *field = &table->rows[i];
        if (view_is(section, field->section) && view_is(name, field->name)) return field;
    }
    return NULL;
}

const char *conf_field_text(const void *at, const struct conf_field *field) {
    return (const char *)at + field->offset;
}

uint64_t conf_field_number(const void *at, const struct conf_field *field) {
    uint64_t number;
    memcpy(&number, (const char *)at + field->offset, sizeof number);
    return number;
}

static bool is_number(const struct conf_field *field) {
    return field->kind == CONF_NUMBER || field->kind == CONF_BYTES;
}

bool conf_field_same(const void *a, const void *b, const struct conf_field *field) {
    if (is_number(field)) return conf_field_number(a, field) == conf_field_number(b, field);
    return strcmp(conf_field_text(a, field), conf_field_text(b, field)) == 0;
}

void conf_field_copy(void *to, const void *from, const struct conf_field *field) {
    size_t size = is_number(field) ? sizeof(uint64_t) : field->size;
    memcpy((char *)to + field->offset, (const char *)from + field->offset, size);
}

// A number with an optional KiB, MiB or GiB.
static bool take_bytes(struct view text, uint64_t *out) {
    static const char *const units[] = {"KiB", "MiB", "GiB"};
    unsigned shift = 0;
    for (unsigned i = 0; i < 3; i++) {
        size_t len = 3;
        if (text.len > len && view_is(view_from(text, text.len - len), units[i])) {
            text.len -= len;
            shift = 10 * (i + 1);
        }
    }
    return decimal_take(text, out) && *out <= UINT64_MAX >> shift && (*out <<= shift, true);
}

static enum sk_code text_set(void *at, const struct conf_field *field, struct view text,
                             const char *where) {
    if (text.len >= field->size || memchr(text.at, 0, text.len))
        return FAIL(SK_LIMIT, "%s: %s is longer than %zu bytes", where, field->name,
                    field->size - 1);
    char *to = (char *)at + field->offset;
    memset(to, 0, field->size); // whole structs are compared
    memcpy(to, text.at, text.len);
    return SK_OK;
}

static enum sk_code number_set(void *at, const struct conf_field *field, struct view text,
                               const char *where) {
    uint64_t number;
    bool good = field->kind == CONF_BYTES ? take_bytes(text, &number) : decimal_take(text, &number);
    if (!good)
        return FAIL(SK_INPUT, "%s: %s must be a number%s, not '%.*s'", where, field->name,
                    field->kind == CONF_BYTES ? " of bytes like 4194304 or 4MiB" : "",
                    (int)text.len, text.at);
    if (number < field->min || number > field->max)
        return FAIL(SK_LIMIT, "%s: %s is %llu, allowed are %llu to %llu", where, field->name,
                    (unsigned long long)number, (unsigned long long)field->min,
                    (unsigned long long)field->max);
    memcpy((char *)at + field->offset, &number, sizeof number);
    return SK_OK;
}

static enum sk_code choice_check(const struct conf_field *field, struct view text,
                                 const char *where) {
    char all[64] = "";
    struct buf out = buf_over(all, sizeof all - 1);
    for (int i = 0; i < CONF_CHOICES_MAX && field->choices[i]; i++) {
        if (view_is(text, field->choices[i])) return SK_OK;
        buf_print(&out, "%s%s", i ? " or " : "", field->choices[i]);
    }
    all[out.len] = 0;
    return FAIL(SK_INPUT, "%s: %s must be %s, not '%.*s'", where, field->name, all, (int)text.len,
                text.at);
}

enum sk_code conf_field_set(void *at, const struct conf_field *field, struct view text,
                            const char *where) {
    if (is_number(field)) return number_set(at, field, text, where);
    if (field->kind == CONF_CHOICE) TRY(choice_check(field, text, where));
    if (field->kind == CONF_DIGEST) {
        if (hex_take(text, (uint8_t *)at + field->offset, field->size)) return SK_OK;
        return FAIL(SK_INPUT, "%s: %s must be %zu hex digits", where, field->name, 2 * field->size);
    }
    return text_set(at, field, text, where);
}

// Double-quoted YAML: always text, never a number or a boolean, and on one line.
static void write_quoted(struct view text, struct buf *out) {
    buf_put_char(out, '"');
    for (size_t i = 0; i < text.len; i++) {
        char c = text.at[i];
        if (c == '"' || c == '\\') buf_put_char(out, '\\');
        if ((unsigned char)c < 0x20 || c == 0x7f)
            buf_print(out, "\\x%02x", (unsigned)c);
        else
            buf_put_char(out, c);
    }
    buf_put_char(out, '"');
}

static void write_list(struct view list, struct buf *out) {
    buf_put_char(out, '[');
    for (bool first = true; list.len; first = false) {
        const char *comma = memchr(list.at, ',', list.len);
        struct view one = {list.at, comma ? (size_t)(comma - list.at) : list.len};
        if (!first) buf_put_text(out, ", ");
        write_quoted(one, out);
        list = view_from(list, one.len + 1);
    }
    buf_put_char(out, ']');
}

void conf_field_write(const void *at, const struct conf_field *field, struct buf *out) {
    if (is_number(field)) {
        buf_put_u64(out, conf_field_number(at, field));
    } else if (field->kind == CONF_DIGEST) {
        buf_put_char(out, '"');
        hex_put(out, conf_field_text(at, field), field->size);
        buf_put_char(out, '"');
    } else if (field->kind == CONF_LIST) {
        write_list(view_of(conf_field_text(at, field)), out);
    } else {
        write_quoted(view_of(conf_field_text(at, field)), out);
    }
}
