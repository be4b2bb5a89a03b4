#include "base/log.h"
#include "base/text.h"
#include "base/utf8.h"
#include "node/files.h"
#include "node/parent_parts.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

void parent_vkey_path(const struct conf *conf, char out[PARENT_PATH_MAX]) {
    snprintf(out, PARENT_PATH_MAX, "%s/keys/log.vkey", conf->data);
}
void parent_ledger_path(const struct conf *conf, char out[PARENT_PATH_MAX]) {
    snprintf(out, PARENT_PATH_MAX, "%s/ledger", conf->data);
}

void parent_digests_path(const struct conf *conf, char out[PARENT_PATH_MAX]) {
    snprintf(out, PARENT_PATH_MAX, "%s/digests", conf->data);
}

// The ledger room inherits this very descriptor, so the lock outlives a killed parent until that
// room is gone too: a new node never meets a second writer.
static enum sk_code lock_directory(struct parent *parent, const char *path) {
    enum { TRIES = 100, WAIT_US = 50000 };
    struct stat mine, named;
    int tries = 0;
    while (flock(parent->directory, LOCK_EX | LOCK_NB) != 0) {
        if (++tries == TRIES) return FAIL(SK_BUSY, "another node runs on %s", parent->conf->data);
        usleep(WAIT_US);
    }
    if (fstat(parent->directory, &mine) == 0 && stat(path, &named) == 0 &&
        mine.st_dev == named.st_dev && mine.st_ino == named.st_ino)
        return SK_OK;
    return FAIL(SK_BUSY, "%s: a command moved it meanwhile: start again", path);
}

static enum sk_code open_keys(struct parent *parent) {
    char path[KEY_PATH_MAX];
    enum sk_code code = key_open(parent->conf, KEY_LOG, path, &parent->keys[KEY_LOG]);
    if (code == SK_UNKNOWN) return fail_within(code, "signing key (`sekisho init` makes it)");
    TRY(code);
    log_line(LOG_INFO, "key", "file=\"%s\"", path);
    for (int i = KEY_NEXT; i < KEYS_SENT; i++) {
        code = key_open(parent->conf, (enum key_file)i, NULL, &parent->keys[i]);
        if (code != SK_OK && code != SK_UNKNOWN) return code;
    }
    code = key_open(parent->conf, KEY_ARCHIVE, NULL, &parent->archive_key);
    return code == SK_UNKNOWN ? SK_OK : code;
}

