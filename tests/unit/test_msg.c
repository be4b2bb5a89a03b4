// Messages, links and sealed files, through their doors.
#include "cmocka_all.h"

#include "node/link.h"
#include "node/sealed.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

static const struct msg_edge gate_to_border = {ROOM_GATE, ROOM_BORDER, LINK_LIVE};

static struct msg a_refusal(void) {
    struct msg msg = {.type = MSG_refuse, .id = 77, .descriptor = -1};
    msg.as.refuse = (struct msg_refuse){.status = 429,
                                        .retry_after_s = 3,
                                        .type = VIEW("rate_limit_error"),
                                        .code = VIEW("queue_full"),
                                        .text = VIEW("待ってください")};
    return msg;
}

static void a_message_comes_back_equal(void **state) {
    (void)state;
    char storage[MSG_MAX];
    struct buf out = buf_over(storage, sizeof storage);
    struct msg sent = a_refusal(), got;
    assert_int_equal(msg_put(&sent, &out), SK_OK);
    struct msg_edge edge = {ROOM_BORDER, ROOM_GATE, LINK_LIVE};
    assert_int_equal(msg_take(buf_view(&out), edge, false, &got), SK_OK);
    assert_int_equal(got.type, MSG_refuse);
    assert_int_equal(got.id, 77);
    assert_int_equal(got.as.refuse.status, 429);
    assert_int_equal(got.as.refuse.retry_after_s, 3);
    assert_true(view_same(got.as.refuse.text, sent.as.refuse.text));
    assert_int_equal(got.as.refuse.param.len, 0);
}

static void every_breach_is_refused(void **state) {
    (void)state;
    char storage[MSG_MAX];
    struct buf out = buf_over(storage, sizeof storage);
    struct msg sent = a_refusal(), got;
    assert_int_equal(msg_put(&sent, &out), SK_OK);
    struct msg_edge right = {ROOM_BORDER, ROOM_GATE, LINK_LIVE};
    struct msg_edge early = {ROOM_BORDER, ROOM_GATE, LINK_SETUP};
    struct view whole = buf_view(&out);
    assert_int_equal(msg_take(whole, gate_to_border, false, &got), SK_CORRUPT); // direction
    assert_int_equal(msg_take(whole, early, false, &got), SK_CORRUPT);          // state
    assert_int_equal(msg_take(whole, right, true, &got), SK_CORRUPT);           // descriptor
    for (size_t len = 0; len < whole.len; len++)
        assert_int_equal(msg_take((struct view){whole.at, len}, right, false, &got), SK_CORRUPT);
    buf_put_char(&out, 0);
    assert_int_equal(msg_take(buf_view(&out), right, false, &got), SK_CORRUPT); // left over
    out.at[0] = (char)0xff;
    assert_int_equal(msg_take(whole, right, false, &got), SK_CORRUPT); // unknown type
}

static bool legal(struct msg *msg, enum room from, enum room to) {
    char storage[MSG_MAX];
    struct buf out = buf_over(storage, sizeof storage);
    struct msg got;
    assert_int_equal(msg_put(msg, &out), SK_OK);
    struct msg_edge edge = {from, to, LINK_LIVE};
    return msg_take(buf_view(&out), edge, msg_has_descriptor(msg->type), &got) == SK_OK;
}

static void engine_and_ferry_answer_alike(void **state) {
    (void)state;
    struct msg piece = {.type = MSG_piece}, begun = {.type = MSG_begun}, run = {.type = MSG_run},
               carried = {.type = MSG_carried}, dial = {.type = MSG_dial};
    for (enum room room = ROOM_PARENT; room < ROOM_COUNT; room++) {
        bool worker = room == ROOM_ENGINE || room == ROOM_FERRY;
        assert_int_equal(legal(&piece, room, ROOM_BORDER), worker);
        assert_int_equal(legal(&run, ROOM_BORDER, room), worker);
        assert_int_equal(legal(&begun, room, ROOM_BORDER), room == ROOM_ENGINE);
        assert_int_equal(legal(&carried, room, ROOM_BORDER), room == ROOM_FERRY);
        assert_int_equal(legal(&dial, room, ROOM_DIAL), room == ROOM_FERRY);
    }
}

