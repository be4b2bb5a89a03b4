// Parts of data_build: documents out of files, ids of conversations, rows into files.
#pragma once
#include <regex.h>

#include "base/json.h"
#include "train/data.h"

// ---- documents (data_text.c) ----

struct document {
    struct view text; // of a conversation: what all say, one after the other
    struct engine_message *messages;
    uint32_t messages_len; // 0: a text
};

// What is remembered of what stood before: 64 bits of a digest each.
struct data_seen {
    uint64_t *slots;
    size_t len, max;
};

struct documents {
    const struct recipe_source *source;
    const struct recipe_deduplicate *deduplicate;
    const struct data_outside *outside;
    const char *path; // of the file that is open
    bool json;        // it has a JSON value on each line
    uint64_t line;
    regex_t drops[RECIPE_TEXTS_MAX];
    uint32_t drops_len;
    struct buf text, copy;
    struct arena arena; // of one document
    struct data_seen seen, lines_seen;
    struct data_source *count;
};

// `seen` goes on over all sources.
enum sk_code documents_open(struct documents *documents);
void documents_close(struct documents *documents);
enum sk_code documents_source(struct documents *documents, const struct recipe_source *source,
                              struct data_source *count);
// Opens a file of the source; data_outside.close is left to the caller.
enum sk_code documents_file(struct documents *documents, struct view path);
// The next of the open file that its filters keep; text.len 0: there is none.
enum sk_code documents_next(struct documents *documents, struct document *out);
// The first 64 bits of the digest of a text.
uint64_t data_mark_of(struct view text);

// ---- conversations (data_chat.c) ----

struct data_ids {
    int32_t *at;
    uint8_t *learned;
    size_t len, max;
};

struct data_chat {
    const struct data_tokens *tokens;
    bool *control; // of each token: it has no text
    struct data_ids whole;
    int32_t *prompt, *full; // scratch of `max` each
    size_t max;
};
enum sk_code data_chat_open(struct data_chat *chat, const struct data_tokens *tokens);
void data_chat_close(struct data_chat *chat);
// The tokens of a conversation, each reply of the assistant and the token that ends it learned.
// Where the template shows an earlier turn in another way than it was (thoughts left out), the
// conversation ends there and a new one begins: `put` is called for each. One without a reply gives
// nothing. SK_UNSUPPORTED: a template that opens no reply, or does not end it by a control token.
typedef enum sk_code data_chat_put(void *self, const struct data_ids *ids);
enum sk_code data_chat_ids(struct data_chat *chat, const struct engine_message *messages,
                           uint32_t len, data_chat_put *put, void *self);

// ---- rows (data_pack.c) ----

enum { MARK_START = 1, MARK_LEARNED = 2, PACK_BINS = 32 };

struct pack {
    const struct world *world;
    enum data_part part;
    int ids_file, marks_file;
    bool wide;
    uint32_t context;
    uint64_t at;           // tokens that came, padding included
    uint64_t written;      // of these, in the files
    struct buf ids, marks; // not yet written
    struct pack_bin {
        uint32_t len;
        int32_t *ids;
        uint8_t *marks;
    } bin[PACK_BINS];
};
enum sk_code pack_open(struct pack *pack, const struct world *world, enum data_part part,
                       uint32_t context, bool wide);
void pack_close(struct pack *pack); // fine on a zeroed one
extern const char *const pack_ids_names[DATA_PARTS], *const pack_marks_names[DATA_PARTS];
// The next document of a stream.
enum sk_code pack_text(struct pack *pack, const int32_t *ids, size_t len);
// A document that stays whole: at most `context` tokens.
enum sk_code pack_whole(struct pack *pack, const struct data_ids *ids);
// Ends a source: its last rows are filled up.
enum sk_code pack_source_end(struct pack *pack);
// Writes what is left, to the disk.
enum sk_code pack_end(struct pack *pack);
