// Personal names: sentences whose names are plain, forms, and files that are no weights.
#include "cmocka_all.h"

#include "border/names_parts.h"
#include "border/scan_parts.h"
#include "chance.h"
#include "lexicon_fixture.h"

static void names_of_sentences(void **state) {
    (void)state;
    static const struct sample samples[] = {
        {"昨日、山田太郎さんが来ました。", "[person 山田太郎]"},
        {"担当は佐藤花子です。", "[person 佐藤花子]"},
        {"監督のジョン・スミスは語った。", "[person ジョン・スミス]"},
        {"山口県の天気は晴れです。", ""},
        {"会議は十時に始まります。", ""},
        {"", ""},
    };
    SAMPLES_CHECK(samples);
}

// A name ends where the next field of the form begins.
static void names_of_forms(void **state) {
    (void)state;
    static const struct sample samples[] = {
        {"氏名 近藤優　生年月日", "[person 近藤優]"},
        {"届出人　岡田　優　続柄　子", "[person 岡田　優]"},
        {"緊急連絡先　長男 近藤　律", "[person 近藤　律]"},
        {"口座番号　普通　口座名義　スズキ　ユミコ", "[person スズキ　ユミコ]"},
        {"普通　名義：ヤマモトミサキ", "[person ヤマモトミサキ]"},
        {"受取人　Yuko Mori　電話", "[person Yuko Mori]"},
        {"連絡先：妻", ""},
        {"社員コード\t氏名\t生年月日\t住所", ""},
    };
    SAMPLES_CHECK(samples);
}

// ---- our held-out sentences (tests/data/names.txt) ----

// A little under what the committed weights reach.
#define FLOOR 0.92

enum { SPANS_MAX = 64 };

struct marked {
    char text[2048];
    uint32_t at[SPANS_MAX], len[SPANS_MAX], spans;
};

struct tally {
    unsigned gold, found, exact;
};

// "<山田>さん⏎" without its marks.
static void marked_read(const char *line, struct marked *out) {
    size_t len = 0;
    out->spans = 0;
    for (; *line && *line != '\n'; line++) {
        assert_true(len < sizeof out->text - 1 && out->spans < SPANS_MAX);
        if (*line == '<') {
            out->at[out->spans] = (uint32_t)len;
        } else if (*line == '>') {
            out->len[out->spans] = (uint32_t)len - out->at[out->spans];
            out->spans++;
        } else if (strncmp(line, "⏎", 3) == 0) {
            out->text[len++] = '\n';
            line += 2;
        } else {
            out->text[len++] = *line;
        }
    }
    out->text[len] = 0;
}

static void marked_judge(const struct marked *marked, struct tally *tally) {
    struct scan scan;
    bool done = false;
    arena_reset(&arena);
    assert_int_equal(scan_begin(&scan, detectors, &wanted, view_of(marked->text), &arena), SK_OK);
    while (!done)
        assert_int_equal(scan_step(&scan, &done), SK_OK);
    unsigned exact = 0;
    for (uint32_t i = 0; i < scan.findings_len; i++)
        for (uint32_t k = 0; k < marked->spans; k++)
            exact += scan.findings[i].at == marked->at[k] && scan.findings[i].len == marked->len[k];
    tally->gold += marked->spans;
    tally->found += scan.findings_len;
    tally->exact += exact;
    if (exact < marked->spans || exact < scan.findings_len)
        print_message("  %s\n    found %s\n", marked->text, found(marked->text));
}

static void our_own_sentences(void **state) {
    (void)state;
    static struct marked marked;
    static char line[4096];
    struct tally all = {0};
    FILE *file = fopen(SEKISHO_ROOT "/tests/data/names.txt", "r");
    assert_non_null(file);
    while (fgets(line, sizeof line, file)) {
        if (line[0] == '#' || line[0] == '\n' || (line[0] == ' ' && line[1] == ' ')) continue;
        if (line[0] == '[' && !strchr(line, '<')) {
            print_message("%s", line);
            continue;
        }
        marked_read(line, &marked);
        marked_judge(&marked, &all);
    }
    fclose(file);
    double f1 = 2.0 * all.exact / (all.gold + all.found);
    print_message("%u names, %u found, %u exact: F1 %.3f\n", all.gold, all.found, all.exact, f1);
    assert_true(f1 >= FLOOR);
}

// ---- weights, against sums that are made one by one ----

enum { BUCKETS = 7 };

// The first slot with the check, or `slots`.
static unsigned plain_slot(const uint8_t *bucket, unsigned slots, uint64_t key) {
    unsigned slot = 0;
    for (; slot < slots; slot++)
        if ((bucket[2 * slot] | bucket[2 * slot + 1] << 8) == names_bucket_check(key)) break;
    return slot;
}

