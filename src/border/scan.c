#include "border/scan.h"

#include <stdlib.h>

#include "base/utf8.h"
#include "border/scan_parts.h"

// A text is gone through in windows: their core is reported, what stands around it is read. Core:
// about a millisecond without names. Around: 100 characters and more on each side. A finding that
// reaches the end of what is seen may go on there: then more is seen, up to VISIBLE_MAX.
enum { CORE = 8 << 10, AROUND = SCAN_CONTEXT_MAX, VISIBLE_MAX = 64 << 10, SENTENCE = 1024 };

// ---- detector files ----

struct detectors {
    struct view payloads[TABLE_KINDS];
    struct label_words words;
    struct names *names; // NULL: MeCab did not open
};

static enum sk_code (*const checks[TABLE_KINDS])(struct view) = {
    [TABLE_NAMES] = names_check,   [TABLE_PLACES] = places_check,  [TABLE_POSTAL] = postal_check,
    [TABLE_BANKS] = banks_check,   [TABLE_PHONES] = phones_check,  [TABLE_CARE] = care_check,
    [TABLE_LISTED] = listed_check, [TABLE_SECRETS] = secret_check,
};

static const uint64_t care_bits = 1ull << DETECTOR_MEDICAL | 1ull << DETECTOR_CRIMINAL |
                                  1ull << DETECTOR_CREED | 1ull << DETECTOR_DISABILITY |
                                  1ull << DETECTOR_DISCRIMINATION;
static const uint64_t person_bit = 1ull << DETECTOR_PERSON;

// Which detectors cannot work without the file of a kind. Care counts terms near persons.
static uint64_t needing(enum table_kind kind) {
    switch (kind) {
    case TABLE_NAMES:
        return person_bit | care_bits;
    case TABLE_PLACES:
        return 1ull << DETECTOR_ADDRESS;
    case TABLE_POSTAL:
        return 1ull << DETECTOR_POSTAL;
    case TABLE_BANKS:
        return 1ull << DETECTOR_BANK;
    case TABLE_PHONES:
        return 1ull << DETECTOR_PHONE;
    case TABLE_CARE:
        return care_bits;
    case TABLE_LISTED:
        return 1ull << DETECTOR_LISTED;
    case TABLE_SECRETS:
        return 1ull << DETECTOR_SECRET_KEY | 1ull << DETECTOR_SECRET_CLOUD |
               1ull << DETECTOR_SECRET_TOKEN | 1ull << DETECTOR_SECRET_PASSWORD |
               1ull << DETECTOR_SECRET_URL | 1ull << DETECTOR_SECRET_OTHER;
    case TABLE_KINDS:
        break;
    }
    return 0;
}

enum sk_code detectors_open(struct detectors **out) {
    *out = calloc(1, sizeof **out);
    if (!*out) return FAIL(SK_LIMIT, "no memory for the detectors");
    label_words_make(&(*out)->words);
    (void)names_open(&(*out)->names); // detectors_check says what does not work without
    return SK_OK;
}

void detectors_close(struct detectors *detectors) {
    if (detectors) names_close(detectors->names);
    free(detectors);
}

enum sk_code detectors_add(struct detectors *detectors, struct view file) {
    struct table table;
    TRY(table_read(file, &table));
    if (detectors->payloads[table.kind].at)
        return FAIL(SK_INPUT, "%s.skdt was added already", table_name(table.kind));
    enum sk_code code = checks[table.kind](table.payload);
    if (code != SK_OK) return fail_within(SK_CORRUPT, "%s.skdt", table_name(table.kind));
    detectors->payloads[table.kind] = table.payload;
    return SK_OK;
}

