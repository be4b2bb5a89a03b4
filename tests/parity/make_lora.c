// make_lora BASE FILE SIZE SEED [RANK [f16]]: a random LoRA, of rank 4 unless said, over every matrix
// of the layers of BASE and its output matrix, that adds weights of about SIZE (root mean square),
// written as the trainer writes one.
#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "chance.h"
#include "train/adapter.h"

enum { ALPHA = 8, MATRICES_MAX = 512 };

static enum sk_code put(void *self, const void *bytes, size_t len) {
    return fwrite(bytes, 1, len, self) == len ? SK_OK : FAIL(SK_IO, "%s", strerror(errno));
}

static enum sk_code map(const char *path, struct view *file) {
    struct stat info;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0 || fstat(fd, &info) != 0) return FAIL(SK_IO, "%s: %s", path, strerror(errno));
    file->len = (size_t)info.st_size;
    file->at = mmap(NULL, file->len, PROT_READ, MAP_PRIVATE, fd, 0);
    return file->at == MAP_FAILED ? FAIL(SK_IO, "%s: %s", path, strerror(errno)) : SK_OK;
}

// Evenly spread, of this root mean square.
static float *numbers(size_t len, double size, uint64_t *chance) {
    float *out = calloc(len, sizeof *out);
    must(out != NULL);
    for (size_t i = 0; i < len; i++)
        out[i] = (float)(((double)(chance_next(chance) % 20001) / 10000 - 1) * size * sqrt(3));
    return out;
}

struct words {
    const char *path;
    double size;
    uint64_t chance;
    uint32_t rank;
    enum quant_type type;
};

static bool adapts(const struct gguf_tensor *t) {
    return t->dims == 2 &&
           (view_starts(t->name, VIEW("blk.")) || view_is(t->name, "output.weight"));
}

static enum sk_code make(const struct gguf *base, struct words *words) {
    static struct adapter_matrix matrices[MATRICES_MAX];
    struct adapter_file file = {.alpha = ALPHA, .type = words->type, .matrices = matrices};
    struct gguf_writer writer;
    uint32_t rank = words->rank;
    uint64_t *chance = &words->chance;
    // Of B A each element is a sum of `rank` products, times ALPHA / rank.
    double half = sqrt(words->size / (ALPHA / (double)rank) / sqrt(rank));
    TRY(gguf_text(base, "general.architecture", GGUF_MUST_BE, &file.architecture));
    for (uint32_t i = 0; i < base->tensors_len; i++) {
        const struct gguf_tensor *t = &base->tensors[i];
        if (!adapts(t)) continue;
        must(file.len < MATRICES_MAX);
        matrices[file.len++] = (struct adapter_matrix){
            t->name, (uint32_t)t->shape[0], (uint32_t)t->shape[1], rank,
            numbers(t->shape[0] * rank, half, chance), numbers(t->shape[1] * rank, half, chance)};
    }
    FILE *to = fopen(words->path, "wb");
    if (!to) return FAIL(SK_IO, "%s: %s", words->path, strerror(errno));
    TRY(gguf_writer_open(&writer, (struct gguf_sink){put, to}));
    enum sk_code code = adapter_write(&file, &writer);
    gguf_writer_close(&writer);
    return fclose(to) == 0 ? code : FAIL(SK_IO, "%s: %s", words->path, strerror(errno));
}

int main(int argc, char **argv) {
    struct view file;
    struct gguf base;
    if (argc < 5 || argc > 7 || (argc == 7 && strcmp(argv[6], "f16") != 0)) {
        fprintf(stderr, "usage: make_lora BASE FILE SIZE SEED [RANK [f16]]\n");
        return 2;
    }
    struct words words = {.path = argv[2],
                          .size = strtod(argv[3], NULL),
                          .chance = strtoull(argv[4], NULL, 10),
                          .rank = argc > 5 ? (uint32_t)strtoul(argv[5], NULL, 10) : 4,
                          .type = argc == 7 ? QUANT_F16 : QUANT_F32};
    enum sk_code code = map(argv[1], &file);
    if (code == SK_OK) code = gguf_open(&base, &file, 1);
    if (code == SK_OK) code = make(&base, &words);
    if (code == SK_OK) return 0;
    fprintf(stderr, "make_lora: %s\n", fail_text());
    return 1;
}
