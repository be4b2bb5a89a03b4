// Training files of the default model from named sources (which: models/README.md).
//
//   keigo_data [--all] [--seed N] DATA OUT
//
// Writes into the directory OUT: text-*.txt, general Japanese; *.jsonl, conversations of one
// question and one answer; dev-*, what is held back for measuring: a fifth of KeiCO's topics, of
// the verbs and of the templates. --all holds nothing back. sources.json names each source read,
// with its SHA-256. The same sources and seed give the same bytes.
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "tool.h"

static const char *const sources[] = {
    "aozora-120m.txt.zst",
    "japan-laws-30m.txt.zst",
    "asdc-accommodation-dialogs.txt.zst",
    "asdc-scud-examples.jsonl.zst",
    "tanaka-small-parallel-ja.txt",
    "rurema-doctree.txt",
    "react-ja.txt",
    "keico-train.csv",
    "keico-mined-pairs.tsv",
};

static void digest_of(const char *path, uint8_t digest[HASH_LEN]) {
    static char block[1 << 16];
    struct hash hash;
    size_t n;
    FILE *file = fopen(path, "rb");
    if (!file) give_up(path);
    check(hash_open(&hash));
    hash_begin(&hash);
    while ((n = fread(block, 1, sizeof block, file)) > 0)
        hash_more(&hash, block, n);
    hash_end(&hash, digest);
    hash_close(&hash);
    fclose(file);
}

static void write_sources(struct tool *tool, uint64_t seed) {
    FILE *file = out_open(tool, "sources.json");
    struct json_writer w = json_writer_to(&tool->json);
    buf_reset(&tool->json);
    json_open(&w, '{');
    json_member_u64(&w, "seed", seed);
    json_member_bool(&w, "all", tool->all);
    json_member_u64(&w, "conversations", tool->lines);
    json_name(&w, "sources");
    json_open(&w, '{');
    for (size_t i = 0; i < sizeof sources / sizeof *sources; i++) {
        uint8_t digest[HASH_LEN];
        digest_of(data_path(tool, sources[i]), digest);
        json_member_hex(&w, sources[i], digest, HASH_LEN);
    }
    json_close(&w, '}');
    json_close(&w, '}');
    fwrite(tool->json.at, 1, tool->json.len, file);
    fputc('\n', file);
    out_close(file);
}

int main(int argc, char **argv) {
    static struct tool tool;
    uint64_t seed = 1;
    for (int i = 1; i < argc; i++) {
        if (!strcmp(argv[i], "--all"))
            tool.all = true;
        else if (!strcmp(argv[i], "--seed") && i + 1 < argc)
            seed = strtoull(argv[++i], NULL, 10);
        else if (!tool.data)
            tool.data = argv[i];
        else
            tool.out = argv[i];
    }
    if (!tool.out) give_up("usage: keigo_data [--all] [--seed N] DATA OUT");
    tool.chance = seed;
    check(keigo_open(&tool.reader));
    check(buf_open(&tool.json, 1 << 20));
    tool.words = out_open(&tool, "text-words.txt");
    make_text(&tool);
    make_rewrite(&tool);
    make_keico(&tool);
    make_honour(&tool);
    make_chat(&tool);
    make_scud(&tool);
    make_levels(&tool);
    out_close(tool.words);
    tool.words = NULL; // the vocabulary is learned without what follows
    make_acts(&tool);
    write_sources(&tool, seed);
    buf_close(&tool.json);
    keigo_close(tool.reader);
    return 0;
}
