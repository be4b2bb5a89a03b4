// World: clock, chance and disk behind one table, so that any run can be replayed from a seed and
// any write can fail.
//
// world_real() is the machine. world_sim_* is a simulated one: unsynced writes live in a cache, a
// crash keeps any subset of them and tears them at 512-byte sectors, and each call can be told to
// fail. Files are named relative to one directory handed over at open: a room holds no path.
#pragma once
#include <stdbool.h>
#include <stdint.h>

#include "base/fail.h"
#include "base/view.h"

enum world_open_flags {
    WORLD_CREATE = 1,    // make it when absent
    WORLD_EXCLUSIVE = 2, // with CREATE: fail when present
    WORLD_READ = 4,      // read only
};

struct world {
    void *self;
    int64_t (*clock_ms)(void *self);     // since 1970-01-01 UTC
    int64_t (*monotonic_us)(void *self); // never goes back
    enum sk_code (*random)(void *self, void *out, size_t len);
    // Files, by name in the world's directory; *file is a small number >= 0.
    enum sk_code (*open)(void *self, const char *name, int flags, int *file); // SK_UNKNOWN absent
    enum sk_code (*size)(void *self, int file, uint64_t *size);
    // Reads up to len bytes at offset; *got is short only at the end of the file.
    enum sk_code (*read)(void *self, int file, uint64_t offset, void *out, size_t len, size_t *got);
    // Writes all bytes or fails (SK_LIMIT for a full disk, else SK_IO); after a failure the file's
    // bytes from offset on are unknown.
    enum sk_code (*write)(void *self, int file, uint64_t offset, const void *bytes, size_t len);
    // Lets written bytes begin their way to the disk. Promises nothing: a sync still covers them,
    // and fails when they could not be written.
    enum sk_code (*writeback)(void *self, int file, uint64_t offset, uint64_t len);
    enum sk_code (*truncate)(void *self, int file, uint64_t size);
    // After SK_IO from sync nothing unsynced may be believed, and sync must not be retried: the
    // kernel marks the pages clean (fsyncgate).
    enum sk_code (*sync)(void *self, int file);
    enum sk_code (*sync_directory)(void *self);
    enum sk_code (*rename)(void *self, const char *from, const char *to);
    enum sk_code (*remove)(void *self, const char *name);
    // Nobody may open the file to write it any more, this process included; the name may still be
    // renamed or removed, and root may do as it likes.
    enum sk_code (*protect)(void *self, const char *name);
    void (*close)(void *self, int file);
};

// The machine, with `directory` (an O_DIRECTORY descriptor, borrowed; -1 for no files).
struct world world_real(int directory);

// One simulated machine.
struct world_sim;

// What may go wrong, in 1/65536 per call; a field left 0 never happens. A writeback that goes wrong
// is told by the next sync of that file.
struct world_faults {
    uint32_t write_fail, write_full, sync_fail, read_fail;
};

enum sk_code world_sim_open(struct world_sim **sim, uint64_t seed);
void world_sim_close(struct world_sim *sim);
struct world world_sim_world(struct world_sim *sim);
void world_sim_faults(struct world_sim *sim, struct world_faults faults);
// Stops the process after `calls` more disk calls, perhaps within a write: every later call fails
// with SK_IO until restart or crash.
void world_sim_stop_after(struct world_sim *sim, uint64_t calls);
// The process ended and comes again on the same machine: open files are closed, the cache stays.
void world_sim_restart(struct world_sim *sim);
// Power loss: of every file keeps what was synced, plus a random subset of unsynced writes, each
// possibly torn at sector borders, zero-filled or stale; of the names, a first part of the unsynced
// changes. Then the machine runs again.
void world_sim_crash(struct world_sim *sim);
// How often each kind of damage happened since open, for the test's table.
struct world_counts {
    uint64_t crashes, lost, kept, torn, zeroed, stale, write_fails, full, sync_fails, read_fails;
};
struct world_counts world_sim_counts(const struct world_sim *sim);
void world_sim_clock_step(struct world_sim *sim, int64_t ms);
