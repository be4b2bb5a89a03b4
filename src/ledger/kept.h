// Kept: what the archive holds of one request, as bytes: values and the salts that open their
// commitments, under the names that the log's format gives the fields (docs/ledger-format.md).
#pragma once
#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/fail.h"
#include "base/hash.h"
#include "base/view.h"

enum { KEPT_FIELDS_MAX = 4, KEPT_NAME_MAX = 32 };

struct kept_field {
    struct view name; // "request_body"
    uint8_t salt[HASH_LEN];
    bool valued; // else the salt alone is kept: the value is made again from others
    struct view value;
};
struct kept {
    struct kept_field fields[KEPT_FIELDS_MAX];
    size_t len;
};

void kept_record_put(const struct kept *kept, struct buf *out);
// Views into `bytes`. SK_CORRUPT: other bytes.
enum sk_code kept_record_take(struct view bytes, struct kept *out);
