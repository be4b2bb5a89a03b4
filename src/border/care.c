// Holds the place of the care detectors.
#include "border/scan_parts.h"

enum sk_code care_scan(struct scan *scan) {
    (void)scan;
    return SK_OK;
}

enum sk_code care_check(struct view payload) {
    (void)payload;
    return SK_OK;
}
