// Vectors of others, in ../shared (or SEKISHO_SHARED): where they are, and what is said without them.
#pragma once
#include <dirent.h>

#include "ledger_fixture.h"

#define VECTORS "data/ledger-vectors/"

static inline const char *vectors_path(const char *name) {
    static char path[4096];
    const char *shared = getenv("SEKISHO_SHARED");
    (void)snprintf(path, sizeof path, "%s/" VECTORS "%s",
                   shared ? shared : SEKISHO_ROOT "/../shared", name);
    return path;
}

// False, and said so, when a set is not there; SEKISHO_STRICT=1 fails then.
static inline bool vectors_have(const char *name) {
    const char *strict = getenv("SEKISHO_STRICT");
    FILE *file = fopen(vectors_path(name), "rb"); // a directory opens too
    if (file) {
        (void)fclose(file);
        return true;
    }
    print_message("skip: no vectors in %s\n", vectors_path(name));
    assert_true(!strict || strcmp(strict, "1") != 0);
    return false;
}

// A file's bytes, valid until the next of the same buffer.
static inline struct view vectors_read(const char *name, char *into, size_t max) {
    FILE *file = fopen(vectors_path(name), "rb");
    if (!file) fail_msg("no file %s", vectors_path(name));
    size_t len = fread(into, 1, max, file);
    assert_true(len < max);
    (void)fclose(file);
    return (struct view){into, len};
}

// A JSON file; the last one read is valid.
static inline const struct json_node *vectors_json(const char *name) {
    static char text[1 << 20];
    static struct arena arena;
    const struct json_node *root;
    if (!arena.base) assert_int_equal(arena_open(&arena, "vectors", 16 << 20), SK_OK);
    arena_reset(&arena);
    struct view file = vectors_read(name, text, sizeof text);
    if (json_parse(text, file.len, &arena, &root) != SK_OK) fail_msg("%s: %s", name, fail_text());
    return root;
}

static inline struct view vectors_text(const struct json_node *object, const char *name) {
    const struct json_node *node = json_find(object, name);
    if (!json_is(node, JSON_STRING)) fail_msg("vector: no text '%s'", name);
    return json_view(node);
}

static inline uint64_t vectors_number(const struct json_node *object, const char *name) {
    const struct json_node *node = json_find(object, name);
    uint64_t number = 0;
    if (!json_is(node, JSON_NUMBER) || !decimal_take(json_view(node), &number))
        fail_msg("vector: no number '%s'", name);
    return number;
}

// False when it is not 32 bytes: then it is no hash.
static inline bool vectors_hash(const struct json_node *node, struct tree_hash *out) {
    size_t len = 0;
    *out = (struct tree_hash){0};
    return json_is(node, JSON_STRING) && base64_take(json_view(node), out->at, HASH_LEN, &len) &&
           len == HASH_LEN;
}

struct vectors_proof {
    struct tree_hash at[LEDGER_PROOF_MAX];
    size_t len;
};

static inline bool vectors_proof(const struct json_node *array, struct vectors_proof *out) {
    bool hashes = true;
    out->len = 0;
    if (!json_is(array, JSON_ARRAY)) return true; // null is empty
    assert_true(array->len <= LEDGER_PROOF_MAX);
    const struct json_node *node = json_first(array);
    for (; out->len < array->len; node = json_next(node))
        hashes &= vectors_hash(node, &out->at[out->len++]);
    return hashes;
}

// Calls `try` with each .json file below a directory of vectors (path from VECTORS on).
static inline void vectors_each(const char *name, void (*try)(const char *path), int depth) {
    DIR *dir = opendir(vectors_path(name));
    if (!dir) fail_msg("no directory %s", vectors_path(name));
    for (struct dirent *entry; (entry = readdir(dir)) != NULL;) {
        char path[2048];
        if (entry->d_name[0] == '.') continue;
        int len = snprintf(path, sizeof path, "%s/%s", name, entry->d_name);
        assert_true(len > 0 && (size_t)len < sizeof path);
        if (strstr(entry->d_name, ".json")) try(path);
        else if (depth > 0) vectors_each(path, try, depth - 1);
    }
    (void)closedir(dir);
}
