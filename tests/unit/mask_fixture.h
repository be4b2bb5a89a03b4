// Texts with findings, for tests of masks, written as "<person|田中太郎>様".
#pragma once
#include "cmocka_all.h"

#include <stdio.h>
#include <stdlib.h>

#include "border/mask.h"

enum { MARKED_MAX = 1 << 16, MARKED_FINDINGS = 4200 };

struct marked {
    char text[MARKED_MAX];
    struct view view;
    struct finding findings[MARKED_FINDINGS];
    uint32_t len;
};

static inline int mark_detector(struct view name) {
    for (unsigned i = 0; i < DETECTOR_COUNT; i++)
        if (view_is(name, detector_name((enum detector)i))) return (int)i;
    return -1;
}

// Reads `marks` ("<person|田中>さん") into the text without marks and its findings.
static inline struct marked *marked_read(const char *marks) {
    static struct marked all[4]; // the last four stay
    static unsigned next;
    struct marked *out = &all[next++ % 4];
    size_t len = 0;
    out->len = 0;
    for (const char *at = marks; *at; at++) {
        const char *bar = *at == '<' ? strchr(at, '|') : NULL;
        int detector = bar ? mark_detector((struct view){at + 1, (size_t)(bar - at) - 1}) : -1;
        if (detector >= 0) {
            const char *end = strchr(bar, '>');
            size_t value = (size_t)(end - bar) - 1;
            out->findings[out->len++] =
                (struct finding){(uint32_t)len, (uint32_t)value, (uint8_t)detector, 90};
            memcpy(out->text + len, bar + 1, value);
            len += value;
            at = end;
        } else {
            out->text[len++] = *at;
        }
    }
    out->text[len] = 0;
    out->view = (struct view){out->text, len};
    return out;
}

static const struct detector_set mask_all = {UINT64_MAX};
static const struct detector_set mask_one_way = {UINT64_C(1) << DETECTOR_SECRET_PASSWORD |
                                                 UINT64_C(1) << DETECTOR_SECRET_TOKEN};

static inline struct vault *vault_make(const char *conversation) {
    uint8_t key[MASK_KEY_LEN];
    for (uint8_t i = 0; i < MASK_KEY_LEN; i++)
        key[i] = i;
    struct vault *vault;
    assert_int_equal(vault_open(&vault, key, view_of(conversation)), SK_OK);
    return vault;
}

static inline void mask_read(struct vault *vault, const struct marked *text) {
    assert_int_equal(
        mask_learn(vault, text->view, text->findings, text->len, &mask_all, &mask_one_way), SK_OK);
}

// The masked text, NUL-terminated, in memory the caller frees.
static inline char *mask_write(const struct vault *vault, const struct marked *text) {
    char *storage = malloc(MARKED_MAX * 4);
    struct buf out = buf_over(storage, MARKED_MAX * 4 - 1);
    assert_int_equal(mask_put(vault, text->view, text->findings, text->len, &mask_all, &out),
                     SK_OK);
    storage[out.len] = 0;
    return storage;
}

// The restored text, in memory the caller frees.
static inline char *restore_all(const struct vault *vault, struct view text, bool json,
                                struct restore *counts) {
    char *storage = malloc(MARKED_MAX * 4);
    struct buf out = buf_over(storage, MARKED_MAX * 4 - 1);
    struct restore restore = {0};
    assert_int_equal(restore_put(&restore, vault, text, json, true, &out), SK_OK);
    storage[out.len] = 0;
    if (counts) *counts = restore;
    return storage;
}
