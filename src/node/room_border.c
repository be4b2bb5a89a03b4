// The border room: the one road. Holds keys, policy and salts; no file, no network. Every request
// passes here, and every byte of every answer. When it falls the node stops: a closed border.
#include "node/room_border.h"

#include "base/log.h"
#include "base/utf8.h"
#include "base/world.h"
#include "node/sealed.h"

#include <stdio.h>
#include <unistd.h>

enum { BEAT_MS = 1000 }; // what is kept goes at its time, also where nothing happens

static struct border_state border;

int64_t border_now_ms(void) {
    struct world world = world_real(-1);
    return world.clock_ms(world.self);
}

int64_t border_clock_us(void) {
    struct world world = world_real(-1);
    return world.monotonic_us(world.self);
}

static struct view keep(struct border_state *state, struct arena *arena, struct view text) {
    char *copy = arena_text(arena, text);
    if (!copy) room_fail(&state->room, SK_LIMIT);
    return (struct view){copy, text.len};
}

static void setup_arrives(struct border_state *state, const struct msg_border_setup *setup) {
    state->setup = *setup;
    state->setup.origin = keep(state, &state->arena, setup->origin);
    if (state->models_len == 0 || state->jobs_max + setup->queue_max > ASKS_MAX)
        room_fail(&state->room,
                  FAIL(SK_LIMIT, "parallel of %u models + limits.queue is %u, of %d",
                       state->models_len, state->jobs_max + setup->queue_max, ASKS_MAX));
}

static void model_arrives(struct border_state *state, const struct msg_border_model *setup) {
    must(state->models_len < MODELS_MAX);
    struct border_model *model = &state->models[state->models_len++];
    model->setup = *setup;
    model->setup.id = keep(state, &state->arena, setup->id);
    model->setup.refused = keep(state, &state->arena, setup->refused);
    model->setup.scale = keep(state, &state->arena, setup->scale);
    must(setup->base <= MODELS_MAX);
    if (!setup->base) state->jobs_max += setup->jobs_max;
    enum sk_code code = arena_open(&model->card_texts, "card", 1 << 16);
    if (code != SK_OK) room_fail(&state->room, code);
}

static bool card_is_text(const struct msg_card *card) {
    return utf8_check(card->name) && utf8_check(card->architecture) && utf8_check(card->types) &&
           utf8_check(card->license) && utf8_check(card->kernels) &&
           utf8_check(card->cache_type);
}

static void card_arrives(struct border_state *state, struct msg *msg) {
    const struct msg_card *card = &msg->as.card;
    struct view text;
    enum { TEMPLATE_MAX = 16 << 20 };
    if (card->model >= state->models_len || card->template_len > TEMPLATE_MAX ||
        !card_is_text(card) || sealed_map(msg->descriptor, card->template_len, &text) != SK_OK) {
        room_drop(&state->room, ROOM_ENGINE, "card: of no model, not UTF-8, or not the template");
        return;
    }
    struct border_model *model = &state->models[card->model];
    hash_of(text.at, text.len, model->template_digest);
    sealed_unmap(&text);
    struct arena *arena = &model->card_texts;
    arena_reset(arena);
    model->card = *card;
    model->card.name = keep(state, arena, card->name);
    model->card.architecture = keep(state, arena, card->architecture);
    model->card.types = keep(state, arena, card->types);
    model->card.license = keep(state, arena, card->license);
    model->card.kernels = keep(state, arena, card->kernels);
    model->card.cache_type = keep(state, arena, card->cache_type);
    model->told = true;
}

struct border_model *border_model_of(struct border_state *state, struct view name) {
    for (uint32_t i = 0; i < state->models_len; i++)
        if (view_same(name, state->models[i].setup.id)) return &state->models[i];
    return NULL;
}

struct border_model *border_model_base(struct border_state *state, struct border_model *model) {
    return model->setup.base ? &state->models[model->setup.base - 1] : model;
}

bool border_engine_ready(const struct border_state *state) {
    for (uint32_t i = 0; i < state->models_len; i++)
        if (!state->models[i].told) return false;
    return true;
}

