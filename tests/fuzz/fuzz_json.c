// Any bytes: refused, or a sound tree that is written and read back equal. A small arena, as large as
// the first byte says, may only change the answer to SK_LIMIT.
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/utf8.h"

enum { ARENA = 16 << 20, TEXT = 8 << 20 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static enum sk_code parse(struct view text, struct arena *arena, char **copy,
                          const struct json_node **root) {
    *copy = malloc(text.len ? text.len : 1);
    must(*copy);
    if (text.len) memcpy(*copy, text.at, text.len);
    return json_parse(*copy, text.len, arena, root);
}

static void check_tree(const struct json_node *root, const struct arena *arena) {
    must((const char *)(root + root->span) <= arena->base + arena->used);
    for (uint32_t i = 0; i < root->span; i++) {
        const struct json_node *node = &root[i];
        must(node->span >= 1 && i + node->span <= root->span);
        bool object = node->type == JSON_OBJECT, container = object || node->type == JSON_ARRAY;
        const struct json_node *child = node + 1;
        for (uint32_t k = 0; container && k < node->len; k++) {
            if (object) must((child++)->type == JSON_STRING);
            child = json_next(child);
        }
        must(child == json_next(node));
        if (node->type == JSON_STRING) must(utf8_check(json_view(node)));
        int64_t integer;
        double number;
        bool whole = json_i64(node, &integer);
        if (whole) must(json_f64(node, &number) && number == (double)integer);
    }
}

static void check_same(const struct json_node *a, const struct json_node *b) {
    must(a->span == b->span);
    for (uint32_t i = 0; i < a->span; i++) {
        must(a[i].type == b[i].type && a[i].span == b[i].span && a[i].len == b[i].len);
        bool text = a[i].type == JSON_STRING || a[i].type == JSON_NUMBER;
        if (text) must(view_same(json_view(&a[i]), json_view(&b[i])));
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static struct arena arena;
    static struct buf out;
    if (!arena.base) must(arena_open(&arena, "fuzz", ARENA) == SK_OK && buf_open(&out, TEXT) == SK_OK);
    struct view text = {(const char *)data, size};
    char *copy, *again;
    const struct json_node *root, *back;
    struct arena small = {.base = arena.base, .max = size ? 16u * data[0] : 0, .name = "small"};
    enum sk_code tight = parse(text, &small, &copy, &root);
    must(small.used <= small.max);
    free(copy);
    arena_reset(&arena);
    enum sk_code code = parse(text, &arena, &copy, &root);
    must(tight == code || tight == SK_LIMIT);
    if (code == SK_OK) {
        check_tree(root, &arena);
        buf_reset(&out);
        struct json_writer w = json_writer_to(&out);
        json_put_node(&w, root);
        must(buf_check(&out, "fuzz") == SK_OK);
        must(parse(buf_view(&out), &arena, &again, &back) == SK_OK);
        check_same(root, back);
        free(again);
    } else {
        must(arena.used == 0);
    }
    free(copy);
    return 0;
}
