// Lookups in the lists of numbers in use: postal codes, banks and branches, area codes.
#include "border/identifiers.h"

#include "base/fail.h"
#include "border/scan_parts.h"

enum { POSTAL_ROW = 4, BANK_ROW = 4, PHONE_ROW = 8, AREA_MAX = 6 };

static uint32_t u16_at(const char *at) {
    const uint8_t *bytes = (const uint8_t *)at;
    return (uint32_t)(bytes[0] | bytes[1] << 8);
}
static uint32_t u32_at(const char *at) {
    return u16_at(at) | u16_at(at + 2) << 16;
}
// Bank, then branch: in this order the rows ascend.
static uint32_t bank_at(const char *at) {
    return u16_at(at) << 16 | u16_at(at + 2);
}

// Whether `key` is in rows of 4 bytes that ascend by `read`.
static bool listed(struct view payload, uint32_t (*read)(const char *), uint32_t key) {
    size_t low = 0, high = payload.len / 4;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        uint32_t here = read(payload.at + middle * 4);
        if (here == key) return true;
        if (here < key)
            low = middle + 1;
        else
            high = middle;
    }
    return false;
}

bool postal_listed(struct view payload, uint32_t code) {
    return listed(payload, u32_at, code);
}

bool bank_listed(struct view payload, uint32_t bank, uint32_t branch) {
    return bank <= UINT16_MAX && branch <= UINT16_MAX &&
           listed(payload, bank_at, bank << 16 | branch);
}

bool area_listed(struct view payload, const char *digits, uint32_t len) {
    char key[AREA_MAX] = {0};
    if (len < 2 || len > AREA_MAX) return false;
    memcpy(key, digits, len);
    size_t low = 0, high = payload.len / PHONE_ROW;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        int order = memcmp(payload.at + middle * PHONE_ROW, key, AREA_MAX);
        if (order == 0) return true;
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return false;
}

// ---- checks ----

static enum sk_code ascending(struct view payload, uint32_t (*read)(const char *)) {
    for (size_t at = 4; at < payload.len; at += 4)
        if (read(payload.at + at) <= read(payload.at + at - 4))
            return FAIL(SK_CORRUPT, "row %zu does not ascend", at / 4);
    return SK_OK;
}

enum sk_code postal_check(struct view payload) {
    if (payload.len == 0 || payload.len % POSTAL_ROW != 0)
        return FAIL(SK_CORRUPT, "%zu bytes are no postal codes", payload.len);
    TRY(ascending(payload, u32_at));
    if (u32_at(payload.at + payload.len - POSTAL_ROW) > 9999999)
        return FAIL(SK_CORRUPT, "a postal code has 7 digits");
    return SK_OK;
}

enum sk_code banks_check(struct view payload) {
    if (payload.len == 0 || payload.len % BANK_ROW != 0)
        return FAIL(SK_CORRUPT, "%zu bytes are no banks", payload.len);
    TRY(ascending(payload, bank_at));
    for (size_t at = 0; at < payload.len; at += BANK_ROW)
        if (u16_at(payload.at + at) > 9999 || u16_at(payload.at + at + 2) > 999)
            return FAIL(SK_CORRUPT, "row %zu is no bank of 4 and branch of 3 digits",
                        at / BANK_ROW);
    return SK_OK;
}

static bool area_check(const char *row) {
    uint32_t len = 0;
    while (len < AREA_MAX && row[len] >= '0' && row[len] <= '9')
        len++;
    for (uint32_t i = len; i < AREA_MAX; i++)
        if (row[i]) return false;
    return len >= 2 && row[0] == '0' && len + (uint32_t)(uint8_t)row[6] + 4 == 10 && row[7] == 0;
}

enum sk_code phones_check(struct view payload) {
    if (payload.len == 0 || payload.len % PHONE_ROW != 0)
        return FAIL(SK_CORRUPT, "%zu bytes are no area codes", payload.len);
    for (size_t at = 0; at < payload.len; at += PHONE_ROW) {
        if (!area_check(payload.at + at))
            return FAIL(SK_CORRUPT, "row %zu is no area code", at / PHONE_ROW);
        if (at && memcmp(payload.at + at, payload.at + at - PHONE_ROW, AREA_MAX) <= 0)
            return FAIL(SK_CORRUPT, "row %zu does not ascend", at / PHONE_ROW);
    }
    return SK_OK;
}
