#include "node/loop.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

enum { LOOP_BATCH = 64 };

enum sk_code loop_open(struct loop *loop) {
    *loop = (struct loop){.epoll = epoll_create1(EPOLL_CLOEXEC)};
    if (loop->epoll < 0) return FAIL(SK_IO, "epoll: %s", strerror(errno));
    loop->watches = calloc(LOOP_WATCH_MAX, sizeof *loop->watches);
    return loop->watches ? SK_OK : FAIL(SK_LIMIT, "loop: no memory");
}

void loop_close(struct loop *loop) {
    if (loop->epoll > 0) close(loop->epoll);
    free(loop->watches);
    *loop = (struct loop){0};
}

static struct epoll_event loop_event(int descriptor, unsigned wants) {
    struct epoll_event event = {.data.fd = descriptor, .events = EPOLLRDHUP};
    if (wants & LOOP_READ) event.events |= EPOLLIN;
    if (wants & LOOP_WRITE) event.events |= EPOLLOUT;
    if (wants & LOOP_EDGE) event.events |= EPOLLET;
    return event;
}

enum sk_code loop_add(struct loop *loop, struct loop_watch watch) {
    int fd = watch.descriptor;
    if (fd < 0 || fd >= LOOP_WATCH_MAX)
        return FAIL(SK_LIMIT, "loop: descriptor %d, at most %d", fd, LOOP_WATCH_MAX - 1);
    must(loop->watches[fd].call == NULL && watch.call != NULL);
    struct epoll_event event = loop_event(fd, watch.wants);
    if (epoll_ctl(loop->epoll, EPOLL_CTL_ADD, fd, &event) != 0)
        return FAIL(SK_IO, "epoll: %s", strerror(errno));
    loop->watches[fd] = watch;
    return SK_OK;
}

void loop_change(struct loop *loop, int descriptor, unsigned wants) {
    struct loop_watch *watch = &loop->watches[descriptor];
    if (watch->wants == wants) return;
    struct epoll_event event = loop_event(descriptor, wants);
    must(epoll_ctl(loop->epoll, EPOLL_CTL_MOD, descriptor, &event) == 0);
    watch->wants = wants;
}

bool loop_watches(const struct loop *loop, int descriptor) {
    return loop->watches[descriptor].call != NULL;
}

void loop_remove(struct loop *loop, int descriptor) {
    if (descriptor < 0 || descriptor >= LOOP_WATCH_MAX || !loop->watches[descriptor].call) return;
    epoll_ctl(loop->epoll, EPOLL_CTL_DEL, descriptor, NULL);
    loop->watches[descriptor] = (struct loop_watch){0};
}

enum sk_code loop_turn(struct loop *loop, int wait_ms) {
    struct epoll_event events[LOOP_BATCH];
    int n = epoll_wait(loop->epoll, events, LOOP_BATCH, wait_ms);
    if (n < 0 && errno != EINTR) return FAIL(SK_IO, "epoll: %s", strerror(errno));
    for (int i = 0; i < n; i++) {
        const struct loop_watch *watch = &loop->watches[events[i].data.fd];
        unsigned happened = 0;
        if (events[i].events & EPOLLIN) happened |= LOOP_READ;
        if (events[i].events & EPOLLOUT) happened |= LOOP_WRITE;
        if (events[i].events & (EPOLLRDHUP | EPOLLHUP | EPOLLERR)) happened |= LOOP_HANGUP;
        if (events[i].events & (EPOLLHUP | EPOLLERR)) happened |= LOOP_GONE;
        if (watch->call) watch->call(watch->self, events[i].data.fd, happened);
    }
    return SK_OK;
}
