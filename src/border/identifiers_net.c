// Addresses of nets: e-mail (RFC 5321 as people write it, with names in any script), IPv4, IPv6,
// MAC.
#include "border/identifiers.h"

enum { LOCAL_MAX = 64, DOMAIN_MAX = 255, LABEL_MAX = 63 };

// ---- e-mail ----

static bool atom(char c) {
    return char_word(c) || (c && strchr("._+-%'", c) != NULL); // what people have, of RFC 5322
}

// Where the local part before the '@' begins; `at` itself when there is none.
static uint32_t local_start(struct view text, uint32_t at) {
    uint32_t start = at;
    if (at > 1 && text.at[at - 1] == '"') { // "any thing"@example.jp
        start--;
        while (start > 0 && at - start < LOCAL_MAX && text.at[start - 1] != '"' &&
               text.at[start - 1] != '\n')
            start--;
        return start > 0 && text.at[start - 1] == '"' ? start - 1 : at;
    }
    while (start > 0 && at - start < LOCAL_MAX && atom(text.at[start - 1]))
        start--;
    while (start < at && strchr("%'.-", text.at[start]))
        start++; // marks around it
    return start;
}

// A letter of a domain: a word's, '-', or a character of another script that is no punctuation.
static uint32_t domain_letter(struct view text, uint32_t at) {
    uint8_t c = (uint8_t)char_at(text, at);
    if (char_word((char)c) || c == '-') return 1;
    if (c < 0xc3 || c == 0xe2 || c >= 0xf0) return 0;
    if (c < 0xe0) return 2;
    bool mark = c == 0xef || (c == 0xe3 && (uint8_t)text.at[at + 1] == 0x80);
    return mark ? 0 : 3;
}

// ".png" and the like stand behind the '@' of icon@2x.png.
static bool is_file(struct view end) {
    static const char *const kinds[] = {"png", "jpg", "jpeg", "gif", "svg", "webp", "js", "css"};
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
        if (view_is(end, kinds[i])) return true;
    return false;
}

// Where the domain behind the '@' ends; `from` when it is none. In other scripts only the labels
// before an ASCII top-level domain, or one known to be: particles follow without a space.
static uint32_t domain_end(struct view text, uint32_t from) {
    uint32_t at = from, end = from, label = from, dots = 0, len;
    while (at - from < DOMAIN_MAX) {
        bool ascii = true;
        while (at - label < LABEL_MAX && (len = domain_letter(text, at)) > 0) {
            if (dots && len > 1 && at > label && ascii) break; // .jpまで
            ascii = ascii && len == 1;
            at += len;
        }
        if (at == label) break;
        uint32_t stop = at;
        while (stop > label && text.at[stop - 1] == '-')
            stop--;
        struct view top = {text.at + label, stop - label};
        bool letters = top.len >= 2 && ascii && char_letter(top.at[0]) && char_letter(top.at[1]);
        if (dots && letters && !is_file(top)) end = stop;
        if (char_at(text, at) != '.' || !domain_letter(text, at + 1)) break;
        label = ++at;
        dots++;
    }
    return end;
}

// user:secret@host in a URL, git@host:path: not mail. Behind the host, in path and query, it is.
static bool is_url(struct view text, uint32_t start, uint32_t at, uint32_t end) {
    for (uint32_t i = start; i > 2 && start - i < LOCAL_MAX; i--) {
        char c = text.at[i - 1];
        if (c == ' ' || c == '\n' || c == '"' || c == '<' || (uint8_t)c >= 0x80) break;
        if (c == '/' && text.at[i - 2] == '/' && text.at[i - 3] == ':') return true;
        if (c == '/' || c == '?' || c == '#') break;
    }
    return char_at(text, end) == ':' && at - start == 3 && memcmp(text.at + start, "git", 3) == 0;
}

uint32_t mail_address(struct search *search, uint32_t at) {
    struct view text = search->text;
    uint32_t start = local_start(text, at), end = domain_end(text, at + 1);
    if (start == at || end == at + 1 || is_url(text, start, at, end)) return 0;
    search_put(search, DETECTOR_EMAIL, start, end, true, 2);
    return end - at - 1;
}

// ---- IPv4 ----

static uint32_t octet(struct view text, uint32_t *at) { // 256: none
    uint32_t value = 0, len = 0;
    while (char_digit(char_at(text, *at + len)) && len < 4)
        value = value * 10 + (uint32_t)(text.at[*at + len++] - '0');
    bool right = len >= 1 && len <= 3 && value <= 255 && (len == 1 || text.at[*at] != '0');
    *at += len;
    return right ? value : 256;
}

// Four octets at `at`: where they end, 0: none. *small: like a version or a section.
static uint32_t ipv4_end(struct view text, uint32_t at, bool *small, bool *own) {
    uint32_t octets[4], first = at;
    for (uint32_t i = 0; i < 4; i++) {
        if (i && char_at(text, at++) != '.') return 0;
        octets[i] = octet(text, &at);
        if (octets[i] > 255) return 0;
    }
    char before = first ? text.at[first - 1] : ' ', after = char_at(text, at);
    if (char_word(before) || before == '.' || char_word(after) || after == '-') return 0;
    if (after == '.' && char_digit(char_at(text, at + 1))) return 0;
    *small = octets[0] < 10 && octets[1] < 10 && octets[2] < 10 && octets[3] < 10;
    *own = octets[0] == 127 || octets[0] == 0 || octets[0] == 255; // itself, none, a mask
    return at;
}

