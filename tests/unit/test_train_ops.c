// What a layer computes beside products: every set this CPU has equals the scalar one bit for bit,
// and that is what the formula gives in double.
#include "cmocka_chance.h"

#include <math.h>
#include <string.h>

#include "train/net_ops.h"

enum { N = 256, ROWS = 9, TERMS = 21 };
static const char *const names[] = {"avx2", "avx512", "neon"};
static const struct net_ops *ops; // of the set at hand

struct rows {
    float a[N], b[N], c[N], d[N];
    float one, more;
    uint16_t halves[N];
};

static float uniform(float most) {
    return most * (float)(int32_t)(chance_next(&chance_state) >> 32) / 2147483648.0f;
}

static void fill(struct rows *rows, float most) {
    memset(rows, 0, sizeof *rows);
    for (int i = 0; i < N; i++) {
        rows->a[i] = uniform(most);
        rows->b[i] = uniform(most);
        rows->c[i] = uniform(1);
        rows->d[i] = uniform(1);
        rows->halves[i] = (uint16_t)(chance_next(&chance_state) & 0xbfff); // no NaN
    }
}

// Each changes `rows` by one function of the set.
typedef void act(struct rows *rows);

static void act_norm(struct rows *r) {
    r->one = ops->norm_inverse(r->a, N, 1e-5f);
    ops->norm(r->a, r->b, r->one, N, r->c);
}
static void act_norm_back(struct rows *r) {
    ops->norm_back(&(struct net_norm_back){r->a, r->b, r->c, 0.7f, N, r->d});
}
static void act_norm_sum(struct rows *r) { ops->norm_sum(r->a, r->b, 0.3f, N, r->c); }
static void act_turn(struct rows *r) { ops->turn(r->a, r->c, r->d, N / 2, false); }
static void act_turn_back(struct rows *r) { ops->turn(r->a, r->c, r->d, N / 2, true); }
static void act_halves(struct rows *r) { ops->turn_halves(r->a, r->c, r->d, N / 2, false); }
static void act_halves_back(struct rows *r) { ops->turn_halves(r->a, r->c, r->d, N / 2, true); }
static void act_swiglu(struct rows *r) { ops->swiglu(r->a, r->b, N, r->c); }
static void act_swiglu_back(struct rows *r) {
    ops->swiglu_back(r->a, r->b, r->c, N / 2, r->d);
}
static void act_softmax(struct rows *r) {
    r->one = ops->softmax(&(struct net_scores){r->a, 21, 203, N, 0.4f}, &r->more);
}
static void act_soften(struct rows *r) {
    ops->soften(&(struct net_scores){r->a, 37, 250, N, 0.4f}, 3);
}
static void act_soften_back(struct rows *r) { ops->soften_back(r->c, 0.1f, 0.3f, N, r->d); }
static void act_dot(struct rows *r) { r->one = ops->dot(r->a, r->b, N); }
static void act_scale(struct rows *r) { ops->scale(r->a, 1.7f, N); }
static void act_add(struct rows *r) { ops->add(r->a, r->b, N); }
static void act_drop(struct rows *r) { ops->drop(&(struct net_drop){99, 0.3f}, r->a, N, r->c); }
static void act_drop_add(struct rows *r) {
    ops->drop_add(&(struct net_drop){99, 0.3f}, r->a, N, r->c);
}
static void act_draw(struct rows *r) { ops->draw(7, 1u << 30, N - 3, 0.02f, r->a); }
static void act_halve(struct rows *r) { ops->halve(r->a, N, r->halves); }
static void act_widen(struct rows *r) { ops->widen(r->halves, N, r->a); }

static const struct {
    const char *name;
    act *act;
} acts[] = {{"norm", act_norm},       {"norm_back", act_norm_back},
            {"norm_sum", act_norm_sum}, {"turn", act_turn},
            {"turn back", act_turn_back}, {"turn halves", act_halves},
            {"turn halves back", act_halves_back}, {"swiglu", act_swiglu},
            {"swiglu_back", act_swiglu_back}, {"softmax", act_softmax},
            {"soften", act_soften},   {"soften_back", act_soften_back},
            {"dot", act_dot},         {"scale", act_scale},
            {"add", act_add},         {"drop", act_drop},
            {"drop_add", act_drop_add}, {"draw", act_draw}, {"halve", act_halve},
            {"widen", act_widen}};

