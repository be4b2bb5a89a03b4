// `sekisho ledger forecast`: when the disk is full (docs/backup.md).
#include "cli/cli.h"
#include "cli/cli_archive.h"
#include "cli/cli_size.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <time.h>
#include <unistd.h>

static const char usage[] =
    "usage: sekisho ledger forecast [--reserve SIZE] [--json] [--dry-run] [--config FILE]\n\n"
    "Says how fast the log and the texts that are kept grow, by the times in its leaves, and in\n"
    "how many days the disk is full, by the span in which they grew fastest. Leaves a leaf with\n"
    "these figures. The node may run.\n"
    "  --reserve SIZE  bytes that shall stay free, like 10GiB; default: 1GiB\n"
    "  --json          one JSON object\n"
    "  --dry-run       leaves no leaf\n";

// What the archive takes of the disk, also where its key is not here.
static enum sk_code kept_bytes(int directory, uint64_t *bytes) {
    int copy = openat(directory, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *list = copy >= 0 ? fdopendir(copy) : NULL;
    struct stat info;
    if (!list) return FAIL(SK_IO, "log directory: %s", strerror(errno));
    for (const struct dirent *one; (one = readdir(list));)
        if (strncmp(one->d_name, "kept.", 5) == 0 &&
            fstatat(directory, one->d_name, &info, AT_SYMLINK_NOFOLLOW) == 0)
            *bytes += (uint64_t)info.st_size;
    closedir(list);
    return SK_OK;
}

static enum sk_code measure(struct cli_archive *archive, struct forecast *out) {
    struct statvfs disk;
    uint64_t reserve = out->reserve, size;
    char origin[LEDGER_ORIGIN_MAX + 1];
    int directory;
    TRY(cli_archive_look(archive, &directory, origin, &size));
    struct world world = world_real(directory);
    enum sk_code code = forecast_read(world, origin, size, archive->archive, out);
    out->reserve = reserve;
    if (code == SK_OK) code = kept_bytes(directory, &out->kept.bytes);
    if (code == SK_OK && fstatvfs(directory, &disk) != 0)
        code = FAIL(SK_IO, "%s: %s", archive->path, strerror(errno));
    close(directory);
    if (code == SK_OK) out->free = (uint64_t)disk.f_bavail * disk.f_frsize;
    return code;
}

// ---- on paper ----

static void part_print(const char *name, const struct forecast_part *part) {
    char text[1 + FORECAST_SPANS][CLI_SIZE_MAX];
    cli_size_write((int64_t)part->bytes, text[0]);
    for (size_t i = 0; i < FORECAST_SPANS; i++) cli_size_write(part->a_day[i], text[i + 1]);
    printf("%-11s %10s   %10s %10s %10s\n", name, text[0], text[1], text[2], text[3]);
}

static void days_print(const struct forecast *forecast, const char *what, uint64_t left) {
    uint64_t days;
    if (forecast_days(forecast, left, &days)) printf("%-11s %10" PRIu64 " days\n", what, days);
    else printf("%-11s %10s\n", what, "never");
}

static void print(const struct forecast *forecast) {
    char free_text[CLI_SIZE_MAX], reserve[CLI_SIZE_MAX], date[32];
    struct forecast_part both = {.bytes = forecast->log.bytes + forecast->kept.bytes};
    struct tm tm;
    time_t s = (time_t)(forecast->time_ms / 1000);
    for (size_t i = 0; i < FORECAST_SPANS; i++)
        both.a_day[i] = forecast->log.a_day[i] + forecast->kept.a_day[i];
    strftime(date, sizeof date, "%Y-%m-%d %H:%M UTC", gmtime_r(&s, &tm));
    cli_size_write((int64_t)forecast->free, free_text);
    cli_size_write((int64_t)forecast->reserve, reserve);
    printf("%" PRIu64 " leaves, the newest of %s\n\n", forecast->size, date);
    printf("%-11s %10s   %10s %10s %10s\n", "", "now", "a day: day", "week", "month");
    part_print("log", &forecast->log);
    part_print("kept texts", &forecast->kept);
    part_print("both", &both);
    printf("\n%-11s %10s\n%-11s %10s\n", "free", free_text, "reserve", reserve);
    days_print(forecast, "full in", 0);
    days_print(forecast, "reserve in", forecast->reserve);
}

static void print_json(const struct forecast *forecast, int64_t leaf) {
    char storage[2048];
    struct buf out = buf_over(storage, sizeof storage);
    struct json_writer w = json_writer_to(&out);
    json_open(&w, '{');
    forecast_put(forecast, &w);
    if (leaf >= 0) json_member_i64(&w, "leaf", leaf);
    json_member_i64(&w, "time_ms", forecast->time_ms);
    json_close(&w, '}');
    printf("%.*s\n", (int)out.len, out.at);
}

int cmd_ledger_forecast(int argc, char **argv) {
    static struct conf conf;
    static char storage[2048];
    const char *config = NULL, *reserve = NULL;
    bool json = false, dry = false;
    const struct cli_option options[] = {{"--config", &config, NULL}, {"--reserve", &reserve, NULL},
                                         {"--json", NULL, &json},     {"--dry-run", NULL, &dry},
                                         {0}};
    struct forecast forecast = {.reserve = 1 << 30};
    struct cli_archive archive = {.directory = -1};
    struct buf order = buf_over(storage, sizeof storage);
    int64_t leaf = -1;
    int rest;
    if (!cli_options(argc, argv, usage, options, &rest)) return EXIT_USAGE;
    if (rest != 0 || (reserve && !cli_size_take(reserve, &forecast.reserve)))
        return cli_usage(usage, "--reserve: a size, like 10GiB");
    enum sk_code code = conf_read_file(config, &conf);
    if (code == SK_OK) code = cli_archive_open(&conf, &archive);
    if (code == SK_OK) code = measure(&archive, &forecast);
    upkeep_forecast_put(&forecast, &order);
    if (code == SK_OK && !dry) code = cli_archive_record(&archive, &order, &leaf);
    if (code == SK_OK && json) print_json(&forecast, leaf);
    if (code == SK_OK && !json) print(&forecast);
    if (code == SK_OK && !json && leaf >= 0) printf("%-11s %10" PRId64 "\n", "leaf", leaf);
    return cli_archive_end(&archive, code);
}
