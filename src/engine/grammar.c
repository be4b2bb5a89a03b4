#include "engine/grammar.h"

#include <string.h>
#include <sys/mman.h>

#include "engine/grammar_parts.h"

// ---- compiled grammars ----

// Sizes are ceilings: pages are touched as they are used.
static void grammar_lay(struct grammar *grammar, struct lay *lay, struct view text,
                        const struct vocab *vocab) {
    struct grammar_work *work = &grammar->work;
    uint32_t words = vocab ? grammar_mask_words(vocab) : 0;
    char *copy = lay_take(lay, text.len + 1, 1);
    grammar->nodes = lay_take(lay, GRAMMAR_NODES_MAX + 1, sizeof *grammar->nodes);
    grammar->rules = lay_take(lay, GRAMMAR_RULES_MAX, sizeof *grammar->rules);
    grammar->loops = lay_take(lay, GRAMMAR_RULES_MAX, sizeof *grammar->loops);
    grammar->by_order = lay_take(lay, GRAMMAR_RULES_MAX, sizeof *grammar->by_order);
    grammar->frames = lay_take(lay, GRAMMAR_FRAMES_MAX, sizeof *grammar->frames);
    grammar->entries = lay_take(lay, GRAMMAR_ENTRIES_MAX, sizeof *grammar->entries);
    grammar->states = lay_take(lay, GRAMMAR_STATES_MAX, sizeof *grammar->states);
    grammar->items = lay_take(lay, GRAMMAR_ITEMS_MAX, sizeof *grammar->items);
    grammar->steps = lay_take(lay, GRAMMAR_STATES_MAX * UINT64_C(256), sizeof *grammar->steps);
    grammar->frame_slots = lay_take(lay, 2 * GRAMMAR_FRAMES_MAX, sizeof *grammar->frame_slots);
    grammar->state_slots = lay_take(lay, 2 * GRAMMAR_STATES_MAX, sizeof *grammar->state_slots);
    work->places = lay_take(lay, GRAMMAR_PLACES_MAX, sizeof *work->places);
    work->slots = lay_take(lay, 2 * GRAMMAR_PLACES_MAX, sizeof *work->slots);
    work->used = lay_take(lay, GRAMMAR_PLACES_MAX, sizeof *work->used);
    work->items = lay_take(lay, GRAMMAR_PLACES_MAX, sizeof *work->items);
    work->callers = lay_take(lay, GRAMMAR_PLACES_MAX, sizeof *work->callers);
    work->entries = lay_take(lay, GRAMMAR_PLACES_MAX, sizeof *work->entries);
    work->called = lay_take(lay, GRAMMAR_RULES_MAX, sizeof *work->called);
    work->pending = lay_take(lay, GRAMMAR_RULES_MAX / 64, sizeof *work->pending);
    for (int i = 0; i < GRAMMAR_MASKS_MAX; i++)
        grammar->masks[i].bits = lay_take(lay, words, sizeof *grammar->masks[i].bits);
    for (int i = 0; i < GRAMMAR_FORMS_MAX; i++)
        grammar->forms[i].bits = lay_take(lay, words, sizeof *grammar->forms[i].bits);
    grammar->exits = lay_take(lay, GRAMMAR_EXITS_MAX, sizeof *grammar->exits);
    if (copy && text.len) memcpy(copy, text.at, text.len);
    grammar->text = (struct view){copy, text.len};
}

static void grammar_close(struct grammar *grammar) {
    struct grammar gone = *grammar; // it lies in its own memory
    must(!gone.runs);
    munmap(gone.memory, gone.memory_bytes);
}

static enum sk_code no_room(const struct grammar *grammar) {
    return FAIL(SK_LIMIT, "the grammar needs more %s than there is room for", grammar->fault);
}

static enum sk_code compile(struct grammar *grammar, const struct vocab *vocab) {
    TRY(grammar_read(grammar, vocab));
    TRY(grammar_check(grammar));
    grammar_states_init(grammar);
    return grammar->start == GRAMMAR_FULL ? no_room(grammar) : SK_OK;
}

