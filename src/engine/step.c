// One step of many slots: who reads how many tokens, then one run for all of them; or the next
// tokens of those that have their logits from the last run already, because they were guessed.
#include "engine/state.h"

// Tokens of prompts that are read in a step beside answers: twice as many would be read in 7 % less
// time (14 % with Q6_K), but every answer would wait twice as long for its next token.
enum { PROMPT_COLUMNS = 32 };

// Work on its grammar for which a slot does not wait, some 5 ns each: 5 ms a step, more than a form
// that is met for the first time takes, and half of the time of the step before, whose columns take
// a thousandth of a unit for each parameter; reading the weights takes as long as four columns.
enum { GRAMMAR_WORK_FREE = 1 << 20, GRAMMAR_WORK_STEP = 2048, READING_COLUMNS = 4 };

// Pages that a step reads back from disk, and as many may have to be written to make room: twice
// the tokens of PROMPT_COLUMNS, in some 2 ms of 0.5B; larger models have larger pages, and steps.
enum { READS = 4 };

// What a slot reads in this step.
struct part {
    struct slot *slot;
    struct engine_event *event;
    uint32_t wants, count;
    uint32_t row; // of its logits, when it reads all it knows and is to go on
    bool waits;
    bool reads; // pages of its prompt are on disk: first these
    uint32_t guesses; // columns more, of slot->guess.ids
    uint32_t score, scores; // its first of the batch's scores, and how many
};

struct batch {
    struct part part[ENGINE_SLOTS_MAX];
    uint32_t parts;
    struct forward_column columns[KERNEL_COLUMNS_MAX];
    uint32_t columns_len;
    uint32_t wanted[KERNEL_COLUMNS_MAX]; // columns whose logits are asked for
    uint32_t wanted_len;
    struct score_want scores[KERNEL_COLUMNS_MAX]; // of prompts
    uint32_t scores_len;
};

static bool ends(const struct part *part) { return part->count == part->wants; }

// Pages that were filled by others since it began, and at most *reads from disk.
static void catch_up(struct engine *engine, struct part *part, uint32_t *reads) {
    struct slot *slot = part->slot;
    enum kv_found found = KV_NOWHERE;
    while (slot->done % KERNEL_PAGE == 0 && slot->done + KERNEL_PAGE < slot->found_max &&
           (found = kv_find(&engine->kv, &slot->sequence, slot->ids + slot->done, reads)) ==
               KV_HERE) {
        slot->done += KERNEL_PAGE;
        slot->cached += KERNEL_PAGE;
    }
    part->reads = found == KV_ON_DISK;
    part->wants = slot->len - slot->done;
}

// The oldest of those whose next page is on disk, or NULL.
static struct part *next_reader(struct batch *batch) {
    struct part *next = NULL;
    for (uint32_t i = 0; i < batch->parts; i++) {
        struct part *part = &batch->part[i];
        if (part->reads && (!next || part->slot->order < next->slot->order)) next = part;
    }
    return next;
}

static void line_up(struct engine *engine, const uint32_t *slots, uint32_t len,
                    struct engine_event *events, struct batch *batch) {
    uint32_t reads = 0;
    for (uint32_t i = 0; i < len; i++) {
        struct part *part = &batch->part[batch->parts++];
        *part = (struct part){.slot = slot_at(engine, slots[i]), .event = &events[i]};
        must(part->slot->running);
        catch_up(engine, part, &reads);
    }
    reads = READS;
    for (struct part *part; reads > 0 && (part = next_reader(batch));)
        catch_up(engine, part, &reads);
}

// Who held up the others by its grammar lets them make as many steps without it, while there are
// any; so no grammar slows the answers beside it by more than half for long, nor waits much longer
// than twice the time it took.
static void hold_back(const struct engine *engine, struct batch *batch) {
    uint64_t columns = engine->ran ? engine->ran + READING_COLUMNS : 0;
    uint64_t free = GRAMMAR_WORK_FREE + columns * engine->model.parameters / GRAMMAR_WORK_STEP;
    bool others = false;
    for (uint32_t i = 0; i < batch->parts; i++) {
        uint64_t *owes = &batch->part[i].slot->owes;
        *owes -= *owes < free ? *owes : free;
        others = others || *owes == 0;
    }
    for (uint32_t i = 0; i < batch->parts; i++)
        batch->part[i].waits = others && batch->part[i].slot->owes > 0;
}

