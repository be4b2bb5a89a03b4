#include "base/log.h"
#include "border/border.h"
#include "node/files.h"
#include "node/parent_parts.h"
#include "node/sealed.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <unistd.h>

// The edges besides parent–each. A room's row names the peers it shares one with.
static const enum room edges[][2] = {
    {ROOM_GATE, ROOM_BORDER},
    {ROOM_BORDER, ROOM_ENGINE},
    {ROOM_BORDER, ROOM_LEDGER},
    {ROOM_BORDER, ROOM_FERRY},
    {ROOM_FERRY, ROOM_DIAL},
};
enum { EDGES = sizeof edges / sizeof *edges };

void parent_notify(const char *text) {
    const char *path = getenv("NOTIFY_SOCKET");
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    if (!path || strlen(path) >= sizeof address.sun_path) return;
    memcpy(address.sun_path, path, strlen(path));
    if (path[0] == '@') address.sun_path[0] = 0;
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd < 0) return;
    socklen_t len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + strlen(path));
    sendto(fd, text, strlen(text), MSG_NOSIGNAL, (struct sockaddr *)&address, len);
    close(fd);
}

// In the child: link on 3, the log directory on 4 for the ledger, everything else closed.
_Noreturn static void child_exec(struct parent *parent, enum room room, int program, int socket) {
    int directory = room == ROOM_LEDGER ? parent->directory : -1;
    int null = open("/dev/null", O_RDWR | O_CLOEXEC);
    // Lifted above the fixed numbers first, so that no dup2 overwrites another's source.
    int high_program = fcntl(program, F_DUPFD_CLOEXEC, 10);
    int high_socket = fcntl(socket, F_DUPFD_CLOEXEC, 10);
    int high_directory = directory >= 0 ? fcntl(directory, F_DUPFD_CLOEXEC, 10) : -1;
    if (null < 0 || high_program < 0 || high_socket < 0) _exit(127);
    dup2(null, STDIN_FILENO);
    dup2(null, STDOUT_FILENO);
    dup2(high_socket, 3);
    if (high_directory >= 0) dup2(high_directory, 4);
    else close(4);
    for (unsigned fd = 5; fd < 10; fd++) close((int)fd);
    fort_join(&parent->fort);
    setpgid(0, 0); // Ctrl-C is for the parent, which drains; it must not hit the rooms
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    // The environment stays with the parent: a room is told what it needs.
    char ports[CAGE_PORTS_MAX][8], *arguments[CAGE_PORTS_MAX + 2] = {NULL};
    arguments[0] = (char *)(uintptr_t)room_name(room);
    for (uint32_t i = 0; room == ROOM_DIAL && i < parent->ports_len; i++) {
        snprintf(ports[i], sizeof ports[i], "%u", parent->ports[i]);
        arguments[i + 1] = ports[i];
    }
    char *const environment[] = {NULL};
    syscall(SYS_close_range, 10u, ~0u, 4u /* CLOSE_RANGE_CLOEXEC */);
    fexecve(high_program, arguments, environment);
    _exit(127);
}

enum sk_code parent_spawn(struct parent *parent, enum room room) {
    struct child *child = &parent->children[room];
    char path[CONF_PATH_MAX + 16];
    if (room == ROOM_DIAL) parent->ports_len = parent_places_ports(parent->policy, parent->ports);
    snprintf(path, sizeof path, "%s/%s", parent->libexec, room_name(room));
    int sockets[2], program = open(path, O_RDONLY | O_CLOEXEC);
    if (program < 0) return FAIL(SK_UNKNOWN, "%s: %s", path, strerror(errno));
    TRY(link_pair(sockets));
    child->pid = fork();
    if (child->pid < 0) return FAIL(SK_LIMIT, "fork: %s", strerror(errno));
    if (child->pid == 0) child_exec(parent, room, program, sockets[1]);
    close(program);
    close(sockets[1]);
    child->pidfd = (int)syscall(SYS_pidfd_open, child->pid, 0);
    if (child->pidfd < 0) return FAIL(SK_UNSUPPORTED, "pidfd_open: %s", strerror(errno));
    child->stage = CHILD_PREPARING;
    TRY(link_open(&child->link, sockets[0], ROOM_PARENT, room, LINK_SETUP));
    struct loop_watch link = {sockets[0], LOOP_READ, child_event, parent};
    struct loop_watch life = {child->pidfd, LOOP_READ, child_event, parent};
    TRY(loop_add(&parent->loop, link));
    return loop_add(&parent->loop, life);
}

