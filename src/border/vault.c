#include "base/json.h"
#include "base/utf8.h"
#include "border/mask_parts.h"
#include "border/scan_parts.h"

#include <string.h>

enum {
    VAULT_BYTES = 256 << 20, // reserved; touched as values come
    WRITTEN = 3,             // as it is, in JSON, in JSON within JSON
    NAME_CHARS_MAX = 8,      // a longer name without a space is not taken apart
    FOLD_GROWTH = 2,         // bytes that may come of one
};

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

// Kept in `arena`; what was needed on the way is overwritten.
static enum sk_code value_fold(struct arena *arena, struct view raw, struct folded *out) {
    struct arena scratch = *arena;
    struct fold fold;
    size_t room = FOLD_GROWTH * raw.len + 1;
    *out = (struct folded){0};
    char *at = arena_take_raw(&scratch, room, 1);
    if (!at) return SK_LIMIT;
    size_t from = scratch.used;
    TRY(fold_make(raw, &scratch, &fold));
    struct buf text = buf_over(at, room);
    fold_put(fold.folded, &text, out);
    must(!text.over);
    explicit_bzero(scratch.base + from, scratch.used - from);
    out->text = arena_keep(arena, text.len);
    must(out->text.at == at);
    return SK_OK;
}

// ---- indexes ----

static uint64_t hash_view(const struct vault *vault, struct view text, uint64_t more) {
    uint64_t h;
    memcpy(&h, vault->key, sizeof h); // nobody outside can choose who meets whom
    h ^= more * 0x9e3779b97f4a7c15u;
    for (size_t i = 0; i < text.len; i++)
        h = (h ^ (uint8_t)text.at[i]) * 0x100000001b3u;
    return (h ^ h >> 29) * 0xbf58476d1ce4e5b9u >> 16;
}

static uint32_t slot_of_id(const struct vault *vault, uint64_t id) {
    uint32_t slot = (uint32_t)id % MASK_SLOTS;
    while (vault->by_id[slot] && vault->spellings[vault->by_id[slot] - 1].id != id)
        slot = (slot + 1) % MASK_SLOTS;
    return slot;
}

static uint32_t slot_of_folded(const struct vault *vault, enum detector detector,
                               struct view folded) {
    uint32_t slot = (uint32_t)(hash_view(vault, folded, detector) % MASK_SLOTS);
    for (; vault->by_folded[slot]; slot = (slot + 1) % MASK_SLOTS) {
        const struct mask_spelling *is = &vault->spellings[vault->by_folded[slot] - 1];
        if (is->detector == detector && view_same(is->folded, folded)) break;
    }
    return slot;
}

static uint32_t slot_of_part(const struct vault *vault, struct view part) {
    uint32_t slot = (uint32_t)(hash_view(vault, part, DETECTOR_COUNT) % MASK_PARTS_SLOTS);
    while (vault->parts[slot].text.len && !view_same(vault->parts[slot].text, part))
        slot = (slot + 1) % MASK_PARTS_SLOTS;
    return slot;
}

const struct mask_spelling *vault_of_id(const struct vault *vault, uint64_t id) {
    uint16_t index = vault->by_id[slot_of_id(vault, id)];
    return index ? &vault->spellings[index - 1] : NULL;
}

// ---- parts of a name ----

// Begins and ends of a name that are short forms of it. With a space: what stands before the first
// and after the last. Without: two or three characters, or one of a name of at most three.
static uint32_t name_parts(const struct mask_spelling *name, struct view out[MASK_PARTS_MAX]) {
    struct view all = name->folded;
    if (name->family) {
        out[0] = (struct view){all.at, name->family};
        out[1] = view_from(all, all.len - name->given);
        return 2;
    }
    size_t begins[NAME_CHARS_MAX + 1], chars = 0;
    for (size_t i = 0; i < all.len; i++) {
        if (((uint8_t)all.at[i] & 0xc0) == 0x80) continue;
        if ((uint8_t)all.at[i] < 0x80 || chars == NAME_CHARS_MAX) return 0;
        begins[chars++] = i;
    }
    begins[chars] = all.len;
    uint32_t len = 0;
    for (size_t k = chars <= 3 ? 1 : 2; k <= 3 && k < chars; k++) {
        out[len++] = (struct view){all.at, begins[k]};
        out[len++] = view_from(all, begins[chars - k]);
    }
    return len;
}

