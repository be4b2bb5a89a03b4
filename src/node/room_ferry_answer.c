// One answer: from the envelope that border sealed to its last piece.
#include "node/room_ferry.h"

#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/log.h"
#include "base/utf8.h"
#include "base/world.h"
#include "node/job.h"
#include "node/result.h"
#include "node/sealed.h"

enum {
    ARENA_TEXT = UPSTREAM_ARENA + JOB_MAX, // of an answer that is text
    ARENA_RESULT = 8 * RESULT_MAX,         // JSON of numbers, thrice (upstream_open)
};

static struct ferry_answer *answer_find(uint64_t id) {
    for (size_t i = 0; i < ferry.answers_len; i++) {
        struct ferry_answer *answer = &ferry.answers[i];
        bool told = answer->stage == FERRY_FREE || answer->stage == FERRY_RESTING;
        if (!told && answer->id == id) return answer;
    }
    return NULL;
}

static void tell(enum msg_type type, uint64_t id, struct msg *msg) {
    ferry_gathered_tell(); // nothing overtakes
    msg->type = type;
    msg->id = id;
    if (!msg_has_descriptor(type)) msg->descriptor = -1;
    room_send(&ferry.room, ROOM_BORDER, msg);
}

// ---- the end ----
static void answer_free(struct ferry_answer *answer) {
    must(ferry.gathering != answer);
    ferry_post_stop(answer);
    if (answer->socket >= 0) close(answer->socket);
    if (answer->file.len) sealed_unmap(&answer->file);
    if (answer->stage != FERRY_RESTING) answer->place->busy--;
    ferry_place_leave(answer->place);
    if (answer->arena.max > ARENA_TEXT) arena_close(&answer->arena);
    ferry.running--;
    *answer = (struct ferry_answer){.easy = answer->easy, .arena = answer->arena, .socket = -1};
    while (ferry.answers_len && ferry.answers[ferry.answers_len - 1].stage == FERRY_FREE)
        ferry.answers_len--;
}

static void answer_wait(struct ferry_answer *answer, uint32_t wait_ms) {
    answer->until_us = ferry_now_us() + (int64_t)wait_ms * 1000;
}

// Its end was told: what is left of the transfer is read, so that the connection can serve again.
static void answer_rest(struct ferry_answer *answer) {
    if (!answer->posted) {
        answer_free(answer);
        return;
    }
    answer->stage = FERRY_RESTING;
    answer->place->busy--;
    answer_wait(answer, FERRY_REST_MS);
    if (!answer->paused) return;
    answer->paused = false;
    ferry_post_resume(answer);
}

static void fail_tell(uint64_t id, enum sk_code code, const char *text) {
    struct view view = view_of(text);
    if (!utf8_check(view)) view = VIEW("the place said why in no text");
    struct msg msg = {.as.failed = {.code = (uint8_t)code, .text = view}};
    tell(MSG_failed, id, &msg);
}

// For the operator: what came before an answer began, else its status. Never words of the answer,
// which could repeat the text.
static void fail_log(const struct ferry_answer *answer, const char *why) {
    const struct ferry_place *place = answer->place;
    if (answer->status)
        log_line(LOG_WARN, "place", "host=%s:%u status=%u", place->host, place->port,
                 answer->status);
    else
        log_line(LOG_WARN, "place", "host=%s:%u failed=\"%s\"", place->host, place->port, why);
}

static void answer_fail(struct ferry_answer *answer, enum sk_code code, const char *why) {
    char text[FERRY_TEXT_MAX];
    const struct ferry_place *place = answer->place;
    fail_log(answer, why);
    int len = snprintf(text, sizeof text, "%s:%u: %s", place->host, place->port, why);
    if (len >= (int)sizeof text) {
        struct view cut = {text, sizeof text - 1};
        text[cut.len - utf8_tail(cut)] = 0;
    }
    fail_tell(answer->id, code, text);
    answer_free(answer);
}

static void answer_end(struct ferry_answer *answer, const struct upstream_event *end) {
    uint32_t made = end->completion_tokens, thought = end->reasoning_tokens;
    struct msg msg = {.as.ended = {.completion_tokens = made > thought ? made : thought,
                                   .reasoning_tokens = thought,
                                   .reason = end->length ? END_LENGTH : END_STOP,
                                   .stop = (uint8_t)end->stop,
                                   .prompt_tokens = end->prompt_tokens,
                                   .prompt_cached = end->prompt_cached,
                                   .filtered = end->filtered}};
    tell(MSG_ended, answer->id, &msg);
}

