#include "cli/cli_training.h"
#include "cli/train_cli.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "build_id.h"
#include "ledger/ledger.h"

// Texts of the record; its fields are views of them.
struct record_texts {
    struct buf all;
};

// A line: what would end one is a space.
static struct view line_of(struct record_texts *texts, struct view text) {
    char *at = buf_room(&texts->all, text.len);
    if (!at) return (struct view){0};
    for (size_t i = 0; i < text.len; i++)
        at[i] = (uint8_t)text.at[i] < ' ' || text.at[i] == 0x7f ? ' ' : text.at[i];
    while (text.len && at[text.len - 1] == ' ') text.len--;
    return (struct view){at, text.len};
}

static struct view decimal_of(struct record_texts *texts, double value) {
    char text[32];
    return line_of(texts, (struct view){text, (size_t)snprintf(text, sizeof text, "%.6g", value)});
}

static void parameters_count(const struct learner *learner, struct train_record *r) {
    const struct net_shape *s = &learner->net.shape;
    uint64_t q = (uint64_t)s->heads * s->head_len, kv = (uint64_t)s->heads_kv * s->head_len;
    uint64_t layer = 2 * (uint64_t)s->width + s->width * (2 * q + 2 * kv + 3 * (uint64_t)s->ff);
    r->parameters = s->layers * layer + s->width +
                    (s->tied ? 1 : 2) * (uint64_t)s->vocabulary * s->width;
    for (uint32_t i = 0; i < learner->tensors.len; i++)
        r->trained_parameters +=
            (uint64_t)learner->tensors.tensor[i].rows * learner->tensors.tensor[i].columns;
}

static void sources_put(const struct train_told *told, struct record_texts *texts,
                        struct train_record *r) {
    const struct recipe *recipe = told->export->recipe;
    for (uint32_t i = 0; i < recipe->data.sources_len; i++) {
        const struct recipe_source *from = &recipe->data.sources[i];
        const struct data_source *data = &told->export->data->source[i];
        const struct data_count *count = &data->part[from->validation ? DATA_HELD : DATA_TRAIN];
        struct record_source *source = &r->sources[r->sources_len++];
        *source = (struct record_source){
            .name = line_of(texts, from->name),
            .licence = from->licence,
            .attribution = line_of(texts, from->attribution),
            .use = from->validation ? VIEW("validation") : VIEW("training"),
            .files = data->files,
            .bytes = data->file_bytes,
            .documents = count->documents,
            .tokens = count->tokens};
        memcpy(source->sha256, data->digest, HASH_LEN);
    }
}

static void metrics_put(const struct train_told *told, struct record_texts *texts,
                        struct train_record *r) {
    const struct train_show *show = told->show;
    const struct view on = VIEW("validation");
    if (show->held.len)
        r->metrics[r->metrics_len++] = (struct record_metric){
            .name = VIEW("loss, nats per token"), on, decimal_of(texts, show->held_loss)};
    if (show->held_bits > 0)
        r->metrics[r->metrics_len++] = (struct record_metric){
            .name = VIEW("bits per byte"), on, decimal_of(texts, show->held_bits)};
}

static void outputs_put(const struct train_export *export, struct train_record *r) {
    for (uint32_t i = 0; i < export->outputs_len; i++) {
        const struct train_output *from = &export->output[i];
        struct record_output *out = &r->outputs[r->outputs_len++];
        *out = (struct record_output){
            view_of(from->name), view_of(from->type), .bytes = from->bytes};
        memcpy(out->sha256, from->digest, HASH_LEN);
    }
}

static void base_put(const struct train_export *export, struct train_record *r) {
    const char *path = export->recipe->base.at, *slash;
    r->kind = VIEW("pretraining");
    if (!path) return;
    slash = strrchr(path, '/');
    r->kind = export->recipe->low_rank.rank ? VIEW("lora") : VIEW("finetuning");
    r->base_name = view_of(slash ? slash + 1 : path);
    memcpy(r->base_sha256, run_state(export->run)->base, HASH_LEN);
}

