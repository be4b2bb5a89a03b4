#include <stdlib.h>

#include "base/wire.h"
#include "train/data_parts.h"

enum { BUFFER = 1 << 20 };

const char *const pack_ids_names[DATA_PARTS] = {"train.ids", "held.ids"};
const char *const pack_marks_names[DATA_PARTS] = {"train.marks", "held.marks"};

static enum sk_code file_open(const struct world *world, const char *name, int *file) {
    TRY(world->open(world->self, name, WORLD_CREATE, file));
    return world->truncate(world->self, *file, 0);
}

enum sk_code pack_open(struct pack *pack, const struct world *world, enum data_part part,
                       uint32_t context, bool wide) {
    *pack = (struct pack){.world = world, .part = part, .wide = wide, .context = context};
    pack->ids_file = pack->marks_file = -1;
    TRY(file_open(world, pack_ids_names[part], &pack->ids_file));
    TRY(file_open(world, pack_marks_names[part], &pack->marks_file));
    TRY(buf_open(&pack->ids, BUFFER));
    TRY(buf_open(&pack->marks, BUFFER));
    for (int i = 0; i < PACK_BINS; i++) {
        pack->bin[i].ids = calloc(context, sizeof *pack->bin[i].ids);
        pack->bin[i].marks = calloc(context, 1);
        if (!pack->bin[i].ids || !pack->bin[i].marks) return FAIL(SK_LIMIT, "memory: none left");
    }
    return SK_OK;
}

void pack_close(struct pack *pack) {
    if (!pack->world) return;
    if (pack->ids_file >= 0) pack->world->close(pack->world->self, pack->ids_file);
    if (pack->marks_file >= 0) pack->world->close(pack->world->self, pack->marks_file);
    buf_close(&pack->ids);
    buf_close(&pack->marks);
    for (int i = 0; i < PACK_BINS; i++) {
        free(pack->bin[i].ids);
        free(pack->bin[i].marks);
    }
    *pack = (struct pack){0};
}

static enum sk_code flush(struct pack *pack) {
    const struct world *world = pack->world;
    uint64_t size = pack->wide ? 4 : 2;
    enum sk_code code = world->write(world->self, pack->ids_file, pack->written * size,
                                     pack->ids.at, pack->ids.len);
    if (code != SK_OK) return fail_within(code, "%s", pack_ids_names[pack->part]);
    code = world->write(world->self, pack->marks_file, pack->written, pack->marks.at,
                        pack->marks.len);
    if (code != SK_OK) return fail_within(code, "%s", pack_marks_names[pack->part]);
    pack->written = pack->at;
    buf_reset(&pack->ids);
    buf_reset(&pack->marks);
    return SK_OK;
}

static enum sk_code put(struct pack *pack, int32_t id, unsigned mark) {
    if (pack->ids.len + 4 > BUFFER) TRY(flush(pack));
    if (pack->wide)
        wire_put_u32(&pack->ids, (uint32_t)id);
    else
        wire_put_u16(&pack->ids, (uint16_t)id);
    wire_put_u8(&pack->marks, (uint8_t)mark);
    pack->at++;
    return SK_OK;
}

enum sk_code pack_text(struct pack *pack, const int32_t *ids, size_t len) {
    for (size_t i = 0; i < len; i++)
        TRY(put(pack, ids[i], i == 0 ? MARK_START : MARK_LEARNED));
    return SK_OK;
}

static enum sk_code row_end(struct pack *pack) {
    for (unsigned mark = MARK_START; pack->at % pack->context; mark = 0)
        TRY(put(pack, 0, mark));
    return SK_OK;
}

// The row of a bin, filled up.
static enum sk_code bin_put(struct pack *pack, struct pack_bin *bin) {
    for (uint32_t i = 0; i < bin->len; i++) TRY(put(pack, bin->ids[i], bin->marks[i]));
    bin->len = 0;
    return row_end(pack);
}

// Best fit among the open rows; where none has room, the fullest is done.
enum sk_code pack_whole(struct pack *pack, const struct data_ids *ids) {
    struct pack_bin *best = NULL, *fullest = pack->bin;
    must(ids->len <= pack->context && pack->at % pack->context == 0);
    for (struct pack_bin *bin = pack->bin; bin < pack->bin + PACK_BINS; bin++) {
        bool fits = ids->len <= pack->context - bin->len;
        if (fits && (!best || bin->len > best->len)) best = bin;
        if (bin->len > fullest->len) fullest = bin;
    }
    if (!best) {
        TRY(bin_put(pack, fullest));
        best = fullest;
    }
    for (size_t i = 0; i < ids->len; i++) {
        best->ids[best->len] = ids->at[i];
        best->marks[best->len++] =
            (uint8_t)((i == 0 ? MARK_START : 0) | (ids->learned[i] ? MARK_LEARNED : 0));
    }
    return SK_OK;
}

enum sk_code pack_source_end(struct pack *pack) {
    for (int i = 0; i < PACK_BINS; i++)
        if (pack->bin[i].len) TRY(bin_put(pack, &pack->bin[i]));
    return row_end(pack);
}

enum sk_code pack_end(struct pack *pack) {
    const struct world *world = pack->world;
    TRY(flush(pack));
    enum sk_code code = world->sync(world->self, pack->ids_file);
    if (code != SK_OK) return fail_within(code, "%s", pack_ids_names[pack->part]);
    code = world->sync(world->self, pack->marks_file);
    return code == SK_OK ? code : fail_within(code, "%s", pack_marks_names[pack->part]);
}
