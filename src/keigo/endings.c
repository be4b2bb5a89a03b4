// Ends of sentences, plain and polite. Priors: logs of shares, estimated from pairs of KeiCO's
// topics for training; which end fits a sentence is the model's to weigh.
#include "keigo/polite.h"

static const struct ending said[] = {
    {"-", false, {{"P", -0.3F}, {"Pね", -3}, {"Q", -2}, {"Pよ", -3.5F}}},
    {"よ さ", false, {{"P", -0.8F}, {"Pよ", -1}, {"Q", -2}, {"Qよ", -2.2F}, {"Pね", -3}}},
    {"わ わよ ぞ ぜ", false, {{"P", -0.7F}, {"Pよ", -1}}},
    {"ね ねえ ねぇ な なあ なぁ ねー わね",
     false,
     {{"Pね", -0.4F}, {"P", -1.8F}, {"Qね", -2.2F}, {"Pよ", -3}}},
    {"よね よな", false, {{"Pよね", -0.8F}, {"Pね", -0.9F}, {"P", -2.5F}}},
    {"か かい だい", false, {{"Pか", -0.3F}, {"Kんですか", -2.5F}, {"P", -2.5F}}},
    {"かな かなあ かなぁ かね", false, {{"Kでしょうか", -1}, {"Pかね", -1.3F}, {"Pか", -1.5F}}},
    {"の", false, {{"Kのです", -1.2F}, {"Kんです", -1.2F}, {"Pか", -1.8F}, {"P", -2}}},
    {"のよ んだよ のだよ",
     false,
     {{"Kんですよ", -0.8F}, {"Kのですよ", -1.5F}, {"P", -1.8F}, {"Kんです", -1.8F}, {"Pよ", -2}}},
    {"のね んだね のだね んだな んだなあ",
     false,
     {{"Kんですね", -0.6F}, {"Kのですね", -1.3F}, {"Pね", -2}}},
    {"んだ のだ", false, {{"Kんです", -0.8F}, {"Kのです", -1}, {"P", -2}, {"Kんですね", -2.3F}}},
    {"のか んだろう のだろう",
     false,
     {{"Kのでしょう", -1}, {"Kんでしょう", -1}, {"Kのですか", -1.5F}}},
    {"って んだって だって んだってね だってね ってね",
     false,
     {{"Kそうですね", -1}, {"Kそうです", -1.2F}, {"Kんですって", -2}, {"Kんですね", -2.3F}}},
    {"もの もん んだもの んだもん",
     false,
     {{"Kのですから", -1}, {"Kんですから", -1}, {"P", -1.5F}}},
    {"っけ", false, {{"Pか", -0.7F}, {"Pっけ", -1.2F}}},
    {"もんか ものか", false, {{"Kものですか", -1}, {"Kもんですか", -1}}},
};
static const struct ending asked[] = {
    {"- ね よね", true, {{"Pか", -0.4F}, {"Kんですか", -2.6F}, {"Qか", -2.6F}, {"Kのですか", -3}}},
    {"の のか のね",
     true,
     {{"Kんですか", -1}, {"Kのですか", -1}, {"Pか", -1.3F}, {"Kんでしょうか", -3.5F}}},
    {"か かい だい のかい んだい", true, {{"Pか", -0.3F}, {"Kんですか", -2}, {"Kのですか", -2.2F}}},
    {"かな かなあ かね のかな んだろう のだろう",
     true,
     {{"Kでしょうか", -0.7F}, {"Pか", -1.2F}, {"Pかね", -2}}},
    {"んだ のだ んだね のだね んだよね",
     true,
     {{"Kんですか", -0.9F}, {"Kんですね", -1}, {"Kのですか", -1.5F}, {"Kのですね", -1.8F}}},
    {"って んだって だって",
     true,
     {{"Kんですって", -1}, {"Kそうですね", -1}, {"Kそうですが", -2}, {"Kんですか", -2}}},
    {"んじゃ のでは んじゃない のじゃない",
     true,
     {{"Kのでは", -1},
      {"Kのではないですか", -1},
      {"Kんじゃないですか", -1.2F},
      {"Kのではありませんか", -1.5F}}},
    {"っけ", true, {{"Pか", -0.6F}, {"Pっけ", -1.3F}}},
};
// Clauses: what stands before the particle that joins them is polite or is not.
static const struct ending joins[] = {
    {"から", false, {{"Pから", -0.4F}, {"Kから", -1.5F}, {"Pので", -2.5F}, {"Kので", -2}}},
    {"んだから のだから", false, {{"Kんですから", -0.5F}, {"Kのですから", -1.2F}}},
    {"からね からな からなあ からよ からさ からねえ",
     false,
     {{"Pから", -0.6F}, {"Pからね", -1.2F}}},
    {"けど けれど けれども けどね けどな けどさ",
     false,
     {{"Pが", -0.7F}, {"Pけど", -1.3F}, {"Kのですが", -2}, {"Kんですが", -2}, {"Kけど", -2.5F}}},
    {"んだけど のだけど んだけれど",
     false,
     {{"Kのですが", -0.7F}, {"Kんですが", -1}, {"Kんですけど", -1.6F}}},
    {"んだが のだが", false, {{"Kのですが", -0.5F}, {"Kんですが", -1}}},
    {"が", false, {{"Pが", -0.2F}, {"Kが", -1.8F}}},
    {"し", false, {{"Pし", -0.7F}, {"Kし", -0.8F}}},
    {"ので", false, {{"Kので", -0.3F}, {"Pので", -1.5F}}},
};
static const struct ending requests[] = {
    {"-", false, {{"P", -0.2F}, {"Pね", -2.5F}}},
    {"よ な さ", false, {{"P", -0.3F}, {"Pよ", -2.5F}, {"Pね", -2}}},
    {"ね", false, {{"P", -0.6F}, {"Pね", -0.9F}}},
    {"- ね よ", true, {{"Pますか", -0.7F}, {"P", -1}}},
};
static const struct ending wills[] = {
    {"- よ さ", false, {{"P", -0.3F}, {"Pか", -2}, {"Pね", -2}}},
    {"ね な なあ よね", false, {{"Pね", -0.2F}, {"P", -2}}},
    {"か かい だい", false, {{"Pか", -0.1F}}},
    {"か - の", true, {{"Pか", -0.1F}}},
};
static const struct ending kept = {"", false, {{"P=", -0.1F}}};
// A tail that is in no list stays.
static const struct ending unknown = {"", false, {{"P=", -0.5F}}};

static const struct ending *look(const struct ending *list, size_t len, struct view tail,
                                 bool asks) {
    for (size_t i = 0; i < len; i++)
        if (list[i].asks == asks && word_in(tail, list[i].tail)) return &list[i];
    return NULL;
}

#define LOOK(list) look(list, sizeof(list) / sizeof *(list), tail, asks)

const struct ending *ending_find(struct view tail, bool asks, enum predicate_kind kind) {
    const struct ending *found = NULL;
    if (!tail.len) tail = view_of("-");
    if (kind == PREDICATE_PHRASE) return &kept;
    if (kind == PREDICATE_REQUEST) found = LOOK(requests);
    if (kind == PREDICATE_VOLITION) found = LOOK(wills);
    if (!found && asks) found = LOOK(asked);
    if (!found) {
        asks = false;
        found = LOOK(said);
    }
    if (!found) found = LOOK(joins);
    return found ? found : &unknown;
}
