#include "engine/schema_format.h"

#include <stddef.h>

#define DAY_TO_28 "(?:0[1-9]|1\\d|2[0-8])"
#define DAY_TO_30 "(?:0[1-9]|[12]\\d|30)"
#define DAY_TO_31 "(?:0[1-9]|[12]\\d|3[01])"
#define LEAP_YEAR "(?:\\d\\d(?:0[48]|[2468][048]|[13579][26])|(?:[02468][048]|[13579][26])00)"
#define DATE                                                                                       \
    "(?:\\d{4}-(?:(?:0[13578]|1[02])-" DAY_TO_31 "|(?:0[469]|11)-" DAY_TO_30 "|02-" DAY_TO_28      \
    ")|" LEAP_YEAR "-02-29)"
#define HOUR_MINUTE "(?:[01]\\d|2[0-3]):[0-5]\\d"
#define TIME        HOUR_MINUTE ":[0-5]\\d(?:\\.\\d{1,9})?(?:Z|[+-]" HOUR_MINUTE ")"

#define PERIOD_DATE "(?:\\d{1,9}Y(?:\\d{1,9}M)?(?:\\d{1,9}D)?|\\d{1,9}M(?:\\d{1,9}D)?|\\d{1,9}D)"
#define PERIOD_TIME "T(?:\\d{1,9}H(?:\\d{1,9}M)?(?:\\d{1,9}S)?|\\d{1,9}M(?:\\d{1,9}S)?|\\d{1,9}S)"

#define LETTER_DIGIT "[A-Za-z0-9]"
#define ATOM         "[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+" // RFC 5322
#define LABEL        LETTER_DIGIT "(?:[A-Za-z0-9-]*" LETTER_DIGIT ")?"
// At most 7 labels of at most 31 characters: 223 of the 253 that a host may have.
#define SHORT_LABEL LETTER_DIGIT "(?:[A-Za-z0-9-]{0,29}" LETTER_DIGIT ")?"
#define HOST        SHORT_LABEL "(?:\\." SHORT_LABEL "){0,6}"

#define BYTE "(?:25[0-5]|2[0-4]\\d|1\\d\\d|[1-9]?\\d)"
#define IPV4 BYTE "(?:\\." BYTE "){3}"
#define H    "[0-9A-Fa-f]{1,4}"
#define IPV6 /* RFC 4291 section 2.2, without the dotted form */                                   \
    "(?:(?:" H ":){7}" H "|(?:" H ":){1,7}:|(?:" H ":){1,6}:" H "|(?:" H ":){1,5}(?::" H           \
    "){1,2}|(?:" H ":){1,4}(?::" H "){1,3}|(?:" H ":){1,3}(?::" H "){1,4}|(?:" H ":){1,2}(?::" H   \
    "){1,5}|" H ":(?::" H "){1,6}|:(?::" H "){1,7}|::)"

#define X "[0-9A-Fa-f]"
// RFC 3986: scheme, authority by name, path, query, fragment; what is not ASCII is escaped.
#define PATH_CHAR "(?:[A-Za-z0-9._~!$&'()*+,;=:@-]|%" X X ")"
#define QUERY     "(?:\\?(?:" PATH_CHAR "|[/?])*)?(?:#(?:" PATH_CHAR "|[/?])*)?"
#define PORT      "(?::\\d{1,5})?"
#define SCHEME    "[A-Za-z][A-Za-z0-9+.-]*:"
#define URI                                                                                        \
    SCHEME "(?://[A-Za-z0-9._~-]+" PORT "(?:/" PATH_CHAR "*)*|" PATH_CHAR "+(?:/" PATH_CHAR        \
           "*)*)" QUERY
#define RELATIVE "(?:/?(?:[A-Za-z0-9._~-]|%" X X ")+(?:/" PATH_CHAR "*)*|/)" QUERY

#define POINTER "(?:/(?:[^~/]|~[01])*)*" // RFC 6901

const char *format_pattern(struct view name) {
    static const struct {
        const char *name, *pattern;
    } formats[] = {
        {"date", "^" DATE "$"},
        {"time", "^" TIME "$"},
        {"date-time", "^" DATE "T" TIME "$"},
        {"duration", "^P(?:" PERIOD_DATE "(?:" PERIOD_TIME ")?|" PERIOD_TIME "|\\d{1,9}W)$"},
        {"uuid", "^" X "{8}-(?:" X "{4}-){3}" X "{12}$"},
        {"email", "^" ATOM "(?:\\." ATOM ")*@(?:" LABEL "\\.)+" LABEL "$"},
        {"hostname", "^" HOST "$"},
        {"ipv4", "^" IPV4 "$"},
        {"ipv6", "^" IPV6 "$"},
        {"uri", "^" URI "$"},
        {"uri-reference", "^(?:" URI "|" RELATIVE ")$"},
        {"json-pointer", "^" POINTER "$"},
        {"relative-json-pointer", "^(?:0|[1-9]\\d{0,8})(?:#|" POINTER ")$"},
        {"byte", "^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$"},
        {"binary", ""},
        {"password", ""},
    };
    for (size_t i = 0; i < sizeof formats / sizeof *formats; i++)
        if (view_is(name, formats[i].name)) return formats[i].pattern;
    return NULL;
}
