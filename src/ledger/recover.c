// Recovery. A segment file is never changed once it has its name, and is written in one life of the
// process only. So opening reads what is there and begins a new segment, which repeats the last
// batch: that one may have been read from a cache whose write failed (fsyncgate), and the copy is
// synced before anything is acknowledged. A segment counts up to the first leaf of the next one.
#include "ledger/store.h"

// A segment read whole, and how far it is good.
struct segment {
    uint32_t number;
    struct segment_head head;
    struct buf image;
    size_t at;       // end of the good part
    size_t batch_at; // begin of its last good batch
    uint32_t batches;
};

static enum sk_code segment_load(struct ledger *ledger, struct segment *segment) {
    struct world *world = &ledger->world;
    char name[16];
    uint64_t size = 0;
    size_t len = 0;
    int file;
    segment_name(segment->number, name);
    TRY(world->open(world->self, name, WORLD_READ, &file));
    enum sk_code code = world->size(world->self, file, &size);
    if (code == SK_OK && (size < FRAME_SIZE || size > (uint64_t)SEGMENT_LIMIT + BATCH_BYTES))
        code = FAIL(SK_CORRUPT, "%s: %llu bytes", name, (unsigned long long)size);
    if (code == SK_OK) code = buf_open(&segment->image, (size_t)size);
    if (code == SK_OK) {
        code = world->read(world->self, file, 0, segment->image.at, (size_t)size, &len);
        segment->image.len = len;
    }
    world->close(world->self, file);
    return code;
}

static struct view segment_rest(const struct segment *segment) {
    return view_from(buf_view(&segment->image), segment->at);
}

static enum sk_code scan_leaf(struct ledger *ledger, const struct segment *segment,
                              struct view leaf) {
    if (ledger->tree.size == ledger->tree.max)
        return FAIL(SK_LIMIT, "ledger: more than %llu leaves",
                    (unsigned long long)ledger->tree.max);
    struct place place = {segment->number, (uint32_t)segment->at};
    struct tree_hash hash;
    tree_leaf(leaf, &hash);
    tree_put(&ledger->tree, &hash);
    buf_put(&ledger->places, &place, sizeof place);
    must(!ledger->places.over);
    return SK_OK;
}

static enum sk_code scan_batch(struct ledger *ledger, struct segment *segment,
                               struct view payload) {
    struct tree_hash root;
    tree_root(&ledger->tree, ledger->tree.size, &root);
    if (payload.len != HASH_LEN || memcmp(payload.at, &root, HASH_LEN) != 0)
        return FAIL(SK_CORRUPT, "segment %u: its leaves do not have the root written at size %llu",
                    segment->number, (unsigned long long)ledger->tree.size);
    batch_done(ledger, &root);
    segment->batches++;
    return SK_OK;
}

// Reads frames up to leaf `limit` or the first that is not whole. The tree may then hold leaves of
// an unended batch past ledger->size.
static enum sk_code segment_scan(struct ledger *ledger, struct segment *segment, uint64_t limit) {
    struct frame frame;
    segment->at = segment->batch_at = segment->head.size;
    size_t end = segment->at, begin = end;
    while (ledger->size != limit && frame_take(segment_rest(segment), &frame) &&
           frame.nonce == segment->head.nonce) {
        if (frame.type == FRAME_SEGMENT || frame.index != ledger->tree.size ||
            frame.index - frame.rank != ledger->size || frame.rank > LEDGER_BATCH_MAX)
            return FAIL(SK_CORRUPT, "segment %u: a frame out of order at byte %zu", segment->number,
                        segment->at);
        if (frame.type == FRAME_LEAF) TRY(scan_leaf(ledger, segment, frame.payload));
        else TRY(scan_batch(ledger, segment, frame.payload));
        segment->at += frame_size(&frame);
        if (frame.type == FRAME_LEAF) continue;
        segment->batch_at = begin;
        begin = end = segment->at;
    }
    segment->at = end;
    return SK_OK;
}

// After damage: a frame of a later batch proves that what is damaged had been synced, and perhaps
// acknowledged. Without one it is the torn end of the batch the crash interrupted.
static enum sk_code segment_torn(const struct ledger *ledger, const struct segment *segment) {
    struct view rest = segment_rest(segment);
    for (size_t i = 0; i < rest.len; i++) {
        struct frame frame;
        if (rest.at[i] != 'S' || !frame_take(view_from(rest, i), &frame)) continue;
        if (frame.nonce == segment->head.nonce && frame.index - frame.rank > ledger->size)
            return FAIL(SK_CORRUPT,
                        "segment %u: damaged at byte %zu, before batches that were synced later",
                        segment->number, segment->at);
        i += frame_size(&frame) - 1;
    }
    return SK_OK;
}

static enum sk_code segments_join(const struct ledger *ledger, uint32_t number,
                                  const struct segment_head *next) {
    if (ledger->size == next->first && memcmp(&ledger->root, &next->root, HASH_LEN) == 0)
        return SK_OK;
    return FAIL(SK_CORRUPT, "segment %u: damaged: it leads to size %llu, the next begins at %llu",
                number, (unsigned long long)ledger->size, (unsigned long long)next->first);
}

