#include "train/unigram.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "train/lattice.h"

// Expected counts are kept in 2^-20ths, so that sums of them are exact in any order.
#define PART 0x1p-20

// A string of 32 such pieces is still a number; rarer ones count as this in expectations.
#define LEAST_PROBABILITY 1e-9

enum { SEEDS_MAX = 1000000 }; // as SentencePiece

struct learner {
    const struct unigram_search *search;
    struct unigram *unigram;
    struct pool *pool;
    struct lattice text, self; // of the text; of the seeds themselves, but for the characters
    uint32_t *now;             // the number of a seed among the pieces, or GRAM_NONE
    uint32_t *change;          // numbers before a round to those after it
    double *probability;
    int64_t *counts; // of each thread, one after another; then all in the first
    uint32_t seeds;
};

// ---- expectation ----

static void expect_string(const struct lattice_string *string, const double *probability,
                          int64_t *counts) {
    double before[LETTERS_LEN_MAX + 1] = {1}, after[LETTERS_LEN_MAX + 1];
    for (uint32_t i = 0; i < string->len; i++)
        for (const uint32_t *edge = string->from[i]; edge < string->from[i + 1]; edge++)
            before[i + edge_len(*edge)] += before[i] * probability[edge_piece(*edge)];
    after[string->len] = (double)string->count / PART / before[string->len];
    for (uint32_t i = string->len; i--;) {
        after[i] = 0;
        for (const uint32_t *edge = string->from[i]; edge < string->from[i + 1]; edge++) {
            double on = probability[edge_piece(*edge)] * after[i + edge_len(*edge)];
            after[i] += on;
            counts[edge_piece(*edge)] += (int64_t)(before[i] * on + 0.5);
        }
    }
}

static void expect_block(void *job, uint32_t block, uint32_t thread) {
    const struct learner *learner = job;
    struct lattice_walk walk = lattice_begin(&learner->text, block);
    struct lattice_string string;
    while (lattice_next(&walk, &string))
        expect_string(&string, learner->probability,
                      learner->counts + (size_t)thread * learner->unigram->len);
}

// Runs over all blocks, then sums the counts of the threads.
static void count_all(struct learner *learner, pool_task *task) {
    size_t len = learner->unigram->len;
    memset(learner->counts, 0, learner->pool->threads * len * sizeof *learner->counts);
    pool_run(learner->pool, task, learner, learner->text.blocks_len);
    for (uint32_t thread = 1; thread < learner->pool->threads; thread++)
        for (size_t i = 0; i < len; i++) learner->counts[i] += learner->counts[thread * len + i];
}

// ---- dropping pieces ----

// Takes those with GRAM_NONE in learner->change away; gives the others their numbers.
static void drop_pieces(struct learner *learner) {
    struct unigram *unigram = learner->unigram;
    uint32_t kept = 0;
    for (uint32_t i = 0; i < unigram->len; i++) {
        if (learner->change[i] == GRAM_NONE) continue;
        unigram->gram[kept] = unigram->gram[i];
        unigram->log[kept] = unigram->log[i];
        learner->change[i] = kept++;
    }
    if (kept == unigram->len) return;
    for (uint32_t i = 0; i < learner->seeds; i++)
        if (learner->now[i] != GRAM_NONE) learner->now[i] = learner->change[learner->now[i]];
    lattice_renumber(&learner->text, learner->pool, learner->change);
    lattice_renumber(&learner->self, learner->pool, learner->change);
    unigram->len = kept;
}

// ---- maximisation ----

static double digamma(double x) { // x > 0; asymptotic from 7 on
    double sum = 0;
    for (; x < 7; x++) sum -= 1 / x;
    double y = 1 / (x * x);
    return sum + log(x) - 0.5 / x - y * (1 / 12.0 - y * (1 / 120.0 - y * (1 / 252.0 - y / 240.0)));
}

static void set_probabilities(struct learner *learner) {
    for (uint32_t i = 0; i < learner->unigram->len; i++) {
        double p = exp(learner->unigram->log[i]);
        learner->probability[i] = p > LEAST_PROBABILITY ? p : LEAST_PROBABILITY;
    }
}

// One round of both. `drop`: pieces that are hardly expected go.
static void improve(struct learner *learner, bool drop) {
    const double least = 0.5;
    struct unigram *unigram = learner->unigram;
    int64_t sum = 0;
    count_all(learner, expect_block);
    for (uint32_t i = 0; i < unigram->len; i++) {
        double count = (double)learner->counts[i] * PART;
        bool goes = drop && count < least && i >= learner->search->letters->alphabet;
        learner->change[i] = goes ? GRAM_NONE : i;
        if (!goes) sum += learner->counts[i];
        unigram->log[i] = digamma(count > least ? count : least);
    }
    double all = digamma((double)sum * PART);
    for (uint32_t i = 0; i < unigram->len; i++) unigram->log[i] -= all;
    drop_pieces(learner);
    set_probabilities(learner);
}

