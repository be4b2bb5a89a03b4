// The border room between rooms that fail and lie: many seeds, and never an unjudged byte outside.
//
// A run is some requests whose texts hold e-mail addresses and My Numbers, a policy that changes,
// and rooms that answer late, wrongly, twice or not at all, and fall at any message. After every
// message must hold:
//   - what leaves for ferry is the envelope of a sealed decision, for the place it names, and holds
//     no My Number, and no address that was to be masked; of a broken detector nothing leaves
//   - the client gets nothing before its decision is sealed, no more than it gave credit for, and
//     no protected value that its policy keeps from it
//   - every open leaf closes, numbers have no gap, and in the end nothing is held
//
//   sim_border [runs [seed]]             a failure prints its seed: sim_border 1 <seed> repeats it
#include "sim_border.h"

#include "base/json.h"
#include "node/piece.h"
#include "node/sealed.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { RUNS = 100000, ASKS = 8, JOBS = 64, LEAVES_MAX = 4096 };

static const char *const numbers[] = {"123456789018", "983205673214"};
static const char *const mails[] = {"taro@example.jp", "hanako.suzuki@hospital.example.jp"};

#define PLACE(id, country, address)                                                                \
    "  - id: " id "\n    country: " country "\n    operator: X\n    operator_home: " country "\n"  \
    "    processing: single-region\n    url: https://" id ".example/v1\n"                          \
    "    models: [m]\n    addresses: [" address                                                    \
    "]\n    contract: C\n    contract_until: 2099-01-01\n"                                         \
    "    spki_sha256: [\"n9C2QmJm0m9o1Yf5o4ZkJ0aVbH3rT6wP8sL7xE2dK0A=\"]\n"
#define CONTACT(reach) "{detect: [email], reach: " reach ", masked_reach: listed}"
#define POLICY(contact, extra, client)                                                             \
    "format: 1\nname: sim\nhome: JP\nunknown: node\non_detector_error: block\n"                    \
    "classes:\n"                                                                                   \
    "  my_number: {detect: [jp.mynumber" extra "], reach: node, consent: cannot, masked_reach: "   \
    "node}\n"                                                                                      \
    "  contact: " contact "\n"                                                                     \
    "  open: {detect: [], reach: listed}\n"                                                        \
    "places:\n" PLACE("near", "JP", "203.0.113.1")                                                 \
        PLACE("far", "DE", "203.0.113.2") "routes:\n"                                              \
                                          "  - model: away\n    reach: listed\n    to: [{place: "  \
                                          "near, model: m}, {place: far, model: "                  \
                                          "m, rank: 1}]\n"                                         \
                                          "  - model: either\n    reach: country\n    to: "        \
                                          "[{place: near, model: m}, {place: node, "               \
                                          "model: here, rank: 1}]\n"                               \
                                          "tenants:\n  - {id: default, home: JP, labels: [open, "  \
                                          "contact], consent_max: listed}\n"                       \
                                          "clients:\n  - {network: 192.0.2.0/24, reach: " client   \
                                          "}\n"

static const struct {
    const char *text;
} policies[] = {
    {POLICY(CONTACT("node"), "", "node")},             // the address is masked wherever it goes
    {POLICY(CONTACT("country"), "", "listed")},        // it may go near, and not to the client
    {POLICY(CONTACT("node"), ", jp.address", "node")}, // a detector without its file
    {POLICY("{detect: []}", "", "node")},              // nothing looks for addresses
};
enum { POLICIES = sizeof policies / sizeof *policies };

// What the made-up rooms know of a request and of a job.
struct request {
    bool used, accepted, over;
    uint64_t id;
    uint32_t credits, chunks;
    char said[8192]; // by the border, of content
    size_t said_len;
};
struct job {
    bool used, away, begun;
    uint64_t id;
    uint32_t grants;
    char token[64]; // a mask of its envelope, if there is one
};

