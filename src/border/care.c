// Special care: health, disability, creed, crime and descent, where they are somebody's.
//
// A term of the lexicon counts when its sentence, or one beside it in the paragraph, speaks of a
// person: a name or number that was found there, a word for a person (彼, 患者, 長男), a predicate
// of one (通院中, 逮捕され) or the label of a record (既往歴：). Prose about a subject counts
// against it (の一種, 有病率). A negation changes nothing: "前科なし" says of somebody as much as
// "前科あり". Recall before precision: what is doubtful is found.
//
// Payload of TABLE_CARE: u32 rows, the rows (u8 detector, u8 weight of the term, u8 weight as a
// word around, u8 zero), then a set of words (words.h) whose kinds are roles and whose numbers are
// rows.
#include "border/care.h"

#include "border/scan_parts.h"
#include "border/words.h"
#include "border/words_text.h"

enum { SENTENCE = 1024, SCORE_MIN = 65, SURE = 45, PROSE_MAX = 40, MORE = 10, REACH = 3 };

// ---- the file ----

struct care_lexicon {
    uint32_t rows_len;
    const char *rows;
    struct words words;
};

static uint32_t rows_of(struct view payload) {
    uint32_t len;
    memcpy(&len, payload.at, 4);
    return len;
}

enum sk_code care_check(struct view payload) {
    if (payload.len < 4) return FAIL(SK_CORRUPT, "cut before its rows");
    uint32_t len = rows_of(payload);
    if (len > CARE_ROWS_MAX || (payload.len - 4) / CARE_ROW_LEN < len)
        return FAIL(SK_CORRUPT, "%u rows do not fit", len);
    for (uint32_t i = 0; i < len; i++) {
        const uint8_t *row = (const uint8_t *)payload.at + 4 + (size_t)i * CARE_ROW_LEN;
        if (row[0] >= DETECTOR_COUNT || row[1] > 100 || row[2] > 100 || row[3])
            return FAIL(SK_CORRUPT, "row %u is none", i);
    }
    struct words words;
    payload = view_from(payload, 4 + (size_t)len * CARE_ROW_LEN);
    TRY(words_take(&payload, len, &words));
    return payload.len ? FAIL(SK_CORRUPT, "%zu bytes are left over", payload.len) : SK_OK;
}

static struct care_lexicon lexicon_over(struct view payload) {
    struct care_lexicon out = {.rows_len = rows_of(payload), .rows = payload.at + 4};
    payload = view_from(payload, 4 + (size_t)out.rows_len * CARE_ROW_LEN);
    out.words = words_over(&payload);
    out.words.caseless = true;
    return out;
}

// ---- sentences, and what speaks of a person in them ----

struct sentence {
    uint32_t at;
    uint32_t paragraph;
    uint8_t best;  // weight of the best evidence of a person
    uint8_t roles; // which there are: enum care_role, and CARE_FOUND
    uint8_t prose; // weight of what speaks against it
};
struct term {
    uint32_t at, len, row, sentence;
};
struct care {
    struct care_lexicon lexicon;
    struct view text;
    struct sentence *sentences;
    struct term *terms;
    uint32_t sentences_len, terms_len;
    uint8_t best; // of all sentences
};

static enum sk_code care_begin(struct care *care, struct view payload, struct view text,
                               struct arena *arena) {
    *care = (struct care){.lexicon = lexicon_over(payload), .text = text};
    uint32_t len = 0;
    for (size_t at = 0; at < text.len; at += sentence_len(view_from(text, at), SENTENCE))
        len++;
    care->sentences = arena_take(arena, len + 1, sizeof *care->sentences);
    care->terms = arena_take_raw(arena, text.len / 2 + 1, sizeof *care->terms);
    if (!care->sentences || !care->terms) return SK_LIMIT;
    uint32_t paragraph = 0;
    for (size_t at = 0; at < text.len;) {
        size_t n = sentence_len(view_from(text, at), SENTENCE);
        care->sentences[care->sentences_len++] =
            (struct sentence){.at = (uint32_t)at, .paragraph = paragraph};
        if (text.at[at] == '\n') paragraph++; // an empty line
        at += n;
    }
    care->sentences[care->sentences_len].at = (uint32_t)text.len;
    return SK_OK;
}

static void evidence(struct sentence *s, uint8_t role, uint8_t weight) {
    s->roles |= role;
    if (weight > s->best) s->best = weight;
}

// A particle may stand beside a word in hiragana, another letter makes it another word.
static bool is_particle(uint32_t c) {
    static const uint16_t particles[] = {0x306f, 0x304c, 0x3092, 0x306b, 0x306e, 0x3082,
                                         0x3067, 0x3068, 0x3084, 0x3078, 0x304b, 0x3060};
    for (size_t i = 0; i < sizeof particles / sizeof *particles; i++)
        if (particles[i] == c) return true;
    return false;
}

