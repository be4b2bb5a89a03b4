// Labelled texts: four formats read alike, and what is right and wrong counted.
#include "cmocka_all.h"

#include <stdio.h>
#include <stdlib.h>

#include "cli/labelled.h"

static struct arena arena;
static char storage[1 << 16];
static struct score score;

static int begin(void **state) {
    (void)state;
    return arena_open(&arena, "test", 64 << 20) != SK_OK;
}

static int end(void **state) {
    (void)state;
    arena_close(&arena);
    return 0;
}

static enum sk_code reads(const char *text, struct corpus *out) {
    struct buf file = buf_over(storage, sizeof storage - 1);
    arena_reset(&arena);
    buf_put_text(&file, text);
    storage[file.len] = 0;
    return corpus_read(&file, &arena, out);
}

static void has(const struct corpus *corpus, uint32_t text, uint32_t label, const char *value,
                enum detector detector) {
    assert_true(text < corpus->len && label < corpus->texts[text].labels_len);
    const struct label *is = &corpus->texts[text].labels[label];
    assert_int_equal(is->detector, detector);
    assert_true(view_is((struct view){corpus->texts[text].text.at + is->at, is->len}, value));
}

static void four_formats_are_told_by_their_content(void **state) {
    (void)state;
    struct corpus corpus;
    assert_int_equal(
        reads("{\"text\":\"電話090\",\"spans\":[{\"start\":6,\"end\":9,\"label\":"
              "\"jp.phone\",\"form\":\"plain\"}],\"negatives\":[{\"start\":0,\"end\":3,"
              "\"kind\":\"word\"}],\"template\":\"a\"}\n\n{\"text\":\"\",\"spans\":[]}",
              &corpus),
        SK_OK);
    assert_int_equal(corpus.len, 2);
    assert_int_equal(corpus.texts[0].labels_len, 2);
    has(&corpus, 0, 0, "電", DETECTOR_COUNT);
    has(&corpus, 0, 1, "090", DETECTOR_PHONE);
    assert_true(view_is(corpus.texts[0].labels[1].form, "plain"));
    assert_true(view_is(corpus.texts[0].origin, "a"));

    assert_int_equal(reads("[{\"full_text\":\"é Ann, 555\",\"spans\":[{\"entity_type\":"
                           "\"PHONE_NUMBER\",\"start_position\":7,\"end_position\":10},"
                           "{\"entity_type\":\"PERSON\",\"start_position\":2,\"end_position\":5},"
                           "{\"entity_type\":\"GPE\",\"start_position\":0,\"end_position\":1}]}]",
                           &corpus),
                     SK_OK);
    assert_int_equal(corpus.texts[0].labels_len, 2);
    has(&corpus, 0, 0, "Ann", DETECTOR_PERSON);
    has(&corpus, 0, 1, "555", DETECTOR_PHONE_INTL);
    assert_true(corpus.phones_alike);

    assert_int_equal(
        reads("[{\"curid\":\"1\",\"text\":\"東京の松友美佐紀\",\"entities\":[{\"name\":"
              "\"松友美佐紀\",\"span\":[3,8],\"type\":\"人名\"},{\"name\":\"東京\","
              "\"span\":[0,2],\"type\":\"地名\"}]}]",
              &corpus),
        SK_OK);
    has(&corpus, 0, 0, "松友美佐紀", DETECTOR_PERSON);
    assert_int_equal(corpus.labels.bits, UINT64_C(1) << DETECTOR_PERSON);

    assert_int_equal(reads("# sent_id = 1\n# text = 水落朋大とJohn Smithは彩\n"
                           "1\t水落\t_\t_\t_\t_\t_\t_\t_\tA=B|NE=B-PERSON\n"
                           "2\t朋大\t_\t_\t_\t_\t_\t_\t_\tNE=L-PERSON|C=D\n"
                           "3\tと\t_\t_\t_\t_\t_\t_\t_\t_\n"
                           "4\tJohn\t_\t_\t_\t_\t_\t_\t_\tNE=B-PERSON\n"
                           "5\tSmith\t_\t_\t_\t_\t_\t_\t_\tNE=L-PERSON\n"
                           "6\tは\t_\t_\t_\t_\t_\t_\t_\t_\n"
                           "7\t彩\t_\t_\t_\t_\t_\t_\t_\tNE=U-PERSON\n",
                           &corpus),
                     SK_OK);
    assert_int_equal(corpus.len, 1);
    has(&corpus, 0, 0, "水落朋大", DETECTOR_PERSON);
    has(&corpus, 0, 1, "John Smith", DETECTOR_PERSON);
    has(&corpus, 0, 2, "彩", DETECTOR_PERSON);

    assert_int_equal(
        reads("審判\tO\n水落\tB-PERSON\n朋大\tI-PERSON\nJo\tB-PERSON\nLee\tI-PERSON\n\n"
              "彩\tB-PERSON\n",
              &corpus),
        SK_OK);
    assert_int_equal(corpus.len, 2);
    has(&corpus, 0, 0, "水落朋大", DETECTOR_PERSON);
    has(&corpus, 0, 1, "Jo Lee", DETECTOR_PERSON);
    has(&corpus, 1, 0, "彩", DETECTOR_PERSON);
}

