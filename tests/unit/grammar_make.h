// Random grammars as trees, their GBNF, and a slow reference for both: which texts are of one, and
// what a text's beginning may be. It walks the tree over whole strings with sets of positions, and
// shares nothing with the engine but UTF-8.
#pragma once
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/utf8.h"
#include "chance.h"

enum { GRAMMAR_TREE_MAX = 400, GRAMMAR_CHILDREN_MAX = 4, GRAMMAR_TREE_RULES = 6, TEXT_LEN_MAX = 60 };

enum tree_kind { TREE_LITERAL, TREE_CLASS, TREE_SEQUENCE, TREE_CHOICE, TREE_REPEAT, TREE_RULE };

struct tree_node {
    enum tree_kind kind;
    char text[16];           // LITERAL
    uint32_t ranges[3][2];   // CLASS
    uint32_t ranges_len;
    bool negated;
    uint32_t children[GRAMMAR_CHILDREN_MAX], children_len;
    uint32_t min, max; // REPEAT; UINT32_MAX: no end
    uint32_t rule;
};

struct tree {
    uint64_t chance;
    struct tree_node nodes[GRAMMAR_TREE_MAX];
    uint32_t len, rules, roots[GRAMMAR_TREE_RULES];
    bool productive[GRAMMAR_TREE_MAX];
    // The text being looked at, and what is known of it, where `known` is `look`.
    const char *text;
    uint32_t text_len, look;
    struct {
        uint64_t ends;
        uint32_t ends_known, begins_known;
        bool begins;
    } at[GRAMMAR_TREE_MAX][TEXT_LEN_MAX + 1]; // by node and position
};

static inline uint32_t tree_chance(struct tree *t, uint32_t below) {
    return (uint32_t)(chance_next(&t->chance) >> 32) % below;
}

static const char *const tree_words[] = {"a", "b", "ab", "ba", "aa", "é", "あ", "あい", "a😀", " ",
                                         "1", "12", "", "\"", "\\", "abab"};
enum { TREE_WORDS = sizeof tree_words / sizeof *tree_words };
static const uint32_t tree_chars[] = {'a', 'b', '1', ' ', 0xe9, 0x3042, 0x3044, 0x1f600, '"', 0x7ff};
enum { TREE_CHARS = sizeof tree_chars / sizeof *tree_chars };

// ---- making one ----

static inline uint32_t tree_add(struct tree *t, uint32_t depth) {
    uint32_t at = t->len++;
    struct tree_node *node = &t->nodes[at];
    *node = (struct tree_node){.kind = TREE_LITERAL};
    uint32_t kind = tree_chance(t, depth > 3 || t->len > GRAMMAR_TREE_MAX - 100 ? 4 : 10);
    if (kind < 2) {
        snprintf(node->text, sizeof node->text, "%s", tree_words[tree_chance(t, TREE_WORDS)]);
    } else if (kind == 2) {
        node->kind = TREE_CLASS;
        node->negated = tree_chance(t, 4) == 0;
        node->ranges_len = 1 + tree_chance(t, 3);
        for (uint32_t i = 0; i < node->ranges_len; i++) {
            uint32_t low = tree_chars[tree_chance(t, TREE_CHARS)];
            uint32_t span = tree_chance(t, 3) ? 0 : tree_chance(t, 3000);
            node->ranges[i][0] = low;
            node->ranges[i][1] = low + span;
        }
    } else if (kind == 3) {
        node->kind = TREE_RULE;
        node->rule = tree_chance(t, t->rules);
    } else if (kind < 8) {
        node->kind = kind < 6 ? TREE_SEQUENCE : TREE_CHOICE;
        node->children_len = 1 + tree_chance(t, GRAMMAR_CHILDREN_MAX);
        for (uint32_t i = 0; i < node->children_len; i++) {
            uint32_t child = tree_add(t, depth + 1);
            t->nodes[at].children[i] = child;
        }
    } else {
        static const uint32_t bounds[][2] = {{0, 1}, {0, UINT32_MAX}, {1, UINT32_MAX}, {0, 3},
                                             {2, 4}, {3, 3}, {2, UINT32_MAX}, {0, 1000000},
                                             {1, 20}, {14, 30}, {0, 0}, {20, 1000}};
        node->kind = TREE_REPEAT;
        uint32_t bound = tree_chance(t, sizeof bounds / sizeof *bounds);
        node->min = bounds[bound][0];
        node->max = bounds[bound][1];
        node->children_len = 1;
        uint32_t child = tree_add(t, depth + 1);
        t->nodes[at].children[0] = child;
    }
    return at;
}

