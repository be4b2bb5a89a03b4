// Rewriting: which candidates there are, and their order.
#include <string.h>

#include "keigo/parts.h"

static const char *const names[KEIGO_STYLES] = {"plain", "polite", "humble", "honorific"};

const char *keigo_style_name(enum keigo_style style) {
    must((unsigned)style < KEIGO_STYLES);
    return names[style];
}

const char *keigo_style_ask(enum keigo_style style) {
    static const char *const asks[KEIGO_STYLES] = {KEIGO_ASK_PLAIN, KEIGO_ASK_POLITE,
                                                   KEIGO_ASK_HUMBLE, KEIGO_ASK_HONORIFIC};
    must((unsigned)style < KEIGO_STYLES);
    return asks[style];
}

enum sk_code keigo_style_find(struct view name, enum keigo_style *out) {
    for (unsigned i = 0; i < KEIGO_STYLES; i++)
        if (view_is(name, names[i])) {
            *out = (enum keigo_style)i;
            return SK_OK;
        }
    return FAIL(SK_INPUT, "keigo: style %.*s: plain, polite, humble or honorific",
                (int)(name.len < 40 ? name.len : 40), name.at);
}

struct buf candidate_room(struct keigo_candidates *out) {
    must(out->len < KEIGO_CANDIDATES_MAX);
    return buf_over(out->storage + (size_t)out->len * KEIGO_TEXT_MAX, KEIGO_TEXT_MAX);
}

void candidate_close(struct keigo_candidates *out, const struct buf *text, float prior) {
    struct view view = buf_view(text);
    if (text->over || out->len == KEIGO_CANDIDATES_MAX) return;
    for (uint32_t i = 0; i < out->len; i++)
        if (view_same(out->text[i], view)) {
            if (prior > out->prior[i]) out->prior[i] = prior;
            return;
        }
    out->text[out->len] = view;
    out->prior[out->len++] = prior;
}

static void sort(struct keigo_candidates *out) {
    for (uint32_t i = 1; i < out->len; i++)
        for (uint32_t k = i; k > 0 && out->prior[k] > out->prior[k - 1]; k--) {
            float prior = out->prior[k];
            struct view text = out->text[k];
            out->prior[k] = out->prior[k - 1];
            out->text[k] = out->text[k - 1];
            out->prior[k - 1] = prior;
            out->text[k - 1] = text;
        }
}

static enum sk_code honour(struct keigo_reader *reader, bool humble, struct keigo_candidates *out) {
    struct keigo_sentence plain;
    TRY(keigo_cut(reader, out->text[0], &plain));
    out->len = 0;
    return rewrite_honour(&plain, humble, out);
}

enum sk_code keigo_rewrite(struct keigo_reader *reader, struct view text, enum keigo_style style,
                           struct keigo_candidates *out) {
    struct keigo_sentence s;
    out->len = 0;
    TRY(keigo_cut(reader, text, &s));
    switch (style) {
    case KEIGO_POLITE:
        TRY(rewrite_polite(&s, out));
        break;
    case KEIGO_PLAIN:
    case KEIGO_HUMBLE:
    case KEIGO_HONORIFIC:
    case KEIGO_STYLES:
        TRY(rewrite_plain(&s, out));
        break;
    }
    if (style == KEIGO_HUMBLE || style == KEIGO_HONORIFIC)
        TRY(honour(reader, style == KEIGO_HUMBLE, out));
    sort(out);
    must(out->len > 0);
    return SK_OK;
}