// ---- which pieces matter ----

// The likeliest way to cut a string; from[i]: the last edge to place i. `without`: one piece that
// may not be taken, or GRAM_NONE.
static double best_way(const struct lattice_string *string, const double *log, uint32_t without,
                       uint32_t *from) {
    double best[LETTERS_LEN_MAX + 1] = {0};
    for (uint32_t i = 1; i <= string->len; i++) best[i] = -HUGE_VAL;
    for (uint32_t i = 0; i < string->len; i++)
        for (const uint32_t *edge = string->from[i]; edge < string->from[i + 1]; edge++) {
            uint32_t to = i + edge_len(*edge), piece = edge_piece(*edge);
            double here = best[i] + log[piece];
            if (here <= best[to] || piece == without) continue;
            best[to] = here;
            from[to] = *edge;
        }
    return best[string->len];
}

static void cut_block(void *job, uint32_t block, uint32_t thread) {
    const struct learner *learner = job;
    int64_t *counts = learner->counts + (size_t)thread * learner->unigram->len;
    struct lattice_walk walk = lattice_begin(&learner->text, block);
    struct lattice_string string;
    uint32_t from[LETTERS_LEN_MAX + 1];
    while (lattice_next(&walk, &string)) {
        best_way(&string, learner->unigram->log, GRAM_NONE, from);
        for (uint32_t i = string.len; i; i -= edge_len(from[i]))
            counts[edge_piece(from[i])] += (int64_t)string.count;
    }
}

struct worth {
    double worth;
    uint32_t piece;
};

static int by_worth(const void *one, const void *other) {
    const struct worth *a = one, *b = other;
    if (a->worth != b->worth) return a->worth > b->worth ? -1 : 1;
    return a->piece < b->piece ? -1 : 1;
}

// How much likelihood the text loses without a piece: its occurrences are cut in the next best way,
// whose pieces become more frequent.
static double loss_of(const struct learner *learner, const struct lattice_string *string,
                      uint32_t piece, double sum) {
    const double *log_of = learner->unigram->log;
    uint32_t from[LETTERS_LEN_MAX + 1], pieces = 0;
    double count = (double)learner->counts[piece], other = 0;
    double next = best_way(string, log_of, piece, from);
    if (count <= 0 || next > log_of[piece]) return -1;
    for (uint32_t i = string->len; i; i -= edge_len(from[i]), pieces++)
        other += log((double)learner->counts[edge_piece(from[i])] + count);
    other -= pieces * log(sum + count * (pieces - 1));
    return count * (log(count) - log(sum) - other);
}

// Keeps the `len` pieces that matter most. worths: room for all.
static void prune(struct learner *learner, uint32_t len, struct worth *worths) {
    struct unigram *unigram = learner->unigram;
    uint32_t alphabet = learner->search->letters->alphabet, worths_len = 0, seed = alphabet;
    count_all(learner, cut_block);
    double sum = 0;
    for (uint32_t i = 0; i < unigram->len; i++) sum += (double)learner->counts[i];
    for (uint32_t block = 0; block < learner->self.blocks_len; block++) {
        struct lattice_walk walk = lattice_begin(&learner->self, block);
        struct lattice_string string;
        while (lattice_next(&walk, &string)) {
            uint32_t piece = learner->now[seed++];
            if (piece == GRAM_NONE) continue;
            worths[worths_len++] =
                (struct worth){loss_of(learner, &string, piece, sum), piece};
        }
    }
    qsort(worths, worths_len, sizeof *worths, by_worth);
    for (uint32_t i = 0; i < unigram->len; i++) learner->change[i] = i < alphabet ? i : GRAM_NONE;
    for (uint32_t i = 0; i < worths_len && i + alphabet < len; i++)
        learner->change[worths[i].piece] = worths[i].piece;
    drop_pieces(learner);
    set_probabilities(learner);
}

// ---- where it begins ----

// Strings to begin with are those that no longer one occurs as often as.
static bool may_be_seed(const struct gram *gram) {
    return gram->len > 1 && gram->count > gram->longer;
}

