// Hostile policy files: what is read has groups without circles, and is read the same when it is
// written down again.
#include "ledger/ledger.h"
#include "taken.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void member_put(const struct trust *trust, int group, struct buf *out) {
    for (uint32_t i = 0; i < trust->witnesses_len; i++)
        if (trust->witnesses[i].group == group) buf_print(out, " w%u", i);
    for (uint32_t i = 0; i < trust->groups_len; i++)
        if (trust->groups[i].group == group) buf_print(out, " g%u", i);
}

// The same policy with names of our own.
static struct view policy_write(const struct trust *trust) {
    static char bytes[1 << 16];
    struct buf out = buf_over(bytes, sizeof bytes);
    for (uint32_t i = 0; i < trust->logs_len; i++) {
        buf_put_text(&out, "log ");
        note_key_write(&trust->logs[i].key, &out);
        buf_print(&out, " %.*s\n", (int)trust->logs[i].url.len, trust->logs[i].url.at);
    }
    for (uint32_t i = 0; i < trust->witnesses_len; i++) {
        buf_print(&out, "witness w%u ", i);
        note_key_write(&trust->witnesses[i].key, &out);
        buf_print(&out, " %.*s\n", (int)trust->witnesses[i].url.len, trust->witnesses[i].url.at);
    }
    for (uint32_t i = 0; i < trust->groups_len; i++) {
        buf_print(&out, "group g%u %u", i, trust->groups[i].need);
        member_put(trust, (int)i, &out);
        buf_put_char(&out, '\n');
    }
    int quorum = trust->quorum;
    if (quorum == TRUST_NONE) buf_print(&out, "quorum none\n");
    else if (quorum < TRUST_MAX) buf_print(&out, "quorum w%d\n", quorum);
    else buf_print(&out, "quorum g%d\n", quorum - TRUST_MAX);
    must(!out.over);
    return buf_view(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static struct arena arena;
    struct trust trust, again;
    if (!arena.base) must(arena_open(&arena, "trust", 1 << 20) == SK_OK);
    arena_reset(&arena);
    if (trust_parse((struct view){(const char *)data, size}, &arena, &trust) != SK_OK) return 0;
    fuzz_take();
    for (int i = 0; i < (int)trust.groups_len; i++) {
        const struct trust_group *group = &trust.groups[i];
        must(group->need >= 1 && group->need <= group->members);
        must(group->group == TRUST_NONE || group->group > i);
    }
    must(trust_parse(policy_write(&trust), &arena, &again) == SK_OK);
    must(again.logs_len == trust.logs_len && again.witnesses_len == trust.witnesses_len);
    must(again.groups_len == trust.groups_len && again.quorum == trust.quorum);
    for (uint32_t i = 0; i < trust.groups_len; i++) {
        must(again.groups[i].need == trust.groups[i].need);
        must(again.groups[i].members == trust.groups[i].members);
        must(again.groups[i].group == trust.groups[i].group);
    }
    return 0;
}
