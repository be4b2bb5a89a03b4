#include "border/policy.h"

#include <string.h>

void policy_place_digest(const struct policy_place *place, uint8_t out[HASH_LEN]) {
    char storage[4096];
    struct buf bytes = buf_over(storage, sizeof storage);
    buf_put(&bytes, place->id, strlen(place->id) + 1);
    buf_put(&bytes, place->url, strlen(place->url) + 1);
    buf_put_char(&bytes, (char)place->addresses_len);
    buf_put(&bytes, place->addresses, place->addresses_len * sizeof place->addresses[0]);
    buf_put(&bytes, place->pins, place->pins_len * sizeof place->pins[0]);
    must(!bytes.over); // texts have their limits
    hash_of(bytes.at, bytes.len, out);
}
