// `sekisho doctor`: how witnesses stand to this node's log, from their policy and from what the
// node kept of them; no node needs to run.
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "cli/doctor.h"
#include "ledger/ledger.h"
#include "node/files.h"
#include "node/parent.h"

enum { TEXT_MAX = 512, VKEY_MAX = LEDGER_ORIGIN_MAX + 64 };

struct look {
    const struct conf *conf;
    struct arena arena;
    struct trust trust;
    struct buf file; // the one that was read last
};

static enum sk_code file_read(struct look *look, const char *path) {
    buf_reset(&look->file);
    return files_read(path, &look->file);
}

// The log's own key, as `sekisho init` wrote it.
static enum sk_code own_read(struct look *look, struct note_key *out) {
    char path[PARENT_PATH_MAX];
    parent_vkey_path(look->conf, path);
    TRY(file_read(look, path));
    struct view rest = buf_view(&look->file), line;
    if (!view_cut(&rest, '\n', &line)) line = rest;
    return note_key_parse(line, out);
}

// The node knows its own key, so its policy needs no line for it; whoever else is given the file
// does. It is added here, as the node does.
static void own_add(struct look *look) {
    char text[VKEY_MAX];
    struct buf vkey = buf_over(text, sizeof text);
    struct trust *trust = &look->trust;
    struct note_key own;
    if (own_read(look, &own) != SK_OK) return; // the row of the signing key says so
    for (uint32_t i = 0; i < trust->logs_len; i++)
        if (memcmp(trust->logs[i].key.public, own.public, SIGN_PUBLIC_LEN) == 0) return;
    note_key_write(&own, &vkey);
    doctor_row(DOCTOR_LOOK, "witness policy",
               "%s is enough for this node, not for auditors who are given it: it does not name "
               "this log. Add the line: log %.*s",
               look->conf->witness_policy, (int)vkey.len, vkey.at);
    if (trust->logs_len < TRUST_MAX) trust->logs[trust->logs_len++].key = own;
}

static void published_look(struct look *look) {
    char path[PARENT_PATH_MAX + 16], text[TEXT_MAX];
    struct buf out = buf_over(text, sizeof text - 1);
    struct trust_facts facts;
    uint64_t newest = 0;
    parent_ledger_path(look->conf, path);
    snprintf(path + strlen(path), 16, "/published");
    enum sk_code code = file_read(look, path);
    if (code == SK_UNKNOWN) {
        doctor_row(DOCTOR_LOOK, "witnesses", "no quorum of %u cosigned this log yet",
                   look->trust.witnesses_len);
        return;
    }
    if (code == SK_OK) code = trust_check(&look->trust, buf_view(&look->file), &facts);
    if (code != SK_OK) {
        doctor_row(DOCTOR_LOOK, "witnesses", "published: %s", fail_text());
        return;
    }
    for (uint32_t i = 0; i < look->trust.witnesses_len; i++)
        if (facts.cosigned_s[i] > newest) newest = facts.cosigned_s[i];
    trust_explain(&look->trust, &facts, &out);
    text[out.len] = 0;
    doctor_row(DOCTOR_GOOD, "witnesses", "%llu leaves cosigned %llu s ago: %s",
               (unsigned long long)facts.checkpoint.size,
               (unsigned long long)((uint64_t)time(NULL) - newest), text);
}

void doctor_witness(const struct conf *conf) {
    struct look look = {.conf = conf};
    if (!conf->witness_policy[0]) {
        doctor_row(DOCTOR_GOOD, "witnesses", "none is asked (witness.policy)");
        return;
    }
    enum sk_code code = arena_open(&look.arena, "witnesses", 1 << 20);
    if (code == SK_OK) code = buf_open(&look.file, TRUST_TEXT_MAX);
    if (code == SK_OK) code = file_read(&look, conf->witness_policy);
    if (code == SK_OK) code = trust_parse(buf_view(&look.file), &look.arena, &look.trust);
    if (code != SK_OK) {
        doctor_row(DOCTOR_BAD, "witnesses", "%s", fail_text());
    } else {
        own_add(&look);
        published_look(&look);
    }
    buf_close(&look.file);
    arena_close(&look.arena);
}
