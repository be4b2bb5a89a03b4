// make_gguf FAMILY TYPE FILE [f32]: one small random GGUF file; with f32 its weights expanded.
// make_gguf --list: the families and types as JSON.
#include "specimen.h"

static int list(void) {
    const char *comma = "";
    printf("{\"families\": [");
    for (const struct specimen *f = specimens; f->name; f++, comma = ", ")
        printf("%s{\"name\": \"%s\", \"encoder\": %s, \"experts\": %s}", comma, f->name,
               f->has & HAS_ENCODER ? "true" : "false", f->has & HAS_EXPERTS ? "true" : "false");
    printf("], \"types\": [");
    comma = "";
    for (const struct weight_type *t = weight_types; t->name; t++, comma = ", ")
        printf("%s\"%s\"", comma, t->name);
    printf("]}\n");
    return 0;
}

int main(int argc, char **argv) {
    if (argc == 2 && strcmp(argv[1], "--list") == 0) return list();
    const struct specimen *family = argc > 3 ? specimen_find(argv[1]) : NULL;
    const struct weight_type *type = argc > 3 ? weight_type_find(argv[2]) : NULL;
    if (!family || !type || argc > 5 || (argc == 5 && strcmp(argv[4], "f32") != 0)) {
        fprintf(stderr, "usage: make_gguf FAMILY TYPE FILE [f32] | --list\n");
        return 2;
    }
    struct make make = {0};
    struct view file = specimen_make(&make, family, type, argc == 5, 0);
    FILE *to = fopen(argv[3], "wb");
    bool fine = to && fwrite(file.at, 1, file.len, to) == file.len;
    fine = to && fclose(to) == 0 && fine;
    make_free(&make);
    if (!fine) perror(argv[3]);
    return fine ? 0 : 1;
}
