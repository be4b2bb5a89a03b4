// The archive asked by a command: through the node that runs on it, or by itself while none does.
#pragma once
#include "cli/cli_log.h"

struct cli_archive {
    const struct conf *conf;
    char path[CONF_PATH_MAX + 64]; // of the log's directory
    bool running;                  // a node has it
    struct arena arena, log_arena;
    struct buf answer;
    // While none runs:
    struct signer_memory *memory;
    struct cli_log log;
    struct erasures erasures;
    uint64_t *closes; // of each leaf: which one closes it, 0: none
    uint64_t closes_len;
    struct order_hands hands;
    // To read texts with; NULL without an archive, or its key.
    struct archive *archive;
    int directory;
};

enum sk_code cli_archive_open(const struct conf *conf, struct cli_archive *out);
// Reads what is kept again, after an order that the node that runs carried out.
enum sk_code cli_archive_again(struct cli_archive *archive);
// The log alone, for orders that need no archive.
enum sk_code cli_archive_log(const struct conf *conf, struct cli_archive *out);
// SK_DENIED: the log was closed, and no order may leave a leaf there.
enum sk_code cli_archive_grows(struct cli_archive *archive);
enum sk_code cli_archive_close(struct cli_archive *archive);
// Closes it, and ends the command as `code` says.
int cli_archive_end(struct cli_archive *archive, enum sk_code code);
// The answer's text stands in archive->answer until the next order, parsed in *root. What the node
// refuses is an error with its words.
enum sk_code cli_archive_order(struct cli_archive *archive, struct buf *order,
                               const struct json_node **root);
// The same with an answer that says where its leaf is.
enum sk_code cli_archive_record(struct cli_archive *archive, struct buf *order, int64_t *leaf);
// The log's directory to be read, and how long the log called `origin` is there: released leaves.
enum sk_code cli_archive_look(const struct cli_archive *archive, int *directory,
                              char origin[LEDGER_ORIGIN_MAX + 1], uint64_t *size);
// The record of a request, into `out`: what was kept, as it was kept.
enum sk_code cli_archive_read(struct cli_archive *archive, uint64_t open, struct buf *out);

// An archive key, and where it was found. SK_UNKNOWN: there is none.
enum sk_code cli_archive_key(const struct conf *conf, enum key_file which,
                             uint8_t key[SECRET_KEY_LEN], char path[KEY_PATH_MAX]);
// A new one's file, in keys/ of the data directory.
enum sk_code cli_archive_key_make(const struct conf *conf, const char *path);
