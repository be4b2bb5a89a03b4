// A GGUF file is hostile: each lie is refused, with a text that names the key or tensor.
#include <sys/resource.h>

#include "cmocka_all.h"

#include "engine/engine.h"
#include "gguf_make.h"

enum { MEMORY_MAX = 8 << 20 };

static enum sk_code try_open(struct view file) {
    struct engine *engine;
    struct engine_options options = {.slots = 1, .threads = 1, .memory_max = MEMORY_MAX};
    enum sk_code code = engine_open_file(&engine, file, options);
    if (code == SK_OK) engine_close(engine);
    return code;
}

static enum sk_code try_make(struct make *make) {
    enum sk_code code = try_open(make_file(make));
    make_free(make);
    return code;
}

static void good_files_open(void **state) {
    (void)state;
    struct make padded = {.extra_rows = 13};
    assert_int_equal(try_make(&padded), SK_OK);
    struct make bytewise = {.bytewise = true, .version = 2};
    assert_int_equal(try_make(&bytewise), SK_OK);
    struct make odd = {.matrix_type = QUANT_F16 + 1, .width = 40, .ff = 37};
    assert_int_equal(try_make(&odd), SK_OK);
}

struct lie {
    struct make make;
    enum sk_code code;
    const char *names; // what the text must name
};

#define KEY_U32(name, number) .key = name, .kind = 4, .value = (number)
#define KEY_F32(name, bits) .key = name, .kind = 6, .value = (bits)

