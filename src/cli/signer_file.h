// Signing keys on the command line: in locked memory, from and to the files of key_files.h.
#pragma once
#include "node/key_files.h"

struct signer_memory {
    struct signer signer[KEY_FILES]; // by which
    char text[SKEY_TEXT_MAX];
};
enum sk_code signer_open(struct signer_memory **memory);
void signer_close(struct signer_memory *memory); // wiped; NULL is fine

// Into memory->signer[which]; `path` (of KEY_PATH_MAX, or NULL) gets where it was found.
enum sk_code signer_read(const struct conf *conf, enum key_file which, struct signer_memory *memory,
                         char *path);
// A new key called `name`, of no file yet.
enum sk_code signer_make(const char *name, enum key_file which, struct signer_memory *memory);
// A new file in keys/ of the data directory, for whoever owns that; SK_DENIED when it exists.
// Whole or not there, whenever the command is killed.
enum sk_code signer_file_make(const struct conf *conf, const char *path, struct view bytes,
                              unsigned mode);
// Makes the key's file; SK_DENIED when there is one.
enum sk_code signer_write(const struct conf *conf, enum key_file which,
                          struct signer_memory *memory);
// The witness's key: that of its file, or where there is none a new one, called NODE/witness.
enum sk_code signer_witness(const struct conf *conf, struct signer_memory *memory);
// keys/log.vkey, of the signer of KEY_LOG, in place of an older one.
enum sk_code signer_vkey_write(const struct conf *conf, const struct note_key *key);
// Prints a line: this label, then the verifier key.
void signer_print(const char *label, const struct note_key *key);

// What root made in `directory` belongs to who the directory belongs to.
enum sk_code signer_owned(const char *directory);
