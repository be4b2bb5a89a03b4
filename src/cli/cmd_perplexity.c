#include "base/json.h"
#include "cli/cli.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char usage[] =
    "usage: sekisho perplexity [OPTIONS] FILE\n\n"
    "How well the model foretells a text of UTF-8; '-' is stdin. The text becomes tokens, these\n"
    "become chunks of N; what is left over is not used. Each chunk is read on its own, its first\n"
    "token replaced by the model's beginning of text if prompts have one, and counted from its\n"
    "middle on: so the figure compares with llama-perplexity's.\n"
    "  --model FILE   a GGUF file; default: the configured model\n"
    "  --adapter FILE[:S]\n"
    "                 a LoRA adapter over it, times S; default: 1\n"
    "  --context N    tokens of a chunk, 8 or more; default 512\n"
    "  --json         the figures as one object\n";

enum { TEXT_MAX = 1 << 24, CONTEXT = 512, CONTEXT_LEAST = 8, NAMED_LEAST = 2 };

struct count {
    double sum, squares; // of -log p over `tokens`
    uint64_t tokens, bytes, chunks;
};

struct work {
    struct cli_model model;
    struct engine_shape shape;
    struct buf text, piece; // piece: the bytes of one token
    int32_t *ids;
    float *logprobs;
    size_t ids_len;
    uint32_t context;
    struct count count;
};

static enum sk_code read_text(const char *path, struct buf *out) {
    char block[1 << 16];
    size_t n;
    bool in = strcmp(path, "-") == 0;
    TRY(buf_open(out, TEXT_MAX));
    FILE *from = in ? stdin : fopen(path, "rb");
    if (!from) return FAIL(SK_UNKNOWN, "%s: %s", path, strerror(errno));
    while ((n = fread(block, 1, sizeof block, from)) > 0) buf_put(out, block, n);
    bool fine = !ferror(from);
    if (!in) fclose(from);
    return fine ? buf_check(out, "text") : FAIL(SK_IO, "%s: cannot be read", path);
}

static enum sk_code open_model(struct work *work, const char *file, const char *adapter,
                               uint32_t context) {
    struct engine_options options = {.context = context ? context : CONTEXT,
                                     .text_max = (uint32_t)work->text.len};
    TRY(cli_model_with(file, adapter, &options, &work->model));
    work->shape = engine_shape(work->model.engine);
    work->context = work->shape.context;
    return SK_OK;
}

static enum sk_code make_ids(struct work *work) {
    struct engine_job job = {.prompt = buf_view(&work->text)};
    size_t max = work->text.len + NAMED_LEAST; // no token is less than a byte, but BOS and EOS
    work->ids = calloc(max, sizeof *work->ids);
    work->logprobs = calloc(work->context, sizeof *work->logprobs);
    if (!work->ids || !work->logprobs) return FAIL(SK_LIMIT, "no memory for %zu token ids", max);
    TRY(engine_prompt(work->model.engine, &job, work->ids, max, &work->ids_len));
    if (work->ids_len < work->context)
        return FAIL(SK_INPUT, "text: %zu tokens, less than one chunk of %u; try --context %zu",
                    work->ids_len, work->context, work->ids_len);
    return SK_OK;
}

// Counts the second half of one chunk.
static enum sk_code count_chunk(struct work *work, size_t from) {
    struct count *count = &work->count;
    int32_t *ids = work->ids + from, first = ids[0];
    if (work->shape.bos >= 0) ids[0] = work->shape.bos;
    enum sk_code code = engine_score_adapted(work->model.engine, work->model.adapter, ids,
                                             work->context, work->logprobs);
    ids[0] = first;
    if (code != SK_OK) return code;
    for (uint32_t i = work->context / 2 + 1; i < work->context; i++) {
        double lost = -(double)work->logprobs[i];
        count->sum += lost;
        count->squares += lost * lost;
        count->tokens++;
        buf_reset(&work->piece);
        engine_detokenize(work->model.engine, ids[i], &work->piece);
        count->bytes += work->piece.len;
    }
    count->chunks++;
    return SK_OK;
}

