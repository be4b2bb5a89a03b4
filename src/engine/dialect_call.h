// Dialect call: the bytes of calls, from the first one's mark on. For dialect_answer.c only.
#pragma once
#include "engine/dialect_answer.h"

// The mark was read, or a call begins without one.
void call_begin(struct answer *answer);
void call_byte(struct answer *answer, char byte);
// What began is content, unless a part of it is out: then nothing follows.
void call_reject(struct answer *answer);
// Whether a control token of this name may come.
bool call_wants(const struct answer *answer, struct view name);

// ---- dialect_call_pairs.c, and what it needs of dialect_call.c ----

void call_pairs_begin(struct answer *answer);
void call_pairs_byte(struct answer *answer, char byte);
bool call_pairs_wants(const struct answer *answer, struct view name);
// Says text of a JSON string, escaped.
void call_say_escaped(struct answer *answer, struct view text);
// The arguments are whole.
void call_arguments_end(struct answer *answer);

// ---- what it needs of the answer ----

// Says bytes on a channel; on ENGINE_CALL the whole name of a call.
void answer_say(struct answer *answer, enum engine_channel channel, struct view bytes);
// Nothing of what was said stays held.
void answer_flush(struct answer *answer);
void answer_hold(struct answer *answer, char byte);
// What is held is read again from its byte `from` on.
void answer_again(struct answer *answer, size_t from);
