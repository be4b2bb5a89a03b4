// From messages of asks to bytes for the client, in the protocol's words.
//
// Credits bound what waits here: border may send so many chunks of each choice, and gets them back
// when the client has taken everything written so far. So a slow client slows the engine.
#include "node/room_gate.h"

#include "node/result.h"
#include "node/sealed.h"

uint32_t answer_credits(const struct request *request) {
    return CREDITS / request->answer.choices_len;
}

// Half of a choice's credit goes back at once, so that it is not sent by ones.
static void choice_credit(struct gate *gate, struct request *request, uint32_t index) {
    struct asked *asked = &request->asked[index];
    if (asked->over || asked->owed < answer_credits(request) / 2) return;
    struct msg credit = {.type = MSG_credit, .descriptor = -1};
    credit.id = request->id * GATE_TASKS_MAX + index;
    credit.as.credit.chunks = asked->owed;
    asked->owed = 0;
    room_send(&gate->room, ROOM_BORDER, &credit);
}

void answer_drained(struct gate *gate, struct request *request) {
    if (request->stage != REQUEST_FLOWING) return;
    for (uint32_t i = 0; i < request->answer.choices_len; i++)
        choice_credit(gate, request, i);
}

static void answer_too_long(struct gate *gate, struct request *request) {
    struct gate_error error;
    gate_refuse(&error, 500, "answer_too_long", "",
                "The answer is longer than this node holds for one. Ask for less, or set "
                "max_tokens; a stream may be longer.");
    request_refuse(gate, request, &error);
}

// What was written since `before` goes to the client, or, where it did not fit, ends the answer.
static void out_send(struct gate *gate, struct request *request, size_t before) {
    if (request->out.over || request->out.len > OUT_MAX - ENDS_MAX) {
        request->out.over = false;
        request->out.len = before;
        answer_too_long(gate, request);
    } else if (!request->visit) {
        followers_tell(gate, request);
    } else if (request->out.len > 0) {
        http_resume(gate, request);
    }
}

static void accept_arrives(struct gate *gate, struct request *request, struct gate_choice *choice,
                           const struct msg_accept *accept) {
    struct gate_answer *answer = &request->answer;
    choice->prompt_tokens = accept->prompt_tokens;
    choice->prompt_cached = accept->prompt_cached;
    request->narrow |= accept->narrow != 0;
    if (request->accepted) return;
    must(accept->model.len < sizeof answer->model);
    memcpy(answer->model, accept->model.at, accept->model.len);
    answer->created_s = accept->created_s;
    request->open = accept->open;
    request->accepted = true;
    request->stage = REQUEST_FLOWING;
    if (!request->visit) followers_accept(gate, request);
    if (!answer->stream) return;
    request->status = 200;
    if (answer->protocol->begin) answer->protocol->begin(answer, &request->out);
    out_send(gate, request, 0);
}

static bool piece_keep(struct request *request, struct gate_choice *choice,
                       const struct gate_piece *piece) {
    request->text_len += piece->parts.len;
    request->logprobs_len += piece->logprobs.len;
    if (request->text_len > TEXT_LEN_MAX || request->logprobs_len > LOGPROBS_LEN_MAX) return false;
    buf_put_view(&choice->parts, piece->parts);
    buf_put_view(&choice->logprobs, piece->logprobs);
    must(!choice->parts.over && !choice->logprobs.over);
    return true;
}

static void piece_forget(struct request *request, struct gate_choice *choice) {
    request->text_len -= choice->parts.len;
    request->logprobs_len -= choice->logprobs.len;
    buf_reset(&choice->parts);
    buf_reset(&choice->logprobs);
}

static void chunk_arrives(struct gate *gate, struct request *request, struct gate_choice *choice,
                          const struct msg_chunk *chunk) {
    struct gate_answer *answer = &request->answer;
    struct gate_piece piece = {chunk->parts, chunk->logprobs};
    if (!choice->logprobs.max) piece.logprobs.len = 0; // not asked for: the engine lies
    struct asked *asked = &request->asked[choice->index];
    size_t before = request->out.len;
    asked->owed++;
    must(asked->owed <= answer_credits(request)); // I7: border sends what was granted
    choice->completion_tokens += chunk->tokens;
    if (!piece_keep(request, choice, &piece)) {
        answer_too_long(gate, request);
        return;
    }
    if (answer->stream && answer->protocol->piece) {
        answer->protocol->piece(answer, choice, &piece, &request->out);
        if (!answer->protocol->retells) piece_forget(request, choice);
        out_send(gate, request, before);
    }
    bool taken = !answer->stream || !request->visit || request->out.len == 0;
    if (taken) choice_credit(gate, request, choice->index);
}

static void give_arrives(struct gate *gate, struct request *request, struct gate_choice *choice,
                         const struct msg *msg) {
    struct gate_error error;
    uint32_t len = msg->as.give.len;
    if (len <= RESULT_MAX && !choice->result.len &&
        sealed_map(msg->descriptor, len, &choice->result) == SK_OK)
        return;
    request_trouble(&error);
    request_refuse(gate, request, &error);
}

static void answer_finish(struct gate *gate, struct request *request) {
    struct gate_answer *answer = &request->answer;
    size_t before = request->out.len;
    request->stage = REQUEST_OVER;
    request->status = 200;
    if (answer->stream) {
        if (answer->protocol->end) answer->protocol->end(answer, &request->out);
    } else {
        answer->protocol->whole(answer, &request->out);
    }
    response_keep(gate, request, NULL, NULL);
    out_send(gate, request, before);
    http_resume(gate, request);
}

// The reason as a text that stays.
static struct view reason_of(struct view reason) {
    if (view_is(reason, "content_filter")) return VIEW("content_filter");
    return view_is(reason, "length") ? VIEW("length") : VIEW("stop");
}

static void done_arrives(struct gate *gate, struct request *request, struct gate_choice *choice,
                         const struct msg_done *done) {
    struct gate_answer *answer = &request->answer;
    size_t before = request->out.len, at = request->receipts.len;
    choice->prompt_tokens = done->prompt_tokens;
    choice->prompt_cached = done->prompt_cached;
    choice->completion_tokens = done->completion_tokens;
    choice->reasoning_tokens = done->reasoning_tokens;
    choice->finish_reason = reason_of(done->finish_reason);
    choice->stop = done->stop;
    buf_put_view(&request->receipts, done->receipt);
    must(!request->receipts.over);
    choice->receipt = view_from(buf_view(&request->receipts), at);
    choice->over = true;
    request->asked[choice->index].over = true;
    request->over_len++;
    if (answer->stream && answer->protocol->end_choice) {
        answer->protocol->end_choice(answer, choice, &request->out);
        out_send(gate, request, before);
    }
    if (request->stage == REQUEST_FLOWING && request->over_len == answer->choices_len)
        answer_finish(gate, request);
}

void answer_message(struct gate *gate, struct request *request, uint32_t index,
                    const struct msg *msg) {
    struct gate_choice *choice = &request->choices[index];
    must(index < request->answer.choices_len);
    if (msg->type == MSG_accept) accept_arrives(gate, request, choice, &msg->as.accept);
    if (msg->type == MSG_chunk) chunk_arrives(gate, request, choice, &msg->as.chunk);
    if (msg->type == MSG_give) give_arrives(gate, request, choice, msg);
    if (msg->type == MSG_done) done_arrives(gate, request, choice, &msg->as.done);
}