static bool parted(uint32_t inside, uint32_t beside) {
    if (is_word(inside)) return !is_word(beside);
    if (is_katakana(inside)) return !is_katakana(beside);
    if (is_hiragana(inside)) return !is_hiragana(beside) || is_particle(beside);
    return true;
}

// Whether the term is a word of its own: "ガン" not in ガンダム, "がん" not in がんばる.
static bool whole(struct view text, size_t at, uint32_t len) {
    uint32_t n, first = char_at(text, at, &n), last_at = (uint32_t)at + len - 1;
    size_t before = at;
    while (before > 0 && ((uint8_t)text.at[--before] & 0xc0) == 0x80) {
    }
    while (((uint8_t)text.at[last_at] & 0xc0) == 0x80)
        last_at--;
    uint32_t last = char_at(text, last_at, &n);
    if (at > 0 && !parted(first, char_at(text, before, &n))) return false;
    return parted(last, char_at(text, at + len, &n));
}

static const uint8_t *row_of(const struct care *care, uint32_t number) {
    return (const uint8_t *)care->lexicon.rows + (size_t)number * CARE_ROW_LEN;
}

// The longest word at `at` that is of `kinds` and one of its own; 0: none.
static uint32_t word_at(const struct care *care, size_t at, uint8_t kinds, struct word_is *is) {
    uint32_t len = words_longest(&care->lexicon.words, view_from(care->text, at), kinds, is);
    if (!len) return 0;
    bool alone = (kinds & CARE_TERM) || is_word((uint8_t)care->text.at[at]);
    return !alone || whole(care->text, at, len) ? len : 0;
}

static bool labels(struct view text, size_t end) {
    uint32_t len, next = char_at(text, end, &len);
    return next == ':' || next == '\t' || next == ',' || next == '|' || next == ']' ||
           next == 0x3011;
}

// Counts a word around terms that stands at `at`.
static void around_read(struct care *care, size_t at, struct sentence *here) {
    struct word_is is;
    uint32_t len = word_at(care, at, CARE_PERSON | CARE_SAYS | CARE_LABEL | CARE_PROSE, &is);
    if (!len) return;
    uint8_t weight = row_of(care, is.number)[2];
    if (is.kinds & (CARE_PERSON | CARE_SAYS))
        evidence(here, is.kinds & (CARE_PERSON | CARE_SAYS), weight);
    if (is.kinds & CARE_LABEL && labels(care->text, at + len)) evidence(here, CARE_LABEL, weight);
    unsigned prose = here->prose + (is.kinds & CARE_PROSE ? weight : 0u);
    here->prose = (uint8_t)(prose < PROSE_MAX ? prose : PROSE_MAX);
}

// The grade behind a term is part of it: 身体障害者手帳2級.
static uint32_t grade_after(struct view text, size_t end) {
    static const char *const names[] = {"級", "種", "度"};
    size_t at = end;
    while (at < text.len && is_digit((uint8_t)text.at[at]))
        at++;
    for (size_t i = 0; at > end && at - end < 3 && i < 3; i++)
        if (view_starts_at(text, at, names[i])) return (uint32_t)(at - end + strlen(names[i]));
    return 0;
}

static void words_read(struct care *care) {
    uint32_t s = 0;
    for (size_t at = 0; at < care->text.len;) {
        while (care->sentences[s + 1].at <= at)
            s++;
        struct word_is is;
        if (!words_longest(&care->lexicon.words, view_from(care->text, at), UINT8_MAX, &is)) {
            at += char_len(care->text.at[at]); // as nearly everywhere
            continue;
        }
        uint32_t len = word_at(care, at, CARE_TERM, &is);
        around_read(care, at, &care->sentences[s]);
        uint32_t whole_len = len ? len + grade_after(care->text, at + len) : 0;
        // 病名: is a label; 病歴: says something even when "none" follows
        bool label = len && is.kinds & CARE_LABEL && labels(care->text, at + len);
        if (len && !(label && row_of(care, is.number)[1] < SURE))
            care->terms[care->terms_len++] = (struct term){(uint32_t)at, whole_len, is.number, s};
        at += len ? len : char_len(care->text.at[at]);
    }
}

// How sure a finding makes it that a person is spoken of.
static uint8_t finding_weight(uint8_t detector) {
    switch ((enum detector)detector) {
    case DETECTOR_PERSON:
    case DETECTOR_MYNUMBER:
    case DETECTOR_LICENCE:
    case DETECTOR_INSURER:
    case DETECTOR_PENSION:
    case DETECTOR_PASSPORT:
    case DETECTOR_RESIDENCE:
    case DETECTOR_RESIDENT:
    case DETECTOR_BIRTHDATE:
        return 45;
    case DETECTOR_ADDRESS:
    case DETECTOR_PHONE:
    case DETECTOR_EMAIL:
    case DETECTOR_BANK:
        return 40;
    default:
        return 0;
    }
}

