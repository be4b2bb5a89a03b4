// Special care: terms that are somebody's, prose that is nobody's.
#include "cmocka_all.h"

#include "border/care.h"
#include "border/scan_parts.h"
#include "lexicon_fixture.h"

static struct view payload;

// As care_scan does, with nothing found before: no names, so that words decide.
static const char *terms_in(const char *text) {
    struct fold fold;
    struct care_found none = {0}, terms;
    arena_reset(&arena);
    assert_int_equal(fold_make(view_of(text), &arena, &fold), SK_OK);
    assert_int_equal(care_find(payload, fold.folded, &none, &arena, &terms), SK_OK);
    return findings_text(fold.folded.at, terms.at, terms.len);
}
#define TERMS_CHECK(samples) samples_check(terms_in, samples, sizeof samples / sizeof *samples)

// A name found beside a weak term makes it somebody's, and prose about a subject counts less.
static void beside_a_name(void **state) {
    (void)state;
    const struct view text = VIEW("田中は頭痛の研究");
    struct finding name = {0, 6, DETECTOR_PERSON, 90};
    struct care_found names = {&name, 1}, none = {0}, terms;
    arena_reset(&arena);
    assert_int_equal(care_find(payload, VIEW("田中は頭痛がする"), &names, &arena, &terms), SK_OK);
    assert_int_equal(terms.len, 1);
    assert_int_equal(care_find(payload, VIEW("田中は頭痛がする"), &none, &arena, &terms), SK_OK);
    assert_int_equal(terms.len, 0);
    assert_int_equal(care_find(payload, text, &names, &arena, &terms), SK_OK);
    assert_int_equal(terms.len, 0);
}

static void somebodys(void **state) {
    (void)state;
    static const struct sample samples[] = {
        {"うつ病で通院している", "[jp.medical うつ病][jp.medical 通院]"},
        {"既往歴：糖尿病、高血圧", "[jp.medical 既往歴][jp.medical 糖尿病][jp.medical 高血圧]"},
        {"彼は逮捕されたことがある", "[jp.criminal 逮捕]"},
        {"私の父は胃がんで手術を受けた", "[jp.medical 胃がん][jp.medical 手術]"},
        {"患者はHbA1c 7.2%", "[jp.medical HbA1c]"},
        {"彼女は創価学会の信者です", "[jp.creed 創価学会][jp.creed 信者]"},
        {"私はADHDと診断され、障害者手帳を持つ",
         "[jp.disability ADHD][jp.disability 障害者手帳]"},
        {"娘は身体障害者手帳２級", "[jp.disability 身体障害者手帳2級]"},
        {"長男は窃盗で補導された", "[jp.criminal 窃盗][jp.criminal 補導]"},
        {"My wife was diagnosed with breast cancer.", "[jp.medical breast cancer]"},
    };
    TERMS_CHECK(samples);
}

// The word for the person stands in another sentence or line; "none" says something too.
static void somebodys_beside(void **state) {
    (void)state;
    static const struct sample samples[] = {
        {"前科はありません。本人より申告。", "[jp.criminal 前科]"},
        {"彼は45歳。うつ病がある。", "[jp.medical うつ病]"},
        {"氏名：山本\n病名：うつ病\n処方：パキシル 20mg", "[jp.medical うつ病][jp.medical パキシル]"},
        {"彼は45歳。\n\nうつ病がある。", "[jp.medical うつ病]"}, // another paragraph: what says it all
        {"彼は45歳。\n\n咳が出る。", ""},
        {"彼は45歳。\n\nうつ病は気分障害の一種である。", ""},
    };
    TERMS_CHECK(samples);
}

static void nobodys(void **state) {
    (void)state;
    static const struct sample samples[] = {
        {"うつ病は気分障害の一種である", ""},
        {"糖尿病の患者数は日本で1000万人と推計される", ""},
        {"日本のがん患者の多くは高齢者である", ""},
        {"犯罪被害者支援法の改正案が審議された", ""},
        {"窃盗罪は刑法235条に定められている", ""},
        {"インフルエンザの流行が続いている", ""},
        {"がんばっている私", ""},
        {"ガンダムが好きな彼", ""},
        {"Depression is a type of mood disorder.", ""},
    };
    TERMS_CHECK(samples);
}

int main(void) {
    static const char *const names[] = {"detectors/care.skdt", NULL};
    static const char *const wants[] = {NULL};
    struct table table;
    detectors_begin(names, wants);
    assert_int_equal(table_read(file_read(names[0]), &table), SK_OK);
    payload = table.payload;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(somebodys),
        cmocka_unit_test(somebodys_beside),
        cmocka_unit_test(nobodys),
        cmocka_unit_test(beside_a_name),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
