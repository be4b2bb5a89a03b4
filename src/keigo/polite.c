// Plain to polite: sentence after sentence, clause after clause, the likeliest kept.
#include <string.h>

#include "keigo/polite.h"

// Words that a polite sentence says otherwise, whatever stands around them.
static const char *const exchanged[][2] = {
    {"君", "あなた"},         {"きみ", "あなた"},     {"お前", "あなた"},
    {"おまえ", "あなた"},     {"あんた", "あなた"},   {"俺", "私"},
    {"おれ", "私"},           {"僕", "私"},           {"ぼく", "私"},
    {"あたし", "私"},         {"じゃあ", "では"},     {"それじゃあ", "それでは"},
    {"それじゃ", "それでは"}, {"やっぱり", "やはり"}, {"やっぱ", "やはり"},
    {"こっち", "こちら"},     {"そっち", "そちら"},   {"あっち", "あちら"},
    {"どっち", "どちら"},     {"あいつ", "あの人"},   {"あんまり", "あまり"},
    {"とっても", "とても"},   {"すごく", "とても"},   {"だから", "ですから"},
    {"だけど", "ですが"},     {"うん", "はい"},       {"ごめん", "すみません"},
    {"みんな", "皆さん"},     {"さっき", "先ほど"},   {"へえ", "まあ"},
};

struct segment {
    uint32_t from, tail, end, next; // words: predicate to `tail`, tail to `end`, marks to `next`
    bool asks;
};

static bool word_asks(const struct keigo_word *word) {
    return word_in(word->text, "？ ? ？！ ！？ !? ?!");
}

static bool ends_clause(const struct keigo_sentence *s, uint32_t i, uint32_t from) {
    const struct keigo_word *word = &s->words[i];
    if (i + 1 < s->len && pos1_is(&s->words[i + 1], "終助詞")) return false; // だからね
    if (i + 1 < s->len && word_in(s->words[i + 1].text, "って なので")) return false; // だからって
    return i > from && pos1_is(word, "接続助詞") &&
           word_in(word->text, "から けど けれど けれども が し ので");
}

// ね and 、: a sentence ends there, and its predicate came first.
static bool ends_early(const struct keigo_sentence *s, uint32_t i, uint32_t from) {
    if (i == from || i + 1 >= s->len || !word_in(s->words[i + 1].text, "、 ，")) return false;
    const struct keigo_word *word = &s->words[i];
    bool sighs = i > from && adjective(word - 1) && form_is(word - 1, "基本形"); // うれしいな、
    bool noun_joins = word_in(word->text, "な の") && !sighs;
    return (pos1_is(word, "終助詞") && !noun_joins) ||
           (word_is(word, "だ") && pos_is(word, "助動詞") && form_is(word, "基本形"));
}

static bool tail_word(const struct keigo_sentence *s, uint32_t i) {
    const struct keigo_word *word = &s->words[i];
    if (pos1_is(word, "終助詞") || word_in(word->text, "もん っけ かな かい だい かね"))
        return true;
    if (pos_is(word, "助詞") && word_in(word->text, "か よ ね の さ わ な って から けど けれど "
                                                    "けれども が し ので だって んだって もの"))
        return true;
    if (word_in(word->text, "ん の") && pos1_is(word, "非自立")) return true;
    // だ of んだ
    return word_is(word, "だ") && i && word_in(s->words[i - 1].text, "ん の");
}

// Behind what is bracketed at word i, which nobody may change while the sentence goes on; i: it is
// no bracket, or the sentence ends with it.
static uint32_t bracket_end(const struct keigo_sentence *s, uint32_t i) {
    static const char *const pairs[][2] = {{"「", "」"}, {"『", "』"}, {"（", "）"}, {"(", ")"}};
    for (size_t p = 0; p < sizeof pairs / sizeof *pairs; p++)
        for (uint32_t k = i + 1; k + 1 < s->len && word_is(&s->words[i], pairs[p][0]); k++)
            if (word_is(&s->words[k], pairs[p][1])) return word_ends(&s->words[k + 1]) ? i : k + 1;
    return i;
}

// 。 and its like; ・・・, which ipadic cuts.
static bool ends(const struct keigo_sentence *s, uint32_t i) {
    bool dots = i + 1 < s->len && word_is(&s->words[i], "・") && word_is(&s->words[i + 1], "・");
    bool more = i && word_is(&s->words[i], "・") && word_is(&s->words[i - 1], "・");
    return dots || more || word_ends(&s->words[i]);
}

static struct segment segment_read(const struct keigo_sentence *s, uint32_t from) {
    struct segment out = {.from = from, .end = from};
    while (out.end < s->len && !ends(s, out.end)) {
        uint32_t behind = bracket_end(s, out.end);
        if (behind > out.end) {
            out.end = behind;
            continue;
        }
        out.end++;
        if (ends_early(s, out.end - 1, from)) break;
        if (!ends_clause(s, out.end - 1, from)) continue;
        if (out.end < s->len && !ends(s, out.end)) break;
    }
    out.tail = out.end;
    while (out.tail > from + 1 && tail_word(s, out.tail - 1))
        out.tail--;
    out.next = out.end;
    bool early = out.next < s->len && word_in(s->words[out.next].text, "、 ，");
    if (early && out.next > from) out.next++;
    while (!early && out.next < s->len && ends(s, out.next)) {
        out.asks = out.asks || word_asks(&s->words[out.next]);
        out.next++;
        if (word_is(&s->words[out.next - 1], "/")) break;
    }
    return out;
}

