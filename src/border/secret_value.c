#include "border/secret.h"

#include "border/words_text.h"

enum { DRAWN_MIN = 10 };

// 10 * log2(n), rounded down, for n = 1 to 255.
static unsigned log2_tenths(unsigned n) {
    static const uint16_t steps[10] = {1072, 1149, 1231, 1320, 1414, 1516, 1625, 1741, 1866, 2000};
    unsigned whole = 31u - (unsigned)__builtin_clz(n), rest = n * 1000u >> whole, tenth = 0;
    while (tenth < 9 && rest >= steps[tenth])
        tenth++;
    return 10 * whole + tenth;
}

unsigned secret_entropy(struct view value) {
    uint8_t counts[128] = {0};
    unsigned sum = 0, len = value.len < 255 ? (unsigned)value.len : 255;
    for (unsigned i = 0; i < len; i++)
        counts[value.at[i] & 127]++;
    for (unsigned c = 0; c < 128; c++)
        if (counts[c]) sum += counts[c] * log2_tenths(counts[c]);
    return len ? log2_tenths(len) - sum / len : 0;
}

static bool has(struct view text, const char *word) {
    size_t len = strlen(word);
    for (size_t i = 0; i + len <= text.len; i++) {
        size_t k = 0;
        while (k < len &&
               ((text.at[i + k] >= 'A' && text.at[i + k] <= 'Z') ? text.at[i + k] + 32
                                                                 : text.at[i + k]) == word[k])
            k++;
        if (k == len) return true;
    }
    return false;
}

bool secret_placeholder(struct view value) {
    static const char *const words[] = {
        "example",    "your",       "placeholder", "changeme",   "change_me", "change-me",
        "redacted",   "xxxx",       "****",        "....",       "${",        "{{",
        "$(",         "%(",         "insert",      "replace",    "dummy",     "0000000",
        "1234567890", "abcdef0123", "process.env", "os.environ", "getenv",    "secrets.",
        "vault:",     "<",          "xxx-",
    };
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (has(value, words[i])) return true;
    for (size_t i = 1; i < value.len; i++) // 1111
        if (value.at[i] != value.at[0]) return false;
    return value.len > 0;
}

static int kind_of(char c) {
    return is_digit((uint8_t)c) ? 1 : c >= 'a' && c <= 'z' ? 2 : c >= 'A' && c <= 'Z' ? 3 : 0;
}

// Random base 62 changes its kind at two of three characters, random hex and letters at half of
// them; words, versions and dates at one of eight or less, names like camelCase at a quarter.
bool secret_drawn(struct view value) {
    size_t changes = 0, digits = 0;
    for (size_t i = 0; i < value.len; i++) {
        int before = i ? kind_of(value.at[i - 1]) : 0, here = kind_of(value.at[i]);
        changes += before && here && before != here;
        digits += here == 1;
    }
    return digits ? 6 * changes >= value.len : 5 * changes >= 2 * value.len;
}

// req.body.password1, self.token2, test_login2: code names a value or a test.
static bool is_member(struct view value) {
    static const char *const owners[] = {"req.",  "request.", "self.",    "this.",  "config.",
                                         "env.",  "params.",  "form.",    "user.",  "settings.",
                                         "args.", "data.",    "options.", "props.", "state.",
                                         "ctx.",  "test_"};
    for (size_t i = 0; i < sizeof owners / sizeof *owners; i++)
        if (view_starts(value, view_of(owners[i]))) return true;
    return false;
}

bool secret_chosen(struct view value, bool quoted) {
    if (!quoted && is_member(value)) return false;
    unsigned lower = 0, upper = 0, digits = 0, others = 0;
    for (size_t i = 0; i < value.len; i++) {
        char c = value.at[i];
        if (c == '(' || c == '[' || c == '{') return false; // an expression
        if (c >= 'a' && c <= 'z')
            lower++;
        else if (c >= 'A' && c <= 'Z')
            upper++;
        else if (is_digit((uint8_t)c))
            digits++;
        else
            others++;
    }
    int classes = (lower > 0) + (upper > 0) + (digits > 0) + (others > 0);
    if (lower + upper == 0) return false; // a number, a rule of signs
    if (digits) return classes >= 2;      // "hunter2"
    if (value.len >= DRAWN_MIN && lower && upper && secret_drawn(value)) return true;
    return quoted ? classes >= 3 : others && classes >= 3 && !has(value, ".");
}