static void level_arrives(struct border_state *state, const struct msg_border_level *level) {
    const char *name = cage_level_name((enum cage_level)level->level);
    snprintf(state->level, sizeof state->level, "%s", name);
    snprintf(state->level_parts, sizeof state->level_parts, "%.*s", (int)level->parts.len,
             level->parts.at);
    state->level_now = (enum border_level)level->level;
    char leaf[4096];
    struct buf out = buf_over(leaf, sizeof leaf);
    border_isolation_write(name, level->text, border_now_ms(), &out);
    struct msg append = {.type = MSG_append, .descriptor = -1, .as.append.leaf = buf_view(&out)};
    room_send(&state->room, ROOM_LEDGER, &append);
}

// An open leaf of before the fall: close it as lost (I4: every open closes).
static void unclosed_arrives(struct border_state *state, const struct msg_unclosed *unclosed) {
    char key[BORDER_NAME_MAX + 1], leaf[2048];
    snprintf(key, sizeof key, "%.*s", (int)unclosed->key.len, unclosed->key.at);
    struct buf out = buf_over(leaf, sizeof leaf);
    border_close_write(&(struct border_close){.key = key,
                                              .outcome = "lost",
                                              .number = unclosed->number,
                                              .open = unclosed->open,
                                              .time_ms = border_now_ms()},
                       &out);
    struct msg conclude = {.type = MSG_conclude, .descriptor = -1};
    conclude.as.conclude = (struct msg_conclude){.open = unclosed->open, .leaf = buf_view(&out)};
    room_send(&state->room, ROOM_LEDGER, &conclude);
}

static void keys_begin(struct border_state *state, const struct msg_border_keys *keys) {
    struct border_limits limits = {keys->requests, keys->tokens, keys->parallel};
    border_keys_begin(&state->keys, keys->keyless, &limits);
}

// A key too many is a key that does not work, not a node that stops.
static void key_arrives(struct border_state *state, const struct msg_border_key *key) {
    struct border_key *row;
    if (border_keys_add(&state->keys, key->name, key->digest, &row) != SK_OK) {
        log_line(LOG_ERROR, "key", "name=\"%.*s\" refused=\"%s\"", (int)key->name.len, key->name.at,
                 fail_text());
        return;
    }
    row->limits = (struct border_limits){key->requests, key->tokens, key->parallel};
    row->turn.weight = key->weight;
    row->right = (enum border_right)key->right;
}

static void from_parent(struct border_state *state, struct msg *msg) {
    switch (msg->type) {
    case MSG_border_setup:
        setup_arrives(state, &msg->as.border_setup);
        break;
    case MSG_border_model:
        model_arrives(state, &msg->as.border_model);
        break;
    case MSG_border_keys:
        keys_begin(state, &msg->as.border_keys);
        break;
    case MSG_border_key:
        key_arrives(state, &msg->as.border_key);
        break;
    case MSG_border_keep:
        border_keep_bound(&state->keep, msg->as.border_keep.seconds, msg->as.border_keep.bytes,
                          border_clock_us());
        break;
    case MSG_border_level:
        level_arrives(state, &msg->as.border_level);
        break;
    case MSG_border_policy:
        policy_arrives(state, msg);
        break;
    case MSG_border_detector:
        detector_arrives(state, msg);
        break;
    default:
        break;
    }
}

