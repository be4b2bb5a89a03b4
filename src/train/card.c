// The model card.
#include "train/card.h"

#include <inttypes.h>
#include <string.h>

#include "base/day.h"
#include "base/text.h"

// A text as it is: what could be markup is escaped (CommonMark 2.4, 2.5), at its beginning also
// what makes a list or, of spaces, code.
static void put_text(struct buf *out, struct view text) {
    static const char first[] = "-+=\\`*_[]<>&|~#!$", *const later = first + 3;
    bool numbers = true; // all before is digits
    for (size_t i = 0; i < text.len; i++) {
        char c = text.at[i];
        bool item = i > 0 && numbers && (c == '.' || c == ')');
        numbers = numbers && c >= '0' && c <= '9';
        if (i == 0 && c == ' ') {
            buf_put_text(out, "&#32;");
            continue;
        }
        if (item || strchr(i ? later : first, c)) buf_put_char(out, '\\');
        buf_put_char(out, c);
    }
}

static void put_digest(struct buf *out, const uint8_t digest[HASH_LEN]) {
    buf_put_char(out, '`');
    hex_put(out, digest, HASH_LEN);
    buf_put_char(out, '`');
}

// 1234567 as 1,234,567.
static void put_count(struct buf *out, uint64_t count) {
    char digits[24];
    struct buf text = buf_over(digits, sizeof digits);
    buf_put_u64(&text, count);
    for (size_t i = 0; i < text.len; i++) {
        if (i > 0 && (text.len - i) % 3 == 0) buf_put_char(out, ',');
        buf_put_char(out, digits[i]);
    }
}

static void row_text(struct buf *out, const char *name, struct view text) {
    if (!text.len) return;
    buf_print(out, "| %s | ", name);
    put_text(out, text);
    buf_put_text(out, " |\n");
}

static void row_count(struct buf *out, const char *name, uint64_t count) {
    buf_print(out, "| %s | ", name);
    put_count(out, count);
    buf_put_text(out, " |\n");
}

static void row_digest(struct buf *out, const char *name, const uint8_t digest[HASH_LEN]) {
    buf_print(out, "| %s | ", name);
    put_digest(out, digest);
    buf_put_text(out, " |\n");
}

static void section(struct buf *out, const char *title, struct view text) {
    if (!text.len) return;
    buf_print(out, "\n## %s\n\n", title);
    put_text(out, text);
    buf_put_char(out, '\n');
}

static const char *kind_text(struct view kind) {
    if (view_is(kind, "lora")) return "LoRA アダプター / LoRA adapter";
    if (view_is(kind, "finetuning")) return "追加学習 / fine-tuning";
    return "事前学習 / pretraining";
}

static void put_head(const struct train_record *r, struct buf *out) {
    buf_put_text(out, "# ");
    put_text(out, r->name);
    buf_put_text(out, "\n\nモデルカード / Model card\n");
    section(out, "概要 / Summary", r->description);
    buf_print(out, "\n| | |\n|---|---|\n| 種類 / Kind | %s |\n", kind_text(r->kind));
    row_text(out, "アーキテクチャ / Architecture", r->architecture);
    row_count(out, "パラメーター / Parameters", r->parameters);
    row_count(out, "学習したもの / of these trained", r->trained_parameters);
    row_text(out, "ライセンス / Licence", r->licence);
    row_text(out, "基のモデル / Base model", r->base_name);
    if (r->base_name.len) row_digest(out, "その SHA-256 / its SHA-256", r->base_sha256);
}

static void put_outputs(const struct train_record *r, struct buf *out) {
    if (!r->outputs_len) return;
    buf_put_text(out, "\n## ファイル / Files\n\n| | | bytes | SHA-256 |\n|---|---|---:|---|\n");
    for (uint32_t i = 0; i < r->outputs_len; i++) {
        const struct record_output *one = &r->outputs[i];
        buf_put_text(out, "| ");
        put_text(out, one->name);
        buf_put_text(out, " | ");
        put_text(out, one->type);
        buf_put_text(out, " | ");
        put_count(out, one->bytes);
        buf_put_text(out, " | ");
        put_digest(out, one->sha256);
        buf_put_text(out, " |\n");
    }
}