static void what_cannot_be_is_refused(void **state) {
    (void)state;
    const char *wrong[] = {
        "",
        "plain text",
        "\xff",
        "{\"text\":1,\"spans\":[]}",
        "{\"text\":\"a\"}",
        "{\"text\":\"a\",\"spans\":[{\"start\":0,\"end\":1,\"label\":\"jp.x\"}]}",
        "{\"text\":\"a\",\"spans\":[{\"start\":0,\"end\":2,\"label\":\"ip\"}]}",
        "{\"text\":\"a\",\"spans\":[{\"start\":1,\"end\":0,\"label\":\"ip\"}]}",
        "{\"text\":\"a\",\"spans\":[{\"start\":-1,\"end\":1,\"label\":\"ip\"}]}",
        "{\"text\":\"あ\",\"spans\":[{\"start\":0,\"end\":1,\"label\":\"ip\"}]}",
        "{\"text\":\"a\",\"spans\":[{\"start\":0,\"label\":\"ip\"}]}",
        "{\"text\":\"a\",\"spans\":[]}\n{",
        "[{\"text\":\"a\",\"entities\":[{\"span\":[0,2],\"type\":\"人名\"}]}]",
        "# text = a\n1\tb\t_\t_\t_\t_\t_\t_\t_\t_\n",
        "# id\n1\tb\t_\t_\t_\t_\t_\t_\t_\t_\n"};
    struct corpus corpus;
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
        assert_int_equal(reads(wrong[i], &corpus), SK_INPUT);
}

static uint32_t failed(enum failure kind, enum detector detector, const char *detail) {
    for (uint32_t i = 0; i < score.failures_len; i++)
        if (score.failures[i].kind == kind && score.failures[i].detector == detector &&
            view_is(score.failures[i].detail, detail))
            return score.failures[i].count;
    return 0;
}

