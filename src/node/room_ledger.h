// The ledger room, shared by its files.
#pragma once
#include "ledger/ledger.h"
#include "node/room.h"

// room_ledger_keys.c: the signing keys, in memory that is not swapped and is wiped at the end.
void keys_message(struct room_self *room, const struct msg *msg);
// The key of the log called `origin`. SK_DENIED: the one that came is another log's.
enum sk_code keys_log(const char *origin, const struct sign_key **key);
void keys_close(void);
