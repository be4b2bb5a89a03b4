// Replays a fuzz corpus without libFuzzer: every file as it is, then seeded mutations of it, so that
// each run of `make test` tries the same inputs. Prints the seed; SEKISHO_FUZZ_SEED changes it. Fails
// when a seed NAME.good is not taken.
#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "taken.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

bool fuzz_taken;

enum { INPUT_MAX = 1 << 20, MUTATIONS = 64 };

static uint64_t chance_state;

static uint64_t chance(void) { // splitmix64
    uint64_t z = (chance_state += 0x9e3779b97f4a7c15u);
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
    z = (z ^ z >> 27) * 0x94d049bb133111ebu;
    return z ^ z >> 31;
}

// An exact-size copy: a read one past the end is seen by the sanitizer.
static void try_bytes(const uint8_t *bytes, size_t len) {
    uint8_t *copy = malloc(len ? len : 1);
    if (!copy) abort();
    if (len) memcpy(copy, bytes, len);
    LLVMFuzzerTestOneInput(copy, len);
    free(copy);
}

static void mutate(uint8_t *bytes, size_t *len) {
    unsigned edits = 1 + (unsigned)(chance() % 4);
    while (edits-- > 0 && *len > 0) {
        size_t at = (size_t)(chance() % *len);
        switch (chance() % 5) {
        case 0: bytes[at] ^= (uint8_t)(1u << chance() % 8); break;
        case 1: bytes[at] = (uint8_t)chance(); break;
        case 2: *len = at; break;
        case 3: bytes[at] = (chance() & 1) ? 0xff : 0; break;
        default: {
            size_t n = (size_t)(chance() % (*len - at)) + 1, to = (size_t)(chance() % *len);
            if (n > *len - to) n = *len - to;
            memmove(bytes + to, bytes + at, n);
        }
        }
    }
}

int main(int argc, char **argv) {
    if (argc != 2) return 2;
    const char *seed = getenv("SEKISHO_FUZZ_SEED");
    uint64_t first = seed ? strtoull(seed, NULL, 10) : 1;
    DIR *directory = opendir(argv[1]);
    if (!directory) {
        fprintf(stderr, "no corpus at %s\n", argv[1]);
        return 1;
    }
    static uint8_t original[INPUT_MAX], changed[INPUT_MAX];
    size_t files = 0, inputs = 0;
    for (struct dirent *entry; (entry = readdir(directory)) != NULL;) {
        if (entry->d_name[0] == '.') continue;
        char path[4096];
        snprintf(path, sizeof path, "%s/%s", argv[1], entry->d_name);
        FILE *file = fopen(path, "rb");
        if (!file) return 1;
        size_t len = fread(original, 1, sizeof original, file);
        fclose(file);
        fuzz_taken = false;
        try_bytes(original, len);
        size_t name = strlen(entry->d_name);
        bool good = name > 5 && strcmp(entry->d_name + name - 5, ".good") == 0;
        if (good && !fuzz_taken) {
            fprintf(stderr, "%s: refused, and it is to be taken\n", path);
            return 1;
        }
        chance_state = first;
        for (int i = 0; i < MUTATIONS; i++) {
            size_t n = len;
            memcpy(changed, original, len);
            mutate(changed, &n);
            try_bytes(changed, n);
        }
        files++;
        inputs += 1 + MUTATIONS;
    }
    closedir(directory);
    printf("%zu corpus files, %zu inputs, seed %llu\n", files, inputs, (unsigned long long)first);
    return files > 0 ? 0 : 1;
}