// ---- what the place says ----
static bool result_tell(struct ferry_answer *answer, struct view result) {
    struct msg msg = {.as.result.len = (uint32_t)result.len};
    if (result.len > result_max(answer->operation) ||
        sealed_make(&result, 1, &msg.descriptor) != SK_OK)
        return false;
    tell(MSG_result, answer->id, &msg);
    close(msg.descriptor);
    return true;
}

// What goes wrong is told after what came before it, and outside of libcurl's call. An answer that
// is too long is the place's fault, no limit of the client's.
static void answer_keep(struct ferry_answer *answer, enum sk_code code) {
    if (answer->code != SK_OK || code == SK_OK) return;
    answer->code = code == SK_LIMIT ? SK_CORRUPT : code;
    snprintf(answer->text, sizeof answer->text, "%s", fail_text());
}

// Tells what was read, as far as it is granted. False: the end was told; the row may be free.
static bool answer_drain(struct ferry_answer *answer) {
    while (answer->waits || upstream_next(answer->reader, &answer->event)) {
        struct upstream_event *event = &answer->event;
        answer->waits = event->type == UPSTREAM_PIECE && !ferry_gather(answer);
        if (answer->waits) return true;
        if (event->type == UPSTREAM_PIECE) continue;
        if (event->type == UPSTREAM_RESULT && !result_tell(answer, event->result)) {
            answer_keep(answer, FAIL(SK_CORRUPT, "its result is too long"));
        }
        if (event->type != UPSTREAM_END || answer->code != SK_OK) continue;
        answer_end(answer, event);
        answer_rest(answer);
        return false;
    }
    return true;
}

// All bytes are there and what they brought so far is told: the rest of it.
static void answer_last(struct ferry_answer *answer) {
    if (answer->code == SK_OK) answer_keep(answer, upstream_push(answer->reader, VIEW(""), true));
    if (answer->stage == FERRY_ANSWERING && (!answer_drain(answer) || answer->waits)) return;
    if (answer->code == SK_OK) answer_keep(answer, FAIL(SK_CORRUPT, "its answer has no end"));
    bool told = answer->status != 200 || ferry_discreet(answer, view_of(answer->text));
    answer_fail(answer, answer->code, told ? answer->text : "the place broke its answer off");
}

// An operator sees 30 days ahead what ends, once a day.
static void certificate_warn(struct ferry_place *place, int64_t until_s) {
    enum { DAY_S = 86400, DAYS = 30 };
    struct world world = world_real(-1);
    int64_t now_s = world.clock_ms(world.self) / 1000, days = (until_s - now_s) / DAY_S;
    if (!until_s || days >= DAYS || place->warned_day == now_s / DAY_S) return;
    place->warned_day = now_s / DAY_S;
    log_line(LOG_WARN, "expires", "what=\"certificate of %s:%u in %lld days\"", place->host,
             place->port, (long long)days);
}

static void carried_tell(struct ferry_answer *answer) {
    struct ferry_peer peer;
    ferry_post_peer(answer, &peer);
    struct msg msg = {.as.carried = {.address = {(const char *)peer.address, sizeof peer.address},
                                     .status = answer->status,
                                     .until_s = (uint64_t)peer.until_s}};
    memcpy(msg.as.carried.spki, peer.spki, HASH_LEN);
    certificate_warn(answer->place, peer.until_s);
    tell(MSG_carried, answer->id, &msg);
}

// From inside libcurl's call; the transfer then ends, and is told as received.

bool ferry_head(struct ferry_answer *answer, struct view line) {
    answer->head_len += line.len;
    if (answer->head_len > FERRY_HEADER_MAX) {
        answer_keep(answer,
                    FAIL(SK_CORRUPT, "its answer's head is over %d bytes", FERRY_HEADER_MAX));
        return false;
    }
    bool over = view_is(line, "\r\n") || view_is(line, "\n");
    if (!over || answer->stage != FERRY_POSTING) return true;
    long status = 0;
    curl_easy_getinfo(answer->easy.curl, CURLINFO_RESPONSE_CODE, &status);
    if (status < 200) return true; // an interim answer
    answer->status = (unsigned)status;
    answer->stage = status == 200 && !answer->plain ? FERRY_ANSWERING : FERRY_FAILING;
    answer_wait(answer, ferry.wait_ms);
    if (answer->plain) return true;
    carried_tell(answer);
    return true;
}