// Numbers the pieces to begin with: characters, then the strings with most text, as many as
// `edges_max` edges allow. piece[gram]: its number or GRAM_NONE.
static enum sk_code choose_seeds(struct learner *learner, size_t edges_max, uint32_t *piece,
                                 struct arena *scratch) {
    const struct grams *grams = &learner->unigram->grams;
    const struct letters *letters = learner->search->letters;
    struct worth *seeds = arena_take_raw(scratch, grams->len, sizeof *seeds);
    if (!seeds) return SK_LIMIT;
    uint32_t len = 0, kept = letters->alphabet;
    for (uint32_t i = 0; i < grams->len; i++) {
        piece[i] = i < letters->alphabet ? i : GRAM_NONE;
        if (!may_be_seed(&grams->at[i])) continue;
        double weight = (double)grams->at[i].count * grams->at[i].len;
        seeds[len++] = (struct worth){weight, i};
    }
    qsort(seeds, len, sizeof *seeds, by_worth);
    size_t edges = letters->at_len;
    for (uint32_t i = 0; i < len && kept < SEEDS_MAX; i++) {
        edges += grams->at[seeds[i].piece].places;
        if (edges > edges_max) break;
        piece[seeds[i].piece] = kept++;
    }
    learner->seeds = kept;
    return SK_OK;
}

uint32_t unigram_letters(const struct unigram *unigram, uint32_t piece, uint16_t *out) {
    const struct gram *grams = unigram->grams.at;
    uint32_t gram = unigram->gram[piece], len = grams[gram].len;
    for (uint32_t i = len; i--; gram = grams[gram].before) out[i] = grams[gram].last;
    return len;
}

// The seeds but the characters, as strings.
static enum sk_code spell_seeds(const struct learner *learner, struct letters *out,
                                struct arena *arena) {
    uint32_t alphabet = learner->search->letters->alphabet;
    const struct unigram *unigram = learner->unigram;
    *out = (struct letters){.len = learner->seeds - alphabet, .alphabet = alphabet};
    for (uint32_t i = alphabet; i < learner->seeds; i++)
        out->at_len += unigram->grams.at[unigram->gram[i]].len;
    out->at = arena_take_raw(arena, out->at_len, sizeof *out->at);
    out->lens = arena_take_raw(arena, out->len, 1);
    if (!out->at || !out->lens) return SK_LIMIT;
    uint16_t *at = out->at;
    for (uint32_t i = 0; i < out->len; i++)
        at += out->lens[i] = (uint8_t)unigram_letters(unigram, alphabet + i, at);
    return SK_OK;
}

static enum sk_code take_arrays(struct learner *learner, struct arena *arena) {
    struct unigram *unigram = learner->unigram;
    uint32_t len = learner->seeds, threads = learner->pool->threads;
    unigram->gram = arena_take_raw(arena, len, sizeof *unigram->gram);
    unigram->log = arena_take_raw(arena, len, sizeof *unigram->log);
    learner->now = arena_take_raw(arena, len, sizeof *learner->now);
    learner->change = arena_take_raw(arena, len, sizeof *learner->change);
    learner->probability = arena_take_raw(arena, len, sizeof *learner->probability);
    learner->counts = arena_take_raw(arena, (size_t)len * threads, sizeof *learner->counts);
    bool all = unigram->gram && unigram->log && learner->now && learner->change &&
               learner->probability && learner->counts;
    return all ? SK_OK : SK_LIMIT;
}

// The grams: those that occur a 64th as often as a piece would on the average, or more often where
// they are too many. Rarer ones are only work: of 10 million characters and for 8,000 pieces, from
// 2 times or from 21 on, texts were as long within 0.1 %, and it took 35 or 12 CPU seconds.
static enum sk_code find_grams(struct learner *learner, struct arena *arena,
                               struct arena *scratch) {
    const struct unigram_search *search = learner->search;
    struct grams *grams = &learner->unigram->grams;
    enum { SHARE = 3, EACH = sizeof *grams->at + 4 * sizeof *grams->children };
    size_t max = (arena->max - arena->used) / SHARE / EACH, needed = search->letters->at_len;
    if (max > needed * search->len_max) max = needed * search->len_max;
    if (max < search->letters->alphabet) max = search->letters->alphabet;
    if (max > LATTICE_PIECES_MAX) max = LATTICE_PIECES_MAX;
    TRY(grams_take(grams, (uint32_t)max, arena));
    enum sk_code code;
    uint64_t characters = 0, least;
    for (uint32_t i = 0; i < search->letters->len; i++)
        characters += search->letters->counts[i] * search->letters->lens[i];
    least = characters / search->pieces / 64 + 1;
    if (least < 2) least = 2;
    const uint64_t most = least << 24;
    do {
        arena_reset(scratch);
        code = grams_find(grams, search->letters, least, search->len_max, scratch);
    } while (code == SK_LIMIT && (least *= 2) < most);
    arena_shrink(scratch, 0);
    return code;
}

