// The pool: every item once, whoever runs it, with more threads than cores.
#include "cmocka_all.h"

#include <stdatomic.h>
#include <string.h>
#include <unistd.h>

#include "engine/pool.h"

enum { ITEMS_MAX = 600 };

struct work {
    _Atomic uint32_t runs[ITEMS_MAX];
    _Atomic uint32_t threads_seen[POOL_THREADS_MAX];
    uint32_t threads;
    uint64_t squares[ITEMS_MAX]; // written by whoever runs the item, read after the round
};

static void count_item(void *job, uint32_t item, uint32_t thread) {
    struct work *work = job;
    must(thread < work->threads && item < ITEMS_MAX);
    atomic_fetch_add(&work->runs[item], 1);
    atomic_fetch_add(&work->threads_seen[thread], 1);
    work->squares[item] = (uint64_t)item * item;
}

static void every_item_runs_once(void **state) {
    (void)state;
    static struct pool pool;
    static struct work work;
    for (uint32_t threads = 1; threads <= 8; threads += threads == 1 ? 1 : 3) {
        assert_int_equal(pool_open(&pool, threads), SK_OK);
        memset(&work, 0, sizeof work);
        work.threads = threads;
        for (uint32_t round = 0; round < 400; round++) {
            uint32_t items = round * 7 % ITEMS_MAX;
            memset(work.squares, 0xff, sizeof work.squares);
            for (uint32_t i = 0; i < ITEMS_MAX; i++) atomic_store(&work.runs[i], 0);
            pool_run(&pool, count_item, &work, items);
            for (uint32_t i = 0; i < ITEMS_MAX; i++) {
                assert_int_equal(work.runs[i], i < items);
                assert_true(work.squares[i] == (i < items ? (uint64_t)i * i : UINT64_MAX));
            }
            if (round % 50 == 0) usleep(500); // long enough that threads fall asleep
        }
        pool_close(&pool);
    }
    pool_close(&pool); // fine on a closed one
}

static void nap(void *job, uint32_t item, uint32_t thread) {
    (void)item;
    (void)thread;
    usleep(2000);
    atomic_fetch_add((_Atomic uint32_t *)job, 1);
}

// The caller waits for the item another thread still holds.
static void the_caller_waits_for_the_last_item(void **state) {
    (void)state;
    static struct pool pool;
    assert_int_equal(pool_open(&pool, 4), SK_OK);
    for (uint32_t round = 0; round < 30; round++) {
        _Atomic uint32_t done = 0;
        pool_run(&pool, nap, &done, 5);
        assert_int_equal(done, 5);
    }
    pool_close(&pool);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_item_runs_once),
        cmocka_unit_test(the_caller_waits_for_the_last_item),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
