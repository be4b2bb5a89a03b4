#include "border/label.h"

#include "base/utf8.h"
#include "border/lines.h"

enum {
    GAP_MAX = 96,
    OR_MAX = 12,
    NOTE_MAX = 48,
    BEHIND_MAX = 16,
    SPEAKER_MAX = 24,
    LINE_MAX = 160,
    BEFORE = 300,
    AFTER = 150,
    ROW_MAX = 2048,
    SPACED_MIN = 2 // marks in a line whose cells are parted by spaces
};

// Say what stands near without saying what the number itself is.
static const uint64_t neutral = 1ull | LABEL(GENERIC) | LABEL(LINK) | LABEL(ROWS) | LABEL(UNKNOWN) |
                                LABEL(ERA) | LABEL(BANK) | LABEL(INSURED) | LABEL(ADDRESS) |
                                LABEL(EMAIL) | LABEL(IP) | LABEL(YUCHO);
// Say nothing of what stands on their line.
static const uint64_t silent = LABEL(GENERIC) | LABEL(LINK) | LABEL(ROWS) | LABEL(ERA);
static const uint64_t never = LABEL(OTHER) | LABEL(MONEY);

static uint32_t end_of(const struct label_hit *hit) {
    return hit->at + hit->len;
}

uint32_t label_hits_before(const struct labels *labels, uint32_t at) {
    uint32_t low = 0, high = labels->len;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (labels->hits[middle].at < at)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

// ---- what may stand between a word and its value ----

static bool particle(const char *at) {
    static const char all[] =
        "はがのをもとでにへや第①②③④⑤⑥⑦⑧⑨、。（）「」『』【】〔〕〈〉《》・：；→⇒＝／｜■□●○◆◇▼▽※〜…";
    for (const char *each = all; *each; each += 3)
        if (memcmp(each, at, 3) == 0) return true;
    return false;
}

// The end of a note in brackets or of a tag at `at`; `at` when there is none before `to`.
static uint32_t note_end(struct view text, uint32_t at, uint32_t to) {
    char close = text.at[at] == '(' ? ')' : text.at[at] == '<' ? '>' : '\0';
    for (uint32_t i = at + 1; close && i < to && i < at + NOTE_MAX; i++)
        if (text.at[i] == close) return i + 1;
    return at;
}

static bool is_digit(char c) {
    return c >= '0' && c <= '9';
}
static bool is_letter(char c) {
    return (c | 0x20) >= 'a' && (c | 0x20) <= 'z';
}

// The end of a mark of a list or of the number of a key at `at`: 1. 2) (3) A. tel1= zip2"; `at`:
// there is none before `to`.
static uint32_t index_end(struct view text, uint32_t at, uint32_t to) {
    bool digit = is_digit(text.at[at]), first = at > 0 && text.at[at - 1] == '\n';
    if (to - at < 2 || (!digit && !(first && is_letter(text.at[at])))) return at;
    if (text.at[at + 1] == '.' || text.at[at + 1] == ')') return at + 2;
    return digit && strchr("=:\"'`_>", text.at[at + 1]) ? at + 1 : at;
}

// Who answers on the next line: 客: or [お客様] or 客「; `at` when nobody does.
static uint32_t speaker_end(struct view text, uint32_t at, uint32_t to) {
    uint32_t end = at;
    if (at < 4 || text.at[at - 1] != '\n') return at;
    bool asked = text.at[at - 2] == '?' || memcmp(text.at + at - 4, "。", 3) == 0 ||
                 memcmp(text.at + at - 4, "」", 3) == 0;
    while (asked && end < to && end - at < SPEAKER_MAX &&
           ((uint8_t)text.at[end] >= 0x80 || text.at[end] == '['))
        end++;
    if (end > at && memcmp(text.at + end - 3, "「", 3) == 0) return end;
    return end > at && end < to && strchr(":]>", text.at[end]) ? end + 1 : at;
}

// Only marks, spaces, particles, notes and at most two line breaks.
static bool connects(struct view text, uint32_t from, uint32_t to) {
    unsigned breaks = 0;
    if (to - from > GAP_MAX) return false;
    for (uint32_t at = from; at < to;) {
        uint8_t c = (uint8_t)text.at[at];
        uint32_t behind = note_end(text, at, to);
        if (behind == at) behind = index_end(text, at, to);
        if (behind == at) behind = speaker_end(text, at, to);
        if (behind > at) {
            at = behind;
            continue;
        }
        if (c >= 0x80) {
            if (to - at < 3 || !particle(text.at + at)) return false;
            at += 3;
            continue;
        }
        if (is_digit((char)c) || is_letter((char)c) || (c == '\n' && ++breaks > 2)) return false;
        at++;
    }
    return true;
}

// A word that says nothing, at the end of one that is not ours.
static bool of_something(struct view text, const struct label_hit *hit) {
    if (hit->at < 3) return false;
    char before = text.at[hit->at - 1];
    if ((uint8_t)text.at[hit->at] < 0x80)
        return before == '_' || (before == '-' && hit->len < 3) ||
               ((before | 0x20) >= 'a' && (before | 0x20) <= 'z');
    uint8_t lead = (uint8_t)text.at[hit->at - 3], second = (uint8_t)text.at[hit->at - 2];
    bool katakana = lead == 0xe3 && (second == 0x83 || second == 0x82);
    bool middle = second == 0x83 && (uint8_t)text.at[hit->at - 1] == 0xbb; // ・
    return (lead >= 0xe4 && lead <= 0xe9) ||
           (katakana && !middle && (uint8_t)text.at[hit->at - 1] >= 0xa0);
}

// 個人番号または基礎年金番号: what the words before hits[i] say that are joined to it by "or".
static uint64_t or_before(const struct labels *labels, uint32_t i) {
    static const char *const joins[] = {"または", "又は",     "もしくは", "若しくは",
                                        "或いは", "あるいは", "か",       " or "};
    uint64_t said = 0;
    for (bool joined = true; joined && i > 0; i--) {
        const struct label_hit *hit = &labels->hits[i - 1];
        uint32_t end = end_of(hit), to = labels->hits[i].at;
        struct view between = {labels->text.at + end, to > end ? to - end : 0};
        joined = false;
        if (between.len == 0 || between.len > OR_MAX) break;
        for (size_t k = 0; k < sizeof joins / sizeof *joins && !joined; k++)
            joined = view_is(between, joins[k]);
        if (joined) said |= 1ull << hit->label;
    }
    return said;
}

// Of hits[0, len) the last that connects to `at`, by way of words that say nothing.
static void direct_before(const struct labels *labels, uint32_t len, uint32_t at,
                          struct label_site *site) {
    enum label said = LABEL_NONE;
    while (len > 0) {
        const struct label_hit *hit = &labels->hits[--len];
        if (end_of(hit) > at || !connects(labels->text, end_of(hit), at)) break;
        at = hit->at;
        if (hit->label == LABEL_LINK) continue;
        said = (enum label)hit->label;
        if (said != LABEL_GENERIC) {
            site->or_else = or_before(labels, len);
            break;
        }
        site->numbered = true;
        if (of_something(labels->text, hit)) said = LABEL_UNKNOWN;
    }
    site->direct = said;
}

// The word that ends at `at` has a value of its own behind it.
static bool leads_on(struct view text, uint32_t at) {
    while (at < text.len && (text.at[at] == ' ' || text.at[at] == '"'))
        at++;
    return at < text.len && (text.at[at] == ':' || text.at[at] == '=');
}

// 1234-5678 (phone), 1234-5678が電話番号
static bool leads_behind(struct view text, uint32_t from, uint32_t to) {
    if (to - from > BEHIND_MAX) return false;
    bool led = false;
    for (uint32_t at = from; at < to; at++) {
        char c = text.at[at];
        if (c == '(' || c == '<')
            led = true;
        else if (to - at >= 3 && (!memcmp(text.at + at, "が", 3) || !memcmp(text.at + at, "は", 3)))
            led = true, at += 2;
        else if (c != ' ' && c != '-')
            return false;
    }
    return led;
}

// ---- tables ----

// Behind the mark between two cells at `at`; `at`: there is none. A mark of ' ' is two spaces or
// more, not at the end of the line.
static uint32_t mark_end(struct view text, uint32_t at, char mark) {
    uint32_t end = at;
    if (text.at[at] != mark) return at;
    if (mark != ' ') return at + 1;
    if (at > 0 && text.at[at - 1] == ' ') return at; // inside of it
    while (end < text.len && text.at[end] == ' ')
        end++;
    bool last = end == text.len || text.at[end] == '\n' || text.at[end] == '\r';
    return end - at < 2 || last ? at : end;
}

// Runs of spaces in [from, to), without the margin.
static uint32_t gaps_in(struct view text, uint32_t from, uint32_t to) {
    uint32_t gaps = 0;
    while (from < to && text.at[from] == ' ')
        from++;
    for (const char *gap; from < to && (gap = memchr(text.at + from, ' ', to - from));) {
        uint32_t at = (uint32_t)(gap - text.at), end = mark_end(text, at, ' ');
        gaps += end > at;
        from = end > at ? end : at + 1;
    }
    return gaps;
}

static uint32_t marks_in(struct view text, uint32_t from, uint32_t to, char mark) {
    uint32_t marks = 0;
    if (mark == ' ') return gaps_in(text, from, to);
    bool quotes = mark == ',' && memchr(text.at + from, '"', to - from), quoted = false;
    for (uint32_t at = from; quotes && at < to; at++) {
        if (text.at[at] == '"') quoted = !quoted;
        marks += text.at[at] == mark && !quoted;
    }
    for (const char *at = text.at + from, *end = text.at + to;
         !quotes && (at = memchr(at, mark, (size_t)(end - at))); at++)
        marks++;
    return marks;
}

// The mark that parts the cells of a line, and how many there are; 0: it is no line of a table.
static uint32_t cells_of(struct view text, uint32_t line, char *mark) {
    static const char marks[] = "\t|,;";
    uint32_t end = line_end(text, line), cells = 0;
    if (end - line > ROW_MAX) return 0;
    for (const char *each = marks; *each && cells == 0; each++)
        if (memchr(text.at + line, *each, end - line))
            cells = marks_in(text, line, end, *mark = *each);
    if (cells == 0) cells = marks_in(text, line, end, *mark = ' ');
    if (*mark == ' ' && cells < SPACED_MIN) cells = 0;
    return cells < SCAN_COLUMNS_MAX ? cells : 0;
}

// Finds the table around the line at `line`: labels->table. False: no table.
static bool table_find(struct labels *labels, uint32_t line) {
    struct view text = labels->text;
    char mark = ' ';
    if (labels->table.known && labels->table.line == line) return labels->table.cells != 0;
    uint32_t cells = cells_of(text, line, &mark), head = line;
    while (cells && head > 0) { // up to a line of another shape, or one that was asked for
        uint32_t above = line_start(text, head - 1);
        if (head - above > ROW_MAX || marks_in(text, above, head - 1, mark) != cells) break;
        head = above;
        if (labels->table.cells == cells && labels->table.mark == mark &&
            labels->table.line == above) {
            head = labels->table.head;
            break;
        }
    }
    labels->table.known = true;
    labels->table.line = line;
    labels->table.head = head;
    labels->table.cells = cells;
    labels->table.mark = mark;
    return cells != 0;
}

enum label label_within(const struct labels *labels, uint32_t at, uint32_t end) {
    enum label said = LABEL_NONE;
    for (uint32_t i = label_hits_before(labels, at); i < labels->len; i++) {
        const struct label_hit *hit = &labels->hits[i];
        if (hit->at >= end) break;
        if (hit->label != LABEL_GENERIC || said == LABEL_NONE) said = (enum label)hit->label;
    }
    return said;
}

// What the cell of the head with this number says; LABEL_GENERIC: only that it is a number.
static enum label cell_label(const struct labels *labels, uint32_t cell) {
    struct view text = labels->text;
    uint32_t at = labels->table.head, end = line_end(text, at);
    char mark = labels->table.mark;
    while (mark == ' ' && at < end && text.at[at] == ' ')
        at++;
    while (cell > 0 && at < end) {
        uint32_t next = mark_end(text, at, mark);
        cell -= next > at;
        at = next > at ? next : at + 1;
    }
    uint32_t cell_end = at;
    while (cell_end < end && mark_end(text, cell_end, mark) == cell_end) {
        if (text.at[cell_end] >= '0' && text.at[cell_end] <= '9') return LABEL_NONE;
        cell_end++;
    }
    return label_within(labels, at, cell_end);
}

enum label label_beside(enum label beside) {
    return beside == LABEL_SYMBOL || beside == LABEL_INSURED_SYMBOL ? beside : LABEL_UNKNOWN;
}

static enum label head_label(const struct labels *labels, uint32_t cell) {
    enum label said = cell_label(labels, cell);
    if (said != LABEL_GENERIC) return said;
    return label_beside(cell ? cell_label(labels, cell - 1) : LABEL_NONE);
}

// Whether the table began before the text, so that its head is what was kept.
static bool table_goes_on(const struct labels *labels, const struct scan_columns *columns) {
    uint32_t head = labels->table.head;
    bool first = head == 0 || line_start(labels->text, head - 1) == 0;
    return first && columns->cells == labels->table.cells && columns->mark == labels->table.mark;
}

static enum label column_label(struct labels *labels, const struct scan_columns *columns,
                               uint32_t at) {
    uint32_t line = line_start(labels->text, at);
    if (!table_find(labels, line)) return LABEL_NONE;
    uint32_t cell = marks_in(labels->text, line, at, labels->table.mark);
    if (cell >= SCAN_COLUMNS_MAX) return LABEL_NONE;
    if (table_goes_on(labels, columns)) return (enum label)columns->labels[cell];
    return labels->table.head == line ? LABEL_NONE : head_label(labels, cell);
}

void label_columns_keep(struct labels *labels, uint32_t end, struct scan_columns *columns) {
    uint32_t line = line_start(labels->text, end > 0 ? end - 1 : 0);
    if (!table_find(labels, line)) {
        columns->cells = 0;
        return;
    }
    if (table_goes_on(labels, columns)) return;
    columns->cells = labels->table.cells;
    columns->mark = labels->table.mark;
    for (uint32_t cell = 0; cell < SCAN_COLUMNS_MAX; cell++)
        columns->labels[cell] = cell <= columns->cells ? (uint8_t)head_label(labels, cell) : 0;
}

// ---- a place ----

static bool same_line(struct view text, uint32_t from, uint32_t to) {
    if (to - from > LINE_MAX) return false;
    for (uint32_t at = from; at < to; at++) {
        if (text.at[at] == '\n') return false;
        if (to - at >= 3 && memcmp(text.at + at, "。", 3) == 0) return false;
    }
    return true;
}

struct label_site label_site(struct labels *labels, const struct scan_columns *columns, uint32_t at,
                             uint32_t end) {
    struct label_site site = {0};
    uint32_t before = label_hits_before(labels, at);
    direct_before(labels, before, at, &site);
    enum label column = column_label(labels, columns, at);
    bool open = site.direct == LABEL_NONE || site.direct == LABEL_UNKNOWN;
    if (labels->table.mark == ' ' && !open) column = LABEL_NONE;
    if (column == LABEL_NONE) column = label_value(labels, at);
    if (column != LABEL_NONE) site.direct = column;
    for (uint32_t i = before; i > 0; i--) {
        const struct label_hit *hit = &labels->hits[i - 1];
        if (end_of(hit) + BEFORE < at) break;
        site.near |= 1ull << hit->label;
        if (site.line || silent >> hit->label & 1) continue;
        site.line = end_of(hit) <= at && same_line(labels->text, end_of(hit), at)
                        ? 1ull << hit->label
                        : 1ull;
    }
    site.line &= ~1ull;
    for (uint32_t i = label_hits_before(labels, end); i < labels->len; i++) {
        const struct label_hit *hit = &labels->hits[i];
        if (hit->at > end + AFTER) break;
        site.near |= 1ull << hit->label;
        if (silent >> hit->label & 1) continue;
        open = site.direct == LABEL_NONE || site.direct == LABEL_GENERIC;
        if (open && leads_behind(labels->text, end, hit->at)) site.direct = (enum label)hit->label;
        if (!site.line && !leads_on(labels->text, end_of(hit)) &&
            same_line(labels->text, end, hit->at))
            site.line = 1ull << hit->label;
    }
    return site;
}

bool label_ends(const struct labels *labels, uint32_t at) {
    uint32_t before = label_hits_before(labels, at);
    return before > 0 && end_of(&labels->hits[before - 1]) == at;
}

bool label_begins(const struct labels *labels, uint32_t at, enum label label) {
    uint32_t i = label_hits_before(labels, at);
    return i < labels->len && labels->hits[i].at <= at + 1 && labels->hits[i].label == label;
}

unsigned label_said(const struct label_site *site, uint64_t topics) {
    if ((topics >> site->direct & 1) || (topics & site->or_else)) return 3;
    if (topics & site->line) return 2;
    return topics & site->near ? 1 : 0;
}

bool label_denied(const struct label_site *site, uint64_t topics) {
    uint64_t direct = 1ull << site->direct | site->or_else;
    return !(direct & topics) && !(direct & neutral);
}

bool label_doubted(const struct label_site *site, uint64_t topics) {
    if ((topics >> site->direct & 1) || (topics & site->or_else)) return false;
    return label_denied(site, topics) || (site->line & never);
}
