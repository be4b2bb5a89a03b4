// The generator: every template is sound, seeds repeat, the splits share nothing that is learned.
#include "cmocka_all.h"

#include <stdio.h>
#include <stdlib.h>

#include "border/digits.h"
#include "cli/generate.h"
#include "cli/labelled.h"

enum { ROOM = 32 << 20, LINES = 4000 };

static struct generator generator;
static struct arena arena, other_arena;
static struct buf train, held_out;

static int begin(void **state) {
    (void)state;
    return arena_open(&arena, "test", 256 << 20) != SK_OK ||
           arena_open(&other_arena, "test", 256 << 20) != SK_OK ||
           buf_open(&train, ROOM) != SK_OK || buf_open(&held_out, ROOM) != SK_OK;
}

static int end(void **state) {
    (void)state;
    arena_close(&arena);
    arena_close(&other_arena);
    buf_close(&train);
    buf_close(&held_out);
    return 0;
}

static void every_template_is_sound(void **state) {
    (void)state;
    uint64_t labels[2] = {0, 0};
    for (int split = 0; split < 2; split++) {
        uint32_t templates = 0;
        buf_reset(&train);
        for (uint64_t seed = 0; seed < 20; seed++) {
            generate_begin(&generator, (enum split)split, seed);
            for (templates = 0; generate_template(&generator, templates, &train); templates++)
                ;
        }
        struct corpus corpus;
        arena_reset(&arena);
        assert_int_equal(corpus_read(&train, &arena, &corpus), SK_OK);
        assert_int_equal(corpus.len, 20 * templates);
        assert_true(templates >= 60);
        for (uint32_t i = 0; i < corpus.len; i++) {
            const struct labelled *text = &corpus.texts[i];
            assert_true(text->origin.len > 0);
            for (uint32_t k = 0; k < text->labels_len; k++) {
                const struct label *is = &text->labels[k];
                assert_true(is->form.len > 0);
                // Nothing is labelled twice.
                if (k > 0) assert_true(is[-1].at + is[-1].len <= is->at);
                if (is->detector < DETECTOR_COUNT) labels[split] |= UINT64_C(1) << is->detector;
            }
        }
    }
    // Both splits ask for the same classes.
    assert_int_equal(labels[0], labels[1]);
    assert_true(__builtin_popcountll(labels[0]) >= 38);
}

// What the detectors' own formulas, written apart from the generator's, say of a number. True for
// those that have none.
static bool checks(enum detector detector, const char *text, uint32_t len) {
    switch (detector) {
    case DETECTOR_MYNUMBER:
        return len == 12 && check_mynumber(text);
    case DETECTOR_CORPORATE:
        return check_corporate(text + (len == 14));
    case DETECTOR_LICENCE:
        return len == 12 && check_licence_prefix(text) && check_licence(text);
    case DETECTOR_RESIDENT:
        return len == 11 && check_resident(text);
    case DETECTOR_CARD:
        return check_luhn(text, len) && check_card_range(text, len);
    case DETECTOR_IBAN:
        return check_iban(text, len);
    case DETECTOR_US_SSN:
        return len == 9 && check_us_ssn(text);
    case DETECTOR_UK_NHS:
        return len == 10 && check_uk_nhs(text);
    case DETECTOR_UK_NINO:
        return len == 9 && check_uk_nino(text);
    case DETECTOR_FR_NIR:
        return len == 15 && check_fr_nir(text);
    case DETECTOR_ES_NIF:
        return len == 9 && check_es_nif(text);
    case DETECTOR_IT_CF:
        return len == 16 && check_it_cf(text);
    case DETECTOR_DE_TAX:
        return len == 11 && check_de_tax(text);
    case DETECTOR_KR_RRN:
        return len == 13 && check_kr_date(text) && check_kr_rrn(text);
    case DETECTOR_CN_RIC:
        return len == 18 && check_cn_ric(text);
    case DETECTOR_SG_NRIC:
        return len == 9 && check_sg_nric(text);
    case DETECTOR_IN_AADHAAR:
        return len == 12 && check_in_aadhaar(text);
    case DETECTOR_IN_PAN:
        return len == 10 && check_in_pan(text);
    case DETECTOR_LK_NIC:
        return len == 12 ? check_lk_new(text) : check_lk_old(text);
    default:
        return true;
    }
}

