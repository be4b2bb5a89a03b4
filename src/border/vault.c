#include "base/json.h"
#include "base/utf8.h"
#include "border/mask_parts.h"
#include "border/scan_parts.h"

#include <stdlib.h>
#include <string.h>

enum { FOLD_GROWTH = 2, JSON_GROWTH = 6 }; // bytes that may come of one

// ---- folding ----

static bool is_space(uint32_t c) {
    return c <= ' ' || c == 0xa0 || c == 0x3000 || c == 0x30fb ||
           c == 0xff65; // ・ parts names, too
}

struct folded {
    struct view text;
    uint16_t family, given;
};

// As detectors fold a text, and in lower case, without spaces, without dashes after digits.
static void fold_put(struct view folded, struct buf *text, struct folded *out) {
    size_t first = 0, last = 0;
    bool digit = false, apart = false;
    while (folded.len) {
        uint32_t c;
        size_t len = utf8_take(folded, &c);
        must(len > 0);
        folded = view_from(folded, len);
        if (c == '-' && digit) continue;
        apart = apart || (is_space(c) && text->len > 0);
        if (is_space(c)) continue;
        if (apart && first == 0) first = text->len;
        if (apart) last = text->len;
        apart = false;
        digit = c >= '0' && c <= '9';
        char bytes[4];
        buf_put(text, bytes, utf8_put(c >= 'A' && c <= 'Z' ? c + 32 : c, bytes));
    }
    if (first == 0 || text->len > UINT16_MAX) return;
    out->family = (uint16_t)first;
    out->given = (uint16_t)(text->len - last);
}

// Put where bytes are kept, but not kept; what was needed on the way is overwritten.
static enum sk_code value_fold(struct vault *vault, struct view raw, struct folded *out) {
    struct arena scratch = {.max = fold_room(raw.len), .name = "fold"};
    struct buf text =
        buf_over(mask_bytes_room(vault, FOLD_GROWTH * raw.len + 1), FOLD_GROWTH * raw.len + 1);
    struct fold fold;
    *out = (struct folded){0};
    scratch.base = text.at ? malloc(scratch.max) : NULL;
    if (!scratch.base) return FAIL(SK_LIMIT, "no memory for a value of %zu bytes", raw.len);
    enum sk_code code = fold_make(raw, &scratch, &fold);
    if (code == SK_OK) fold_put(fold.folded, &text, out);
    must(!text.over);
    out->text = buf_view(&text);
    explicit_bzero(scratch.base, scratch.used);
    free(scratch.base);
    return code;
}

// ---- short forms ----

static bool name_has(const struct mask_spelling *name, struct view part) {
    struct view parts[MASK_PARTS_MAX];
    uint32_t len = name->detector == DETECTOR_PERSON ? mask_name_parts(name, parts) : 0;
    for (uint32_t i = 0; i < len; i++)
        if (view_same(parts[i], part)) return true;
    return false;
}

// The one name that `first` is a part of; NULL: none, or several.
static const struct mask_spelling *full_of(const struct vault *vault,
                                           const struct mask_spelling *first) {
    return first->detector == DETECTOR_PERSON ? vault_of_part(vault, first->folded) : NULL;
}

const struct mask_spelling *vault_owner(const struct vault *vault,
                                        const struct mask_spelling *spelling) {
    const struct mask_spelling *first = &vault->tables.spellings[spelling->first];
    const struct mask_spelling *full = full_of(vault, first);
    return full && !full_of(vault, full) ? full : first; // a part of a part is nobody's
}

const struct mask_spelling *vault_of_number(const struct vault *vault,
                                            const struct mask_spelling *first, uint32_t number) {
    if (number == 0 || number > vault->len) return NULL;
    const struct mask_spelling *is = &vault->tables.spellings[number - 1];
    if (is->first == first->first) return is;
    bool part = is->detector == DETECTOR_PERSON && name_has(first, is->folded);
    return part ? is : NULL;
}

// ---- values where they stand ----

// How a pattern stands to a text: 0 also when it is a beginning of it.
static int pattern_order(const struct mask_pattern *pattern, struct view text) {
    size_t len = pattern->text.len < text.len ? pattern->text.len : text.len;
    int order = memcmp(pattern->text.at, text.at, len);
    return order ? order : pattern->text.len > text.len;
}