static const struct lie lies[] = {
    {{.magic = 1}, SK_CORRUPT, "GGUF"},
    {{.version = 1}, SK_UNSUPPORTED, "version 1"},
    {{.version = 0x03000000}, SK_UNSUPPORTED, "version"},
    {{.keys_claimed = 5000}, SK_CORRUPT, "5000 keys"},
    {{.keys_claimed = UINT64_MAX}, SK_CORRUPT, "keys"},
    {{.keys_claimed = 25}, SK_CORRUPT, "cut off"},
    {{.tensors_claimed = UINT64_MAX}, SK_CORRUPT, "tensors"},
    {{.tensors_claimed = 500}, SK_CORRUPT, "tensor"},
    {{.tensors_claimed = 3}, SK_CORRUPT, "tensor"},
    {{.twice = "llama.block_count"}, SK_CORRUPT, "llama.block_count: given twice"},
    {{.twice = "blk.0.attn_q.weight"}, SK_CORRUPT, "blk.0.attn_q.weight: given twice"},
    {{KEY_U32("general.alignment", 0)}, SK_CORRUPT, "general.alignment"},
    {{KEY_U32("general.alignment", 24)}, SK_CORRUPT, "general.alignment"},
    {{KEY_U32("general.alignment", 1u << 31)}, SK_CORRUPT, "general.alignment"},
    {{.key = "general.alignment", .kind = 13}, SK_UNSUPPORTED, "general.alignment"},
    {{.drop = "general.architecture"}, SK_CORRUPT, "general.architecture: missing"},
    {{.key = "general.architecture", .kind = 8, .text = "mamba"}, SK_UNSUPPORTED, "\"mamba\""},
    {{.key = "general.architecture", .kind = 8, .text = "\xff"}, SK_CORRUPT, "UTF-8"},
    {{KEY_U32("general.architecture", 7)}, SK_CORRUPT, "general.architecture"},
    {{.drop = "llama.context_length"}, SK_CORRUPT, "llama.context_length"},
    {{KEY_U32("llama.context_length", 0)}, SK_CORRUPT, "context_length: 0"},
    {{KEY_U32("llama.context_length", UINT32_MAX)}, SK_CORRUPT, "context_length"},
    {{KEY_U32("llama.context_length", 1 << 20)}, SK_OK, ""}, // as much of it as memory has room for
    {{.key = "llama.context_length", .kind = 10, .value = UINT64_MAX}, SK_CORRUPT, "context_length"},
    {{.key = "llama.context_length", .kind = 5, .value = 0xffffffff}, SK_CORRUPT, "context_length"},
    {{KEY_F32("llama.context_length", 0x42000000)}, SK_CORRUPT, "context_length"},
    {{KEY_U32("llama.embedding_length", 0)}, SK_CORRUPT, "embedding_length: 0"},
    {{KEY_U32("llama.embedding_length", 33)}, SK_CORRUPT, "embedding_length"},
    {{KEY_U32("llama.embedding_length", 64)}, SK_CORRUPT, "token_embd.weight"},
    {{KEY_U32("llama.embedding_length", UINT32_MAX)}, SK_CORRUPT, "embedding_length"},
    {{KEY_U32("llama.block_count", 0)}, SK_CORRUPT, "block_count: 0"},
    {{KEY_U32("llama.block_count", 1)}, SK_UNSUPPORTED, "blk.1."},
    {{KEY_U32("llama.block_count", 3)}, SK_CORRUPT, "blk.2."},
    {{KEY_U32("llama.block_count", UINT32_MAX)}, SK_CORRUPT, "block_count"},
    {{KEY_U32("llama.feed_forward_length", 0)}, SK_CORRUPT, "feed_forward_length: 0"},
    {{KEY_U32("llama.feed_forward_length", 65)}, SK_CORRUPT, "ffn_gate"},
    {{KEY_U32("llama.feed_forward_length", UINT32_MAX)}, SK_CORRUPT, "feed_forward_length"},
    {{KEY_U32("llama.attention.head_count", 0)}, SK_CORRUPT, "head_count: 0"},
    {{KEY_U32("llama.attention.head_count", 5)}, SK_CORRUPT, "head_count"},
    {{KEY_U32("llama.attention.head_count", 64)}, SK_CORRUPT, "head_count"},
    {{KEY_U32("llama.attention.head_count_kv", 0)}, SK_CORRUPT, "head_count_kv: 0"},
    {{KEY_U32("llama.attention.head_count_kv", 3)}, SK_CORRUPT, "head_count_kv 3"},
    {{KEY_U32("llama.attention.head_count_kv", 8)}, SK_CORRUPT, "head_count_kv: 8"},
    {{KEY_U32("llama.attention.head_count_kv", 4)}, SK_CORRUPT, "attn_k"},
    {{.key = "llama.attention.head_count", .kind = 9}, SK_CORRUPT, "head_count"},
    {{KEY_F32("llama.attention.layer_norm_rms_epsilon", 0x7fc00000)}, SK_CORRUPT, "epsilon"},
    {{KEY_F32("llama.attention.layer_norm_rms_epsilon", 0xbf800000)}, SK_CORRUPT, "epsilon"},
    {{.drop = "llama.attention.layer_norm_rms_epsilon"}, SK_CORRUPT, "epsilon: missing"},
    {{KEY_F32("llama.rope.freq_base", 0)}, SK_CORRUPT, "freq_base"},
    {{KEY_F32("llama.rope.freq_base", 0x7f800000)}, SK_CORRUPT, "freq_base"},
    {{KEY_U32("llama.rope.dimension_count", 0)}, SK_CORRUPT, "dimension_count: 0"},
    {{KEY_U32("llama.rope.dimension_count", 7)}, SK_CORRUPT, "dimension_count: 7 is odd"},
    {{KEY_U32("llama.rope.dimension_count", 10)}, SK_CORRUPT, "dimension_count"},
    {{.key = "tokenizer.ggml.model", .kind = 8, .text = "rwkv"}, SK_UNSUPPORTED, "\"rwkv\""},
    {{.drop = "tokenizer.ggml.tokens"}, SK_CORRUPT, "tokenizer.ggml.tokens: missing"},
    {{.drop = "tokenizer.ggml.scores"}, SK_CORRUPT, "tokenizer.ggml.scores: missing"},
    {{KEY_U32("tokenizer.ggml.tokens", 4)}, SK_CORRUPT, "tokenizer.ggml.tokens"},
    {{KEY_U32("tokenizer.ggml.token_type", 4)}, SK_CORRUPT, "tokenizer.ggml.token_type"},
    {{.swell = "tokenizer.ggml.tokens", .value = 1ull << 61}, SK_CORRUPT, "tokenizer.ggml.tokens"},
    {{.swell = "tokenizer.ggml.scores", .value = 1ull << 62}, SK_CORRUPT, "tokenizer.ggml.scores"},
    {{.swell = "tokenizer.ggml.scores", .value = 1}, SK_CORRUPT, ""},
    {{.swell = "tokenizer.ggml.token_type", .value = 100000}, SK_CORRUPT, "token_type"},
    {{KEY_U32("tokenizer.ggml.bos_token_id", 100000)}, SK_CORRUPT, "bos_token_id"},
    {{KEY_U32("tokenizer.ggml.eos_token_id", 100000)}, SK_CORRUPT, "eos_token_id"},
    {{.key = "tokenizer.ggml.add_space_prefix", .kind = 7, .value = 2}, SK_CORRUPT, "add_space"},
    {{.bytewise = true, .drop = "tokenizer.ggml.merges"}, SK_CORRUPT, "merges: missing"},
    {{.bytewise = true, .key = "tokenizer.ggml.pre", .kind = 8, .text = "superbpe"},
     SK_UNSUPPORTED,
     "\"superbpe\""},
    {{.drop = "token_embd.weight"}, SK_CORRUPT, "token_embd.weight: missing"},
    {{.drop = "blk.1.ffn_down.weight"}, SK_CORRUPT, "blk.1.ffn_down.weight: missing"},
    {{.drop = "output_norm.weight"}, SK_CORRUPT, "output_norm.weight: missing"},
    {{.tensor = "token_embd.weight", .shape = {0, 10}}, SK_CORRUPT, "rows for"},
    {{.tensor = "token_embd.weight", .shape = {0, 1 << 30}}, SK_CORRUPT, "token_embd.weight"},
    {{.tensor = "blk.0.attn_q.weight", .dims = 5}, SK_CORRUPT, "attn_q.weight: dimensions 5"},
    {{.tensor = "blk.0.attn_q.weight", .dims = 3, .shape = {32, 16, 2}}, SK_CORRUPT, "attn_q"},
    {{.tensor = "blk.0.attn_q.weight", .shape = {UINT64_MAX, UINT64_MAX}}, SK_CORRUPT, "attn_q"},
    {{.tensor = "blk.0.attn_q.weight", .shape = {1ull << 32, 1ull << 33}}, SK_CORRUPT, "attn_q"},
    {{.tensor = "blk.0.attn_q.weight", .shape = {33}}, SK_CORRUPT, "multiple of its block"},
    {{.tensor = "blk.0.attn_q.weight", .shape = {64, 16}}, SK_CORRUPT, "shape 64 x 16"},
    {{.tensor = "blk.0.attn_q.weight", .type = QUANT_Q4_0 + 1}, SK_OK, ""}, // smaller: still inside
    {{.tensor = "blk.0.attn_q.weight", .type = 16 + 1}, SK_UNSUPPORTED, "IQ2_XXS"},
    {{.tensor = "blk.0.attn_q.weight", .type = 1000}, SK_UNSUPPORTED, "type 999"},
    {{.tensor = "blk.0.attn_q.weight", .type = QUANT_F32 + 1}, SK_CORRUPT, "overlaps"},
    {{.tensor = "blk.0.attn_norm.weight", .type = QUANT_F16 + 1}, SK_UNSUPPORTED, "must be F32"},
    {{.tensor = "blk.0.attn_norm.weight", .shape = {8}}, SK_CORRUPT, "blk.0.attn_norm"},
    {{.tensor = "blk.0.attn_q.weight", .offset = 1}, SK_CORRUPT, "not aligned"},
    {{.tensor = "blk.0.attn_q.weight", .offset = 32}, SK_CORRUPT, "overlaps"},
    {{.tensor = "blk.0.attn_q.weight", .offset = 1ull << 40}, SK_CORRUPT, "ends past the file"},
    {{.tensor = "output_norm.weight", .offset = 32}, SK_CORRUPT, "ends past the file"},
    {{.tensor = "blk.0.attn_q.weight", .offset = UINT64_MAX - 31}, SK_CORRUPT, "attn_q"},
    {{.poison = "output_norm.weight"}, SK_CORRUPT, "output_norm.weight: holds NaN"},
    {{.poison = "blk.1.ffn_norm.weight"}, SK_CORRUPT, "blk.1.ffn_norm.weight: holds NaN"},
    {{.poison = "token_embd.weight"}, SK_CORRUPT, "token_embd.weight: holds NaN"},
};

