#include "ledger/trust.h"

#include "base/text.h"

// ---- reading ----

enum { QUORUM_UNSAID = TRUST_NONE - 1 };

// The next item of a line: what stands between spaces and tabs. False at its end.
static bool item_take(struct view *line, struct view *item) {
    *line = view_trim(*line);
    size_t len = 0;
    while (len < line->len && line->at[len] != ' ' && line->at[len] != '\t')
        len++;
    *item = (struct view){line->at, len};
    *line = view_from(*line, len);
    return len > 0;
}

// The url, when there is one, and no more.
static enum sk_code url_take(struct view *line, struct view *url) {
    struct view more;
    if (!item_take(line, url)) *url = (struct view){0};
    if (item_take(line, &more))
        return FAIL(SK_INPUT, "'%.*s' is one item too many", (int)more.len, more.at);
    return SK_OK;
}

// What a name stands for, as trust.quorum has it.
static int name_find(const struct trust *trust, struct view name) {
    for (int i = 0; i < (int)trust->witnesses_len; i++)
        if (view_same(trust->witnesses[i].name, name)) return i;
    for (int i = 0; i < (int)trust->groups_len; i++)
        if (view_same(trust->groups[i].name, name)) return TRUST_MAX + i;
    return TRUST_NONE;
}

static enum sk_code name_take(const struct trust *trust, struct view *line, struct view *name) {
    if (!item_take(line, name)) return FAIL(SK_INPUT, "no name");
    if (view_is(*name, "none")) return FAIL(SK_INPUT, "the name 'none' means no quorum");
    if (name_find(trust, *name) != TRUST_NONE)
        return FAIL(SK_INPUT, "a second '%.*s'", (int)name->len, name->at);
    return SK_OK;
}

static enum sk_code key_take(struct view *line, enum note_type type, struct note_key *key) {
    struct view vkey;
    if (!item_take(line, &vkey)) return FAIL(SK_INPUT, "no verifier key");
    TRY(note_key_parse(vkey, key));
    if (key->type != type)
        return FAIL(SK_INPUT, "a key of type %d, not %d", (int)key->type, (int)type);
    return SK_OK;
}

// Two keys are one when their bytes are, whatever their names.
static bool key_same(const struct note_key *a, const struct note_key *b) {
    return memcmp(a->public, b->public, SIGN_PUBLIC_LEN) == 0;
}

static enum sk_code log_take(struct trust *trust, struct view line) {
    if (trust->logs_len == TRUST_MAX) return FAIL(SK_LIMIT, "more than %d logs", TRUST_MAX);
    struct trust_log *log = &trust->logs[trust->logs_len];
    TRY(key_take(&line, NOTE_ED25519, &log->key));
    for (uint32_t i = 0; i < trust->logs_len; i++)
        if (key_same(&trust->logs[i].key, &log->key))
            return FAIL(SK_INPUT, "the key of log %s a second time", trust->logs[i].key.name);
    TRY(url_take(&line, &log->url));
    trust->logs_len++;
    return SK_OK;
}

static enum sk_code witness_take(struct trust *trust, struct view line) {
    if (trust->witnesses_len == TRUST_MAX)
        return FAIL(SK_LIMIT, "more than %d witnesses", TRUST_MAX);
    struct trust_witness *witness = &trust->witnesses[trust->witnesses_len];
    TRY(name_take(trust, &line, &witness->name));
    TRY(key_take(&line, NOTE_COSIGNATURE, &witness->key));
    for (uint32_t i = 0; i < trust->witnesses_len; i++)
        if (key_same(&trust->witnesses[i].key, &witness->key))
            return FAIL(SK_INPUT, "the key of witness %.*s a second time",
                        (int)trust->witnesses[i].name.len, trust->witnesses[i].name.at);
    TRY(url_take(&line, &witness->url));
    witness->group = TRUST_NONE;
    trust->witnesses_len++;
    return SK_OK;
}

