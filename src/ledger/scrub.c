#include "ledger/scrub.h"

#include <stdlib.h>

#include "ledger/store.h"

enum { SLICE = 256 << 10, FRAME_MAX = FRAME_SIZE + LEDGER_LEAF_MAX };

struct scrub {
    struct scrub_task task;
    struct world world;
    struct tree own; // of a directory alone
    const struct tree *tree;
    struct hash digest;
    uint32_t first, segment; // where the round began, and is; it goes once around
    bool last;               // the segment is the log's newest
    bool bounded;            // it is not, and how far it goes is known
    bool harmed;             // something of it is damaged
    int file;                // -1: it is yet to be opened
    struct segment_head head;
    struct buf bytes;        // what of it was read and not looked at, from `at` on
    uint64_t at, end;        // offsets; end: of what is to be read
    uint64_t next, base;     // the next leaf; the log's size when its batch began
    uint64_t limit;          // the next segment's first leaf
    uint64_t whole_at, whole;   // offset and log's size at the end of the last whole batch
    bool bad;                // looking for a frame that fits, since bad_at
    uint64_t bad_at, bad_end; // bad_end: index of the first whole frame behind, or UINT64_MAX
    struct scrub_found found;
};

static void tell(struct scrub *scrub, uint64_t offset, uint64_t leaves, const char *what) {
    struct scrub_damage damage = {scrub->segment, offset, scrub->next, leaves, what};
    scrub->harmed = true;
    scrub->found.damaged++;
    if (leaves > 0) scrub->found.rooted = false;
    scrub->task.damaged(scrub->task.self, &damage);
}

// ---- frames ----

static bool root_fits(const struct scrub *scrub, uint64_t size, const void *root) {
    struct tree_hash hash;
    if (!scrub->task.ledger && !scrub->found.rooted) return true; // nothing to compare with
    if (size > scrub->tree->size) return false;
    tree_root(scrub->tree, size, &hash);
    return memcmp(&hash, root, sizeof hash) == 0;
}

static void take_leaf(struct scrub *scrub, uint64_t offset, struct view leaf) {
    struct tree_hash hash;
    tree_leaf(leaf, &hash);
    scrub->found.leaves++;
    if (scrub->task.ledger) {
        if (memcmp(&hash, tree_leaf_at(scrub->tree, scrub->next), sizeof hash) != 0)
            tell(scrub, offset, 1, "a leaf is another than was sealed");
    } else if (scrub->found.rooted) {
        if (scrub->own.size < scrub->own.max) tree_put(&scrub->own, &hash);
        else scrub->found.rooted = false;
    }
    scrub->next++;
}

static void take_batch(struct scrub *scrub, uint64_t offset, struct view root) {
    if (root.len != HASH_LEN || !root_fits(scrub, scrub->next, root.at)) {
        uint64_t end = scrub->next;
        scrub->next = scrub->base;
        tell(scrub, offset, end - scrub->base, "a batch's leaves do not have its root");
        scrub->next = end;
    }
    scrub->base = scrub->whole = scrub->next;
}

// Whether the frame goes on where the last one ended, or, behind damage, could stand there.
static bool frame_fits(struct scrub *scrub, const struct frame *frame) {
    uint64_t base = frame->index - frame->rank, end = frame->index + (frame->type == FRAME_LEAF);
    const struct ledger *ledger = scrub->task.ledger;
    if (frame->type == FRAME_SEGMENT || frame->rank > LEDGER_BATCH_MAX || end > scrub->limit ||
        (ledger && end > ledger->size))
        return false;
    if (!scrub->bad) return frame->index == scrub->next && base == scrub->base;
    if (frame->index < scrub->next || base < scrub->base) return false;
    if (scrub->bad_end == UINT64_MAX) scrub->bad_end = frame->index;
    // At the log's end only a later batch tells damage from what a crash tore.
    return !scrub->last || ledger || base > scrub->whole;
}

