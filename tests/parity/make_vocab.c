// make_vocab MODEL SEED FILE [PRE]: a small random vocabulary (tests/unit/vocab_make.h) of "llama",
// "t5", "bert", "gpt2" or "gemma4".
#include <stdio.h>

#include "vocab_make.h"

int main(int argc, char **argv) {
    static const char *const models[] = {"llama", "t5", "bert", "gpt2", "gemma4"};
    static struct vocab_make v;
    if (argc < 4) return 2;
    while (v.model < MAKE_MODELS && strcmp(models[v.model], argv[1]) != 0) v.model++;
    if (v.model == MAKE_MODELS) return 2;
    v.seed = strtoull(argv[2], NULL, 10);
    v.pre = argc > 4 ? argv[4] : NULL;
    struct view file = vocab_make_file(&v);
    FILE *out = fopen(argv[3], "wb");
    if (!out || fwrite(file.at, 1, file.len, out) != file.len || fclose(out)) return 1;
    make_free(&v.make);
    return 0;
}
