// `sekisho ledger retention`: what is kept of texts, how long, what is due (docs/backup.md).
#include "cli/cli.h"
#include "cli/cli_archive.h"
#include "cli/cli_size.h"

#include <inttypes.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

static const char usage[] =
    "usage: sekisho ledger retention [--apply] [--json] [--config FILE]\n\n"
    "Shows what is kept of texts, by class and days: records, bytes, those that are due.\n"
    "  --apply  makes what is due unreadable now, and leaves a leaf with the counts. A node that\n"
    "           runs begins to by itself, within a minute\n"
    "  --json   one JSON object\n";

struct applied {
    int64_t erased, bytes, leaf;
};

static enum sk_code read_all(struct cli_archive *archive, int64_t now_s, struct retention *out) {
    char origin[LEDGER_ORIGIN_MAX + 1];
    uint64_t size;
    int directory;
    if (!archive->archive) return FAIL(SK_UNKNOWN, "there is no archive, or no archive key");
    TRY(cli_archive_look(archive, &directory, origin, &size));
    enum sk_code code =
        retention_read(world_real(directory), origin, size, archive->archive, now_s, out);
    close(directory);
    return code;
}

// At most ERASURE_MAX are erased at once: again, until fewer were.
static enum sk_code apply(struct cli_archive *archive, struct applied *out) {
    for (int64_t erased = ERASURE_MAX; erased == ERASURE_MAX;) {
        char storage[64];
        struct buf order = buf_over(storage, sizeof storage);
        const struct json_node *answer;
        int64_t bytes = 0;
        erased = 0;
        buf_put_text(&order, "{\"do\":\"retention\"}");
        TRY(cli_archive_order(archive, &order, &answer));
        json_i64(json_find(answer, "erased"), &erased);
        json_i64(json_find(answer, "erased_bytes"), &bytes);
        json_i64(json_find(answer, "leaf"), &out->leaf);
        out->erased += erased;
        out->bytes += bytes;
    }
    return cli_archive_again(archive);
}

static void date_write(int64_t s, char out[16]) {
    time_t time = (time_t)s;
    struct tm tm;
    strftime(out, 16, "%Y-%m-%d", gmtime_r(&time, &tm));
}

static void print(const struct retention *all, const struct applied *applied) {
    char size[CLI_SIZE_MAX], date[16];
    printf("%-28s %6s %9s %10s %7s  %s\n", "class", "days", "records", "bytes", "due", "next");
    for (size_t i = 0; i < all->len; i++) {
        const struct retention_row *row = &all->rows[i];
        cli_size_write((int64_t)row->bytes, size);
        if (row->next_s == INT64_MAX) snprintf(date, sizeof date, "-");
        else date_write(row->next_s, date);
        printf("%-28s %6" PRIu32 " %9" PRIu64 " %10s %7" PRIu64 "  %s\n",
               row->classes[0] ? row->classes : "(none)", row->days, row->records, size, row->due,
               date);
    }
    if (all->len == 0) printf("nothing is kept\n");
    if (applied->leaf < 0) return;
    cli_size_write(applied->bytes, size);
    printf("erased %" PRId64 " of %s, leaf %" PRId64 "\n", applied->erased, size, applied->leaf);
}

static void row_put(const struct retention_row *row, struct json_writer *w) {
    json_open(w, '{');
    json_member_u64(w, "bytes", row->bytes);
    json_member_text(w, "classes", row->classes);
    json_member_u64(w, "days", row->days);
    json_member_u64(w, "due", row->due);
    if (row->next_s != INT64_MAX) json_member_i64(w, "next_s", row->next_s);
    json_member_u64(w, "records", row->records);
    json_close(w, '}');
}

static enum sk_code print_json(const struct retention *all, const struct applied *applied) {
    struct buf out;
    TRY(buf_open(&out, 1 << 20));
    struct json_writer w = json_writer_to(&out);
    json_open(&w, '{');
    if (applied->leaf >= 0) {
        json_member_i64(&w, "erased", applied->erased);
        json_member_i64(&w, "erased_bytes", applied->bytes);
    }
    json_name(&w, "kept");
    json_open(&w, '[');
    for (size_t i = 0; i < all->len; i++) row_put(&all->rows[i], &w);
    json_close(&w, ']');
    if (applied->leaf >= 0) json_member_i64(&w, "leaf", applied->leaf);
    json_close(&w, '}');
    printf("%.*s\n", (int)out.len, out.at);
    buf_close(&out);
    return SK_OK;
}

int cmd_ledger_retention(int argc, char **argv) {
    static struct conf conf;
    static struct retention all;
    const char *config = NULL;
    bool json = false, now = false;
    const struct cli_option options[] = {
        {"--config", &config, NULL}, {"--apply", NULL, &now}, {"--json", NULL, &json}, {0}};
    struct cli_archive archive = {.directory = -1};
    struct applied applied = {.leaf = -1};
    struct world world = world_real(-1);
    int rest;
    if (!cli_options(argc, argv, usage, options, &rest)) return EXIT_USAGE;
    if (rest != 0) return cli_usage(usage, "no words are needed");
    enum sk_code code = conf_read_file(config, &conf);
    if (code == SK_OK) code = cli_archive_open(&conf, &archive);
    if (code == SK_OK && now) code = apply(&archive, &applied);
    if (code == SK_OK) code = read_all(&archive, world.clock_ms(world.self) / 1000, &all);
    if (code == SK_OK && json) code = print_json(&all, &applied);
    if (code == SK_OK && !json) print(&all, &applied);
    return cli_archive_end(&archive, code);
}