// Pieces, their lattices and first probabilities: by how much of the text they are.
static enum sk_code begin(struct learner *learner, struct arena *arena, struct arena *scratch) {
    struct unigram *unigram = learner->unigram;
    const struct letters *letters = learner->search->letters;
    TRY(find_grams(learner, arena, scratch));
    size_t edges_max = (arena->max - arena->used) / 2 / sizeof(uint32_t);
    uint32_t *piece = arena_take_raw(scratch, unigram->grams.len, sizeof *piece);
    if (!piece) return SK_LIMIT;
    TRY(choose_seeds(learner, edges_max, piece, scratch));
    TRY(take_arrays(learner, arena));
    double sum = 0;
    for (uint32_t i = 0; i < unigram->grams.len; i++) {
        if (piece[i] == GRAM_NONE) continue;
        const struct gram *gram = &unigram->grams.at[i];
        unigram->gram[piece[i]] = i;
        unigram->log[piece[i]] = (double)(gram->count ? gram->count : 1) * gram->len;
        learner->now[piece[i]] = piece[i];
    }
    unigram->len = learner->seeds;
    for (uint32_t i = 0; i < unigram->len; i++) sum += unigram->log[i];
    for (uint32_t i = 0; i < unigram->len; i++) unigram->log[i] = log(unigram->log[i] / sum);
    set_probabilities(learner);
    TRY(lattice_make(&learner->text, letters, &unigram->grams, piece, arena));
    struct letters *seeds = arena_take(arena, 1, sizeof *seeds);
    if (!seeds) return SK_LIMIT;
    TRY(spell_seeds(learner, seeds, arena));
    return lattice_make(&learner->self, seeds, &unigram->grams, piece, arena);
}

// Of the last pieces the likeliest stay: those that are used often, even where others could stand
// for them. Beside going on by lost likelihood down to the end that is 3 % fewer tokens, and the
// likelihood is no lower; 1.6 times too many at this point gives as many tokens as SentencePiece.
static enum sk_code finish(struct learner *learner, struct worth *worths) {
    struct unigram *unigram = learner->unigram;
    uint32_t alphabet = learner->search->letters->alphabet, pieces = learner->search->pieces;
    if (unigram->len < pieces)
        return FAIL(SK_INPUT, "the text gives %u pieces, fewer than %u", unigram->len, pieces);
    for (uint32_t i = 0; i < unigram->len; i++) learner->change[i] = i < alphabet ? i : GRAM_NONE;
    for (uint32_t i = alphabet; i < unigram->len; i++)
        worths[i - alphabet] = (struct worth){unigram->log[i], i};
    qsort(worths, unigram->len - alphabet, sizeof *worths, by_worth);
    for (uint32_t i = 0; i < pieces - alphabet; i++)
        learner->change[worths[i].piece] = worths[i].piece;
    drop_pieces(learner);
    set_probabilities(learner);
    improve(learner, false);
    improve(learner, false);
    return SK_OK;
}

static enum sk_code learn(struct learner *learner, struct arena *arena, struct arena *scratch) {
    const struct unigram_search *search = learner->search;
    struct unigram *unigram = learner->unigram;
    TRY(begin(learner, arena, scratch));
    struct worth *worths = arena_take_raw(arena, unigram->len, sizeof *worths);
    if (!worths) return SK_LIMIT;
    must(search->pieces >= search->letters->alphabet);
    for (uint32_t more = search->pieces + search->pieces / 5 * 3;;) {
        if (search->tell) search->tell(search->self, unigram->len);
        improve(learner, true);
        improve(learner, true);
        if (unigram->len <= more) break;
        uint32_t len = unigram->len - unigram->len / 4 - 1; // ever fewer, however few
        prune(learner, len > more ? len : more, worths);
    }
    return finish(learner, worths);
}

enum sk_code unigram_find(struct unigram *unigram, const struct unigram_search *search,
                          struct pool *pool, struct arena *arena) {
    struct learner learner = {.search = search, .unigram = unigram, .pool = pool};
    struct arena scratch;
    TRY(arena_open(&scratch, "grams", (arena->max - arena->used) / 2));
    *unigram = (struct unigram){0};
    enum sk_code code = learn(&learner, arena, &scratch);
    arena_close(&scratch);
    return code;
}