static void put_word(const struct keigo_sentence *s, uint32_t i, struct buf *out) {
    const struct keigo_word *word = &s->words[i];
    for (size_t k = 0; k < sizeof exchanged / sizeof *exchanged; k++)
        if (word_is(word, exchanged[k][0]) && !pos_is(word, "助詞")) {
            buf_put_text(out, exchanged[k][1]);
            return;
        }
    buf_put_view(out, word->text);
}

static bool says(const struct keigo_word *word) {
    return word_in(word->lemma, "聞く きく 言う いう 思う");
}

static void put_words(const struct keigo_sentence *s, uint32_t from, uint32_t end,
                      struct buf *out) {
    for (uint32_t i = from; i < end; i++) {
        if (word_is(&s->words[i], "って") && i > from && i + 1 < s->len && says(&s->words[i + 1]))
            buf_put_text(out, "と");
        else
            put_word(s, i, out);
    }
}

struct made {
    const struct keigo_sentence *s;
    const struct segment *segment;
    const struct predicate *predicate;
};

// The words of a segment in one of the ways.
static bool put_way(const struct made *m, const char *way, struct buf *out) {
    const struct predicate *p = m->predicate;
    const struct segment *g = m->segment;
    if (way[0] == 'Q' && !p->other.len) return false;
    if (way[0] == 'K' && p->noun_end) {
        bool nominal =
            view_starts_at(view_of(way), 1, "ん") || view_starts_at(view_of(way), 1, "の");
        bool bare = view_starts_at(view_of(way), 1, "でしょう");
        put_words(m->s, g->from, p->noun_end, out);
        buf_put_text(out, nominal ? "な" : bare ? "" : "だ");
    } else {
        put_words(m->s, g->from,
                  way[0] == 'K'       ? g->tail
                  : p->from < g->tail ? p->from
                                      : g->tail,
                  out);
    }
    if (way[0] != 'K') buf_put_view(out, buf_view(way[0] == 'Q' ? &p->other : &p->text));
    if (way[1] == '=')
        span_put(m->s, g->tail, g->end, out);
    else
        buf_put_text(out, way + 1);
    span_put(m->s, g->end, g->next, out);
    return true;
}

// Among the likeliest: the least likely one's room is taken over when all is full.
static void keep(struct keigo_candidates *to, const struct buf *text, float prior) {
    uint32_t least = 0;
    if (to->len < KEIGO_CANDIDATES_MAX - 1) {
        candidate_close(to, text, prior);
        return;
    }
    for (uint32_t i = 0; i < to->len; i++) {
        if (view_same(to->text[i], buf_view(text))) return;
        if (to->prior[i] < to->prior[least]) least = i;
    }
    if (text->over || to->prior[least] >= prior) return;
    memcpy(to->storage + (to->text[least].at - to->storage), text->at, text->len);
    to->text[least].len = text->len;
    to->prior[least] = prior;
}

// Every candidate so far goes on in each of the ways.
static void extend(const struct made *m, const struct ending *ending,
                   const struct keigo_candidates *from, struct keigo_candidates *to) {
    to->len = 0;
    for (uint32_t i = 0; i < from->len; i++)
        for (unsigned k = 0; k < ENDING_WAYS_MAX && ending->ways[k].text; k++) {
            struct buf text = candidate_room(to);
            buf_put_view(&text, from->text[i]);
            if (put_way(m, ending->ways[k].text, &text))
                keep(to, &text, from->prior[i] + ending->ways[k].prior);
        }
}

enum sk_code rewrite_polite(const struct keigo_sentence *s, struct keigo_candidates *out) {
    static _Thread_local struct keigo_candidates half;
    struct keigo_candidates *now = &half, *next = out;
    now->len = 0;
    struct buf text = candidate_room(now);
    candidate_close(now, &text, 0);
    for (uint32_t i = 0; i < s->len;) {
        struct segment segment = segment_read(s, i);
        struct predicate predicate = {.kind = PREDICATE_PHRASE};
        char storage[128];
        struct buf tail = buf_over(storage, sizeof storage);
        span_put(s, segment.tail, segment.end, &tail);
        if (segment.tail > segment.from)
            predicate_read(s, segment.from, segment.tail, &predicate);
        else
            predicate.from = segment.from;
        if (word_in(buf_view(&tail), "な なよ") && (predicate_bids(s, segment.tail, &predicate) ||
                                                    predicate_forbids(s, segment.tail, &predicate)))
            buf_reset(&tail);
        const struct made made = {s, &segment, &predicate};
        extend(&made, ending_find(buf_view(&tail), segment.asks, predicate.kind), now, next);
        struct keigo_candidates *empty = now;
        now = next;
        next = empty;
        i = segment.next;
    }
    if (now != out) {
        out->len = 0;
        for (uint32_t i = 0; i < now->len; i++) {
            struct buf room = candidate_room(out);
            buf_put_view(&room, now->text[i]);
            candidate_close(out, &room, now->prior[i]);
        }
    }
    return out->len ? SK_OK
                    : FAIL(SK_LIMIT, "keigo: a text in another form: more than %d bytes",
                           KEIGO_TEXT_MAX);
}
