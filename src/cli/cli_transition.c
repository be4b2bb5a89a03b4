// A key transition on the side of who verifies: a checkpoint may be signed by the key that a
// trusted one took the place of, or that took its place.
#include "cli/cli_receipt.h"

static struct trust_log *log_of(struct trust *trust, const struct transition *transition) {
    for (uint32_t i = 0; i < trust->logs_len; i++) {
        const uint8_t *public = trust->logs[i].key.public;
        if (memcmp(public, transition->old.public, SIGN_PUBLIC_LEN) == 0 ||
            memcmp(public, transition->new.public, SIGN_PUBLIC_LEN) == 0)
            return &trust->logs[i];
    }
    return NULL;
}

enum sk_code cli_transition(const char *path, struct view checkpoint, struct trust *trust) {
    char storage[TRANSITION_NOTE_MAX];
    struct buf note = buf_over(storage, sizeof storage);
    struct transition transition;
    enum sk_code code = cli_read(path, &note);
    if (code == SK_OK) code = transition_read(buf_view(&note), &transition);
    if (code != SK_OK) return fail_within(code, "%s", path);
    struct trust_log *log = log_of(trust, &transition);
    if (!log) return FAIL(SK_DENIED, "%s: it is of no key that is trusted here", path);
    struct note_key key = log->key;
    TRY(transition_follow(&transition, checkpoint, &key));
    // Each has signed its own part of the log, as far as this checkpoint tells.
    if (trust->logs_len == TRUST_MAX) return FAIL(SK_LIMIT, "policy: more than %d logs", TRUST_MAX);
    trust->logs[trust->logs_len++] = (struct trust_log){.key = transition.old, .url = log->url};
    log->key = transition.new;
    return SK_OK;
}
