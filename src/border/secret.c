// Secrets: keys and tokens by what they begin with, values by the name they are assigned to, blocks
// of private keys, addresses with a password.
//
// A value must have the alphabet, the length and the entropy of its rule, and not be one that
// stands for another in an example. Ours are the rules of secrets.skdt; the operator's lie in
// listed.skdt. What a rule says is in secret.h and in scripts/detectors/secrets.tsv.
#include "border/secret.h"

#include "border/scan_parts.h"
#include "border/words_text.h"

enum { SCORE = 95, SCORE_CHOSEN = 80, URL_MAX = 512, BLOCK_MAX = 16384 };
enum { KIND = 1, DRAWN = 30 }; // rules that ask for so much entropy mean values drawn by chance

// ---- rules ----

static uint32_t u32_at(const char *at) {
    uint32_t value;
    memcpy(&value, at, 4);
    return value;
}
static uint16_t u16_at(const char *at) {
    uint16_t value;
    memcpy(&value, at, 2);
    return value;
}

struct secret_rule secret_rule_at(const struct secret_rules *rules, uint32_t row) {
    const char *at = rules->rows + (size_t)row * RULE_LEN;
    struct secret_rule rule = {
        .detector = (uint8_t)at[0],
        .form = (uint8_t)at[1],
        .entropy = (uint8_t)at[2],
        .more = at[3] != 0,
        .before_min = (uint8_t)at[4],
        .before_max = (uint8_t)at[5],
        .parts = (uint8_t)at[6],
        .min = u16_at(at + 8),
        .max = u16_at(at + 10),
    };
    for (int i = 0; i < 4; i++)
        rule.alphabet[i] = u32_at(at + 12 + 4 * i);
    return rule;
}

struct secret_rules secret_rules_over(struct view payload) {
    struct secret_rules rules = {.len = u32_at(payload.at), .rows = payload.at + 4};
    payload = view_from(payload, 4 + (size_t)rules.len * RULE_LEN);
    rules.begins = words_over(&payload);
    rules.names = words_over(&payload);
    rules.names.caseless = true;
    return rules;
}

static enum sk_code rule_check(const struct secret_rules *rules, uint32_t row) {
    struct secret_rule rule = secret_rule_at(rules, row);
    bool form = rule.form >= FORM_PREFIX && rule.form <= FORM_BLOCK;
    if (!form || rule.detector >= DETECTOR_COUNT || rule.min > rule.max || rule.max > SECRET_MAX ||
        rule.before_min > rule.before_max)
        return FAIL(SK_CORRUPT, "rule %u is none", row);
    if (rule.more && row + 1 == rules->len) return FAIL(SK_CORRUPT, "more rules than there are");
    return SK_OK;
}

enum sk_code secret_check(struct view payload) {
    struct secret_rules rules = {0};
    if (payload.len < 4) return FAIL(SK_CORRUPT, "cut before its rules");
    rules.len = u32_at(payload.at);
    rules.rows = payload.at + 4;
    if (rules.len > RULES_MAX || (payload.len - 4) / RULE_LEN < rules.len)
        return FAIL(SK_CORRUPT, "%u rules do not fit", rules.len);
    for (uint32_t row = 0; row < rules.len; row++)
        TRY(rule_check(&rules, row));
    payload = view_from(payload, 4 + (size_t)rules.len * RULE_LEN);
    TRY(words_take(&payload, rules.len, &rules.begins));
    TRY(words_take(&payload, rules.len, &rules.names));
    return payload.len ? FAIL(SK_CORRUPT, "%zu bytes are left over", payload.len) : SK_OK;
}

// ---- values ----

static bool bound_before(struct view text, size_t at) {
    return at == 0 || !(is_word((uint8_t)text.at[at - 1]) || text.at[at - 1] == '_');
}

// Length of the run of the rule's alphabet, at most one more than it may have.
static size_t run_of(const struct secret_rule *rule, struct view text, size_t at) {
    size_t len = 0;
    while (at + len < text.len && len <= rule->max && secret_letter(rule, text.at[at + len]))
        len++;
    return len;
}

// A full stop after a sentence is no part of a value.
static size_t trimmed(struct view text, size_t at, size_t len) {
    while (len && (text.at[at + len - 1] == '.' || text.at[at + len - 1] == ','))
        len--;
    return len;
}

static bool value_holds(const struct secret_rule *rule, struct view value) {
    unsigned dots = 0;
    for (size_t i = 0; i < value.len; i++)
        dots += value.at[i] == '.';
    return dots >= rule->parts && secret_entropy(value) >= rule->entropy &&
           (rule->entropy < DRAWN || secret_drawn(value)) && !secret_placeholder(value);
}

