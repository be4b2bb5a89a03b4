// Substitutes: digits of a structured argument, encrypted so that they keep their form; what they
// were is kept, and comes back by looking for them.
#include "border/mask_parts.h"

#include <string.h>

// Only digits, and what parts them. The view from the first to the last of them; empty: it is no
// such text, or too long for a stream to hold back.
static struct view digits_core(struct view text) {
    size_t first = text.len, end = 0;
    for (size_t i = 0; i < text.len; i++) {
        char c = text.at[i];
        if (mask_digit((uint8_t)c)) {
            if (first == text.len) first = i;
            end = i + 1;
        } else if (!c || !strchr(" -().+/", c)) {
            return VIEW("");
        }
    }
    if (end == 0 || end - first > MASK_FORMAT_MAX) return VIEW("");
    return (struct view){text.at + first, end - first};
}

// Encrypts the digits of `core` where they stand. False: too few.
static bool digits_encrypt(const struct vault *vault, enum detector detector, char *core,
                           size_t len) {
    static const char domain[] = "sekisho/ff1/v1";
    const struct view parts[] = {{domain, sizeof domain}};
    uint8_t digits[MASK_FORMAT_MAX];
    struct ff1_key key = {.len = HASH_LEN};
    size_t count = 0, next = 0;
    for (size_t i = 0; i < len; i++)
        if (mask_digit((uint8_t)core[i])) digits[count++] = (uint8_t)(core[i] - '0');
    hmac_of(vault->key, parts, 1, key.bytes);
    struct view tweak = view_of(detector_prefix(detector));
    bool good = ff1_encrypt(&key, tweak, 10, digits, count) == SK_OK;
    explicit_bzero(&key, sizeof key);
    for (size_t i = 0; good && i < len; i++)
        if (mask_digit((uint8_t)core[i])) core[i] = (char)('0' + digits[next++]);
    explicit_bzero(digits, sizeof digits);
    return good;
}

static bool substitute_add(struct vault *vault, struct view core, struct view fresh) {
    char *bytes = mask_bytes_room(vault, core.len + fresh.len);
    if (!bytes) return false;
    memcpy(bytes, core.at, core.len);
    memcpy(bytes + core.len, fresh.at, fresh.len);
    mask_bytes_keep(vault, core.len + fresh.len);
    vault->substitutes[vault->substitutes_len++] = (struct mask_substitute){
        .value = {bytes, core.len}, .written = {bytes + core.len, fresh.len}};
    vault->begins[(uint8_t)fresh.at[0]] = true;
    return true;
}

// Whether `fresh` stands for `core`, if need be from now on: it would bring back that alone.
static bool substitute_enter(struct vault *vault, struct view core, struct view fresh,
                             struct view said) {
    for (uint32_t i = 0; i < vault->substitutes_len; i++) {
        const struct mask_substitute *is = &vault->substitutes[i];
        if (view_same(is->written, fresh)) return view_same(is->value, core);
    }
    return vault->substitutes_len < MASK_SUBSTITUTES_MAX &&
           !memmem(said.at, said.len, fresh.at, fresh.len) && substitute_add(vault, core, fresh);
}

bool mask_format(struct vault *vault, const struct mask_argument *argument, struct buf *out) {
    struct view text = argument->text, core = digits_core(text);
    const struct finding *whole = NULL;
    char masked[2 * MASK_FORMAT_MAX];
    for (uint32_t i = 0; i < argument->len; i++) {
        const struct finding *is = &argument->findings[i];
        if (!detector_in(&argument->format, (enum detector)is->detector)) return false;
        if (!whole && is->at == 0 && is->len == text.len) whole = is;
    }
    if (!whole || !core.len || text.len > sizeof masked) return false;
    memcpy(masked, text.at, text.len);
    struct view fresh = {masked + (core.at - text.at), core.len};
    bool good = digits_encrypt(vault, (enum detector)whole->detector, masked + (core.at - text.at),
                               core.len) &&
                vault_clean(vault, (struct view){masked, text.len}) &&
                substitute_enter(vault, core, fresh, argument->said);
    if (good) buf_put(out, masked, text.len);
    explicit_bzero(masked, sizeof masked);
    return good;
}

const struct mask_substitute *vault_substitute(const struct vault *vault, struct view text,
                                               bool *more) {
    const struct mask_substitute *longest = NULL;
    for (uint32_t i = 0; i < vault->substitutes_len; i++) {
        const struct mask_substitute *is = &vault->substitutes[i];
        size_t len = is->written.len < text.len ? is->written.len : text.len;
        if (memcmp(is->written.at, text.at, len) != 0) continue;
        if (len < is->written.len)
            *more = true;
        else if (!longest || len > longest->written.len)
            longest = is;
    }
    return longest;
}