// A sealed segment has the bytes it had then, and another after it.
static enum sk_code seal_check(struct ledger *ledger, const struct segment *segment, bool more) {
    struct segment_seal seal;
    uint8_t digest[HASH_LEN];
    enum sk_code code = seal_read(&ledger->world, segment->number, &seal);
    if (code != SK_OK) return code == SK_UNKNOWN ? SK_OK : code;
    if (!more)
        return FAIL(SK_CORRUPT, "segment %u: it was full, but the next one is missing",
                    segment->number);
    hash_of(segment->image.at, segment->at, digest);
    if (seal.size == segment->at && memcmp(digest, seal.digest, sizeof digest) == 0) return SK_OK;
    return FAIL(SK_CORRUPT, "segment %u: it has other bytes than when it was sealed",
                segment->number);
}

// Reads all segments; `last` is left loaded.
static enum sk_code segments_read(struct ledger *ledger, struct segment *last) {
    for (;;) {
        struct segment_head next;
        TRY(segments_join(ledger, last->number, &last->head));
        struct world *world = &ledger->world;
        struct view origin = view_of(ledger->name.name);
        enum sk_code code = segment_head_read(world, origin, last->number + 1, &next);
        bool more = code == SK_OK;
        if (!more && code != SK_UNKNOWN) return code;
        buf_close(&last->image);
        TRY(segment_load(ledger, last));
        TRY(segment_scan(ledger, last, more ? next.first : UINT64_MAX));
        TRY(seal_check(ledger, last, more));
        if (!more) return segment_torn(ledger, last);
        *last = (struct segment){.number = last->number + 1, .head = next, .image = last->image};
    }
}

static enum sk_code released_check(const struct ledger *ledger, const struct checkpoint *released) {
    if (released->size > ledger->size)
        return FAIL(SK_CORRUPT,
                    "ledger: %llu leaves, but the checkpoint of %llu was released: damaged or an "
                    "old copy",
                    (unsigned long long)ledger->size, (unsigned long long)released->size);
    struct tree_hash root;
    tree_root(&ledger->tree, released->size, &root);
    if (memcmp(&root, &released->root, sizeof root) != 0)
        return FAIL(SK_CORRUPT, "ledger: another root than the checkpoint released at size %llu",
                    (unsigned long long)released->size);
    return SK_OK;
}

// Begins this life's segment with a copy of the last batch. A segment that holds no more than one
// batch is replaced by the new one: restarts without work leave no files behind.
static enum sk_code recover_begin(struct ledger *ledger, const struct segment *last) {
    struct view rest = view_from(buf_view(&last->image), last->batch_at);
    uint64_t size = ledger->size, first = size;
    struct frame frame;
    if (last->batches > 0) {
        must(frame_take(rest, &frame));
        first = frame.index;
    }
    tree_cut(&ledger->tree, first);
    ledger->places.len = (size_t)first * sizeof(struct place);
    ledger->size = first;
    struct tree_hash root;
    tree_root(&ledger->tree, first, &ledger->root);
    TRY(segment_begin(ledger, last->batches > 1 ? last->number + 1 : last->number));
    if (first < size) {
        while (ledger->tree.size < size) {
            must(frame_take(rest, &frame) && frame.type == FRAME_LEAF);
            batch_put(ledger, frame.payload);
            rest = view_from(rest, frame_size(&frame));
        }
        batch_end(ledger, &root);
        TRY(segment_make(ledger));
        batch_done(ledger, &root);
        return SK_OK;
    }
    return segment_make(ledger);
}

static enum sk_code recover_old(struct ledger *ledger, struct segment *last,
                                const struct checkpoint *released, struct ledger_found *found) {
    TRY(segments_read(ledger, last));
    TRY(released_check(ledger, released));
    found->dropped = last->image.len - last->at;
    TRY(recover_begin(ledger, last));
    ledger->released_size = released->size;
    ledger->released_us = ledger->world.monotonic_us(ledger->world.self);
    return ledger->size == released->size ? SK_OK : released_write(ledger);
}

static enum sk_code recover_new(struct ledger *ledger) {
    TRY(released_write(ledger));
    TRY(segment_begin(ledger, 0));
    return segment_make(ledger);
}

enum sk_code ledger_recover(struct ledger *ledger, struct ledger_found *found) {
    struct checkpoint released = {.size = 0};
    struct segment last = {.number = 0};
    enum sk_code record = released_read(ledger, &released);
    if (record != SK_OK && record != SK_UNKNOWN) return record;
    struct view origin = view_of(ledger->name.name);
    enum sk_code code = segment_head_read(&ledger->world, origin, 0, &last.head);
    if (code == SK_UNKNOWN) {
        if (released.size > 0)
            return FAIL(SK_CORRUPT, "ledger: no segment, but the checkpoint of %llu was released",
                        (unsigned long long)released.size);
        code = recover_new(ledger);
    } else if (code == SK_OK) {
        code = record == SK_OK ? recover_old(ledger, &last, &released, found)
                               : FAIL(SK_CORRUPT, "ledger: the record 'released' is missing");
    }
    buf_close(&last.image);
    found->size = ledger->size;
    found->segments = ledger->segment + 1;
    return code;
}
