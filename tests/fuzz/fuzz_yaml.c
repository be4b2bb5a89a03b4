// Any bytes: refused, or a sound tree of UTF-8 texts without NUL and without twins among keys.
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/utf8.h"
#include "base/yaml.h"

enum { DEPTH_MAX = 64 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_text(struct view text) {
    must(utf8_check(text));
    if (text.len) must(!memchr(text.at, '\0', text.len));
}

static void check_node(const struct yaml_node *node, struct view text, bool member) {
    must(node->line >= 1 && node->column >= 1 && node->line <= text.len + 1);
    must((node->key.at != NULL) == member);
    check_text(node->key);
    check_text(node->text);
    if (node->type == YAML_NULL || node->type == YAML_SCALAR) must(!node->first && !node->count);
    uint32_t count = 0;
    for (const struct yaml_node *child = node->first; child; child = child->next) {
        count++;
        if (node->type == YAML_LIST) continue;
        must(yaml_find(node, child->key.at) == child); // keys end with a NUL in the arena
    }
    must(count == node->count);
}

static void check_tree(const struct yaml_node *node, struct view text) {
    const struct yaml_node *open[DEPTH_MAX + 1] = {NULL};
    size_t depth = 0;
    while (node) {
        check_node(node, text, depth > 0 && open[depth]->type == YAML_MAP);
        if (node->first) {
            must(depth < DEPTH_MAX);
            open[++depth] = node;
            node = node->first;
            continue;
        }
        while (!node->next && depth > 0) node = open[depth--];
        node = node->next;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static struct arena arena;
    if (!arena.base) must(arena_open(&arena, "fuzz", 64 << 20) == SK_OK);
    arena_reset(&arena);
    struct view text = {(const char *)data, size};
    const struct yaml_node *root;
    if (yaml_parse(text, "fuzz", &arena, &root) == SK_OK) check_tree(root, text);
    else must(arena.used == 0);
    return 0;
}
