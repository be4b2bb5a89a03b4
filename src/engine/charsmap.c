#include "engine/charsmap.h"

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

static bool entry_at(struct view trie, uint32_t index, uint32_t *entry) {
    if (index >= trie.len / sizeof *entry) return false;
    memcpy(entry, trie.at + index * sizeof *entry, sizeof *entry);
    return true;
}

static uint32_t entry_base(uint32_t entry) { return (entry >> 10) << ((entry >> 9 & 1) * 8); }

// Real texts are far shorter than CHARSMAP_TEXT_MAX; in a crafted trie that leads in circles one
// would have no end.
size_t charsmap_find(struct view map, struct view text, struct view *out) {
    const uint32_t check_bits = 0x800000ff, leaf_bit = 1 << 8;
    uint32_t trie_len, entry, index = 0;
    size_t longest = 0;
    if (map.len == 0) return 0;
    memcpy(&trie_len, map.at, sizeof trie_len);
    struct view trie = {map.at + sizeof trie_len, trie_len};
    struct view texts = view_from(map, sizeof trie_len + trie_len);
    if (!entry_at(trie, 0, &entry)) return 0;
    index = entry_base(entry);
    for (size_t i = 0; i < text.len && i < CHARSMAP_TEXT_MAX && text.at[i]; i++) {
        index ^= (uint8_t)text.at[i];
        if (!entry_at(trie, index, &entry) || (entry & check_bits) != (uint8_t)text.at[i]) break;
        bool leaf = entry & leaf_bit;
        index ^= entry_base(entry);
        if (!leaf) continue;
        if (!entry_at(trie, index, &entry)) return 0;
        struct view found = view_from(texts, entry & 0x7fffffff);
        if (found.len > CHARSMAP_TEXT_MAX) found.len = CHARSMAP_TEXT_MAX;
        const char *end = found.len ? memchr(found.at, 0, found.len) : NULL;
        if (!end) return 0;
        *out = (struct view){found.at, (size_t)(end - found.at)};
        longest = i + 1;
    }
    return longest;
}