static struct request requests[ASKS];
static struct job jobs[JOBS];
static struct {
    uint64_t len;
    bool open[LEAVES_MAX], closed[LEAVES_MAX]; // by index
} ledger;
static uint32_t numbers_given;
static uint64_t next_request;
static struct totals {
    uint64_t asked, left, away, here, refused, chunks, lost, dropped, restored;
} totals;

static bool holds(struct view text, const char *word) {
    size_t len = strlen(word);
    for (size_t i = 0; i + len <= text.len; i++)
        if (memcmp(text.at + i, word, len) == 0) return true;
    return false;
}

// ---- gate ----

static struct request *request_find(uint64_t id) {
    for (size_t i = 0; i < ASKS; i++)
        if (requests[i].used && requests[i].id == id) return &requests[i];
    return NULL;
}

static void words_put(struct json_writer *w) {
    static const char *const plain[] = {"京都の天気は？", "予定を教えてください。", "a b c"};
    static char text[20000];
    struct buf out = buf_over(text, sizeof text);
    if (stage_chance(16) == 0) // more than is scanned at once
        while (out.len < sizeof text - 512)
            buf_print(&out, "%s", plain[out.len % 3]);
    for (uint64_t n = 1 + stage_chance(3); n > 0; n--)
        switch (stage_chance(3)) {
        case 0:
            buf_print(&out, "個人番号は%s です。", numbers[stage_chance(2)]);
            break;
        case 1:
            buf_print(&out, "連絡は %s まで。", mails[stage_chance(2)]);
            break;
        default:
            buf_print(&out, "%s", plain[stage_chance(3)]);
            break;
        }
    json_put_string(w, buf_view(&out));
}

static int body_make(struct msg_ask *ask) {
    static char storage[1 << 16], written[1 << 16];
    struct buf data = buf_over(storage, sizeof storage), job = buf_over(written, sizeof written);
    struct json_writer w = json_writer_to(&data);
    json_open(&w, '{');
    json_name(&w, "messages");
    json_open(&w, '[');
    for (uint64_t n = 1 + stage_chance(2); n > 0; n--) {
        json_open(&w, '{');
        json_member_text(&w, "role", "user");
        json_name(&w, "content");
        words_put(&w);
        json_close(&w, '}');
    }
    json_close(&w, ']');
    json_member_u64(&w, "a number", 7);
    json_close(&w, '}');
    struct gate_task task = {.operation = GATE_OP_CHAT};
    task.job.template_data = buf_view(&data);
    task.job.tokens_max = 16;
    task.job.sampling.temperature = 1;
    task.job.sampling.top_p = 1;
    if (job_write(&task, &job) != SK_OK) stage_broken("no job");
    struct view parts[] = {VIEW("{}"), buf_view(&job)};
    int file;
    bool fails = stage.memory_fails;
    stage.memory_fails = false; // of gate's own it is not the matter
    if (sealed_make(parts, 2, &file) != SK_OK) stage_broken("no body");
    stage.memory_fails = fails;
    ask->body_len = ask->job_at = 2;
    ask->job_len = (uint32_t)job.len;
    return file;
}

static void gate_asks(void) {
    static const char *const models[] = {"here", "away", "away", "either", "none"};
    static const char *const labels[] = {"", "open", "open", "contact", "open", "my_number", "x,"};
    static const char *const consents[] = {"", "", "", "country", "listed", "world", "?"};
    struct request *request = NULL;
    for (size_t i = 0; i < ASKS && !request; i++)
        if (!requests[i].used) request = &requests[i];
    if (!request) return;
    *request = (struct request){.used = true, .id = ++next_request};
    uint8_t client[16] = {[10] = 0xff, [11] = 0xff, 192, 0, 2, 7};
    request->credits = (uint32_t)stage_chance(12);
    struct msg msg = {.type = MSG_ask, .id = request->id};
    msg.as.ask = (struct msg_ask){.model = view_of(models[stage_chance(5)]),
                                  .operation = GATE_OP_CHAT,
                                  .credit = request->credits,
                                  .tokens_max = 16,
                                  .client = {(const char *)client, 16},
                                  .label = view_of(labels[stage_chance(7)]),
                                  .consent = view_of(consents[stage_chance(7)])};
    msg.descriptor = body_make(&msg.as.ask);
    totals.asked++;
    stage_send(ROOM_GATE, &msg);
}