enum sk_code parent_send(struct parent *parent, enum room to, struct msg *msg) {
    struct link *link = &parent->children[to].link;
    enum sk_code code = link_send(link, msg);
    if (code == SK_OK && link_waits(link))
        loop_change(&parent->loop, link->socket, LOOP_READ | LOOP_WRITE);
    return code == SK_GONE ? SK_OK : code; // its end is told by the pidfd, with the reason
}

static enum sk_code send_edge(struct parent *parent, enum room a, enum room b) {
    int sockets[2];
    TRY(link_pair(sockets));
    struct msg to_a = {.type = MSG_link, .descriptor = sockets[0], .as.link.peer = (uint8_t)b};
    struct msg to_b = {.type = MSG_link, .descriptor = sockets[1], .as.link.peer = (uint8_t)a};
    enum sk_code code = parent_send(parent, a, &to_a);
    if (code == SK_OK) code = parent_send(parent, b, &to_b);
    close(sockets[0]);
    close(sockets[1]);
    return code;
}

static enum border_right right_of(const struct conf_key *key) {
    if (strcmp(key->use, "audit") == 0) return BORDER_AUDITS;
    return strcmp(key->use, "metrics") == 0 ? BORDER_READS_METRICS : BORDER_ASKS;
}

enum sk_code parent_send_keys(struct parent *parent) {
    const struct conf *conf = parent->conf;
    struct msg msg = {.type = MSG_border_keys, .descriptor = -1};
    msg.as.border_keys = (struct msg_border_keys){.keyless = conf->keys_len == 0,
                                                  .requests = (uint32_t)conf->limits.requests,
                                                  .tokens = (uint32_t)conf->limits.tokens,
                                                  .parallel = (uint32_t)conf->limits.parallel};
    TRY(parent_send(parent, ROOM_BORDER, &msg));
    for (uint32_t i = 0; i < conf->keys_len; i++) {
        struct conf_limits limits = conf_limits(conf, &conf->keys[i]);
        bool weighted = conf->keys[i].weight != CONF_INHERIT;
        uint32_t weight = weighted ? (uint32_t)conf->keys[i].weight : 1;
        msg = (struct msg){.type = MSG_border_key, .descriptor = -1};
        msg.as.border_key = (struct msg_border_key){.name = view_of(conf->keys[i].name),
                                                    .requests = (uint32_t)limits.requests,
                                                    .tokens = (uint32_t)limits.tokens,
                                                    .parallel = (uint32_t)limits.parallel,
                                                    .weight = weight,
                                                    .right = (uint8_t)right_of(&conf->keys[i])};
        memcpy(msg.as.border_key.digest, conf->keys[i].digest, HASH_LEN);
        TRY(parent_send(parent, ROOM_BORDER, &msg));
    }
    return SK_OK;
}

enum sk_code parent_send_keep(struct parent *parent) {
    struct msg msg = {.type = MSG_border_keep, .descriptor = -1};
    msg.as.border_keep = (struct msg_border_keep){.seconds = (uint32_t)parent->conf->keep_s,
                                                  .bytes = parent->conf->keep_memory};
    return parent_send(parent, ROOM_BORDER, &msg);
}

enum sk_code parent_send_witness(struct parent *parent) {
    struct msg msg = {.type = MSG_witness_logs, .descriptor = -1};
    msg.as.witness_logs.keys = view_of(parent->conf->witness_logs);
    return parent_send(parent, ROOM_LEDGER, &msg);
}

enum sk_code parent_send_gate(struct parent *parent) {
    const struct conf *conf = parent->conf;
    struct msg msg = {.type = MSG_gate_setup, .descriptor = parent->listener};
    msg.as.gate_setup = (struct msg_gate_setup){.connections_max = (uint32_t)conf->connections,
                                                .header_ms_max = (uint32_t)conf->header_ms,
                                                .idle_ms_max = (uint32_t)conf->idle_ms,
                                                .header_len_max = (uint32_t)conf->header,
                                                .body_len_max = (uint32_t)conf->body,
                                                .keyless = conf->keys_len == 0,
                                                .port = parent->port,
                                                .hosts = view_of(conf->hosts),
                                                .origins = view_of(conf->origins),
                                                .keep_s = (uint32_t)conf->keep_s};
    return parent_send(parent, ROOM_GATE, &msg);
}

