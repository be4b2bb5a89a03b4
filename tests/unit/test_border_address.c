// Addresses: in all the forms people write them, and places that are none.
#include "cmocka_all.h"

#include "lexicon_fixture.h"

#define WHOLE(text)                                                                                \
    { text, "[jp.address " text "]" }

static void whole_texts(void **state) {
    (void)state;
    static const struct sample samples[] = {
        WHOLE("東京都港区芝公園4-2-8 東京タワー3階"),
        WHOLE("東京都千代田区霞が関1丁目2番3号"),
        WHOLE("東京都千代田区霞ヶ関一丁目二番三号サンハイツ２０３号室"),
        WHOLE("北海道札幌市中央区北1条西2丁目1番地"),
        WHOLE("京都市中京区寺町通御池上る上本能寺前町488番地"),
        WHOLE("京都府京都市下京区烏丸通七条下ル東塩小路町721-1"),
        WHOLE("岩手県九戸郡洋野町種市第23地割27番地2"),
        WHOLE("長野県北佐久郡軽井沢町大字長倉123番地"),
        WHOLE("東京都 千代田区 霞が関 1-2-3"),
        WHOLE("東京都千代田区\n霞が関1-2-3\nサンビル5F"),
        WHOLE("港区南青山５ー６ー７"),
        WHOLE("東京都三宅島三宅村阿古497"),
        WHOLE("神奈川県川崎市高津区溝口1-1-1-1204"),
        WHOLE("霞が関1-2-3"),
        WHOLE("東京都港区芝公園4-2-8 エクセル青山 203"),
        WHOLE("東京都港区芝公園4-2-8-405号室"),
        WHOLE("東京都港区芝公園4-2-8-B502号"),
        WHOLE("東京都港区芝公園4-2-8 A棟101"),
        WHOLE("東京都新宿区西新宿二ノ八ノ一"),
        WHOLE("東京都港区芝公園4-2-8 コーポみどり908号"),
        WHOLE("東京都港区芝公園4-2-8 さくらマンション203"),
        WHOLE("トウキヨウトチヨダクカスミガセキ1-2-3"),
        WHOLE("1-2-3 Kasumigaseki, Chiyoda-ku, Tokyo 100-0013, Japan"),
        WHOLE("Shibuya-ku Jinnan 1-2-3, Tokyo"),
        WHOLE("Sunrise Heights 302, 2-1 Akasaka, Minato City, Tokyo"),
    };
    SAMPLES_CHECK(samples);
}

static void inside_texts(void **state) {
    (void)state;
    static const struct sample samples[] = {
        {"住所：横浜市西区みなとみらい２－３－５です",
         "[jp.address 横浜市西区みなとみらい２－３－５]"},
        {"東京都中央区銀座4-5-6 山田太郎 様", "[jp.address 東京都中央区銀座4-5-6]"},
        {"東京都中央区銀座4-5-6 ヤマダタロウ 45歳", "[jp.address 東京都中央区銀座4-5-6]"},
        {"東京都中央区銀座4-5-6にあるマンション", "[jp.address 東京都中央区銀座4-5-6]"},
        {"東京都中央区銀座4-5-6 コーポから 203 歩", "[jp.address 東京都中央区銀座4-5-6 コーポ]"},
        {"佐藤／東京都中央区銀座4-5-6／03-1234-5678", "[jp.address 東京都中央区銀座4-5-6]"},
        {"東京都中央区銀座4-5-6 電話03-1234-5678", "[jp.address 東京都中央区銀座4-5-6]"},
        {"I live at 1-2-3 Ginza, Chuo-ku. Come by.", "[jp.address 1-2-3 Ginza, Chuo-ku]"},
    };
    SAMPLES_CHECK(samples);
}

// Without a block only words around make a place an address.
static void places_and_addresses(void **state) {
    (void)state;
    static const struct sample samples[] = {
        {"大阪市在住の田中さん", "[jp.address 大阪市]"},
        {"住所は東京都港区です", "[jp.address 東京都港区]"},
        {"東京都在住", ""},
        {"東京都は人口が多い", ""},
        {"東京都港区に本社を置く会社", ""},
        {"東京都千代田区霞が関にある官庁", ""},
        {"千葉市内2-3日かかる", ""},
        {"山口さんは山口県に行った", ""},
        {"松本、福島、宮崎の三人", ""},
        {"浦和2-1鹿島", ""},
        {"横浜市一番の店", ""},
        {"大阪市2026年11月22日", ""},
        {"港区03-1234-5678", ""},
        {"バージョン1-2-3", ""},
        {"Tokyo won 3-2 in Osaka", ""},
    };
    SAMPLES_CHECK(samples);
}

int main(void) {
    static const char *const names[] = {"detectors/places.skdt", NULL};
    static const char *const wants[] = {"jp.address", NULL};
    detectors_begin(names, wants);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(whole_texts),
        cmocka_unit_test(inside_texts),
        cmocka_unit_test(places_and_addresses),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
