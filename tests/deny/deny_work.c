// What a locked room must still be able to do, through the two calls a room makes. A list that is
// too tight is found here by the name of the step that died.
#include "deny.h"

#include <errno.h>
#include <fcntl.h>
#include <microhttpd.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/world.h"

struct work {
    enum cage_room room;
    const struct outside *outside;
    int link[2], loop;
    bool aborts;
    struct cage_report report;
    char step[64]; // the one being done
};

#define STEP(work, name) snprintf((work)->step, sizeof(work)->step, "%s", name)

// ---- the link and the loop: every room ----
static void work_send(struct work *work, int descriptor) {
    char bytes[CMSG_SPACE(sizeof(int))] = {0}, text[] = "ask";
    struct iovec part = {text, sizeof text};
    struct msghdr head = {.msg_iov = &part, .msg_iovlen = 1};
    head.msg_control = bytes;
    head.msg_controllen = sizeof bytes;
    struct cmsghdr *control = CMSG_FIRSTHDR(&head);
    must(control != NULL);
    control->cmsg_level = SOL_SOCKET;
    control->cmsg_type = SCM_RIGHTS;
    control->cmsg_len = CMSG_LEN(sizeof(int));
    memcpy(CMSG_DATA(control), &descriptor, sizeof descriptor);
    must(sendmsg(work->link[0], &head, MSG_NOSIGNAL | MSG_DONTWAIT) == (ssize_t)sizeof text);
}

static int work_receive(struct work *work) {
    char bytes[CMSG_SPACE(sizeof(int))], text[16];
    struct iovec part = {text, sizeof text};
    struct msghdr head = {.msg_iov = &part, .msg_iovlen = 1};
    head.msg_control = bytes;
    head.msg_controllen = sizeof bytes;
    struct epoll_event event;
    must(epoll_wait(work->loop, &event, 1, 1000) == 1);
    must(recvmsg(work->link[1], &head, MSG_DONTWAIT | MSG_CMSG_CLOEXEC) > 0);
    const struct cmsghdr *control = CMSG_FIRSTHDR(&head);
    must(control != NULL);
    int descriptor;
    memcpy(&descriptor, CMSG_DATA(control), sizeof descriptor);
    return descriptor;
}

// A body goes out and comes back as a sealed memory file; dial has none and sends a socket.
static void work_link(struct work *work) {
    STEP(work, "link: send");
    const int seals = F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE | F_SEAL_SEAL;
    bool bodies = work->room != CAGE_DIAL;
    int body = bodies ? memfd_create("body", MFD_CLOEXEC | MFD_ALLOW_SEALING) : dup(work->link[0]);
    must(body >= 0);
    if (bodies) must(write(body, "text", 4) == 4 && fcntl(body, F_ADD_SEALS, seals) == 0);
    work_send(work, body);
    STEP(work, "link: receive");
    int got = work_receive(work);
    struct stat info;
    must(fstat(got, &info) == 0);
    if (bodies) {
        STEP(work, "link: map a body");
        must(fcntl(got, F_GET_SEALS) == seals && info.st_size == 4);
        void *at = mmap(NULL, 4, PROT_READ, MAP_SHARED, got, 0);
        must(at != MAP_FAILED && memcmp(at, "text", 4) == 0 && munmap(at, 4) == 0);
    }
    must(close(got) == 0 && close(body) == 0);
}

static int work_order(const void *a, const void *b) {
    return memcmp(a, b, sizeof(long));
}

static void work_memory(struct work *work) {
    STEP(work, "memory: grow");
    char *at = malloc(100);
    for (size_t size = 1000; size < (size_t)64 << 20; size *= 8) {
        char *more = realloc(at, size);
        must(more != NULL);
        at = more;
        at[size - 1] = 1;
    }
    STEP(work, "memory: sort");
    qsort(at, 4096, sizeof(long), work_order);
    free(at);
}

static void work_clock(struct work *work) {
    STEP(work, "clock");
    struct timespec now, pause = {0, 1000};
    struct tm utc;
    char text[64];
    must(clock_gettime(CLOCK_REALTIME, &now) == 0 && nanosleep(&pause, NULL) == 0);
    must(gmtime_r(&now.tv_sec, &utc) != NULL && strftime(text, sizeof text, "%FT%T %Z", &utc) > 0);
    STEP(work, "chance");
    must(getrandom(text, sizeof text, 0) == (ssize_t)sizeof text);
    snprintf(text, sizeof text, "%.17g", 1.0 / 3);
}