static void frame_read(struct scrub *scrub, uint64_t offset, const struct frame *frame) {
    if (scrub->bad) {
        tell(scrub, scrub->bad_at, scrub->bad_end - scrub->next, "damaged");
        scrub->bad = false;
        if (scrub->next < frame->index) scrub->found.rooted = false;
        scrub->next = frame->index;
        scrub->base = frame->index - frame->rank;
    }
    if (frame->type == FRAME_LEAF) {
        take_leaf(scrub, offset, frame->payload);
        return;
    }
    take_batch(scrub, offset, frame->payload);
    scrub->whole_at = offset + frame_size(frame);
}

// Looks at what was read, but for a frame that is not all there yet.
static void frames_read(struct scrub *scrub, bool all) {
    size_t at = 0;
    bool over = false; // the next segment repeats the rest
    while (at < scrub->bytes.len) {
        over = scrub->next == scrub->limit && scrub->base == scrub->limit && !scrub->bad;
        if (over) break;
        struct view rest = view_from(buf_view(&scrub->bytes), at);
        struct frame frame;
        bool whole = frame_take(rest, &frame) && frame.nonce == scrub->head.nonce;
        if (!whole && !all && rest.len < FRAME_MAX) break;
        if (whole && frame_fits(scrub, &frame)) {
            frame_read(scrub, scrub->at + at, &frame);
            at += frame_size(&frame);
            continue;
        }
        if (!scrub->bad) {
            scrub->bad_at = scrub->at + at;
            scrub->bad_end = UINT64_MAX;
        }
        scrub->bad = true;
        size_t skip = whole ? frame_size(&frame) : 1;
        const char *magic = skip < rest.len ? memchr(rest.at + skip, 'S', rest.len - skip) : NULL;
        at = magic ? (size_t)(magic - scrub->bytes.at) : scrub->bytes.len;
    }
    hash_more(&scrub->digest, scrub->bytes.at, at);
    if (over) at = scrub->bytes.len;
    memmove(scrub->bytes.at, scrub->bytes.at + at, scrub->bytes.len - at);
    scrub->bytes.len -= at;
    scrub->at += at;
}

// ---- segments ----

// How far the segment goes. The log may have grown since the last slice, and begun the next one.
static enum sk_code bounds_find(struct scrub *scrub) {
    struct world *world = &scrub->world;
    const struct ledger *ledger = scrub->task.ledger;
    struct segment_head next;
    if (scrub->bounded) return SK_OK;
    if (ledger && scrub->segment == ledger->segment) {
        scrub->last = true;
        scrub->end = ledger->end;
        scrub->limit = ledger->size;
        return SK_OK;
    }
    enum sk_code code = segment_head_read(world, VIEW(""), scrub->segment + 1, &next);
    scrub->last = code == SK_UNKNOWN && !ledger;
    scrub->limit = code == SK_OK ? next.first : UINT64_MAX; // told when the next one is entered
    scrub->bounded = !scrub->last;
    return world->size(world->self, scrub->file, &scrub->end);
}

static void file_close(struct scrub *scrub) {
    if (scrub->file >= 0) scrub->world.close(scrub->world.self, scrub->file);
    scrub->file = -1;
}

