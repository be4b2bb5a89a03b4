// Reads at the border: models, status, one receipt. The same road, the same keys.
#include "base/json.h"
#include "node/room_border.h"

enum { QUERY_BIT = 63 }; // ids of fetches to the ledger, told from job ids by their top bit

static void answer(struct border_state *state, uint64_t gate_id, const struct buf *json) {
    struct msg msg = {.type = MSG_answer, .id = gate_id, .descriptor = -1};
    msg.as.answer = (struct msg_answer){.status = 200, .json = buf_view(json)};
    room_send(&state->room, ROOM_GATE, &msg);
}

static void put_model(struct json_writer *w, const struct border_model *model,
                      const struct border_model *base) {
    const struct msg_card *card = &model->card;
    json_open(w, '{');
    json_member_string(w, "id", model->setup.id);
    json_member_text(w, "object", "model");
    json_member_u64(w, "created", model->setup.checked_ms / 1000);
    json_member_text(w, "owned_by", "sekisho");
    if (model != base) json_member_string(w, "parent", base->setup.id);
    json_name(w, "sekisho");
    json_open(w, '{');
    json_member_bool(w, "loaded", model->told && card->loaded);
    json_member_hex(w, "sha256", model->setup.digest, HASH_LEN);
    if (model != base) json_member_string(w, "scale", model->setup.scale);
    if (model->setup.is_signed) {
        json_member_hex(w, "signer", model->setup.signer, HASH_LEN);
        json_member_hex(w, "signature_sha256", model->setup.statement, HASH_LEN);
    }
    if (model->setup.refused.len) json_member_string(w, "refused", model->setup.refused);
    json_member_string(w, "name", card->name);
    json_member_string(w, "architecture", card->architecture);
    json_member_string(w, "types", card->types);
    json_member_string(w, "license", card->license);
    json_member_u64(w, "parameters", card->parameters);
    json_member_u64(w, "context", card->context);
    json_member_string(w, "cache_type", card->cache_type);
    json_member_u64(w, "vocabulary", card->vocabulary);
    json_close(w, '}');
    json_close(w, '}');
}

// A model that answers elsewhere: by the places that may.
static void put_route(struct json_writer *w, const struct border_state *state, uint32_t i) {
    const struct policy *policy = &state->now->policy;
    const struct policy_route *route = &policy->routes[i];
    json_open(w, '{');
    json_member_text(w, "id", route->model);
    json_member_text(w, "object", "model");
    json_member_i64(w, "created", state->policy_ms / 1000);
    json_member_text(w, "owned_by", policy->places[route->steps[0].place].operator_name);
    json_name(w, "sekisho");
    json_open(w, '{');
    json_name(w, "places");
    json_open(w, '[');
    for (uint32_t k = 0; k < route->steps_len; k++)
        json_put_text(w, policy->places[route->steps[k].place].id);
    json_close(w, ']');
    json_close(w, '}');
    json_close(w, '}');
}

static void answer_models(struct border_state *state, uint64_t gate_id) {
    static char storage[49152]; // as in msg.def
    struct buf out = buf_over(storage, sizeof storage);
    struct json_writer w = json_writer_to(&out);
    json_open(&w, '{');
    json_member_text(&w, "object", "list");
    json_name(&w, "data");
    json_open(&w, '[');
    for (uint32_t i = 0; i < state->models_len; i++)
        put_model(&w, &state->models[i], border_model_base(state, &state->models[i]));
    for (uint32_t i = 0; state->now && i < state->now->policy.routes_len; i++)
        if (!border_model_of(state, view_of(state->now->policy.routes[i].model)))
            put_route(&w, state, i);
    json_close(&w, ']');
    json_close(&w, '}');
    if (buf_check(&out, "list of models") == SK_OK)
        answer(state, gate_id, &out);
    else
        border_refuse(state, gate_id,
                      (struct refusal){500, 0, "server_error", "internal_error", ""}, fail_text());
}

