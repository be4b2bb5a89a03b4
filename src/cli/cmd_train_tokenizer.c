// `sekisho train tokenizer`: a vocabulary learned from text, into GGUF and SentencePiece's form.
#include "cli/cli.h"
#include "cli/lines.h"
#include "cli/output_file.h"
#include "train/train.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const char usage[] =
    "usage: sekisho train tokenizer --data FILE... --vocabulary N --out FILE.gguf [OPTIONS]\n\n"
    "Learns a vocabulary from files of text (plain or zstd, UTF-8; '-': standard input).\n"
    "  --data FILE         repeatable\n"
    "  --vocabulary N      tokens in all: symbols, bytes, characters and longer pieces\n"
    "  --out FILE.gguf     the vocabulary as a GGUF file without tensors\n"
    "  --model NAME        unigram, or bpe: byte-level BPE\n"
    "  --spm FILE.model    the same for SentencePiece (unigram)\n"
    "  --control TEXT      a token that no text becomes, as <|im_start|>; repeatable\n"
    "  --symbol TEXT       one that this text always becomes; repeatable\n"
    "  --pre NAME          bpe: how words are cut (tokenizer.ggml.pre), qwen2\n"
    "  --coverage X        share of the text's characters that are pieces, 0.9995\n"
    "  --piece-max N       characters of a piece, 16\n"
    "  --no-byte-fallback  unknown characters are <unk>, not bytes\n"
    "  --join-digits       pieces may hold several digits\n"
    "  --nfkc              text in normal form KC: full-width letters as plain ones, half-width\n"
    "                      kana as full ones (unigram)\n"
    "  --memory SIZE       at most so many MB, 1024\n"
    "  --threads N         default: as many as this machine runs at once\n"
    "  --force             the outputs may exist\n";

enum { FILES_MAX = 256 };

struct words {
    const char *files[FILES_MAX], *controls[TOKENS_SYMBOLS_MAX], *users[TOKENS_SYMBOLS_MAX];
    size_t files_len, controls_len, users_len;
    const char *model, *pre, *vocabulary, *out, *spm, *coverage, *piece_max, *memory, *threads;
    bool no_bytes, join_digits, nfkc, force;
};

// ---- the text: all files, line by line ----

struct text {
    const struct words *words;
    size_t next;
    struct lines lines;
    bool open;
};

static enum sk_code text_next(void *self, struct view *part) {
    struct text *text = self;
    *part = (struct view){"", 0};
    while (text->open || text->next < text->words->files_len) {
        if (!text->open) TRY(lines_open(&text->lines, text->words->files[text->next++]));
        text->open = true;
        TRY(lines_next(&text->lines, part));
        if (part->len) return SK_OK;
        lines_close(&text->lines);
        text->open = false;
    }
    return SK_OK;
}

static void tell(void *self, enum tokens_stage stage, uint64_t done, uint64_t of) {
    (void)self;
    if (!isatty(STDERR_FILENO)) return;
    if (stage == TOKENS_READING)
        fprintf(stderr, "\rreading   %10.1f MB", (double)done / 1e6);
    else
        fprintf(stderr, "\rlearning  %10llu, to be %llu ", (unsigned long long)done,
                (unsigned long long)of);
}

// ---- what is written ----

static enum sk_code write_gguf(const struct tokens_made *made, struct output_file *file) {
    struct gguf_writer writer = {0};
    TRY(gguf_writer_open(&writer, (struct gguf_sink){output_put, file}));
    gguf_put_text(&writer, "general.architecture", VIEW("llama"));
    gguf_put_text(&writer, "general.type", VIEW("vocab"));
    enum sk_code code = tokens_put(made, &writer);
    if (code == SK_OK) code = gguf_write_head(&writer);
    if (code == SK_OK) code = gguf_write_end(&writer);
    gguf_writer_close(&writer);
    return code;
}

static enum sk_code learn(const struct words *words, const struct tokens_options *options,
                          struct tokens_made *made) {
    struct text text = {.words = words};
    struct tokens_source source = {text_next, &text};
    struct tokens_watch watch = {tell, NULL};
    enum sk_code code = tokens_make(made, options, &source, &watch);
    if (isatty(STDERR_FILENO)) fprintf(stderr, "\r%48s\r", "");
    lines_close(&text.lines);
    return code;
}

// However it is spelled.
static enum sk_code two_files(const struct output_file *gguf, const struct output_file *spm) {
    struct stat one, other;
    if (fstat(gguf->descriptor, &one) != 0 || fstat(spm->descriptor, &other) != 0 ||
        one.st_dev != other.st_dev || one.st_ino != other.st_ino)
        return SK_OK;
    return FAIL(SK_INPUT, "--out and --spm are one file, %s: give two", spm->path);
}

static enum sk_code outputs_open(const struct words *words, struct output_file *gguf,
                                 struct output_file *spm) {
    TRY(output_open(gguf, words->out, words->force));
    if (!words->spm) return SK_OK;
    TRY(output_open(spm, words->spm, words->force));
    return two_files(gguf, spm);
}

