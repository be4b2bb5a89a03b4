// Identifiers: numbers with formats and check digits (identifiers.h).
#include "border/identifiers.h"

#include "border/scan_parts.h"

enum sk_code identifiers_scan(struct scan *scan) {
    (void)scan;
    return SK_OK;
}
