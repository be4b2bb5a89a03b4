// A simulated machine: one directory on a disk with a write cache, a clock and a seeded chance.
//
// Every file has two images: `cache`, what reads see, and `durable`, what a power loss leaves. A
// write or truncate is pending until a sync moves it into `durable`; names are pending until
// sync_directory. A failed sync moves a random part and forgets the rest, so that cache and disk
// differ with nothing pending: fsyncgate. Durable bytes change only where a pending write overlaps
// them, and then by whole sectors, as disks promise. Single-threaded; memory grows by malloc, this
// is test equipment.
#include "base/world.h"

#include <stdio.h>
#include <stdlib.h>

enum {
    SIM_SECTOR = 512,
    SIM_NAME_MAX = 96,
    SIM_NAMES_MAX = 64,    // names in the directory
    SIM_HANDLES_MAX = 64,  // open files
    SIM_FILES_MAX = 4096,  // files made in one life of the simulation
    SIM_CALL_US = 50,      // what one disk call takes
};

struct sim_image {
    uint8_t *at;
    uint64_t len, max;
};

// One pending change of a file: a write of bytes, or (bytes NULL) a truncate to `offset`.
struct sim_change {
    uint64_t offset;
    size_t len;
    uint8_t *bytes;
};

struct sim_file {
    struct sim_image cache, durable;
    struct sim_change *changes;
    size_t changes_len, changes_max;
    bool failed; // a writeback: the next sync says so
    bool protected;
};

// A name and the file it leads to, as seen and as on disk; -1 = none.
struct sim_name {
    char text[SIM_NAME_MAX];
    int cache, durable;
};

// One pending change of the directory: up to two names get a new file, together.
struct sim_link {
    int name[2], file[2];
    int names;
};

struct world_sim {
    uint64_t chance;
    struct world_faults faults;
    struct world_counts counts;
    int64_t clock_us;
    uint64_t calls_left; // UINT64_MAX: never stops
    bool stopped;
    struct sim_file *files[SIM_FILES_MAX];
    int files_len;
    struct sim_name names[SIM_NAMES_MAX];
    int names_len;
    struct sim_link *links;
    size_t links_len, links_max;
    int handles[SIM_HANDLES_MAX]; // file, or -1
    struct sim_image recycled;    // the last file that lost its name: what reused blocks hold
};

static uint64_t sim_chance(struct world_sim *sim) { // splitmix64
    uint64_t z = (sim->chance += 0x9e3779b97f4a7c15u);
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
    z = (z ^ z >> 27) * 0x94d049bb133111ebu;
    return z ^ z >> 31;
}

static bool sim_happens(struct world_sim *sim, uint32_t of_65536) {
    return of_65536 > 0 && (sim_chance(sim) & 0xffff) < of_65536;
}

// ---- images and pending changes ----

static void image_resize(struct sim_image *image, uint64_t len) {
    if (len > image->max) {
        uint64_t max = len + len / 2 + SIM_SECTOR;
        uint8_t *at = realloc(image->at, max);
        must(at);
        image->at = at;
        image->max = max;
    }
    if (len > image->len) memset(image->at + image->len, 0, len - image->len);
    image->len = len;
}

static void image_write(struct sim_image *image, uint64_t offset, const uint8_t *bytes,
                        uint64_t len) {
    if (len == 0) return;
    if (offset + len > image->len) image_resize(image, offset + len);
    memcpy(image->at + offset, bytes, len);
}

static void image_copy(struct sim_image *to, const struct sim_image *from) {
    image_resize(to, from->len);
    if (from->len) memcpy(to->at, from->at, from->len);
}

