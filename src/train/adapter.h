// Adapter: a LoRA (Hu et al. 2021) written as a GGUF file that engine/adapter.h and llama.cpp read:
// general.type "adapter", general.architecture, adapter.type "lora", adapter.lora.alpha, and for
// each matrix NAME the halves NAME.lora_a {columns, rank} and NAME.lora_b {rank, rows}.
//
// Promises: what was written adds (alpha / rank) B A; of F32 exactly. Refuses: numbers that are not
// finite or for which F16 has no room (SK_INPUT, naming the tensor).
#pragma once
#include <stdint.h>

#include "train/gguf_write.h"

struct adapter_matrix {
    struct view name; // of the model's matrix: "blk.0.attn_q.weight"
    uint32_t columns, rows, rank;
    const float *a, *b; // [rank][columns], [rows][rank]
};

struct adapter_file {
    struct view architecture; // of the model that it is for
    float alpha;              // not 0
    enum quant_type type;     // F32 or F16
    const struct adapter_matrix *matrices;
    uint32_t len;
};

// Into an open writer, which may have further keys already (general.name, …); ends the file.
enum sk_code adapter_write(const struct adapter_file *file, struct gguf_writer *writer);