static bool name_has(const struct mask_spelling *name, struct view part) {
    struct view parts[MASK_PARTS_MAX];
    uint32_t len = name->detector == DETECTOR_PERSON ? name_parts(name, parts) : 0;
    for (uint32_t i = 0; i < len; i++)
        if (view_same(parts[i], part)) return true;
    return false;
}

static void parts_learn(struct vault *vault, const struct mask_spelling *name) {
    struct view parts[MASK_PARTS_MAX];
    uint32_t len = name_parts(name, parts);
    for (uint32_t i = 0; i < len; i++) {
        uint32_t slot = slot_of_part(vault, parts[i]);
        bool taken = vault->parts[slot].text.len > 0 && vault->parts[slot].first != name->first;
        vault->parts[slot].text = parts[i];
        vault->parts[slot].first = taken ? MASK_NONE : name->first;
    }
}

// The one name that `first` is a part of; NULL: none, or several.
static const struct mask_spelling *full_of(const struct vault *vault,
                                           const struct mask_spelling *first) {
    if (first->detector != DETECTOR_PERSON) return NULL;
    uint32_t slot = slot_of_part(vault, first->folded);
    bool one = vault->parts[slot].text.len > 0 && vault->parts[slot].first != MASK_NONE;
    return one ? &vault->spellings[vault->parts[slot].first] : NULL;
}

const struct mask_spelling *vault_owner(const struct vault *vault,
                                        const struct mask_spelling *spelling) {
    const struct mask_spelling *first = &vault->spellings[spelling->first];
    const struct mask_spelling *full = full_of(vault, first);
    return full && !full_of(vault, full) ? full : first; // a part of a part is nobody's
}

const struct mask_spelling *vault_of_number(const struct vault *vault,
                                            const struct mask_spelling *first, uint32_t number) {
    if (number == 0 || number > vault->len) return NULL;
    const struct mask_spelling *is = &vault->spellings[number - 1];
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
        if (pattern_order(&vault->patterns[middle], text) > 0)
            len = middle;
        else
            low = middle + 1;
    }
    return low;
}

static void pattern_add(struct vault *vault, struct view text, uint16_t spelling, bool escaped) {
    if (text.len < MASK_STANDS_MIN) return;
    must(vault->patterns_len < MASK_PATTERNS_MAX);
    uint32_t head = vault_head(text.at);
    uint32_t at = patterns_before(vault, vault->patterns_len, text);
    struct mask_pattern *is = &vault->patterns[at];
    vault->begun[head >> 6] |= UINT64_C(1) << (head & 63);
    memmove(is + 1, is, (vault->patterns_len++ - at) * sizeof *is);
    *is = (struct mask_pattern){text, spelling, escaped};
}