static size_t body_failing(struct ferry_answer *answer, struct view bytes) {
    size_t room = answer->error.max - answer->error.len;
    buf_put(&answer->error, bytes.at, bytes.len < room ? bytes.len : room);
    return bytes.len < room ? bytes.len : 0; // of an endless one, the beginning will do
}

size_t ferry_body(struct ferry_answer *answer, struct view bytes) {
    if (answer->waits) {
        answer->paused = true;
        return CURL_WRITEFUNC_PAUSE;
    }
    answer->body_len += bytes.len;
    if (answer->stage == FERRY_RESTING) return bytes.len;
    if (answer->stage == FERRY_FAILING) return body_failing(answer, bytes);
    answer_wait(answer, ferry.wait_ms);
    enum sk_code code = SK_OK;
    if (answer->body_len > FERRY_BODY_MAX)
        code = FAIL(SK_CORRUPT, "its answer is over %d bytes", FERRY_BODY_MAX);
    else
        code = upstream_push(answer->reader, bytes, false);
    if (code != SK_OK) answer_keep(answer, code);
    answer_drain(answer);
    return answer->code == SK_OK ? bytes.len : 0;
}

// ---- the transfer is over ----
static void status_fails(struct ferry_answer *answer) {
    char why[UPSTREAM_MESSAGE_MAX + 1] = "", text[FERRY_TEXT_MAX];
    enum sk_code code = SK_CORRUPT;
    if (answer->status >= 400)
        code = upstream_failed(answer->status, buf_view(&answer->error), &answer->arena, why);
    else
        snprintf(why, sizeof why, "neither an answer nor an error; redirects are not followed");
    struct view words = view_of(why);
    if (code == SK_DENIED || !ferry_discreet(answer, words)) words.len = 0;
    snprintf(text, sizeof text, "status %u%s%.*s", answer->status, words.len ? ": " : "",
             (int)words.len, words.at);
    answer_fail(answer, code, text);
}

// Of a post: what the place said, all of it or nothing.
static void posted_tell(struct ferry_answer *answer, CURLcode result) {
    struct view body = buf_view(&answer->error);
    struct msg msg = {.as.posted = {.status = (uint16_t)answer->status, .len = (uint32_t)body.len}};
    if (result != CURLE_OK || sealed_make(&body, 1, &msg.descriptor) != SK_OK) {
        answer_fail(answer, SK_CORRUPT, "its answer breaks off, or is too long");
        return;
    }
    tell(MSG_posted, answer->id, &msg);
    close(msg.descriptor);
    answer_free(answer);
}

static enum sk_code code_of(CURLcode result) {
    switch (result) {
    case CURLE_SSL_PINNEDPUBKEYNOTMATCH:
    case CURLE_PEER_FAILED_VERIFICATION:
    case CURLE_SSL_CONNECT_ERROR:
    case CURLE_SSL_CACERT_BADFILE:
    case CURLE_SSL_CERTPROBLEM:
    case CURLE_SSL_CIPHER:
        return SK_DENIED;
    case CURLE_WEIRD_SERVER_REPLY:
    case CURLE_UNSUPPORTED_PROTOCOL:
    case CURLE_BAD_CONTENT_ENCODING:
        return SK_CORRUPT;
    case CURLE_OUT_OF_MEMORY:
        return SK_LIMIT;
    default:
        return SK_GONE;
    }
}

static const char *why_of(const struct ferry_answer *answer, CURLcode result) {
    if (result == CURLE_SSL_PINNEDPUBKEYNOTMATCH) return "its key is none of the pins";
    return answer->curl_text[0] ? answer->curl_text : curl_easy_strerror(result);
}

static void answer_dial(struct ferry_answer *answer) {
    struct msg msg = {.type = MSG_dial, .id = ++ferry.next_dial, .descriptor = -1};
    memcpy(msg.as.dial.place, answer->place->name, HASH_LEN);
    answer->dial_id = msg.id;
    answer->easy.place = 0; // it may have been tried already
    answer->stage = FERRY_DIALLING;
    if (!room_send(&ferry.room, ROOM_DIAL, &msg))
        answer_fail(answer, SK_GONE, "dial is being restarted");
}

