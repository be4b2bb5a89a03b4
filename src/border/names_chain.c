// Chain: a linear chain over five labels; the chance of every span by forward and backward sums.
#include <math.h>
#include <string.h>

#include "border/names_parts.h"

// Whether label `to` may follow `from`: inside and last only follow first and inside.
static bool allows(unsigned from, unsigned to) {
    bool open = from == PLACE_FIRST || from == PLACE_INSIDE;
    bool within = to == PLACE_INSIDE || to == PLACE_LAST;
    return open == within;
}

static void grow_make(struct names_chain *chain) {
    for (uint32_t i = 0; i < chain->len; i++) {
        float most = chain->score[i][0];
        for (unsigned y = 1; y < NAMES_LABELS; y++)
            if (chain->score[i][y] > most) most = chain->score[i][y];
        for (unsigned y = 0; y < NAMES_LABELS; y++) {
            float less = chain->score[i][y] - most;
            chain->grow[i][y] = (less == 0 ? 1 : expf(less)) + 1e-12F; // one is always 0
        }
    }
}

static void alpha_make(struct names_chain *chain) {
    for (uint32_t i = 0; i < chain->len; i++) {
        float all = 0, *now = chain->alpha[i];
        for (unsigned y = 0; y < NAMES_LABELS; y++) {
            float sum = 0;
            if (i == 0)
                sum = allows(0, y) ? 1 : 0;
            else
                for (unsigned x = 0; x < NAMES_LABELS; x++)
                    sum += chain->alpha[i - 1][x] * chain->step[x][y];
            now[y] = sum * chain->grow[i][y];
            all += now[y];
        }
        chain->norm[i] = all;
        for (unsigned y = 0; y < NAMES_LABELS; y++)
            now[y] /= all;
    }
}

static void beta_make(struct names_chain *chain) {
    float all = 0;
    uint32_t end = chain->len - 1;
    for (unsigned y = 0; y < NAMES_LABELS; y++)
        all += allows(y, 0) ? chain->alpha[end][y] : 0;
    for (unsigned y = 0; y < NAMES_LABELS; y++)
        chain->beta[end][y] = allows(y, 0) ? 1 / all : 0;
    for (uint32_t i = end; i-- > 0;)
        for (unsigned x = 0; x < NAMES_LABELS; x++) {
            float sum = 0;
            for (unsigned y = 0; y < NAMES_LABELS; y++)
                sum += chain->step[x][y] * chain->grow[i + 1][y] * chain->beta[i + 1][y];
            chain->beta[i][x] = sum / chain->norm[i + 1];
        }
}

void names_chain_run(struct names_chain *chain, const float (*transitions)[NAMES_LABELS],
                     uint32_t len) {
    must(len > 0 && len <= NAMES_BYTES_MAX);
    chain->len = len;
    for (unsigned x = 0; x < NAMES_LABELS; x++)
        for (unsigned y = 0; y < NAMES_LABELS; y++)
            chain->step[x][y] = allows(x, y) ? expf(transitions[x][y]) : 0;
    grow_make(chain);
    alpha_make(chain);
    beta_make(chain);
}

// Chances of the spans that begin at `from`: chance[k] is that of k + 1 units.
static uint32_t spans_from(const struct names_chain *chain, uint32_t from,
                           float chance[NAMES_SPAN_MAX]) {
    chance[0] = chain->alpha[from][PLACE_ONLY] * chain->beta[from][PLACE_ONLY];
    float open = chain->alpha[from][PLACE_FIRST];
    unsigned label = PLACE_FIRST;
    uint32_t k = 1;
    for (; k < NAMES_SPAN_MAX && from + k < chain->len; k++) {
        const float *grow = chain->grow[from + k], *step = chain->step[label];
        open /= chain->norm[from + k];
        chance[k] = open * step[PLACE_LAST] * grow[PLACE_LAST] * chain->beta[from + k][PLACE_LAST];
        open *= step[PLACE_INSIDE] * grow[PLACE_INSIDE];
        label = PLACE_INSIDE;
        if (open * chain->beta[from + k][PLACE_INSIDE] < 1e-4F) return k + 1;
    }
    return k;
}

uint32_t names_chain_spans(struct names_chain *chain, float least,
                           struct names_span spans[NAMES_BYTES_MAX]) {
    float chance[NAMES_SPAN_MAX];
    chain->gain[chain->len] = 0;
    for (uint32_t i = chain->len; i-- > 0;) {
        chain->gain[i] = chain->gain[i + 1];
        chain->take[i] = 0;
        float begins = chain->alpha[i][PLACE_ONLY] * chain->beta[i][PLACE_ONLY] +
                       chain->alpha[i][PLACE_FIRST] * chain->beta[i][PLACE_FIRST];
        if (begins < least) continue;
        uint32_t len = spans_from(chain, i, chance);
        for (uint32_t k = 0; k < len; k++) {
            float with = chance[k] - least + chain->gain[i + k + 1];
            if (!(with > chain->gain[i])) continue; // also when it is no number
            chain->gain[i] = with;
            chain->take[i] = (uint16_t)(k + 1);
            chain->sure[i] = chance[k] < 1 ? chance[k] : 1;
        }
    }
    uint32_t len = 0;
    for (uint32_t i = 0; i < chain->len; i += chain->take[i] ? chain->take[i] : 1U)
        if (chain->take[i])
            spans[len++] = (struct names_span){(uint16_t)i, chain->take[i], chain->sure[i]};
    return len;
}
