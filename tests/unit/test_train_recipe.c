// Recipes: what is read, what is refused and where, and that the written form tells them apart.
#include "cmocka_all.h"

#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "train/recipe.h"

#define MODEL "model: {layers: 2, width: 64, heads: 4, ff: 96, context: 32}\n"
#define TOKENIZER "tokenizer: {file: t.gguf}\n"
#define SOURCE "{name: a, files: [a.txt], licence: public-domain}"
#define SOURCES "data:\n  sources:\n    - " SOURCE "\n"
#define SMALL "name: x\noutput: o\nsteps: 5\n" MODEL TOKENIZER SOURCES

static struct arena arena;

static int setup(void **state) {
    (void)state;
    return arena_open(&arena, "recipe", 16 << 20) != SK_OK;
}

static int teardown(void **state) {
    (void)state;
    arena_close(&arena);
    return 0;
}

static enum sk_code read(const char *text, struct recipe *out) {
    arena_reset(&arena);
    return recipe_read(view_of(text), "r.yaml", &arena, out);
}

static void refused(const char *text, const char *why) {
    struct recipe recipe;
    assert_int_equal(read(text, &recipe), SK_INPUT);
    if (!strstr(fail_text(), why)) fail_msg("'%s' does not say '%s'", fail_text(), why);
}

static void small_one_has_defaults(void **state) {
    (void)state;
    struct recipe recipe;
    assert_int_equal(read(SMALL, &recipe), SK_OK);
    assert_int_equal(recipe.shape.heads_kv, 4);
    assert_int_equal(recipe.shape.head_len, 16);
    assert_true(recipe.shape.tied);
    assert_true(recipe.optimiser.rate == 1e-3f);
    assert_int_equal(recipe.schedule.kind, SCHEDULE_COSINE);
    assert_int_equal(recipe.data.sources_len, 1);
    assert_true(view_is(recipe.data.sources[0].field, "text"));
    assert_int_equal(recipe.low_rank.rank, 0);
}

static void all_of_it_is_read(void **state) {
    (void)state;
    struct recipe recipe;
    const char *text =
        "name: keigo\noutput: runs/keigo\nseed: 7\nthreads: 2\nbase: b.gguf\n"
        "chat_template: |\n  {{ messages }}\n"
        "lora:\n  rank: 4\n  targets: [attn_q, attn_v]\n  dropout: 0.1\n"
        "data:\n  deduplicate:\n    documents: true\n    lines: 0.8\n"
        "  scrub: {mode: drop, only: [person]}\n  validation: 0.01\n"
        "  sources:\n"
        "    - name: a\n      files: [a.txt.zst, b.txt]\n      documents: line\n"
        "      licence: CC-BY-4.0\n      attribution: 'somebody'\n      weight: 2\n      epochs: 3\n"
        "      filters:\n        characters_min: 4\n        japanese_min: 0.5\n"
        "        drop_lines: ['^#', 'http']\n"
        "    - {name: v, files: [v.jsonl], format: chat, licence: MIT, validation: true}\n"
        "optimiser: {rate: 3e-4, clip: 0}\nschedule: {kind: wsd, warm_up: 10, decay: 0.3}\n"
        "batch: {rows: 4, context: 64, accumulate: 2}\n"
        "precision: {moments: bf16, checkpoints: true}\nhours: 1.5\nexport: [F16, Q8_0]\n";
    if (read(text, &recipe) != SK_OK) fail_msg("%s", fail_text());
    assert_int_equal(recipe.seed, 7);
    assert_int_equal(recipe.low_rank.targets.len, 2);
    assert_true(recipe.low_rank.alpha == 8);
    assert_int_equal(recipe.data.scrub.mode, RECIPE_SCRUB_DROP);
    const struct recipe_source *source = recipe.data.sources;
    assert_int_equal(source->files.len, 2);
    assert_true(view_is(source->files.at[1], "b.txt"));
    assert_int_equal(source->documents, RECIPE_LINE);
    assert_int_equal(source->filters.drop_lines.len, 2);
    assert_int_equal(source->filters.characters_min, 4);
    assert_true(source[1].validation);
    assert_int_equal(source[1].format, RECIPE_CHAT);
    assert_int_equal(recipe.schedule.kind, SCHEDULE_WSD);
    assert_int_equal(recipe.precision.moments, RECIPE_BF16);
    assert_true(recipe.hours == 1.5f);
    assert_int_equal(recipe.export.len, 2);
}

