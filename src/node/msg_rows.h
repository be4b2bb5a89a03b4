// Includes msg.def for its rows alone: MESSAGE is the includer's, fields are nothing. No include
// guard: used after each definition of MESSAGE.
#define U8(field)
#define U16(field)
#define U32(field)
#define U64(field)
#define TEXT(field, max)
#define HASH(field)
#define END
#include "node/msg.def"
#include "node/msg_undef.h"
