#include "ledger/kept.h"

#include <string.h>

#include "base/wire.h"

enum { VERSION = 1 };

void kept_record_put(const struct kept *kept, struct buf *out) {
    must(kept->len <= KEPT_FIELDS_MAX);
    wire_put_u8(out, VERSION);
    wire_put_u8(out, (uint8_t)kept->len);
    for (size_t i = 0; i < kept->len; i++) {
        const struct kept_field *field = &kept->fields[i];
        must(field->name.len <= KEPT_NAME_MAX);
        wire_put_text(out, field->name);
        buf_put(out, field->salt, HASH_LEN);
        wire_put_u8(out, field->valued);
        if (field->valued) wire_put_text(out, field->value);
    }
}

enum sk_code kept_record_take(struct view bytes, struct kept *out) {
    struct wire wire = wire_over(bytes);
    *out = (struct kept){0};
    if (wire_take_u8(&wire) != VERSION) wire.bad = true;
    size_t len = wire_take_u8(&wire);
    if (len > KEPT_FIELDS_MAX) wire.bad = true;
    for (size_t i = 0; i < len && !wire.bad; i++) {
        struct kept_field *field = &out->fields[out->len++];
        field->name = wire_take_text(&wire, KEPT_NAME_MAX);
        struct view salt = wire_take_bytes(&wire, HASH_LEN);
        uint8_t valued = wire_take_u8(&wire);
        if (valued > 1) wire.bad = true;
        field->valued = valued == 1;
        if (field->valued) field->value = wire_take_text(&wire, SIZE_MAX);
        if (!wire.bad) memcpy(field->salt, salt.at, HASH_LEN);
    }
    return wire_end(&wire, "kept record");
}