static void from_ledger(struct border_state *state, struct msg *msg) {
    switch (msg->type) {
    case MSG_recall:
        if (border_keys_recall(&state->keys, msg->as.recall.key, msg->as.recall.number))
            room_fail(&state->room, SK_LIMIT);
        break;
    case MSG_unclosed:
        unclosed_arrives(state, &msg->as.unclosed);
        break;
    case MSG_recalled:
        state->recalled = true;
        policy_state(state);
        break;
    case MSG_sealed:
        ask_sealed(state, msg);
        break;
    case MSG_archived:
        archived_arrives(state, msg);
        break;
    case MSG_archive_state:
        archive_state_arrives(state, msg);
        break;
    case MSG_scrubbed:
        state->scrubbed = msg->as.scrubbed;
        break;
    case MSG_slice:
    case MSG_uncut:
        tile_cut(state, msg);
        break;
    case MSG_consult:
        consult_arrives(state, msg);
        break;
    case MSG_cosigner:
        cosigner_arrives(state, msg);
        break;
    case MSG_quorum:
        quorum_arrives(state, &msg->as.quorum);
        break;
    case MSG_witness_told:
        witness_told(state, msg);
        break;
    case MSG_receipt:
        if (!query_receipt(state, msg)) ask_receipt(state, msg);
        break;
    default:
        break;
    }
}

static void from_worker(struct border_state *state, enum room worker, struct msg *msg) {
    switch (msg->type) {
    case MSG_piece:
        ask_piece(state, worker, msg);
        break;
    case MSG_result:
        ask_result(state, worker, msg);
        break;
    case MSG_ended:
        ask_ended(state, worker, msg);
        break;
    case MSG_failed:
        ask_failed(state, worker, msg);
        break;
    default:
        break;
    }
}

static void from_engine(struct border_state *state, struct msg *msg) {
    switch (msg->type) {
    case MSG_card:
        card_arrives(state, msg);
        break;
    case MSG_begun:
        ask_begun(state, msg);
        break;
    case MSG_spilled:
        state->spilled = msg->as.spilled;
        state->spills = true;
        break;
    default:
        from_worker(state, ROOM_ENGINE, msg);
        break;
    }
}

static void from_ferry(struct border_state *state, struct msg *msg) {
    if (consult_over(state, msg)) return;
    switch (msg->type) {
    case MSG_carried:
        ask_carried(state, msg);
        break;
    default:
        from_worker(state, ROOM_FERRY, msg);
        break;
    }
}

static void from_gate(struct border_state *state, struct msg *msg) {
    switch (msg->type) {
    case MSG_ask:
        ask_arrives(state, msg);
        break;
    case MSG_query:
        query_arrives(state, msg);
        break;
    case MSG_tile:
        tile_arrives(state, msg);
        break;
    case MSG_witness:
        witness_arrives(state, msg);
        break;
    case MSG_credit:
        ask_credit(state, msg);
        break;
    case MSG_keep:
        keep_arrives(state, msg);
        break;
    case MSG_find:
        find_arrives(state, msg);
        break;
    case MSG_drop:
        drop_arrives(state, msg);
        break;
    case MSG_claim:
        claim_arrives(state, msg);
        break;
    case MSG_unclaim:
        border_keep_unclaim(&state->keep, msg->id);
        break;
    case MSG_leave:
        ask_leaves(state, msg->id);
        break;
    default:
        break;
    }
}

static void receive(struct room_self *room, enum room from, struct msg *msg) {
    struct border_state *state = room->state;
    if (from == ROOM_PARENT) from_parent(state, msg);
    if (from == ROOM_LEDGER) from_ledger(state, msg);
    if (from == ROOM_ENGINE) from_engine(state, msg);
    if (from == ROOM_FERRY) from_ferry(state, msg);
    if (from == ROOM_GATE) from_gate(state, msg);
}

static bool work(struct room_self *room) {
    struct border_state *state = room->state;
    border_keep_beat(&state->keep, border_clock_us());
    policy_beat(state);
    bool more = judges_work(state);
    asks_dispatch(state);
    if (state->stopping && state->open == 0) room_stopped(room);
    return more;
}

static void lost(struct room_self *room, enum room peer) {
    struct border_state *state = room->state;
    if (peer == ROOM_GATE) {
        asks_gate_lost(state);
        relay_gate_lost(&state->tiles);
        relay_gate_lost(&state->fetches);
        relay_gate_lost(&state->witnessing);
        border_keep_unclaim(&state->keep, 0);
    }
    if (peer == ROOM_ENGINE || peer == ROOM_FERRY) asks_worker_lost(state, peer);
    if (peer == ROOM_FERRY) consults_ferry_lost(state);
    if (peer == ROOM_LEDGER) room_fail(room, FAIL(SK_GONE, "the ledger is gone"));
}

