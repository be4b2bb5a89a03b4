#include "ledger/forecast.h"

#include "base/day.h"
#include "ledger/leaves.h"
#include "ledger/ledger.h"
#include "ledger/store.h"

enum { HOUR_MS = 3600000, LEAF_ARENA = 1 << 20 };

const uint32_t forecast_span_days[FORECAST_SPANS] = {1, 7, 30};

struct reader {
    struct world world;
    const char *origin;
    uint64_t size;
    struct arena arena;
    char text[LEDGER_LEAF_MAX];
};

// ---- times ----

static bool leaf_time(struct reader *reader, struct view leaf, int64_t *ms) {
    const struct json_node *root;
    memcpy(reader->text, leaf.at, leaf.len);
    arena_reset(&reader->arena);
    return json_parse(reader->text, leaf.len, &reader->arena, &root) == SK_OK &&
           json_i64(json_find(root, "time_ms"), ms);
}

// The first time that a leaf from `index` on states, or the last.
static enum sk_code time_from(struct reader *reader, uint64_t index, bool last, int64_t *ms) {
    struct leaves *leaves;
    struct view leaf;
    bool found = false;
    TRY(leaves_open(&leaves, reader->world, reader->origin, index, reader->size));
    enum sk_code code = SK_OK;
    for (uint64_t i = index; code == SK_OK && (last || !found) && i < reader->size; i++) {
        code = leaves_next(leaves, &leaf);
        if (code == SK_OK) found |= leaf_time(reader, leaf, ms);
    }
    leaves_close(leaves);
    if (code != SK_OK) return code;
    return found ? SK_OK : FAIL(SK_UNKNOWN, "no leaf states a time");
}

// The time that the last leaf with one states.
static enum sk_code time_last(struct reader *reader, int64_t *ms) {
    for (uint64_t back = 1; reader->size > 0; back *= 8) {
        uint64_t from = back < reader->size ? reader->size - back : 0;
        enum sk_code code = time_from(reader, from, true, ms);
        if (code != SK_UNKNOWN || from == 0) return code;
    }
    return FAIL(SK_UNKNOWN, "the log is empty");
}

// The first leaf of `ms` or later: times ascend, but for what a clock was set back.
static enum sk_code index_of(struct reader *reader, int64_t ms, uint64_t *index) {
    uint64_t low = 0, high = reader->size;
    while (low < high) {
        uint64_t middle = low + (high - low) / 2;
        int64_t at;
        enum sk_code code = time_from(reader, middle, false, &at);
        if (code != SK_OK && code != SK_UNKNOWN) return code;
        if (code == SK_OK && at < ms) low = middle + 1;
        else high = middle;
    }
    *index = low;
    return SK_OK;
}

// ---- bytes ----

static enum sk_code segment_size(struct world *world, uint32_t number, uint64_t *size) {
    char name[16];
    int file;
    segment_name(number, name);
    TRY(world->open(world->self, name, WORLD_READ, &file));
    enum sk_code code = world->size(world->self, file, size);
    world->close(world->self, file);
    return code;
}

// Of all segments from where leaf `index` begins, of the whole log from leaf 0.
static enum sk_code bytes_from(struct reader *reader, uint64_t index, uint64_t *bytes) {
    struct leaves *leaves;
    struct view leaf;
    uint32_t number = 0;
    uint64_t skip = 0, size;
    *bytes = 0;
    if (index == reader->size) return SK_OK;
    if (index > 0) {
        TRY(leaves_open(&leaves, reader->world, reader->origin, index, reader->size));
        enum sk_code code = leaves_next(leaves, &leaf);
        if (code == SK_OK) leaves_place(leaves, &number, &skip);
        leaves_close(leaves);
        TRY(code);
    }
    for (;; number++, skip = 0) {
        enum sk_code code = segment_size(&reader->world, number, &size);
        if (code == SK_UNKNOWN) return SK_OK;
        TRY(code);
        *bytes += size > skip ? size - skip : 0;
    }
}