static void numbers_are_right(void **state) {
    (void)state;
    uint32_t checked = 0;
    struct corpus corpus;
    buf_reset(&train);
    for (uint64_t seed = 100; seed < 140; seed++) {
        generate_begin(&generator, (enum split)(seed % 2), seed);
        for (uint32_t i = 0; generate_template(&generator, i, &train); i++)
            ;
    }
    arena_reset(&arena);
    assert_int_equal(corpus_read(&train, &arena, &corpus), SK_OK);
    for (uint32_t i = 0; i < corpus.len; i++) {
        for (uint32_t k = 0; k < corpus.texts[i].labels_len; k++) {
            const struct label *is = &corpus.texts[i].labels[k];
            bool ascii = view_is(is->form, "plain") || view_is(is->form, "dashes");
            if (!ascii || is->detector == DETECTOR_COUNT) continue;
            char text[64];
            uint32_t len = 0;
            for (uint32_t c = 0; c < is->len && len < 63; c++) {
                char sign = corpus.texts[i].text.at[is->at + c];
                if (sign != '-' && sign != ' ') text[len++] = sign;
            }
            text[len] = 0;
            checked++;
            if (!checks((enum detector)is->detector, text, len))
                fail_msg("%s: %s", detector_name((enum detector)is->detector), text);
        }
    }
    assert_true(checked > 1000);
}

static void lines_make(enum split split, uint64_t seed, struct buf *out) {
    buf_reset(out);
    generate_begin(&generator, split, seed);
    for (int i = 0; i < LINES; i++)
        assert_int_equal(generate_line(&generator, out), SK_OK);
}

static void a_seed_repeats(void **state) {
    (void)state;
    lines_make(SPLIT_TRAIN, 5, &train);
    lines_make(SPLIT_TRAIN, 5, &held_out);
    assert_true(view_same(buf_view(&train), buf_view(&held_out)));
    lines_make(SPLIT_TRAIN, 6, &held_out);
    assert_false(view_same(buf_view(&train), buf_view(&held_out)));
}

static int by_view(const void *a, const void *b) {
    const struct view *x = a, *y = b;
    size_t len = x->len < y->len ? x->len : y->len;
    int order = memcmp(x->at, y->at, len);
    return order ? order : x->len < y->len ? -1 : x->len > y->len;
}

// Names, terms and template names of a corpus, sorted.
static struct view *learned(const struct corpus *corpus, size_t *len) {
    struct view *out = calloc((size_t)corpus->len * 32, sizeof *out);
    *len = 0;
    for (uint32_t i = 0; i < corpus->len; i++) {
        const struct labelled *text = &corpus->texts[i];
        out[(*len)++] = text->origin;
        for (uint32_t k = 0; k < text->labels_len; k++) {
            const struct label *is = &text->labels[k];
            struct view value = {text->text.at + is->at, is->len};
            bool kanji = view_is(is->form, "kanji") || view_is(is->form, "term") ||
                         view_is(is->form, "foreign, katakana") || view_is(is->form, "family name");
            if (kanji && is->detector < DETECTOR_COUNT && *len < (size_t)corpus->len * 32)
                out[(*len)++] = value;
        }
    }
    qsort(out, *len, sizeof *out, by_view);
    return out;
}

static void the_splits_share_nothing_that_is_learned(void **state) {
    (void)state;
    struct corpus a, b;
    size_t a_len, b_len;
    lines_make(SPLIT_TRAIN, 7, &train);
    lines_make(SPLIT_HELD_OUT, 7, &held_out);
    arena_reset(&arena);
    arena_reset(&other_arena);
    assert_int_equal(corpus_read(&train, &arena, &a), SK_OK);
    assert_int_equal(corpus_read(&held_out, &other_arena, &b), SK_OK);
    struct view *in_a = learned(&a, &a_len), *in_b = learned(&b, &b_len);
    assert_true(a_len > LINES && b_len > LINES);
    for (size_t i = 0; i < a_len; i++)
        assert_null(bsearch(&in_a[i], in_b, b_len, sizeof *in_b, by_view));
    free(in_a);
    free(in_b);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_template_is_sound),
        cmocka_unit_test(numbers_are_right),
        cmocka_unit_test(a_seed_repeats),
        cmocka_unit_test(the_splits_share_nothing_that_is_learned),
    };
    return cmocka_run_group_tests(tests, begin, end);
}