enum sk_code detectors_check(const struct detectors *detectors, const struct detector_set *wanted) {
    for (unsigned kind = 1; kind < TABLE_KINDS; kind++) {
        uint64_t bits = needing((enum table_kind)kind) & wanted->bits;
        if (bits && !detectors->payloads[kind].at)
            return FAIL(SK_UNKNOWN, "detector %s needs %s.skdt, which was not loaded",
                        detector_name((enum detector)__builtin_ctzll(bits)),
                        table_name((enum table_kind)kind));
    }
    if (wanted->bits & needing(TABLE_NAMES) && !detectors->names)
        return FAIL(SK_UNKNOWN, "detector %s needs MeCab, which did not open its dictionary: "
                                "install mecab-ipadic-utf8",
                    detector_name(DETECTOR_PERSON));
    return SK_OK;
}

struct view detectors_table(const struct detectors *detectors, enum table_kind kind) {
    return detectors->payloads[kind];
}

struct names *detectors_names(const struct detectors *detectors) {
    return detectors->names;
}

// ---- a scan ----

struct scan_work {
    struct fold fold;          // of what is seen
    struct finding *all;       // [0, done) of the cores before, then those of this window
    uint32_t done, max;        // max: room in `all`
    uint64_t searched;         // detectors that run: wanted, and persons for care
    uint32_t from, core, seen; // offsets in the text: what is seen begins; its core; it ends
    uint32_t core_end, first;  // first: where the first core began
    uint32_t sentence;         // folded: where the next sentence for names begins
    size_t mark;               // of the arena: what a window takes is given back
    struct scan_columns columns, columns_next; // of a table: now, and in the next window
    enum { AT_WINDOW, AT_NAMES } at;
};

const struct fold *scan_fold(const struct scan *scan) {
    return &scan->work->fold;
}

uint32_t scan_core_end(const struct scan *scan) {
    return scan_folded(scan, scan->work->core_end);
}

const struct label_words *scan_words(const struct scan *scan) {
    return &scan->detectors->words;
}

struct scan_columns *scan_columns(const struct scan *scan) {
    return &scan->work->columns;
}

struct scan_columns *scan_columns_next(const struct scan *scan) {
    return &scan->work->columns_next;
}

enum sk_code scan_put(struct scan *scan, enum detector detector, uint32_t at, uint32_t len,
                      unsigned score) {
    struct scan_work *work = scan->work;
    must((size_t)at + len <= work->fold.folded.len && len > 0 && score <= 100);
    if (!(work->searched >> detector & 1)) return SK_OK;
    if (work->done + scan->findings_len == work->max)
        return FAIL(SK_LIMIT, "more than %u findings in one text: send less at once", work->max);
    scan->findings[scan->findings_len++] =
        (struct finding){at, len, (uint8_t)detector, (uint8_t)score};
    return SK_OK;
}

enum sk_code scan_begin(struct scan *scan, const struct detectors *detectors,
                        const struct detector_set *wanted, struct view text, struct arena *arena) {
    *scan = (struct scan){detectors, *wanted, text, arena, NULL, 0, NULL};
    if (text.len > SCAN_TEXT_MAX)
        return FAIL(SK_LIMIT, "text of %zu bytes, at most %d are judged: send less at once",
                    text.len, SCAN_TEXT_MAX);
    if (detectors_check(detectors, wanted) != SK_OK) return fail_within(SK_CORRUPT, "scan");
    struct scan_work *work = arena_take(arena, 1, sizeof *work);
    if (!work) return SK_LIMIT;
    size_t room = 4 * text.len + 16;
    work->max = room < SCAN_FINDINGS_MAX ? (uint32_t)room : SCAN_FINDINGS_MAX;
    work->all = arena_take_raw(arena, work->max, sizeof *work->all);
    if (!work->all) return SK_LIMIT;
    work->searched = wanted->bits | (wanted->bits & care_bits ? person_bit : 0);
    work->mark = arena->used;
    scan->work = work;
    return SK_OK;
}

void scan_from(struct scan *scan, uint32_t from, const struct scan_columns *columns) {
    must(from <= scan->text.len);
    scan->work->core = scan->work->first = from;
    scan->work->columns = *columns;
}

// ---- windows ----