_Static_assert((int)CONF_MODELS_MAX <= (int)MODELS_MAX, "rooms take what is configured");
_Static_assert((int)WEIGHTS_PARTS_MAX == (int)MODEL_FILES_MAX, "and every part of it");

static enum sk_code send_border_model(struct parent *parent, uint32_t index) {
    const struct conf_model *model = &parent->conf->models[index];
    const struct weights *weights = &parent->models[index];
    struct msg msg = {.type = MSG_border_model, .descriptor = -1};
    msg.as.border_model = (struct msg_border_model){.id = view_of(model->id),
                                                    .checked_ms = weights->checked_ms,
                                                    .cached = weights->cached,
                                                    .jobs_max = (uint32_t)model->parallel};
    const struct parent_lineage *lineage = &parent->lineages[index];
    uint32_t base = conf_model_base(parent->conf, index);
    struct msg_border_model *to = &msg.as.border_model;
    to->is_signed = lineage->of.known;
    to->base = base == index ? 0 : base + 1;
    to->scale = view_of(model->scale);
    to->refused = view_of(lineage->refused);
    memcpy(to->digest, weights->digest, HASH_LEN);
    memcpy(to->signer, lineage->of.signer, HASH_LEN);
    memcpy(to->statement, lineage->of.statement, HASH_LEN);
    return parent_send(parent, ROOM_BORDER, &msg);
}

static enum sk_code send_border(struct parent *parent) {
    const struct conf *conf = parent->conf;
    TRY(parent_send_keys(parent));
    TRY(parent_send_keep(parent));
    TRY(parent_send_detectors(parent));
    TRY(parent_send_policy(parent));
    for (uint32_t i = 0; i < parent->models_len; i++) TRY(send_border_model(parent, i));
    struct msg msg = {.type = MSG_border_setup, .descriptor = -1};
    struct msg_border_setup *setup = &msg.as.border_setup;
    *setup = (struct msg_border_setup){.origin = view_of(conf->node),
                                       .queue_max = (uint32_t)conf->queue};
    memcpy(setup->runtime_digest, parent->runtime_digest, HASH_LEN);
    memcpy(setup->policy_digest, parent->policy->digest, HASH_LEN);
    return parent_send(parent, ROOM_BORDER, &msg);
}

static enum sk_code send_engine_model(struct parent *parent, uint32_t index) {
    const struct conf_model *model = &parent->conf->models[index];
    const struct weights *weights = &parent->models[index];
    const char *refused = parent->lineages[index].refused;
    uint32_t base = conf_model_base(parent->conf, index);
    struct msg msg = {.type = MSG_engine_model, .descriptor = -1};
    msg.as.engine_model = (struct msg_engine_model){.id = view_of(model->id),
                                                    .base = base == index ? 0 : base + 1,
                                                    .context = (uint32_t)model->context,
                                                    .slots = (uint32_t)model->parallel,
                                                    .cache_type = view_of(model->cache_type),
                                                    .refused = view_of(refused)};
    float scale;
    TRY(conf_scale(model->scale, &scale));
    memcpy(&msg.as.engine_model.scale, &scale, sizeof scale);
    TRY(parent_send(parent, ROOM_ENGINE, &msg));
    if (refused[0]) return SK_OK; // its bytes reach no other room
    for (uint32_t i = 0; i < weights->len; i++) {
        const struct weights_part *part = &weights->parts[i];
        msg = (struct msg){.type = MSG_engine_file, .descriptor = part->descriptor};
        msg.as.engine_file = (struct msg_engine_file){.device = part->file.device,
                                                      .inode = part->file.inode,
                                                      .size = part->file.size,
                                                      .mtime_ns = part->file.mtime_ns,
                                                      .ctime_ns = part->file.ctime_ns};
        TRY(parent_send(parent, ROOM_ENGINE, &msg));
    }
    return SK_OK;
}