static void expect_refused(struct make make, const char *names) {
    enum sk_code code = try_make(&make);
    if (code != SK_CORRUPT || !strstr(fail_text(), names))
        fail_msg("%s, %s: %s %s", quant_name(make.matrix_type - 1), names, fail_name(code),
                 fail_text());
}

static void each_type_opens_and_is_checked(void **state) {
    (void)state;
    for (uint32_t type = 0; type <= QUANT_TYPE_MAX; type++) {
        const struct quant *quant = quant_find(type);
        if (!quant) continue;
        assert_string_equal(quant->name, quant_name(type));
        uint32_t width = quant->block > 32 ? 256 : 32;
        struct make good = {.matrix_type = type + 1, .width = width, .ff = 256, .layers = 1}, bad;
        struct engine *engine;
        struct engine_options options = {.slots = 1, .threads = 1};
        assert_int_equal(engine_open_file(&engine, make_file(&good), options), SK_OK);
        assert_string_equal(engine_shape(engine).type_text, quant->name);
        engine_close(engine);
        make_free(&good);
        bad = (struct make){.matrix_type = type + 1, .width = width, .ff = 256, .layers = 1};
        bad.poison = "token_embd.weight";
        expect_refused(bad, "token_embd.weight: holds NaN");
        bad.poison = NULL;
        bad.tensor = "blk.0.attn_q.weight";
        const uint64_t lengths[] = {1, quant->block + 1, width - 1, 1ull << 48, UINT64_MAX};
        for (size_t i = 0; i < sizeof lengths / sizeof *lengths; i++) {
            bad.shape[0] = lengths[i];
            bool dimension = lengths[i] >= 1ull << 48;
            expect_refused(bad, dimension          ? "attn_q.weight: size of a dimension"
                                : quant->block > 1 ? "attn_q.weight: row length is no multiple"
                                                   : "attn_q.weight: shape");
        }
    }
}