static void what_is_wrong_is_named_with_its_place(void **state) {
    (void)state;
    refused(SMALL "sped: 3\n", "r.yaml:9:1: no field 'sped' here");
    refused("name: x\noutput: o\nsteps: 5\n" TOKENIZER SOURCES "model: {layers: 2, depth: 3}\n",
            ":8:20: no field 'depth' here");
    refused(SMALL "seed: 1.5\n", "seed: 1.5 is not whole");
    refused(SMALL "seed: one\n", "seed: 'one' is no number");
    refused(SMALL "optimiser: {beta1: 1}\n", "optimiser.beta1: 1 is not in 0..0.999");
    refused(SMALL "optimiser: {rate: nan}\n", "'nan' is no number");
    refused(SMALL "optimiser: 3\n", "optimiser: fields are wanted below it");
    refused(SMALL "schedule: {kind: linear}\n", "one of constant, cosine, wsd is wanted");
    refused(SMALL "precision: {checkpoints: yes}\n", "true or false is wanted");
    refused(SMALL "export: F16\n", "a list is wanted");
    refused(SMALL "hours: 1\n", "one of steps, epochs and hours");
    refused(SMALL "base: b.gguf\n", "one of model and base");
    refused(SMALL "lora: {rank: 8}\n", "lora: it needs a base");
    refused(SMALL "batch: {context: 64}\n", "batch.context: 64 > model.context 32");
    refused("name: x\noutput: o\nsteps: 5\nbase: b\n" TOKENIZER SOURCES, "that of the base");
    refused("output: o\nsteps: 5\n" MODEL TOKENIZER SOURCES, "name: it is needed and missing");
    refused("name: x\noutput: o\nsteps: 5\n" MODEL SOURCES, "tokenizer: one of file and train.vocabulary");
    refused("name: x\noutput: o\nsteps: 5\n" MODEL SOURCES
            "tokenizer: {file: t, train: {vocabulary: 500}}\n", "one of file and train.vocabulary");
    refused("name: a/b\noutput: o\nsteps: 5\n" MODEL TOKENIZER SOURCES, ":1:1: name: files are called");
    refused("name: .a\noutput: o\nsteps: 5\n" MODEL TOKENIZER SOURCES, "no '.' first");
    refused("name: \"a\\nb\"\noutput: o\nsteps: 5\n" MODEL TOKENIZER SOURCES, "no '/' or line break");
    refused("", "fields are wanted");
    refused("[]", "fields are wanted");
    refused(SMALL "batch:\n  rows: {a: 1}\n", "batch.rows: one value is wanted");
}

static void shapes_and_steps_are_checked(void **state) {
    (void)state;
#define SHAPED(shape) "name: x\noutput: o\nsteps: 5\n" TOKENIZER SOURCES "model: " shape "\n"
    refused(SHAPED("{layers: 2, width: 72, heads: 4, ff: 96, context: 32}"),
            ":8:1: model: width 72: give a multiple of 16");
    refused(SHAPED("{layers: 2, width: 64, heads: 4, heads_kv: 3, ff: 96, context: 32}"),
            "model: heads 4, heads_kv 3: give heads a multiple");
    refused(SHAPED("{layers: 2, width: 64, heads: 128, ff: 96, context: 32}"), "model: head_len 0");
    refused(SHAPED("{layers: 2, width: 65536, heads: 4, ff: 96, context: 32}"),
            "model.width: 65536 is not in 16..32768");
    refused(SMALL "batch: {rows: 65536, accumulate: 65536}\n", "a step has at most 1048576 rows");
}

static void sources_are_checked(void **state) {
    (void)state;
#define WITH(sources) "name: x\noutput: o\nsteps: 5\n" MODEL TOKENIZER "data: {sources: [" sources "]}\n"
    refused(WITH(""), "a list of sources is wanted");
    refused(WITH("{name: a, files: [b]}"), "licence: it is needed and missing");
    refused(WITH("{name: a, files: [b], licence: 'as is!'}"), "no SPDX expression");
    refused(WITH("{name: a, files: [], licence: MIT}"), "a list is wanted");
    refused(WITH(SOURCE "," SOURCE), "two sources are called 'a'");
    refused(WITH(SOURCE ",{name: b, files: [b], licence: MIT, weight: 1}"), "a weight, or none");
    refused(WITH("{name: b, files: [b], licence: MIT, validation: true}"), "for validation");
    refused(WITH("{name: b, files: [b], licence: MIT, filters: {drop_lines: ['(']}}"), "'(': ");
    refused(WITH("{name: b, files: [b], licence: MIT, filters: {characters_min: 9, "
                 "characters_max: 3}}"),
            "characters_min 9 > characters_max 3");
}

static void written(const char *text, enum recipe_part part, struct buf *out) {
    struct recipe recipe;
    assert_int_equal(read(text, &recipe), SK_OK);
    buf_reset(out);
    recipe_write(&recipe, part, out);
    buf_put_char(out, '\0');
    assert_false(out->over);
}

static void written_form_tells_what_counts(void **state) {
    (void)state;
    static char one[1 << 14], two[1 << 14];
    struct buf a = buf_over(one, sizeof one), b = buf_over(two, sizeof two);
    written(SMALL, RECIPE_ALL, &a);
    assert_non_null(strstr(one, "model.width 64\n"));
    assert_non_null(strstr(one, "data.sources[0].licence \"public-domain\"\n"));
    written(SMALL "threads: 2\nevaluate_every: 3\n", RECIPE_ALL, &b);
    assert_string_equal(one, two);
    written(SMALL "seed: 9\n", RECIPE_ALL, &b);
    assert_string_not_equal(one, two);
    written(SMALL, RECIPE_DATA, &a);
    written(SMALL "seed: 9\noptimiser: {rate: 1}\n", RECIPE_DATA, &b);
    assert_string_equal(one, two);
    written(SMALL "batch: {context: 16}\n", RECIPE_DATA, &b);
    assert_string_not_equal(one, two);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(small_one_has_defaults),
        cmocka_unit_test(all_of_it_is_read),
        cmocka_unit_test(what_is_wrong_is_named_with_its_place),
        cmocka_unit_test(shapes_and_steps_are_checked),
        cmocka_unit_test(sources_are_checked),
        cmocka_unit_test(written_form_tells_what_counts),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
