// BPF hooks on the rooms' cgroup: no socket but dial's TCP, no connect but dial's to the list, no
// datagram at all; every attempt is told through a ring buffer.
//
// The programs are assembled here: about forty instructions each, from one pattern, so that neither
// building nor running needs a BPF compiler. The list is frozen: not even root writes it. Links are
// descriptors of this process, so that everything goes when it ends.
#include "base/log.h"
#include "node/cage.h"
#include "node/fort_parts.h"

#include <arpa/inet.h>
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <linux/bpf.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum hook { HOOK_SOCKET, HOOK_CONNECT4, HOOK_CONNECT6, HOOK_SEND4, HOOK_SEND6, HOOKS };

static const struct hook_row {
    const char *name;
    enum bpf_prog_type type;
    enum bpf_attach_type attach;
} hook_rows[HOOKS] = {
    {"sk_socket", BPF_PROG_TYPE_CGROUP_SOCK, BPF_CGROUP_INET_SOCK_CREATE},
    {"sk_connect4", BPF_PROG_TYPE_CGROUP_SOCK_ADDR, BPF_CGROUP_INET4_CONNECT},
    {"sk_connect6", BPF_PROG_TYPE_CGROUP_SOCK_ADDR, BPF_CGROUP_INET6_CONNECT},
    {"sk_send4", BPF_PROG_TYPE_CGROUP_SOCK_ADDR, BPF_CGROUP_UDP4_SENDMSG},
    {"sk_send6", BPF_PROG_TYPE_CGROUP_SOCK_ADDR, BPF_CGROUP_UDP6_SENDMSG},
};

// What a program tells. Its beginning, address and port, is the key of the list. Of HOOK_SOCKET:
// family, type and protocol stand where the address would.
struct attempt {
    uint8_t address[16];
    uint32_t port; // as the kernel has it: network order in the low half
    uint32_t uid, hook, allowed;
};
enum { KEY_LEN = offsetof(struct attempt, uid), RING_LEN = 64 << 10 };

struct fort_bpf {
    int ring;
    int links[HOOKS];    // -1: none
    uint32_t ids[HOOKS]; // of the programs they run
    struct ring_buffer *events;
    bool ours; // what is told now are our own attacks
    uint64_t refused;
    uint32_t told; // log lines since the last round
};

// ---- the assembler ----
enum { PROGRAM_MAX = 64 };
struct program {
    struct bpf_insn at[PROGRAM_MAX];
    size_t len;
    size_t jumps[8], jumps_len; // to where it tells
};

static void put(struct program *p, struct bpf_insn instruction) {
    must(p->len < PROGRAM_MAX);
    p->at[p->len++] = instruction;
}

#define R(number) ((number)&15u)
#define OP(code_, dst, src, offset, number)                                                        \
    ((struct bpf_insn){.code = (code_),                                                            \
                       .dst_reg = R(dst),                                                          \
                       .src_reg = R(src),                                                          \
                       .off = (int16_t)(offset),                                                   \
                       .imm = (int32_t)(number)})
#define LOAD(dst, src, offset)  OP(BPF_LDX | BPF_MEM | BPF_W, dst, src, offset, 0)
#define STORE(offset, src)      OP(BPF_STX | BPF_MEM | BPF_W, 10, src, offset, 0)
#define STORE_NUMBER(offset, n) OP(BPF_ST | BPF_MEM | BPF_W, 10, 0, offset, n)
#define COPY(dst, src)          OP(BPF_ALU64 | BPF_MOV | BPF_X, dst, src, 0, 0)
#define COPY_HALF(dst, src)     OP(BPF_ALU | BPF_MOV | BPF_X, dst, src, 0, 0)
#define SET(dst, n)             OP(BPF_ALU64 | BPF_MOV | BPF_K, dst, 0, 0, n)
#define ADD(dst, n)             OP(BPF_ALU64 | BPF_ADD | BPF_K, dst, 0, 0, n)
#define CALL(function)          OP(BPF_JMP | BPF_CALL, 0, 0, 0, function)
#define EXIT()                  OP(BPF_JMP | BPF_EXIT, 0, 0, 0, 0)

// Where the attempt lies on the program's stack.
#define AT(field) ((int)offsetof(struct attempt, field) - (int)sizeof(struct attempt))

static void put_map(struct program *p, unsigned dst, int map) {
    put(p, OP(BPF_LD | BPF_DW | BPF_IMM, dst, BPF_PSEUDO_MAP_FD, 0, map));
    put(p, OP(0, 0, 0, 0, 0));
}

// To the end, where the attempt is told and refused, when dst is (not) the number.
static void put_leave(struct program *p, unsigned dst, int number, bool equal) {
    must(p->jumps_len < sizeof p->jumps / sizeof *p->jumps);
    p->jumps[p->jumps_len++] = p->len;
    put(p, OP(BPF_JMP | BPF_K | (equal ? BPF_JEQ : BPF_JNE), dst, 0, 0, number));
}

