#include "cli/labelled.h"

#include <string.h>

const char *failure_name(enum failure kind) {
    static const char *const names[] = {"missed", "extent", "confused", "spurious"};
    must((unsigned)kind < FAILURE_KINDS);
    return names[kind];
}

static bool meets(uint32_t at, uint32_t len, uint32_t other, uint32_t other_len) {
    return at < other + other_len && other < at + len;
}

static struct failures *failures_of(struct score *score, enum failure kind, uint8_t detector,
                                    struct view detail) {
    for (uint32_t i = 0; i < score->failures_len; i++) {
        struct failures *is = &score->failures[i];
        if (is->kind == kind && is->detector == detector && view_same(is->detail, detail))
            return is;
    }
    // So many kinds that the last row takes the rest.
    uint32_t i = score->failures_len < FAILURES_MAX ? score->failures_len++ : FAILURES_MAX - 1;
    score->failures[i].kind = kind;
    score->failures[i].detector = detector;
    score->failures[i].detail = detail;
    return &score->failures[i];
}

struct scoring {
    struct score *score;
    const struct labelled *text;
    const struct finding *findings;
    uint32_t len;
    struct detector_set measured;
    bool phones_alike;
};

static void tell(const struct scoring *s, enum failure kind, uint8_t detector,
                 const struct label *label, const struct finding *finding) {
    struct view detail = label ? label->form : (struct view){"", 0};
    if (kind == FAILURE_CONFUSED) detail = view_of(detector_name((enum detector)label->detector));
    struct failures *of = failures_of(s->score, kind, detector, detail);
    of->count++;
    uint32_t at = finding ? finding->at : label->at, len = finding ? finding->len : label->len;
    if (s->score->tell) s->score->tell(s->score->told, of, s->text, at, len);
}

static uint8_t class_of(const struct scoring *s, const struct finding *finding) {
    bool phone = s->phones_alike && finding->detector == DETECTOR_PHONE;
    return phone ? DETECTOR_PHONE_INTL : finding->detector;
}

static void score_label(const struct scoring *s, const struct label *label) {
    struct count *count = &s->score->counts[label->detector];
    bool met = false, exact = false;
    for (uint32_t i = 0; i < s->len; i++) {
        const struct finding *is = &s->findings[i];
        if (class_of(s, is) != label->detector) continue;
        met = met || meets(label->at, label->len, is->at, is->len);
        exact = exact || (label->at == is->at && label->len == is->len);
    }
    count->gold++;
    count->gold_met += met;
    count->exact += exact;
    if (!exact) tell(s, met ? FAILURE_EXTENT : FAILURE_MISSED, label->detector, label, NULL);
}

static void score_finding(const struct scoring *s, const struct finding *finding) {
    uint8_t detector = class_of(s, finding);
    struct count *count = &s->score->counts[detector];
    const struct label *other = NULL;
    bool met = false;
    for (uint32_t i = 0; i < s->text->labels_len; i++) {
        const struct label *label = &s->text->labels[i];
        if (!meets(label->at, label->len, finding->at, finding->len)) continue;
        if (label->detector == detector)
            met = true;
        else if (!other || other->detector == DETECTOR_COUNT)
            other = label;
    }
    count->found++;
    count->found_meets += met;
    if (met) return; // other ends were told with the label
    bool confused = other && other->detector != DETECTOR_COUNT;
    tell(s, confused ? FAILURE_CONFUSED : FAILURE_SPURIOUS, detector, other, finding);
}

void score_text(struct score *score, const struct corpus *corpus, const struct labelled *text,
                const struct finding *findings, uint32_t len, const struct detector_set *measured) {
    struct scoring s = {score, text, findings, len, *measured, corpus->phones_alike};
    score->texts++;
    score->bytes += (uint32_t)text->text.len;
    for (uint32_t i = 0; i < text->labels_len; i++) {
        uint8_t detector = text->labels[i].detector;
        if (detector < DETECTOR_COUNT && detector_in(measured, (enum detector)detector))
            score_label(&s, &text->labels[i]);
    }
    for (uint32_t i = 0; i < len; i++)
        if (detector_in(measured, (enum detector)class_of(&s, &findings[i])))
            score_finding(&s, &findings[i]);
}

static struct rates rates_of(double right, double found, double met, double gold) {
    struct rates out = {found > 0 ? right / found : RATE_NONE, gold > 0 ? met / gold : RATE_NONE,
                        gold > 0 ? 0 : RATE_NONE};
    double sum = out.precision + out.recall;
    if (found > 0 && gold > 0 && sum > 0) out.f1 = 2 * out.precision * out.recall / sum;
    return out;
}

struct rates rates_exact(const struct count *count) {
    return rates_of(count->exact, count->found, count->exact, count->gold);
}

struct rates rates_overlap(const struct count *count) {
    return rates_of(count->found_meets, count->found, count->gold_met, count->gold);
}

struct count score_sum(const struct score *score, const struct detector_set *of) {
    struct count sum = {0};
    for (unsigned i = 0; i < DETECTOR_COUNT; i++) {
        if (!detector_in(of, (enum detector)i)) continue;
        const struct count *is = &score->counts[i];
        sum.gold += is->gold;
        sum.found += is->found;
        sum.exact += is->exact;
        sum.gold_met += is->gold_met;
        sum.found_meets += is->found_meets;
    }
    return sum;
}
