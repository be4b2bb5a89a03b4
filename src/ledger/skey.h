// Signing keys of logs and witnesses as text: "PRIVATE+KEY+name+hex8+base64(type||seed)", as Go's
// note package and the tools of C2SP write them.
//
// Whoever holds one keeps it in memory that is not swapped and is wiped (base/secret.h): the text,
// and what was read. Promises: nothing of the seed stays anywhere else.
#pragma once
#include "ledger/note.h"

enum { SKEY_TEXT_MAX = 512 };

struct signer {
    struct note_key name; // its public half
    struct sign_key key;
};

// `text` may end in a newline. SK_INPUT: it is no such key; SK_UNSUPPORTED: of another type.
enum sk_code skey_read(struct view text, struct signer *out);
// With a newline.
void skey_write(const struct signer *signer, struct buf *out);

// A signer by its name and seed.
enum sk_code signer_of(const char *name, enum note_type type, const uint8_t seed[SIGN_SEED_LEN],
                       struct signer *out);
