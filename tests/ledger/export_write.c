// Writes a log into a node's data directory, with its key, as if the node had:
//   export_write LOG KEY SEEN entries…
// LOG is the log directory, KEY the signing key's file, each number one batch; the checkpoint after
// each batch is put into SEEN/<size>, as somebody who looked then would have kept it.
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/text.h"
#include "ledger/ledger.h"

static void hope(enum sk_code code) {
    if (code == SK_OK) return;
    fprintf(stderr, "export_write: %s\n", fail_text());
    exit(1);
}

static void file_write(const char *directory, uint64_t size, struct view bytes) {
    char path[4096];
    (void)snprintf(path, sizeof path, "%s/%llu", directory, (unsigned long long)size);
    FILE *file = fopen(path, "wb");
    if (!file || fwrite(bytes.at, 1, bytes.len, file) != bytes.len || fclose(file) != 0)
        hope(FAIL(SK_IO, "%s", path));
}

// The shortest and the longest among them.
static void entry_put(struct ledger *ledger, uint64_t n) {
    static char storage[LEDGER_LEAF_MAX];
    struct buf leaf = buf_over(storage, sizeof storage);
    uint64_t index;
    size_t pad = n % 1000 == 999 ? LEDGER_LEAF_MAX - 40 : (size_t)(n * 37 % 500);
    buf_print(&leaf, "{\"n\":%llu,\"pad\":\"", (unsigned long long)n);
    for (size_t i = 0; i < pad; i++) buf_put_char(&leaf, (char)('a' + (n + i) % 26));
    buf_put_text(&leaf, "\",\"type\":\"test\"}");
    hope(buf_check(&leaf, "leaf"));
    hope(ledger_append(ledger, buf_view(&leaf), &index));
}

int main(int argc, char **argv) {
    static struct signer signer;
    char text[SKEY_TEXT_MAX];
    if (argc < 5) return 2;
    int directory = open(argv[1], O_RDONLY | O_DIRECTORY), key = open(argv[2], O_RDONLY);
    ssize_t len = key >= 0 ? read(key, text, sizeof text) : -1;
    if (directory < 0 || len < 0) hope(FAIL(SK_IO, "%s, %s", argv[1], argv[2]));
    hope(skey_read((struct view){text, (size_t)len}, &signer));
    struct ledger *ledger;
    struct ledger_found found;
    struct ledger_options options = {
        .origin = signer.name.name, .key = &signer.key, .segment_max = 1 << 20};
    hope(ledger_open(&ledger, world_real(directory), options, &found));
    for (int i = 4; i < argc; i++) {
        uint64_t entries;
        if (!decimal_take(view_of(argv[i]), &entries)) return 2;
        for (; entries > 0; entries--) {
            entry_put(ledger, found.size++);
            if (found.size % LEDGER_BATCH_MAX == 0) hope(ledger_commit(ledger));
        }
        hope(ledger_commit(ledger));
        file_write(argv[3], ledger_size(ledger), ledger_checkpoint(ledger));
    }
    ledger_close(ledger);
    sign_fini(&signer.key);
    return 0;
}