static void file_change(struct sim_file *file, uint64_t offset, const void *bytes, size_t len) {
    if (file->changes_len == file->changes_max) {
        file->changes_max = file->changes_max * 2 + 8;
        file->changes = realloc(file->changes, file->changes_max * sizeof *file->changes);
        must(file->changes);
    }
    struct sim_change change = {.offset = offset, .len = len};
    if (bytes) {
        change.bytes = malloc(len ? len : 1);
        must(change.bytes);
        if (len) memcpy(change.bytes, bytes, len);
        image_write(&file->cache, offset, bytes, len);
    } else {
        image_resize(&file->cache, offset);
    }
    file->changes[file->changes_len++] = change;
}

static void file_forget(struct sim_file *file) {
    for (size_t i = 0; i < file->changes_len; i++) free(file->changes[i].bytes);
    file->changes_len = 0;
}

static void change_apply(const struct sim_change *change, struct sim_image *image) {
    if (change->bytes) image_write(image, change->offset, change->bytes, change->len);
    else image_resize(image, change->offset);
}

// Part of a write reaches the disk: each sector is kept, or left as it was; what lies past `safe`,
// the end of the bytes that were durable before, may also come out zeroed or as a recycled block.
static void change_tear(struct world_sim *sim, const struct sim_change *change, uint64_t safe,
                        struct sim_image *image) {
    uint64_t end = change->offset + change->len;
    for (uint64_t at = change->offset, next; at < end; at = next) {
        next = (at / SIM_SECTOR + 1) * SIM_SECTOR;
        if (next > end) next = end;
        const uint8_t *bytes = change->bytes + (at - change->offset);
        uint64_t fate = sim_chance(sim) % 8;
        if (fate < 4) {
            image_write(image, at, bytes, next - at);
            continue;
        }
        if (fate < 6) continue;
        uint64_t from = at > safe ? at : safe;
        if (from >= next) continue;
        static const uint8_t zero[SIM_SECTOR];
        bool stale = fate == 7 && next <= sim->recycled.len;
        image_write(image, from, stale ? sim->recycled.at + from : zero, next - from);
        *(stale ? &sim->counts.stale : &sim->counts.zeroed) += 1;
    }
    sim->counts.torn++;
}

// What is left of the pending changes when power goes or a sync fails: one of nothing, all, or each
// change for itself.
static void file_lose(struct world_sim *sim, struct sim_file *file) {
    uint64_t mood = sim_chance(sim) % 4, safe = file->durable.len;
    for (size_t i = 0; i < file->changes_len; i++) {
        const struct sim_change *change = &file->changes[i];
        uint64_t fate = mood == 0 ? 0 : mood == 1 ? 1 : sim_chance(sim) % 4;
        if (fate == 0) {
            sim->counts.lost++;
        } else if (fate == 1 || !change->bytes) {
            change_apply(change, &file->durable);
            sim->counts.kept++;
        } else {
            change_tear(sim, change, safe, &file->durable);
        }
    }
    file_forget(file);
}

// ---- the directory ----

static int sim_name_find(const struct world_sim *sim, const char *text) {
    for (int i = 0; i < sim->names_len; i++)
        if (strcmp(sim->names[i].text, text) == 0) return i;
    return -1;
}

static int sim_name_make(struct world_sim *sim, const char *text) {
    int name = sim_name_find(sim, text);
    if (name >= 0) return name;
    must(sim->names_len < SIM_NAMES_MAX && strlen(text) < SIM_NAME_MAX);
    sim->names[sim->names_len] = (struct sim_name){.cache = -1, .durable = -1};
    snprintf(sim->names[sim->names_len].text, SIM_NAME_MAX, "%s", text);
    return sim->names_len++;
}

static void sim_link(struct world_sim *sim, struct sim_link link) {
    if (sim->links_len == sim->links_max) {
        sim->links_max = sim->links_max * 2 + 8;
        sim->links = realloc(sim->links, sim->links_max * sizeof *sim->links);
        must(sim->links);
    }
    for (int i = 0; i < link.names; i++) {
        int *file = &sim->names[link.name[i]].cache;
        bool moves = i + 1 < link.names && link.file[i + 1] == *file;
        if (*file >= 0 && !moves) image_copy(&sim->recycled, &sim->files[*file]->cache);
        *file = link.file[i];
    }
    sim->links[sim->links_len++] = link;
}

