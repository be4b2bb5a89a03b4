// Texts that the policy keeps: held until the answer ended, then given to the ledger room, which
// encrypts them (ledger/archive.h). The close leaf waits for that, and says whether it went well.
#include "ledger/ledger.h"
#include "node/room_border.h"
#include "node/sealed.h"

#include <stdio.h>
#include <unistd.h>

enum { DAY_S = 86400 };

static const struct refusal refusal_archive = {503, 0, "server_error", "archive_unavailable", ""};

bool archive_decide(struct border_state *state, struct ask *ask) {
    const struct decision *decision = &ask->decision;
    ask->keep_days = policy_keep_days(&decision->rules->policy, decision->classes);
    if (!ask->keep_days || state->archive_works || decision->retry_of != UINT64_MAX) return true;
    char text[512];
    snprintf(text, sizeof text,
             "The policy keeps this text, and it cannot be kept, so it is not processed: %s",
             state->archive_trouble);
    ask_refuse(state, ask, refusal_archive, text);
    return false;
}

void archive_begin(struct ask *ask) {
    if (!ask->keep_days) return;
    if (ask->kept_text.at)
        buf_wipe(&ask->kept_text);
    else if (buf_open(&ask->kept_text, ARCHIVE_RECORD_MAX) != SK_OK)
        ask->kept_text.over = true;
}

void archive_end(struct ask *ask) {
    if (!ask->kept_text.at) return;
    buf_wipe(&ask->kept_text);
    buf_close(&ask->kept_text);
}

void answer_more(struct ask *ask, struct view part) {
    commit_more(&ask->answer, part);
    if (ask->keep_days) buf_put_view(&ask->kept_text, part);
}

// Body, envelope and answer in one sealed file.
static enum sk_code file_make(struct ask *ask, struct msg_archive *fields, int *descriptor) {
    const struct decision *decision = &ask->decision;
    struct view body = {0}, sent = {0}, envelope = {0};
    if (ask->body < 0 || ask->kept_text.over)
        return FAIL(SK_LIMIT, "archive: the text is not there whole");
    enum sk_code code = sealed_map_any(ask->body, JOB_FILE_MAX, &body);
    if (code == SK_OK && fields->away) {
        code = sealed_map_any(decision->envelope, JOB_FILE_MAX, &sent);
        envelope = view_from(sent, decision->envelope_at);
        must(code != SK_OK || envelope.len >= decision->envelope_len);
        envelope.len = code == SK_OK ? decision->envelope_len : 0;
    }
    fields->body_len = ask->body_len;
    fields->envelope_len = (uint32_t)envelope.len;
    fields->answer_len = (uint32_t)ask->kept_text.len;
    const struct view parts[] = {{body.at, ask->body_len}, envelope, buf_view(&ask->kept_text)};
    if (code == SK_OK) code = sealed_make(parts, 3, descriptor);
    if (body.at) sealed_unmap(&body);
    if (sent.at) sealed_unmap(&sent);
    return code;
}

bool archive_send(struct border_state *state, struct ask *ask) {
    if (!ask->keep_days || ask->again) return false;
    const struct decision *decision = &ask->decision;
    struct msg msg = {.type = MSG_archive, .id = ask->job_id, .descriptor = -1};
    struct msg_archive *fields = &msg.as.archive;
    int64_t until_s = border_now_ms() / 1000 + (int64_t)ask->keep_days * DAY_S;
    *fields = (struct msg_archive){.open = ask->open,
                                   .until_s = (uint64_t)until_s,
                                   .away = decision->away && !decision->refused};
    memcpy(fields->salt_body, ask->salt_body, HASH_LEN);
    memcpy(fields->salt_prompt, ask->salt_prompt, HASH_LEN);
    memcpy(fields->salt_choice, ask->salt_choice, HASH_LEN);
    if (file_make(ask, fields, &msg.descriptor) != SK_OK) return false;
    ask->stage = ASK_ARCHIVING;
    ask->kept_until_s = until_s; // unless the ledger room says no
    room_send(&state->room, ROOM_LEDGER, &msg);
    close(msg.descriptor);
    return true;
}

void archived_arrives(struct border_state *state, const struct msg *msg) {
    struct ask *ask = ask_of_job(state, msg->id);
    if (!ask || ask->stage != ASK_ARCHIVING) return;
    if (!msg->as.archived.kept) ask->kept_until_s = 0;
    ask_conclude(state, ask);
}

void archive_state_arrives(struct border_state *state, const struct msg *msg) {
    const struct msg_archive_state *fields = &msg->as.archive_state;
    state->archive_works = fields->works;
    snprintf(state->archive_trouble, sizeof state->archive_trouble, "%.*s", (int)fields->text.len,
             fields->text.at);
}