// First a column for each slot that makes a token anyhow, so that no prompt holds up an answer;
// then prompts, as their tenants share what is left.
static void deal_out(struct engine *engine, struct batch *batch) {
    struct share_prompt prompts[ENGINE_SLOTS_MAX];
    struct part *of[ENGINE_SLOTS_MAX];
    uint32_t len = 0, left = KERNEL_COLUMNS_MAX;
    for (uint32_t i = 0; i < batch->parts; i++) {
        struct part *part = &batch->part[i];
        const struct slot *slot = part->slot;
        if (part->waits || part->reads) continue;
        if (part->wants == 1) {
            part->count = 1;
            left--;
            continue;
        }
        of[len] = part;
        prompts[len++] = (struct share_prompt){.tenant = slot->tenant,
                                               .weight = slot->weight,
                                               .order = slot->order,
                                               .left = part->wants};
    }
    if (left < KERNEL_COLUMNS_MAX && left > PROMPT_COLUMNS) left = PROMPT_COLUMNS;
    share_deal(&engine->share, prompts, len, left);
    for (uint32_t i = 0; i < len; i++) of[i]->count = prompts[i].count;
}

// Where nobody reads a prompt, tokens that answers may go on with are computed too, as many of each
// as there are columns and rows of logits; none that would be the last one, which is not run.
static void deal_guesses(struct engine *engine, struct batch *batch) {
    uint32_t left = KERNEL_COLUMNS_MAX - batch->parts, rows = engine->logits_len - batch->parts;
    if (rows < left) left = rows;
    for (uint32_t i = 0; i < batch->parts; i++)
        if (batch->part[i].wants > 1) return;
    for (uint32_t i = 0; i < batch->parts && left > 0; i++) {
        struct part *part = &batch->part[i];
        struct slot *slot = part->slot;
        if (part->count == 0 || slot->one_by_one || slot->prompt_only) continue;
        uint32_t max = slot->len_max - slot->len - 1;
        struct guess_room room = {max < left ? max : left, batch->parts};
        part->guesses = guess_make(&slot->guess, slot->ids, slot->len, room);
        left -= part->guesses;
    }
}

// The token after this position is of the prompt, and its score is asked for.
static bool is_scored(const struct slot *slot, uint32_t position) {
    uint32_t next = position + 1;
    return slot->score_from > 0 && next >= slot->score_from && next < slot->prompt;
}

static void add_score(struct batch *batch, struct part *part, uint32_t next) {
    struct slot *slot = part->slot;
    uint32_t at = part->scores++;
    slot->scores[at].token = slot->ids[next];
    batch->scores[batch->scores_len++] =
        (struct score_want){.column = batch->columns_len - 1,
                            .to = &slot->scores[at],
                            .top = slot->scores_top[at],
                            .alternatives = slot->logprobs ? slot->logprobs - 1 : 0};
}

static void add_column(struct engine *engine, struct batch *batch, struct slot *slot, int32_t id,
                       uint32_t position) {
    if (position / KERNEL_PAGE == slot->sequence.len) kv_take(&engine->kv, &slot->sequence);
    batch->columns[batch->columns_len++] =
        (struct forward_column){id, position, slot->sequence.pages, slot->sequence.adapter};
}

static void want_logits(struct batch *batch) {
    batch->wanted[batch->wanted_len++] = batch->columns_len - 1;
}

// Guesses are not of the sequence yet: `ids` and `done` do not know of them.
static void add_guesses(struct engine *engine, struct batch *batch, struct part *part) {
    struct guess *guess = &part->slot->guess;
    guess->run = engine->runs;
    guess->row = part->row;
    guess->len = part->guesses;
    guess->kept = 0;
    for (uint32_t i = 0; i < guess->len; i++) {
        add_column(engine, batch, part->slot, guess->ids[i], part->slot->len + i);
        want_logits(batch);
    }
}