// Root gives the log to the ledger room's uid, files of an earlier owner included.
static enum sk_code own_directory(struct parent *parent) {
    uid_t uid = cage_uid(CAGE_LEDGER);
    if (geteuid() != 0 || !cage_supported()) return SK_OK;
    int fd = openat(parent->directory, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *list = fd >= 0 ? fdopendir(fd) : NULL;
    if (!list || fchown(fd, uid, uid) != 0)
        return FAIL(SK_DENIED, "ledger directory: %s", strerror(errno));
    enum sk_code code = SK_OK;
    for (const struct dirent *one; (one = readdir(list));)
        if (files_regular(fd, one->d_name) &&
            fchownat(fd, one->d_name, uid, uid, AT_SYMLINK_NOFOLLOW) != 0)
            code = FAIL(SK_DENIED, "ledger %s: %s", one->d_name, strerror(errno));
    closedir(list);
    return code;
}

static enum sk_code open_directory(struct parent *parent) {
    char path[PARENT_PATH_MAX];
    parent_ledger_path(parent->conf, path);
    TRY(files_directory(path));
    parent->directory = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (parent->directory < 0) return FAIL(SK_DENIED, "%s: %s", path, strerror(errno));
    TRY(lock_directory(parent, path));
    return own_directory(parent);
}

static void digest_progress(uint64_t done, uint64_t all) {
    static int last = -1;
    int percent = all ? (int)(done * 100 / all) : 100;
    if (all < 256u << 20 || percent == last || !isatty(STDERR_FILENO)) return;
    last = percent;
    fprintf(stderr, "\rchecking the model file %3d%%%s", percent, percent == 100 ? "\n" : "");
}

// One that is refused does not load, and says why to who asks for it: it keeps no node from
// starting but when it is the first.
static void check_lineage(struct parent *parent, const struct conf_model *model) {
    uint32_t index = parent->models_len - 1;
    struct parent_lineage *lineage = &parent->lineages[index];
    if (lineage_check(parent->conf, model, &parent->models[index], &lineage->of) == SK_OK) return;
    struct view why = view_of(fail_text()); // paths are in it; its readers take UTF-8 only
    if (why.len > LINEAGE_TEXT_MAX) why.len = LINEAGE_TEXT_MAX;
    why.len -= utf8_tail(why);
    if (!utf8_check(why)) why = VIEW("its signature is refused: sekisho doctor says why");
    snprintf(lineage->refused, sizeof lineage->refused, "%.*s", (int)why.len, why.at);
    log_line(LOG_ERROR, "model", "id=\"%s\" refused=\"%s\"", model->id, lineage->refused);
}

static enum sk_code open_model(struct parent *parent, const struct conf_model *model,
                               struct digests *digests) {
    struct weights *weights = &parent->models[parent->models_len];
    if (!model->file[0])
        return FAIL(SK_INPUT, "it has no file: `sekisho model add FILE` sets one");
    TRY(weights_open(weights, model->file));
    parent->models_len++;
    TRY(weights_check(weights, digests, parent->options.check, digest_progress));
    log_line(LOG_INFO, "model", "id=\"%s\" files=%u bytes=%llu digest=%s", model->id, weights->len,
             (unsigned long long)weights->bytes, weights->cached ? "cached" : "read");
    check_lineage(parent, model);
    return SK_OK;
}

// Those of a model that is refused.
static void refuse_adapters(struct parent *parent) {
    for (uint32_t i = 0; i < parent->models_len; i++) {
        const char *why = parent->lineages[conf_model_base(parent->conf, i)].refused;
        char *to = parent->lineages[i].refused;
        if (why[0] && !to[0]) memcpy(to, why, sizeof parent->lineages->refused);
    }
}

// The cache saves time; without it every file is read.
static enum sk_code open_models(struct parent *parent) {
    static struct digests digests;
    char path[PARENT_PATH_MAX];
    parent_digests_path(parent->conf, path);
    digests_read(path, &digests);
    for (uint32_t i = 0; i < parent->conf->models_len; i++) {
        const struct conf_model *model = &parent->conf->models[i];
        enum sk_code code = open_model(parent, model, &digests);
        if (code != SK_OK) return fail_within(code, "model %s", model->id);
    }
    refuse_adapters(parent);
    if (digests_write(path, &digests) != SK_OK)
        log_line(LOG_WARN, "digests", "kept=no text=\"%s\"", fail_text());
    return SK_OK;
}

// The runtime is what computes: the engine's executable.
static enum sk_code open_runtime(struct parent *parent) {
    TRY(files_libexec(parent->libexec, sizeof parent->libexec));
    char path[CONF_PATH_MAX + 16];
    snprintf(path, sizeof path, "%s/engine", parent->libexec);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) return FAIL(SK_UNKNOWN, "%s: %s", path, strerror(errno));
    enum sk_code code = files_digest(fd, parent->runtime_digest, NULL);
    close(fd);
    return code;
}