static void each_lie_is_refused_by_name(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof lies / sizeof *lies; i++) {
        struct make make = lies[i].make;
        enum sk_code code = try_make(&make);
        if (code != lies[i].code || (code && !strstr(fail_text(), lies[i].names)))
            fail_msg("lie %zu (%s): %s %s", i, lies[i].names, fail_name(code), fail_text());
    }
    print_message("%zu lies\n", sizeof lies / sizeof *lies);
}

// Every cut is an error; none reads past the end (the copy is exact, so a sanitizer would see).
static void every_cut_is_refused(void **state) {
    (void)state;
    struct make make = {.layers = 1};
    struct view file = make_file(&make);
    for (size_t len = 0; len < file.len; len += len < 2048 ? 1 : 61) {
        char *copy = malloc(len ? len : 1);
        assert_non_null(copy);
        if (len) memcpy(copy, file.at, len);
        assert_int_not_equal(try_open((struct view){copy, len}), SK_OK);
        free(copy);
    }
    make_free(&make);
}

static void bad_options_are_refused(void **state) {
    (void)state;
    struct make make = {0};
    struct view file = make_file(&make);
    static const struct {
        struct engine_options options;
        enum sk_code code;
    } cases[] = {
        {{.slots = 0, .threads = 1}, SK_INPUT},
        {{.slots = 65, .threads = 1}, SK_INPUT},
        {{.slots = 1, .threads = 0}, SK_INPUT},
        {{.slots = 1, .threads = 65}, SK_INPUT},
        {{.slots = 1, .threads = 1, .context = 129}, SK_LIMIT},
        {{.slots = 1, .threads = 1, .memory_max = 1000}, SK_LIMIT},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct engine *engine;
        assert_int_equal(engine_open_file(&engine, file, cases[i].options), cases[i].code);
        assert_null(engine);
    }
    make_free(&make);
}

