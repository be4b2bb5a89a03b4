#include "engine/gguf.h"

#include <stdlib.h>
#include <string.h>

#include "base/utf8.h"

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "values are read in place");

size_t gguf_kind_bytes(uint32_t kind) {
    static const uint8_t bytes[GGUF_KINDS] = {
        [GGUF_U8] = 1,  [GGUF_I8] = 1,   [GGUF_U16] = 2, [GGUF_I16] = 2, [GGUF_U32] = 4,
        [GGUF_I32] = 4, [GGUF_F32] = 4,  [GGUF_BOOL] = 1, [GGUF_U64] = 8, [GGUF_I64] = 8,
        [GGUF_F64] = 8,
    };
    return kind < GGUF_KINDS ? bytes[kind] : 0;
}

static size_t wire_left(const struct wire *wire) {
    return wire->bad ? 0 : (size_t)(wire->end - wire->at);
}

// A string (u64 length, bytes); empty and bad when it passes the end.
static struct view take_string(struct wire *wire) {
    uint64_t len = wire_take_u64(wire);
    if (len > wire_left(wire)) {
        wire->bad = true;
        return (struct view){0};
    }
    return wire_take_bytes(wire, (size_t)len);
}

// Names are printed in texts and logs, so they are plain.
static bool name_check(struct view name, size_t max) {
    if (name.len == 0 || name.len > max) return false;
    for (size_t i = 0; i < name.len; i++)
        if (name.at[i] <= ' ' || name.at[i] > '~') return false;
    return true;
}

// The bytes of `count` values of `kind`, inside the file.
static enum sk_code take_values(struct wire *wire, struct gguf_key *key) {
    const char *from = (const char *)wire->at;
    size_t each = gguf_kind_bytes(key->kind), left = wire_left(wire);
    if (key->kind == GGUF_STRING) {
        if (key->count > left / 8) wire->bad = true;
        for (uint64_t i = 0; i < key->count && !wire->bad; i++) take_string(wire);
    } else if (each == 0) {
        return FAIL(SK_UNSUPPORTED, "key %.*s: value type %u", (int)key->name.len, key->name.at,
                    (unsigned)key->kind);
    } else if (key->count > left / each) {
        wire->bad = true;
    } else {
        wire_take_bytes(wire, (size_t)key->count * each);
    }
    if (wire->bad)
        return FAIL(SK_CORRUPT, "key %.*s: its %llu values pass the end of the file",
                    (int)key->name.len, key->name.at, (unsigned long long)key->count);
    key->bytes = (struct view){from, (size_t)((const char *)wire->at - from)};
    return SK_OK;
}

static enum sk_code take_key(struct wire *wire, uint32_t index, struct gguf_key *key) {
    key->name = take_string(wire);
    uint32_t kind = wire_take_u32(wire);
    if (wire->bad) return FAIL(SK_CORRUPT, "key %u: cut off", index);
    if (!name_check(key->name, GGUF_KEY_LEN_MAX))
        return FAIL(SK_CORRUPT, "key %u: a name must be 1..%d printable ASCII characters", index,
                    GGUF_KEY_LEN_MAX);
    key->count = 1;
    key->array = kind == GGUF_ARRAY;
    if (key->array) {
        kind = wire_take_u32(wire);
        key->count = wire_take_u64(wire);
    }
    if (kind >= GGUF_KINDS || kind == GGUF_ARRAY)
        return FAIL(SK_UNSUPPORTED, "key %.*s: value type %u", (int)key->name.len, key->name.at,
                    kind);
    key->kind = (enum gguf_kind)kind;
    return take_values(wire, key);
}

static enum sk_code tensor_fail(const struct gguf_tensor *tensor, enum sk_code code,
                                const char *what, uint64_t value, uint64_t limit) {
    return FAIL(code, "tensor %.*s: %s %llu (limit %llu)", (int)tensor->name.len, tensor->name.at,
                what, (unsigned long long)value, (unsigned long long)limit);
}

