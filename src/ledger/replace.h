// Replace: a small file with new content, whole or as it was, whenever the process or the machine
// falls.
#pragma once
#include "base/world.h"

// Writes `bytes` under the name `fresh`, durably, then gives it the name `name`, durably. After an
// error either content may stand there: the caller says no more about it.
enum sk_code file_replace(const struct world *world, const char *name, const char *fresh,
                          struct view bytes);