// How many of the first `len` patterns do not come behind `text`.
static uint32_t patterns_before(const struct vault *vault, uint32_t len, struct view text) {
    uint32_t low = 0;
    while (low < len) {
        uint32_t middle = low + (len - low) / 2;
        if (pattern_order(&vault->tables.patterns[middle], text) > 0)
            len = middle;
        else
            low = middle + 1;
    }
    return low;
}

static void pattern_add(struct vault *vault, struct view text, uint16_t spelling, bool escaped) {
    if (text.len < MASK_STANDS_MIN) return;
    must(vault->patterns_len < MASK_WRITTEN * vault->tables.room);
    uint32_t at = patterns_before(vault, vault->patterns_len, text);
    struct mask_pattern *is = &vault->tables.patterns[at];
    mask_begins(&vault->tables, text.at);
    memmove(is + 1, is, (vault->patterns_len++ - at) * sizeof *is);
    *is = (struct mask_pattern){text, spelling, escaped};
}

static enum sk_code patterns_learn(struct vault *vault, uint16_t spelling) {
    struct view text = vault->tables.spellings[spelling].raw;
    for (int i = 0; i < MASK_WRITTEN; i++) {
        pattern_add(vault, text, spelling, i > 0);
        if (json_plain(text) == text.len) return SK_OK;
        size_t room = JSON_GROWTH * text.len + 1; // an escape is written with a NUL behind
        struct buf out = buf_over(mask_bytes_room(vault, room), room);
        if (!out.at) return SK_LIMIT;
        struct json_writer w = json_writer_to(&out);
        json_string_more(&w, text);
        TRY(buf_check(&out, "the values to mask"));
        text = mask_bytes_keep(vault, out.len);
    }
    return SK_OK;
}

// Whether a word goes on over the border before text.at[at]. The letter of an escape ("\n") and the
// digits of one ("\u001f") are no word.
static bool word_before(struct view text, size_t at) {
    if (at == 0 || !mask_word((uint8_t)text.at[at - 1])) return false;
    if (!mask_word((uint8_t)text.at[at])) return false;
    bool escape = (at >= 2 && text.at[at - 2] == '\\') ||
                  (at >= 6 && text.at[at - 6] == '\\' && text.at[at - 5] == 'u');
    return !escape;
}

static bool word_after(struct view text, size_t end) {
    return end < text.len && mask_word((uint8_t)text.at[end]) &&
           mask_word((uint8_t)text.at[end - 1]);
}

// Bytes that a pattern and a text begin with alike.
static size_t alike(const struct mask_pattern *pattern, struct view text) {
    size_t len = 0;
    while (len < text.len && len < pattern->text.len && pattern->text.at[len] == text.at[len])
        len++;
    return len;
}

const struct mask_spelling *vault_stands(const struct vault *vault, struct view text, size_t at,
                                         bool escaped) {
    if (word_before(text, at)) return NULL;
    struct view rest = view_from(text, at);
    uint32_t left = patterns_before(vault, vault->patterns_len, rest);
    // Of those that do not come behind it the last is the longest that stands there; if it does
    // not, then only what it shares with the text can.
    while (left > 0) {
        const struct mask_pattern *is = &vault->tables.patterns[--left];
        size_t len = alike(is, rest);
        if (len < MASK_STANDS_MIN) return NULL;
        if (len < is->text.len) {
            rest.len = len;
            left = patterns_before(vault, left, rest);
        } else if ((escaped || !is->escaped) && !word_after(text, at + len)) {
            return &vault->tables.spellings[is->spelling];
        }
    }
    return NULL;
}

bool vault_clean(const struct vault *vault, struct view text) {
    for (size_t i = 0; i + MASK_STANDS_MIN <= text.len; i++)
        if (vault_begins(vault, text, i) && vault_stands(vault, text, i, true)) return false;
    return true;
}

// ---- learning ----