static void sets_are_equal(void **state) {
    (void)state;
    static struct rows before, scalar, other;
    for (size_t set = 0; set < sizeof names / sizeof *names; set++) {
        if (!net_ops_find(names[set])) continue;
        for (size_t i = 0; i < sizeof acts / sizeof *acts; i++)
            for (float most = 0.5f; most < 200; most *= 6) {
                fill(&before, most);
                scalar = other = before;
                ops = net_ops_find("scalar");
                acts[i].act(&scalar);
                ops = net_ops_find(names[set]);
                acts[i].act(&other);
                if (memcmp(&scalar, &other, sizeof scalar) != 0)
                    fail_msg("%s: %s has other bits", names[set], acts[i].name);
            }
    }
}

static void products_of_sets_are_equal(void **state) {
    (void)state;
    static float a[ROWS * TERMS], b[TERMS * N], c[2][ROWS * N];
    for (size_t i = 0; i < ROWS * TERMS; i++) a[i] = uniform(1);
    for (size_t i = 0; i < TERMS * N; i++) b[i] = uniform(1);
    for (size_t n = 16; n <= 64; n += 16)
        for (int how = 0; how < 4; how++) {
            bool turned = how & 1;
            struct net_product p = {.m = ROWS, .n = n, .k = TERMS, .a = a, .b = b, .b_row = N,
                                    .a_row = turned ? 1 : TERMS, .a_k = turned ? ROWS : 1,
                                    .c_row = N, .add = how & 2};
            for (size_t i = 0; i < ROWS * N; i++) c[0][i] = uniform(1);
            for (size_t set = 0; set < sizeof names / sizeof *names; set++) {
                if (!net_ops_find(names[set])) continue;
                float kept[ROWS * N];
                memcpy(kept, c[0], sizeof kept);
                memcpy(c[1], c[0], sizeof kept);
                p.c = c[0];
                net_ops_find("scalar")->product(&p);
                p.c = c[1];
                net_ops_find(names[set])->product(&p);
                assert_memory_equal(c[0], c[1], sizeof kept);
                memcpy(c[0], kept, sizeof kept);
            }
        }
}

static void values_are_those_of_the_formulas(void **state) {
    (void)state;
    static struct rows r, was;
    ops = net_ops_find(NULL);
    fill(&r, 8);
    was = r;
    act_swiglu(&r);
    for (int i = 0; i < N; i++) {
        double g = (double)was.a[i], want = g / (1 + exp(-g)) * (double)was.b[i];
        assert_true(fabs((double)r.c[i] - want) < 1e-6 * fabs(want) + 1e-6);
    }
    r = was;
    act_softmax(&r);
    double most = -INFINITY, total = 0;
    for (int i = 21; i < 203; i++) most = fmax(most, (double)was.a[i]);
    for (int i = 21; i < 203; i++) total += exp(0.4 * ((double)was.a[i] - most));
    assert_true((double)r.more == most && fabs((double)r.one - total) < 1e-6 * total);
    for (int i = 0; i < N; i++) assert_true((r.a[i] != 0) == (i >= 21 && i < 203));
    r = was;
    act_drop(&r);
    int gone = 0;
    for (int i = 0; i < N; i++) gone += r.c[i] == 0;
    assert_true(gone > N * 2 / 10 && gone < N * 4 / 10); // of a seed that is always the same
}

static void halves_round_to_even(void **state) {
    (void)state;
    static const uint32_t bits[][2] = {{0x3f800000, 0x3f80}, {0x3f808000, 0x3f80},
                                       {0x3f818000, 0x3f82}, {0x3f808001, 0x3f81},
                                       {0x7f800000, 0x7f80}, {0xff800000, 0xff80},
                                       {0x7f800001, 0x7fc0}, {0x7f7fffff, 0x7f80},
                                       {0x80000000, 0x8000}};
    float x[16] = {0};
    uint16_t out[16];
    for (size_t i = 0; i < sizeof bits / sizeof *bits; i++) memcpy(&x[i], &bits[i][0], 4);
    net_ops_find(NULL)->halve(x, 16, out);
    for (size_t i = 0; i < sizeof bits / sizeof *bits; i++)
        assert_int_equal(out[i], bits[i][1]);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sets_are_equal),
        cmocka_unit_test(products_of_sets_are_equal),
        cmocka_unit_test(values_are_those_of_the_formulas),
        cmocka_unit_test(halves_round_to_even),
    };
    return cmocka_run_group_tests(tests, chance_seed, NULL);
}