static enum sk_code take_tensor(struct wire *wire, uint32_t index, struct gguf_tensor *tensor) {
    tensor->name = take_string(wire);
    tensor->dims = wire_take_u32(wire);
    if (wire->bad) return FAIL(SK_CORRUPT, "tensor %u: cut off", index);
    if (!name_check(tensor->name, GGUF_NAME_LEN_MAX))
        return FAIL(SK_CORRUPT, "tensor %u: a name must be 1..%d printable ASCII characters", index,
                    GGUF_NAME_LEN_MAX);
    if (tensor->dims == 0 || tensor->dims > GGUF_DIMS_MAX)
        return tensor_fail(tensor, SK_CORRUPT, "dimensions", tensor->dims, GGUF_DIMS_MAX);
    uint64_t elements = 1;
    for (uint32_t i = 0; i < GGUF_DIMS_MAX; i++) {
        tensor->shape[i] = i < tensor->dims ? wire_take_u64(wire) : 1;
        if (wire->bad) return FAIL(SK_CORRUPT, "tensor %u: cut off", index);
        if (tensor->shape[i] == 0 ||
            __builtin_mul_overflow(elements, tensor->shape[i], &elements) ||
            elements > UINT64_C(1) << 48)
            return tensor_fail(tensor, SK_CORRUPT, "size of a dimension", tensor->shape[i],
                               UINT64_C(1) << 48);
    }
    uint32_t type = wire_take_u32(wire);
    tensor->offset = wire_take_u64(wire);
    if (wire->bad) return FAIL(SK_CORRUPT, "tensor %u: cut off", index);
    const struct quant *quant = quant_find(type);
    if (!quant)
        return FAIL(SK_UNSUPPORTED, "tensor %.*s: type %u (%s) is not one this build computes with",
                    (int)tensor->name.len, tensor->name.at, type, quant_name(type));
    if (tensor->shape[0] % quant->block)
        return tensor_fail(tensor, SK_CORRUPT, "row length is no multiple of its block:",
                           tensor->shape[0], quant->block);
    tensor->type = (enum quant_type)type;
    tensor->bytes = elements / quant->block * quant->bytes;
    return SK_OK;
}

static int view_order(struct view a, struct view b) {
    int order = memcmp(a.at, b.at, a.len < b.len ? a.len : b.len);
    return order ? order : (a.len > b.len) - (a.len < b.len);
}

static int key_order(const void *a, const void *b) {
    return view_order(((const struct gguf_key *)a)->name, ((const struct gguf_key *)b)->name);
}

static int tensor_order(const void *a, const void *b) {
    return view_order(((const struct gguf_tensor *)a)->name, ((const struct gguf_tensor *)b)->name);
}

static int offset_order(const void *a, const void *b) {
    const struct gguf_tensor *x = a, *y = b;
    return (x->offset > y->offset) - (x->offset < y->offset);
}

static void sort_tensors(struct gguf_tensor *tensors, uint32_t len,
                         int (*order)(const void *, const void *)) {
    if (len) qsort(tensors, len, sizeof *tensors, order);
}

static const struct gguf_key *key_find(const struct gguf *gguf, struct view name) {
    struct gguf_key wanted = {.name = name};
    if (gguf->keys_len == 0) return NULL;
    return bsearch(&wanted, gguf->keys, gguf->keys_len, sizeof wanted, key_order);
}

// One file while it is read. Its keys and tensors are runs of the tables of all.
struct part {
    struct wire wire;
    struct gguf_key *keys;
    struct gguf_tensor *tensors;
    uint32_t keys_len, tensors_len;
};

// Offsets become offsets from the file's start; every tensor is aligned, inside, and alone.
static enum sk_code place_tensors(struct part *part, uint64_t head, uint64_t len, uint32_t align) {
    uint64_t data = (head + align - 1) / align * align, room = len;
    if (data > room) data = room;
    room -= data;
    for (uint32_t i = 0; i < part->tensors_len; i++) {
        struct gguf_tensor *tensor = &part->tensors[i];
        if (tensor->offset % align)
            return tensor_fail(tensor, SK_CORRUPT, "offset is not aligned:", tensor->offset, align);
        if (tensor->offset > room || tensor->bytes > room - tensor->offset)
            return tensor_fail(tensor, SK_CORRUPT, "ends past the file: bytes from its offset on",
                               tensor->bytes, tensor->offset > room ? 0 : room - tensor->offset);
        tensor->offset += data;
    }
    sort_tensors(part->tensors, part->tensors_len, offset_order);
    for (uint32_t i = 1; i < part->tensors_len; i++) {
        const struct gguf_tensor *before = &part->tensors[i - 1], *tensor = &part->tensors[i];
        if (before->offset + before->bytes > tensor->offset)
            return FAIL(SK_CORRUPT, "tensor %.*s overlaps tensor %.*s", (int)tensor->name.len,
                        tensor->name.at, (int)before->name.len, before->name.at);
    }
    return SK_OK;
}

