// Configuration: one YAML file, typed by one table of fields, overridden by SEKISHO_* variables.
//
// Promises: an unknown key, a wrong type or a value out of range is an error with file, line,
// column, the limit and the fix; the table is also what `init` writes and `config print` shows.
// Models are a list; a section `model:` with the fields of one, and of `engine:`, is read as a list
// of that one. Refuses: guessing, silent defaults for misspelt keys, API keys in clear text.
// Files: conf_fields.c the tables, conf_tree.c what was read, conf_write.c what is written.
#pragma once
#include <stdint.h>

#include "base/buf.h"
#include "base/fail.h"
#include "base/hash.h"

enum {
    CONF_KEYS_MAX = 1024,
    CONF_MODELS_MAX = 32,
    CONF_PATH_MAX = 1024,
    CONF_THREADS_MAX = 64,
    CONF_LIST_MAX = 8192, // bytes of a list
};

// Of one API key; 0: none.
struct conf_limits {
    uint64_t requests, tokens; // per minute
    uint64_t parallel;         // requests at once
};
#define CONF_INHERIT UINT64_MAX // a key's limit that is the node's

struct conf_key {
    char name[65];
    uint8_t digest[HASH_LEN]; // SHA-256 of the key
    char use[8]; // ask, metrics or audit
    struct conf_limits limits;
    uint64_t weight; // CONF_INHERIT: 1
};

struct conf_model {
    char id[129], file[CONF_PATH_MAX]; // file: the first part of a split one
    // Public keys, comma separated, of those who may sign it, "": nobody needs to; the signature.
    char signed_by[CONF_PATH_MAX], signature[CONF_PATH_MAX];
    uint64_t context, parallel;
    char cache_type[8]; // of keys and values: f16, q8_0
    char adapter_of[129], scale[17]; // id of the model that it is an adapter of; "": it is none
};

struct conf {
    char file[CONF_PATH_MAX]; // where it was read; "" for none
    char node[129];           // origin of the ledger, in every receipt
    char listen[128];         // host:port; port 0 takes a free one
    char data[CONF_PATH_MAX];
    char isolation[16]; // lowest level to serve at
    char require_signed_models[4]; // yes, no
    uint64_t probe_s;
    uint64_t scrub_days; // of the ledger
    struct conf_model models[CONF_MODELS_MAX];
    uint32_t models_len; // 1 at least
    uint64_t threads, memory, cache_disk, idle_s; // of the engine
    uint64_t connections, queue, body, header, header_ms, idle_ms, drain_ms;
    struct conf_limits limits; // of a key that has none of its own, and of keyless callers
    uint64_t keep_s, keep_memory;
    char hosts[1024], origins[1024];
    char witness_logs[CONF_LIST_MAX]; // verifier keys of the logs that are cosigned here
    char witness_policy[CONF_PATH_MAX]; // by which this log is witnessed; "": by nobody
    char witness_required[4];           // yes, no
    uint64_t witness_every_s;
    char policy[CONF_PATH_MAX], detectors[CONF_PATH_MAX]; // of the border; "": as it comes
    struct conf_key keys[CONF_KEYS_MAX];
    uint32_t keys_len;
};

// Reads `path`, or when it is NULL the first of /etc/sekisho/sekisho.yaml and ./sekisho.yaml.
// SK_UNKNOWN: no such file; conf then holds the defaults and the environment. `conf` is large:
// static or heap.
enum sk_code conf_read(const char *path, struct conf *conf);

// Only the file, without the environment and unchecked: for a program that writes it back.
enum sk_code conf_read_file(const char *path, struct conf *conf);

// Whether the fields fit together, as conf_read demands.
enum sk_code conf_check(const struct conf *conf);

// The YAML of a configuration; with comments in English and Japanese when `commented`.
void conf_write(const struct conf *conf, bool commented, struct buf *out);

// Of a reload: what cannot change while the node runs gets its old value back in `fresh`, and is
// listed in `names`, comma separated ("" for none). Errors: what remains does not fit together.
enum sk_code conf_keep_fixed(const struct conf *old, struct conf *fresh, char *names, size_t max);

// Splits listen into host ("127.0.0.1", "::1") and port.
enum sk_code conf_listen(const struct conf *conf, char host[64], uint16_t *port);

// One more key, with the node's limits; its digest is the caller's to set. NULL: too many, or a
// name that is empty or too long.
struct conf_key *conf_key_add(struct conf *conf, const char *name);

// What holds for a key: its own limits, else the node's.
struct conf_limits conf_limits(const struct conf *conf, const struct conf_key *key);

// What 0 stands for: bytes for the loaded models, and threads that compute, of this machine.
uint64_t conf_memory(const struct conf *conf);
uint32_t conf_threads(const struct conf *conf);

// The model that an adapter is of, or the model itself: an index.
uint32_t conf_model_base(const struct conf *conf, uint32_t index);
// A number of -100 to 100. SK_INPUT: else.
enum sk_code conf_scale(const char *text, float *out);

// A model's, all but its id and file.
void conf_model_defaults(struct conf_model *model);

// The defaults of this user and machine (data directory, threads, model beside the program).
void conf_defaults(struct conf *conf);