static enum sk_code fill(const struct train_told *told, struct record_texts *texts,
                         struct train_record *r) {
    const struct train_export *export = told->export;
    const struct snapshot *state = run_state(export->run);
    char seed[24], licence[RECIPE_SOURCES_MAX * 160];
    struct buf text = buf_over(licence, sizeof licence);
    result_licence(export->recipe, &text);
    snprintf(seed, sizeof seed, "%llu", (unsigned long long)export->recipe->seed);
    r->name = line_of(texts, export->recipe->name);
    r->licence = line_of(texts, buf_view(&text));
    r->architecture = line_of(texts, run_learner(export->run)->architecture);
    r->build = VIEW("sekisho " SEKISHO_BUILD);
    r->seed = line_of(texts, view_of(seed));
    hash_of(state->recipe.at, state->recipe.len, r->recipe_sha256);
    r->steps = state->step;
    r->tokens = state->tokens;
    r->started_ms = told->show->started_ms;
    r->ended_ms = (uint64_t)told->show->world->clock_ms(told->show->world->self);
    r->cpu_ms = told->show->cpu_ms * told->ranks; // each has the same share
    r->ranks = told->ranks;
    parameters_count(run_learner(export->run), r);
    base_put(export, r);
    sources_put(told, texts, r);
    metrics_put(told, texts, r);
    outputs_put(export, r);
    memcpy(r->data_sha256, export->data_digest, HASH_LEN);
    return buf_check(&texts->all, "the texts of the record");
}

// What is not known yet, as long as it may become.
static void longest(const struct train_told *told, struct record_texts *texts,
                    struct train_record *r) {
    const struct recipe *recipe = told->export->recipe;
    const uint64_t most = UINT64_C(1) << 53;
    char name[256];
    memset(r->data_sha256, 0xff, HASH_LEN);
    r->steps = r->tokens = r->started_ms = r->ended_ms = r->cpu_ms = most;
    r->metrics_len = 2;
    for (uint32_t i = 0; i < r->metrics_len; i++)
        r->metrics[i] = (struct record_metric){.name = VIEW("loss, nats per token"),
                                               .on = VIEW("validation"),
                                               .value = VIEW("-1.23457e-300")};
    r->outputs_len = recipe->export.len ? recipe->export.len : 1;
    for (uint32_t i = 0; i < r->outputs_len; i++) {
        snprintf(name, sizeof name, "%s-Q4_K_M.gguf", recipe->name.at);
        r->outputs[i] = (struct record_output){
            .name = line_of(texts, view_of(name)), .type = VIEW("Q4_K_M"), .bytes = most};
        memset(r->outputs[i].sha256, 0xff, HASH_LEN);
    }
}

// Appends the record; `check`: the longest that it may become.
static enum sk_code make(const struct train_told *told, bool check, struct buf *out) {
    static char storage[1 << 19];
    static struct train_record record;
    struct record_texts texts = {buf_over(storage, sizeof storage)};
    record = (struct train_record){0};
    enum sk_code code = fill(told, &texts, &record);
    if (check) longest(told, &texts, &record);
    return code == SK_OK ? record_write(&record, out) : code;
}

enum sk_code train_record_check(const struct train_told *told) {
    static char written[16 * RECORD_MAX];
    struct buf out = buf_over(written, sizeof written);
    enum sk_code code = make(told, true, &out);
    return code == SK_OK ? SK_OK : fail_within(code, "record.json");
}

enum sk_code train_record_put(const struct train_told *told, const struct world *world) {
    static char written[RECORD_MAX + 1];
    struct buf out = buf_over(written, sizeof written);
    int64_t leaf;
    enum sk_code code = make(told, false, &out);
    if (code == SK_OK) code = file_replace(world, "record.json", "record.json.new", buf_view(&out));
    if (code != SK_OK) return fail_within(code, "record.json");
    printf("%s/record.json\n", told->export->directory);
    if (!told->conf) return SK_OK;
    TRY(cli_training_seal(told->conf, buf_view(&out), &leaf));
    printf("leaf %lld\n", (long long)leaf);
    return SK_OK;
}