// ---- engine: threads from before the lock ----
struct work_pool {
    pthread_mutex_t mutex;
    pthread_cond_t turn;
    int round, answers;
};

enum { POOL_THREADS = 3 };

static void *work_thread(void *at) {
    struct work_pool *pool = at;
    pthread_mutex_lock(&pool->mutex);
    while (pool->round == 0)
        pthread_cond_wait(&pool->turn, &pool->mutex);
    pthread_mutex_unlock(&pool->mutex);
    char *scratch = malloc(1 << 16);
    must(scratch != NULL);
    memset(scratch, 1, 1 << 16);
    free(scratch);
    pthread_mutex_lock(&pool->mutex);
    pool->answers++;
    pthread_cond_broadcast(&pool->turn);
    pthread_mutex_unlock(&pool->mutex);
    return NULL;
}

static void work_pool_run(struct work *work, struct work_pool *pool, const pthread_t *threads) {
    STEP(work, "threads: wake");
    pthread_mutex_lock(&pool->mutex);
    pool->round = 1;
    pthread_cond_broadcast(&pool->turn);
    STEP(work, "threads: wait");
    while (pool->answers < POOL_THREADS)
        pthread_cond_wait(&pool->turn, &pool->mutex);
    pthread_mutex_unlock(&pool->mutex);
    STEP(work, "threads: end");
    for (int i = 0; i < POOL_THREADS; i++)
        must(pthread_join(threads[i], NULL) == 0);
}