static void a_text_over_its_maximum_is_not_sent(void **state) {
    (void)state;
    static char long_text[2000];
    char storage[MSG_MAX];
    struct buf out = buf_over(storage, sizeof storage);
    struct msg msg = a_refusal();
    msg.as.refuse.text = (struct view){long_text, sizeof long_text};
    assert_int_equal(msg_put(&msg, &out), SK_LIMIT);
}

static void links_carry_descriptors_and_never_block(void **state) {
    (void)state;
    int sockets[2];
    struct link gate, border;
    assert_int_equal(link_pair(sockets), SK_OK);
    assert_int_equal(link_open(&gate, sockets[0], ROOM_GATE, ROOM_BORDER, LINK_LIVE), SK_OK);
    assert_int_equal(link_open(&border, sockets[1], ROOM_BORDER, ROOM_GATE, LINK_LIVE), SK_OK);
    struct view parts[] = {VIEW("job"), VIEW("body")};
    struct msg ask = {.type = MSG_ask};
    assert_int_equal(sealed_make(parts, 2, &ask.descriptor), SK_OK);
    ask.as.ask = (struct msg_ask){.job_len = 3, .body_len = 4};
    // Far more than the socket takes: the rest waits in the link and loses nothing.
    enum { MANY = 3000 };
    for (uint64_t i = 0; i < MANY; i++) {
        ask.id = i;
        assert_int_equal(link_send(&gate, &ask), SK_OK);
    }
    assert_true(link_waits(&gate));
    static char storage[MSG_MAX];
    for (uint64_t i = 0; i < MANY; i++) {
        struct msg got;
        enum sk_code code = link_receive(&border, storage, &got);
        if (code == SK_BUSY) {
            assert_int_equal(link_flush(&gate), SK_OK);
            code = link_receive(&border, storage, &got);
        }
        assert_int_equal(code, SK_OK);
        assert_int_equal(got.id, i);
        struct view body;
        assert_int_equal(sealed_map(got.descriptor, 7, &body), SK_OK);
        assert_true(view_is(body, "jobbody"));
        sealed_unmap(&body);
        close(got.descriptor);
    }
    close(ask.descriptor);
    link_close(&gate);
    struct msg got;
    assert_int_equal(link_receive(&border, storage, &got), SK_GONE);
    link_close(&border);
}

static void a_full_queue_is_a_limit(void **state) {
    (void)state;
    int sockets[2];
    struct link gate;
    assert_int_equal(link_pair(sockets), SK_OK);
    assert_int_equal(link_open(&gate, sockets[0], ROOM_BORDER, ROOM_GATE, LINK_LIVE), SK_OK);
    static char text[16000];
    memset(text, 'a', sizeof text);
    struct msg chunk = {.type = MSG_chunk, .descriptor = -1};
    chunk.as.chunk.parts = (struct view){text, sizeof text};
    enum sk_code code = SK_OK;
    int sent = 0;
    for (; sent < 100000 && code == SK_OK; sent++) code = link_send(&gate, &chunk);
    assert_int_equal(code, SK_LIMIT);
    assert_in_range(sent, LINK_QUEUE_MAX / MSG_MAX, 2 * (LINK_QUEUE_MAX + (1 << 21)) / 16000);
    link_close(&gate);
    close(sockets[1]);
}

static void what_is_not_sealed_is_refused(void **state) {
    (void)state;
    struct view out, part = VIEW("text");
    int open_file = memfd_create("test", MFD_ALLOW_SEALING);
    assert_int_equal(write(open_file, "text", 4), 4);
    assert_int_equal(sealed_map(open_file, 4, &out), SK_CORRUPT);
    assert_int_equal(fcntl(open_file, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW), 0);
    assert_int_equal(sealed_map(open_file, 4, &out), SK_CORRUPT); // still writable
    close(open_file);
    int sealed;
    assert_int_equal(sealed_make(&part, 1, &sealed), SK_OK);
    assert_int_equal(sealed_map(sealed, 5, &out), SK_CORRUPT); // another size
    assert_int_equal(write(sealed, "x", 1), -1);
    close(sealed);
}