static void add_columns(struct engine *engine, struct batch *batch, struct part *part) {
    struct slot *slot = part->slot;
    part->score = batch->scores_len;
    for (uint32_t i = 0; i < part->count; i++) {
        uint32_t position = slot->done + i;
        add_column(engine, batch, slot, slot->ids[position], position);
        if (is_scored(slot, position)) add_score(batch, part, position + 1);
    }
    if (!ends(part) || slot->prompt_only) return;
    part->row = batch->wanted_len;
    want_logits(batch);
    add_guesses(engine, batch, part);
}

static void advance(struct engine *engine, struct part *part) {
    struct slot *slot = part->slot;
    slot->done += part->count;
    for (uint32_t from; (from = slot->sequence.full * KERNEL_PAGE) + KERNEL_PAGE <= slot->done;)
        kv_fill(&engine->kv, &slot->sequence, slot->ids + from);
}

// What came of a part that reads all it knows.
static void finish(struct engine *engine, const struct part *part) {
    if (!part->slot->prompt_only) {
        size_t row = part->row * kernel_pad(engine->vocab.len);
        slot_next(engine, part->slot, engine->logits + row, part->event);
        return;
    }
    part->event->kind = ENGINE_LENGTH;
    part->event->stop = ENGINE_NO_STOP;
    part->event->token = VOCAB_NONE;
    slot_free(engine, part->slot);
}

static void report(struct engine *engine, const struct batch *batch, struct part *part) {
    struct slot *slot = part->slot;
    struct engine_event *event = part->event;
    *event = (struct engine_event){.kind = part->count ? ENGINE_PREFILL : ENGINE_WAITED,
                                   .scores = slot->scores,
                                   .scores_len = part->scores};
    if (part->count) advance(engine, part);
    event->prompt_done = slot->done < slot->prompt ? slot->done : slot->prompt;
    event->prompt_cached = slot->cached;
    event->scores_at = (slot->done < slot->prompt ? slot->done + 1 : slot->prompt) - part->scores;
    enum sk_code code = score_check(engine, batch->scores + part->score, part->scores);
    if (code != SK_OK)
        slot_fail(engine, slot, code, event);
    else if (ends(part))
        finish(engine, part);
    event->tokens = slot->len - slot->prompt;
}

// Those whose last token had been guessed go on with the logits they have. The others wait for
// them, no longer than drawing takes. False when there are none.
static bool go_on(const struct engine *engine, struct batch *batch) {
    bool any = false;
    for (uint32_t i = 0; i < batch->parts; i++) {
        struct part *part = &batch->part[i];
        struct slot *slot = part->slot;
        struct guess *guess = &slot->guess;
        bool came = guess->run == engine->runs && guess->kept < guess->len &&
                    guess->ids[guess->kept] == slot->ids[slot->done];
        if (!came || part->waits) continue;
        part->count = 1;
        part->row = guess->row + ++guess->kept;
        any = true;
    }
    return any;
}

static void run(struct engine *engine, struct batch *batch) {
    deal_out(engine, batch);
    deal_guesses(engine, batch);
    engine->runs++;
    for (uint32_t i = 0; i < batch->parts; i++) add_columns(engine, batch, &batch->part[i]);
    if (batch->columns_len == 0) return;
    engine->ran = batch->columns_len;
    forward_run(&engine->forward, batch->columns, batch->columns_len);
    score_columns(engine, batch->scores, batch->scores_len);
    if (batch->wanted_len > 0)
        forward_logits(&engine->forward, batch->wanted, batch->wanted_len, engine->logits);
}

void engine_step(struct engine *engine, const uint32_t *slots, uint32_t len,
                 struct engine_event *events) {
    must(len <= engine->slots_len);
    struct batch batch;
    batch.parts = batch.columns_len = batch.wanted_len = batch.scores_len = 0;
    line_up(engine, slots, len, events, &batch);
    hold_back(engine, &batch);
    engine->ran = 0;
    if (!go_on(engine, &batch)) run(engine, &batch);
    for (uint32_t i = 0; i < batch.parts; i++) report(engine, &batch, &batch.part[i]);
}