static void gate_more(void) {
    struct request *request = &requests[stage_chance(ASKS)];
    if (!request->used || request->over) return;
    if (stage_chance(6) > 0) {
        struct msg credit = {.type = MSG_credit, .id = request->id, .descriptor = -1};
        credit.as.credit.chunks = (uint32_t)stage_chance(4);
        request->credits += credit.as.credit.chunks;
        stage_send(ROOM_GATE, &credit);
        return;
    }
    struct msg leave = {.type = MSG_leave, .id = request->id, .descriptor = -1};
    *request = (struct request){0};
    totals.left++;
    stage_send(ROOM_GATE, &leave);
}

// Whether the policy that decided on it lets its client see an e-mail address in clear.
static bool contact_shown(const struct request *request) {
    const struct border_state *border = stage_border();
    for (size_t i = 0; i < ASKS_MAX; i++) {
        const struct ask *ask = &border->asks[i];
        if (ask->stage == ASK_FREE || ask->gone || ask->gate_id != request->id) continue;
        const struct policy *policy = &ask->decision.rules->policy;
        uint16_t contact = policy_class_find(policy, VIEW("contact"));
        return border->filters[i].clear >> contact & 1;
    }
    return true; // it ended since
}

static void chunk_check(struct request *request, const struct msg_chunk *chunk) {
    struct view parts = chunk->parts;
    struct engine_part part;
    if (!request->accepted) stage_broken("a chunk before the decision was sealed");
    if (++request->chunks > request->credits) stage_broken("a chunk without credit");
    totals.chunks++;
    while (piece_part_take(&parts, &part)) {
        struct buf said = buf_over(request->said, sizeof request->said);
        said.len = request->said_len;
        buf_put_view(&said, part.text);
        if (said.over) stage_broken("too much was said");
        request->said_len = said.len;
    }
    struct view said = {request->said, request->said_len};
    for (size_t i = 0; i < 2; i++)
        if (holds(said, mails[i])) {
            totals.restored++;
            if (!contact_shown(request)) stage_broken("an address that the client may not see");
        }
}

static void gate_hears(struct msg *msg) {
    struct request *request = request_find(msg->id);
    if (!request) return;
    switch (msg->type) {
    case MSG_accept:
        request->accepted = true;
        break;
    case MSG_chunk:
        chunk_check(request, &msg->as.chunk);
        break;
    case MSG_refuse:
        totals.refused++;
        *request = (struct request){0};
        break;
    case MSG_done:
        if (!request->accepted) stage_broken("done before the decision was sealed");
        *request = (struct request){0};
        break;
    default:
        break;
    }
}

// ---- workers ----

static struct job *job_take(uint64_t id, bool away) {
    for (size_t i = 0; i < JOBS; i++)
        if (!jobs[i].used) {
            jobs[i] = (struct job){.used = true, .away = away, .id = id};
            return &jobs[i];
        }
    stage_broken("more jobs than can run");
}

static const char *mask_find(struct view text, char out[64]) {
    for (size_t i = 0; i + 6 < text.len; i++) {
        if (memcmp(text.at + i,
                   "\xe2\x9f\xa6"
                   "EML",
                   6) != 0)
            continue;
        for (size_t k = i; k + 3 <= text.len && k - i < 40; k++) {
            if (memcmp(text.at + k, "\xe2\x9f\xa7", 3) != 0) continue;
            memcpy(out, text.at + i, k + 3 - i);
            out[k + 3 - i] = 0;
            return out;
        }
    }
    out[0] = 0;
    return NULL;
}

