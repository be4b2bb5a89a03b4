// The ledger room, shared by its files.
#pragma once
#include "ledger/ledger.h"
#include "node/room.h"

// room_ledger_scrub.c: after a turn of the loop. days: within how many all is read again; 0: never.
void scrub_work(struct room_self *room, struct ledger *ledger, uint32_t days);
void scrub_end(void);

// room_ledger_serve.c: pieces of the log, for those whom border lets read them.
void serve_message(struct room_self *room, const struct msg *msg);
// A short step of what was asked for; whether there is more to do.
bool serve_work(struct room_self *room, struct ledger *ledger);

// room_ledger_archive.c: texts that are kept, and what operators ask of them.
void archive_message(struct room_self *room, const struct msg *msg);
// A leaf of before: one of type erasure is remembered.
enum sk_code archive_recall(const struct json_node *leaf, uint64_t index);
// After the last of them. What the log says was erased is erased, if a fall came between. `hands`
// without the archive and what comes with it.
enum sk_code archive_prepare(const struct order_hands *hands);
void archive_tell(struct room_self *room); // border: whether texts can be kept
bool archive_work(struct room_self *room); // after a turn of the loop; true: there is more to do
void archive_end(void);

// room_ledger_keys.c: the signing keys, in memory that is not swapped and is wiped at the end.
void keys_message(struct room_self *room, const struct msg *msg);
// The key of the log called `origin`. SK_DENIED: the one that came is another log's.
enum sk_code keys_log(const char *origin, const struct sign_key **key);
// The key that cosigns logs of others; NULL: there is none.
const struct signer *keys_witness(void);
// A leaf of before, of another type than open and close.
enum sk_code keys_recall(const struct json_node *leaf, uint64_t index);
// After the last of them: by which keys checkpoints are signed. SK_DENIED: a key that the log names
// is not there, or the log was closed.
enum sk_code keys_sign(struct ledger *ledger);
void keys_close(void);

// room_ledger_quorum.c: the witnesses of this log.
void quorum_message(struct room_self *room, struct ledger *ledger, const struct msg *msg);
void quorum_open(struct room_self *room, struct ledger *ledger);
void quorum_work(struct room_self *room, struct ledger *ledger);
// They were asked whether this is an old copy, and those that answered in time said no: the log may
// grow.
bool quorum_begun(void);

// room_ledger_witness.c: logs of others, which this node cosigns (ledger/witness_store.h).
void witness_open(struct room_self *room); // before the first of these messages
void witness_message(struct room_self *room, struct msg *msg);
// One request; whether there is more to do.
bool witness_work(struct room_self *room);