// Copies what is asked for into the attempt.
static void put_question(struct program *p, enum hook hook) {
    static const int socket_fields[] = {offsetof(struct bpf_sock, family),
                                        offsetof(struct bpf_sock, type),
                                        offsetof(struct bpf_sock, protocol)};
    bool six = hook == HOOK_CONNECT6 || hook == HOOK_SEND6;
    for (int i = 0; i < 4; i++)
        put(p, STORE_NUMBER(AT(address) + 4 * i, 0));
    put(p, STORE_NUMBER(AT(port), 0));
    for (int i = 0; i < 3 && hook == HOOK_SOCKET; i++) {
        put(p, LOAD(0, 6, socket_fields[i]));
        put(p, STORE(AT(address) + 4 * i, 0));
    }
    if (hook == HOOK_SOCKET) return;
    for (int i = 0; i < 4 && six; i++) {
        put(p, LOAD(0, 6, (int)offsetof(struct bpf_sock_addr, user_ip6) + 4 * i));
        put(p, STORE(AT(address) + 4 * i, 0));
    }
    if (!six) {
        put(p, STORE_NUMBER(AT(address) + 8, htonl(0xffff)));
        put(p, LOAD(0, 6, offsetof(struct bpf_sock_addr, user_ip4)));
        put(p, STORE(AT(address) + 12, 0));
    }
    put(p, LOAD(0, 6, offsetof(struct bpf_sock_addr, user_port)));
    put(p, STORE(AT(port), 0));
}

// Leaves unless this is dial's, TCP, and listed.
static void put_judgement(struct program *p, enum hook hook, int list) {
    int type = offsetof(struct bpf_sock_addr, type);
    int protocol = offsetof(struct bpf_sock_addr, protocol);
    if (hook == HOOK_SOCKET) {
        type = offsetof(struct bpf_sock, type);
        protocol = offsetof(struct bpf_sock, protocol);
    }
    put_leave(p, 7, (int)cage_uid(CAGE_DIAL), false);
    put(p, LOAD(0, 6, type));
    put_leave(p, 0, SOCK_STREAM, false);
    put(p, LOAD(0, 6, protocol));
    put_leave(p, 0, IPPROTO_TCP, false);
    if (hook == HOOK_SOCKET) return;
    put_map(p, 1, list);
    put(p, COPY(2, 10));
    put(p, ADD(2, AT(address)));
    put(p, CALL(BPF_FUNC_map_lookup_elem));
    put_leave(p, 0, 0, true);
}

// r6 the question, r7 the uid, r8 the answer.
static void program_write(struct program *p, enum hook hook, int list, int ring) {
    put(p, COPY(6, 1));
    put(p, CALL(BPF_FUNC_get_current_uid_gid));
    put(p, COPY_HALF(7, 0));
    put(p, SET(8, 0));
    put(p, STORE(AT(uid), 7));
    put(p, STORE_NUMBER(AT(hook), hook));
    put_question(p, hook);
    if (hook != HOOK_SEND4 && hook != HOOK_SEND6) {
        put_judgement(p, hook, list);
        put(p, SET(8, 1));
    }
    for (size_t i = 0; i < p->jumps_len; i++)
        p->at[p->jumps[i]].off = (int16_t)(p->len - p->jumps[i] - 1);
    put(p, STORE(AT(allowed), 8));
    put_map(p, 1, ring);
    put(p, COPY(2, 10));
    put(p, ADD(2, AT(address)));
    put(p, SET(3, sizeof(struct attempt)));
    put(p, SET(4, 0));
    put(p, CALL(BPF_FUNC_ringbuf_output));
    put(p, COPY(0, 8));
    put(p, EXIT());
}

// ---- what was told ----
static int attempt_arrives(void *self, void *data, size_t len) {
    struct fort_bpf *bpf = self;
    struct attempt attempt;
    char text[INET6_ADDRSTRLEN] = "";
    if (len < sizeof attempt) return 0;
    memcpy(&attempt, data, sizeof attempt);
    if (attempt.allowed || bpf->ours) return 0;
    bpf->refused++;
    if (bpf->told++ >= FORT_TOLD_MAX || attempt.hook >= HOOKS) return 0;
    if (attempt.hook != HOOK_SOCKET) inet_ntop(AF_INET6, attempt.address, text, sizeof text);
    log_line(LOG_ERROR, "fort", "refused=%s uid=%u address=%s port=%u",
             hook_rows[attempt.hook].name + 3, attempt.uid, text,
             (unsigned)ntohs((uint16_t)attempt.port));
    return 0;
}

int fort_bpf_events(const struct fort_bpf *bpf) {
    return bpf->events ? ring_buffer__epoll_fd(bpf->events) : -1;
}

void fort_bpf_event(struct fort_bpf *bpf) {
    if (bpf->events) ring_buffer__consume(bpf->events);
}

void fort_bpf_quiet(struct fort_bpf *bpf) {
    bpf->ours = true;
    fort_bpf_event(bpf);
    bpf->ours = false;
    bpf->told = 0;
}

uint64_t fort_bpf_refused(const struct fort_bpf *bpf) {
    return bpf->refused;
}

// ---- the hooks ----
static void close_all(int *descriptors, size_t len) {
    for (size_t i = 0; i < len; i++) {
        if (descriptors[i] >= 0) close(descriptors[i]);
        descriptors[i] = -1;
    }
}

