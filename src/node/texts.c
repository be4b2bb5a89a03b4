#include "node/texts.h"

#include "base/json.h"

// ---- out of a task ----

// What is being collected: the joined text stands at the end of the arena's memory until all is.
struct collect {
    struct texts *out;
    struct buf joined;
};

static void collect_text(struct collect *collect, struct view text, char after) {
    struct texts *out = collect->out;
    must(out->len < TEXTS_MAX);
    out->places[out->len++] = (struct text_place){text, (uint32_t)collect->joined.len, false};
    buf_put_view(&collect->joined, text);
    if (after == ':') buf_put_char(&collect->joined, ':');
    buf_put_char(&collect->joined, after == ':' ? ' ' : '\n');
}

static bool is_text(const struct json_node *node) {
    return node->type == JSON_STRING || node->type == JSON_NUMBER;
}

// Where arguments stand: names of members, NULL for any item of an array.
static const char *const argument_path[] = {"messages", NULL,       "tool_calls",
                                            NULL,       "function", "arguments"};
enum { ARGUMENT_STEPS = sizeof argument_path / sizeof *argument_path, ASTRAY = 99 };

// How many steps of the path lead to what stands at `member` (empty: in an array), ASTRAY when it
// is elsewhere; all of them also within arguments.
static unsigned path_step(unsigned steps, struct view member) {
    if (steps >= ARGUMENT_STEPS) return steps;
    const char *wanted = argument_path[steps];
    bool right = wanted ? view_is(member, wanted) : member.len == 0;
    return right ? steps + 1 : ASTRAY;
}

// In document order; the name of a member before its value.
static void collect_json(struct collect *collect, const struct json_node *root) {
    struct {
        const struct json_node *end;
        struct view member; // whose value is next
        unsigned steps;
        bool object, name;
    } open[JSON_DEPTH_MAX + 1];
    unsigned depth = 0;
    for (const struct json_node *node = root, *end = root + root->span; node < end; node++) {
        while (depth > 0 && node == open[depth - 1].end)
            depth--;
        bool name = depth > 0 && open[depth - 1].object && open[depth - 1].name;
        if (depth > 0) open[depth - 1].name = !name;
        if (is_text(node)) collect_text(collect, json_view(node), name ? ':' : '\n');
        if (name) open[depth - 1].member = json_view(node);
        unsigned steps = depth ? path_step(open[depth - 1].steps, open[depth - 1].member) : 0;
        if (node->type == JSON_STRING && !name)
            collect->out->places[collect->out->len - 1].argument = steps == ARGUMENT_STEPS;
        if (node->type != JSON_OBJECT && node->type != JSON_ARRAY) continue;
        must(depth <= JSON_DEPTH_MAX);
        open[depth].end = node + node->span;
        open[depth].object = open[depth].name = node->type == JSON_OBJECT;
        open[depth].member = VIEW("");
        open[depth].steps = steps;
        depth++;
    }
}

// A tree of its own, whose nodes may change. *count grows by its texts.
static enum sk_code json_own(struct view text, struct arena *arena, struct json_node **out,
                             size_t *count) {
    const struct json_node *root;
    char *copy = arena_text(arena, text);
    if (!copy) return SK_LIMIT;
    TRY(json_parse(copy, text.len, arena, &root));
    *out = arena_take_raw(arena, root->span, sizeof **out);
    if (!*out) return SK_LIMIT;
    memcpy(*out, root, root->span * sizeof **out);
    for (uint32_t i = 0; i < root->span; i++)
        *count += is_text(&root[i]);
    return SK_OK;
}

static size_t count_plain(const struct gate_task *task) {
    const struct engine_job *job = &task->job;
    return (size_t)job->messages_len + task->texts_len + job->stops_len +
           job->sampling.dry_breakers_len + 5; // prompt, query, answer, tool_name, format_text
}

