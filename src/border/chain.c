// Chains of digit groups, and the numbers in them.
#include "border/identifiers.h"

enum { SPACES_MAX = 3, MARGIN_MAX = 16, INDEX_MAX = 2, INDEXED_MIN = 7, WHOLE_MAX = 11 };

static uint32_t spaces(struct view text, uint32_t at, uint32_t max) {
    uint32_t len = 0;
    while (len < max && (char_at(text, at + len) == ' '))
        len++;
    return len;
}

// A line break and the margin behind it; 0: none.
static uint32_t line_len(struct view text, uint32_t at) {
    uint32_t len = char_at(text, at) == '\r';
    if (char_at(text, at + len) != '\n') return 0;
    len++;
    return len + spaces(text, at + len, MARGIN_MAX);
}

// ( ) ）- and mixtures: 03(1234)5678, (03)1234-5678
static uint32_t bracket_len(struct view text, uint32_t at) {
    char c = char_at(text, at);
    if (c != '(' && c != ')') return 0;
    uint32_t len = 1 + spaces(text, at + 1, 1);
    if (c == ')' && (char_at(text, at + len) == '-' || char_at(text, at + len) == '(')) len++;
    return len;
}

// 4. or 12) of a list, and no digit behind it.
static bool is_index(struct view text, uint32_t at) {
    uint32_t end = at;
    while (end - at < INDEX_MAX && char_digit(char_at(text, end)))
        end++;
    char mark = char_at(text, end);
    return end > at && (mark == '.' || mark == ')') && !char_digit(char_at(text, end + 1));
}

// What begins at `at` is no group of a number: a time 16:49, an address 192.0.2.1.
static bool is_apart(struct view text, uint32_t at) {
    uint32_t dots = 0, digits = 0;
    while (char_digit(char_at(text, at + digits)))
        digits++;
    if (digits <= 2 && char_at(text, at + digits) == ':') return true;
    for (; char_digit(char_at(text, at)) || char_at(text, at) == '.'; at++)
        dots += text.at[at] == '.' && char_digit(char_at(text, at + 1));
    return dots == 3;
}

// 204/0312345678: behind a slash a telephone number without marks.
static bool is_whole(struct view text, uint32_t at) {
    uint32_t digits = 0;
    while (digits <= WHOLE_MAX && char_digit(char_at(text, at + digits)))
        digits++;
    return char_at(text, at) == '0' && (digits == WHOLE_MAX - 1 || digits == WHOLE_MAX);
}

// What joins the group that ends at `at` to the next digit; *len its bytes.
static enum joint joint_at(struct view text, uint32_t at, bool single, uint32_t *len) {
    uint32_t before = spaces(text, at, SPACES_MAX), line, bracket;
    uint32_t here = at + before;
    char c = char_at(text, here);
    enum joint joint = before ? JOINT_SPACE : JOINT_NONE;
    *len = before;
    if (c == '-') {
        joint = JOINT_DASH;
        *len += 1 + spaces(text, here + 1, SPACES_MAX);
        *len += line_len(text, at + *len);
    } else if ((line = line_len(text, here)) > 0) {
        joint = is_index(text, here + line) ? JOINT_NONE : JOINT_LINE;
        *len += line;
        if (char_at(text, at + *len) == '-') *len += 1;
    } else if ((bracket = bracket_len(text, here)) > 0) {
        joint = is_apart(text, here + bracket) ? JOINT_NONE : JOINT_BRACKET;
        *len += bracket;
    } else if (single && (c == '|' || c == '\t')) {
        joint = JOINT_BOX;
        *len += 1 + spaces(text, here + 1, SPACES_MAX);
    } else if (!before && (c == '.' || c == '/')) {
        joint = c == '.' ? JOINT_DOT : JOINT_SLASH;
        if (c == '/' && is_whole(text, here + 1)) joint = JOINT_NONE;
        *len = 1;
    } else if (!before && view_starts_at(text, here, "・")) {
        joint = JOINT_MIDDLE;
        *len = 3;
    } else if (!before && view_starts_at(text, here, "の")) {
        joint = JOINT_NO;
        *len = 3;
    }
    return char_digit(char_at(text, at + *len)) ? joint : JOINT_NONE;
}

// Whether the number at `at` stands behind the mark of a list: 1.123456789018
static bool is_indexed(struct view text, uint32_t at) {
    uint32_t len = 0, mark = at;
    while (len < INDEXED_MIN && char_digit(char_at(text, at + len)))
        len++;
    if (len < INDEXED_MIN || at < 2 || text.at[at - 1] != '.') return false;
    while (--mark > 0 && char_digit(text.at[mark - 1]) && at - mark <= INDEX_MAX + 1)
        ;
    bool apart = mark == 0 || text.at[mark - 1] == ' ' || text.at[mark - 1] == '\n' ||
                 (uint8_t)text.at[mark - 1] >= 0x80;
    return mark < at - 1 && at - 1 - mark <= INDEX_MAX && text.at[mark] != '0' && apart;
}