static enum sk_code grammar_open(struct grammar **out, struct view text,
                                 const struct vocab *vocab) {
    struct grammar *grammar = NULL, sizes;
    struct lay lay = {0};
    lay_take(&lay, 1, sizeof *grammar);
    grammar_lay(&sizes, &lay, (struct view){NULL, text.len}, vocab);
    uint64_t bytes = lay.used;
    int flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE;
    void *memory = mmap(NULL, bytes, PROT_READ | PROT_WRITE, flags, -1, 0);
    if (memory == MAP_FAILED)
        return FAIL(SK_LIMIT, "memory: no %llu bytes for a grammar", (unsigned long long)bytes);
    lay = (struct lay){.base = memory};
    grammar = lay_take(&lay, 1, sizeof *grammar);
    grammar->memory = memory;
    grammar->memory_bytes = bytes;
    grammar_lay(grammar, &lay, text, vocab);
    enum sk_code code = compile(grammar, vocab);
    if (code == SK_OK)
        *out = grammar;
    else
        grammar_close(grammar);
    return code;
}

static enum sk_code find(struct grammars *grammars, struct view text, struct grammar **out) {
    for (*out = grammars->kept; *out; *out = (*out)->other)
        if (view_same((*out)->text, text)) return SK_OK;
    if (text.len > GRAMMAR_TEXT_MAX)
        return FAIL(SK_LIMIT, "%zu bytes of grammar > %d", text.len, GRAMMAR_TEXT_MAX);
    if (grammars->vocab && !grammars->trie)
        TRY(grammar_trie_open(&grammars->trie, grammars->vocab));
    TRY(grammar_open(out, text, grammars->vocab));
    (*out)->trie = grammars->trie;
    (*out)->of = grammars;
    (*out)->other = grammars->kept;
    grammars->kept = *out;
    return SK_OK;
}

// Of those that nothing runs with, the last ones used stay.
static void forget_oldest(struct grammars *grammars) {
    uint32_t idle = 0;
    struct grammar **oldest = NULL;
    for (struct grammar **at = &grammars->kept; *at; at = &(*at)->other) {
        if ((*at)->runs) continue;
        idle++;
        if (!oldest || (*at)->used < (*oldest)->used) oldest = at;
    }
    if (idle <= GRAMMAR_IDLE_MAX) return;
    struct grammar *gone = *oldest;
    *oldest = gone->other;
    grammar_close(gone);
}

void grammars_close(struct grammars *grammars) {
    for (struct grammar *next; grammars->kept; grammars->kept = next) {
        next = grammars->kept->other;
        grammar_close(grammars->kept);
    }
    grammar_trie_close(grammars->trie);
    grammars->trie = NULL;
}

// ---- runs ----

static void link_run(struct grammar_run *run, struct grammar *grammar, uint32_t state) {
    *run = (struct grammar_run){.grammar = grammar, .state = state, .after = grammar->runs};
    if (run->after) run->after->before = run;
    grammar->runs = run;
}

static void unlink_run(struct grammar_run *run) {
    if (run->after) run->after->before = run->before;
    if (run->before)
        run->before->after = run->after;
    else
        run->grammar->runs = run->after;
}

enum sk_code grammar_run_init(struct grammar_run *run, struct grammars *grammars,
                              struct view text) {
    struct grammar *grammar;
    *run = (struct grammar_run){0};
    TRY(find(grammars, text, &grammar));
    grammar->used = ++grammars->clock;
    link_run(run, grammar, grammar->start);
    return SK_OK;
}

void grammar_run_fini(struct grammar_run *run) {
    if (!run->grammar) return;
    unlink_run(run);
    forget_oldest(run->grammar->of);
    *run = (struct grammar_run){0};
}

// The state some bytes on.
static uint32_t step_bytes(struct grammar *grammar, uint32_t state, struct view bytes) {
    for (size_t i = 0; i < bytes.len && state != GRAMMAR_FULL && state != GRAMMAR_DEAD; i++)
        state = grammar_step(grammar, state, (uint8_t)bytes.at[i]);
    return state;
}

