// Special care: terms that are somebody's, prose that is nobody's.
#include "cmocka_all.h"

#include "lexicon_fixture.h"

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
        {"長男は窃盗で補導された", "[jp.criminal 窃盗][jp.criminal 補導]"},
        {"My wife was diagnosed with breast cancer.", "[jp.medical breast cancer]"},
    };
    SAMPLES_CHECK(samples);
}

// The word for the person stands in another sentence or line; "none" says something too.
static void somebodys_beside(void **state) {
    (void)state;
    static const struct sample samples[] = {
        {"前科はありません。本人より申告。", "[jp.criminal 前科]"},
        {"彼は45歳。うつ病がある。", "[jp.medical うつ病]"},
        {"氏名：山本\n病名：うつ病\n処方：パキシル 20mg", "[jp.medical うつ病][jp.medical パキシル]"},
        {"彼は45歳。\n\nうつ病がある。", ""}, // another paragraph
    };
    SAMPLES_CHECK(samples);
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
    SAMPLES_CHECK(samples);
}

// Care asks for the names of persons too; these texts have none that decides.
static void names_add(void) {
    static char bytes[256];
    struct buf file = buf_over(bytes, sizeof bytes);
    const struct table none = {TABLE_NAMES, VIEW("{}"), VIEW("none")};
    assert_int_equal(table_write(&none, &file), SK_OK);
    assert_int_equal(detectors_add(detectors, buf_view(&file)), SK_OK);
}

int main(void) {
    static const char *const names[] = {"detectors/care.skdt", NULL};
    static const char *const wants[] = {"jp.medical", "jp.disability", "jp.creed", "jp.criminal",
                                        "jp.discrimination", NULL};
    detectors_begin(names, wants);
    names_add();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(somebodys),
        cmocka_unit_test(somebodys_beside),
        cmocka_unit_test(nobodys),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
