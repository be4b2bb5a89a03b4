// `sekisho ledger restore`: only an old copy of the log is left, and witnesses have seen more.
// To go on with that copy would fork the log; another goes on, whose first leaf carries the last
// checkpoint that was witnessed.
#include "cli/cli.h"
#include "cli/succession.h"
#include "cli/verify.h"
#include "node/files.h"

#include <stdio.h>
#include <unistd.h>

static const char usage[] =
    "usage: sekisho ledger restore --checkpoint FILE --reason TEXT [--policy FILE]\n"
    "                              [--node NAME] [--config FILE]\n\n"
    "For a node that signs nothing because its log is an old copy, while it is stopped. Moves\n"
    "that copy aside and begins a log with another name and a new key. Its first entry carries\n"
    "the last witnessed checkpoint of the old one, and says why. The key that cosigned logs of\n"
    "others is retired: an old copy does not know what it cosigned since.\n"
    "  --checkpoint FILE  as a witness shows it: GET .../witness/HEX/checkpoint; '-' is stdin\n"
    "  --policy FILE      a C2SP tlog-policy: a witness in it must have cosigned that (default:\n"
    "                     witness.policy of the configuration)\n"
    "  --node NAME        of the new log (default: the old one and /2, /3, ...)\n";

// One word is enough: that a witness has seen more is why the old copy signs nothing.
static enum sk_code witness_check(struct view note, const char *policy, struct arena *arena) {
    struct trust trust;
    struct view text;
    bool any = false;
    enum sk_code code = verify_file(policy, TRUST_TEXT_MAX, arena, &text);
    if (code == SK_OK) code = trust_parse(text, arena, &trust);
    if (code != SK_OK) return fail_within(code, "%s", policy);
    for (uint32_t i = 0; i < trust.witnesses_len; i++) {
        uint64_t time_s;
        code = note_signed(note, &trust.witnesses[i].key, &time_s);
        if (code != SK_OK && code != SK_UNKNOWN)
            return fail_within(code, "witness %.*s", (int)trust.witnesses[i].name.len,
                               trust.witnesses[i].name.at);
        any |= code == SK_OK;
    }
    return any ? SK_OK : FAIL(SK_DENIED, "no witness of %s cosigned it", policy);
}

// Signed by the log's own key, and by a witness: that one says that it was the last it saw.
static enum sk_code note_take(struct succession *it, const char *path, const char *policy) {
    struct buf note = buf_over(it->note, sizeof it->note);
    struct checkpoint checkpoint;
    struct arena arena;
    if (!policy && !it->conf->witness_policy[0])
        return FAIL(SK_INPUT, "whose witness? The configuration has no witness.policy: --policy");
    TRY(files_read(path, &note));
    it->note_len = note.len;
    TRY(checkpoint_check(buf_view(&note), &it->memory->signer[KEY_LOG].name, &checkpoint));
    TRY(arena_open(&arena, "witnesses", 1 << 20));
    enum sk_code code =
        witness_check(buf_view(&note), policy ? policy : it->conf->witness_policy, &arena);
    arena_close(&arena);
    if (code == SK_OK) printf("last  %llu leaves\n", (unsigned long long)checkpoint.size);
    return code;
}

static enum sk_code restore(struct succession *it, const char *chosen, const char *path,
                            const char *policy) {
    bool done;
    TRY(succession_open(it, chosen, &done));
    if (done) return succession_save(it);
    enum sk_code code = note_take(it, path, policy);
    if (code != SK_OK) return fail_within(code, "%s", path);
    TRY(succession_key(it));
    if (access(it->aside, F_OK) != 0) TRY(succession_aside(it));
    TRY(succession_finish(it));
    printf("Tell witnesses and all who verify the new key (`sekisho key show`), and that nothing\n"
           "is signed by the old one any more.\n");
    return SK_OK;
}

int cmd_ledger_restore(int argc, char **argv) {
    static struct conf conf;
    static struct succession it;
    const char *config = NULL, *reason = NULL, *node = NULL, *path = NULL,
               *policy = NULL;
    const struct cli_option options[] = {{"--config", &config, NULL}, {"--reason", &reason, NULL},
                                         {"--node", &node, NULL},     {"--checkpoint", &path, NULL},
                                         {"--policy", &policy, NULL}, {0}};
    int rest;
    if (!cli_options(argc, argv, usage, options, &rest)) return EXIT_USAGE;
    it = (struct succession){
        .conf = &conf, .cause = "restored", .old_copy = true, .reason = view_of(reason)};
    if (rest != 0 || !path || !reason || !succession_reason(it.reason))
        return cli_usage(usage, "--checkpoint and --reason, one line of at most %d bytes, are "
                                "needed",
                         SUCCESSOR_REASON_MAX);
    enum sk_code code = conf_read_file(config, &conf);
    if (code == SK_OK) code = signer_open(&it.memory);
    if (code == SK_OK) code = restore(&it, node, path, policy);
    signer_close(it.memory);
    return code == SK_OK ? EXIT_DONE : cli_failed();
}