static uint32_t try_token(struct grammar *grammar, uint32_t state, int32_t token) {
    const struct grammar_trie *trie = grammar->trie;
    struct view bytes = grammar_trie_bytes(trie, token);
    uint32_t whole = grammar_step_token(grammar, state, token, bytes.len > 0);
    if (whole == GRAMMAR_FULL || bytes.len == 0) return whole;
    uint32_t by_bytes = step_bytes(grammar, state, bytes);
    if (by_bytes == GRAMMAR_FULL || whole == GRAMMAR_DEAD) return by_bytes;
    return by_bytes == GRAMMAR_DEAD ? whole : grammar_state_join(grammar, whole, by_bytes);
}

static void begin_work(struct grammar *grammar) {
    grammar->work.done_max = grammar->work.done + GRAMMAR_WORK_MAX;
}

// The state one token on; for want of room once more without what can be made again.
static uint32_t step_token(struct grammar_run *run, int32_t token) {
    for (bool again = false;; again = true) {
        begin_work(run->grammar);
        uint32_t state = try_token(run->grammar, run->state, token);
        if (state != GRAMMAR_FULL || again) return state;
        grammar_states_clear(run->grammar);
    }
}

static uint32_t step_byte(struct grammar_run *run, uint8_t byte) {
    for (bool again = false;; again = true) {
        begin_work(run->grammar);
        uint32_t state = grammar_step(run->grammar, run->state, byte);
        if (state != GRAMMAR_FULL || again) return state;
        grammar_states_clear(run->grammar);
    }
}

enum sk_code grammar_run_text(struct grammar_run *run, struct view bytes, size_t *taken) {
    struct grammar *grammar = run->grammar;
    struct grammar_run ahead;
    uint32_t state = run->state;
    size_t at = 0;
    link_run(&ahead, grammar, state);
    for (; at < bytes.len; at++) {
        state = step_byte(&ahead, (uint8_t)bytes.at[at]);
        if (state == GRAMMAR_FULL || state == GRAMMAR_DEAD) break;
        ahead.state = state;
    }
    unlink_run(&ahead);
    if (taken) *taken = at;
    if (state == GRAMMAR_FULL) return no_room(grammar);
    if (at < bytes.len)
        return FAIL(SK_INPUT, "byte %zu, 0x%02x, is not what the grammar says", at,
                    (uint8_t)bytes.at[at]);
    run->state = state;
    return SK_OK;
}

enum sk_code grammar_run_token(struct grammar_run *run, int32_t token) {
    uint32_t state = step_token(run, token);
    if (state == GRAMMAR_FULL) return no_room(run->grammar);
    if (state == GRAMMAR_DEAD)
        return FAIL(SK_INPUT, "token %d is not what the grammar says", token);
    run->state = state;
    return SK_OK;
}

uint64_t grammar_run_work(const struct grammar_run *run) {
    return run->grammar ? run->grammar->work.done : 0;
}

bool grammar_run_ends(const struct grammar_run *run) {
    return run->grammar->states[run->state].ends;
}

enum sk_code grammar_run_allows(struct grammar_run *run, int32_t token, bool *allowed) {
    *allowed = run->grammar->trie->vocab->tokens[token].end && grammar_run_ends(run);
    if (*allowed) return SK_OK;
    uint32_t state = step_token(run, token);
    if (state == GRAMMAR_FULL) return no_room(run->grammar);
    *allowed = state != GRAMMAR_DEAD;
    return SK_OK;
}

static const uint64_t *try_mask(struct grammar_run *run) {
    for (bool again = false;; again = true) {
        begin_work(run->grammar);
        const uint64_t *mask = grammar_mask_of(run->grammar, run->state);
        if (mask || again) return mask;
        grammar_states_clear(run->grammar);
    }
}

enum sk_code grammar_run_mask(struct grammar_run *run, const uint64_t **mask) {
    *mask = try_mask(run);
    if (!*mask) return no_room(run->grammar);
    for (uint32_t i = 0; i < grammar_mask_words(run->grammar->trie->vocab); i++)
        if ((*mask)[i]) return SK_OK;
    return FAIL(SK_UNSUPPORTED, "the vocabulary has no token for what the grammar says");
}
