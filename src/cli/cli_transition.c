// A key transition on the side of who verifies: a receipt may be signed by the key that the trusted
// one took the place of, or that took its place.
#include "cli/cli_receipt.h"
#include "node/files.h"

enum sk_code cli_transition(const char *path, struct view receipt, struct arena *arena,
                            struct note_key *key) {
    char storage[TRANSITION_NOTE_MAX];
    struct buf note = buf_over(storage, sizeof storage);
    struct transition transition;
    const struct json_node *root;
    enum sk_code code = files_read(path, &note);
    if (code == SK_OK) code = transition_read(buf_view(&note), &transition);
    if (code != SK_OK) return fail_within(code, "%s", path);
    char *copy = arena_text(arena, receipt);
    if (!copy) return SK_LIMIT;
    TRY(json_parse(copy, receipt.len, arena, &root));
    const struct json_node *checkpoint = json_find(root, "checkpoint");
    if (!json_is(checkpoint, JSON_STRING)) return FAIL(SK_INPUT, "receipt without a checkpoint");
    return transition_follow(&transition, json_view(checkpoint), key);
}