static void put_sources(const struct train_record *r, struct buf *out) {
    buf_put_text(out, "\n## 学習データ / Training data\n\n"
                      "| | ライセンス / Licence | 用途 / Use | 文書 / Documents | トークン / Tokens | "
                      "SHA-256 |\n|---|---|---|---:|---:|---|\n");
    for (uint32_t i = 0; i < r->sources_len; i++) {
        const struct record_source *one = &r->sources[i];
        buf_put_text(out, "| ");
        put_text(out, one->name);
        if (one->attribution.len) {
            buf_put_text(out, " (");
            put_text(out, one->attribution);
            buf_put_char(out, ')');
        }
        buf_put_text(out, " | ");
        put_text(out, one->licence);
        bool held_out = view_is(one->use, "validation");
        buf_print(out, " | %s | ", held_out ? "検証 / validation" : "学習 / training");
        put_count(out, one->documents);
        buf_put_text(out, " | ");
        put_count(out, one->tokens);
        buf_put_text(out, " | ");
        put_digest(out, one->sha256);
        buf_put_text(out, " |\n");
    }
}

static void put_metrics(const struct train_record *r, struct buf *out) {
    if (!r->metrics_len) return;
    buf_put_text(out, "\n## 評価 / Evaluation\n\n"
                      "| | データ / Data | 値 / Value | 95 % |\n|---|---|---:|---|\n");
    for (uint32_t i = 0; i < r->metrics_len; i++) {
        const struct record_metric *one = &r->metrics[i];
        buf_put_text(out, "| ");
        put_text(out, one->name);
        buf_put_text(out, " | ");
        put_text(out, one->on);
        buf_put_text(out, " | ");
        buf_put_view(out, one->value);
        buf_put_text(out, " | ");
        buf_put_view(out, one->low);
        if (one->low.len || one->high.len) buf_put_text(out, " – ");
        buf_put_view(out, one->high);
        buf_put_text(out, " |\n");
    }
}

static void put_day(struct buf *out, const char *name, uint64_t ms) {
    buf_print(out, "| %s | ", name);
    day_put(out, day_of_ms((int64_t)ms));
    buf_put_text(out, " (UTC) |\n");
}

static void put_method(const struct train_record *r, struct buf *out) {
    buf_put_text(out, "\n## 方法 / Method\n\n| | |\n|---|---|\n");
    row_count(out, "ステップ / Steps", r->steps);
    row_count(out, "見たトークン / Tokens seen", r->tokens);
    row_text(out, "乱数の種 / Seed", r->seed);
    row_count(out, "プロセス / Processes", r->ranks);
    row_digest(out, "レシピ / Recipe", r->recipe_sha256);
    row_digest(out, "トークン列 / Tokens as stored", r->data_sha256);
    row_text(out, "プログラム / Program", r->build);
    buf_put_text(out, "\n## 時間とエネルギー / Time and energy\n\n| | |\n|---|---|\n");
    put_day(out, "始め / Begun", r->started_ms);
    put_day(out, "終わり / Ended", r->ended_ms);
    row_count(out, "経過秒 / Seconds", (r->ended_ms - r->started_ms) / 1000);
    row_count(out, "CPU 秒 / CPU seconds", r->cpu_ms / 1000);
    if (r->energy_mj) row_count(out, "ジュール / Joules", r->energy_mj / 1000);
    else row_text(out, "エネルギー / Energy", VIEW("この機械は測れない / not told by this machine"));
}

// The record's text is what the ledger has.
static enum sk_code put_lineage(const struct train_record *r, struct buf *out) {
    char storage[RECORD_MAX + 1];
    struct buf text = buf_over(storage, sizeof storage);
    uint8_t digest[HASH_LEN];
    TRY(record_write(r, &text));
    hash_of(text.at, text.len, digest);
    buf_put_text(out, "\n## 来歴 / Lineage\n\n"
                      "この学習の記録は台帳の `training` の葉にあり、その SHA-256 は次のとおり。\n"
                      "The record of this run is a `training` leaf of the ledger; SHA-256:\n\n");
    put_digest(out, digest);
    buf_put_char(out, '\n');
    return SK_OK;
}

enum sk_code card_markdown(const struct train_record *record, struct buf *out) {
    char storage[1024];
    struct buf lineage = buf_over(storage, sizeof storage);
    TRY(put_lineage(record, &lineage)); // refuses what is no record, before anything is written
    put_head(record, out);
    section(out, "用途 / Intended use", record->intended);
    section(out, "限界 / Limits", record->limits);
    put_outputs(record, out);
    put_metrics(record, out);
    put_sources(record, out);
    put_method(record, out);
    buf_put_view(out, buf_view(&lineage));
    return buf_check(out, "model card");
}