static void sim_link_apply(struct world_sim *sim, const struct sim_link *link) {
    for (int i = 0; i < link->names; i++) sim->names[link->name[i]].durable = link->file[i];
}

// ---- the calls ----

// Every disk call passes here: time goes on, the machine may stop, and `of_65536` times it fails.
static enum sk_code sim_call(struct world_sim *sim, const char *what, uint32_t of_65536,
                             uint64_t *count) {
    sim->clock_us += SIM_CALL_US;
    if (sim->calls_left == 0) sim->stopped = true;
    else if (sim->calls_left != UINT64_MAX) sim->calls_left--;
    if (sim->stopped) return FAIL(SK_IO, "%s: the simulated machine has stopped", what);
    if (!sim_happens(sim, of_65536)) return SK_OK;
    (*count)++;
    return FAIL(SK_IO, "%s: simulated failure", what);
}

static struct sim_file *sim_file_of(struct world_sim *sim, int handle) {
    must(handle >= 0 && handle < SIM_HANDLES_MAX && sim->handles[handle] >= 0);
    return sim->files[sim->handles[handle]];
}

static int64_t sim_clock_ms(void *self) {
    return ((struct world_sim *)self)->clock_us / 1000;
}

static int64_t sim_monotonic_us(void *self) { return ((struct world_sim *)self)->clock_us; }

static enum sk_code sim_random(void *self, void *out, size_t len) {
    for (size_t i = 0; i < len; i++) ((uint8_t *)out)[i] = (uint8_t)sim_chance(self);
    return SK_OK;
}

static enum sk_code sim_open(void *self, const char *name, int flags, int *handle) {
    struct world_sim *sim = self;
    TRY(sim_call(sim, name, 0, NULL));
    int at = sim_name_find(sim, name);
    bool present = at >= 0 && sim->names[at].cache >= 0;
    if (!present && !(flags & WORLD_CREATE)) return FAIL(SK_UNKNOWN, "%s: no such file", name);
    if (present && (flags & WORLD_EXCLUSIVE)) return FAIL(SK_IO, "%s: file exists", name);
    if (!present) {
        if (sim_happens(sim, sim->faults.write_full)) {
            sim->counts.full++;
            return FAIL(SK_LIMIT, "%s: simulated disk is full", name);
        }
        must(sim->files_len < SIM_FILES_MAX);
        struct sim_file *file = calloc(1, sizeof *file);
        must(file);
        sim->files[sim->files_len] = file;
        at = sim_name_make(sim, name);
        sim_link(sim, (struct sim_link){{at}, {sim->files_len++}, 1});
    }
    if (!(flags & WORLD_READ) && sim->files[sim->names[at].cache]->protected)
        return FAIL(SK_DENIED, "%s: it is read-only", name);
    for (*handle = 0; *handle < SIM_HANDLES_MAX; (*handle)++)
        if (sim->handles[*handle] < 0) break;
    must(*handle < SIM_HANDLES_MAX);
    sim->handles[*handle] = sim->names[at].cache;
    return SK_OK;
}

static enum sk_code sim_size(void *self, int handle, uint64_t *size) {
    struct world_sim *sim = self;
    TRY(sim_call(sim, "stat", 0, NULL));
    *size = sim_file_of(sim, handle)->cache.len;
    return SK_OK;
}

static enum sk_code sim_read(void *self, int handle, uint64_t offset, void *out, size_t len,
                             size_t *got) {
    struct world_sim *sim = self;
    *got = 0;
    TRY(sim_call(sim, "read", sim->faults.read_fail, &sim->counts.read_fails));
    const struct sim_image *cache = &sim_file_of(sim, handle)->cache;
    if (offset >= cache->len) return SK_OK;
    *got = cache->len - offset < len ? (size_t)(cache->len - offset) : len;
    if (*got) memcpy(out, cache->at + offset, *got);
    return SK_OK;
}

