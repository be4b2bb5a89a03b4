#include "cli/cli_archive.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/text.h"
#include "cli/cli.h"
#include "node/files.h"
#include "node/parent.h"

enum {
    WAIT_MS = 600000, // for the node's answer: a large archive is gone through in steps
    STEP_MS = 50,
    ARENA = 64 << 20,
    TRIES = 5, // to read while the node writes its keys anew
};

// ---- while no node runs ----

enum sk_code cli_archive_grows(struct cli_archive *archive) {
    return archive->running ? SK_OK : cli_log_goes_on(&archive->log);
}

static enum sk_code seal(void *self, struct view leaf, uint64_t *index) {
    struct cli_archive *archive = self;
    *index = ledger_size(archive->log.ledger);
    return cli_log_append(&archive->log, leaf);
}

static uint64_t close_of(void *self, uint64_t open) {
    const struct cli_archive *archive = self;
    bool known = open < archive->closes_len && archive->closes[open];
    return known ? archive->closes[open] : UINT64_MAX;
}

static void close_keep(struct cli_archive *archive, const struct json_node *leaf, uint64_t index) {
    int64_t open;
    if (!json_is_text(json_find(leaf, "type"), "close") ||
        !json_i64(json_find(leaf, "open"), &open) || open < 0 || (uint64_t)open >= index)
        return;
    if (!archive->closes[open]) archive->closes[open] = index;
}

// One walk over the log: what was erased, and which leaf closes which.
static enum sk_code recall(struct cli_archive *archive) {
    static struct erasure erasure;
    static char storage[LEDGER_LEAF_MAX];
    uint64_t len = ledger_size(archive->log.ledger);
    archive->closes = calloc((size_t)len + 1, sizeof *archive->closes);
    if (!archive->closes)
        return FAIL(SK_LIMIT, "no memory for the index of %llu leaves", (unsigned long long)len);
    archive->closes_len = len;
    for (uint64_t i = 0; i < len; i++) {
        struct buf leaf = buf_over(storage, sizeof storage);
        const struct json_node *root;
        TRY(ledger_leaf(archive->log.ledger, i, &leaf));
        arena_reset(&archive->log_arena);
        TRY(json_parse(leaf.at, leaf.len, &archive->log_arena, &root));
        close_keep(archive, root, i);
        enum sk_code code = erasure_read(root, &erasure);
        if (code == SK_OK) code = erasures_add(&archive->erasures, &erasure, i);
        if (code != SK_OK && code != SK_UNKNOWN) return code;
    }
    return SK_OK;
}

static enum sk_code log_open(struct cli_archive *archive) {
    struct stat info;
    if (stat(archive->path, &info) != 0)
        return FAIL(SK_UNKNOWN, "%s: %s", archive->path, strerror(errno));
    TRY(signer_open(&archive->memory));
    TRY(signer_read(archive->conf, KEY_LOG, archive->memory, NULL));
    enum sk_code code =
        cli_log_open(archive->path, &archive->memory->signer[KEY_LOG], &archive->log);
    archive->running = code == SK_BUSY;
    if (code != SK_OK) archive->log.ledger = NULL;
    if (code != SK_OK) return archive->running ? SK_OK : code;
    TRY(cli_log_sign(&archive->log, archive->conf, archive->memory));
    archive->hands = (struct order_hands){.ledger = archive->log.ledger,
                                          .erasures = &archive->erasures,
                                          .self = archive,
                                          .seal = seal,
                                          .close_of = close_of};
    return recall(archive);
}

// ---- the archive itself ----

enum sk_code cli_archive_key(const struct conf *conf, enum key_file which,
                             uint8_t key[SECRET_KEY_LEN], char path[KEY_PATH_MAX]) {
    char text[2 * SECRET_KEY_LEN + 2];
    int descriptor;
    TRY(key_open(conf, which, path, &descriptor));
    ssize_t n = pread(descriptor, text, sizeof text, 0);
    close(descriptor);
    struct view digits = {text, n > 0 ? (size_t)n : 0};
    if (digits.len && digits.at[digits.len - 1] == '\n') digits.len--;
    bool good = hex_take(digits, key, SECRET_KEY_LEN);
    explicit_bzero(text, sizeof text);
    return good ? SK_OK : FAIL(SK_INPUT, "%s: not 64 hex digits", path);
}