static void the_shape_tells_the_file(void **state) {
    (void)state;
    struct make make = {.chat_template = "<|im_start|>"};
    struct view file = make_file(&make);
    struct engine *engine;
    struct engine_options options = {.slots = 2, .threads = 2, .context = 64};
    assert_int_equal(engine_open_file(&engine, file, options), SK_OK);
    struct engine_shape shape = engine_shape(engine);
    assert_true(view_is(shape.architecture, "llama") && view_is(shape.name, "tiny"));
    assert_int_equal(shape.layers, 2);
    assert_int_equal(shape.width, 32);
    assert_int_equal(shape.heads, 4);
    assert_int_equal(shape.heads_kv, 2);
    assert_int_equal(shape.context, 64);
    assert_int_equal(shape.context_trained, 128);
    assert_string_equal(shape.type_text, "Q8_0");
    assert_int_equal(shape.file_bytes, file.len);
    assert_true(view_is(shape.chat_template, "<|im_start|>") && shape.license.len == 0);
    assert_int_equal(shape.tokens_held, 2 * 64);
    engine_close(engine);
    // Exactly enough; with one byte less a page less, down to one context's.
    for (uint32_t held = 2 * 64; held >= 64; held -= 16) {
        options.memory_max = shape.state_bytes;
        assert_int_equal(engine_open_file(&engine, file, options), SK_OK);
        assert_int_equal(engine_shape(engine).state_bytes, shape.state_bytes);
        assert_int_equal(engine_shape(engine).tokens_held, held);
        engine_close(engine);
        options.memory_max--;
        enum sk_code code = engine_open_file(&engine, file, options);
        assert_int_equal(code, held > 64 ? SK_OK : SK_LIMIT);
        if (code == SK_OK) shape = engine_shape(engine);
        engine_close(engine);
    }
    make_free(&make);
}

// A refused file costs the memory of what it holds, not of what its keys claim.
static void a_bad_file_takes_no_state(void **state) {
    (void)state;
    struct make make = {KEY_U32("llama.context_length", 1 << 20), .drop = "output_norm.weight"};
    struct view file = make_file(&make);
    struct engine *engine;
    struct rusage before, after;
    assert_int_equal(getrusage(RUSAGE_SELF, &before), 0);
    // Its state would be over 1 GB.
    assert_int_equal(engine_open_file(&engine, file, (struct engine_options){.slots = 1, .threads = 1}),
                     SK_CORRUPT);
    assert_int_equal(getrusage(RUSAGE_SELF, &after), 0);
    assert_true(after.ru_maxrss - before.ru_maxrss < 64 << 10);
    make_free(&make);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(good_files_open),         cmocka_unit_test(each_type_opens_and_is_checked),
        cmocka_unit_test(each_lie_is_refused_by_name),
        cmocka_unit_test(every_cut_is_refused),    cmocka_unit_test(bad_options_are_refused),
        cmocka_unit_test(the_shape_tells_the_file), cmocka_unit_test(a_bad_file_takes_no_state),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
