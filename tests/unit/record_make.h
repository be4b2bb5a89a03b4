// A record with every field, and one with only those that must be.
#pragma once
#include <string.h>

#include "train/record.h"

static inline void record_digest(uint8_t out[HASH_LEN], int byte) { memset(out, byte, HASH_LEN); }

static inline void record_least(struct train_record *r) {
    *r = (struct train_record){
        .name = VIEW("keigo"), .kind = VIEW("pretraining"), .licence = VIEW("Apache-2.0"),
        .architecture = VIEW("llama"), .build = VIEW("0.1.0+abc"), .seed = VIEW("18446744073709551615"),
        .parameters = 5000000, .trained_parameters = 5000000, .steps = 1000, .tokens = 2048000,
        .started_ms = 1795400000000, .ended_ms = 1795403600000, .cpu_ms = 7000000, .ranks = 1,
        .sources_len = 1, .outputs_len = 1};
    record_digest(r->recipe_sha256, 1);
    record_digest(r->data_sha256, 2);
    r->sources[0] = (struct record_source){
        .name = VIEW("aozora"), .licence = VIEW("public domain"), .use = VIEW("training"),
        .files = 3, .bytes = 528000000, .documents = 9000, .tokens = 2000000};
    record_digest(r->sources[0].sha256, 3);
    r->outputs[0] = (struct record_output){.name = VIEW("keigo.gguf"), .type = VIEW("Q8_0"),
                                           .bytes = 9000000};
    record_digest(r->outputs[0].sha256, 4);
}

static inline void record_full(struct train_record *r) {
    record_least(r);
    r->kind = VIEW("lora");
    r->description = VIEW("敬語の書き換え。\"plain\" ↔ polite");
    r->intended = VIEW("Rewriting <sentences> & classifying them | levels");
    r->limits = VIEW("Knows no facts.");
    r->base_name = VIEW("base.gguf");
    record_digest(r->base_sha256, 5);
    r->energy_mj = 123456789;
    r->ranks = 2;
    r->sources_len = 2;
    r->sources[0].attribution = VIEW("Aozora Bunko volunteers");
    r->sources[1] = r->sources[0];
    r->sources[1].name = VIEW("asdc");
    r->sources[1].licence = VIEW("CC-BY-4.0");
    r->sources[1].use = VIEW("validation");
    r->metrics_len = 2;
    r->metrics[0] = (struct record_metric){.name = VIEW("bits per byte"), .on = VIEW("validation"),
                                           .value = VIEW("1.0532"), .low = VIEW("1.04"),
                                           .high = VIEW("1.066")};
    r->metrics[1] = (struct record_metric){.name = VIEW("loss"), .value = VIEW("-1e-05")};
}
