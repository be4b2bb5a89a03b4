#include "engine/family.h"

static const struct family families[] = {
    // llama 1 to 3, mistral, mixtral. llama.cpp overlooks llama.attention.sliding_window; a file
    // that has it (mistral 0.1) means it.
    {.name = "llama", .norms = FAMILY_NORM_BEFORE, .bias = FAMILY_MAYBE, .experts = true,
     .window = FAMILY_WINDOW_LAST},
    {.name = "mistral3", .norms = FAMILY_NORM_BEFORE, .bias = FAMILY_MAYBE, .experts = true,
     .temperature = true},
    {.name = "qwen2", .norms = FAMILY_NORM_BEFORE, .bias = FAMILY_MAYBE, .halves = true},
    {.name = "qwen3", .norms = FAMILY_NORM_BEFORE, .bias = FAMILY_MAYBE, .halves = true,
     .query_norm = FAMILY_QUERY_HEADS},
    {.name = "qwen3moe", .norms = FAMILY_NORM_BEFORE, .bias = FAMILY_MAYBE, .halves = true,
     .query_norm = FAMILY_QUERY_HEADS, .experts = true},
    {.name = "gemma", .norms = FAMILY_NORM_BEFORE, .halves = true, .gelu = true,
     .root_embedding = true},
    {.name = "gemma2", .norms = FAMILY_NORM_AROUND, .halves = true, .gelu = true,
     .root_embedding = true, .window = FAMILY_WINDOW_LAST, .period = 2, .window_default = 4096,
     .caps = true, .attention_cap = 50, .final_cap = 30, .wide_layers = 46},
    {.name = "gemma3", .norms = FAMILY_NORM_AROUND, .halves = true, .gelu = true,
     .root_embedding = true, .query_norm = FAMILY_QUERY_HEADS, .window = FAMILY_WINDOW_LAST,
     .period = 6, .local_rope = true, .local_base = 10000, .caps = true, .wide_layers = 62},
    // phi3's converters write windows that its models were not trained with: see llama.cpp #13676.
    {.name = "phi3", .norms = FAMILY_NORM_BEFORE, .bias = FAMILY_MAYBE, .halves = true,
     .window = FAMILY_WINDOW_IGNORED},
    {.name = "phi2", .norms = FAMILY_NORM_BEFORE, .norm_bias = FAMILY_ALWAYS, .bias = FAMILY_ALWAYS,
     .layer_norm = true, .halves = true, .gelu = true, .ungated = true, .parallel = true,
     .one_norm = true},
    {.name = "gptneox", .norms = FAMILY_NORM_BEFORE, .norm_bias = FAMILY_ALWAYS,
     .bias = FAMILY_ALWAYS, .layer_norm = true, .halves = true, .gelu = true, .ungated = true,
     .parallel_key = true},
    {.name = "olmo2", .norms = FAMILY_NORM_OUTPUT, .halves = true, .query_norm = FAMILY_QUERY_ROWS,
     .window = FAMILY_WINDOW_LAST, .period = 4, .local_rope = true},
    {.name = "granite", .norms = FAMILY_NORM_BEFORE, .bias = FAMILY_MAYBE, .scales = true,
     .rope_key = true},
    {.name = "granitemoe", .norms = FAMILY_NORM_BEFORE, .bias = FAMILY_MAYBE, .scales = true,
     .rope_key = true, .experts = true},
    {.name = "bert", .norms = FAMILY_NORM_AFTER, .norm_bias = FAMILY_ALWAYS, .bias = FAMILY_MAYBE,
     .layer_norm = true, .gelu = true, .ungated = true, .encoder = true, .positions = true,
     .types = true, .embedding_norm = true},
    {.name = "nomic-bert", .norms = FAMILY_NORM_AFTER, .norm_bias = FAMILY_ALWAYS,
     .bias = FAMILY_MAYBE, .layer_norm = true, .halves = true, .encoder = true, .types = true,
     .embedding_norm = true},
    {.name = "modern-bert", .norms = FAMILY_NORM_BEFORE, .layer_norm = true, .halves = true,
     .gelu = true, .gelu_key = true, .window = FAMILY_WINDOW_FIRST, .period = 3, .local_rope = true,
     .local_base = 10000, .encoder = true, .embedding_norm = true, .first_bare = true,
     .mean_head = true},
};

const struct family *family_find(struct view architecture) {
    for (size_t i = 0; i < sizeof families / sizeof *families; i++)
        if (view_is(architecture, families[i].name)) return &families[i];
    return NULL;
}

void family_names(struct buf *out) {
    for (size_t i = 0; i < sizeof families / sizeof *families; i++) {
        if (i) buf_put_text(out, ", ");
        buf_put_text(out, families[i].name);
    }
}