// Sorts the keys of one file by name; none may be there twice.
static enum sk_code sort_keys(struct part *part) {
    if (part->keys_len) qsort(part->keys, part->keys_len, sizeof *part->keys, key_order);
    for (uint32_t i = 1; i < part->keys_len; i++)
        if (view_same(part->keys[i - 1].name, part->keys[i].name))
            return FAIL(SK_CORRUPT, "key %.*s: given twice", (int)part->keys[i].name.len,
                        part->keys[i].name.at);
    return SK_OK;
}

// Magic, version and counts; a key takes at least 13 bytes, a tensor at least 33.
static enum sk_code take_head(struct part *part) {
    struct wire *wire = &part->wire;
    uint32_t magic = wire_take_u32(wire), version = wire_take_u32(wire);
    uint64_t tensors = wire_take_u64(wire), keys = wire_take_u64(wire);
    if (wire->bad || magic != 0x46554747) return FAIL(SK_CORRUPT, "not a GGUF file");
    if (version != 2 && version != 3)
        return FAIL(SK_UNSUPPORTED, "GGUF version %u (this build reads 2 and 3, little endian)",
                    version);
    size_t left = wire_left(wire);
    if (keys > GGUF_KEYS_MAX || keys > left / 13)
        return FAIL(SK_CORRUPT, "claims %llu keys (limit %d, or the file's size)",
                    (unsigned long long)keys, GGUF_KEYS_MAX);
    if (tensors > GGUF_TENSORS_MAX || tensors > left / 33)
        return FAIL(SK_CORRUPT, "claims %llu tensors (limit %d, or the file's size)",
                    (unsigned long long)tensors, GGUF_TENSORS_MAX);
    part->keys_len = (uint32_t)keys;
    part->tensors_len = (uint32_t)tensors;
    return SK_OK;
}

// The part's number and the count of parts, as gguf-split writes them. A model in one file has
// neither, or a count of 0: gguf-split leaves that behind when it merges.
static enum sk_code check_split(const struct gguf *head, const struct gguf *gguf, uint32_t index) {
    uint32_t no = UINT32_MAX, count = 0;
    TRY(gguf_u32(head, "split.count", GGUF_MAY_BE, &count));
    if (count == 0 && gguf->files_len == 1) return SK_OK;
    TRY(gguf_u32(head, "split.no", GGUF_MUST_BE, &no));
    TRY(gguf_u32(head, "split.count", GGUF_MUST_BE, &count));
    if (count != gguf->files_len)
        return FAIL(SK_CORRUPT, "key split.count: a model of %u files, %u given", count,
                    gguf->files_len);
    if (no != index)
        return FAIL(SK_CORRUPT, "key split.no: %u, must be %u (from 0)", no, index);
    return SK_OK;
}

// Every part says how many tensors all have together.
static enum sk_code check_total(const struct gguf *gguf, const struct part *part) {
    struct gguf head = {.keys = part->keys, .keys_len = part->keys_len};
    uint32_t tensors = gguf->tensors_len;
    enum gguf_need need = gguf->files_len > 1 ? GGUF_MUST_BE : GGUF_MAY_BE;
    TRY(gguf_u32(&head, "split.tensors.count", need, &tensors));
    if (tensors == gguf->tensors_len) return SK_OK;
    return FAIL(SK_CORRUPT, "key split.tensors.count: %u, but there are %u", tensors,
                gguf->tensors_len);
}

// A later part may say how it is split and aligned, and repeat the first; no more.
static enum sk_code check_repeats(const struct part *part, const struct part *first) {
    const struct gguf whole = {.keys = first->keys, .keys_len = first->keys_len};
    for (uint32_t i = 0; i < part->keys_len; i++) {
        const struct gguf_key *key = &part->keys[i], *same;
        if (view_starts(key->name, VIEW("split.")) || view_is(key->name, "general.alignment"))
            continue;
        same = key_find(&whole, key->name);
        if (!same || same->kind != key->kind || same->array != key->array ||
            !view_same(same->bytes, key->bytes))
            return FAIL(SK_CORRUPT, "key %.*s: not as in the first part", (int)key->name.len,
                        key->name.at);
    }
    return SK_OK;
}