void ferry_received(struct ferry_answer *answer, CURLcode result) {
    bool untouched = answer->stage == FERRY_POSTING && answer->head_len == 0;
    if (answer->stage == FERRY_RESTING) {
        answer_free(answer);
    } else if (answer->lacks && untouched) {
        answer_dial(answer);
    } else if (answer->stage == FERRY_FAILING && answer->plain) {
        posted_tell(answer, result);
    } else if (answer->stage == FERRY_FAILING) {
        status_fails(answer);
    } else if (answer->code == SK_OK && result != CURLE_OK) {
        enum sk_code code = code_of(result);
        answer->received = true;
        answer_keep(answer, FAIL(code, "%s", why_of(answer, result)));
        if (!answer->waits) answer_last(answer);
    } else {
        answer->received = true;
        if (answer->stage != FERRY_ANSWERING) answer_keep(answer, FAIL(SK_CORRUPT, "no answer"));
        if (!answer->waits) answer_last(answer);
    }
}

// ---- the beginning ----
static enum sk_code answer_read(struct ferry_answer *answer, const struct msg *msg) {
    const struct msg_run *run = &msg->as.run;
    struct gate_task task;
    size_t len = (size_t)run->job_at + run->job_len;
    bool text = !result_gives((enum gate_operation)run->operation);
    size_t needs = text ? ARENA_TEXT : ARENA_RESULT;
    if (answer->arena.max < needs) {
        arena_close(&answer->arena);
        TRY(arena_open(&answer->arena, "answer", needs));
    }
    arena_reset(&answer->arena);
    if (len > JOB_FILE_MAX) return FAIL(SK_LIMIT, "envelope: too long");
    TRY(sealed_map(msg->descriptor, len, &answer->file));
    answer->envelope = (struct view){answer->file.at + run->job_at, run->job_len};
    TRY(job_read((struct view){answer->file.at, run->job_at}, &answer->arena, &task));
    if (task.operation != run->operation) return FAIL(SK_CORRUPT, "job: of another operation");
    answer->operation = task.operation;
    char *error = arena_take_raw(&answer->arena, FERRY_ERROR_MAX, 1);
    if (!error) return SK_LIMIT;
    answer->error = buf_over(error, FERRY_ERROR_MAX);
    return upstream_open(answer->place->kind, &task, &answer->arena, &answer->reader);
}

static struct ferry_answer *answer_row(void) {
    for (size_t i = 0; i < ferry.answers_len; i++)
        if (ferry.answers[i].stage == FERRY_FREE) return &ferry.answers[i];
    return ferry.answers_len < FERRY_ANSWERS_MAX ? &ferry.answers[ferry.answers_len++] : NULL;
}

// NULL: why there is none was told.
static struct ferry_answer *answer_begin(uint64_t id, const uint8_t name[HASH_LEN], bool plain) {
    struct ferry_place *place = ferry_place_find(name);
    struct ferry_answer *answer = answer_row();
    if (!place || place->witness != plain) {
        fail_tell(id, SK_GONE, "the place is not in the list any more, or cannot be used");
        return NULL;
    }
    if (!answer || place->busy >= place->parallel) {
        fail_tell(id, SK_BUSY, "as many answers as it may give at once are under way there");
        return NULL;
    }
    int64_t now = ferry_now_us();
    answer->id = id;
    answer->place = place;
    answer->plain = plain;
    answer->stage = FERRY_POSTING;
    answer->until_us = now + (int64_t)place->timeout_ms * 1000;
    answer->total_us = now + (int64_t)FERRY_TOTAL_MS * 1000;
    place->running++;
    place->busy++;
    ferry.running++;
    return answer;
}

static void answer_go(struct ferry_answer *answer, enum sk_code code) {
    char why[FERRY_TEXT_MAX];
    if (code == SK_OK) code = ferry_post(answer);
    if (code == SK_OK) return;
    snprintf(why, sizeof why, "%s", fail_text());
    answer_fail(answer, code, why);
}

void ferry_run(struct msg *msg) {
    struct ferry_answer *answer = answer_begin(msg->id, msg->as.run.place, false);
    if (answer) answer_go(answer, answer_read(answer, msg));
}

static enum sk_code post_read(struct ferry_answer *answer, const struct msg *msg) {
    if (answer->arena.max == 0) TRY(arena_open(&answer->arena, "answer", ARENA_TEXT));
    arena_reset(&answer->arena);
    if (msg->as.post.len > WITNESS_FILE_MAX) return FAIL(SK_LIMIT, "post: too long");
    TRY(sealed_map(msg->descriptor, msg->as.post.len, &answer->file));
    answer->envelope = answer->file;
    answer->operation = GATE_OPS; // none: libcurl's handle is set anew
    char *bytes = arena_take_raw(&answer->arena, FERRY_ERROR_MAX, 1);
    if (!bytes) return SK_LIMIT;
    answer->error = buf_over(bytes, FERRY_ERROR_MAX);
    return SK_OK;
}

