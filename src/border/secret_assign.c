// Where the value stands that a name is given: password=…, "token": "…", パスワードは「…」です,
// パスワード  …, WITH PASSWORD '…', the password for it is ….
#include "border/secret.h"

#include "border/words_text.h"

enum { NAME_MAX = 40, GAP_MAX = 12, LINKS_MAX = 4 };

// The length of the first of `words` that stands at `at`; 0: none does.
static size_t one_of(struct view text, size_t at, const char *const *words) {
    for (; *words; words++)
        if (view_starts_at(text, at, *words)) return strlen(*words);
    return 0;
}

static size_t past(struct view text, size_t at, const char *set) {
    for (int i = 0; i < GAP_MAX && at < text.len && strchr(set, text.at[at]); i++)
        at++;
    return at;
}

static bool is_quote(struct view text, size_t at) {
    return at < text.len && (text.at[at] == '"' || text.at[at] == '\'' || text.at[at] == '`');
}

// The -p of a command ends at `at`.
static bool is_option(struct view text, size_t at) {
    return at > 2 && memcmp(text.at + at - 3, " -p", 3) == 0;
}

// A name of code or English ends at `at`, its gap at `gap`. Behind the sign; 0: there is none.
static size_t sign_latin(struct view text, size_t at, size_t gap, bool *spoken) {
    static const char *const signs[] = {"||:", ":=", "=>", "==",     "=",  ":",  ">",
                                        "->",  "→",  "⇒",  "value=", "「", "は", NULL};
    size_t len = one_of(text, gap, signs), quotes = 0;
    *spoken = view_starts_at(text, gap, "「") || view_starts_at(text, gap, "は");
    if (len) return past(text, gap + len, " ");
    for (size_t i = at; i < gap; i++)
        quotes += is_quote(text, i);
    bool sql = quotes == 1 && gap > at + 1 && is_quote(text, gap - 1); // PASSWORD 'Abc123'
    if (sql) return gap - 1;
    if (view_starts_at(text, gap, ",")) { // define('DB_PASSWORD', 'Abc123')
        size_t value = past(text, gap + 1, " ");
        bool name = view_starts_at(text, value + 1, "pass"); // of another field
        return is_quote(text, gap - 1) && is_quote(text, value) && !name ? value : 0;
    }
    *spoken = true;
    if (is_option(text, at)) return gap > at ? gap : 0; // -p Abc123
    bool pw = at > 1 && gap > at && (text.at[at - 1] | 0x20) == 'w' &&
              (text.at[at - 2] | 0x20) == 'p' && (at == 2 || !is_word((uint8_t)text.at[at - 3]));
    if (pw) return gap;                                               // PW Abc123
    for (size_t i = at; i < at + NAME_MAX && i + 4 < text.len; i++) { // for the file is Abc123
        if (view_starts_at(text, i, " is ")) return i + 4;
        if (text.at[i] != ' ' && !is_word((uint8_t)text.at[i])) return 0;
    }
    return 0;
}

// が変わりました！, を変更しました。: behind it the new value. `at` when nothing like it stands
// there.
static size_t past_change(struct view text, size_t at) {
    static const char *const particles[] = {"が", "を", "は", "も", NULL};
    static const char *const changes[] = {"変わりました", "変更しました",   "変えました",
                                          "更新しました", "再設定しました", NULL};
    size_t from = at + one_of(text, at, particles), len = one_of(text, from, changes);
    if (!len) return at;
    from = past(text, from + len, "!");
    return from + one_of(text, from, (const char *const[]){"。", "、", NULL});
}

// A Japanese name ends at `at`: what people say or leave out before the value. 0: it is none.
static size_t sign_wide(struct view text, size_t at, bool *spoken) {
    static const char *const signs[] = {":=", "=>", "==", "=",  ":",  ">",  "->", "→", "⇒",
                                        "「", "『", "(",  "】", "は", "を", "が", NULL};
    static const char *const links[] = {"下記", "以下", "次", "こちら", "の通り",     "のとおり",
                                        "です", "、",   "。", ":",      "となります", NULL};
    size_t changed = past_change(text, at), gap = past(text, changed, " \"'`]\r\n");
    size_t len = one_of(text, gap, signs);
    *spoken = len == 0 || len == 3;
    if (!len && gap == at) return 0;
    at = past(text, gap + len, " \r\n");
    for (int i = 0; i < LINKS_MAX && (len = one_of(text, at, links)); i++)
        at = past(text, at + len, " \r\n");
    return view_starts_at(text, at, "「") || view_starts_at(text, at, "『") ? at + 3 : at;
}

size_t secret_assigned(struct view text, size_t at, bool *quoted, bool *spoken) {
    size_t end = at + NAME_MAX < text.len ? at + NAME_MAX : text.len;
    bool wide = (uint8_t)text.at[at - 1] >= 0x80;
    *quoted = is_quote(text, at - 1) && is_option(text, at - 1); // -p'Abc123'
    *spoken = false;
    if (*quoted) return at;
    if (view_starts_at(text, at, "port")) return 0; // passport
    while (at < end && (is_word((uint8_t)text.at[at]) || strchr("_-.", text.at[at])))
        at++;
    wide = wide && (uint8_t)text.at[at - 1] >= 0x80;
    at =
        wide ? sign_wide(text, at, spoken) : sign_latin(text, at, past(text, at, " \"'`]"), spoken);
    if (!at) return 0;
    if (view_starts_at(text, at, "「")) at += 3;
    *quoted = is_quote(text, at);
    return at + *quoted;
}
