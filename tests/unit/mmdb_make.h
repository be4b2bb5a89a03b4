// MMDB files for tests, by the format's specification 2.0: an IPv4 tree of 24-bit records, one
// string for each network.
#pragma once
#include <stdint.h>
#include <string.h>

#include "base/buf.h"

enum { MMDB_NODES_MAX = 256, MMDB_NONE = -1, MMDB_DATA = 1 << 20, MMDB_TEXT_MAX = 1 << 14 };

struct mmdb {
    int32_t nodes[MMDB_NODES_MAX][2]; // a node, MMDB_NONE, or MMDB_DATA + offset
    int32_t len;
    char data[4096];
    struct buf values;
};

static inline void mmdb_begin(struct mmdb *mmdb) {
    *mmdb = (struct mmdb){.len = 1, .nodes = {{MMDB_NONE, MMDB_NONE}}};
    mmdb->values = buf_over(mmdb->data, sizeof mmdb->data);
}

static inline void mmdb_text(struct buf *out, const char *text) { // shorter than 29
    buf_put_char(out, (char)(0x40 | strlen(text)));
    buf_put_text(out, text);
}

// a.b.c.d/prefix has this country; nested as {"country": {"iso_code": …}}.
static inline void mmdb_add(struct mmdb *mmdb, uint32_t network, unsigned prefix,
                            const char *country, int nested) {
    int32_t value = MMDB_DATA + (int32_t)mmdb->values.len, at = 0;
    buf_put_char(&mmdb->values, (char)0xe1);
    mmdb_text(&mmdb->values, nested ? "country" : "country_code");
    if (nested) {
        buf_put_char(&mmdb->values, (char)0xe1);
        mmdb_text(&mmdb->values, "iso_code");
    }
    mmdb_text(&mmdb->values, country);
    for (unsigned i = 0; i < prefix; i++) {
        int32_t *next = &mmdb->nodes[at][network >> (31 - i) & 1];
        if (i == prefix - 1) {
            *next = value;
        } else {
            if (*next == MMDB_NONE) {
                *next = mmdb->len++;
                mmdb->nodes[*next][0] = mmdb->nodes[*next][1] = MMDB_NONE;
            }
            at = *next;
        }
    }
}

static inline void mmdb_number(struct buf *out, const char *name, unsigned type, uint64_t number) {
    unsigned len = type == 5 ? 2 : type == 6 ? 4 : 8;
    mmdb_text(out, name);
    if (type < 8) {
        buf_put_char(out, (char)(type << 5 | len));
    } else {
        buf_put_char(out, (char)len);
        buf_put_char(out, (char)(type - 7));
    }
    for (unsigned i = len; i-- > 0;) buf_put_char(out, (char)(uint8_t)(number >> (8 * i)));
}

static inline void mmdb_put(const struct mmdb *mmdb, uint64_t epoch_s, struct buf *out) {
    for (int32_t i = 0; i < mmdb->len; i++) {
        for (int side = 0; side < 2; side++) {
            int32_t record = mmdb->nodes[i][side];
            if (record == MMDB_NONE) record = mmdb->len;
            else if (record >= MMDB_DATA) record = record - MMDB_DATA + mmdb->len + 16;
            for (int shift = 16; shift >= 0; shift -= 8)
                buf_put_char(out, (char)(uint8_t)(record >> shift));
        }
    }
    for (int i = 0; i < 16; i++) buf_put_char(out, 0);
    buf_put_view(out, buf_view(&mmdb->values));
    buf_put_text(out, "\xab\xcd\xefMaxMind.com");
    buf_put_char(out, (char)(0xe0 | 9));
    mmdb_number(out, "node_count", 6, (uint64_t)mmdb->len);
    mmdb_number(out, "record_size", 5, 24);
    mmdb_number(out, "ip_version", 5, 4);
    mmdb_number(out, "binary_format_major_version", 5, 2);
    mmdb_number(out, "binary_format_minor_version", 5, 0);
    mmdb_number(out, "build_epoch", 9, epoch_s);
    mmdb_text(out, "database_type");
    mmdb_text(out, "test");
    mmdb_text(out, "languages");
    buf_put_char(out, 0);
    buf_put_char(out, 4); // an array of none
    mmdb_text(out, "description");
    buf_put_char(out, (char)0xe0);
}
