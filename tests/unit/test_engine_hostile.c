// Every family's file with one thing in it changed: each key and tensor dropped, of another type,
// zero, huge or not a number, of another shape or place, and the file cut off. Such a file is
// refused with a text that names a key or tensor, or it opens and runs; the sanitizers watch.
#include <math.h>

#include "cmocka_all.h"

#include "engine/engine.h"
#include "engine/gguf.h"
#include "specimen.h"

enum { HEADER_MAX = 1 << 16, WIDTH = 64, MEMORY_MAX = 16 << 20, CUTS = 64, STEP_IDS = 3 };

enum change {
    KEY_DROPPED,
    KEY_OF_TEXT, // of another type: text; a text becomes a number
    KEY_OF_ARRAY,
    KEY_ZERO, // number 0, text "", array of none
    KEY_HUGE, // number 2^31 or 1e30, array of 2^60
    KEY_ODD,  // number 7 or NaN, text not UTF-8
    KEY_NEGATIVE,
    KEY_CHANGES,
    TENSOR_DROPPED = KEY_CHANGES,
    TENSOR_TURNED,  // rows and columns swapped
    TENSOR_SHORT,   // half the rows
    TENSOR_HUGE,    // 2^40 rows
    TENSOR_NONE,    // 0 columns
    TENSOR_DEEP,    // three dimensions more
    TENSOR_OTHER,   // of a smaller type
    TENSOR_UNKNOWN, // of a type nobody knows
    TENSOR_FAR,     // past the file's end
    TENSOR_ODD,     // not aligned
    TENSOR_SHARED,  // at another's place
    TENSOR_NAN,
    CHANGES,
};

struct subject {
    const struct specimen *specimen;
    struct view file;
    struct gguf gguf; // of it
    size_t data_from; // in it
    char *room;       // HEADER_MAX bytes, then the data, to the end of the allocation
    size_t refused, ran;
};

// ---- one file more ----

static void put_number(struct buf *out, uint32_t kind, uint64_t whole, float part) {
    wire_put_u32(out, kind);
    if (kind == GGUF_F32)
        wire_put_f32(out, part);
    else if (kind == GGUF_BOOL)
        wire_put_u8(out, (uint8_t)whole);
    else
        wire_put_u32(out, (uint32_t)whole);
}

static void put_array(struct buf *out, const struct gguf_key *key, uint64_t count, bool none) {
    wire_put_u32(out, GGUF_ARRAY);
    wire_put_u32(out, key->kind);
    wire_put_u64(out, count);
    if (!none) buf_put_view(out, key->bytes);
}

static void put_value(struct buf *out, const struct gguf_key *key, int change) {
    uint32_t kind = key->kind;
    bool text = kind == GGUF_STRING && !key->array;
    if (change == KEY_OF_ARRAY) {
        put_array(out, &(struct gguf_key){.kind = GGUF_U8}, 0, true);
    } else if ((change == KEY_OF_TEXT && !text) || (text && change >= KEY_ZERO)) {
        wire_put_u32(out, GGUF_STRING);
        make_string(out, change == KEY_ZERO  ? VIEW("")
                         : change == KEY_ODD ? VIEW("\xff\xfe")
                                             : VIEW("nonsense"));
    } else if (key->array) {
        uint64_t count = change == KEY_HUGE ? UINT64_C(1) << 60 : key->count;
        put_array(out, key, change == KEY_ZERO ? 0 : count, change == KEY_ZERO);
    } else if (change == KEY_ZERO) {
        put_number(out, kind, 0, 0);
    } else if (change == KEY_HUGE) {
        put_number(out, kind, 1u << 31, 1e30f);
    } else if (change == KEY_ODD) {
        put_number(out, kind, 7, (float)NAN);
    } else if (change == KEY_NEGATIVE) {
        put_number(out, kind == GGUF_U32 ? GGUF_I32 : kind, UINT32_MAX, -1);
    } else if (change == KEY_OF_TEXT) { // a text
        put_number(out, GGUF_U32, 1, 0);
    } else {
        wire_put_u32(out, kind);
        buf_put_view(out, key->bytes);
    }
}

