// make_adapter MODEL FILE RANK ALPHA SEED [f16]: a random LoRA over the GGUF file MODEL.
#include "adapter_make.h"

enum { MODEL_MAX = 1 << 26 };

int main(int argc, char **argv) {
    struct buf model;
    if (argc < 6 || argc > 7 || (argc == 7 && strcmp(argv[6], "f16") != 0)) {
        fprintf(stderr, "usage: make_adapter MODEL FILE RANK ALPHA SEED [f16]\n");
        return 2;
    }
    must(buf_open(&model, MODEL_MAX) == SK_OK);
    FILE *in = fopen(argv[1], "rb");
    model.len = in ? fread(model.at, 1, MODEL_MAX, in) : 0;
    if (in) fclose(in);
    struct make_adapter adapter = {.rank = (uint32_t)strtoul(argv[3], NULL, 10),
                                   .alpha = strtof(argv[4], NULL),
                                   .type = argc == 7 ? QUANT_F16 + 1 : 0,
                                   .make = {.chance = strtoull(argv[5], NULL, 10)}};
    struct view file = make_adapter_file(&adapter, buf_view(&model));
    FILE *to = fopen(argv[2], "wb");
    bool fine = to && fwrite(file.at, 1, file.len, to) == file.len;
    fine = to && fclose(to) == 0 && fine;
    if (!fine) perror(argv[2]);
    make_free(&adapter.make);
    buf_close(&model);
    return fine ? 0 : 1;
}
