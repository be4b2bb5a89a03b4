#include "engine/pool.h"

#include <linux/futex.h>
#include <signal.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

// About 30 us: longer than the gap between two products of a token, shorter than a time slice.
enum { SPINS = 1000, STACK_BYTES = 1 << 20 };

static void relax(void) {
#ifdef __x86_64__
    __builtin_ia32_pause();
#endif
}

static void futex_wait(_Atomic uint32_t *word, uint32_t seen) {
    syscall(SYS_futex, word, FUTEX_WAIT_PRIVATE, seen, NULL, NULL, 0);
}

static void futex_wake(_Atomic uint32_t *word) {
    syscall(SYS_futex, word, FUTEX_WAKE_PRIVATE, INT32_MAX, NULL, NULL, 0);
}

static uint32_t ticket_end(uint64_t ticket) { return (uint32_t)(ticket >> 20) & POOL_ITEMS_MAX; }
static uint32_t ticket_next(uint64_t ticket) { return (uint32_t)ticket & POOL_ITEMS_MAX; }

// Takes items of a range until none is left: its owner from the front, who helps from the back. An
// item taken keeps its round open, so task and job, read after the taking, are that round's.
static void pool_drain(struct pool *pool, uint32_t owner, uint32_t index) {
    _Atomic uint64_t *range = &pool->range[owner].ticket;
    uint64_t ticket = atomic_load(range);
    while (ticket_next(ticket) < ticket_end(ticket)) {
        uint64_t less = owner == index ? ticket + 1 : ticket - (1 << 20);
        if (!atomic_compare_exchange_weak(range, &ticket, less)) continue;
        uint32_t items = pool->items;
        pool->task(pool->job, owner == index ? ticket_next(ticket) : ticket_end(less), index);
        if (atomic_fetch_add(&pool->done, 1) + 1 == items && atomic_load(&pool->caller_sleeps))
            futex_wake(&pool->done);
        ticket = atomic_load(range);
    }
}

static void pool_work(struct pool *pool, uint32_t index) {
    for (uint32_t i = 0; i < pool->threads; i++)
        pool_drain(pool, (index + i) % pool->threads, index);
}

static void *pool_main(void *argument) {
    struct pool_thread *thread = argument;
    struct pool *pool = thread->pool;
    uint32_t seen = 0;
    while (!atomic_load(&pool->stop)) {
        for (int i = 0; i < SPINS && atomic_load(&pool->round) == seen; i++) relax();
        if (atomic_load(&pool->round) == seen) {
            // Counted before the last look: the caller either sees the sleeper or was seen.
            atomic_fetch_add(&pool->sleepers, 1);
            if (atomic_load(&pool->round) == seen) futex_wait(&pool->round, seen);
            atomic_fetch_sub(&pool->sleepers, 1);
            continue;
        }
        seen = atomic_load(&pool->round);
        pool_work(pool, thread->index);
    }
    return NULL;
}

static void pool_wake(struct pool *pool) {
    atomic_fetch_add(&pool->round, 1);
    if (atomic_load(&pool->sleepers)) futex_wake(&pool->round);
}

enum sk_code pool_open(struct pool *pool, uint32_t threads) {
    must(threads >= 1 && threads <= POOL_THREADS_MAX);
    *pool = (struct pool){.threads = 1};
    pthread_attr_t attributes;
    sigset_t all, before;
    must(pthread_attr_init(&attributes) == 0);
    must(pthread_attr_setstacksize(&attributes, STACK_BYTES) == 0);
    sigfillset(&all);
    pthread_sigmask(SIG_BLOCK, &all, &before);
    int error = 0;
    for (; pool->threads < threads && !error; pool->threads += error == 0) {
        struct pool_thread *thread = &pool->thread[pool->threads];
        *thread = (struct pool_thread){.pool = pool, .index = pool->threads};
        error = pthread_create(&thread->id, &attributes, pool_main, thread);
    }
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    pthread_attr_destroy(&attributes);
    if (!error) return SK_OK;
    FAIL(SK_LIMIT, "cannot start thread %u of %u: %s", pool->threads, threads, strerror(error));
    pool_close(pool);
    return SK_LIMIT;
}

void pool_close(struct pool *pool) {
    if (pool->threads == 0) return;
    atomic_store(&pool->stop, true);
    pool_wake(pool);
    for (uint32_t i = 1; i < pool->threads; i++) pthread_join(pool->thread[i].id, NULL);
    pool->threads = 0;
}

void pool_run(struct pool *pool, pool_task *task, void *job, uint32_t items) {
    must(items <= POOL_ITEMS_MAX);
    if (pool->threads == 1 || items < 2) {
        for (uint32_t i = 0; i < items; i++) task(job, i, 0);
        return;
    }
    pool->task = task;
    pool->job = job;
    pool->items = items;
    atomic_store(&pool->done, 0);
    uint64_t round = (atomic_load(&pool->range[0].ticket) >> 40) + 1;
    for (uint32_t i = 0; i < pool->threads; i++) {
        uint64_t next = (uint64_t)items * i / pool->threads;
        uint64_t end = (uint64_t)items * (i + 1) / pool->threads;
        atomic_store(&pool->range[i].ticket, round << 40 | end << 20 | next);
    }
    pool_wake(pool);
    pool_work(pool, 0);
    for (int i = 0; i < SPINS && atomic_load(&pool->done) != items; i++) relax();
    atomic_store(&pool->caller_sleeps, 1);
    for (uint32_t done; (done = atomic_load(&pool->done)) != items;)
        futex_wait(&pool->done, done);
    atomic_store(&pool->caller_sleeps, 0);
}