static void put_tensor(struct buf *out, const struct subject *s, const struct gguf_tensor *t,
                       int change) {
    uint64_t shape[8] = {t->shape[0], t->shape[1], t->shape[2], t->shape[3], 1, 1, 1, 1};
    uint64_t offset = t->offset - s->data_from;
    uint32_t dims = t->dims, type = t->type;
    switch (change) {
    case TENSOR_TURNED:
        dims = dims < 2 ? 2 : dims;
        shape[0] = t->shape[1];
        shape[1] = t->shape[0];
        break;
    case TENSOR_SHORT:
        shape[dims - 1] = (shape[dims - 1] + 1) / 2;
        break;
    case TENSOR_HUGE:
        shape[dims - 1] = UINT64_C(1) << 40;
        break;
    case TENSOR_NONE:
        shape[0] = 0;
        break;
    case TENSOR_DEEP:
        dims += 3;
        break;
    case TENSOR_OTHER:
        type = type == QUANT_F32 ? QUANT_F16 : QUANT_Q4_0;
        break;
    case TENSOR_UNKNOWN:
        type = 200;
        break;
    case TENSOR_FAR:
        offset += UINT64_C(1) << 40;
        break;
    case TENSOR_ODD:
        offset += 4;
        break;
    case TENSOR_SHARED:
        offset = offset ? 0 : 64;
        break;
    default:
        break;
    }
    make_string(out, t->name);
    wire_put_u32(out, dims);
    for (uint32_t i = 0; i < dims; i++)
        wire_put_u64(out, shape[i]);
    wire_put_u32(out, type);
    wire_put_u64(out, offset);
}

// The specimen with one change to key or tensor `index`; it ends where its memory ends.
static struct view changed_file(struct subject *s, uint32_t index, int change) {
    static char storage[HEADER_MAX];
    struct buf out = buf_over(storage, sizeof storage);
    const struct gguf *gguf = &s->gguf;
    bool key = change < KEY_CHANGES;
    wire_put_u32(&out, 0x46554747);
    wire_put_u32(&out, 3);
    wire_put_u64(&out, gguf->tensors_len - (change == TENSOR_DROPPED));
    wire_put_u64(&out, gguf->keys_len - (change == KEY_DROPPED));
    for (uint32_t i = 0; i < gguf->keys_len; i++) {
        bool here = key && i == index;
        if (here && change == KEY_DROPPED) continue;
        make_string(&out, gguf->keys[i].name);
        put_value(&out, &gguf->keys[i], here ? change : -1);
    }
    for (uint32_t i = 0; i < gguf->tensors_len; i++) {
        bool here = !key && i == index;
        if (here && change == TENSOR_DROPPED) continue;
        put_tensor(&out, s, &gguf->tensors[i], here ? change : -1);
    }
    while (out.len % 32)
        buf_put_char(&out, 0);
    must(!out.over);
    char *at = s->room + HEADER_MAX - out.len;
    memcpy(at, out.at, out.len);
    return (struct view){at, out.len + s->file.len - s->data_from};
}

// ---- what must happen ----

static enum sk_code run(struct engine *engine, const struct specimen *specimen) {
    static const int32_t ids[STEP_IDS] = {7, 11, 13};
    if (specimen->has & HAS_ENCODER) {
        static float out[1 << 12];
        if (engine_shape(engine).width > sizeof out / sizeof *out) return SK_OK;
        bool ranks = engine_shape(engine).ranks;
        return ranks ? engine_rank(engine, ids, STEP_IDS, out)
                     : engine_embed(engine, ids, STEP_IDS, out);
    }
    struct engine_job job = {.tokens_max = 1};
    struct engine_event event;
    uint32_t slot = 0;
    TRY(engine_start(engine, 0, &job, ids, STEP_IDS));
    engine_step(engine, &slot, 1, &event);
    engine_stop(engine, 0);
    return SK_OK;
}

