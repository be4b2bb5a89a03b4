// What must not be said of a person: special care (APPI article 2(3)). And the same terms where
// they are said of nobody.
#include "cli/generate_parts.h"

static const char *const medical_train[] = {"うつ病",       "糖尿病", "統合失調症", "肺がん",
                                            "高血圧症",     "喘息",   "HIV感染症",  "認知症",
                                            "潰瘍性大腸炎", "脳梗塞", "不妊治療",   "C型肝炎"};
static const char *const medical_held_out[] = {
    "双極性障害",   "乳がん",           "てんかん",       "慢性腎不全", "白血病",   "パニック障害",
    "関節リウマチ", "アトピー性皮膚炎", "パーキンソン病", "狭心症",     "摂食障害", "多発性硬化症"};
static const char *const criminal_train[] = {"前科", "逮捕歴", "執行猶予", "窃盗容疑で逮捕"};
static const char *const criminal_held_out[] = {"懲役刑", "補導歴", "服役", "傷害容疑で書類送検"};
static const char *const creed_train[] = {"キリスト教徒", "イスラム教徒", "共産党員"};
static const char *const creed_held_out[] = {"カトリック信者", "ヒンドゥー教徒", "無神論者"};
static const char *const disability_train[] = {"身体障害者手帳2級", "知的障害", "発達障害",
                                               "視覚障害"};
static const char *const disability_held_out[] = {"精神障害者保健福祉手帳3級", "聴覚障害",
                                                  "療育手帳", "下肢障害"};
static const char *const discrimination_train[] = {"被差別部落の出身", "アイヌ民族"};
static const char *const discrimination_held_out[] = {"同和地区の出身", "クルド人の血筋"};

#define TERM(name, identifier)                                                                     \
    static void name(struct generator *g, bool tidy) {                                             \
        (void)tidy;                                                                                \
        put_span(g, DETECTOR_##identifier, PICK_SPLIT(g, name##_train, name##_held_out), "term");  \
    }
TERM(medical, MEDICAL)
TERM(criminal, CRIMINAL)
TERM(creed, CREED)
TERM(disability, DISABILITY)
TERM(discrimination, DISCRIMINATION)

static void nobody(struct generator *g, bool tidy) {
    (void)tidy;
    put_span(g, DETECTOR_COUNT, PICK_SPLIT(g, medical_train, medical_held_out),
             "term said of nobody");
}

const struct generate_slots generate_term_slots[] = {{"medical", medical},
                                                     {"criminal", criminal},
                                                     {"creed", creed},
                                                     {"disability", disability},
                                                     {"discrimination", discrimination},
                                                     {"nobody", nobody},
                                                     {NULL, NULL}};