static inline void tree_productive(struct tree *t) {
    memset(t->productive, 0, sizeof t->productive);
    for (uint32_t round = 0; round < t->len + 1; round++)
        for (uint32_t i = t->len; i-- > 0;) {
            const struct tree_node *node = &t->nodes[i];
            bool all = true, any = false;
            for (uint32_t k = 0; k < node->children_len; k++) {
                all = all && t->productive[node->children[k]];
                any = any || t->productive[node->children[k]];
            }
            switch (node->kind) {
            case TREE_SEQUENCE: t->productive[i] = all; break;
            case TREE_CHOICE: t->productive[i] = any; break;
            case TREE_REPEAT: t->productive[i] = node->min == 0 || all; break;
            case TREE_RULE: t->productive[i] = t->productive[t->roots[node->rule]]; break;
            default: t->productive[i] = true;
            }
        }
}

static inline void tree_make(struct tree *t, uint64_t seed) {
    t->chance = seed;
    t->len = 0;
    t->rules = 1 + tree_chance(t, GRAMMAR_TREE_RULES);
    for (uint32_t i = 0; i < t->rules; i++) {
        uint32_t root = tree_add(t, 0);
        t->roots[i] = root;
    }
    tree_productive(t);
}

// ---- its GBNF ----

static inline void tree_put_char(struct tree *t, struct buf *out, uint32_t c, bool class) {
    bool plain = c != '"' && c != '\\' && c != ']' && c != '[' && c != '-' && c != '^' && c >= ' ';
    if (plain && tree_chance(t, 3)) {
        char bytes[4];
        buf_put(out, bytes, utf8_put(c, bytes));
    } else if (!plain && c != '^' && (class || c != '-') && c > ' ') {
        buf_print(out, "\\%c", (int)c);
    } else if (c < 0x100 && tree_chance(t, 2)) {
        buf_print(out, "\\x%02x", c);
    } else if (c < 0x10000 && tree_chance(t, 2)) {
        buf_print(out, "\\u%04X", c);
    } else {
        buf_print(out, "\\U%08x", c);
    }
}

static inline void tree_put_text(struct tree *t, struct buf *out, struct view text) {
    buf_put_char(out, '"');
    while (text.len) {
        uint32_t c;
        text = view_from(text, utf8_take(text, &c));
        tree_put_char(t, out, c, false);
    }
    buf_put_char(out, '"');
}

static inline void tree_put_class(struct tree *t, struct buf *out, const struct tree_node *node) {
    buf_put_text(out, node->negated ? "[^" : "[");
    for (uint32_t i = 0; i < node->ranges_len; i++) {
        tree_put_char(t, out, node->ranges[i][0], true);
        if (node->ranges[i][0] == node->ranges[i][1]) continue;
        buf_put_char(out, '-');
        tree_put_char(t, out, node->ranges[i][1], true);
    }
    buf_put_char(out, ']');
}

static inline void tree_put_repeat(struct tree *t, struct buf *out, const struct tree_node *node) {
    bool endless = node->max == UINT32_MAX, sign = tree_chance(t, 2);
    if (sign && node->min == 0 && node->max == 1)
        buf_put_char(out, '?');
    else if (sign && endless && node->min < 2)
        buf_put_char(out, node->min ? '+' : '*');
    else if (endless)
        buf_print(out, "{%u,}", node->min);
    else if (node->min == node->max)
        buf_print(out, "{%u}", node->min);
    else
        buf_print(out, " { %u , %u }", node->min, node->max);
}

