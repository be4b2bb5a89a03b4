// Classes of characters as bytes of UTF-8: each range of code points is cut until all its
// characters are one range of bytes at each place (Cox, "Regular expression matching in the wild",
// 2010).
#include "base/utf8.h"
#include "engine/grammar_parts.h"

enum { SURROGATES = 0xd800, SURROGATES_END = 0xdfff, CUTS_MAX = 64 };

struct alternatives {
    struct grammar *grammar;
    uint32_t start, fork, join; // fork: the last one, whose `other` is open
    bool any;
};

static void put_bytes(struct alternatives *to, struct grammar_range range) {
    char low[4], high[4];
    size_t len = utf8_put(range.low, low);
    utf8_put(range.high, high);
    uint32_t next = to->join;
    for (size_t i = len; i-- > 0;)
        next = grammar_node_add(to->grammar, (struct grammar_node){.kind = GRAMMAR_BYTE,
                                                                   .low = (uint8_t)low[i],
                                                                   .high = (uint8_t)high[i],
                                                                   .next = next});
    uint32_t fork = grammar_node_add(
        to->grammar, (struct grammar_node){.kind = GRAMMAR_FORK, .next = next, .other = next});
    if (to->any)
        to->grammar->nodes[to->fork].other = fork;
    else
        to->start = fork;
    to->fork = fork;
    to->any = true;
}

// The last code point of the first part of the range that is bytes' ranges, or range.high.
static uint32_t first_cut(struct grammar_range range) {
    static const uint32_t lengths[] = {0x7f, 0x7ff, 0xffff};
    for (int i = 0; i < 3; i++)
        if (range.low <= lengths[i] && range.high > lengths[i]) return lengths[i];
    if (range.high <= 0x7f) return range.high;
    for (uint32_t bits = 6; bits <= 18; bits += 6) {
        uint32_t low_bits = (UINT32_C(1) << bits) - 1;
        if ((range.low & ~low_bits) == (range.high & ~low_bits)) break;
        if (range.low & low_bits) return range.low | low_bits;
        if ((range.high & low_bits) != low_bits) return (range.high & ~low_bits) - 1;
    }
    return range.high;
}

static void put_range(struct alternatives *to, struct grammar_range range) {
    for (uint32_t cut; range.low <= range.high; range.low = cut + 1) {
        cut = range.high;
        for (uint32_t next; (next = first_cut((struct grammar_range){range.low, cut})) != cut;)
            cut = next;
        put_bytes(to, (struct grammar_range){range.low, cut});
    }
}

bool grammar_class_add(struct grammar *grammar, const struct grammar_range *ranges, uint32_t len,
                       struct grammar_piece *out) {
    struct alternatives to = {.grammar = grammar};
    to.join = grammar_node_add(grammar, (struct grammar_node){.kind = GRAMMAR_PASS});
    for (uint32_t i = 0; i < len; i++) {
        struct grammar_range below = ranges[i], above = ranges[i];
        if (below.high >= SURROGATES) below.high = SURROGATES - 1;
        if (above.low <= SURROGATES_END) above.low = SURROGATES_END + 1;
        put_range(&to, below);
        put_range(&to, above);
    }
    *out = (struct grammar_piece){to.start, to.join};
    return to.any;
}