static void stop(struct room_self *room) {
    struct border_state *state = room->state;
    state->stopping = true;
}

void border_refuse(struct border_state *state, uint64_t gate_id, struct refusal refusal,
                   const char *text) {
    border_refuse_of(state, gate_id, refusal, text, UINT64_MAX);
}

void border_refuse_of(struct border_state *state, uint64_t gate_id, struct refusal refusal,
                      const char *text, uint64_t open) {
    border_metrics_refused(&state->metrics, refusal.code);
    struct msg msg = {.type = MSG_refuse, .id = gate_id, .descriptor = -1};
    msg.as.refuse = (struct msg_refuse){.status = refusal.status,
                                        .retry_after_s = refusal.retry_after_s,
                                        .type = view_of(refusal.type),
                                        .code = view_of(refusal.code),
                                        .param = view_of(refusal.param),
                                        .text = view_of(text),
                                        .open = open};
    room_send(&state->room, ROOM_GATE, &msg);
}

void border_found(struct border_state *state, uint64_t gate_id, enum sk_code code,
                  struct view content) {
    static const struct refusal refusal = {500, 0, "server_error", "internal_error", ""};
    struct msg msg = {.type = MSG_found, .id = gate_id, .as.found.len = (uint32_t)content.len};
    if (code == SK_OK) code = sealed_make(&content, 1, &msg.descriptor);
    if (code != SK_OK) {
        border_refuse(state, gate_id, refusal, fail_text());
        return;
    }
    room_send(&state->room, ROOM_GATE, &msg);
    close(msg.descriptor);
}

bool border_admit(struct border_state *state, const struct msg *msg, struct view credential,
                  struct border_key **key) {
    static const struct refusal wrong = {401, 0, "invalid_request_error", "invalid_api_key", ""},
                                other = {403, 0, "permission_error", "key_use", ""};
    static const char *const missing[] = {
        [BORDER_ASKS] = "This API key reads metrics, or the log, and nothing else.",
        [BORDER_READS_METRICS] = "This API key cannot read metrics: `sekisho key NAME --metrics` "
                                 "makes one that can.",
        [BORDER_AUDITS] = "This API key cannot read the entries of the log: `sekisho key NAME "
                          "--audit` makes one that can.",
    };
    bool metrics = msg->type == MSG_query && msg->as.query.what == QUERY_METRICS;
    enum border_right right = msg->type == MSG_tile ? BORDER_AUDITS
                              : metrics             ? BORDER_READS_METRICS
                                                    : BORDER_ASKS;
    if (border_identify(&state->keys, credential, key) != SK_OK) {
        border_refuse(state, msg->id, wrong, fail_text());
        return false;
    }
    if (state->keys.keyless || (*key)->right == right) return true;
    border_refuse(state, msg->id, other, missing[right]);
    return false;
}

int main(void) {
    struct room_calls calls = {
        .receive = receive, .lost = lost, .stop = stop, .work = work, .beat_ms = BEAT_MS};
    if (border_keep_open(&border.keep) != SK_OK) return 1;
    if (arena_open(&border.arena, "border", 1 << 20) != SK_OK) return 1;
    border.begun_us = border_clock_us();
    border.fresh = -1;
    struct world world = world_real(-1);
    if (detectors_open(&border.detectors) != SK_OK) return 1; // reads its dictionary now
    if (world.random(world.self, border.mask_key, sizeof border.mask_key) != SK_OK) return 1;
    hash_of("", 0, (uint8_t[HASH_LEN]){0}); // libcrypto reads its configuration now, not later
    room_begin(&border.room, ROOM_BORDER, calls, &border);
    detectors_ready(&border);
    if (!border.keep.locked) log_line(LOG_WARN, "keep", "keys can be swapped: see RLIMIT_MEMLOCK");
    room_ready(&border.room);
    return room_run(&border.room);
}