static bool inside(struct view text, uint32_t at) { // a character, not before one
    return at < text.len && ((uint8_t)text.at[at] & 0xc0) == 0x80;
}

// Where the core of the window ends: after the last line break or full stop of its second half,
// else after a space, else after any character.
static uint32_t core_end(struct view text, uint32_t core) {
    if (text.len - core <= CORE) return (uint32_t)text.len;
    uint32_t space = 0;
    for (uint32_t at = core + CORE; at > core + CORE / 2; at--) {
        if (text.at[at - 1] == '\n') return at;
        if (memcmp(text.at + at - 3, "\xe3\x80\x82", 3) == 0) return at; // 。
        if (!space && text.at[at - 1] == ' ') space = at;
    }
    if (space) return space;
    uint32_t at = core + CORE;
    while (inside(text, at))
        at++;
    return at;
}

static uint32_t seen_end(struct view text, uint32_t at, uint32_t more) {
    if (text.len - at <= more) return (uint32_t)text.len;
    at += more;
    while (inside(text, at))
        at++;
    return at;
}

// Whether a finding of the core ends where what is seen ends, though the text goes on.
static bool cut(const struct scan *scan) {
    const struct scan_work *work = scan->work;
    if (work->seen == scan->text.len || work->seen - work->from >= VISIBLE_MAX) return false;
    for (uint32_t i = 0; i < scan->findings_len; i++)
        if (scan->findings[i].at + scan->findings[i].len == work->fold.folded.len) return true;
    return false;
}

static enum sk_code families(struct scan *scan) {
    struct scan_work *work = scan->work;
    struct view raw = {scan->text.at + work->from, work->seen - work->from};
    scan->arena->used = work->mark;
    scan->findings = work->all + work->done;
    scan->findings_len = 0;
    work->columns_next.cells = 0;
    TRY(fold_make(raw, scan->arena, &work->fold));
    uint64_t places = needing(TABLE_PLACES), secrets = needing(TABLE_SECRETS);
    uint64_t listed = needing(TABLE_LISTED), names = needing(TABLE_NAMES);
    if (work->searched & ~(places | secrets | listed | names)) TRY(identifiers_scan(scan));
    if (work->searched & places) TRY(address_scan(scan));
    if (work->searched & (secrets | listed)) TRY(secret_scan(scan)); // both may have rules
    return work->searched & listed ? listed_scan(scan) : SK_OK;
}

static enum sk_code window_begin(struct scan *scan) {
    struct scan_work *work = scan->work;
    work->core_end = core_end(scan->text, work->core);
    work->from = work->core > AROUND ? work->core - AROUND : 0;
    while (work->from > 0 && inside(scan->text, work->from))
        work->from--;
    for (uint32_t more = AROUND;; more *= 4) {
        work->seen = seen_end(scan->text, work->core_end, more);
        TRY(families(scan));
        if (!cut(scan)) break;
    }
    work->sentence = scan_folded(scan, work->core);
    work->at = AT_NAMES;
    return SK_OK;
}