// Opens the segment; false, and told, when it cannot be read.
static bool segment_enter(struct scrub *scrub) {
    struct world *world = &scrub->world;
    char name[16];
    segment_name(scrub->segment, name);
    scrub->harmed = scrub->bad = scrub->bounded = false;
    scrub->bytes.len = 0;
    scrub->found.segments++;
    if (segment_head_read(world, VIEW(""), scrub->segment, &scrub->head) != SK_OK ||
        world->open(world->self, name, WORLD_READ, &scrub->file) != SK_OK) {
        scrub->found.rooted = false;
        tell(scrub, 0, 0, "its first frame is damaged, or it cannot be read");
        return false;
    }
    if (bounds_find(scrub) != SK_OK) {
        tell(scrub, 0, 0, "it cannot be read");
        return false;
    }
    bool joined = scrub->task.ledger || scrub->next == scrub->head.first;
    scrub->next = scrub->base = scrub->whole = scrub->head.first;
    if (!joined || !root_fits(scrub, scrub->head.first, &scrub->head.root)) {
        scrub->found.rooted = false;
        tell(scrub, 0, 0, "it does not begin where the one before ends");
    }
    scrub->at = scrub->whole_at = scrub->head.size;
    hash_begin(&scrub->digest);
    char head[FRAME_MAX];
    size_t len = 0;
    if (world->read(world->self, scrub->file, 0, head, scrub->head.size, &len) != SK_OK ||
        len != scrub->head.size) {
        tell(scrub, 0, 0, "it cannot be read");
        return false;
    }
    hash_more(&scrub->digest, head, len);
    return true;
}

// Seals a full segment that is whole, or compares it with what was sealed.
static enum sk_code segment_seal(struct scrub *scrub) {
    struct segment_seal now = {.size = scrub->whole_at}, sealed;
    hash_end(&scrub->digest, now.digest);
    if (scrub->last || scrub->limit == UINT64_MAX) return SK_OK;
    enum sk_code code = seal_read(&scrub->world, scrub->segment, &sealed);
    bool mine = scrub->task.ledger && !scrub->harmed && code == SK_UNKNOWN;
    if (mine && scrub->segment > 0) // in order: line k is segment k's
        mine = seal_read(&scrub->world, scrub->segment - 1, &sealed) == SK_OK;
    if (mine) {
        TRY(seal_write(&scrub->world, scrub->segment, &now));
    } else if (code == SK_CORRUPT) {
        tell(scrub, 0, 0, "its line in 'sealed' is damaged");
        return SK_OK;
    } else if (code != SK_OK) {
        return code == SK_UNKNOWN ? SK_OK : code;
    } else if (now.size != sealed.size || memcmp(now.digest, sealed.digest, HASH_LEN) != 0) {
        if (!scrub->harmed) tell(scrub, 0, 0, "it has other bytes than when it was sealed");
        return SK_OK;
    }
    scrub->found.sealed++;
    return SK_OK;
}

static enum sk_code segment_leave(struct scrub *scrub) {
    bool end = scrub->last && !scrub->task.ledger;
    if (end) {
        scrub->found.tail = scrub->end - scrub->whole_at;
        scrub->next = scrub->whole;
        if (scrub->found.rooted) tree_cut(&scrub->own, scrub->whole);
    } else if (scrub->limit != UINT64_MAX && scrub->next < scrub->limit) {
        uint64_t at = scrub->bad ? scrub->bad_at : scrub->whole_at;
        tell(scrub, at, scrub->limit - scrub->next, "damaged to its end");
        scrub->next = scrub->limit;
    } else if (scrub->bad) {
        tell(scrub, scrub->bad_at, 0, "damaged to its end");
    }
    file_close(scrub);
    return segment_seal(scrub);
}

// ---- a directory alone: what was released ----

static void released_compare(struct scrub *scrub) {
    char storage[LEDGER_NOTE_MAX];
    struct checkpoint released = {.size = 0};
    struct view note;
    enum sk_code code = released_note(&scrub->world, storage, &note);
    if (code == SK_UNKNOWN) {
        tell(scrub, 0, 0, "the file 'released' is missing");
        return;
    }
    const struct note_key *key = scrub->task.key;
    if (code == SK_OK)
        code = key ? checkpoint_check(note, key, &released) : checkpoint_of(note, &released);
    if (code != SK_OK) {
        tell(scrub, 0, 0, "the file 'released' is damaged, or not signed by the key");
        return;
    }
    uint64_t size = scrub->next;
    if (released.size > size) {
        tell(scrub, scrub->whole_at, released.size - size, "the log ends before what was released");
    } else if (!root_fits(scrub, released.size, &released.root)) {
        scrub->next = 0;
        tell(scrub, 0, released.size, "the log has another root than was released");
        scrub->next = size;
    }
}

