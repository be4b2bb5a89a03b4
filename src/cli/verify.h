// Verify: the command that checks receipts, proofs and logs, for `sekisho verify` and for the
// auditor's `sekisho-verify`, which has no network.
#pragma once
#include "cli/cli.h"
#include "lib/lib.h"

// The same words for both; `url` is what WHAT may be besides, `web` the options of it.
#define VERIFY_USAGE(program, url, web)                                                            \
    "usage: " program " WHAT (--key VKEY | --policy FILE) [--json] [OPTIONS]\n\n"                  \
    "Checks what a node gave, without believing it. Prints what was proven and what was not.\n"    \
    "WHAT is one of\n"                                                                             \
    "  a receipt        or a whole API answer with one inside, as JSON or as an event stream\n"    \
    "                   saved whole; '-' is stdin\n"                                               \
    "  a disclosure     of one request (sekisho ledger disclose)\n"                                \
    "  a tlog-proof     (C2SP); its leaf is in --leaf\n"                                           \
    "  a directory      with an exported log (sekisho ledger export): it is computed again\n"      \
    url "\n"                                                                                       \
    "Who is believed:\n"                                                                           \
    "  --key VKEY       the log's verifier key (NAME+HASH+KEY), or a file that holds it\n"         \
    "  --policy FILE    a C2SP tlog-policy: logs, witnesses, how many of them must have seen it\n" \
    "  --transition FILE the note of a key transition (docs/keys.md): the key before or after\n"   \
    "                   one that is trusted may have signed\n"                                     \
    "Of a receipt, what is compared with it:\n"                                                    \
    "  --request FILE   the request body exactly as it was sent\n"                                 \
    "  --response FILE  the answer, as text or as the API gave it; taken from WHAT when that is\n" \
    "                   a whole API answer\n"                                                      \
    "  --result FILE    instead: the vectors, scores or other result (docs/ledger-format.md)\n"    \
    "  --prompt FILE    the prompt's token ids, each an int32, little-endian; of an answer from\n" \
    "                   another place the envelope: the exact bytes that were sent there\n"        \
    "  --choice N       which of several answers to one request; default 0\n"                      \
    "Of a tlog-proof:\n"                                                                           \
    "  --leaf FILE      the leaf that it proves, byte for byte\n"                                  \
    "Of a log:\n"                                                                                  \
    "  CHECKPOINT ...   further words: files with checkpoints of it that somebody kept, or with\n" \
    "                   receipts (they tell a log that was changed, cut or forked since)\n"        \
    "  --hashes         its tiles of hashes alone, not its entries\n"                              \
    web "\n"                                                                                       \
    "  --json           the report as JSON (docs/verify.md)\n"                                     \
    "Exit codes: 0 verified; 3 rejected; 4 it holds, but fewer witnesses saw it than the policy\n" \
    "asks for; 1 it could not be read; 2 wrong usage.\n"

#define VERIFY_TOKEN "SEKISHO_AUDIT_KEY" // of the environment: instead of --token
#define VERIFY_WEB_USAGE                                                                           \
    "Of a URL:\n"                                                                                  \
    "  --ca FILE        certificates that may vouch for the server; default: the system's\n"       \
    "  --pin SHA256     its public key (sekisho place pin), besides\n"                             \
    "  --token FILE     an API key of `use: audit`, to read entries; default: what the\n"          \
    "                   environment has as " VERIFY_TOKEN "\n"
struct verify_web { // how a live node is asked
    const char *ca, *pin, *token;
};
#define VERIFY_WEB_OPTIONS(web)                                                                    \
    {"--ca", &(web).ca, NULL}, {"--pin", &(web).pin, NULL}, {"--token", &(web).token, NULL}
// A source over the network; NULL in a program that has none. `self` is closed by the other.
struct verify_ways {
    const char *usage;
    enum sk_code (*open)(const char *url, const struct verify_web *web, struct tile_source *out);
    void (*close)(struct tile_source *source);
};

// cmd_verify.c: pieces of a live node, or of a web server.
enum sk_code verify_web_open(const char *url, const struct verify_web *web,
                             struct tile_source *out);
void verify_web_close(struct tile_source *source);

// verify_log.c: what `sekisho audit` needs too.
struct verify_log {
    const char *what;        // a URL or a directory
    const char *transition;  // a file with the note of one; NULL: none
    struct verify_web web;
    const char *const *seen; // files with checkpoints, or receipts, that somebody kept
    size_t seen_len;
    uint32_t choice;         // of a receipt among several
    bool hashes;             // the tiles of hashes alone
    struct dense_watch watch;
};
// SK_OK: the report says what was found. Else nothing can be said.
enum sk_code verify_log(const struct verify_log *log, const struct tile_source *source,
                        struct trust *trust, struct arena *arena, struct report *report);
bool verify_is_url(const char *what);
// A tile_source's read, over an open directory: self is its descriptor.
enum sk_code verify_directory_read(void *self, struct view path, struct buf *out);
// Who is believed: of --key, or of --policy FILE, one of which is NULL.
enum sk_code verify_trust(const char *key, const char *policy, struct arena *arena,
                          struct trust *out);
enum sk_code verify_file(const char *path, size_t max, struct arena *arena, struct view *out);
// For a parser, which changes what it reads.
enum sk_code verify_copy(struct view text, struct arena *arena, struct buf *out);
enum sk_code verify_receipt_note(struct view receipt, struct arena *arena, struct view *note);
// Before a sentence was reached: by the last failure.
void verify_rejected(const char *what, const struct trust *trust, struct arena *arena,
                     struct report *out);

// The exit code that tells this verdict.
int verify_exit(const struct report *report);

int verify_run(int argc, char **argv, const struct verify_ways *ways);
