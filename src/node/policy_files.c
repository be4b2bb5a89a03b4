#include "node/policy_files.h"

#include "base/day.h"
#include "base/world.h"
#include "base/yaml.h"
#include "node/files.h"
#include "node/geo.h"

#include <stdio.h>
#include <unistd.h>

enum { PATH_LEN_MAX = 1024 };

int64_t policy_files_today(void) {
    struct world world = world_real(-1);
    return day_of_ms(world.clock_ms(world.self));
}

// The whole file as a text of the arena.
static enum sk_code text_read(const char *path, struct arena *arena, struct policy_source *out) {
    struct buf text = {0};
    TRY(buf_open(&text, YAML_MAX));
    enum sk_code code = files_read(path, &text);
    out->name = arena_text(arena, view_of(path));
    out->text = (struct view){arena_text(arena, buf_view(&text)), text.len};
    buf_close(&text);
    if (code == SK_OK && (!out->name || !out->text.at)) code = SK_LIMIT;
    return code;
}

static enum sk_code pack_read(const char *policy, struct view name, struct arena *arena,
                              struct policy_source *out) {
    char path[PATH_LEN_MAX + 80], shared[PATH_LEN_MAX];
    const char *slash = strrchr(policy, '/');
    int beside = slash ? (int)(slash - policy) : 1;
    if (strlen(policy) >= PATH_LEN_MAX) return FAIL(SK_LIMIT, "%s: path too long", policy);
    snprintf(path, sizeof path, "%.*s/%.*s.yaml", beside, slash ? policy : ".", (int)name.len,
             name.at);
    if (access(path, F_OK) == 0) return text_read(path, arena, out);
    files_default_packs(shared, sizeof shared);
    snprintf(path, sizeof path, "%s/%.*s.yaml", shared, (int)name.len, name.at);
    if (shared[0] && access(path, F_OK) == 0) return text_read(path, arena, out);
    return FAIL(SK_UNKNOWN, "%s: pack %.*s is neither beside it nor in %s", policy, (int)name.len,
                name.at, shared[0] ? shared : "a directory packs of the program");
}

enum sk_code policy_files_read(const char *path, int64_t day, struct arena *arena,
                               struct policy *out) {
    struct policy_sources sources = {0};
    struct view names[POLICY_PACKS_MAX];
    if (!path[0]) {
        policy_default("", arena, out);
        return SK_OK;
    }
    TRY(text_read(path, arena, &sources.policy));
    TRY(policy_packs(sources.policy, arena, names, &sources.packs_len));
    for (uint32_t i = 0; i < sources.packs_len; i++)
        TRY(pack_read(path, names[i], arena, &sources.packs[i]));
    TRY(policy_read(&sources, day, arena, out));
    return geo_check(out, path, day, arena);
}

void policy_files_detector(const char *directory, const char *policy, enum table_kind kind,
                           char *out, size_t max) {
    char installed[PATH_LEN_MAX];
    const char *slash = strrchr(policy, '/'), *name = table_name(kind);
    files_default_detectors(installed, sizeof installed);
    snprintf(out, max, "%s/%s.skdt", directory[0] ? directory : installed, name);
    if (kind != TABLE_LISTED || !policy[0] || access(out, F_OK) == 0) return;
    snprintf(out, max, "%.*s/%s.skdt", slash ? (int)(slash - policy) : 1, slash ? policy : ".",
             name);
}
