// What a template takes, found by rendering small conversations with it.
#include <string.h>

#include "engine/dialect_prompt.h"

#define QUESTION "{\"role\":\"user\",\"content\":\"trial question\"}"
#define TOOLS                                                                                      \
    "\"tools\":[{\"type\":\"function\",\"function\":{\"name\":\"trial_tool\",\"description\":"     \
    "\"trial\",\"parameters\":{\"type\":\"object\",\"properties\":{\"trial_key\":{\"type\":"       \
    "\"string\",\"description\":\"trial\"}},\"required\":[\"trial_key\"]}}}]"
#define CALL(id, name)                                                                             \
    "{\"id\":\"" id "\",\"type\":\"function\",\"function\":{\"name\":\"" name                      \
    "\",\"arguments\":{\"trial_argument\":\"trial value\"}}}"
#define CALLS(calls) "{\"role\":\"assistant\",\"content\":null,\"tool_calls\":[" calls "]}"
#define RESULT(id) "{\"role\":\"tool\",\"tool_call_id\":\"" id "\",\"content\":\"trial result\"}"

static const char told[] = "{\"messages\":[" QUESTION "]," TOOLS "}";
static const char one[] = "{\"messages\":[" QUESTION "," CALLS(CALL("1", "trial_call")) ","
                          RESULT("1") "]," TOOLS "}";
static const char two[] = "{\"messages\":[" QUESTION ","
                          CALLS(CALL("1", "trial_call") "," CALL("2", "trial_more")) ","
                          RESULT("1") "," RESULT("2") "]," TOOLS "}";
static const char ordered[] =
    "{\"messages\":[{\"role\":\"system\",\"content\":\"trial order\"}," QUESTION "]}";

static bool shows(const struct dialect_trial *trial, const char *text) {
    return memmem(trial->text.at, trial->text.len, text, strlen(text)) != NULL;
}

static bool renders(struct dialect_trial *trial, const char *conversation,
                    const struct dialect *dialect, const struct dialect_needs *needs) {
    struct jinja_memory memory = *trial->memory; // scratch, and free again
    struct arena arena = *trial->arena;
    struct buf out = *trial->out;
    struct engine_job job = {.template_data = view_of(conversation), .parallel_calls = true};
    struct dialect_data data;
    must(dialect_data_read(&job, &arena, &data) == SK_OK);
    must(dialect_prompt(&data, &job, dialect, needs, &arena, &out) == SK_OK);
    trial->input.data = buf_view(&out);
    trial->text.len = 0;
    trial->text.over = false;
    return jinja_render(trial->jinja, &trial->input, &memory, &trial->text) == SK_OK;
}

// Whether a text begins with a call of `name` as the dialect writes it.
static bool is_call(const struct dialect *dialect, struct view text, const char *name) {
    const char *arguments =
        dialect->arguments == DIALECT_TAGS ? dialect->argument[0] : "{";
    return dialect_match(dialect->before, &text) && dialect_match(name, &text) &&
           dialect_match(dialect->after, &text) && dialect_match(arguments, &text);
}

// Whether a call is shown as the dialect writes it, its arguments as JSON and not as the text of a
// text, and what is null not as Python's.
static bool shows_call(const struct dialect_trial *trial, const struct dialect *dialect) {
    bool there = false;
    for (size_t at = 0; at < trial->text.len && !there; at++) {
        struct view text = {trial->text.at + at, trial->text.len - at};
        bool marked = dialect_match(dialect->open, &text);
        there = (marked || dialect->bare) && is_call(dialect, text, "trial_call");
    }
    return there && shows(trial, "trial value") && !shows(trial, "\\\"trial_argument") &&
           !shows(trial, "None");
}

static bool takes_calls(struct dialect_trial *trial, const struct dialect *dialect,
                        struct dialect_needs *needs) {
    for (unsigned way = 0; way < 4; way++) {
        *needs = (struct dialect_needs){.no_null = way & 1, .texts = way >> 1};
        if (!renders(trial, one, dialect, needs) || !shows_call(trial, dialect)) continue;
        needs->one_call = !renders(trial, two, dialect, needs) || !shows_call(trial, dialect) ||
                          !shows(trial, "trial_more");
        return true;
    }
    return false;
}

const struct dialect *dialect_try(struct dialect_trial *trial, const struct dialect *own,
                                  struct dialect_needs *needs) {
    *needs = (struct dialect_needs){.texts = false};
    if (own && own->refused) return own;
    bool tells = own && renders(trial, told, own, needs) && shows(trial, "trial_tool") &&
                 shows(trial, "trial_key");
    if (tells && takes_calls(trial, own, needs)) return own;
    *needs = (struct dialect_needs){.texts = false};
    needs->no_system = !renders(trial, ordered, &dialect_generic, needs) ||
                       !shows(trial, "trial order");
    return &dialect_generic;
}