// Whether the policy lets addresses go there in clear.
static bool contact_goes(const struct decision *decision) {
    const struct policy *policy = &decision->rules->policy;
    const struct policy_class *contact =
        &policy->classes[policy_class_find(policy, VIEW("contact"))];
    enum border_reach consent = decision->consent;
    if (consent > contact->consent) consent = contact->consent;
    enum border_reach may = consent > contact->reach ? consent : contact->reach;
    return !contact->detect.bits ||
           policy_distance(policy, decision->place, decision->tenant) <= may;
}

static void envelope_check(const struct sent *sent, struct job *job) {
    const struct msg *msg = &sent->msg;
    struct view all;
    if (sealed_map_any(msg->descriptor, JOB_FILE_MAX, &all) != SK_OK) stage_broken("not sealed");
    struct ask *ask = ask_of_job(stage_border(), msg->id);
    if (!ask || !ledger.open[ask->open]) stage_broken("an envelope of no sealed decision");
    const struct decision *decision = &ask->decision;
    const struct policy_place *place = &decision->rules->policy.places[decision->place];
    uint8_t digest[HASH_LEN];
    policy_place_digest(place, digest);
    if (memcmp(digest, msg->as.run.place, HASH_LEN) != 0) stage_broken("for another place");
    if (ask->unjudged) stage_broken("an envelope that nobody judged");
    if (!sent->newest) stage_broken("what an older policy let go");
    if (sent->level == LEVEL_OPEN) stage_broken("something left an open node");
    if (!holds(all, "\"a number\":7")) stage_broken("a number became a text");
    for (size_t i = 0; i < 2; i++) {
        if (holds(all, numbers[i])) stage_broken("a My Number left");
        if (!contact_goes(decision) && holds(all, mails[i]))
            stage_broken("an address left that was to be masked");
    }
    mask_find(all, job->token);
    sealed_unmap(&all);
}

static void worker_hears(const struct sent *sent) {
    const struct msg *msg = &sent->msg;
    struct job *job = NULL;
    for (size_t i = 0; i < JOBS && !job; i++)
        if (jobs[i].used && jobs[i].id == msg->id) job = &jobs[i];
    switch (msg->type) {
    case MSG_run:
        job = job_take(msg->id, sent->to == ROOM_FERRY);
        if (job->away) envelope_check(sent, job);
        job->away ? totals.away++ : totals.here++;
        break;
    case MSG_grant:
        if (job) job->grants += msg->as.grant.pieces;
        break;
    case MSG_cancel:
        if (job && stage_chance(4) == 0) job->grants = 0;
        break;
    default:
        break;
    }
}

static void job_begins(struct job *job) {
    static const char prompt[4];
    struct msg msg = {.id = job->id, .descriptor = -1};
    uint8_t address[16] = {[10] = 0xff, [11] = 0xff, 203, 0, 113, 1};
    job->begun = true;
    if (job->away) {
        msg.type = MSG_carried;
        msg.as.carried =
            (struct msg_carried){.address = {(const char *)address, 16}, .status = 200};
        stage_send(ROOM_FERRY, &msg);
        return;
    }
    struct view bytes = {prompt, sizeof prompt};
    msg.type = MSG_begun;
    bool fails = stage.memory_fails;
    stage.memory_fails = false;
    if (sealed_make(&bytes, 1, &msg.descriptor) != SK_OK) stage_broken("no prompt");
    stage.memory_fails = fails;
    msg.as.begun = (struct msg_begun){.prompt_tokens = 1, .sampler = VIEW("{}")};
    stage_send(ROOM_ENGINE, &msg);
}

static void job_says(struct job *job) {
    char storage[256];
    struct buf parts = buf_over(storage, sizeof storage);
    struct view text = VIEW("はい。");
    if (job->token[0]) text = view_of(job->token);
    if (stage_chance(8) == 0) text = view_of(mails[stage_chance(2)]);
    piece_part_put((struct engine_part){ENGINE_CONTENT, text}, &parts);
    if (job->grants > 0) job->grants--;
    struct msg piece = {.type = MSG_piece, .id = job->id, .descriptor = -1};
    piece.as.piece = (struct msg_piece){.tokens = 1, .parts = buf_view(&parts)};
    stage_send(job->away ? ROOM_FERRY : ROOM_ENGINE, &piece);
}

