// make_gguf FAMILY TYPE FILE [f32]: one small random GGUF file; with f32 its weights expanded.
// make_gguf --expand FROM FILE: the file FROM, its weights expanded.
// make_gguf --list: the families and types as JSON.
#include "specimen.h"

enum { FROM_MAX = 1 << 26 };

static int list(void) {
    const char *comma = "";
    printf("{\"families\": [");
    for (const struct specimen *f = specimens; f->name; f++, comma = ", ")
        printf("%s{\"name\": \"%s\", \"encoder\": %s, \"experts\": %s, \"ranks\": %s}", comma,
               f->name, f->has & HAS_ENCODER ? "true" : "false",
               f->has & HAS_EXPERTS ? "true" : "false", f->has & HAS_RANK ? "true" : "false");
    printf("], \"types\": [");
    comma = "";
    for (const struct weight_type *t = weight_types; t->name; t++, comma = ", ")
        printf("%s\"%s\"", comma, t->name);
    printf("]}\n");
    return 0;
}

static int store(struct make *make, struct view file, const char *path) {
    FILE *to = fopen(path, "wb");
    bool fine = to && fwrite(file.at, 1, file.len, to) == file.len;
    fine = to && fclose(to) == 0 && fine;
    make_free(make);
    if (!fine) perror(path);
    return fine ? 0 : 1;
}

static int expand(const char *from, const char *path) {
    struct buf bytes;
    struct make make = {0};
    struct view file;
    must(buf_open(&bytes, FROM_MAX) == SK_OK);
    FILE *in = fopen(from, "rb");
    bytes.len = in ? fread(bytes.at, 1, FROM_MAX, in) : 0;
    if (in) fclose(in);
    if (weights_expand_file(&make, buf_view(&bytes), &file) != SK_OK) {
        fprintf(stderr, "%s: %s\n", from, fail_text());
        return 1;
    }
    int status = store(&make, file, path);
    buf_close(&bytes);
    return status;
}

int main(int argc, char **argv) {
    if (argc == 2 && strcmp(argv[1], "--list") == 0) return list();
    if (argc == 4 && strcmp(argv[1], "--expand") == 0) return expand(argv[2], argv[3]);
    const struct specimen *family = argc > 3 ? specimen_find(argv[1]) : NULL;
    const struct weight_type *type = argc > 3 ? weight_type_find(argv[2]) : NULL;
    if (!family || !type || argc > 5 || (argc == 5 && strcmp(argv[4], "f32") != 0)) {
        fprintf(stderr, "usage: make_gguf FAMILY TYPE FILE [f32] | --expand FROM FILE | --list\n");
        return 2;
    }
    struct make make = {0};
    return store(&make, specimen_make(&make, family, type, argc == 5, 0), argv[3]);
}