static enum sk_code group_take(struct trust *trust, struct view line) {
    struct view need, name;
    if (trust->groups_len == TRUST_MAX) return FAIL(SK_LIMIT, "more than %d groups", TRUST_MAX);
    struct trust_group *group = &trust->groups[trust->groups_len];
    *group = (struct trust_group){.group = TRUST_NONE};
    TRY(name_take(trust, &line, &group->name));
    if (!item_take(&line, &need)) return FAIL(SK_INPUT, "not 'group name all|any|k member…'");
    while (item_take(&line, &name)) {
        int found = name_find(trust, name);
        if (found == TRUST_NONE)
            return FAIL(SK_INPUT, "no '%.*s' before this line", (int)name.len, name.at);
        int *member = found < TRUST_MAX ? &trust->witnesses[found].group
                                        : &trust->groups[found - TRUST_MAX].group;
        if (*member != TRUST_NONE)
            return FAIL(SK_INPUT, "'%.*s' is a member twice", (int)name.len, name.at);
        *member = (int)trust->groups_len;
        group->members++;
    }
    uint64_t k = 0;
    if (view_is(need, "any"))
        k = 1;
    else if (view_is(need, "all"))
        k = group->members;
    else if (!decimal_take(need, &k))
        return FAIL(SK_INPUT, "'%.*s' is not all, any or a number", (int)need.len, need.at);
    if (k < 1 || k > group->members)
        return FAIL(SK_INPUT, "%.*s of %u members", (int)need.len, need.at, group->members);
    group->need = (uint32_t)k;
    trust->groups_len++;
    return SK_OK;
}

static enum sk_code quorum_take(struct trust *trust, struct view line) {
    struct view name, more;
    if (trust->quorum != QUORUM_UNSAID) return FAIL(SK_INPUT, "a second quorum");
    if (!item_take(&line, &name) || item_take(&line, &more))
        return FAIL(SK_INPUT, "not 'quorum name'");
    trust->quorum = name_find(trust, name);
    if (trust->quorum == TRUST_NONE && !view_is(name, "none"))
        return FAIL(SK_INPUT, "no '%.*s' before this line", (int)name.len, name.at);
    return SK_OK;
}

static enum sk_code line_take(struct trust *trust, struct view line) {
    struct view what;
    for (size_t i = 0; i < line.len; i++)
        if (((unsigned char)line.at[i] < ' ' && line.at[i] != '\t') || line.at[i] == 0x7f)
            return FAIL(SK_INPUT, "control character at its byte %zu", i);
    if (!item_take(&line, &what) || what.at[0] == '#') return SK_OK;
    if (view_is(what, "log")) return log_take(trust, line);
    if (view_is(what, "witness")) return witness_take(trust, line);
    if (view_is(what, "group")) return group_take(trust, line);
    if (view_is(what, "quorum")) return quorum_take(trust, line);
    return FAIL(SK_INPUT, "'%.*s' is not log, witness, group or quorum", (int)what.len, what.at);
}

static enum sk_code trust_tables(struct arena *arena, struct trust *out) {
    *out = (struct trust){
        .logs = arena_take(arena, TRUST_MAX, sizeof *out->logs),
        .witnesses = arena_take(arena, TRUST_MAX, sizeof *out->witnesses),
        .groups = arena_take(arena, TRUST_MAX, sizeof *out->groups),
        .quorum = TRUST_NONE,
    };
    return out->logs && out->witnesses && out->groups ? SK_OK : SK_LIMIT;
}

enum sk_code trust_parse(struct view text, struct arena *arena, struct trust *out) {
    if (text.len > TRUST_TEXT_MAX)
        return FAIL(SK_LIMIT, "policy of %zu bytes > %d", text.len, TRUST_TEXT_MAX);
    TRY(trust_tables(arena, out));
    out->quorum = QUORUM_UNSAID;
    char *copy = arena_take_raw(arena, text.len, 1);
    if (!copy) return SK_LIMIT;
    if (text.len) memcpy(copy, text.at, text.len);
    struct view rest = {copy, text.len}, line;
    for (int number = 1; rest.len > 0; number++) {
        if (!view_cut(&rest, '\n', &line))
            return FAIL(SK_INPUT, "policy line %d: no newline at its end", number);
        enum sk_code code = line_take(out, line);
        if (code != SK_OK) return fail_within(code, "policy line %d", number);
    }
    if (out->quorum == QUORUM_UNSAID) return FAIL(SK_INPUT, "policy: no quorum line");
    return SK_OK;
}

enum sk_code trust_of_key(const struct note_key *key, struct arena *arena, struct trust *out) {
    if (key->type != NOTE_ED25519)
        return FAIL(SK_INPUT, "key %s: of a witness, not of a log", key->name);
    TRY(trust_tables(arena, out));
    out->logs[0].key = *key;
    out->logs_len = 1;
    return SK_OK;
}

