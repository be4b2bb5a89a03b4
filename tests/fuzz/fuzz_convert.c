// Any bytes as a model and a LoRA, converted: refused with a text, or what was written is a model
// that can be read. The first byte is the type; the second 0, or a LoRA is there, and then a length
// (u32) of the model.
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "taken.h"
#include "train/convert.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { OUT_MAX = 1 << 22 };

struct memory {
    char *at;
    size_t len;
};

static enum sk_code put(void *self, const void *bytes, size_t len) {
    struct memory *m = self;
    if (len > OUT_MAX - m->len) return FAIL(SK_LIMIT, "the disk is full");
    memcpy(m->at + m->len, bytes, len);
    m->len += len;
    return SK_OK;
}

static void run(struct convert *convert) {
    static struct pool pool;
    struct memory out = {malloc(OUT_MAX), 0};
    struct gguf written;
    must(out.at && pool_open(&pool, 1) == SK_OK);
    convert->pool = &pool;
    if (convert_run(convert, (struct gguf_sink){put, &out}) == SK_OK) {
        struct view file = {out.at, out.len};
        fuzz_take();
        must(gguf_open(&written, &file, 1) == SK_OK);
        must(written.tensors_len == convert->from->tensors_len);
        gguf_close(&written);
    } else {
        must(*fail_text());
    }
    pool_close(&pool);
    free(out.at);
}

// An exact copy: a read past its end shows.
static struct view copy(const uint8_t *from, size_t len) {
    char *at = malloc(len ? len : 1);
    must(at != NULL);
    memcpy(at, from, len);
    return (struct view){at, len};
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct gguf model;
    struct adapter adapter = {0};
    uint32_t len = 0;
    if (size < 6) return 0;
    bool adapts = data[1] != 0;
    memcpy(&len, data + 2, sizeof len);
    if (!adapts || len > size - 6) len = (uint32_t)(size - 6);
    struct view first = copy(data + 6, len), second = copy(data + 6 + len, size - 6 - len);
    struct convert convert = {.from = &model, .type = data[0] % CONVERT_TYPES};
    if (gguf_open(&model, &first, 1) == SK_OK) {
        bool good = !adapts || adapter_open(&adapter, second) == SK_OK;
        if (adapts) convert.adapter = &adapter;
        if (good) run(&convert);
        adapter_close(&adapter);
        gguf_close(&model);
    }
    free((void *)(uintptr_t)first.at);
    free((void *)(uintptr_t)second.at);
    return 0;
}