// A value that begins with the text of the rule, which stands at [at, at + prefix).
static size_t prefix_value(const struct secret_rule *rule, struct view text, size_t at,
                           uint32_t prefix, size_t *from) {
    size_t before = 0;
    while (before < rule->before_max && before < at &&
           secret_letter(rule, text.at[at - before - 1]))
        before++;
    *from = at - before;
    if (before < rule->before_min || !bound_before(text, *from)) return 0;
    size_t len = run_of(rule, text, at + prefix);
    if (len > rule->max) return 0;
    len = trimmed(text, at + prefix, len);
    size_t whole = before + prefix + len;
    struct view value = {text.at + *from, whole};
    return len >= rule->min && value_holds(rule, value) ? whole : 0;
}

// Whether a value with a beginning of its own stands at `at`: its rule says what it is.
static bool prefix_holds(const struct secret_rules *rules, struct view text, size_t at) {
    struct word_is is;
    struct view rest = view_from(text, at);
    for (uint32_t len; (len = words_longest(&rules->begins, rest, KIND, &is)) > 0;
         rest.len = len - 1) {
        struct secret_rule rule = {.more = true};
        for (uint32_t row = is.number; rule.more; row++) {
            size_t from;
            rule = secret_rule_at(rules, row);
            if (rule.form == FORM_PREFIX && prefix_value(&rule, text, at, len, &from)) return true;
        }
    }
    return false;
}

static size_t near_value(const struct secret_rule *rule, struct view text, size_t at,
                         size_t *from) {
    bool quoted, spoken;
    *from = secret_assigned(text, at, &quoted, &spoken);
    if (!*from) return 0;
    size_t len = run_of(rule, text, *from);
    if (len > rule->max) return 0;
    bool note = len && text.at[*from + len - 1] == '(' && *from + len < text.len &&
                (uint8_t)text.at[*from + len] >= 0x80; // pass：Abc123（変更…
    if (!quoted) len = trimmed(text, *from, len - note);
    struct view value = {text.at + *from, len};
    if (len < rule->min || !value_holds(rule, value)) return 0;
    if (rule->form == FORM_ASSIGN && !secret_chosen(value, quoted && !spoken)) return 0;
    return len;
}

// Values in the column whose head has the name that ends at `at`.
static enum sk_code column_try(struct scan *scan, const struct secret_rule *rule, size_t at) {
    struct view text = scan_fold(scan)->folded, value;
    struct secret_column column;
    if (!secret_column_of(text, at, &column)) return SK_OK;
    while (secret_column_next(&column, &value)) {
        size_t from = (size_t)(value.at - text.at);
        bool run = value.len >= rule->min && run_of(rule, text, from) == value.len;
        if (!run || value.len > rule->max || !value_holds(rule, value)) continue;
        if (rule->form == FORM_ASSIGN && !secret_chosen(value, true)) continue;
        TRY(scan_put(scan, (enum detector)rule->detector, (uint32_t)from, (uint32_t)value.len,
                     SCORE_CHOSEN));
    }
    return SK_OK;
}

// To the end of the block's last line, or of what is seen: a block that is cut is one too.
static size_t block_value(struct view text, size_t at) {
    size_t end = at + BLOCK_MAX < text.len ? at + BLOCK_MAX : text.len;
    for (size_t i = at + 1; i < end; i++) {
        if (text.at[i] != '-' || !view_starts_at(text, i, "-----END ")) continue;
        while (i < end && text.at[i] != '\n' && text.at[i] != '\\')
            i++;
        return i - at;
    }
    return end - at;
}

// *end: of the farthest value that was found.
static enum sk_code rules_try(struct scan *scan, const struct secret_rules *rules, uint32_t row,
                              struct view found, size_t *end) {
    struct view text = scan_fold(scan)->folded;
    size_t at = (size_t)(found.at - text.at), text_len = found.len;
    for (bool more = true; more; row++) {
        struct secret_rule rule = secret_rule_at(rules, row);
        size_t from = at, len = 0;
        if (rule.form == FORM_PREFIX)
            len = prefix_value(&rule, text, at, (uint32_t)text_len, &from);
        else if (rule.form == FORM_BLOCK)
            len = block_value(text, at);
        else
            len = near_value(&rule, text, at + text_len, &from);
        // its beginning, or the name of a service, says better what it is
        if (len && rule.form == FORM_ASSIGN &&
            (from + len <= *end || prefix_holds(rules, text, from)))
            len = 0;
        if (len)
            TRY(scan_put(scan, (enum detector)rule.detector, (uint32_t)from, (uint32_t)len,
                         rule.form == FORM_ASSIGN ? SCORE_CHOSEN : SCORE));
        bool named = rule.form == FORM_ASSIGN || rule.form == FORM_NEAR;
        if (!len && named) TRY(column_try(scan, &rule, at + text_len));
        if (len && from + len > *end) *end = from + len;
        more = rule.more;
    }
    return SK_OK;
}

// ---- addresses with a password: scheme://user:password@host ----