static inline void tree_put(struct tree *t, struct buf *out, uint32_t at) {
    const struct tree_node *node = &t->nodes[at];
    switch (node->kind) {
    case TREE_LITERAL: tree_put_text(t, out, view_of(node->text)); return;
    case TREE_CLASS: tree_put_class(t, out, node); return;
    case TREE_RULE:
        buf_print(out, node->rule ? "rule-%u" : "root", node->rule);
        return;
    default: break;
    }
    buf_put_char(out, '(');
    for (uint32_t i = 0; i < node->children_len; i++) {
        if (i) buf_put_text(out, node->kind == TREE_CHOICE ? " |\n# or\n " : " ");
        tree_put(t, out, node->children[i]);
    }
    buf_put_char(out, ')');
    if (node->kind == TREE_REPEAT) tree_put_repeat(t, out, node);
}

static inline void tree_write(struct tree *t, struct buf *out) {
    for (uint32_t i = 0; i < t->rules; i++) {
        buf_print(out, i ? "rule-%u" : "root", i);
        buf_put_text(out, " ::= ");
        tree_put(t, out, t->roots[i]);
        buf_put_text(out, " # that was it\r\n");
    }
}

// ---- what it means ----

static inline bool tree_has(const struct tree_node *node, uint32_t c) {
    bool in = false;
    for (uint32_t i = 0; i < node->ranges_len; i++)
        in = in || (node->ranges[i][0] <= c && c <= node->ranges[i][1]);
    return in != node->negated;
}

static inline uint64_t tree_ends(struct tree *t, uint32_t at, uint32_t from);

static inline uint64_t tree_ends_of(struct tree *t, uint32_t at, uint64_t froms) {
    uint64_t all = 0;
    for (uint32_t i = 0; i <= t->text_len; i++)
        if (froms >> i & 1) all |= tree_ends(t, at, i);
    return all;
}

static inline uint64_t tree_repeats(struct tree *t, const struct tree_node *node, uint32_t from) {
    uint64_t now = UINT64_C(1) << from, all = node->min == 0 ? now : 0;
    for (uint32_t i = 1; i <= node->max && now && i <= node->min + t->text_len + 1; i++) {
        now = tree_ends_of(t, node->children[0], now);
        if (i >= node->min) all |= now;
    }
    return all;
}

static inline uint64_t tree_find_ends(struct tree *t, uint32_t at, uint32_t from) {
    const struct tree_node *node = &t->nodes[at];
    struct view rest = {t->text + from, t->text_len - from};
    uint64_t all = 0;
    uint32_t c;
    size_t len;
    switch (node->kind) {
    case TREE_LITERAL:
        len = strlen(node->text);
        return view_starts(rest, view_of(node->text)) ? UINT64_C(1) << (from + len) : 0;
    case TREE_CLASS:
        len = rest.len ? utf8_take(rest, &c) : 0;
        return len && tree_has(node, c) ? UINT64_C(1) << (from + len) : 0;
    case TREE_SEQUENCE:
        all = UINT64_C(1) << from;
        for (uint32_t i = 0; i < node->children_len; i++)
            all = tree_ends_of(t, node->children[i], all);
        return all;
    case TREE_CHOICE:
        for (uint32_t i = 0; i < node->children_len; i++)
            all |= tree_ends(t, node->children[i], from);
        return all;
    case TREE_REPEAT: return tree_repeats(t, node, from);
    default: return tree_ends(t, t->roots[node->rule], from);
    }
}

// Where what begins at `from` may end, a bit for each position.
static inline uint64_t tree_ends(struct tree *t, uint32_t at, uint32_t from) {
    if (!t->productive[at]) return 0;
    if (t->at[at][from].ends_known != t->look) {
        t->at[at][from].ends = tree_find_ends(t, at, from);
        t->at[at][from].ends_known = t->look;
    }
    return t->at[at][from].ends;
}