static enum sk_code sim_write(void *self, int handle, uint64_t offset, const void *bytes,
                              size_t len) {
    struct world_sim *sim = self;
    struct sim_file *file = sim_file_of(sim, handle);
    bool stopped = sim->stopped;
    enum sk_code code = sim_call(sim, "write", sim->faults.write_fail, &sim->counts.write_fails);
    if (code == SK_OK && sim_happens(sim, sim->faults.write_full)) {
        sim->counts.full++;
        code = FAIL(SK_LIMIT, "write: simulated disk is full");
    }
    // A failing write, and the one the machine stops in, leaves some of its bytes.
    size_t done = code == SK_OK ? len : stopped ? 0 : (size_t)(sim_chance(sim) % (len + 1));
    if (done > 0) file_change(file, offset, bytes, done);
    return code;
}

// What was written reaches the disk, in part or, where it goes wrong, is forgotten.
static enum sk_code sim_writeback(void *self, int handle, uint64_t offset, uint64_t len) {
    (void)offset;
    (void)len;
    struct world_sim *sim = self;
    struct sim_file *file = sim_file_of(sim, handle);
    TRY(sim_call(sim, "writeback", 0, NULL));
    if (!sim_happens(sim, sim->faults.sync_fail)) return SK_OK;
    sim->counts.sync_fails++;
    file_lose(sim, file); // the pages are clean now
    file->failed = true;
    return SK_OK;
}

static enum sk_code sim_truncate(void *self, int handle, uint64_t size) {
    struct world_sim *sim = self;
    TRY(sim_call(sim, "truncate", sim->faults.write_fail, &sim->counts.write_fails));
    file_change(sim_file_of(sim, handle), size, NULL, 0);
    return SK_OK;
}

static enum sk_code sim_sync(void *self, int handle) {
    struct world_sim *sim = self;
    struct sim_file *file = sim_file_of(sim, handle);
    bool stopped = sim->stopped;
    enum sk_code code = sim_call(sim, "sync", sim->faults.sync_fail, &sim->counts.sync_fails);
    if (code != SK_OK) {
        if (!stopped && !sim->stopped) file_lose(sim, file); // the pages are clean now
        return code;
    }
    if (file->failed) {
        file_lose(sim, file);
        file->failed = false; // said once: a second sync would succeed falsely
        return FAIL(SK_IO, "sync: simulated failure of an earlier writeback");
    }
    for (size_t i = 0; i < file->changes_len; i++) change_apply(&file->changes[i], &file->durable);
    file_forget(file);
    image_resize(&file->durable, file->cache.len); // the length is written with every sync
    return SK_OK;
}

// A failure keeps the links pending: metadata is journalled, it is not forgotten page by page.
static enum sk_code sim_sync_directory(void *self) {
    struct world_sim *sim = self;
    TRY(sim_call(sim, "sync", sim->faults.sync_fail, &sim->counts.sync_fails));
    for (size_t i = 0; i < sim->links_len; i++) sim_link_apply(sim, &sim->links[i]);
    sim->links_len = 0;
    return SK_OK;
}

static enum sk_code sim_rename(void *self, const char *from, const char *to) {
    struct world_sim *sim = self;
    TRY(sim_call(sim, "rename", sim->faults.write_fail, &sim->counts.write_fails));
    int source = sim_name_find(sim, from);
    if (source < 0 || sim->names[source].cache < 0)
        return FAIL(SK_UNKNOWN, "%s: no such file", from);
    int target = sim_name_make(sim, to);
    int file = sim->names[source].cache;
    sim_link(sim, (struct sim_link){{source, target}, {-1, file}, 2});
    return SK_OK;
}

