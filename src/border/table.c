#include "border/table.h"

#include "base/hash.h"
#include "base/utf8.h"
#include "base/wire.h"

enum { VERSION = 1, ALIGN = 64, HEADER_MAX = 1 << 16, FIXED_LEN = 4 + 2 + 2 + 4 + 8 + HASH_LEN };
static const uint64_t PAYLOAD_MAX = 1ull << 32;

static const char *const names[TABLE_KINDS] = {
    [TABLE_NAMES] = "names",   [TABLE_PLACES] = "places",   [TABLE_POSTAL] = "postal",
    [TABLE_BANKS] = "banks",   [TABLE_PHONES] = "phones",   [TABLE_CARE] = "care",
    [TABLE_LISTED] = "listed", [TABLE_SECRETS] = "secrets",
};

static bool known(unsigned kind) {
    return kind >= TABLE_NAMES && kind < TABLE_KINDS;
}

const char *table_name(enum table_kind kind) {
    return known(kind) ? names[kind] : "";
}

// Bytes between the header and the payload, which begins at a multiple of ALIGN of the file.
static size_t padding(size_t header_len) {
    return -(FIXED_LEN + header_len) % ALIGN;
}

static bool zeroes(struct view bytes) {
    for (size_t i = 0; i < bytes.len; i++)
        if (bytes.at[i]) return false;
    return true;
}

// An object from brace to brace: what stands in it is for people.
static bool header_check(struct view header) {
    return header.len >= 2 && header.len <= HEADER_MAX && header.at[0] == '{' &&
           header.at[header.len - 1] == '}' && utf8_check(header);
}

enum sk_code table_read(struct view file, struct table *out) {
    struct wire wire = wire_over(file);
    struct view magic = wire_take_bytes(&wire, 4);
    unsigned version = wire_take_u16(&wire), kind = wire_take_u16(&wire);
    size_t header_len = wire_take_u32(&wire);
    uint64_t payload_len = wire_take_u64(&wire);
    struct view digest = wire_take_bytes(&wire, HASH_LEN);
    if (wire.bad || !view_is(magic, "SKDT"))
        return FAIL(SK_CORRUPT, "no detector file: it does not begin with SKDT");
    if (version != VERSION)
        return FAIL(SK_CORRUPT, "detector file of version %u, this build reads %d", version,
                    VERSION);
    if (!known(kind)) return FAIL(SK_CORRUPT, "detector file of kind %u: no such kind", kind);
    struct view header = wire_take_bytes(&wire, header_len);
    if (wire.bad || !header_check(header))
        return FAIL(SK_CORRUPT, "%s.skdt: the header is cut or no object", names[kind]);
    struct view pad = wire_take_bytes(&wire, padding(header_len));
    if (wire.bad || !zeroes(pad) || payload_len > PAYLOAD_MAX)
        return FAIL(SK_CORRUPT, "%s.skdt: cut before its payload", names[kind]);
    struct view payload = wire_take_bytes(&wire, (size_t)payload_len);
    if (wire_end(&wire, "payload") != SK_OK)
        return FAIL(SK_CORRUPT, "%s.skdt: payload of %llu bytes expected, the file has another",
                    names[kind], (unsigned long long)payload_len);
    uint8_t hash[HASH_LEN];
    hash_of(payload.at, payload.len, hash);
    if (memcmp(hash, digest.at, HASH_LEN) != 0)
        return FAIL(SK_CORRUPT, "%s.skdt: the payload is not the one its digest names",
                    names[kind]);
    *out = (struct table){(enum table_kind)kind, header, payload};
    return SK_OK;
}

enum sk_code table_write(const struct table *table, struct buf *out) {
    static const char none[ALIGN];
    uint8_t hash[HASH_LEN];
    if (!known(table->kind)) return FAIL(SK_INPUT, "detector file of no known kind");
    if (!header_check(table->header)) return FAIL(SK_INPUT, "header of a detector file: no object");
    hash_of(table->payload.at, table->payload.len, hash);
    buf_put_text(out, "SKDT");
    wire_put_u16(out, VERSION);
    wire_put_u16(out, (uint16_t)table->kind);
    wire_put_u32(out, (uint32_t)table->header.len);
    wire_put_u64(out, table->payload.len);
    buf_put(out, hash, HASH_LEN);
    buf_put_view(out, table->header);
    buf_put(out, none, padding(table->header.len));
    buf_put_view(out, table->payload);
    return buf_check(out, "detector file");
}