// Small files are copied and large ones mapped: whoever reads them cannot tell.
static void a_sealed_file_reads_alike_at_any_size(void **state) {
    (void)state;
    static char text[3 << 16];
    static const size_t sizes[] = {0, 1, 4096, (1 << 16) - 1, 1 << 16, (1 << 16) + 1, 3 << 16};
    for (size_t i = 0; i < sizeof text; i++)
        text[i] = (char)(i * 2654435761u >> 13);
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        size_t half = sizes[i] / 2;
        struct view parts[] = {{text, half}, VIEW(""), {text + half, sizes[i] - half}}, out;
        int sealed;
        assert_int_equal(sealed_make(parts, 3, &sealed), SK_OK);
        for (int twice = 0; twice < 2; twice++) { // from its beginning each time
            assert_int_equal(sealed_map(sealed, sizes[i], &out), SK_OK);
            assert_true(view_same(out, (struct view){text, sizes[i]}));
            sealed_unmap(&out);
            assert_int_equal(out.len, 0);
        }
        assert_int_equal(sealed_map_any(sealed, sizes[i] + 1, &out), sizes[i] ? SK_OK : SK_CORRUPT);
        sealed_unmap(&out);
        if (sizes[i]) assert_int_equal(sealed_map_any(sealed, sizes[i] - 1, &out), SK_CORRUPT);
        close(sealed);
    }
}

// A peer that is always a little behind: what was sent must not count against what may wait.
static void a_queue_that_never_empties_does_not_fill(void **state) {
    (void)state;
    static char storage[MSG_MAX];
    char text[16384];
    int sockets[2];
    struct link border, gate;
    struct msg chunk = {.type = MSG_chunk, .descriptor = -1}, got;
    memset(text, 'x', sizeof text);
    chunk.as.chunk = (struct msg_chunk){.parts = {text, sizeof text}};
    assert_int_equal(link_pair(sockets), SK_OK);
    assert_int_equal(link_open(&border, sockets[0], ROOM_BORDER, ROOM_GATE, LINK_LIVE), SK_OK);
    assert_int_equal(link_open(&gate, sockets[1], ROOM_GATE, ROOM_BORDER, LINK_LIVE), SK_OK);
    uint64_t sent = 0, received = 0;
    while (border.queue.len - border.queue_at < 1 << 20) {
        chunk.id = ++sent;
        assert_int_equal(link_send(&border, &chunk), SK_OK);
    }
    while (sent * sizeof text < 4 * (size_t)LINK_QUEUE_MAX) {
        chunk.id = ++sent;
        assert_int_equal(link_send(&border, &chunk), SK_OK);
        assert_int_equal(link_receive(&gate, storage, &got), SK_OK);
        assert_int_equal(got.id, ++received);
        assert_int_equal(link_flush(&border), SK_OK);
        assert_true(link_waits(&border));
    }
    while (received < sent) {
        assert_int_equal(link_receive(&gate, storage, &got), SK_OK);
        assert_int_equal(got.id, ++received);
        assert_int_equal(link_flush(&border), SK_OK);
    }
    link_close(&border);
    link_close(&gate);
}

// Who goes while something sent to it is still unread makes the other side an error first.
static void last_words_are_heard(void **state) {
    (void)state;
    int sockets[2];
    char storage[MSG_MAX];
    struct link border, parent;
    struct msg stopped = {.type = MSG_stopped, .descriptor = -1}, got;
    struct msg stop = {.type = MSG_stop, .descriptor = -1};
    assert_int_equal(link_pair(sockets), SK_OK);
    assert_int_equal(link_open(&border, sockets[0], ROOM_BORDER, ROOM_PARENT, LINK_LIVE), SK_OK);
    assert_int_equal(link_open(&parent, sockets[1], ROOM_PARENT, ROOM_BORDER, LINK_LIVE), SK_OK);
    assert_int_equal(link_send(&border, &stopped), SK_OK);
    assert_int_equal(link_send(&parent, &stop), SK_OK);
    link_close(&border);
    assert_int_equal(link_receive(&parent, storage, &got), SK_OK);
    assert_int_equal(got.type, MSG_stopped);
    assert_int_equal(link_receive(&parent, storage, &got), SK_GONE);
    link_close(&parent);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_message_comes_back_equal),
        cmocka_unit_test(every_breach_is_refused),
        cmocka_unit_test(engine_and_ferry_answer_alike),
        cmocka_unit_test(a_text_over_its_maximum_is_not_sent),
        cmocka_unit_test(links_carry_descriptors_and_never_block),
        cmocka_unit_test(a_full_queue_is_a_limit),
        cmocka_unit_test(what_is_not_sealed_is_refused),
        cmocka_unit_test(a_sealed_file_reads_alike_at_any_size),
        cmocka_unit_test(a_queue_that_never_empties_does_not_fill),
        cmocka_unit_test(last_words_are_heard),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