static void right_and_wrong_are_counted_by_kind(void **state) {
    (void)state;
    struct corpus corpus;
    assert_int_equal(
        reads("{\"text\":\"0123456789\",\"spans\":[{\"start\":0,\"end\":2,\"label\":\"email\","
              "\"form\":\"wide\"},{\"start\":3,\"end\":5,\"label\":\"email\"},{\"start\":6,"
              "\"end\":8,\"label\":\"ip\"}],\"negatives\":[{\"start\":8,\"end\":9,\"kind\":\"JAN\"}"
              "]}",
              &corpus),
        SK_OK);
    const struct detector_set all = {UINT64_MAX};
    const struct finding findings[] = {{0, 2, DETECTOR_EMAIL, 9},
                                       {3, 1, DETECTOR_EMAIL, 9},
                                       {6, 2, DETECTOR_CARD, 9},
                                       {8, 2, DETECTOR_EMAIL, 9},
                                       {9, 1, DETECTOR_MAC, 9}};
    score = (struct score){0};
    score_text(&score, &corpus, &corpus.texts[0], findings, 5, &all);
    const struct count *email = &score.counts[DETECTOR_EMAIL];
    assert_int_equal(email->gold, 2);
    assert_int_equal(email->found, 3);
    assert_int_equal(email->exact, 1);
    assert_int_equal(email->gold_met, 2);
    assert_int_equal(email->found_meets, 2);
    assert_true(rates_exact(email).recall == 0.5 && rates_overlap(email).recall == 1);
    assert_true(rates_exact(&score.counts[DETECTOR_IP]).precision < 0);
    assert_int_equal(failed(FAILURE_EXTENT, DETECTOR_EMAIL, ""), 1);
    assert_int_equal(failed(FAILURE_MISSED, DETECTOR_IP, ""), 1);
    assert_int_equal(failed(FAILURE_CONFUSED, DETECTOR_CARD, "ip"), 1);
    assert_int_equal(failed(FAILURE_SPURIOUS, DETECTOR_EMAIL, "JAN"), 1);
    assert_int_equal(failed(FAILURE_SPURIOUS, DETECTOR_MAC, ""), 1);
    assert_int_equal(score.failures_len, 5);
    struct count sum = score_sum(&score, &all);
    assert_int_equal(sum.gold, 3);
    assert_int_equal(sum.found, 5);
    // Only what is measured counts; a phone is one of any country where the labels say no more.
    const struct detector_set phones = {UINT64_C(1) << DETECTOR_PHONE_INTL};
    const struct finding phone = {0, 2, DETECTOR_PHONE, 9};
    score = (struct score){0};
    corpus.phones_alike = true;
    score_text(&score, &corpus, &corpus.texts[0], &phone, 1, &phones);
    assert_int_equal(score.counts[DETECTOR_PHONE_INTL].found, 1);
    assert_int_equal(score.counts[DETECTOR_EMAIL].gold, 0);
}

// The data sets of others, whole: how many texts and labels they have.
static void the_data_of_others(void **state) {
    (void)state;
    static const struct {
        const char *name;
        uint32_t texts, labels;
    } sets[] = {{"stockmark_ner.json", 4301, 2359},
                {"megagon_ja_gsd-ud-dev.ne.conllu", 507, 139},
                {"megagon_dev.bio", 507, 139},
                {"presidio_synth_dataset_v2.json", 1500, 1185}};
    const char *shared = getenv("SEKISHO_SHARED"), *strict = getenv("SEKISHO_STRICT");
    struct buf file;
    assert_int_equal(buf_open(&file, 16 << 20), SK_OK);
    for (size_t i = 0; i < sizeof sets / sizeof *sets; i++) {
        char path[1024], block[4096];
        snprintf(path, sizeof path, "%s/data/pii/%s", shared ? shared : SEKISHO_ROOT "/../shared",
                 sets[i].name);
        FILE *in = fopen(path, "rb");
        if (!in) {
            print_message("skip: no %s\n", path);
            assert_true(!strict || strcmp(strict, "1") != 0);
            continue;
        }
        buf_reset(&file);
        for (size_t n; (n = fread(block, 1, sizeof block, in)) > 0;)
            buf_put(&file, block, n);
        fclose(in);
        struct corpus corpus;
        arena_reset(&arena);
        assert_int_equal(corpus_read(&file, &arena, &corpus), SK_OK);
        uint32_t labels = 0;
        for (uint32_t k = 0; k < corpus.len; k++)
            labels += corpus.texts[k].labels_len;
        assert_int_equal(corpus.len, sets[i].texts);
        assert_int_equal(labels, sets[i].labels);
    }
    buf_close(&file);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(four_formats_are_told_by_their_content),
        cmocka_unit_test(what_cannot_be_is_refused),
        cmocka_unit_test(right_and_wrong_are_counted_by_kind),
        cmocka_unit_test(the_data_of_others),
    };
    return cmocka_run_group_tests(tests, begin, end);
}