enum sk_code cli_archive_key_make(const struct conf *conf, const char *path) {
    char text[2 * SECRET_KEY_LEN + 1];
    uint8_t key[SECRET_KEY_LEN];
    struct buf digits = buf_over(text, sizeof text);
    struct world world = world_real(-1);
    TRY(world.random(world.self, key, sizeof key));
    hex_put(&digits, key, sizeof key);
    buf_put_char(&digits, '\n');
    enum sk_code code = signer_file_make(conf, path, buf_view(&digits), 0400);
    explicit_bzero(key, sizeof key);
    explicit_bzero(text, sizeof text);
    return code;
}

// A node that writes its keys anew is not waited for: what is read then is read again.
static enum sk_code look(struct cli_archive *archive, const uint8_t key[SECRET_KEY_LEN]) {
    struct archive_found found;
    enum sk_code code = SK_OK;
    int directory = open(archive->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (directory < 0) return FAIL(SK_DENIED, "%s: %s", archive->path, strerror(errno));
    archive->directory = directory;
    for (int i = 0; i < TRIES; i++) {
        code = archive_open(&archive->archive, world_real(directory), key, archive->running,
                            &found);
        if (code == SK_OK || !archive->running) break;
        usleep(STEP_MS * 1000);
    }
    return code;
}

static enum sk_code archive_begin(struct cli_archive *archive) {
    uint8_t key[SECRET_KEY_LEN];
    char path[KEY_PATH_MAX];
    enum sk_code code = cli_archive_key(archive->conf, KEY_ARCHIVE, key, path);
    if (code == SK_UNKNOWN) return SK_OK;
    if (code == SK_OK) code = look(archive, key);
    explicit_bzero(key, sizeof key);
    if (code == SK_UNKNOWN) return SK_OK;
    if (code != SK_OK || archive->running) return code;
    archive->hands.archive = archive->archive;
    return order_resume(&archive->hands);
}

enum sk_code cli_archive_log(const struct conf *conf, struct cli_archive *out) {
    *out = (struct cli_archive){.conf = conf, .directory = -1};
    parent_ledger_path(conf, out->path);
    TRY(arena_open(&out->arena, "answer", ARENA));
    TRY(arena_open(&out->log_arena, "leaf", 1 << 20));
    TRY(buf_open(&out->answer, ORDER_ANSWER_MAX));
    return log_open(out);
}

enum sk_code cli_archive_open(const struct conf *conf, struct cli_archive *out) {
    TRY(cli_archive_log(conf, out));
    return archive_begin(out);
}

enum sk_code cli_archive_again(struct cli_archive *archive) {
    if (!archive->running) return SK_OK; // it was carried out here
    archive_close(archive->archive);
    archive->archive = NULL;
    if (archive->directory >= 0) close(archive->directory);
    archive->directory = -1;
    return archive_begin(archive);
}

enum sk_code cli_archive_close(struct cli_archive *archive) {
    archive_close(archive->archive);
    erasures_close(&archive->erasures);
    free(archive->closes);
    enum sk_code code = archive->log.ledger ? cli_log_close(&archive->log) : SK_OK;
    if (archive->directory >= 0) close(archive->directory);
    signer_close(archive->memory);
    buf_close(&archive->answer);
    arena_close(&archive->log_arena);
    arena_close(&archive->arena);
    return code;
}

int cli_archive_end(struct cli_archive *archive, enum sk_code code) {
    enum sk_code closed = SK_OK;
    int status = code == SK_OK ? EXIT_DONE : cli_failed(); // its words, before others come
    if (archive->arena.base) closed = cli_archive_close(archive);
    if (code == SK_OK && closed != SK_OK) status = cli_failed();
    return status;
}

// ---- orders ----

static enum sk_code order_place(const char *directory, const char *order, struct view text) {
    char fresh[PARENT_PATH_MAX + 64];
    struct stat info;
    if (access(order, F_OK) == 0)
        return FAIL(SK_BUSY, "%s: the node has the order of a command that was killed", order);
    snprintf(fresh, sizeof fresh, "%s.%d", order, (int)getpid());
    TRY(files_create(fresh, text, 0600));
    enum sk_code code = SK_OK;
    if (geteuid() == 0 &&
        (stat(directory, &info) != 0 || lchown(fresh, info.st_uid, info.st_gid) != 0))
        code = FAIL(SK_DENIED, "%s: %s", fresh, strerror(errno));
    if (code == SK_OK && rename(fresh, order) != 0)
        code = FAIL(SK_IO, "%s: %s", order, strerror(errno));
    if (code != SK_OK) unlink(fresh);
    return code;
}

// The node looks once a second, and takes the order away after it was answered.
static enum sk_code order_wait(struct cli_archive *archive, struct view text) {
    char order[sizeof archive->path + 16], done[sizeof archive->path + 16];
    snprintf(order, sizeof order, "%s/%s", archive->path, ORDER_FILE);
    snprintf(done, sizeof done, "%s/%s", archive->path, ORDER_ANSWER);
    unlink(done); // nobody waited for it
    TRY(order_place(archive->path, order, text));
    for (int waited = 0; waited < WAIT_MS && access(order, F_OK) == 0; waited += STEP_MS)
        usleep(STEP_MS * 1000);
    bool late = unlink(order) == 0;
    enum sk_code code = files_read(done, &archive->answer);
    unlink(done);
    if (code != SK_UNKNOWN) return code;
    return late ? FAIL(SK_BUSY, "the node did not answer within %d s", WAIT_MS / 1000)
                : FAIL(SK_IO, "the node took the order and could not answer: its log says why");
}

// One command after the other: no link(2), which not every file system has, is needed then.
static enum sk_code order_ask(struct cli_archive *archive, struct view text) {
    const char *data = archive->conf->data;
    int lock = open(data, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (lock < 0) return FAIL(SK_DENIED, "%s: %s", data, strerror(errno));
    enum sk_code code = flock(lock, LOCK_EX) == 0 ? order_wait(archive, text)
                                                  : FAIL(SK_IO, "%s: %s", data, strerror(errno));
    close(lock);
    return code;
}

enum sk_code cli_archive_order(struct cli_archive *archive, struct buf *order,
                               const struct json_node **root) {
    TRY(buf_check(order, "order"));
    buf_reset(&archive->answer);
    arena_reset(&archive->arena);
    archive->hands.now_ms = cli_log_now_ms();
    if (archive->running)
        TRY(order_ask(archive, buf_view(order)));
    else
        TRY(order_run(&archive->hands, order, &archive->arena, &archive->answer));
    char *copy = arena_text(&archive->arena, buf_view(&archive->answer)); // parsing changes it
    if (!copy) return SK_LIMIT;
    TRY(json_parse(copy, archive->answer.len, &archive->arena, root));
    const struct json_node *error = json_find(*root, "error");
    if (!json_is(error, JSON_STRING)) return SK_OK;
    return FAIL(SK_INPUT, "%.*s", (int)error->len, error->at);
}

enum sk_code cli_archive_record(struct cli_archive *archive, struct buf *order, int64_t *leaf) {
    const struct json_node *answer;
    TRY(cli_archive_order(archive, order, &answer));
    if (json_i64(json_find(answer, "leaf"), leaf)) return SK_OK;
    return FAIL(SK_CORRUPT, "the answer names no leaf");
}

enum sk_code cli_archive_look(const struct cli_archive *archive, int *directory,
                              char origin[LEDGER_ORIGIN_MAX + 1], uint64_t *size) {
    char path[sizeof archive->path + 16], storage[LEDGER_NOTE_MAX];
    struct buf note = buf_over(storage, sizeof storage);
    struct checkpoint released;
    snprintf(path, sizeof path, "%s/released", archive->path);
    TRY(files_read(path, &note));
    TRY(checkpoint_of(buf_view(&note), &released));
    if (released.origin.len > LEDGER_ORIGIN_MAX) return FAIL(SK_CORRUPT, "%s: its origin", path);
    memcpy(origin, released.origin.at, released.origin.len);
    origin[released.origin.len] = 0;
    *size = released.size;
    *directory = open(archive->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (*directory >= 0) return SK_OK;
    return FAIL(SK_DENIED, "%s: %s", archive->path, strerror(errno));
}

enum sk_code cli_archive_read(struct cli_archive *archive, uint64_t open, struct buf *out) {
    if (archive->archive) return archive_get(archive->archive, open, out);
    return FAIL(SK_UNKNOWN, "there is no archive, or no archive key");
}
