#include "cli/generate_parts.h"

#include <string.h>

#include "base/json.h"

struct template {
    const char *name, *text;
};

#define T(name, text) {name, text},
static const struct template train[] = {
#include "cli/generate_train.def"
};
static const struct template held_out[] = {
#include "cli/generate_held_out.def"
};
#undef T

// ---- chance ----

static uint64_t chance_next(struct generator *g) { // splitmix64
    uint64_t z = (g->chance += 0x9e3779b97f4a7c15u);
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
    z = (z ^ z >> 27) * 0x94d049bb133111ebu;
    return z ^ z >> 31;
}

uint32_t chance(struct generator *g, uint32_t below) {
    return below ? (uint32_t)((chance_next(g) >> 32) * below >> 32) : 0;
}

char chance_of(struct generator *g, const char *alphabet) {
    return alphabet[chance(g, (uint32_t)strlen(alphabet))];
}

void chance_text(struct generator *g, const char *alphabet, uint32_t len, char *out) {
    for (uint32_t i = 0; i < len; i++)
        out[i] = chance_of(g, alphabet ? alphabet : "0123456789");
    out[len] = 0;
}

void put_span(struct generator *g, unsigned detector, const char *text, const char *form) {
    must(g->spans_len < GENERATE_SPANS_MAX);
    uint32_t len = (uint32_t)strlen(text);
    g->spans[g->spans_len++] =
        (struct generate_span){(uint32_t)g->text.len, len, (uint8_t)detector, form};
    buf_put(&g->text, text, len);
}

// ---- templates ----

static generate_slot *slot_of(struct view name) {
    static const struct generate_slots *const tables[] = {
        generate_person_slots, generate_japan_slots, generate_abroad_slots, generate_term_slots};
    for (size_t i = 0; i < sizeof tables / sizeof *tables; i++)
        for (const struct generate_slots *row = tables[i]; row->name; row++)
            if (view_is(name, row->name)) return row->put;
    return NULL;
}

// "{slot}", or "{slot=}" for the tidy form: where it ends; NULL: text.
static const char *expand_slot(struct generator *g, const char *at) {
    const char *end = *at == '{' ? strchr(at, '}') : NULL;
    // Braces of JSON stand before a quote, a space or a line break.
    if (!end || !(at[1] >= 'a' && at[1] <= 'z')) return NULL;
    bool tidy = end[-1] == '=';
    struct view name = {at + 1, (size_t)(end - at) - 1 - tidy};
    generate_slot *put = slot_of(name);
    must(put); // a template names a slot there is
    put(g, tidy);
    return end + 1;
}

// "<label|text>": text of the template that is labelled.
static const char *expand_label(struct generator *g, const char *at) {
    char text[128];
    const char *bar = *at == '<' ? strchr(at, '|') : NULL, *end = bar ? strchr(bar, '>') : NULL;
    if (!end) return NULL;
    struct view label = {at + 1, (size_t)(bar - at) - 1};
    for (unsigned i = 0; i < DETECTOR_COUNT; i++) {
        if (!view_is(label, detector_name((enum detector)i))) continue;
        size_t len = (size_t)(end - bar) - 1;
        must(len < sizeof text);
        memcpy(text, bar + 1, len);
        text[len] = 0;
        put_span(g, i, text, "of the template");
        return end + 1;
    }
    return NULL;
}

static void expand(struct generator *g, const struct template *from) {
    buf_reset(&g->text);
    g->spans_len = 0;
    g->family = g->given = (struct generate_name){NULL, NULL};
    for (const char *at = from->text; *at;) {
        const char *end = expand_slot(g, at);
        if (!end) end = expand_label(g, at);
        if (!end)
            buf_put_char(&g->text, *at++);
        else
            at = end;
    }
    must(!g->text.over);
}

static void write_spans(const struct generator *g, struct json_writer *w, bool negatives) {
    json_open(w, '[');
    for (uint32_t i = 0; i < g->spans_len; i++) {
        const struct generate_span *is = &g->spans[i];
        if ((is->detector == DETECTOR_COUNT) != negatives) continue;
        json_open(w, '{');
        json_member_u64(w, "start", is->at);
        json_member_u64(w, "end", is->at + is->len);
        if (!negatives) json_member_text(w, "label", detector_name((enum detector)is->detector));
        json_member_text(w, negatives ? "kind" : "form", is->form);
        json_close(w, '}');
    }
    json_close(w, ']');
}

static void write_line(struct generator *g, const struct template *from, struct buf *out) {
    struct json_writer w = json_writer_to(out);
    expand(g, from);
    json_open(&w, '{');
    json_member_string(&w, "text", buf_view(&g->text));
    json_name(&w, "spans");
    write_spans(g, &w, false);
    json_name(&w, "negatives");
    write_spans(g, &w, true);
    json_member_text(&w, "template", from->name);
    json_close(&w, '}');
    buf_put_char(out, '\n');
}

void generate_begin(struct generator *generator, enum split split, uint64_t seed) {
    generator->split = split;
    generator->chance = seed;
    generator->text = buf_over(generator->storage, sizeof generator->storage);
}

static const struct template *templates_of(const struct generator *g, uint32_t *len) {
    bool first = g->split == SPLIT_TRAIN;
    *len = first ? sizeof train / sizeof *train : sizeof held_out / sizeof *held_out;
    return first ? train : held_out;
}

enum sk_code generate_line(struct generator *generator, struct buf *out) {
    uint32_t len;
    const struct template *all = templates_of(generator, &len);
    write_line(generator, &all[chance(generator, len)], out);
    return buf_check(out, "generated texts");
}

bool generate_template(struct generator *generator, uint32_t index, struct buf *out) {
    uint32_t len;
    const struct template *all = templates_of(generator, &len);
    if (index >= len) return false;
    write_line(generator, &all[index], out);
    return true;
}