static uint32_t ipv4(struct search *search, uint32_t at) {
    bool small, own;
    uint32_t end = ipv4_end(search->text, at, &small, &own);
    if (!end || own) return 0;
    struct label_site site = search_site(search, at, end);
    unsigned said = label_said(&site, LABEL(IP));
    // four octets are clear: of the words before only what counts goods and versions denies them
    const uint64_t never = LABEL(OTHER) | LABEL(MONEY);
    bool other = site.direct != LABEL_IP && ((1ull << site.direct | site.line) & never);
    if ((small && said < 2) || other) return 0;
    search_put(search, DETECTOR_IP, at, end, true, said);
    return end - at;
}

// ---- IPv6 and MAC ----

static bool hex(char c) {
    return char_digit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}

static uint32_t hex_len(struct view text, uint32_t at) {
    uint32_t len = 0;
    while (len < 5 && hex(char_at(text, at + len)))
        len++;
    return len;
}

static uint32_t mac(struct view text, uint32_t at) {
    char mark = char_at(text, at + 2);
    uint32_t start = at;
    if (mark != ':' && mark != '-') { // 0123.4567.89ab
        for (uint32_t i = 0; i < 3; i++, at += 5)
            if (hex_len(text, at) != 4 || (i < 2 && char_at(text, at + 4) != '.')) return 0;
        return char_word(char_at(text, at - 1)) || char_at(text, at - 1) == '.' ? 0
                                                                                : at - 1 - start;
    }
    for (uint32_t i = 0; i < 6; i++, at += 3)
        if (hex_len(text, at) != 2 || (i < 5 && char_at(text, at + 2) != mark)) return 0;
    char after = char_at(text, at - 1);
    return char_word(after) || after == mark ? 0 : at - 1 - start;
}

// Bytes of the IPv6 address at `at` (RFC 4291); 0: none, or only "::1".
static uint32_t ipv6(struct view text, uint32_t at) {
    uint32_t start = at, fields = 0, len;
    bool gap = false;
    for (;;) {
        len = hex_len(text, at);
        if (len > 4) return 0;
        if (len && char_at(text, at + len) == '.' && fields) { // ::ffff:192.0.2.1
            bool small, own;
            uint32_t end = ipv4_end(text, at, &small, &own);
            if (!end) return 0;
            at = end;
            fields += 2;
            break;
        }
        at += len;
        fields += len > 0;
        if (char_at(text, at) != ':') break;
        bool twice = char_at(text, at + 1) == ':';
        if (twice && gap) return 0;
        if (!twice && !hex(char_at(text, at + 1))) return 0;
        gap = gap || twice;
        at += twice ? 2 : 1;
    }
    if (char_word(char_at(text, at)) || char_at(text, at) == ':') return 0;
    return (gap ? fields >= 2 && fields <= 7 : fields == 8) ? at - start : 0;
}

// Only digits and dashes are more often something else: a label tells.
static bool put_mac(struct search *search, uint32_t at, uint32_t end) {
    bool letters = false;
    for (uint32_t i = at; i < end; i++)
        letters = letters || char_letter(search->text.at[i]) || search->text.at[i] == ':';
    struct label_site site = search_site(search, at, end);
    unsigned said = label_said(&site, LABEL(MAC));
    if ((!letters && !said) || label_doubted(&site, LABEL(MAC))) return false;
    return search_put(search, DETECTOR_MAC, at, end, true, said);
}

uint32_t net_address(struct search *search, uint32_t at) {
    struct view text = search->text;
    uint32_t start = at, len;
    // fe80::1 may be met at its first digit, behind words of hex and colons
    while (start > 0 && at - start < 40 && (hex(text.at[start - 1]) || text.at[start - 1] == ':'))
        start--;
    if (start > 0 && char_word(text.at[start - 1])) start = at;
    char before = start ? text.at[start - 1] : ' ';
    bool apart = !char_word(before) && before != '.' && before != '-';
    while (start < at && text.at[start] == ':' && char_at(text, start + 1) != ':')
        start++;
    uint32_t pairs = start; // dd-e8-71-2c-c8-f1
    while (pairs >= 3 && text.at[pairs - 1] == '-' && hex(text.at[pairs - 2]) &&
           hex(text.at[pairs - 3]) && start - pairs < 15)
        pairs -= 3;
    if (pairs < start && (pairs == 0 || !char_word(text.at[pairs - 1])) && mac(text, pairs))
        start = pairs, apart = true;
    if (apart && (len = mac(text, start)) > 0 && start + len > at &&
        put_mac(search, start, start + len))
        return start + len - at;
    if (apart && (len = ipv6(text, start)) > 0 && start + len > at) {
        search_put(search, DETECTOR_IP, start, start + len, true, 2);
        return start + len - at;
    }
    return char_digit(text.at[at]) ? ipv4(search, at) : 0;
}