// ---- the round ----

// On to the next segment; after the newest to the first, until the round is closed.
static void round_go(struct scrub *scrub) {
    if (!scrub->task.ledger) {
        struct segment_head next;
        enum sk_code code =
            segment_head_read(&scrub->world, VIEW(""), scrub->segment + 1, &next);
        scrub->found.done = code == SK_UNKNOWN || scrub->segment + 1 == SEGMENTS_MAX;
        if (scrub->found.done) released_compare(scrub);
        else scrub->segment++;
        return;
    }
    scrub->segment = scrub->segment >= scrub->task.ledger->segment ? 0 : scrub->segment + 1;
    scrub->found.done = scrub->segment == scrub->first;
}

static enum sk_code slice_read(struct scrub *scrub, size_t *bytes) {
    struct world *world = &scrub->world;
    uint64_t from = scrub->at + scrub->bytes.len;
    TRY(bounds_find(scrub));
    uint64_t left = from < scrub->end ? scrub->end - from : 0;
    size_t max = scrub->bytes.max - scrub->bytes.len, len = 0;
    if (max > *bytes) max = *bytes;
    if (max > left) max = (size_t)left;
    char *to = scrub->bytes.at + scrub->bytes.len;
    if (world->read(world->self, scrub->file, from, to, max, &len) != SK_OK || len != max) {
        scrub->found.rooted = false;
        tell(scrub, from, 0, "it cannot be read");
        scrub->at = scrub->end;
        scrub->bytes.len = 0;
        return SK_OK;
    }
    scrub->bytes.len += len;
    scrub->found.bytes += len;
    *bytes -= len;
    frames_read(scrub, len == left);
    return SK_OK;
}

enum sk_code scrub_step(struct scrub *scrub, size_t bytes, struct scrub_found *found) {
    while (!scrub->found.done && bytes > 0) {
        bool there = scrub->file >= 0 || segment_enter(scrub);
        if (there) TRY(slice_read(scrub, &bytes));
        if (there && scrub->at + scrub->bytes.len < scrub->end) continue;
        if (there) TRY(segment_leave(scrub));
        else bytes = 0; // of a disk that reads nothing there is no end
        file_close(scrub);
        round_go(scrub);
    }
    *found = scrub->found;
    return SK_OK;
}

static enum sk_code scrub_start(struct scrub *scrub) {
    struct ledger *ledger = scrub->task.ledger;
    struct segment_head head;
    TRY(buf_open(&scrub->bytes, SLICE + FRAME_MAX));
    TRY(hash_open(&scrub->digest));
    scrub->found.rooted = true;
    if (!ledger) {
        enum sk_code code = segment_head_read(&scrub->world, VIEW(""), 0, &head);
        if (code == SK_UNKNOWN) return code;
        scrub->tree = &scrub->own;
        return tree_open(&scrub->own, LEAVES_DEFAULT);
    }
    scrub->tree = &ledger->tree;
    struct segment_seal seal; // a round begins with what is not sealed yet
    while (scrub->first < ledger->segment &&
           seal_read(&scrub->world, scrub->first, &seal) == SK_OK)
        scrub->first++;
    scrub->segment = scrub->first;
    return SK_OK;
}

enum sk_code scrub_open(struct scrub **scrub, const struct scrub_task *task) {
    *scrub = NULL;
    struct scrub *made = calloc(1, sizeof *made);
    if (!made) return FAIL(SK_LIMIT, "scrub: no memory");
    made->task = *task;
    made->world = task->world;
    made->file = -1;
    enum sk_code code = scrub_start(made);
    if (code == SK_OK) *scrub = made;
    else scrub_close(made);
    return code;
}

void scrub_close(struct scrub *scrub) {
    if (!scrub) return;
    file_close(scrub);
    hash_close(&scrub->digest);
    buf_close(&scrub->bytes);
    tree_close(&scrub->own);
    free(scrub);
}