static void try_file(struct subject *s, struct view file, const char *what) {
    struct engine *engine;
    struct engine_options options = {
        .context = 16, .slots = 1, .threads = 1, .memory_max = MEMORY_MAX};
    enum sk_code code = engine_open(&engine, &file, 1, options);
    if (code == SK_OK) {
        run(engine, s->specimen);
        engine_close(engine);
        s->ran++;
        return;
    }
    const char *text = fail_text();
    s->refused++;
    if (!strstr(text, "key ") && !strstr(text, "tensor") && !strstr(text, "GGUF") &&
        !strstr(text, "memory: ") && !strstr(text, "context"))
        fail_msg("%s, %s: \"%s\" names neither key nor tensor", s->specimen->name, what, text);
}

static void change_keys(struct subject *s) {
    for (uint32_t i = 0; i < s->gguf.keys_len; i++) {
        struct view name = s->gguf.keys[i].name;
        int changes = s->gguf.keys[i].array ? KEY_ODD : KEY_CHANGES;
        for (int change = 0; change < changes; change++) {
            char what[160];
            snprintf(what, sizeof what, "key %.*s change %d", (int)name.len, name.at, change);
            try_file(s, changed_file(s, i, change), what);
        }
    }
}

static void change_tensors(struct subject *s) {
    for (uint32_t i = 0; i < s->gguf.tensors_len; i++) {
        const struct gguf_tensor *t = &s->gguf.tensors[i];
        for (int change = TENSOR_DROPPED; change < CHANGES; change++) {
            char what[160], kept[64];
            char *data = s->room + HEADER_MAX + (t->offset - s->data_from);
            size_t poisoned = change != TENSOR_NAN ? 0 : t->bytes < 64 ? (size_t)t->bytes : 64;
            snprintf(what, sizeof what, "tensor %.*s change %d", (int)t->name.len, t->name.at,
                     change);
            memcpy(kept, data, poisoned);
            memset(data, 0xff, poisoned);
            try_file(s, changed_file(s, i, change), what);
            memcpy(data, kept, poisoned);
        }
    }
}

static void cut_off(struct subject *s) {
    struct view whole = s->file;
    for (size_t i = 0; i < CUTS; i++) {
        size_t len = whole.len * i / CUTS;
        char *copy = malloc(len + 1);
        must(copy);
        memcpy(copy, whole.at, len);
        try_file(s, (struct view){copy, len}, "cut off");
        free(copy);
    }
}

static void change_all(const struct specimen *specimen, const struct weight_type *type) {
    struct make make = {0};
    struct subject s = {.specimen = specimen};
    s.file = specimen_make(&make, specimen, type, false, type->block == 256 ? 256 : WIDTH);
    assert_int_equal(gguf_open(&s.gguf, &s.file, 1), SK_OK);
    s.data_from = s.file.len;
    for (uint32_t i = 0; i < s.gguf.tensors_len; i++)
        if (s.gguf.tensors[i].offset < s.data_from) s.data_from = s.gguf.tensors[i].offset;
    s.room = malloc(HEADER_MAX + s.file.len - s.data_from);
    must(s.room);
    memcpy(s.room + HEADER_MAX, s.file.at + s.data_from, s.file.len - s.data_from);
    try_file(&s, changed_file(&s, 0, -1), "unchanged");
    if (s.ran != 1) fail_msg("%s: %s", specimen->name, fail_text());
    change_keys(&s);
    change_tensors(&s);
    cut_off(&s);
    assert_true(s.refused > CUTS && s.ran > 1);
    free(s.room);
    gguf_close(&s.gguf);
    make_free(&make);
}

static void every_family(void **state) {
    (void)state;
    const struct weight_type *type = weight_type_find("Q8_0");
    for (const struct specimen *specimen = specimens; specimen->name; specimen++)
        change_all(specimen, type);
}

static void every_type(void **state) {
    (void)state;
    for (const struct weight_type *type = weight_types; type->name; type++)
        change_all(specimen_find("llama"), type);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(every_family),
                                       cmocka_unit_test(every_type)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
