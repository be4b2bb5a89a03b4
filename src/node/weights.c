#include "node/weights.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/text.h"
#include "base/world.h"
#include "node/mapped.h"

// "-00001-of-00003.gguf" at the end of a path.
enum { SPLIT_LEN = 20, DIGITS = 5 };

// Five digits; 0 when they are none.
static unsigned number_take(const char *at) {
    unsigned number = 0;
    for (int i = 0; i < DIGITS; i++) {
        if (at[i] < '0' || at[i] > '9') return 0;
        number = 10 * number + (unsigned)(at[i] - '0');
    }
    return number;
}

// How many parts the name of the first one says; 1 for any other name.
static enum sk_code parts_count(const char *path, uint32_t *count) {
    size_t len = strlen(path);
    *count = 1;
    if (len <= SPLIT_LEN) return SK_OK;
    const char *tail = path + len - SPLIT_LEN;
    if (tail[0] != '-' || memcmp(tail + 6, "-of-", 4) != 0 || strcmp(tail + 15, ".gguf") != 0)
        return SK_OK;
    unsigned no = number_take(tail + 1), all = number_take(tail + 10);
    if (no == 0 || all == 0 || no > all) return SK_OK;
    if (no != 1) return FAIL(SK_INPUT, "%s: part %u of %u: name the first, 00001", path, no, all);
    if (all > WEIGHTS_PARTS_MAX)
        return FAIL(SK_LIMIT, "%s: %u parts > %d", path, all, WEIGHTS_PARTS_MAX);
    *count = all;
    return SK_OK;
}

static enum sk_code part_open(struct weights *weights, const char *path) {
    struct weights_part *part = &weights->parts[weights->len];
    const char *slash = strrchr(path, '/');
    struct stat info;
    if (snprintf(part->name, sizeof part->name, "%s", slash ? slash + 1 : path) >=
        (int)sizeof part->name)
        return FAIL(SK_LIMIT, "%s: name too long", path);
    part->descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (part->descriptor < 0) return FAIL(SK_UNKNOWN, "%s: %s", path, strerror(errno));
    weights->len++;
    if (fstat(part->descriptor, &info) != 0) return FAIL(SK_IO, "%s: %s", path, strerror(errno));
    if (!S_ISREG(info.st_mode) || info.st_size == 0)
        return FAIL(SK_CORRUPT, "%s: empty or not a file", path);
    part->file = file_state_of(&info);
    weights->bytes += part->file.size;
    return SK_OK;
}

enum sk_code weights_open(struct weights *weights, const char *path) {
    char part[4096], tail[2 * SPLIT_LEN];
    uint32_t count;
    *weights = (struct weights){0};
    if (snprintf(part, sizeof part, "%s", path) >= (int)sizeof part)
        return FAIL(SK_LIMIT, "model: the path is too long");
    TRY(parts_count(path, &count));
    enum sk_code code = SK_OK;
    for (uint32_t i = 0; i < count && code == SK_OK; i++) {
        snprintf(tail, sizeof tail, "-%05u-of-%05u.gguf", i + 1, count);
        if (count > 1) memcpy(part + strlen(path) - SPLIT_LEN, tail, SPLIT_LEN);
        code = part_open(weights, part);
    }
    if (code != SK_OK) weights_close(weights);
    return code;
}

void weights_close(struct weights *weights) {
    for (uint32_t i = 0; i < weights->len; i++) close(weights->parts[i].descriptor);
    weights->len = 0;
}

// The state of a part, when its last change is so long ago that another would show.
static enum sk_code part_settled(struct weights_part *part, uint64_t *now_ms) {
    enum { TRIES = 100 };
    struct world world = world_real(-1);
    for (int i = 0; i < TRIES; i++) {
        struct stat info;
        *now_ms = (uint64_t)world.clock_ms(world.self);
        if (fstat(part->descriptor, &info) != 0) return FAIL(SK_IO, "%s", strerror(errno));
        part->file = file_state_of(&info);
        uint64_t changed_ms = part->file.ctime_ns / 1000000;
        if (changed_ms + FILE_TICK_MS < *now_ms || changed_ms > *now_ms + FILE_TICK_MS)
            return SK_OK;
        usleep(FILE_TICK_MS * 1000);
    }
    return FAIL(SK_BUSY, "it is being changed");
}

// Reads one part whole; it must be in the same state before and after.
static enum sk_code part_read(struct weights_part *part, files_progress *progress,
                              struct digest_row *row) {
    struct stat info;
    TRY(part_settled(part, &row->checked_ms));
    row->file = part->file;
    TRY(files_digest(part->descriptor, row->digest, progress));
    if (fstat(part->descriptor, &info) != 0) return FAIL(SK_IO, "%s", strerror(errno));
    struct file_state after = file_state_of(&info);
    if (!file_state_same(&row->file, &after))
        return FAIL(SK_BUSY, "it was changed while it was read");
    return SK_OK;
}

enum sk_code weights_check(struct weights *weights, struct digests *digests, bool fresh,
                           files_progress *progress) {
    char lines[WEIGHTS_PARTS_MAX * (2 * HASH_LEN + 3 + sizeof weights->parts->name)];
    struct buf manifest = buf_over(lines, sizeof lines);
    weights->cached = false;
    weights->checked_ms = UINT64_MAX;
    for (uint32_t i = 0; i < weights->len; i++) {
        struct weights_part *part = &weights->parts[i];
        struct digest_row row;
        const struct digest_row *known = fresh ? NULL : digests_find(digests, &part->file);
        if (!known) {
            enum sk_code code = part_read(part, progress, &row);
            if (code != SK_OK) return fail_within(code, "%s", part->name);
            digests_put(digests, &row);
        } else {
            row = *known;
            weights->cached = true;
        }
        if (row.checked_ms < weights->checked_ms) weights->checked_ms = row.checked_ms;
        memcpy(part->digest, row.digest, HASH_LEN);
        memcpy(weights->digest, row.digest, HASH_LEN);
        hex_put(&manifest, row.digest, HASH_LEN);
        buf_print(&manifest, "  %s\n", part->name);
    }
    must(!manifest.over);
    if (weights->len > 1) hash_of(manifest.at, manifest.len, weights->digest);
    return SK_OK;
}

enum sk_code weights_map(const struct weights *weights, struct view *views) {
    for (uint32_t i = 0; i < weights->len; i++) {
        const struct weights_part *part = &weights->parts[i];
        enum sk_code code = mapped_open(part->descriptor, part->file.size, &views[i]);
        if (code == SK_OK) continue;
        while (i > 0) mapped_close(&views[--i]);
        return fail_within(code, "%s", part->name);
    }
    return SK_OK;
}

void weights_unmap(const struct weights *weights, struct view *views) {
    for (uint32_t i = 0; i < weights->len; i++) mapped_close(&views[i]);
}