// ---- ledger: its directory, and no other ----
static void work_files(struct work *work) {
    struct world world = world_real(work->outside->directory);
    int file;
    size_t got;
    char text[8];
    STEP(work, "files: create");
    must(world.open(world.self, "new", WORLD_CREATE | WORLD_EXCLUSIVE, &file) == SK_OK);
    STEP(work, "files: write");
    must(world.write(world.self, file, 0, "leaf", 4) == SK_OK);
    must(world.truncate(world.self, file, 3) == SK_OK && world.sync(world.self, file) == SK_OK);
    STEP(work, "files: read");
    must(world.read(world.self, file, 0, text, sizeof text, &got) == SK_OK && got == 3);
    world.close(world.self, file);
    STEP(work, "files: rename and remove");
    must(world.rename(world.self, "new", "log") == SK_OK);
    must(world.sync_directory(world.self) == SK_OK && world.remove(world.self, "log") == SK_OK);
    STEP(work, "files: refused outside");
    static const char *const names[] = {"/etc/passwd", "../../etc/passwd", "../../proc/version"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        must(!(work->report.walls & (CAGE_LANDLOCK | CAGE_ROOT)) ||
             world.open(world.self, names[i], WORLD_READ, &file) != SK_OK);
}

// ---- gate: libmicrohttpd on a listener from outside ----
struct work_server {
    struct MHD_Daemon *daemon;
    int loop;
    bool answered;
};

static enum MHD_Result work_answer(void *at, struct MHD_Connection *connection, const char *url,
                                   const char *method, const char *version, const char *data,
                                   size_t *size, void **state) {
    (void)url, (void)method, (void)version, (void)data;
    struct work_server *server = at;
    if (*state == NULL || *size > 0) {
        *state = server;
        *size = 0;
        return MHD_YES;
    }
    struct MHD_Response *answer =
        MHD_create_response_from_buffer(6, (char[]){"inside"}, MHD_RESPMEM_MUST_COPY);
    enum MHD_Result result = MHD_queue_response(connection, MHD_HTTP_OK, answer);
    MHD_destroy_response(answer);
    server->answered = true;
    return result;
}

static void work_server_open(struct work_server *server, int listener) {
    server->daemon = MHD_start_daemon(MHD_USE_EPOLL | MHD_ALLOW_SUSPEND_RESUME, 0, NULL, NULL,
                                      work_answer, server, MHD_OPTION_LISTEN_SOCKET, listener,
                                      MHD_OPTION_CONNECTION_TIMEOUT, 5U, MHD_OPTION_END);
    must(server->daemon != NULL);
    server->loop = epoll_create1(EPOLL_CLOEXEC);
    int inner = MHD_get_daemon_info(server->daemon, MHD_DAEMON_INFO_EPOLL_FD)->epoll_fd;
    struct epoll_event event = {.events = EPOLLIN};
    must(epoll_ctl(server->loop, EPOLL_CTL_ADD, inner, &event) == 0);
}

static void work_serve(struct work *work, struct work_server *server) {
    STEP(work, "serve");
    for (int i = 0; i < 100; i++) {
        struct epoll_event event;
        epoll_wait(server->loop, &event, 1, server->answered ? 1 : 50);
        must(MHD_run(server->daemon) == MHD_YES);
    }
    must(server->answered);
    STEP(work, "serve: hangup");
    struct pollfd now = {.fd = work->link[0], .events = POLLRDHUP};
    must(poll(&now, 1, 0) == 0);
    STEP(work, "serve: end");
    MHD_stop_daemon(server->daemon);
}

// ---- the room ----
static void work_watch(struct work *work) {
    struct epoll_event event = {.events = EPOLLIN};
    work->loop = epoll_create1(EPOLL_CLOEXEC);
    must(work->loop >= 0);
    must(epoll_ctl(work->loop, EPOLL_CTL_ADD, work->link[1], &event) == 0);
}

static void work_room(void *at) {
    struct work *work = at;
    struct cage_plan plan = deny_plan(work->room, work->outside->directory);
    int keep[] = {work->link[0], work->link[1], work->outside->tcp};
    plan.keep = keep;
    plan.keep_len = work->room == CAGE_GATE ? 3 : 2;
    struct work_pool pool = {.mutex = PTHREAD_MUTEX_INITIALIZER, .turn = PTHREAD_COND_INITIALIZER};
    pthread_t threads[POOL_THREADS];
    struct work_server server = {0};
    tzset();
    STEP(work, "walls");
    must(cage_walls(&plan, &work->report) == SK_OK);
    work_watch(work);
    if (work->room == CAGE_GATE) work_server_open(&server, work->outside->tcp);
    if (work->room == CAGE_ENGINE)
        for (int i = 0; i < POOL_THREADS; i++)
            must(pthread_create(&threads[i], NULL, work_thread, &pool) == 0);
    STEP(work, "lock");
    must(cage_lock(&plan, &work->report) == SK_OK);
    STEP(work, "abort");
    if (work->aborts) abort();
    work_link(work);
    work_memory(work);
    work_clock(work);
    if (work->room == CAGE_ENGINE) work_pool_run(work, &pool, threads);
    if (work->room == CAGE_LEDGER) work_files(work);
    if (work->room == CAGE_GATE) work_serve(work, &server);
    STEP(work, "end");
}

// A client of the gate, from outside.
static pid_t work_client(const struct outside *outside) {
    static const char ask[] = "POST /v1 HTTP/1.1\r\nHost: here\r\nContent-Length: 2\r\n"
                              "Connection: close\r\n\r\n{}";
    fflush(stdout);
    pid_t child = fork();
    must(child >= 0);
    if (child > 0) return child;
    struct sockaddr_in to;
    socklen_t len = sizeof to;
    char answer[512];
    size_t used = 0;
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    bool sent = fd >= 0 && getsockname(outside->tcp, (struct sockaddr *)&to, &len) == 0 &&
                connect(fd, (struct sockaddr *)&to, len) == 0 &&
                write(fd, ask, sizeof ask - 1) == (ssize_t)sizeof ask - 1;
    for (ssize_t n = 1; sent && n > 0 && used<sizeof answer - 1; used += n> 0 ? (size_t)n : 0)
        n = read(fd, answer + used, sizeof answer - 1 - used);
    answer[used] = 0;
    _exit(sent && strstr(answer, " 200 ") && strstr(answer, "inside") ? 0 : 1);
}

static void work_judge(struct outside *outside, enum cage_room room, bool aborts) {
    struct work *work = deny_shared(sizeof *work);
    *work = (struct work){.room = room, .outside = outside, .aborts = aborts};
    must(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, work->link) == 0);
    bool serves = room == CAGE_GATE && !aborts;
    pid_t client = serves ? work_client(outside) : 0;
    int status = deny_child(work_room, work), served = 0;
    close(work->link[0]);
    close(work->link[1]);
    const char *name = cage_room_name(room);
    if (aborts) {
        deny_check(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT,
                   "%s: abort ends with status %#x at \"%s\"", name, (unsigned)status, work->step);
        return;
    }
    if (serves) waitpid(client, &served, 0);
    deny_check(status == 0, "%s: ends with status %#x at \"%s\"", name, (unsigned)status,
               work->step);
    deny_check(served == 0, "%s: the client got no answer", name);
    deny_level(&work->report);
    printf("%-10s%s\n", name, work->report.text);
}

void deny_work(struct outside *outside) {
    printf("\n%-10s%s\n", "works", "report");
    for (int room = 0; room < CAGE_ROOMS; room++) {
        work_judge(outside, (enum cage_room)room, false);
        work_judge(outside, (enum cage_room)room, true);
    }
}