static enum sk_code part_read(const struct gguf *gguf, struct part *part, uint32_t index) {
    struct gguf head = {.keys = part->keys, .keys_len = part->keys_len};
    for (uint32_t i = 0; i < part->keys_len; i++) TRY(take_key(&part->wire, i, &part->keys[i]));
    for (uint32_t i = 0; i < part->tensors_len; i++) {
        TRY(take_tensor(&part->wire, i, &part->tensors[i]));
        part->tensors[i].part = index;
    }
    TRY(sort_keys(part));
    TRY(check_split(&head, gguf, index));
    uint32_t align = 32;
    TRY(gguf_u32(&head, "general.alignment", GGUF_MAY_BE, &align));
    if (align < 8 || align > 65536 || (align & (align - 1)))
        return FAIL(SK_CORRUPT, "key general.alignment: %u is no power of two in 8..65536", align);
    uint64_t len = gguf->files[index].len;
    return place_tensors(part, len - wire_left(&part->wire), len, align);
}

// Names the part, when there are several.
static enum sk_code part_fail(const struct gguf *gguf, uint32_t index, enum sk_code code) {
    if (gguf->files_len == 1) return code;
    return fail_within(code, "part %u of %u", index + 1, gguf->files_len);
}

// Takes the tables of all parts once their counts are known to fit in their files.
static enum sk_code take_tables(struct gguf *gguf, struct part *parts) {
    uint32_t keys = 0, tensors = 0;
    for (uint32_t i = 0; i < gguf->files_len; i++) {
        parts[i].wire = wire_over(gguf->files[i]);
        enum sk_code code = take_head(&parts[i]);
        if (code != SK_OK) return part_fail(gguf, i, code);
        keys += parts[i].keys_len;
        tensors += parts[i].tensors_len;
    }
    if (tensors > GGUF_TENSORS_MAX)
        return FAIL(SK_CORRUPT, "claims %u tensors (limit %d)", tensors, GGUF_TENSORS_MAX);
    TRY(arena_open(&gguf->arena, "gguf",
                   keys * sizeof *gguf->keys + tensors * sizeof *gguf->tensors + 64));
    gguf->keys = arena_take(&gguf->arena, keys, sizeof *gguf->keys);
    gguf->tensors = arena_take(&gguf->arena, tensors, sizeof *gguf->tensors);
    must(gguf->keys && gguf->tensors);
    gguf->keys_len = parts[0].keys_len;
    gguf->tensors_len = tensors;
    keys = tensors = 0;
    for (uint32_t i = 0; i < gguf->files_len; i++) {
        parts[i].keys = gguf->keys + keys;
        parts[i].tensors = gguf->tensors + tensors;
        keys += parts[i].keys_len;
        tensors += parts[i].tensors_len;
    }
    return SK_OK;
}

static enum sk_code gguf_read(struct gguf *gguf) {
    struct part parts[GGUF_PARTS_MAX] = {0};
    TRY(take_tables(gguf, parts));
    for (uint32_t i = 0; i < gguf->files_len; i++) {
        enum sk_code code = part_read(gguf, &parts[i], i);
        if (code == SK_OK && i > 0) code = check_repeats(&parts[i], &parts[0]);
        if (code != SK_OK) return part_fail(gguf, i, code);
    }
    for (uint32_t i = 0; i < gguf->files_len; i++) {
        enum sk_code code = check_total(gguf, &parts[i]);
        if (code != SK_OK) return part_fail(gguf, i, code);
    }
    sort_tensors(gguf->tensors, gguf->tensors_len, tensor_order);
    for (uint32_t i = 1; i < gguf->tensors_len; i++)
        if (view_same(gguf->tensors[i - 1].name, gguf->tensors[i].name))
            return FAIL(SK_CORRUPT, "tensor %.*s: given twice", (int)gguf->tensors[i].name.len,
                        gguf->tensors[i].name.at);
    return SK_OK;
}

enum sk_code gguf_open(struct gguf *gguf, const struct view *files, size_t files_len) {
    *gguf = (struct gguf){.files = files, .files_len = (uint32_t)files_len};
    if (files_len < 1 || files_len > GGUF_PARTS_MAX)
        return FAIL(SK_LIMIT, "%zu files, must be 1..%d", files_len, GGUF_PARTS_MAX);
    enum sk_code code = gguf_read(gguf);
    if (code != SK_OK) gguf_close(gguf);
    return code;
}

void gguf_close(struct gguf *gguf) {
    arena_close(&gguf->arena);
    *gguf = (struct gguf){0};
}

const struct gguf_key *gguf_find(const struct gguf *gguf, const char *name) {
    return key_find(gguf, view_of(name));
}

struct gguf_tensor *gguf_tensor(const struct gguf *gguf, const char *name) {
    struct gguf_tensor wanted = {.name = view_of(name)};
    if (gguf->tensors_len == 0) return NULL;
    return bsearch(&wanted, gguf->tensors, gguf->tensors_len, sizeof wanted, tensor_order);
}

