#include "node/geo.h"

#ifndef SEKISHO_GEO

bool geo_supported(void) { return false; }

enum sk_code geo_check(struct policy *policy, const char *path, int64_t day, struct arena *arena) {
    (void)day, (void)arena;
    if (policy->geo_len == 0) return SK_OK;
    return FAIL(SK_UNSUPPORTED, "%s: geo needs libmaxminddb, which this build was made without",
                path);
}

#else

#include "base/day.h"

#include <maxminddb.h>
#include <netinet/in.h>
#include <stdio.h>

enum { PATH_LEN_MAX = 2048 };

struct geo {
    MMDB_s data;
    const struct policy_geo *row;
    int64_t built; // day
    int64_t age;
};

bool geo_supported(void) { return true; }

static enum sk_code geo_open(struct geo *geo, const struct policy_geo *row, const char *policy,
                             int64_t day) {
    char path[PATH_LEN_MAX];
    const char *slash = strrchr(policy, '/');
    bool beside = row->file[0] != '/' && slash;
    int len = snprintf(path, sizeof path, "%.*s%s%s", beside ? (int)(slash - policy) : 0, policy,
                       beside ? "/" : "", row->file);
    if (len >= (int)sizeof path) return FAIL(SK_LIMIT, "%s: path too long", row->file);
    int error = MMDB_open(path, MMDB_MODE_MMAP, &geo->data);
    if (error != MMDB_SUCCESS)
        return FAIL(error == MMDB_FILE_OPEN_ERROR ? SK_UNKNOWN : SK_CORRUPT, "geo %s: %s", path,
                    MMDB_strerror(error));
    geo->row = row;
    geo->built = day_of_ms((int64_t)(geo->data.metadata.build_epoch * 1000));
    geo->age = day - geo->built;
    return SK_OK;
}

// {"country": {"iso_code": "JP"}} of one family of files, {"country_code": "JP"} of another.
static bool country_of(MMDB_lookup_result_s *found, char out[3]) {
    static const char *const nested[] = {"country", "iso_code", NULL};
    static const char *const flat[] = {"country_code", NULL};
    const char *const *const ways[] = {nested, flat};
    for (size_t i = 0; i < 2; i++) {
        MMDB_entry_data_s value;
        if (MMDB_aget_value(&found->entry, &value, ways[i]) != MMDB_SUCCESS || !value.has_data ||
            value.type != MMDB_DATA_TYPE_UTF8_STRING || value.data_size != 2)
            continue;
        memcpy(out, value.utf8_string, 2);
        out[2] = 0;
        return true;
    }
    return false;
}

// False: the data do not know the address.
static bool look_up(const struct geo *geo, const struct policy_address *address, char out[3]) {
    static const uint8_t four[12] = {[10] = 0xff, [11] = 0xff};
    struct sockaddr_in6 six = {.sin6_family = AF_INET6};
    struct sockaddr_in in = {.sin_family = AF_INET};
    bool mapped = memcmp(address->bytes, four, sizeof four) == 0;
    memcpy(&six.sin6_addr, address->bytes, sizeof six.sin6_addr);
    memcpy(&in.sin_addr, address->bytes + 12, sizeof in.sin_addr);
    const void *at = mapped ? (const void *)&in : (const void *)&six;
    int error;
    MMDB_lookup_result_s found = MMDB_lookup_sockaddr(&geo->data, at, &error);
    return error == MMDB_SUCCESS && found.found_entry && country_of(&found, out);
}

static enum sk_code keep(struct arena *arena, const char **out, struct buf *text) {
    *out = arena_text(arena, buf_view(text));
    return *out ? SK_OK : SK_LIMIT;
}

static enum sk_code veto(const struct geo *geo, struct policy_place *place, const char *says,
                         struct arena *arena) {
    char storage[1400];
    struct buf text = buf_over(storage, sizeof storage);
    bool operators = geo->row->operators;
    buf_print(&text, "%s is %s, but %s, built ", operators ? "operator_home" : "country",
              operators ? place->operator_home : place->country, geo->row->file);
    day_put(&text, geo->built);
    buf_print(&text, ", says %s", says);
    return keep(arena, &place->off, &text);
}

static enum sk_code place_check(const struct geo *geo, const struct policy *policy,
                                struct policy_place *place, struct arena *arena) {
    const char *declared = geo->row->operators ? place->operator_home : place->country;
    char storage[1400], says[3];
    struct buf text = buf_over(storage, sizeof storage);
    bool stale = geo->age > policy->stale_geo_days, known = false;
    for (uint32_t i = 0; i < place->addresses_len && !stale; i++) {
        if (!look_up(geo, &place->addresses[i], says)) continue;
        known = true;
        if (strcmp(says, declared) != 0) return veto(geo, place, says, arena);
    }
    if (stale)
        buf_print(&text, "%s is %lld days old", geo->row->file, (long long)geo->age);
    else if (!known)
        buf_print(&text, "%s does not know its addresses", geo->row->file);
    return text.len && !place->unverified ? keep(arena, &place->unverified, &text) : SK_OK;
}

enum sk_code geo_check(struct policy *policy, const char *path, int64_t day, struct arena *arena) {
    for (uint32_t g = 0; g < policy->geo_len; g++) {
        struct geo geo;
        TRY(geo_open(&geo, &policy->geo[g], path, day));
        enum sk_code code = SK_OK;
        for (uint32_t i = 1; i < policy->places_len && code == SK_OK; i++) {
            struct policy_place *place = &policy->places[i];
            bool declares = place->country[0] && place->addresses_len > 0;
            if (declares && !place->off) code = place_check(&geo, policy, place, arena);
        }
        MMDB_close(&geo.data);
        TRY(code);
    }
    return SK_OK;
}

#endif