static void answer_status(struct border_state *state, uint64_t gate_id) {
    const char *blind =
        state->detector_trouble[0] ? state->detector_trouble : state->detector_missing;
    bool ready = border_engine_ready(state) && state->recalled && !state->stopping && state->now;
    if (ready && blind[0] && state->now->policy.on_detector_error == VERDICT_BLOCK) ready = false;
    char storage[4096];
    struct buf out = buf_over(storage, sizeof storage);
    struct json_writer w = json_writer_to(&out);
    json_open(&w, '{');
    json_member_text(&w, "status", ready ? "ready" : "not ready");
    json_member_string(&w, "node", state->setup.origin);
    json_member_text(&w, "isolation", state->level);
    json_member_text(&w, "isolation_parts", state->level_parts);
    json_member_string(&w, "model", state->models[0].setup.id);
    json_member_string(&w, "kernels", state->models[0].card.kernels);
    if (state->now) {
        json_member_text(&w, "policy", state->now->policy.name);
        json_member_hex(&w, "policy_sha256", state->now->policy.digest, HASH_LEN);
    }
    json_member_text(&w, "detectors", blind[0] ? blind : "ready");
    if (state->quorum.witnesses > 0) json_member_text(&w, "witnesses", state->quorum_text);
    json_member_u64(&w, "running", state->running);
    json_member_u64(&w, "open", state->open);
    json_close(&w, '}');
    struct msg msg = {.type = MSG_answer, .id = gate_id, .descriptor = -1};
    msg.as.answer = (struct msg_answer){.status = ready ? 200 : 503, .json = buf_view(&out)};
    room_send(&state->room, ROOM_GATE, &msg);
}

static void fetch(struct border_state *state, const struct msg *msg, const struct border_key *key) {
    uint64_t id = relay_add(&state->fetches, msg->id, key);
    if (id == 0) {
        border_refuse(state, msg->id, (struct refusal){429, 1, "rate_limit_error", "busy", ""},
                      "Too many receipts are being read. Try again later.");
        return;
    }
    struct msg ask = {.type = MSG_fetch, .id = id | 1ull << QUERY_BIT, .descriptor = -1};
    ask.as.fetch.open = msg->as.query.number;
    room_send(&state->room, ROOM_LEDGER, &ask);
}

// A receipt is shown to the key that asked for the request, and to no other: its open leaf carries
// that key's id.
static bool receipt_belongs(struct view receipt, const struct border_key *key) {
    static struct arena arena;
    if (!arena.base && arena_open(&arena, "receipt", 1 << 22) != SK_OK) return false;
    arena_reset(&arena);
    const struct json_node *root, *leaf;
    char *copy = arena_text(&arena, receipt);
    if (!copy || json_parse(copy, receipt.len, &arena, &root) != SK_OK) return false;
    const struct json_node *text = json_find(json_find(root, "open"), "leaf");
    if (!json_is(text, JSON_STRING)) return false;
    char *inner = arena_text(&arena, json_view(text));
    if (!inner || json_parse(inner, text->len, &arena, &leaf) != SK_OK) return false;
    const struct json_node *id = json_find(leaf, "key");
    return json_is_text(id, key->id);
}

bool query_receipt(struct border_state *state, const struct msg *msg) {
    if (!(msg->id >> QUERY_BIT)) return false;
    struct relay_row row = relay_take(&state->fetches, msg->id & ~(1ull << QUERY_BIT));
    if (row.gate_id == 0) return true;
    struct view receipt = msg->as.receipt.json;
    if (receipt.len == 0 || !receipt_belongs(receipt, row.key)) {
        border_refuse(state, row.gate_id,
                      (struct refusal){404, 0, "invalid_request_error", "not_found", ""},
                      "No receipt of this API key has that number.");
        return true;
    }
    struct buf out = buf_over((char *)(uintptr_t)receipt.at, receipt.len);
    out.len = receipt.len;
    answer(state, row.gate_id, &out);
    return true;
}

void query_arrives(struct border_state *state, const struct msg *msg) {
    const struct msg_query *query = &msg->as.query;
    if (query->what == QUERY_STATUS) {
        answer_status(state, msg->id);
        return;
    }
    struct border_key *key;
    if (!border_admit(state, msg, query->credential, &key)) return;
    switch (query->what) {
    case QUERY_MODELS:
        answer_models(state, msg->id);
        break;
    case QUERY_METRICS:
        metrics_answer(state, msg->id);
        break;
    default:
        fetch(state, msg, key);
        break;
    }
}