const uint8_t *gguf_data(const struct gguf *gguf, const struct gguf_tensor *tensor) {
    return (const uint8_t *)gguf->files[tensor->part].at + tensor->offset;
}

// Finds a key; *key NULL when it is absent and may be.
static enum sk_code find_key(const struct gguf *gguf, const char *name, enum gguf_need need,
                             bool array, const struct gguf_key **key) {
    *key = gguf_find(gguf, name);
    if (!*key) return need == GGUF_MAY_BE ? SK_OK : FAIL(SK_CORRUPT, "key %s: missing", name);
    if ((*key)->array != array)
        return FAIL((array ? SK_CORRUPT : SK_UNSUPPORTED), "key %s: %s", name,
                    array ? "must be an array" : "must be one value, not an array");
    return SK_OK;
}

static enum sk_code kind_fail(const char *name, const char *wanted) {
    return FAIL(SK_CORRUPT, "key %s: must be %s", name, wanted);
}

static uint64_t key_bits(const struct gguf_key *key) {
    uint64_t bits = 0;
    memcpy(&bits, key->bytes.at, key->bytes.len);
    return bits;
}

enum sk_code gguf_u32(const struct gguf *gguf, const char *name, enum gguf_need need,
                      uint32_t *out) {
    const struct gguf_key *key;
    TRY(find_key(gguf, name, need, false, &key));
    if (!key) return SK_OK;
    bool is_signed = key->kind == GGUF_I8 || key->kind == GGUF_I16 || key->kind == GGUF_I32 ||
                     key->kind == GGUF_I64;
    bool is_unsigned = key->kind == GGUF_U8 || key->kind == GGUF_U16 || key->kind == GGUF_U32 ||
                       key->kind == GGUF_U64;
    if (!is_signed && !is_unsigned) return kind_fail(name, "a whole number");
    uint64_t bits = key_bits(key);
    bool negative = is_signed && bits >> (8 * key->bytes.len - 1);
    if (negative || bits > UINT32_MAX) return kind_fail(name, "a whole number in 0..4294967295");
    *out = (uint32_t)bits;
    return SK_OK;
}

enum sk_code gguf_f32(const struct gguf *gguf, const char *name, enum gguf_need need, float *out) {
    const struct gguf_key *key;
    TRY(find_key(gguf, name, need, false, &key));
    if (!key) return SK_OK;
    double wide = 0;
    float narrow = 0;
    if (key->kind == GGUF_F32) {
        memcpy(&narrow, key->bytes.at, sizeof narrow);
        wide = (double)narrow;
    } else if (key->kind == GGUF_F64) {
        memcpy(&wide, key->bytes.at, sizeof wide);
    } else {
        return kind_fail(name, "a number with a fraction");
    }
    if (!(wide > -3e38 && wide < 3e38)) return kind_fail(name, "finite");
    *out = (float)wide;
    return SK_OK;
}

enum sk_code gguf_bool(const struct gguf *gguf, const char *name, enum gguf_need need, bool *out) {
    const struct gguf_key *key;
    TRY(find_key(gguf, name, need, false, &key));
    if (!key) return SK_OK;
    if (key->kind != GGUF_BOOL || (uint8_t)key->bytes.at[0] > 1)
        return kind_fail(name, "true or false");
    *out = key->bytes.at[0] == 1;
    return SK_OK;
}

enum sk_code gguf_text(const struct gguf *gguf, const char *name, enum gguf_need need,
                       struct view *out) {
    const struct gguf_key *key;
    TRY(find_key(gguf, name, need, false, &key));
    if (!key) return SK_OK;
    if (key->kind != GGUF_STRING) return kind_fail(name, "a text");
    struct view text = view_from(key->bytes, 8);
    if (!utf8_check(text)) return kind_fail(name, "UTF-8");
    *out = text;
    return SK_OK;
}

enum sk_code gguf_array(const struct gguf *gguf, const char *name, enum gguf_kind kind,
                        enum gguf_need need, const struct gguf_key **out) {
    TRY(find_key(gguf, name, need, true, out));
    if (*out && (*out)->kind != kind) return kind_fail(name, "an array of another type");
    return SK_OK;
}

struct view gguf_string_next(struct view *at) {
    uint64_t len = 0;
    must(at->len >= 8);
    memcpy(&len, at->at, sizeof len);
    must(len <= at->len - 8);
    struct view text = {at->at + 8, (size_t)len};
    *at = view_from(*at, 8 + (size_t)len);
    return text;
}
