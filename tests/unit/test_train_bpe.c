// Merges of byte pairs: those that counting everything anew after each one gives.
#include "cmocka_chance.h"

#include <stdio.h>
#include <string.h>

#include "train/bpe.h"

enum { WORDS_MAX = 400, MERGES_MAX = 300, SYMBOLS = BPE_BYTES + MERGES_MAX };

// The definition, in time text times merges.
struct plain {
    uint32_t word[WORDS_MAX][CHUNK_BYTES_MAX], len[WORDS_MAX];
    uint64_t count[WORDS_MAX];
    uint32_t words;
    char text[SYMBOLS][CHUNK_BYTES_MAX + 1];
    uint32_t text_len[SYMBOLS];
    uint32_t symbols;
};

static bool spelled(const struct plain *p, uint32_t left, uint32_t right) {
    uint32_t len = p->text_len[left] + p->text_len[right];
    for (uint32_t i = 0; i < p->symbols; i++)
        if (p->text_len[i] == len && memcmp(p->text[i], p->text[left], p->text_len[left]) == 0 &&
            memcmp(p->text[i] + p->text_len[left], p->text[right], p->text_len[right]) == 0)
            return true;
    return false;
}

static bool plain_step(struct plain *p, uint32_t *left, uint32_t *right) {
    static uint64_t count[SYMBOLS][SYMBOLS];
    uint64_t best = 1;
    memset(count, 0, sizeof count);
    for (uint32_t w = 0; w < p->words; w++)
        for (uint32_t i = 0; i + 1 < p->len[w]; i++)
            count[p->word[w][i]][p->word[w][i + 1]] += p->count[w];
    for (uint32_t a = 0; a < p->symbols; a++)
        for (uint32_t b = 0; b < p->symbols; b++)
            if (count[a][b] > best && !spelled(p, a, b)) best = count[a][b], *left = a, *right = b;
    if (best < 2) return false;
    uint32_t made = p->symbols++;
    memcpy(p->text[made], p->text[*left], p->text_len[*left]);
    memcpy(p->text[made] + p->text_len[*left], p->text[*right], p->text_len[*right]);
    p->text_len[made] = p->text_len[*left] + p->text_len[*right];
    for (uint32_t w = 0; w < p->words; w++) {
        uint32_t out = 0;
        for (uint32_t i = 0; i < p->len[w]; i++) {
            bool joins = i + 1 < p->len[w] && p->word[w][i] == *left && p->word[w][i + 1] == *right;
            p->word[w][out++] = joins ? made : p->word[w][i];
            i += joins;
        }
        p->len[w] = out;
    }
    return true;
}

static void as_the_definition(uint32_t letters, uint32_t len_max, uint32_t words) {
    static struct plain p;
    struct chunks chunks;
    struct arena arena;
    assert_int_equal(chunks_open(&chunks, 1 << 20), SK_OK);
    assert_int_equal(arena_open(&arena, "merges", 1 << 26), SK_OK);
    for (uint32_t i = 0; i < words; i++) {
        char word[CHUNK_BYTES_MAX];
        size_t len = 1 + chance_next(&chance_state) % len_max;
        for (size_t j = 0; j < len; j++) word[j] = (char)('a' + chance_next(&chance_state) % letters);
        for (uint64_t times = 1 + chance_next(&chance_state) % 3; times; times--)
            chunks_add(&chunks, (struct view){word, len});
    }
    p.words = chunks.len;
    p.symbols = BPE_BYTES;
    for (uint32_t i = 0; i < BPE_BYTES; i++) p.text[i][0] = (char)i, p.text_len[i] = 1;
    for (uint32_t w = 0; w < chunks.len; w++) {
        struct view text = chunk_text(&chunks, w);
        p.count[w] = chunks.at[w].count;
        p.len[w] = (uint32_t)text.len;
        for (size_t i = 0; i < text.len; i++) p.word[w][i] = (uint8_t)text.at[i];
    }
    static struct bpe_merge merges[MERGES_MAX];
    struct bpe bpe = {.merges = merges, .max = 1 + (uint32_t)(chance_next(&chance_state) % 60)};
    assert_int_equal(bpe_find(&bpe, &chunks, &arena), SK_OK);
    for (uint32_t i = 0; i < bpe.max; i++) {
        uint32_t left = 0, right = 0;
        if (!plain_step(&p, &left, &right)) {
            assert_int_equal(i, bpe.len);
            break;
        }
        assert_true(i < bpe.len);
        assert_int_equal(merges[i].left, left);
        assert_int_equal(merges[i].right, right);
        assert_int_equal(merges[i].text.len, p.text_len[BPE_BYTES + i]);
        assert_memory_equal(merges[i].text.at, p.text[BPE_BYTES + i], merges[i].text.len);
    }
    arena_close(&arena);
    chunks_close(&chunks);
}

static void merges_are_the_definition_s(void **state) {
    (void)state;
    for (int i = 0; i < chance_rounds(30); i++) {
        as_the_definition(1 + (uint32_t)i % 5, 40, 1 + (uint32_t)i * 5);
        as_the_definition(20, 12, 200);
    }
    as_the_definition(1, CHUNK_BYTES_MAX, 1); // a run of one letter
}

// A store that is full keeps what is frequent and samples the rest, so that all counts together stay
// about what they were; and the same text gives the same store.
static void the_rarest_are_sampled(void **state) {
    (void)state;
    struct chunks chunks[2];
    const uint64_t seed = 1; // always the same draws
    for (int k = 0; k < 2; k++) {
        uint64_t chance = seed;
        assert_int_equal(chunks_open(&chunks[k], 100000), SK_OK);
        for (int i = 0; i < 100000; i++) {
            char word[32];
            uint64_t number = chance_next(&chance);
            int len = snprintf(word, sizeof word, "%llx", (unsigned long long)number);
            chunks_add(&chunks[k], (struct view){word, (size_t)len});
            if (i % 10 == 0) chunks_add(&chunks[k], VIEW("言葉"));
        }
    }
    assert_true(chunks[0].forgotten >= 1);
    assert_int_equal(chunks[0].len, chunks[1].len);
    uint64_t frequent = 0, all = 0;
    for (uint32_t i = 0; i < chunks[0].len; i++) {
        assert_true(view_same(chunk_text(&chunks[0], i), chunk_text(&chunks[1], i)));
        all += chunks[0].at[i].count;
        if (view_is(chunk_text(&chunks[0], i), "言葉")) frequent = chunks[0].at[i].count;
    }
    assert_int_equal(frequent, 10000);
    assert_in_range(all, 90000, 130000); // of 110,000
    chunks_close(&chunks[0]);
    chunks_close(&chunks[1]);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(merges_are_the_definition_s),
        cmocka_unit_test(the_rarest_are_sampled),
    };
    return cmocka_run_group_tests(tests, chance_seed, NULL);
}