// Outputs are tried before what takes long, and get their names when both are whole.
static enum sk_code make(const struct words *words, struct tokens_options *options) {
    static struct view controls[TOKENS_SYMBOLS_MAX], users[TOKENS_SYMBOLS_MAX];
    struct output_file gguf = {0}, spm = {0};
    struct tokens_made made = {0};
    for (size_t i = 0; i < words->controls_len; i++) controls[i] = view_of(words->controls[i]);
    for (size_t i = 0; i < words->users_len; i++) users[i] = view_of(words->users[i]);
    options->controls = controls;
    options->controls_len = (uint32_t)words->controls_len;
    options->users = users;
    options->users_len = (uint32_t)words->users_len;
    enum sk_code code = outputs_open(words, &gguf, &spm);
    output_close(&gguf);
    output_close(&spm);
    if (code == SK_OK) code = learn(words, options, &made);
    if (code == SK_OK) code = outputs_open(words, &gguf, &spm);
    if (code == SK_OK) code = write_gguf(&made, &gguf);
    if (code == SK_OK && words->spm)
        code = tokens_write_spm(&made, (struct gguf_sink){output_put, &spm});
    if (code == SK_OK) code = output_commit(&gguf);
    if (code == SK_OK && words->spm) code = output_commit(&spm);
    output_close(&gguf);
    output_close(&spm);
    if (code == SK_OK) {
        printf("text        %.1f MB, %llu characters\n", (double)made.bytes / 1e6,
               (unsigned long long)made.characters);
        printf("vocabulary  %u tokens\n", made.len);
        if (made.forgotten)
            printf("memory      of strings that occurred up to %llu times only samples count\n",
                   (unsigned long long)made.forgotten);
    }
    tokens_close(&made);
    return code;
}

// ---- the words ----

static bool number(const char *name, const char *text, uint64_t min, uint64_t max, uint64_t *out) {
    if (!text || cli_number(text, min, max, out)) return true;
    cli_usage(usage, "%s %s: a number from %llu to %llu", name, text, (unsigned long long)min,
              (unsigned long long)max);
    return false;
}

static bool options_of(const struct words *words, struct tokens_options *options) {
    long here = sysconf(_SC_NPROCESSORS_ONLN);
    uint64_t threads = here < 1 ? 1 : here > POOL_THREADS_MAX ? POOL_THREADS_MAX : (uint64_t)here;
    uint64_t vocabulary = 0, piece_max = 16, memory = 1024;
    if (!number("--vocabulary", words->vocabulary, 4, TOKENS_VOCABULARY_MAX, &vocabulary) ||
        !number("--piece-max", words->piece_max, 1, TOKENS_PIECE_MAX, &piece_max) ||
        !number("--memory", words->memory, TOKENS_MEMORY_MIN >> 20, 1 << 20, &memory) ||
        !number("--threads", words->threads, 1, POOL_THREADS_MAX, &threads))
        return false;
    *options = (struct tokens_options){.vocabulary = (uint32_t)vocabulary,
                                       .threads = (uint32_t)threads,
                                       .memory_max = memory << 20,
                                       .piece_max = (uint32_t)piece_max,
                                       .coverage = 0.9995,
                                       .byte_fallback = !words->no_bytes,
                                       .split_digits = !words->join_digits,
                                       .nfkc = words->nfkc};
    bool bpe = words->model && strcmp(words->model, "bpe") == 0;
    if (words->model && !bpe && strcmp(words->model, "unigram") != 0) {
        cli_usage(usage, "--model %s: unigram or bpe", words->model);
        return false;
    }
    bool of_unigram = words->spm || words->coverage || words->piece_max || words->no_bytes ||
                      words->join_digits || words->nfkc;
    if (bpe ? of_unigram : words->pre != NULL) {
        cli_usage(usage, "--model %s goes without %s", bpe ? "bpe" : "unigram",
                  bpe ? "--spm, --coverage, --piece-max, --no-byte-fallback, --join-digits, --nfkc"
                      : "--pre");
        return false;
    }
    options->model = bpe ? TOKENS_BPE : TOKENS_UNIGRAM;
    options->pre = view_of(words->pre ? words->pre : "qwen2");
    char *end = NULL;
    if (words->coverage) options->coverage = strtod(words->coverage, &end);
    if (!words->coverage || (end != words->coverage && *end == 0)) return true;
    cli_usage(usage, "--coverage %s: not a number", words->coverage);
    return false;
}

int cmd_train_tokenizer(int argc, char **argv) {
    static struct words words;
    struct tokens_options options;
    words.files_len = cli_repeated(&argc, argv, "--data", words.files, FILES_MAX);
    words.controls_len =
        cli_repeated(&argc, argv, "--control", words.controls, TOKENS_SYMBOLS_MAX);
    words.users_len = cli_repeated(&argc, argv, "--symbol", words.users, TOKENS_SYMBOLS_MAX);
    const struct cli_option table[] = {{"--model", &words.model, NULL},
                                       {"--pre", &words.pre, NULL},
                                       {"--vocabulary", &words.vocabulary, NULL},
                                       {"--out", &words.out, NULL},
                                       {"--spm", &words.spm, NULL},
                                       {"--coverage", &words.coverage, NULL},
                                       {"--piece-max", &words.piece_max, NULL},
                                       {"--memory", &words.memory, NULL},
                                       {"--threads", &words.threads, NULL},
                                       {"--no-byte-fallback", NULL, &words.no_bytes},
                                       {"--join-digits", NULL, &words.join_digits},
                                       {"--nfkc", NULL, &words.nfkc},
                                       {"--force", NULL, &words.force},
                                       {0}};
    int rest;
    if (!cli_options(argc, argv, usage, table, &rest)) return EXIT_USAGE;
    if (rest) return cli_usage(usage, "what is '%s'?", argv[1]);
    if (!words.files_len || !words.vocabulary || !words.out)
        return cli_usage(usage, "--data, --vocabulary and --out are needed");
    if (words.files_len > FILES_MAX || words.controls_len > TOKENS_SYMBOLS_MAX ||
        words.users_len > TOKENS_SYMBOLS_MAX)
        return cli_usage(usage, "at most %d files, and %d symbols of a kind", FILES_MAX,
                         TOKENS_SYMBOLS_MAX);
    if (!options_of(&words, &options)) return EXIT_USAGE;
    return make(&words, &options) == SK_OK ? EXIT_DONE : cli_failed();
}