// Whether some character of the class begins with these bytes, fewer than it has.
static inline bool tree_begins_char(const struct tree_node *node, struct view bytes) {
    char full[4];
    uint8_t first = bytes.len ? (uint8_t)bytes.at[0] : 0;
    uint32_t from = 0, to = 0x10ffff;
    if (bytes.len && (first < 0xc2 || first > 0xf4)) return false;
    if (bytes.len) { // those whose first bits these are
        uint32_t len = first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4;
        if (bytes.len >= len) return false;
        from = first & (0x7fu >> len);
        for (uint32_t i = 1; i < len; i++)
            from = from << 6 | (i < bytes.len ? (uint8_t)bytes.at[i] & 0x3fu : 0);
        to = from | ((1u << 6 * (len - bytes.len)) - 1);
    }
    for (uint32_t c = from; c <= to && c <= 0x10ffff; c++) {
        if ((c >= 0xd800 && c <= 0xdfff) || !tree_has(node, c)) continue;
        size_t len = utf8_put(c, full);
        if (len > bytes.len && view_starts((struct view){full, len}, bytes)) return true;
    }
    return false;
}

static inline bool tree_begins(struct tree *t, uint32_t at, uint32_t from);

static inline bool tree_any_begins(struct tree *t, uint32_t at, uint64_t froms) {
    for (uint32_t i = 0; i <= t->text_len; i++)
        if ((froms >> i & 1) && tree_begins(t, at, i)) return true;
    return false;
}

static inline bool tree_sequence_begins(struct tree *t, const struct tree_node *node,
                                        uint32_t from) {
    uint64_t now = UINT64_C(1) << from;
    bool begins = false;
    for (uint32_t i = 0; i < node->children_len; i++) {
        begins = (begins || tree_any_begins(t, node->children[i], now)) &&
                 t->productive[node->children[i]];
        now = tree_ends_of(t, node->children[i], now);
    }
    return begins;
}

static inline bool tree_repeat_begins(struct tree *t, const struct tree_node *node, uint32_t from) {
    uint64_t now = UINT64_C(1) << from;
    if (node->min == 0 && from == t->text_len) return true;
    for (uint32_t i = 1; i <= node->max && now && i <= node->min + t->text_len + 1; i++) {
        if (tree_any_begins(t, node->children[0], now)) return true;
        now = tree_ends_of(t, node->children[0], now);
    }
    return now >> t->text_len & 1;
}

static inline bool tree_find_begins(struct tree *t, uint32_t at, uint32_t from) {
    const struct tree_node *node = &t->nodes[at];
    struct view rest = {t->text + from, t->text_len - from};
    if (!t->productive[at]) return false;
    if (tree_ends(t, at, from) >> t->text_len & 1) return true;
    switch (node->kind) {
    case TREE_LITERAL: return view_starts(view_of(node->text), rest);
    case TREE_CLASS: return tree_begins_char(node, rest);
    case TREE_SEQUENCE: return tree_sequence_begins(t, node, from);
    case TREE_REPEAT: return tree_repeat_begins(t, node, from);
    case TREE_CHOICE:
        for (uint32_t i = 0; i < node->children_len; i++)
            if (tree_begins(t, node->children[i], from)) return true;
        return false;
    default: return tree_begins(t, t->roots[node->rule], from);
    }
}

// Whether the whole rest of the text from `from` on is the beginning of what may stand there.
static inline bool tree_begins(struct tree *t, uint32_t at, uint32_t from) {
    if (t->at[at][from].begins_known != t->look) {
        t->at[at][from].begins_known = t->look;
        t->at[at][from].begins = false; // itself again at the same place: not this way
        t->at[at][from].begins = tree_find_begins(t, at, from);
    }
    return t->at[at][from].begins;
}

// Looks at a text of at most TEXT_LEN_MAX bytes: whether it is of the grammar, and begins one.
static inline void tree_look(struct tree *t, struct view text, bool *whole, bool *begins) {
    t->text = text.at;
    t->text_len = (uint32_t)text.len;
    t->look++;
    *whole = tree_ends(t, t->roots[0], 0) >> text.len & 1;
    *begins = tree_begins(t, t->roots[0], 0);
}
