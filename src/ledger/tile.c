// The names of tiles, and the form of entries.
#include "ledger/tile.h"

static bool take(struct view *path, const char *text) {
    if (!view_starts(*path, view_of(text))) return false;
    *path = view_from(*path, strlen(text));
    return true;
}

// A number of one to three digits without leading zeros.
static bool take_small(struct view *path, unsigned *out) {
    size_t len = 0;
    for (*out = 0; len < path->len && path->at[len] >= '0' && path->at[len] <= '9'; len++) {
        if (len == 3 || (len > 0 && *out == 0)) return false;
        *out = *out * 10 + (unsigned)(path->at[len] - '0');
    }
    *path = view_from(*path, len);
    return len > 0;
}

// Groups of three digits; the first is "000" only when it is the only one.
static bool take_index(struct view *path, uint64_t *out) {
    *out = 0;
    for (bool first = true, more = true; more; first = false) {
        more = take(path, "x");
        if (path->len < 3) return false;
        unsigned group = 0;
        for (size_t i = 0; i < 3; i++) {
            if (path->at[i] < '0' || path->at[i] > '9') return false;
            group = group * 10 + (unsigned)(path->at[i] - '0');
        }
        if (first && more && group == 0) return false;
        if (__builtin_mul_overflow(*out, (uint64_t)1000, out) ||
            __builtin_add_overflow(*out, (uint64_t)group, out))
            return false;
        *path = view_from(*path, 3);
        if (more && !take(path, "/")) return false;
    }
    return true;
}

bool tile_name_take(struct view path, struct tile_name *out) {
    unsigned level = 0, width = TILE_WIDTH;
    if (!take(&path, "tile/")) return false;
    bool entries = take(&path, "entries/");
    if (!entries && (!take_small(&path, &level) || level > TILE_LEVEL_MAX || !take(&path, "/")))
        return false;
    uint64_t index;
    if (!take_index(&path, &index)) return false;
    if (path.len > 0) {
        if (!take(&path, ".p/") || !take_small(&path, &width) || path.len > 0) return false;
        if (width == 0 || width >= TILE_WIDTH) return false;
    }
    *out = (struct tile_name){entries, (uint8_t)level, index, (uint16_t)width};
    return true;
}

void tile_name_put(const struct tile_name *name, struct buf *out) {
    must(name->width > 0 && name->width <= TILE_WIDTH && name->level <= TILE_LEVEL_MAX);
    must(!name->entries || name->level == 0);
    buf_put_text(out, "tile/");
    if (name->entries) buf_put_text(out, "entries/");
    else buf_print(out, "%u/", name->level);
    uint64_t unit = 1;
    while (name->index / unit >= 1000) unit *= 1000;
    for (; unit > 1; unit /= 1000) buf_print(out, "x%03u/", (unsigned)(name->index / unit % 1000));
    buf_print(out, "%03u", (unsigned)(name->index % 1000));
    if (name->width < TILE_WIDTH) buf_print(out, ".p/%u", name->width);
}

void tile_entry_put(struct view entry, struct buf *out) {
    must(entry.len <= UINT16_MAX);
    buf_put_char(out, (char)(entry.len >> 8));
    buf_put_char(out, (char)(entry.len & 0xff));
    buf_put_view(out, entry);
}