static bool is_authority(char c) {
    return (uint8_t)c > ' ' && (uint8_t)c < 0x7f && !strchr("/?#\"'<>`\\", c);
}

// `at`: of "://".
static enum sk_code url_try(struct scan *scan, size_t at) {
    struct view text = scan_fold(scan)->folded;
    size_t from = at, end = at + 3, colon = 0, sign = 0;
    while (from > 0 && at - from < 20 &&
           (is_word((uint8_t)text.at[from - 1]) || strchr("+-.", text.at[from - 1])))
        from--;
    for (; end < text.len && end - at < URL_MAX && is_authority(text.at[end]); end++) {
        if (text.at[end] == ':' && !colon) colon = end;
        if (text.at[end] == '@') sign = end;
    }
    if (from == at || !colon || sign <= colon + 1 || end == sign + 1) return SK_OK;
    struct view password = {text.at + colon + 1, sign - colon - 1};
    if (secret_placeholder(password) || view_is(password, "password") || view_is(password, "pass"))
        return SK_OK;
    return scan_put(scan, DETECTOR_SECRET_URL, (uint32_t)from, (uint32_t)(end - from), SCORE);
}

// All texts of the set that `rest` begins with, the longest first; nearly nowhere there is any.
static inline enum sk_code texts_try(struct scan *scan, const struct secret_rules *rules,
                                     const struct words *words, struct view rest, size_t *end) {
    struct word_is is;
    for (uint32_t len; (len = words_longest(words, rest, KIND, &is)) > 0; rest.len = len - 1)
        TRY(rules_try(scan, rules, is.number, (struct view){rest.at, len}, end));
    return SK_OK;
}

// No value begins inside another: that of a token, or of a block.
static enum sk_code rules_scan(struct scan *scan, struct view payload) {
    struct secret_rules rules = secret_rules_over(payload);
    struct view text = scan_fold(scan)->folded;
    size_t next = 0, assigned = 0;
    if (rules.len == 0) return SK_OK;
    for (size_t at = 0; at < text.len; at += char_len(text.at[at])) {
        struct view rest = view_from(text, at);
        if (at >= next) TRY(texts_try(scan, &rules, &rules.begins, rest, &next));
        TRY(texts_try(scan, &rules, &rules.names, rest, &assigned));
    }
    return SK_OK;
}

// ---- the rest of a block whose beginning is out of sight ----

static bool is_base64(char c) {
    return is_word((uint8_t)c) || c == '+' || c == '/' || c == '=';
}

// Length of the line of base 64 at `at`, as keys are wrapped; 0: it is none.
static size_t wrapped_line(struct view text, size_t at) {
    size_t len = 0;
    while (at + len < text.len && is_base64(text.at[at + len]))
        len++;
    bool ends = at + len < text.len && text.at[at + len] == '\n';
    return ends && (len == 64 || len == 70) ? len : 0;
}

// A window or a stream shows some lines before what is judged: three that are wrapped alike are of
// a block, unless its end is seen and says that it is no private key.
static enum sk_code block_rest(struct scan *scan) {
    struct view text = scan_fold(scan)->folded;
    const char *feed = text.len ? memchr(text.at, '\n', text.len) : NULL;
    size_t from = feed ? (size_t)(feed - text.at) + 1 : text.len, at = from, lines = 0;
    for (size_t len; (len = wrapped_line(text, at)) > 0; lines++)
        at += len + 1;
    if (lines < 3) return SK_OK;
    while (at < text.len && is_base64(text.at[at]))
        at++;
    size_t end = at + (at < text.len);
    if (view_starts_at(text, end, "-----END ")) {
        size_t stop = end;
        while (stop < text.len && text.at[stop] != '\n')
            stop++;
        if (!memmem(text.at + end, stop - end, "PRIVATE", strlen("PRIVATE"))) return SK_OK;
        at = stop;
    }
    return scan_put(scan, DETECTOR_SECRET_KEY, (uint32_t)from, (uint32_t)(at - from), SCORE_CHOSEN);
}

enum sk_code secret_scan(struct scan *scan) {
    struct view ours = detectors_table(scan->detectors, TABLE_SECRETS);
    struct view theirs = detectors_table(scan->detectors, TABLE_LISTED);
    if (ours.at) TRY(rules_scan(scan, ours));
    if (ours.at) TRY(block_rest(scan));
    if (theirs.at) TRY(rules_scan(scan, listed_secrets(theirs)));
    struct view text = scan_fold(scan)->folded;
    for (size_t at = 0; ours.at && at + 3 < text.len; at++) {
        const char *colon = memchr(text.at + at, ':', text.len - at - 3);
        if (!colon) break;
        at = (size_t)(colon - text.at);
        if (view_starts_at(text, at, "://")) TRY(url_try(scan, at));
    }
    return SK_OK;
}