static void collect_all(struct collect *collect) {
    const struct gate_task *task = collect->out->task;
    const struct engine_job *job = &task->job;
    collect_text(collect, job->prompt, '\n');
    for (uint32_t i = 0; i < job->messages_len; i++)
        collect_text(collect, job->messages[i].text, '\n');
    collect_text(collect, task->query, '\n');
    for (uint32_t i = 0; i < task->texts_len; i++)
        collect_text(collect, task->texts[i], '\n');
    collect_text(collect, task->answer, '\n');
    for (uint32_t i = 0; i < job->stops_len; i++)
        collect_text(collect, job->stops[i], '\n');
    for (uint32_t i = 0; i < job->sampling.dry_breakers_len; i++)
        collect_text(collect, job->sampling.dry_breakers[i], '\n');
    collect_text(collect, job->tool_name, '\n');
    if (!collect->out->form) collect_text(collect, job->format_text, '\n');
    if (collect->out->data) collect_json(collect, collect->out->data);
    if (collect->out->form) collect_json(collect, collect->out->form);
}

enum sk_code texts_of(const struct gate_task *task, struct arena *arena, struct texts *out) {
    const struct engine_job *job = &task->job;
    *out = (struct texts){.task = task, .arena = arena};
    size_t count = count_plain(task);
    if (job->template_data.len) TRY(json_own(job->template_data, arena, &out->data, &count));
    if (job->format == ENGINE_JSON_SCHEMA)
        TRY(json_own(job->format_text, arena, &out->form, &count));
    if (count > TEXTS_MAX)
        return FAIL(SK_LIMIT, "the request has %zu texts, %d are the limit", count, TEXTS_MAX);
    out->places = arena_take_raw(arena, count, sizeof *out->places);
    if (!out->places) return SK_LIMIT;
    struct collect collect = {out, arena_rest(arena)};
    collect_all(&collect);
    TRY(buf_check(&collect.joined, "texts of the request"));
    out->joined = arena_keep(arena, collect.joined.len);
    return SK_OK;
}

// ---- findings of one ----

enum sk_code texts_findings(const struct texts *texts, uint32_t i, const struct scan *scan,
                            uint32_t *from, struct finding **out, uint32_t *len) {
    uint32_t first = texts->places[i].at, end = first + (uint32_t)texts->places[i].text.len;
    const struct finding *all = scan->findings;
    // What begins before this text may reach into it, so only what ends before it is passed over.
    while (*from < scan->findings_len && all[*from].at + all[*from].len <= first)
        ++*from;
    uint32_t last = *from;
    while (last < scan->findings_len && all[last].at < end)
        last++;
    *len = 0;
    *out = arena_take_raw(texts->arena, last - *from, sizeof **out);
    if (!*out) return SK_LIMIT;
    for (uint32_t k = *from; k < last; k++) {
        struct finding one = all[k];
        uint32_t stop = one.at + one.len;
        if (stop <= first) continue;
        if (stop > end) stop = end;
        if (one.at < first) one.at = first;
        if (stop <= one.at) continue;
        one.len = stop - one.at;
        one.at -= first;
        (*out)[(*len)++] = one;
    }
    return SK_OK;
}

// ---- into a task ----

static void json_replace(struct json_node *root, const struct text_place **next) {
    for (uint32_t i = 0; i < root->span; i++) {
        struct json_node *node = &root[i];
        if (!is_text(node)) continue;
        struct view text = (*next)++->text;
        if (node->at != text.at) node->type = JSON_STRING; // also what was a number
        node->at = text.at;
        node->len = (uint32_t)text.len;
    }
}

static bool says_system(const struct json_node *message) {
    const struct json_node *role = json_find(message, "role");
    bool system = json_is(role, JSON_STRING) &&
                  (view_is(json_view(role), "system") || view_is(json_view(role), "developer"));
    return system && json_is(json_find(message, "content"), JSON_STRING);
}