// What was kept since leaf `index`, less what goes within as long.
static int64_t kept_from(const struct archive *archive, uint64_t index, int64_t until_s) {
    int64_t bytes = 0;
    for (uint64_t i = 0; archive && i < archive_records(archive); i++) {
        struct archive_record record;
        archive_about(archive, i, &record);
        if (record.open >= index) bytes += (int64_t)record.bytes;
        if (record.expires_s <= until_s) bytes -= (int64_t)record.bytes;
    }
    return bytes;
}

static int64_t a_day(int64_t bytes, int64_t ms) {
    return (int64_t)((double)bytes * DAY_MS / (double)ms);
}

static enum sk_code span_read(struct reader *reader, const struct archive *archive, size_t span,
                              struct forecast *out) {
    int64_t ms = (int64_t)forecast_span_days[span] * DAY_MS;
    uint64_t index = 0, bytes;
    if (ms < out->age_ms) TRY(index_of(reader, out->time_ms - ms + 1, &index));
    else ms = out->age_ms;
    TRY(bytes_from(reader, index, &bytes));
    if (ms < HOUR_MS) ms = HOUR_MS; // of a log so young nothing can be said
    out->log.a_day[span] = a_day((int64_t)bytes, ms);
    out->kept.a_day[span] = a_day(kept_from(archive, index, (out->time_ms + ms) / 1000), ms);
    return SK_OK;
}

static enum sk_code read_all(struct reader *reader, const struct archive *archive,
                             struct forecast *out) {
    int64_t first;
    TRY(arena_open(&reader->arena, "leaf", LEAF_ARENA));
    TRY(time_last(reader, &out->time_ms));
    TRY(time_from(reader, 0, false, &first));
    out->age_ms = out->time_ms > first ? out->time_ms - first : 0;
    TRY(bytes_from(reader, 0, &out->log.bytes));
    for (size_t i = 0; i < FORECAST_SPANS; i++)
        TRY(span_read(reader, archive, i, out));
    return SK_OK;
}

enum sk_code forecast_read(struct world world, const char *origin, uint64_t size,
                           const struct archive *archive, struct forecast *out) {
    struct reader reader = {.world = world, .origin = origin, .size = size};
    *out = (struct forecast){.size = size};
    enum sk_code code = read_all(&reader, archive, out);
    arena_close(&reader.arena);
    return code;
}

// ---- what follows ----

int64_t forecast_a_day(const struct forecast *forecast) {
    int64_t most = INT64_MIN;
    for (size_t i = 0; i < FORECAST_SPANS; i++) {
        int64_t both = forecast->log.a_day[i] + forecast->kept.a_day[i];
        if (both > most) most = both;
    }
    return most;
}

bool forecast_days(const struct forecast *forecast, uint64_t left, uint64_t *days) {
    int64_t rate = forecast_a_day(forecast);
    *days = 0;
    if (forecast->free <= left) return true;
    if (rate <= 0) return false;
    *days = (forecast->free - left) / (uint64_t)rate;
    return true;
}

static void part_put(struct json_writer *w, const char *name, const struct forecast_part *part) {
    json_name(w, name);
    json_open(w, '{');
    json_member_u64(w, "bytes", part->bytes);
    json_member_i64(w, "day", part->a_day[0]);
    json_member_i64(w, "month", part->a_day[2]);
    json_member_i64(w, "week", part->a_day[1]);
    json_close(w, '}');
}

void forecast_put(const struct forecast *forecast, struct json_writer *w) {
    uint64_t days;
    if (forecast_days(forecast, 0, &days)) json_member_u64(w, "days_full", days);
    if (forecast_days(forecast, forecast->reserve, &days)) json_member_u64(w, "days_reserve", days);
    json_member_u64(w, "free", forecast->free);
    part_put(w, "kept", &forecast->kept);
    part_put(w, "log", &forecast->log);
    json_member_u64(w, "reserve", forecast->reserve);
    json_member_u64(w, "size", forecast->size);
}