void ferry_post_arrives(struct msg *msg) {
    struct ferry_answer *answer = answer_begin(msg->id, msg->as.post.place, true);
    if (answer) answer_go(answer, post_read(answer, msg));
}

// By the kernel's word, not by dial's.
static bool is_here(int socket) {
    struct sockaddr_storage peer = {0};
    socklen_t len = sizeof peer;
    if (getpeername(socket, (struct sockaddr *)&peer, &len) != 0) return false;
    const struct sockaddr_in *four = (struct sockaddr_in *)&peer;
    const struct sockaddr_in6 *six = (struct sockaddr_in6 *)&peer;
    if (peer.ss_family == AF_INET) return ntohl(four->sin_addr.s_addr) >> 24 == IN_LOOPBACKNET;
    return peer.ss_family == AF_INET6 && IN6_IS_ADDR_LOOPBACK(&six->sin6_addr);
}

static struct ferry_answer *answer_dialling(uint64_t dial_id) {
    for (size_t i = 0; i < ferry.answers_len; i++) {
        struct ferry_answer *answer = &ferry.answers[i];
        if (answer->stage == FERRY_DIALLING && answer->dial_id == dial_id) return answer;
    }
    return NULL;
}

void ferry_dialled(struct msg *msg) {
    struct ferry_answer *answer = answer_dialling(msg->id);
    if (!answer) return; // cancelled meanwhile: the socket is closed with the message
    if (!answer->place->pins[0] && !is_here(msg->descriptor)) {
        answer_fail(answer, SK_DENIED, "without a pin only to this machine");
        return;
    }
    answer->socket = msg->descriptor;
    msg->descriptor = -1;
    answer->stage = FERRY_POSTING;
    if (ferry_post(answer) != SK_OK) answer_fail(answer, SK_LIMIT, "libcurl: no memory");
}

void ferry_undialled(const struct msg *msg) {
    struct ferry_answer *answer = answer_dialling(msg->id);
    char text[FERRY_TEXT_MAX];
    struct view why = msg->as.undialled.text;
    snprintf(text, sizeof text, "%.*s", (int)why.len, why.at);
    if (answer) answer_fail(answer, SK_GONE, text);
}

void ferry_dial_lost(void) {
    for (size_t i = 0; i < ferry.answers_len; i++)
        if (ferry.answers[i].stage == FERRY_DIALLING)
            answer_fail(&ferry.answers[i], SK_GONE, "dial is being restarted");
}

// ---- under way ----
void ferry_grant(uint64_t id, uint32_t pieces) {
    struct ferry_answer *answer = answer_find(id);
    if (!answer) return; // it ended while the grant travelled
    if (__builtin_add_overflow(answer->grants, pieces, &answer->grants))
        answer->grants = UINT32_MAX;
    if (answer->stage != FERRY_ANSWERING || !answer->waits) return;
    answer_wait(answer, ferry.wait_ms);
    if (!answer_drain(answer) || answer->waits) return;
    if (answer->received) {
        answer_last(answer);
    } else if (answer->paused) {
        answer->paused = false;
        ferry_post_resume(answer);
    }
    ferry_gathered_tell();
}

void ferry_cancel(uint64_t id) {
    struct ferry_answer *answer = answer_find(id);
    if (!answer) return;
    struct msg msg = {.as.ended = {.completion_tokens = answer->tokens,
                                   .reason = END_CANCELLED,
                                   .stop = ENGINE_NO_STOP}};
    tell(MSG_ended, answer->id, &msg);
    answer_free(answer);
}

void ferry_deadlines(int64_t now_us) {
    for (size_t i = 0; i < ferry.answers_len; i++) {
        struct ferry_answer *answer = &ferry.answers[i];
        bool late = !answer->waits && now_us > answer->until_us;
        if (answer->stage == FERRY_FREE || (!late && now_us <= answer->total_us)) continue;
        if (answer->stage == FERRY_RESTING)
            answer_free(answer);
        else if (now_us > answer->total_us)
            answer_fail(answer, SK_GONE, "its answer takes too long");
        else
            answer_fail(answer, SK_GONE,
                        answer->status ? "its answer stopped coming" : "no answer in time");
    }
}