static void job_ends(struct job *job) {
    struct msg msg = {.type = MSG_ended, .id = job->id, .descriptor = -1};
    msg.as.ended = (struct msg_ended){
        .completion_tokens = 3, .reason = (uint8_t)(1 + stage_chance(3)), .stop = ENGINE_NO_STOP};
    if (stage_chance(4) == 0) {
        msg.type = MSG_failed;
        msg.as.failed =
            (struct msg_failed){.code = (uint8_t)(1 + stage_chance(9)), .text = VIEW("it broke")};
    }
    enum room room = job->away ? ROOM_FERRY : ROOM_ENGINE;
    *job = (struct job){0};
    stage_send(room, &msg);
}

static void worker_works(void) {
    struct job *job = &jobs[stage_chance(JOBS)];
    for (size_t i = 0; i < JOBS && !job->used; i++)
        job = &jobs[i];
    if (!job->used) return;
    uint64_t what = stage_chance(128);
    if (!job->begun || what == 0) // 0 and 1: what it may not
        job_begins(job);
    else if ((job->grants > 0 && what < 100) || what == 1)
        job_says(job);
    else if (what > 100)
        job_ends(job);
}

// ---- ledger ----

static void ledger_hears(struct msg *msg) {
    struct msg answer = {.id = msg->id, .descriptor = -1};
    if (ledger.len + 2 >= LEAVES_MAX) stage_broken("too many leaves");
    if (msg->type == MSG_append) {
        bool opens = holds(msg->as.append.leaf, "\"type\":\"open\"");
        if (opens) numbers_given++;
        answer.type = MSG_sealed;
        answer.as.sealed.index = ledger.len;
        ledger.open[ledger.len++] = opens;
    } else if (msg->type == MSG_conclude) {
        uint64_t open = msg->as.conclude.open;
        if (open >= ledger.len || !ledger.open[open] || ledger.closed[open])
            stage_broken("a close of nothing that is open");
        ledger.closed[open] = true;
        ledger.open[ledger.len++] = false;
        answer.type = MSG_receipt;
        answer.as.receipt.json = VIEW("{}");
    } else {
        return;
    }
    stage_send(ROOM_LEDGER, &answer);
}

// ---- a run ----

static void engine_tells(void) {
    static const char template[1];
    struct view bytes = {template, 1};
    struct msg card = {.type = MSG_card, .descriptor = -1};
    card.as.card = (struct msg_card){.template_len = 1, .context = 1024, .vocabulary = 10};
    if (sealed_make(&bytes, 1, &card.descriptor) == SK_OK) stage_send(ROOM_ENGINE, &card);
}

static void room_falls(enum room room) {
    if (stage_dropped(room)) totals.dropped++;
    totals.lost++;
    for (size_t i = 0; i < JOBS; i++)
        if (jobs[i].used && jobs[i].away == (room == ROOM_FERRY) && room != ROOM_GATE)
            jobs[i] = (struct job){0};
    if (room == ROOM_GATE) memset(requests, 0, sizeof requests);
    bool fails = stage.memory_fails;
    stage.memory_fails = false;
    stage_lose(room);
    if (room == ROOM_ENGINE) engine_tells();
    stage.memory_fails = fails;
}

// Delivers one message that waits; false: none does.
static bool deliver(enum room room) {
    struct sent sent;
    if (!stage_take(room, &sent)) return false;
    switch (sent.to) {
    case ROOM_GATE:
        gate_hears(&sent.msg);
        break;
    case ROOM_LEDGER:
        ledger_hears(&sent.msg);
        break;
    case ROOM_ENGINE:
    case ROOM_FERRY:
        worker_hears(&sent);
        break;
    default:
        break;
    }
    stage_done(&sent);
    return true;
}

