// Cards: what a record says stands in them, its texts as texts and never as markup; the same bytes
// each time. That the ML-BOM is one, the official schema says (tests/schema/bom.mjs).
#include <stdlib.h>

#include "cmocka_all.h"

#include "base/json.h"
#include "record_make.h"
#include "train/card.h"

static struct train_record record;
static char first[CARD_MAX], second[CARD_MAX];

static struct view write_by(enum sk_code (*card)(const struct train_record *, struct buf *),
                            char *storage) {
    struct buf out = buf_over(storage, CARD_MAX);
    if (card(&record, &out) != SK_OK) fail_msg("%s", fail_text());
    return buf_view(&out);
}

static void has(struct view text, const char *words) {
    if (!memmem(text.at, text.len, words, strlen(words)))
        fail_msg("no %s in %.*s", words, (int)text.len, text.at);
}

static void has_not(struct view text, const char *words) {
    if (memmem(text.at, text.len, words, strlen(words))) fail_msg("%s in it", words);
}

static void the_card_says_it(void **state) {
    (void)state;
    record_full(&record);
    record.name = VIEW("<script>|`x`");
    record.description = VIEW("12. no list, 3. neither");
    record.intended = VIEW("    no code");
    record.limits = VIEW("- no list, *no* emphasis, [no](link)");
    struct view text = write_by(card_markdown, first);
    assert_true(view_same(text, write_by(card_markdown, second)));
    has(text, "# \\<script\\>\\|\\`x\\`\n");
    has(text, "\n\\- no list, \\*no\\* emphasis, \\[no\\](link)\n");
    has(text, "\n12\\. no list, 3. neither\n");
    has(text, "\n&#32;   no code\n");
    has(text, "| 学習したもの / of these trained | 5,000,000 |");
    has(text, "| asdc (Aozora Bunko volunteers) | CC-BY-4.0 | 検証 / validation | 9,000 |");
    has(text, "| bits per byte | validation | 1.0532 | 1.04 – 1.066 |");
    has(text, "| 始め / Begun | 2026-11-23 (UTC) |");
    has(text, "基のモデル");
    record_least(&record);
    text = write_by(card_markdown, first);
    has_not(text, "基のモデル");
    has_not(text, "## 評価");
    has(text, "not told by this machine");
}

static void the_bom_says_it(void **state) {
    (void)state;
    struct arena arena;
    const struct json_node *root;
    record_full(&record);
    struct view text = write_by(card_bom, first);
    assert_true(view_same(text, write_by(card_bom, second)));
    assert_int_equal(arena_open(&arena, "bom", 1 << 20), SK_OK);
    assert_int_equal(json_parse(first, text.len, &arena, &root), SK_OK);
    const struct json_node *model = json_find(json_find(root, "metadata"), "component");
    assert_true(json_is_text(json_find(root, "specVersion"), "1.6"));
    assert_true(json_is_text(json_find(json_find(root, "metadata"), "timestamp"),
                             "2026-11-23T03:13:20Z"));
    assert_true(json_is_text(json_find(model, "type"), "machine-learning-model"));
    assert_int_equal(json_find(root, "components")->len, 2);
    assert_non_null(json_find(model, "pedigree"));
    const struct json_node *data = json_first(json_find(root, "components"));
    const struct json_node *licence = json_find(json_first(json_find(data, "licenses")), "license");
    assert_true(json_is_text(json_find(licence, "name"), "public domain"));
    licence = json_find(json_first(json_find(json_next(data), "licenses")), "license");
    assert_true(json_is_text(json_find(licence, "id"), "CC-BY-4.0"));
    arena_close(&arena);
}

// The largest records, all of it what must be escaped.
static void there_is_room(void **state) {
    (void)state;
    static char stars[1024];
    memset(stars, '*', sizeof stars);
    record_full(&record);
    record.description = record.intended = record.limits = (struct view){stars, sizeof stars};
    for (uint32_t i = 0; i < RECORD_SOURCES_MAX; i++) {
        record.sources[i] = record.sources[0];
        record.sources[i].name = record.sources[i].attribution = VIEW("");
        record.sources[i].name = (struct view){stars, 1};
        record.sources_len = i + 1;
        struct buf out = buf_over(first, RECORD_MAX + 1);
        if (record_write(&record, &out) == SK_OK) continue;
        record.sources_len = i;
        break;
    }
    assert_true(record.sources_len > 40);
    write_by(card_markdown, first);
    write_by(card_bom, first);
    record.name = VIEW("");
    struct buf out = buf_over(first, CARD_MAX);
    assert_int_equal(card_markdown(&record, &out), SK_INPUT);
    assert_int_equal(card_bom(&record, &out), SK_INPUT);
    assert_int_equal(out.len, 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_card_says_it),
        cmocka_unit_test(the_bom_says_it),
        cmocka_unit_test(there_is_room),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