static enum sk_code sim_remove(void *self, const char *name) {
    struct world_sim *sim = self;
    TRY(sim_call(sim, "remove", sim->faults.write_fail, &sim->counts.write_fails));
    int at = sim_name_find(sim, name);
    if (at < 0 || sim->names[at].cache < 0) return FAIL(SK_UNKNOWN, "%s: no such file", name);
    sim_link(sim, (struct sim_link){{at}, {-1}, 1});
    return SK_OK;
}

static enum sk_code sim_protect(void *self, const char *name) {
    struct world_sim *sim = self;
    TRY(sim_call(sim, "chmod", sim->faults.write_fail, &sim->counts.write_fails));
    int at = sim_name_find(sim, name);
    if (at < 0 || sim->names[at].cache < 0) return FAIL(SK_UNKNOWN, "%s: no such file", name);
    sim->files[sim->names[at].cache]->protected = true;
    return SK_OK;
}

static void sim_close(void *self, int handle) {
    struct world_sim *sim = self;
    must(handle >= 0 && handle < SIM_HANDLES_MAX);
    sim->handles[handle] = -1;
}

// ---- the machine from outside ----

enum sk_code world_sim_open(struct world_sim **sim, uint64_t seed) {
    *sim = calloc(1, sizeof **sim);
    if (!*sim) return FAIL(SK_LIMIT, "simulated machine: no memory");
    (*sim)->chance = seed;
    (*sim)->clock_us = INT64_C(1700000000) * 1000000;
    world_sim_restart(*sim);
    return SK_OK;
}

void world_sim_close(struct world_sim *sim) {
    if (!sim) return;
    for (int i = 0; i < sim->files_len; i++) {
        struct sim_file *file = sim->files[i];
        file_forget(file);
        free(file->changes);
        free(file->cache.at);
        free(file->durable.at);
        free(file);
    }
    free(sim->recycled.at);
    free(sim->links);
    free(sim);
}

struct world world_sim_world(struct world_sim *sim) {
    return (struct world){
        .self = sim,
        .clock_ms = sim_clock_ms,
        .monotonic_us = sim_monotonic_us,
        .random = sim_random,
        .open = sim_open,
        .size = sim_size,
        .read = sim_read,
        .write = sim_write,
        .writeback = sim_writeback,
        .truncate = sim_truncate,
        .sync = sim_sync,
        .sync_directory = sim_sync_directory,
        .rename = sim_rename,
        .remove = sim_remove,
        .protect = sim_protect,
        .close = sim_close,
    };
}

void world_sim_faults(struct world_sim *sim, struct world_faults faults) { sim->faults = faults; }

void world_sim_stop_after(struct world_sim *sim, uint64_t calls) { sim->calls_left = calls; }

void world_sim_restart(struct world_sim *sim) {
    sim->stopped = false;
    sim->calls_left = UINT64_MAX;
    for (int i = 0; i < SIM_HANDLES_MAX; i++) sim->handles[i] = -1;
}

void world_sim_crash(struct world_sim *sim) {
    sim->counts.crashes++;
    for (int i = 0; i < sim->files_len; i++) {
        struct sim_file *file = sim->files[i];
        file_lose(sim, file);
        image_copy(&file->cache, &file->durable);
    }
    // Links are journalled in order: the disk has seen the first so many.
    size_t kept = sim->links_len ? (size_t)(sim_chance(sim) % (sim->links_len + 1)) : 0;
    for (size_t i = 0; i < kept; i++) sim_link_apply(sim, &sim->links[i]);
    sim->links_len = 0;
    for (int i = 0; i < sim->names_len; i++) sim->names[i].cache = sim->names[i].durable;
    world_sim_restart(sim);
}

struct world_counts world_sim_counts(const struct world_sim *sim) { return sim->counts; }

void world_sim_clock_step(struct world_sim *sim, int64_t ms) { sim->clock_us += ms * 1000; }