static enum sk_code patterns_learn(struct vault *vault, uint16_t spelling) {
    struct view text = vault->spellings[spelling].raw;
    for (int i = 0; i < WRITTEN; i++) {
        pattern_add(vault, text, spelling, i > 0);
        if (json_plain(text) == text.len) return SK_OK;
        struct buf out = arena_rest(&vault->arena);
        struct json_writer w = json_writer_to(&out);
        json_string_more(&w, text);
        TRY(buf_check(&out, "the values to mask"));
        text = arena_keep(&vault->arena, out.len);
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
        const struct mask_pattern *is = &vault->patterns[--left];
        size_t len = alike(is, rest);
        if (len < MASK_STANDS_MIN) return NULL;
        if (len < is->text.len) {
            rest.len = len;
            left = patterns_before(vault, left, rest);
        } else if ((escaped || !is->escaped) && !word_after(text, at + len)) {
            return &vault->spellings[is->spelling];
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

static const struct mask_spelling *spelling_find(const struct vault *vault, uint16_t first,
                                                 struct view raw) {
    for (uint16_t i = first; i != MASK_NONE; i = vault->spellings[i].next)
        if (view_same(vault->spellings[i].raw, raw)) return &vault->spellings[i];
    return NULL;
}

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
    if (vault->len == MASK_VALUES_MAX)
        return FAIL(SK_LIMIT, "more than %d different values to mask in one request",
                    MASK_VALUES_MAX);
    char *copy = arena_text(&vault->arena, raw);
    if (!copy) return SK_LIMIT;
    struct mask_spelling *is = &vault->spellings[vault->len++];
    *is = *like;
    is->raw = (struct view){copy, raw.len};
    return patterns_learn(vault, (uint16_t)(vault->len - 1));
}

enum sk_code vault_learn(struct vault *vault, enum detector detector, struct view raw) {
    struct folded folded;
    size_t used = vault->arena.used;
    TRY(value_fold(&vault->arena, raw, &folded));
    uint32_t slot = slot_of_folded(vault, detector, folded.text);
    uint16_t index = (uint16_t)vault->len;
    if (vault->by_folded[slot]) {
        vault->arena.used = used;
        uint16_t first = (uint16_t)(vault->by_folded[slot] - 1), last = first;
        if (spelling_find(vault, first, raw)) return SK_OK;
        while (vault->spellings[last].next != MASK_NONE)
            last = vault->spellings[last].next;
        TRY(spelling_add(vault, &vault->spellings[first], raw));
        vault->spellings[index].next = MASK_NONE;
        vault->spellings[last].next = index;
        return SK_OK;
    }
    struct mask_spelling value = {.id = value_id(vault, detector, folded.text),
                                  .folded = folded.text,
                                  .family = folded.family,
                                  .given = folded.given,
                                  .first = index,
                                  .next = MASK_NONE,
                                  .detector = (uint8_t)detector,
                                  .one_way = detector_in(&vault->one_way, detector)};
    TRY(spelling_add(vault, &value, raw));
    vault->by_folded[slot] = (uint16_t)(index + 1);
    vault->by_id[slot_of_id(vault, value.id)] = (uint16_t)(index + 1);
    if (detector == DETECTOR_PERSON) parts_learn(vault, &vault->spellings[index]);
    return SK_OK;
}

const struct mask_spelling *vault_find(const struct vault *vault, enum detector detector,
                                       struct view raw) {
    // Folded behind what the vault holds, in memory it has not taken.
    struct arena scratch = vault->arena;
    struct folded folded;
    if (value_fold(&scratch, raw, &folded) != SK_OK) return NULL;
    uint16_t index = vault->by_folded[slot_of_folded(vault, detector, folded.text)];
    explicit_bzero(vault->arena.base + vault->arena.used, folded.text.len);
    return index ? spelling_find(vault, (uint16_t)(index - 1), raw) : NULL;
}

// ---- life ----

static void prefixes_fill(struct vault *vault) {
    // First bytes of brackets (⟦〔【《［ and full-width letters), then of bare prefixes.
    static const uint8_t leads[] = {0xe2, 0xe3, 0xef, '['};
    for (size_t i = 0; i < sizeof leads; i++)
        vault->begins[leads[i]] = true;
    for (unsigned i = 0; i < DETECTOR_COUNT; i++) {
        const char *p = detector_prefix((enum detector)i);
        int at = ((p[0] - 'A') * 26 + p[1] - 'A') * 26 + p[2] - 'A';
        vault->prefixes[at] = (uint8_t)(i + 1);
        vault->begins[(uint8_t)p[0]] = vault->begins[(uint8_t)p[0] | 32] = true;
    }
}

enum sk_code vault_open(struct vault **out, const uint8_t key[MASK_KEY_LEN],
                        struct view conversation) {
    static const char domain[] = "sekisho/mask/v1";
    struct arena arena;
    *out = NULL;
    TRY(arena_open(&arena, "vault", VAULT_BYTES));
    struct vault *vault = arena_take_raw(&arena, 1, sizeof *vault); // fresh pages are zero
    must(vault);
    struct view parts[] = {{domain, sizeof domain}, conversation};
    hmac_of(key, parts, 2, vault->key);
    vault->arena = arena;
    prefixes_fill(vault);
    *out = vault;
    return SK_OK;
}

// Overwrites the key and the values. The indexes before them say where a value stood and what its
// token was: megabytes that are nearly all untouched.
void vault_close(struct vault *vault) {
    if (!vault) return;
    struct arena arena = vault->arena;
    explicit_bzero(vault->key, sizeof vault->key);
    explicit_bzero(arena.base + sizeof *vault, arena.used - sizeof *vault);
    arena_close(&arena);
}

bool vault_holds(const struct vault *vault) {
    for (uint32_t i = 0; i < vault->len; i++)
        if (!vault->spellings[i].one_way) return true;
    return false;
}