static double perplexity_of(const struct count *count) {
    return exp(count->sum / (double)count->tokens);
}

// Standard error of the perplexity, from that of the mean.
static double error_of(const struct count *count) {
    double n = (double)count->tokens, mean = count->sum / n;
    double variance = count->squares / n - mean * mean;
    return variance > 0 && n > 1 ? sqrt(variance / (n - 1)) * perplexity_of(count) : 0;
}

static double bits_of(const struct count *count) {
    return count->bytes ? count->sum / log(2) / (double)count->bytes : 0;
}

static enum sk_code count_all(struct work *work) {
    size_t chunks = work->ids_len / work->context;
    for (size_t i = 0; i < chunks; i++) {
        TRY(count_chunk(work, i * work->context));
        if (isatty(STDERR_FILENO))
            fprintf(stderr, "\rchunk %zu of %zu: %.4f ", i + 1, chunks,
                    perplexity_of(&work->count));
    }
    if (isatty(STDERR_FILENO)) fprintf(stderr, "\r%40s\r", "");
    return SK_OK;
}

static void print_json(const struct work *work) {
    const struct count *count = &work->count;
    char storage[8192];
    struct buf out = buf_over(storage, sizeof storage);
    struct json_writer w = json_writer_to(&out);
    json_open(&w, '{');
    json_member_text(&w, "model_filename", work->model.path);
    json_member_text(&w, "model_type", work->shape.type_text);
    json_member_u64(&w, "context", work->context);
    json_member_u64(&w, "chunks", count->chunks);
    json_member_u64(&w, "tokens", count->tokens);
    json_member_u64(&w, "bytes", count->bytes);
    json_name(&w, "perplexity");
    json_put_f64(&w, perplexity_of(count));
    json_name(&w, "standard_error");
    json_put_f64(&w, error_of(count));
    json_name(&w, "bits_per_byte");
    json_put_f64(&w, bits_of(count));
    json_close(&w, '}');
    printf("%.*s\n", (int)out.len, out.at);
}

static void print_text(const struct work *work) {
    const struct count *count = &work->count;
    printf("chunks         %llu of %u tokens; %llu tokens counted\n",
           (unsigned long long)count->chunks, work->context, (unsigned long long)count->tokens);
    printf("perplexity     %.4f ± %.4f (standard error)\n", perplexity_of(count), error_of(count));
    printf("bits per byte  %.4f\n", bits_of(count));
}

int cmd_perplexity(int argc, char **argv) {
    static char storage[ENGINE_PIECE_MAX];
    struct work work = {.piece = buf_over(storage, sizeof storage)};
    const char *file = NULL, *adapter = NULL, *context = "0";
    bool json = false;
    const struct cli_option options[] = {
        {"--model", &file, NULL}, {"--adapter", &adapter, NULL},
        {"--context", &context, NULL}, {"--json", NULL, &json}, {0}};
    int rest;
    uint64_t tokens;
    if (!cli_options(argc, argv, usage, options, &rest)) return EXIT_USAGE;
    if (rest != 1) return cli_usage(usage, "one FILE of text");
    if (!cli_number(context, 0, UINT32_MAX, &tokens) || (tokens && tokens < CONTEXT_LEAST))
        return cli_usage(usage, "--context %s: %d or more", context, CONTEXT_LEAST);
    enum sk_code code = read_text(argv[1], &work.text);
    if (code == SK_OK) code = open_model(&work, file, adapter, (uint32_t)tokens);
    if (code == SK_OK) code = make_ids(&work);
    if (code == SK_OK) code = count_all(&work);
    if (code == SK_OK && json) print_json(&work);
    if (code == SK_OK && !json) print_text(&work);
    free(work.ids);
    free(work.logprobs);
    cli_model_close(&work.model);
    buf_close(&work.text);
    return code == SK_OK ? EXIT_DONE : cli_failed();
}