// The file is the room's alone and has no name: with the room its bytes go.
static enum sk_code send_engine_scratch(struct parent *parent) {
    const char *data = parent->conf->data;
    uint64_t bytes = parent->conf->cache_disk;
    if (bytes == 0) return SK_OK;
    struct msg msg = {.type = MSG_engine_scratch, .as.engine_scratch.bytes = bytes};
    msg.descriptor = open(data, O_TMPFILE | O_EXCL | O_RDWR | O_CLOEXEC, 0600);
    if (msg.descriptor < 0) {
        FAIL(SK_UNSUPPORTED, "engine.cache_disk: no file without a name (O_TMPFILE) in %s: %s; set "
                             "it to 0, or put data on a disk that has them, such as ext4 or xfs",
             data, strerror(errno));
        if (!parent->serving) return SK_UNSUPPORTED;
        log_line(LOG_ERROR, "scratch", "text=\"%s\"", fail_text()); // the cache goes without
        return SK_OK;
    }
    enum sk_code code = parent_send(parent, ROOM_ENGINE, &msg);
    close(msg.descriptor);
    return code;
}

static enum sk_code send_engine(struct parent *parent) {
    const struct conf *conf = parent->conf;
    for (uint32_t i = 0; i < parent->models_len; i++) TRY(send_engine_model(parent, i));
    TRY(send_engine_scratch(parent));
    struct msg msg = {.type = MSG_engine_setup, .descriptor = -1};
    msg.as.engine_setup = (struct msg_engine_setup){.threads = conf_threads(conf),
                                                    .memory_max = conf_memory(conf),
                                                    .idle_s = (uint32_t)conf->idle_s,
                                                    .strict = !parent->serving};
    return parent_send(parent, ROOM_ENGINE, &msg);
}

static enum sk_code send_witness_policy(struct parent *parent) {
    const struct conf *conf = parent->conf;
    struct msg msg = {.type = MSG_witness_policy};
    struct buf text = {0};
    if (!conf->witness_policy[0]) return SK_OK;
    TRY(buf_open(&text, TRUST_TEXT_MAX));
    struct view content = {0};
    enum sk_code code = files_read(conf->witness_policy, &text);
    if (code == SK_OK) content = buf_view(&text);
    if (code == SK_OK) code = sealed_make(&content, 1, &msg.descriptor);
    if (code == SK_OK) {
        msg.as.witness_policy =
            (struct msg_witness_policy){.len = (uint32_t)content.len,
                                        .every_s = (uint32_t)conf->witness_every_s,
                                        .required = strcmp(conf->witness_required, "yes") == 0};
        code = parent_send(parent, ROOM_LEDGER, &msg);
        close(msg.descriptor);
    }
    buf_close(&text);
    return code == SK_OK ? SK_OK : fail_within(code, "witness.policy");
}

// The keys go as their files: what is in them, only the ledger room reads.
static enum sk_code send_ledger(struct parent *parent) {
    for (int i = 0; i < KEYS_SENT; i++) {
        if (parent->keys[i] < 0) continue;
        struct msg key = {.type = MSG_ledger_key, .descriptor = parent->keys[i]};
        TRY(parent_send(parent, ROOM_LEDGER, &key));
        close(parent->keys[i]); // the ledger is never restarted alone
        parent->keys[i] = -1;
    }
    TRY(parent_send_witness(parent));
    if (parent->archive_key >= 0) {
        struct msg key = {.type = MSG_archive_key, .descriptor = parent->archive_key};
        TRY(parent_send(parent, ROOM_LEDGER, &key));
        close(parent->archive_key);
        parent->archive_key = -1;
    }
    TRY(send_witness_policy(parent));
    struct msg msg = {.type = MSG_ledger_setup, .descriptor = -1};
    msg.as.ledger_setup.origin = view_of(parent->conf->node);
    msg.as.ledger_setup.scrub_days = (uint32_t)parent->conf->scrub_days;
    return parent_send(parent, ROOM_LEDGER, &msg);
}

enum sk_code parent_send_edges(struct parent *parent, enum room room) {
    for (size_t i = 0; i < EDGES; i++) {
        enum room other = edges[i][0] == room ? edges[i][1] : edges[i][0];
        bool ours = edges[i][0] == room || edges[i][1] == room;
        if (ours && parent->children[other].stage != CHILD_NONE)
            TRY(send_edge(parent, edges[i][0], edges[i][1]));
    }
    return SK_OK;
}

enum sk_code parent_send_slice(struct parent *parent, enum room room) {
    switch (room) {
    case ROOM_GATE: return parent_send_gate(parent);
    case ROOM_BORDER: return send_border(parent);
    case ROOM_ENGINE: return send_engine(parent);
    case ROOM_FERRY: return parent_setup_ferry(parent);
    case ROOM_DIAL: return parent_setup_dial(parent);
    default: return send_ledger(parent);
    }
}
