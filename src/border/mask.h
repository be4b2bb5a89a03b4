// Masks: tokens that stand for protected values on their way out, and the values coming back.
//
// `⟦PER:7K2QD9F4⟧`: the detector's prefix, and 40 bits of HMAC-SHA-256(key, conversation, detector,
// folded value) in Crockford's base 32: one value has one token in one conversation and another in
// the next; nothing can be computed back from it. Honorifics (様, さん, 氏 …) stay outside. Another
// spelling of the value, and a short form (田中さん) of the one full name (田中太郎) there is, has the
// same token with a number behind: `⟦PER:7K2QD9F4-12⟧`. So whoever reads it knows who is meant, and
// each comes back as it was. Digits that are the whole of a structured argument may become other
// digits instead (mask_format): a *substitute*.
// Promises: what is restored is byte for byte what was cut; an unknown token stays as it is and is
// counted; at most MASK_HOLD_MAX bytes are held back. Values of one-way detectors are never
// restored. The vault is memory of one request and dies with it, overwritten.
// What another place learns: that two texts of one conversation name the same value, of what kind,
// how often and by how many spellings. What it can get restored: tokens of this vault, wherever it
// puts them in its answer (a link, a call's argument); not by guessing (2^-40 a try for each
// value). Tokens that stand in a request's own text are text: they come back as they were, unless
// they are this conversation's own.
#pragma once
#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/fail.h"
#include "base/view.h"
#include "border/scan.h"

enum {
    MASK_KEY_LEN = 32,
    MASK_TOKEN_MAX = 24, // bytes of a token as it is written
    MASK_HOLD_MAX = 64,  // bytes a stream may hold back, for a damaged token is longer
    MASK_VALUES_MAX = 4096, // spellings of one request
    MASK_FORMAT_MAX = 40,   // bytes from the first to the last digit of a substitute
    MASK_SUBSTITUTES_MAX = 32, // of one request; what comes after has tokens
};

// Values of one request. What it takes grows with them.
struct vault;
enum sk_code vault_open(struct vault **out, const uint8_t key[MASK_KEY_LEN],
                        struct view conversation);
void vault_close(struct vault *vault); // overwrites
// Whether the vault holds anything to restore.
bool vault_holds(const struct vault *vault);
// False when some value of the vault (4 bytes or longer, not within a longer word or number) stands
// in `text`, as it is or as JSON writes it: the last look at an envelope before it is sealed.
bool vault_clean(const struct vault *vault, struct view text);

// Names first all values of a conversation, so that short forms find their full one; then cuts, and
// with the findings every other place where a value that vault_clean looks for stands. `findings`
// are of `text`, sorted; those not in `cut` stay. Overlapping ones are cut as one, called after the
// one-way one, else the longest, else the first in DETECTORS. SK_LIMIT: over MASK_VALUES_MAX.
// SK_CORRUPT: a value that was not learned.
enum sk_code mask_learn(struct vault *vault, struct view text, const struct finding *findings,
                        uint32_t len, const struct detector_set *cut,
                        const struct detector_set *one_way);
enum sk_code mask_put(const struct vault *vault, struct view text, const struct finding *findings,
                      uint32_t len, const struct detector_set *cut, struct buf *out);

// A string of a structured argument, and what is known of it.
struct mask_argument {
    struct view text;
    const struct finding *findings; // of it
    uint32_t len;
    struct detector_set format; // whose digits may be encrypted (FF1) instead
    struct view said;           // all texts of the conversation: no substitute stands in them
};
// Instead of mask_put, after all is learned: a text that is one value of `format` as a whole, and
// nothing else, becomes digits in the same form: the same for the same spelling, in one
// conversation. It comes back where these digits stand so, with no digit beside. False, and nothing
// is put: it is none such, has fewer than 6 digits, or its substitute could be taken for another
// text: a token is to stand for it.
bool mask_format(struct vault *vault, const struct mask_argument *argument, struct buf *out);
// The line for the model, in the language of the conversation (`japanese`), that tokens are to be
// copied as they are.
struct view mask_instruction(bool japanese);

// One stream of text in which tokens come back: content, reasoning and each call's arguments of
// each choice have their own. Zeroed memory is a beginning. Tolerates what models do to tokens:
// [[..]], 〔..〕, 【..】, full-width letters, lost brackets, spaces, lower case, escapes of JSON.
struct restore {
    char held[MASK_HOLD_MAX];
    uint32_t held_len;
    bool word; // the last character was a letter or digit: no bare token begins behind it
    bool digit; // it was a digit: no substitute begins behind it
    uint32_t restored, unknown; // counted
};
// Appends what is certain. `json`: the text is inside a JSON string or is JSON (a call's
// arguments), values are escaped. `last`: nothing follows, nothing stays held.
enum sk_code restore_put(struct restore *restore, const struct vault *vault, struct view piece,
                         bool json, bool last, struct buf *out);

// ---- ff1.c: NIST SP 800-38G, for structured arguments inside the country only ----
// Encrypts `len` digits of `radix` (2 to 36) in place. SK_INPUT: a domain below 10^6, a digit over
// the radix, more than 56 digits, or a tweak over 16 bytes.
struct ff1_key {
    uint8_t bytes[32];
    uint32_t len; // 16, 24 or 32
};
enum sk_code ff1_encrypt(const struct ff1_key *key, struct view tweak, unsigned radix,
                         uint8_t *digits, size_t len);
enum sk_code ff1_decrypt(const struct ff1_key *key, struct view tweak, unsigned radix,
                         uint8_t *digits, size_t len);