static void plain_score(const struct names_model *model, const struct names_sentence *sentence,
                        uint32_t unit, int sum[NAMES_WEIGHED]) {
    uint64_t keys[NAMES_FEATURES_MAX];
    unsigned len = names_features(sentence, unit, keys);
    for (unsigned k = 0; k < len; k++) {
        const uint8_t *bucket = model->features + names_bucket(keys[k], BUCKETS);
        unsigned slot = plain_slot(bucket, NAMES_SLOTS, keys[k]);
        for (unsigned y = 0; y < NAMES_WEIGHED && slot < NAMES_SLOTS; y++) {
            int weight = (int8_t)bucket[2 * NAMES_SLOTS + NAMES_WEIGHED * slot + y];
            sum[y] += weight * (weight < 0 ? -weight : weight);
        }
    }
}

static void scores_are_sums(void **state) {
    (void)state;
    static uint8_t buckets[2][BUCKETS * NAMES_BUCKET];
    static struct names_sentence sentence;
    static struct names_chain chain;
    struct names_model model = {.features = buckets[0],
                                .lexicon = buckets[1],
                                .scale = 0.01F,
                                .features_len = BUCKETS,
                                .lexicon_len = BUCKETS};
    names_units_cut(&sentence, VIEW("担当は John・スミス (田中 123)。"));
    for (uint64_t chance = 1, round = 0; round < 200; round++) {
        for (size_t i = 0; i < sizeof buckets; i++)
            (&buckets[0][0])[i] = (uint8_t)(chance_next(&chance) >> 16);
        for (uint32_t unit = 0; unit < sentence.units_len; unit++) { // so that some are there
            uint64_t keys[NAMES_FEATURES_MAX], key;
            unsigned len = names_features(&sentence, unit, keys);
            key = keys[chance_next(&chance) % len];
            uint16_t check = names_bucket_check(key);
            size_t slot = chance_next(&chance) % NAMES_SLOTS;
            memcpy(buckets[0] + names_bucket(key, BUCKETS) + 2 * slot, &check, sizeof check);
            key = chance_next(&chance);
            check = names_bucket_check(key);
            slot = chance_next(&chance) % NAMES_ENTRIES;
            uint8_t *bucket = buckets[1] + names_bucket(key, BUCKETS);
            memcpy(bucket + 2 * slot, &check, sizeof check);
            slot = plain_slot(bucket, NAMES_ENTRIES, key);
            assert_int_equal(names_model_listed(&model, key), bucket[2 * NAMES_ENTRIES + slot]);
        }
        names_model_score(&model, &sentence, &chain);
        for (uint32_t unit = 0; unit < sentence.units_len; unit++) {
            int sum[NAMES_WEIGHED] = {0};
            plain_score(&model, &sentence, unit, sum);
            for (unsigned y = 0; y < NAMES_WEIGHED; y++)
                assert_true(chain.score[unit][y + 1] == model.scale * (float)sum[y]);
        }
    }
}

static void a_damaged_file_is_refused(void **state) {
    (void)state;
    struct table table;
    static struct buf copy;
    assert_int_equal(table_read(file_read("detectors/names.skdt"), &table), SK_OK);
    assert_int_equal(names_check(table.payload), SK_OK);
    assert_int_equal(names_check((struct view){table.payload.at, table.payload.len - 64}),
                     SK_CORRUPT);
    assert_int_equal(names_check((struct view){table.payload.at, 60}), SK_CORRUPT);
    assert_int_equal(names_check((struct view){"", 0}), SK_CORRUPT);
    assert_int_equal(buf_open(&copy, table.payload.len), SK_OK);
    for (size_t at = 0; at < 20; at += 4) { // each number of the head
        buf_reset(&copy);
        buf_put_view(&copy, table.payload);
        memset(copy.at + at, 0xff, 4);
        assert_int_equal(names_check(buf_view(&copy)), SK_CORRUPT);
    }
    buf_close(&copy);
}

static int begin(void **state) {
    (void)state;
    static const char *const names[] = {"detectors/names.skdt", NULL};
    static const char *const wants[] = {"person", NULL};
    detectors_begin(names, wants);
    return 0;
}

static int end(void **state) {
    (void)state;
    detectors_close(detectors);
    arena_close(&arena);
    arena_close(&files);
    return 0;
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_of_sentences),        cmocka_unit_test(names_of_forms),
        cmocka_unit_test(our_own_sentences),         cmocka_unit_test(scores_are_sums),
        cmocka_unit_test(a_damaged_file_is_refused),
    };
    return cmocka_run_group_tests(tests, begin, end);
}
