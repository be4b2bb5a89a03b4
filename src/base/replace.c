#include "base/replace.h"

enum sk_code file_replace(const struct world *world, const char *name, const char *fresh,
                          struct view bytes) {
    int file;
    TRY(world->open(world->self, fresh, WORLD_CREATE, &file));
    enum sk_code code = world->truncate(world->self, file, 0);
    if (code == SK_OK) code = world->write(world->self, file, 0, bytes.at, bytes.len);
    if (code == SK_OK) code = world->sync(world->self, file);
    world->close(world->self, file);
    TRY(code);
    TRY(world->rename(world->self, fresh, name));
    return world->sync_directory(world->self);
}

enum sk_code file_read_at(const struct world *world, const char *name, uint64_t from, void *out,
                          size_t max, size_t *len) {
    int file;
    *len = 0;
    TRY(world->open(world->self, name, WORLD_READ, &file));
    enum sk_code code = world->read(world->self, file, from, out, max, len);
    world->close(world->self, file);
    return code;
}