// ---- checking ----

// Whether a log signed it: of each key with the checkpoint's origin a signature is good or missing.
static enum sk_code logs_check(const struct trust *trust, struct view text, struct view lines,
                               struct trust_facts *facts) {
    for (uint32_t i = 0; i < trust->logs_len; i++) {
        uint64_t none;
        if (!view_is(facts->checkpoint.origin, trust->logs[i].key.name)) continue;
        enum sk_code code = note_lines_signed(text, lines, &trust->logs[i].key, &none);
        if (code == SK_OK && !facts->log)
            facts->log = &trust->logs[i];
        else if (code != SK_UNKNOWN)
            TRY(code);
    }
    if (!facts->log)
        return FAIL(SK_UNKNOWN, "checkpoint of %.*s: no log of the policy signed it",
                    (int)facts->checkpoint.origin.len, facts->checkpoint.origin.at);
    return SK_OK;
}

static enum sk_code witnesses_check(const struct trust *trust, struct view text,
                                    struct view lines, struct trust_facts *facts) {
    for (uint32_t i = 0; i < trust->witnesses_len; i++) {
        const struct trust_witness *witness = &trust->witnesses[i];
        enum sk_code code = note_lines_signed(text, lines, &witness->key, &facts->cosigned_s[i]);
        if (code != SK_UNKNOWN) TRY(code);
        if (code == SK_OK && witness->group != TRUST_NONE) facts->have[witness->group]++;
    }
    return SK_OK;
}

static bool group_holds(const struct trust *trust, const struct trust_facts *facts, int index) {
    return facts->have[index] >= trust->groups[index].need;
}

// A group's members stand before it, so one pass in order settles all of them.
static void quorum_check(const struct trust *trust, struct trust_facts *facts) {
    for (int i = 0; i < (int)trust->groups_len; i++)
        if (trust->groups[i].group != TRUST_NONE && group_holds(trust, facts, i))
            facts->have[trust->groups[i].group]++;
    int quorum = trust->quorum;
    if (quorum == TRUST_NONE)
        facts->quorum = true;
    else if (quorum < TRUST_MAX)
        facts->quorum = facts->cosigned_s[quorum] > 0;
    else
        facts->quorum = group_holds(trust, facts, quorum - TRUST_MAX);
}

enum sk_code trust_check(const struct trust *trust, struct view note, struct trust_facts *facts) {
    struct view text = {0}, lines = {0};
    *facts = (struct trust_facts){0};
    TRY(note_split(note, &text, &lines));
    TRY(checkpoint_read(text, &facts->checkpoint));
    TRY(logs_check(trust, text, lines, facts));
    TRY(witnesses_check(trust, text, lines, facts));
    quorum_check(trust, facts);
    if (facts->quorum) return SK_OK;
    char why[192];
    struct buf out = buf_over(why, sizeof why);
    trust_explain(trust, facts, &out);
    return FAIL(SK_DENIED, "checkpoint of %s, size %llu: the quorum is missing: %.*s",
                facts->log->key.name, (unsigned long long)facts->checkpoint.size, (int)out.len,
                out.at);
}

// Whether `group` is the quorum's group or within it.
static bool group_counts(const struct trust *trust, int group) {
    while (group != TRUST_NONE && TRUST_MAX + group != trust->quorum)
        group = trust->groups[group].group;
    return group != TRUST_NONE;
}

void trust_explain(const struct trust *trust, const struct trust_facts *facts, struct buf *out) {
    if (trust->quorum == TRUST_NONE) buf_put_text(out, "no witness is asked for");
    const char *between = "";
    for (int i = (int)trust->groups_len - 1; i >= 0; i--) {
        const struct trust_group *group = &trust->groups[i];
        if (!group_counts(trust, i)) continue;
        buf_print(out, "%s%.*s %u of %u", between, (int)group->name.len, group->name.at,
                  facts->have[i], group->need);
        between = ", ";
    }
    between = out->len > 0 ? "; missing: " : "missing: ";
    for (int i = 0; i < (int)trust->witnesses_len; i++) {
        const struct trust_witness *witness = &trust->witnesses[i];
        if (facts->cosigned_s[i] > 0) continue;
        if (trust->quorum != i && !group_counts(trust, witness->group)) continue;
        buf_print(out, "%s%.*s", between, (int)witness->name.len, witness->name.at);
        between = " ";
    }
}