// The first system message, with the instruction behind what it says.
static void system_put(struct json_writer *w, const struct json_node *message,
                       struct view instruction) {
    json_open(w, '{');
    const struct json_node *name = json_first(message);
    for (uint32_t i = 0; i < message->len; i++) {
        const struct json_node *value = json_next(name);
        json_name_view(w, json_view(name));
        if (view_is(json_view(name), "content")) {
            json_string_begin(w);
            json_string_more(w, json_view(value));
            json_string_more(w, VIEW("\n\n"));
            json_string_more(w, instruction);
            json_string_end(w);
        } else {
            json_put_node(w, value);
        }
        name = json_next(value);
    }
    json_close(w, '}');
}

static void messages_put(struct json_writer *w, const struct json_node *messages,
                         struct view instruction) {
    const struct json_node *message = json_first(messages);
    bool first = messages->len > 0 && says_system(message);
    json_open(w, '[');
    if (!first) {
        json_open(w, '{');
        json_member_text(w, "role", "system");
        json_member_string(w, "content", instruction);
        json_close(w, '}');
    }
    for (uint32_t i = 0; i < messages->len; i++, message = json_next(message)) {
        if (i == 0 && first)
            system_put(w, message, instruction);
        else
            json_put_node(w, message);
    }
    json_close(w, ']');
}

static enum sk_code data_put(const struct json_node *root, struct view instruction,
                             struct arena *arena, struct view *out) {
    struct buf text = arena_rest(arena);
    struct json_writer w = json_writer_to(&text);
    if (root->type != JSON_OBJECT || !instruction.len) {
        json_put_node(&w, root);
    } else {
        json_open(&w, '{');
        const struct json_node *name = json_first(root);
        for (uint32_t i = 0; i < root->len; i++) {
            const struct json_node *value = json_next(name);
            json_name_view(&w, json_view(name));
            if (view_is(json_view(name), "messages") && value->type == JSON_ARRAY)
                messages_put(&w, value, instruction);
            else
                json_put_node(&w, value);
            name = json_next(value);
        }
        json_close(&w, '}');
    }
    TRY(buf_check(&text, "texts of the request"));
    *out = arena_keep(arena, text.len);
    return SK_OK;
}

static struct view *views_take(const struct text_place **next, uint32_t len, struct arena *arena) {
    struct view *views = arena_take_raw(arena, len, sizeof *views);
    for (uint32_t i = 0; views && i < len; i++)
        views[i] = (*next)++->text;
    return views;
}

static enum sk_code plain_put(const struct text_place **next, struct arena *arena,
                              struct gate_task *out) {
    struct engine_job *job = &out->job;
    job->prompt = (*next)++->text;
    struct engine_message *messages = arena_take_raw(arena, job->messages_len, sizeof *messages);
    if (!messages) return SK_LIMIT;
    for (uint32_t i = 0; i < job->messages_len; i++) {
        messages[i] = job->messages[i];
        messages[i].text = (*next)++->text;
    }
    job->messages = messages;
    out->query = (*next)++->text;
    out->texts = views_take(next, out->texts_len, arena);
    if (!out->texts) return SK_LIMIT;
    out->answer = (*next)++->text;
    for (uint32_t i = 0; i < job->stops_len; i++)
        job->stops[i] = (*next)++->text;
    job->sampling.dry_breakers = views_take(next, job->sampling.dry_breakers_len, arena);
    if (!job->sampling.dry_breakers) return SK_LIMIT;
    job->tool_name = (*next)++->text;
    return SK_OK;
}

enum sk_code texts_task(const struct texts *texts, struct view instruction, struct arena *arena,
                        struct gate_task *out) {
    const struct text_place *next = texts->places;
    *out = *texts->task;
    TRY(plain_put(&next, arena, out));
    if (!texts->form) out->job.format_text = (next++)->text;
    if (texts->data) {
        json_replace(texts->data, &next);
        TRY(data_put(texts->data, instruction, arena, &out->job.template_data));
    }
    if (texts->form) {
        json_replace(texts->form, &next);
        TRY(data_put(texts->form, VIEW(""), arena, &out->job.format_text));
    }
    must(next == texts->places + texts->len);
    return SK_OK;
}