static int no_print(enum libbpf_print_level level, const char *format, va_list arguments) {
    (void)level, (void)format, (void)arguments;
    return 0;
}

enum sk_code fort_bpf_open(struct fort_bpf **out) {
    struct fort_bpf *bpf = calloc(1, sizeof *bpf);
    must(bpf);
    libbpf_set_print(no_print);
    memset(bpf->links, -1, sizeof bpf->links);
    bpf->ring = bpf_map_create(BPF_MAP_TYPE_RINGBUF, "sk_attempts", 0, 0, RING_LEN, NULL);
    if (bpf->ring >= 0) bpf->events = ring_buffer__new(bpf->ring, attempt_arrives, bpf, NULL);
    if (!bpf->events) {
        int error = errno;
        fort_bpf_close(bpf);
        return FAIL(SK_DENIED, "ring buffer: %s", strerror(error));
    }
    *out = bpf;
    return SK_OK;
}

void fort_bpf_close(struct fort_bpf *bpf) {
    if (!bpf) return;
    close_all(bpf->links, HOOKS);
    ring_buffer__free(bpf->events);
    close_all(&bpf->ring, 1);
    free(bpf);
}

static enum sk_code list_make(const struct fort_list *list, int *map) {
    uint32_t len = list->len ? list->len : 1;
    *map = bpf_map_create(BPF_MAP_TYPE_HASH, "sk_places", KEY_LEN, sizeof(uint32_t), len, NULL);
    if (*map < 0) return FAIL(SK_DENIED, "list: %s", strerror(errno));
    for (uint32_t i = 0; i < list->len; i++) {
        struct attempt key = {.port = htons(list->rows[i].port)};
        uint32_t yes = 1;
        memcpy(key.address, list->rows[i].address, sizeof key.address);
        if (bpf_map_update_elem(*map, &key, &yes, BPF_ANY) != 0)
            return FAIL(SK_DENIED, "list: %s", strerror(errno));
    }
    if (bpf_map_freeze(*map) != 0) return FAIL(SK_DENIED, "list: %s", strerror(errno));
    return SK_OK;
}

static enum sk_code program_load(enum hook hook, int list, int ring, int *out, uint32_t *id) {
    const struct hook_row *row = &hook_rows[hook];
    struct bpf_prog_load_opts options = {.sz = sizeof options,
                                         .expected_attach_type = row->attach};
    struct program program = {.len = 0};
    struct bpf_prog_info info = {0};
    uint32_t len = sizeof info;
    program_write(&program, hook, list, ring);
    *out = bpf_prog_load(row->type, row->name, "Apache-2.0", program.at, program.len, &options);
    if (*out < 0 || bpf_obj_get_info_by_fd(*out, &info, &len) != 0)
        return FAIL(SK_DENIED, "%s: %s", row->name + 3, strerror(errno));
    *id = info.id;
    return SK_OK;
}

// Is the link attached, and runs our program?
static bool link_stands(const struct fort_bpf *bpf, enum hook hook) {
    struct bpf_link_info info = {0};
    uint32_t len = sizeof info;
    if (bpf->links[hook] < 0 || bpf_obj_get_info_by_fd(bpf->links[hook], &info, &len) != 0)
        return false;
    return info.prog_id == bpf->ids[hook] && info.cgroup.cgroup_id != 0;
}

// In place of what is attached; anew where nothing is.
static enum sk_code link_set(struct fort_bpf *bpf, enum hook hook, int program, int group) {
    const struct hook_row *row = &hook_rows[hook];
    if (link_stands(bpf, hook) && bpf_link_update(bpf->links[hook], program, NULL) == 0)
        return SK_OK;
    close_all(&bpf->links[hook], 1);
    bpf->links[hook] = bpf_link_create(program, group, row->attach, NULL);
    if (bpf->links[hook] >= 0) return SK_OK;
    return FAIL(SK_DENIED, "%s: %s", row->name + 3, strerror(errno));
}

enum sk_code fort_bpf_load(struct fort_bpf *bpf, const struct fort *fort) {
    int list = -1, programs[HOOKS], group = fort_group_rooms(&fort->group, fort->name);
    uint32_t ids[HOOKS] = {0};
    memset(programs, -1, sizeof programs);
    enum sk_code code = list_make(&fort->list, &list);
    for (int i = 0; i < HOOKS && code == SK_OK; i++)
        code = program_load((enum hook)i, list, bpf->ring, &programs[i], &ids[i]);
    for (int i = 0; i < HOOKS && code == SK_OK; i++) {
        code = link_set(bpf, (enum hook)i, programs[i], group);
        bpf->ids[i] = ids[i];
    }
    close_all(programs, HOOKS); // the links hold what they run
    close_all(&list, 1);
    close_all(&group, 1);
    return code;
}

enum sk_code fort_bpf_check(struct fort_bpf *bpf) {
    for (int i = 0; i < HOOKS; i++)
        if (!link_stands(bpf, (enum hook)i))
            return FAIL(SK_GONE, "%s was detached", hook_rows[i].name + 3);
    return SK_OK;
}