static void step(void) {
    static const enum room rooms[] = {ROOM_GATE, ROOM_LEDGER, ROOM_ENGINE, ROOM_FERRY, ROOM_COUNT};
    static const enum room mortal[] = {ROOM_GATE, ROOM_ENGINE, ROOM_FERRY};
    for (size_t i = 0; i < 3; i++)
        if (stage_dropped(mortal[i])) room_falls(mortal[i]);
    uint64_t what = stage_chance(1000);
    stage.clock_ms += (int64_t)stage_chance(50);
    if (what < 60)
        gate_asks();
    else if (what < 130)
        gate_more();
    else if (what < 500)
        deliver(rooms[stage_chance(5)]);
    else if (what < 750)
        worker_works();
    else if (what < 755)
        room_falls(mortal[stage_chance(3)]);
    else if (what < 758)
        stage.memory_fails = stage_chance(4) == 0;
    else if (what < 762)
        stage_policy(policies[stage_chance(POLICIES)].text);
    else if (what < 766)
        stage_level(stage_chance(2) ? CAGE_OPEN : CAGE_WALLED);
    else
        stage_work();
}

static void run(uint64_t seed) {
    stage.seed = stage.chance = seed;
    stage.at = "running";
    for (uint64_t n = 50 + stage_chance(400); n > 0; n--)
        step();
    stage.at = "draining";
    stage.memory_fails = false;
    stage_level(CAGE_WALLED);
    room_falls(ROOM_GATE);
    for (uint32_t turns = 0; stage_border()->open > 0; turns++) {
        if (turns > 20000) stage_broken("requests that do not end");
        stage_work();
        while (deliver(ROOM_LEDGER)) {
        }
        while (deliver(ROOM_COUNT)) {
        }
        for (size_t i = 0; i < JOBS; i++)
            if (jobs[i].used && jobs[i].begun)
                job_ends(&jobs[i]);
            else if (jobs[i].used)
                job_begins(&jobs[i]);
        for (enum room room = ROOM_GATE; room < ROOM_COUNT; room++)
            if (stage_dropped(room) && room != ROOM_LEDGER) room_falls(room);
    }
    while (deliver(ROOM_COUNT)) {
    }
    memset(jobs, 0, sizeof jobs);
    const struct border_state *border = stage_border();
    if (border->judging || border->waiting || border->running || border->held)
        stage_broken("it holds something");
    for (size_t i = 0; i < PLACES_MAX; i++)
        if (border->places[i].running) stage_broken("a place is still counted");
    for (uint64_t i = 0; i < ledger.len; i++)
        if (ledger.open[i] && !ledger.closed[i]) stage_broken("an open leaf that does not close");
    memset(&ledger, 0, sizeof ledger);
}

int main(int argc, char **argv) {
    uint64_t runs = argc > 1 ? strtoull(argv[1], NULL, 10) : RUNS;
    uint64_t seed = argc > 2 ? strtoull(argv[2], NULL, 10) : 1;
    stage.clock_ms = 1795000000000;
    stage.at = "opening";
    stage_open(policies[0].text);
    engine_tells();
    while (deliver(ROOM_COUNT)) {
    }
    for (uint64_t i = 0; i < runs; i++)
        run(seed + i);
    printf("%llu runs: %llu requests, %llu left, %llu here, %llu away, %llu refused, %llu chunks, "
           "%llu addresses shown, %llu falls of which %llu for a lie\n",
           (unsigned long long)runs, (unsigned long long)totals.asked,
           (unsigned long long)totals.left, (unsigned long long)totals.here,
           (unsigned long long)totals.away, (unsigned long long)totals.refused,
           (unsigned long long)totals.chunks, (unsigned long long)totals.restored,
           (unsigned long long)totals.lost, (unsigned long long)totals.dropped);
    return 0;
}
