#include "cli/output_file.h"
#include "cli/train_cli.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "node/files.h"
#include "node/mapped.h"

static enum sk_code path_put(const struct train_export *e, const char *type, char out[PATH_MAX]) {
    int len = snprintf(out, PATH_MAX, "%s/%s-%s.gguf", e->directory, e->recipe->name.at, type);
    return len > 0 && len < PATH_MAX ? SK_OK : FAIL(SK_LIMIT, "output: the path is too long");
}

// Shown, and kept for the record.
static enum sk_code output_add(struct train_export *e, const char *type, const char *path) {
    must(e->outputs_len < RECORD_OUTPUTS_MAX);
    struct train_output *out = &e->output[e->outputs_len++];
    struct stat state;
    snprintf(out->name, sizeof out->name, "%s-%s.gguf", e->recipe->name.at, type);
    snprintf(out->type, sizeof out->type, "%s", type);
    int file = open(path, O_RDONLY | O_CLOEXEC);
    if (file < 0) return FAIL(SK_IO, "%s: %s", path, strerror(errno));
    enum sk_code code = files_digest(file, out->digest, NULL);
    if (fstat(file, &state) != 0) code = FAIL(SK_IO, "%s: %s", path, strerror(errno));
    close(file);
    if (code != SK_OK) return code;
    out->bytes = (uint64_t)state.st_size;
    printf("%s\n", path);
    return SK_OK;
}

static struct result result_of(const struct train_export *e) {
    struct result result = {.recipe = e->recipe,
                            .learner = run_learner(e->run),
                            .state = run_state(e->run),
                            .tokens = &e->source->gguf,
                            .context = e->context};
    memcpy(result.data, e->data_digest, HASH_LEN);
    return result;
}

static enum sk_code whole_put(const struct train_export *e, const char *path) {
    struct output_file out = {0};
    struct result result = result_of(e);
    enum sk_code code = output_open(&out, path, true);
    if (code == SK_OK) code = result_write(&result, (struct gguf_sink){output_put, &out});
    if (code == SK_OK) code = output_commit(&out);
    output_close(&out);
    return code;
}

static enum sk_code one_put(struct train_export *e, const struct gguf *whole,
                            struct pool *pool, struct view type) {
    struct convert convert = {.from = whole, .pool = pool, .release = mapped_release};
    struct output_file out = {0};
    char path[PATH_MAX];
    TRY(convert_find(type.at, &convert.type));
    TRY(path_put(e, type.at, path));
    if (convert.type != CONVERT_F32) {
        enum sk_code code = output_open(&out, path, true);
        if (code == SK_OK) code = convert_run(&convert, (struct gguf_sink){output_put, &out});
        if (code == SK_OK) code = output_commit(&out);
        output_close(&out);
        TRY(code);
    }
    return output_add(e, type.at, path);
}

static enum sk_code all_put(struct train_export *e, const struct gguf *whole) {
    static struct pool pool;
    static const struct view usual = {"F16", 3};
    struct recipe_texts types = e->recipe->export;
    if (!types.len) types = (struct recipe_texts){&usual, 1};
    TRY(pool_open(&pool, e->threads));
    enum sk_code code = SK_OK;
    for (uint32_t i = 0; i < types.len && code == SK_OK; i++)
        code = one_put(e, whole, &pool, types.at[i]);
    pool_close(&pool);
    return code;
}

// F32 as the recipe spells it; NULL: it is not asked for.
static const char *whole_find(const struct recipe *recipe) {
    enum convert_type is;
    for (uint32_t i = 0; i < recipe->export.len; i++)
        if (convert_find(recipe->export.at[i].at, &is) == SK_OK && is == CONVERT_F32)
            return recipe->export.at[i].at;
    return NULL;
}

enum sk_code train_export_check(const struct recipe *recipe) {
    if (recipe->export.len > RECORD_OUTPUTS_MAX)
        return FAIL(SK_LIMIT, "export: %u types > %d", recipe->export.len, RECORD_OUTPUTS_MAX);
    for (uint32_t i = 0; i < recipe->export.len; i++) {
        enum convert_type type;
        TRY(convert_find(recipe->export.at[i].at, &type));
        for (uint32_t k = 0; k < i; k++)
            if (strcasecmp(recipe->export.at[k].at, recipe->export.at[i].at) == 0)
                return FAIL(SK_INPUT, "export: %s is there twice", recipe->export.at[i].at);
        if (recipe->low_rank.rank && type != CONVERT_F32 && type != CONVERT_F16)
            return FAIL(SK_INPUT, "export: %s: an adapter is F16 or F32",
                        recipe->export.at[i].at);
    }
    return SK_OK;
}

static enum sk_code adapter_put(struct train_export *e, const char *type) {
    struct output_file out = {0};
    char path[PATH_MAX];
    struct result result = result_of(e);
    enum quant_type to = type[1] == '3' ? QUANT_F32 : QUANT_F16;
    TRY(path_put(e, type, path));
    enum sk_code code = output_open(&out, path, true);
    if (code == SK_OK) code = result_adapter(&result, to, (struct gguf_sink){output_put, &out});
    if (code == SK_OK) code = output_commit(&out);
    output_close(&out);
    return code == SK_OK ? output_add(e, type, path) : code;
}

static enum sk_code model_put(struct train_export *e) {
    static struct weights weights;
    struct view view[WEIGHTS_PARTS_MAX] = {{0}};
    struct gguf whole = {0};
    char path[PATH_MAX];
    const char *kept = whole_find(e->recipe);
    TRY(path_put(e, kept ? kept : "F32", path));
    TRY(whole_put(e, path));
    enum sk_code code = weights_open(&weights, path);
    if (code == SK_OK) code = weights_map(&weights, view);
    if (code == SK_OK) code = gguf_open(&whole, view, 1);
    if (code == SK_OK) code = all_put(e, &whole);
    gguf_close(&whole);
    if (view[0].len) weights_unmap(&weights, view);
    weights_close(&weights);
    if (!kept) unlink(path);
    return code;
}

enum sk_code train_export(struct train_export *e) {
    const struct recipe_texts *types = &e->recipe->export;
    TRY(data_digest(e->data, DATA_TRAIN, e->data_digest));
    if (!e->recipe->low_rank.rank) return model_put(e);
    for (uint32_t i = 0; i < types->len; i++) TRY(adapter_put(e, types->at[i].at));
    return types->len ? SK_OK : adapter_put(e, "F16");
}