static void findings_read(struct care *care, const struct care_found *found) {
    for (uint32_t i = 0; i < found->len; i++) {
        uint8_t weight = finding_weight(found->at[i].detector);
        uint32_t low = 0, high = care->sentences_len;
        while (weight && high - low > 1) {
            uint32_t middle = low + (high - low) / 2;
            if (care->sentences[middle].at <= found->at[i].at)
                low = middle;
            else
                high = middle;
        }
        if (weight) evidence(&care->sentences[low], CARE_FOUND, weight);
    }
}

// ---- what counts ----

// Of the sentence itself, three quarters of what those beside it have, or four ninths of what any
// other has, as long as this one is no prose.
static unsigned person_near(const struct care *care, uint32_t s) {
    const struct sentence *here = &care->sentences[s];
    unsigned best = here->best;
    if (here->roles & (here->roles - 1)) best += MORE; // evidence of two kinds
    uint32_t from = s > REACH ? s - REACH : 0, end = s + REACH;
    for (uint32_t i = from; i <= end && i < care->sentences_len; i++) {
        const struct sentence *beside = &care->sentences[i];
        if (beside->paragraph == here->paragraph && beside->best * 3u / 4 > best)
            best = beside->best * 3u / 4;
    }
    if (!here->prose && care->best * 4u / 9 > best) best = care->best * 4u / 9;
    return best;
}

static unsigned term_score(const struct care *care, const struct term *term) {
    const struct sentence *here = &care->sentences[term->sentence];
    unsigned person = person_near(care, term->sentence), prose = here->prose;
    if (here->best >= SURE) prose /= 2; // somebody is named in this very sentence
    unsigned score = row_of(care, term->row)[1] + person;
    return !person || score < prose ? 0 : score - prose < 100 ? score - prose : 100;
}

// A term that is part of an address says nothing: 長岡市信条. Its length becomes 0.
static void addresses_read(struct care *care, const struct care_found *found) {
    for (uint32_t i = 0; i < found->len; i++) {
        const struct finding *place = &found->at[i];
        uint32_t low = 0, high = place->detector == DETECTOR_ADDRESS ? care->terms_len : 0;
        while (low < high) {
            uint32_t middle = low + (high - low) / 2;
            if (care->terms[middle].at < place->at)
                low = middle + 1;
            else
                high = middle;
        }
        for (; place->detector == DETECTOR_ADDRESS && low < care->terms_len; low++) {
            struct term *term = &care->terms[low];
            if (term->at + term->len > place->at + place->len) break;
            term->len = 0;
        }
    }
}

enum sk_code care_find(struct view payload, struct view text, const struct care_found *found,
                       struct arena *arena, struct care_found *out) {
    struct care care;
    *out = (struct care_found){0};
    if (text.len == 0) return SK_OK;
    TRY(care_begin(&care, payload, text, arena));
    words_read(&care);
    findings_read(&care, found);
    addresses_read(&care, found);
    for (uint32_t i = 0; i < care.sentences_len; i++)
        if (care.sentences[i].best > care.best) care.best = care.sentences[i].best;
    out->at = arena_take_raw(arena, care.terms_len + 1, sizeof *out->at);
    if (!out->at) return SK_LIMIT;
    for (uint32_t i = 0; i < care.terms_len; i++) {
        const struct term *term = &care.terms[i];
        unsigned score = term_score(&care, term);
        uint8_t detector = row_of(&care, term->row)[0];
        if (score < SCORE_MIN || term->len == 0) continue;
        struct finding fresh = {term->at, term->len, detector, (uint8_t)score};
        struct finding *last = out->len ? &out->at[out->len - 1] : NULL;
        if (last && last->detector == detector && last->at + last->len == fresh.at) {
            last->len += fresh.len; // 窃盗 and 容疑
            if (last->score < fresh.score) last->score = fresh.score;
        } else {
            out->at[out->len++] = fresh;
        }
    }
    return SK_OK;
}

enum sk_code care_scan(struct scan *scan) {
    struct view payload = detectors_table(scan->detectors, TABLE_CARE);
    const struct care_found persons = {scan->findings, scan->findings_len};
    struct care_found terms;
    if (!payload.at) return SK_OK;
    TRY(care_find(payload, scan_fold(scan)->folded, &persons, scan->arena, &terms));
    for (uint32_t i = 0; i < terms.len; i++)
        TRY(scan_put(scan, (enum detector)terms.at[i].detector, terms.at[i].at, terms.at[i].len,
                     terms.at[i].score));
    return SK_OK;
}
