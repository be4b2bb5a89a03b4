// Pages of keys and values on disk: one file without a name, shared equally by the models.
//
// Each page is sealed under a key of its own (base/secret.h), in memory of this room alone; when
// the page is read, is dropped or makes room for another, or its model leaves the memory, the key
// is wiped, and what is left in the file says nothing. Promises: what was changed in the file,
// comes back short or is another page's is not found; what the disk does not take is not kept, and
// the next page is tried anew. Both are counted, and at most one a minute is a line in the log.
#include "node/room_engine.h"

#include "base/log.h"
#include "base/world.h"

#include <stdlib.h>
#include <string.h>

enum { BLOCK = 4096 }; // of a file: no two pages share one

static uint64_t stride_of(const struct engine_model *model) {
    return (model->page_bytes + SECRET_EXTRA_LEN + BLOCK - 1) / BLOCK * BLOCK;
}

// Of the file, for each model.
static uint64_t part_of(const struct engine_models *models) {
    return models->spill.bytes / models_engines(models) / BLOCK * BLOCK;
}

uint32_t spill_places(const struct engine_models *models, const struct engine_model *model) {
    enum { PLACES_MAX = 1 << 24 };
    if (models->spill.descriptor <= 0 || model->page_bytes == 0) return 0;
    uint64_t places = part_of(models) / stride_of(model);
    return places < PLACES_MAX ? (uint32_t)places : PLACES_MAX;
}

enum sk_code spill_open(struct engine_models *models) {
    struct engine_spill_file *file = &models->spill;
    uint64_t most = 0;
    size_t places = 0;
    uint32_t engines = 0;
    bool locked;
    for (uint32_t i = 0; i < models->len; i++) {
        struct engine_model *model = &models->rows[i];
        model->spill_first = places;
        if (model->setup.base) continue; // an adapter's are its model's
        model->spill_at = part_of(models) * engines++;
        places += model->spill_places;
        if (model->spill_places && stride_of(model) > most) most = stride_of(model);
    }
    if (places == 0) return SK_OK;
    file->scratch = malloc(most);
    if (!file->scratch)
        return FAIL(SK_LIMIT, "engine.cache_disk: no memory for a page of %llu bytes",
                    (unsigned long long)most);
    enum sk_code code = secret_keys_open(places, &file->keys, &locked);
    if (code != SK_OK) return fail_within(code, "engine.cache_disk");
    if (!locked) log_line(LOG_WARN, "scratch", "keys can be swapped: see RLIMIT_MEMLOCK");
    return SK_OK;
}

// ---- what the engine calls ----

static struct engine_spill_file *file_now(void) { return &engine_room.models.spill; }

static uint8_t *key_of(const struct engine_model *model, uint32_t place) {
    return file_now()->keys[model->spill_first + place];
}

static uint64_t offset_of(const struct engine_model *model, uint32_t place) {
    return model->spill_at + place * stride_of(model);
}

// Why a page was not put or not found, which may be so for every page: a line a minute says it.
static bool page_fails(const struct engine_model *model, uint64_t *count, const char *why) {
    enum { EVERY_MS = 60000 };
    struct engine_spill_file *file = file_now();
    int64_t now_ms = engine_now_ms();
    ++*count;
    if (file->logged_ms && now_ms - file->logged_ms < EVERY_MS) return false;
    file->logged_ms = now_ms;
    log_line(LOG_ERROR, "cache_disk", "model=%u text=\"%s\"", model->card.model, why);
    return false;
}

static bool spill_put(void *self, uint32_t place, struct view bound, struct view page) {
    const struct engine_model *model = self;
    struct engine_spill_file *file = file_now();
    struct world world = world_real(-1);
    uint8_t *key = key_of(model, place);
    size_t len = page.len + SECRET_EXTRA_LEN;
    enum sk_code code = world.random(world.self, key, SECRET_KEY_LEN);
    if (code == SK_OK) {
        secret_seal(key, bound, page, file->scratch);
        code = world.write(world.self, file->descriptor, offset_of(model, place), file->scratch,
                           len);
    }
    if (code != SK_OK) {
        secret_wipe(key);
        return page_fails(model, &file->failed, fail_text());
    }
    file->written += len;
    return true;
}

static bool spill_get(void *self, uint32_t place, struct view bound, struct view page) {
    const struct engine_model *model = self;
    struct engine_spill_file *file = file_now();
    struct world world = world_real(-1);
    size_t len = page.len + SECRET_EXTRA_LEN, got;
    enum sk_code code = world.read(world.self, file->descriptor, offset_of(model, place),
                                   file->scratch, len, &got);
    if (code != SK_OK) return page_fails(model, &file->damaged, fail_text());
    struct view sealed = {(const char *)file->scratch, len};
    file->read += got;
    if (got == len &&
        secret_unseal(key_of(model, place), bound, sealed, (uint8_t *)(uintptr_t)page.at))
        return true;
    return page_fails(model, &file->damaged, "a page is damaged: computed again");
}

static void spill_drop(void *self, uint32_t place) { secret_wipe(key_of(self, place)); }

struct engine_spill spill_of(struct engine_model *model) {
    return (struct engine_spill){.self = model,
                                 .places = model->spill_places,
                                 .put = spill_put,
                                 .get = spill_get,
                                 .drop = spill_drop};
}

void spill_forget(struct engine_model *model) {
    file_now()->hits += engine_spilled(model->engine).hits;
    for (uint32_t i = 0; i < model->spill_places; i++) secret_wipe(key_of(model, i));
}

void spill_tell(struct engine_models *models) {
    enum { EVERY_MS = 1000 };
    struct engine_spill_file *file = &models->spill;
    int64_t now_ms = engine_now_ms();
    if (file->descriptor <= 0 || now_ms - file->told_ms < EVERY_MS) return;
    file->told_ms = now_ms;
    struct msg_spilled now = {.hits = file->hits,
                              .read = file->read,
                              .written = file->written,
                              .failed = file->failed,
                              .damaged = file->damaged};
    for (uint32_t i = 0; i < models->len; i++) {
        if (!models->rows[i].engine) continue;
        struct engine_spilled spilled = engine_spilled(models->rows[i].engine);
        now.pages += spilled.pages;
        now.hits += spilled.hits;
    }
    engine_tell(MSG_spilled, 0, &(struct msg){.as.spilled = now});
}