uint32_t scan_folded(const struct scan *scan, uint32_t raw) {
    const struct fold *fold = &scan->work->fold;
    uint32_t low = 0, high = (uint32_t)fold->folded.len;
    raw -= scan->work->from;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (fold->map[middle] < raw)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

// The bytes of the text that a finding of the folded text stands for: whole characters of both.
static struct finding unfolded(const struct scan *scan, struct finding found) {
    const struct scan_work *work = scan->work;
    const uint32_t *map = work->fold.map;
    uint32_t len = (uint32_t)work->fold.folded.len, end = found.at + found.len;
    while (end < len && map[end] == map[end - 1])
        end++; // one character became several
    struct finding out = found;
    out.at = work->from + map[found.at];
    uint32_t raw_end = work->from + map[end];
    while (inside(scan->text, out.at))
        out.at--;
    while (inside(scan->text, raw_end))
        raw_end++;
    out.len = raw_end - out.at;
    return out;
}

static int by_place(const void *left, const void *right) {
    const struct finding *a = left, *b = right;
    if (a->at != b->at) return a->at < b->at ? -1 : 1;
    if (a->len != b->len) return a->len > b->len ? -1 : 1;
    return (int)a->detector - (int)b->detector;
}

// What begins in the core joins what was found before.
static void window_end(struct scan *scan) {
    struct scan_work *work = scan->work;
    uint32_t kept = 0, len = scan->findings_len;
    for (uint32_t i = 0; i < len; i++) {
        struct finding found = unfolded(scan, scan->findings[i]);
        if (work->core == work->first && found.at < work->first &&
            found.at + found.len > work->first) {
            found.len -= work->first - found.at;
            found.at = work->first;
        }
        bool here = found.at >= work->core && found.at < work->core_end;
        if (here && detector_in(&scan->wanted, (enum detector)found.detector))
            scan->findings[kept++] = found;
    }
    if (kept > 1) qsort(scan->findings, kept, sizeof *scan->findings, by_place);
    uint32_t single = 0; // the same place found twice by one detector: the surer one
    for (uint32_t i = 0; i < kept; i++) {
        struct finding *last = single ? &scan->findings[single - 1] : NULL;
        if (last && by_place(last, &scan->findings[i]) == 0) {
            if (scan->findings[i].score > last->score) *last = scan->findings[i];
        } else {
            scan->findings[single++] = scan->findings[i];
        }
    }
    work->done += single;
    work->core = work->core_end;
    work->columns = work->columns_next;
    work->at = AT_WINDOW;
}

// Names of one sentence of the core; *over when there is none left.
static enum sk_code names_step(struct scan *scan, bool *over) {
    struct scan_work *work = scan->work;
    uint32_t end = scan_core_end(scan), at = work->sentence;
    *over = at >= end || !(work->searched & person_bit);
    if (*over) return SK_OK;
    struct view rest = {work->fold.folded.at + at, end - at};
    uint32_t len = (uint32_t)sentence_len(rest, SENTENCE);
    work->sentence += len;
    return names_scan(scan, at, len);
}

enum sk_code scan_step(struct scan *scan, bool *done) {
    struct scan_work *work = scan->work;
    bool over = true;
    *done = work->core == scan->text.len;
    if (!*done && work->at == AT_WINDOW) {
        TRY(window_begin(scan));
        over = !(work->searched & person_bit);
    } else if (!*done) {
        TRY(names_step(scan, &over));
    }
    if (!*done && over) {
        if (work->searched & care_bits) TRY(care_scan(scan));
        window_end(scan);
        *done = work->core == scan->text.len;
    }
    if (*done) { // only the findings stay
        size_t used = (size_t)((char *)(work->all + work->done) - scan->arena->base);
        scan->arena->used = (used + 15) & ~(size_t)15;
        scan->findings = work->all;
        scan->findings_len = work->done;
    }
    return SK_OK;
}

size_t sentence_len(struct view text, size_t max) {
    for (size_t at = 0; at < text.len && at < max; at++) {
        uint8_t byte = (uint8_t)text.at[at];
        if (byte == '\n') return at + 1;
        if (byte == 0xe3 && at + 2 < text.len && memcmp(text.at + at, "\xe3\x80\x82", 3) == 0)
            return at + 3; // 。
        if ((byte == '!' || byte == '?') && at + 1 < text.len &&
            ((uint8_t)text.at[at + 1] >= 0x80 || text.at[at + 1] == ' '))
            return at + 1;
    }
    if (text.len <= max) return text.len;
    size_t cut_at = max; // after a space, if there is one
    while (cut_at > max / 2 && text.at[cut_at - 1] != ' ')
        cut_at--;
    if (cut_at == max / 2) cut_at = max;
    while (cut_at > 1 && ((uint8_t)text.at[cut_at] & 0xc0) == 0x80)
        cut_at--;
    return cut_at;
}