// 40 bits of HMAC-SHA-256(key, detector 0 attempt folded). Two values never share them: the later
// one tries again.
static uint64_t value_id(const struct vault *vault, enum detector detector, struct view folded) {
    for (unsigned attempt = 0;; attempt++) {
        must(attempt < 256);
        char tried = (char)attempt;
        struct view name = view_of(detector_name(detector));
        struct view parts[] = {{name.at, name.len + 1}, {&tried, 1}, folded};
        uint8_t hash[HASH_LEN];
        hmac_of(vault->key, parts, 3, hash);
        uint64_t id = 0;
        for (int i = 0; i < 5; i++)
            id = id << 8 | hash[i];
        if (!vault_of_id(vault, id)) return id;
    }
}

static enum sk_code spelling_add(struct vault *vault, const struct mask_spelling *like,
                                 struct view raw) {
    TRY(mask_tables_grow(vault));
    char *copy = mask_bytes_room(vault, raw.len);
    if (!copy) return SK_LIMIT;
    memcpy(copy, raw.at, raw.len);
    uint32_t index = vault->len++;
    struct mask_spelling *is = &vault->tables.spellings[index];
    *is = *like;
    is->raw = mask_bytes_keep(vault, raw.len);
    mask_tables_enter(vault, index);
    return patterns_learn(vault, (uint16_t)index);
}

enum sk_code vault_learn(struct vault *vault, enum detector detector, struct view raw) {
    struct folded folded;
    if (vault_find(vault, detector, raw)) return SK_OK;
    TRY(value_fold(vault, raw, &folded));
    const struct mask_spelling *known = vault_of_folded(vault, detector, folded.text);
    struct mask_spelling value = {.first = (uint16_t)vault->len,
                                  .family = folded.family,
                                  .given = folded.given,
                                  .detector = (uint8_t)detector,
                                  .one_way = detector_in(&vault->one_way, detector)};
    if (known) {
        value = *known;
    } else {
        value.id = value_id(vault, detector, folded.text);
        value.folded = mask_bytes_keep(vault, folded.text.len);
    }
    return spelling_add(vault, &value, raw);
}

// ---- life ----

static void prefixes_fill(struct vault *vault) {
    // First bytes of brackets (⟦〔【《［ and full-width letters), then of bare prefixes.
    static const uint8_t leads[] = {0xe2, 0xe3, 0xef, '['};
    for (size_t i = 0; i < sizeof leads; i++)
        vault->begins[leads[i]] = true;
    for (unsigned i = 0; i < DETECTOR_COUNT; i++) {
        const char *p = detector_prefix((enum detector)i);
        uint8_t *first = &vault->prefix[p[0] - 'A'];
        vault->prefix_next[i] = *first;
        *first = (uint8_t)(i + 1);
        vault->begins[(uint8_t)p[0]] = vault->begins[(uint8_t)p[0] | 32] = true;
    }
}

int vault_prefix(const struct vault *vault, const char letters[3]) {
    unsigned i = vault->prefix[letters[0] - 'A'];
    while (i && memcmp(detector_prefix((enum detector)(i - 1)), letters, 3) != 0)
        i = vault->prefix_next[i - 1];
    return (int)i - 1;
}

enum sk_code vault_open(struct vault **out, const uint8_t key[MASK_KEY_LEN],
                        struct view conversation) {
    static const char domain[] = "sekisho/mask/v1";
    struct vault *vault = calloc(1, sizeof *vault);
    *out = NULL;
    if (!vault) return FAIL(SK_LIMIT, "no memory for a vault");
    enum sk_code code = mask_tables_open(&vault->tables, MASK_ROOM);
    if (code != SK_OK) {
        free(vault);
        return code;
    }
    struct view parts[] = {{domain, sizeof domain}, conversation};
    hmac_of(key, parts, 2, vault->key);
    prefixes_fill(vault);
    *out = vault;
    return SK_OK;
}

// Overwrites the key, the values, and what says where one stood and what its token was.
void vault_close(struct vault *vault) {
    if (!vault) return;
    mask_bytes_close(vault);
    mask_tables_close(&vault->tables);
    explicit_bzero(vault, sizeof *vault);
    free(vault);
}

bool vault_holds(const struct vault *vault) {
    for (uint32_t i = 0; i < vault->len; i++)
        if (!vault->tables.spellings[i].one_way) return true;
    return false;
}