void chain_take(struct view text, uint32_t at, struct chain *out) {
    uint32_t digits = 0;
    enum joint joint = JOINT_NONE;
    out->text = text;
    out->at = at;
    out->len = 0;
    do {
        uint32_t start = at;
        while (char_digit(char_at(text, at)) && at - start < GROUP_MAX)
            at++;
        memcpy(out->digits + digits, text.at + start, at - start);
        out->groups[out->len].at = start;
        out->groups[out->len].first = (uint16_t)digits;
        out->groups[out->len].len = (uint8_t)(at - start);
        out->groups[out->len].joint = (uint8_t)joint;
        out->len++;
        out->end = at;
        digits += at - start;
        uint32_t len;
        joint = joint_at(text, at, at - start == 1, &len);
        at += len;
        if (joint == JOINT_DOT && is_indexed(text, at)) joint = JOINT_NONE;
    } while (joint != JOINT_NONE && out->len < CHAIN_GROUPS_MAX &&
             digits + GROUP_MAX <= CHAIN_DIGITS_MAX);
}

// Whether the group beside is joined so that it is one number with those here, which have `inside`
// between them: by a mark, or by a space as theirs when it is as long.
static bool goes_on(const struct chain *chain, uint32_t beside, uint32_t here, uint32_t joint,
                    uint32_t inside) {
    switch (joint) {
    case JOINT_NONE:
        return false;
    case JOINT_LINE: // not to a date: 6779 6988, line, 2019/8/17
        if (beside > here && beside + 1 < chain->len &&
            !(1u << chain->groups[beside + 1].joint & (inside | 1u << JOINT_LINE)))
            return false;
        __attribute__((fallthrough));
    case JOINT_SPACE: {
        uint32_t spaces = 1u << JOINT_SPACE | 1u << JOINT_LINE;
        return (inside & spaces) && chain->groups[beside].len == chain->groups[here].len;
    }
    case JOINT_BOX: // single digits; not 1-2-3, a tab, 03-1234-5678
        return chain->groups[beside].len == 1 && chain->groups[here].len == 1;
    case JOINT_MIDDLE:
        return inside & 1u << JOINT_MIDDLE;
    case JOINT_SLASH: // 03-1234-5678/03-1234-5679
        return !inside || inside & 1u << JOINT_SLASH;
    default:
        return true;
    }
}

// A bracket behind a space begins a number that begins with 0: 3-2-1 (052)123-4567.
static bool opens(const struct chain *chain, uint32_t group) {
    uint32_t at = chain->groups[group].at;
    return at > 1 && chain->text.at[at - 1] == '(' && chain->text.at[at - 2] == ' ' &&
           chain->text.at[at] == '0';
}

// 080 1234 5678 behind a space: the number before it is another.
static bool is_mobile(const struct chain *chain, const struct number *number, uint32_t first) {
    return number->shape == SHAPE_3(3, 4, 4) && number->digits[0] == '0' &&
           number->digits[2] == '0' && chain->groups[first].joint == JOINT_SPACE;
}

static bool letter_before(struct view text, uint32_t at) {
    return at && char_letter(text.at[at - 1]);
}

// A word goes on beside it: a letter or digit behind, or a word and a mark on either side.
static bool word_beside(struct view text, uint32_t at, uint32_t end) {
    char before = at ? text.at[at - 1] : ' ', after = char_at(text, end);
    char two_before = at > 1 ? text.at[at - 2] : ' ', two_after = char_at(text, end + 1);
    if (char_word(after) || char_digit(before)) return true;
    if ((before == '-' || before == '_') && char_word(two_before)) return true;
    if (before == '.' && char_digit(two_before) && !is_indexed(text, at)) return true;
    return (after == '-' || after == '_') && char_word(two_after);
}

struct number chain_number(const struct chain *chain, uint32_t first, uint32_t last) {
    uint32_t end = chain->groups[last].at + chain->groups[last].len;
    uint32_t groups = last - first + 1;
    struct number out = {.at = chain->groups[first].at,
                         .end = end,
                         .digits = chain->digits + chain->groups[first].first,
                         .groups = groups,
                         .single = groups > 1};
    for (uint32_t i = first; i <= last; i++) {
        uint32_t len = chain->groups[i].len;
        out.len += len;
        out.single = out.single && len == 1;
        if (groups <= 12 && len < 32) out.shape = out.shape << 5 | len;
        if (i > first) out.joints |= 1u << chain->groups[i].joint;
    }
    bool left = first > 0 && !opens(chain, first) && !is_mobile(chain, &out, first) &&
                goes_on(chain, first - 1, first, chain->groups[first].joint, out.joints);
    out.plus = out.at && chain->text.at[out.at - 1] == '+';
    bool wrapped = last + 1 < chain->len && chain->groups[last + 1].joint == JOINT_LINE;
    bool right = last + 1 < chain->len && !(out.plus && wrapped) &&
                 goes_on(chain, last + 1, last, chain->groups[last + 1].joint, out.joints);
    bool clean = !left && !right && !word_beside(chain->text, out.at, out.end);
    bool letter = letter_before(chain->text, out.at);
    out.clean = clean && !letter;
    out.lettered = clean && letter;
    return out;
}

bool number_even(const struct number *number) {
    uint32_t joints = number->joints & ~(1u << JOINT_LINE);
    uint32_t fine = 1u << JOINT_SPACE | 1u << JOINT_DASH | 1u << JOINT_BOX | 1u << JOINT_NO;
    return (joints & ~fine) == 0 && (joints & (joints - 1)) == 0;
}