static enum sk_code bind_first(struct parent *parent, const struct addrinfo *at) {
    int on = 1;
    parent->listener = socket(at->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (parent->listener < 0) return FAIL(SK_IO, "socket: %s", strerror(errno));
    setsockopt(parent->listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (bind(parent->listener, at->ai_addr, at->ai_addrlen) != 0 ||
        listen(parent->listener, SOMAXCONN) != 0) {
        const char *fix = errno == EADDRINUSE ? ": stop the other program or set listen" : "";
        return FAIL(SK_BUSY, "listen %s: %s%s", parent->conf->listen, strerror(errno), fix);
    }
    struct sockaddr_storage bound;
    socklen_t len = sizeof bound;
    char port[8];
    if (getsockname(parent->listener, (struct sockaddr *)&bound, &len) != 0 ||
        getnameinfo((struct sockaddr *)&bound, len, NULL, 0, port, sizeof port, NI_NUMERICSERV))
        return FAIL(SK_IO, "listen %s: no port", parent->conf->listen);
    uint64_t number;
    must(decimal_take(view_of(port), &number));
    parent->port = (uint16_t)number;
    return SK_OK;
}

static enum sk_code open_listener(struct parent *parent) {
    char host[64], service[8];
    uint16_t port;
    TRY(conf_listen(parent->conf, host, &port));
    snprintf(service, sizeof service, "%u", port);
    struct addrinfo hints = {.ai_flags = AI_NUMERICHOST | AI_PASSIVE, .ai_socktype = SOCK_STREAM};
    struct addrinfo *list;
    int error = getaddrinfo(host, service, &hints, &list);
    if (error)
        return FAIL(SK_INPUT, "listen %s: %s (a numeric address is needed)", parent->conf->listen,
                    gai_strerror(error));
    enum sk_code code = bind_first(parent, list);
    freeaddrinfo(list);
    return code;
}

// Split models are many files: more than the soft limit that is usual, 1024.
static void raise_files(void) {
    enum { FILES_MAX = 8192 };
    struct rlimit files;
    if (getrlimit(RLIMIT_NOFILE, &files) != 0) return;
    files.rlim_cur = files.rlim_max < FILES_MAX ? files.rlim_max : FILES_MAX;
    setrlimit(RLIMIT_NOFILE, &files);
}

static void fort_told(void *self, int descriptor, unsigned events) {
    struct parent *parent = self;
    (void)descriptor, (void)events;
    fort_event(&parent->fort);
}

enum sk_code parent_open(struct parent *parent) {
    static const enum room always[] = {ROOM_GATE, ROOM_BORDER, ROOM_ENGINE, ROOM_LEDGER};
    raise_files();
    for (size_t i = 0; i < sizeof always / sizeof *always; i++) parent->wanted[always[i]] = true;
    parent->listener = parent->directory = parent->signals = -1;
    for (int i = 0; i < KEYS_SENT; i++) parent->keys[i] = -1;
    parent->archive_key = -1;
    for (int i = 0; i < ROOM_COUNT; i++) {
        parent->children[i].pidfd = -1;
        parent->children[i].link.socket = -1;
    }
    TRY(open_keys(parent));
    TRY(open_directory(parent));
    TRY(open_listener(parent));
    TRY(open_runtime(parent));
    TRY(parent_policy_open(parent));
    parent->wanted[ROOM_FERRY] = parent->wanted[ROOM_DIAL] = parent_places_any(parent->policy);
    TRY(open_models(parent));
    TRY(loop_open(&parent->loop));
    fort_open(&parent->fort, parent->conf->data);
    int events = fort_events(&parent->fort);
    struct loop_watch watch = {events, LOOP_READ, fort_told, parent};
    return events < 0 ? SK_OK : loop_add(&parent->loop, watch);
}

void parent_close(struct parent *parent) {
    int descriptors[] = {parent->listener, parent->directory, parent->signals, parent->archive_key};
    for (size_t i = 0; i < sizeof descriptors / sizeof *descriptors; i++)
        if (descriptors[i] >= 0) close(descriptors[i]);
    for (int i = 0; i < KEYS_SENT; i++)
        if (parent->keys[i] >= 0) close(parent->keys[i]);
    for (uint32_t i = 0; i < parent->models_len; i++) weights_close(&parent->models[i]);
    fort_close(&parent->fort);
    loop_close(&parent->loop);
}
