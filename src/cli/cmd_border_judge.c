#include "base/json.h"
#include "base/utf8.h"
#include "base/world.h"
#include "cli/cli.h"
#include "cli/detect.h"
#include "node/policy_files.h"

#include <stdio.h>
#include <string.h>

static const char usage[] =
    "usage: sekisho border judge [OPTIONS] [FILE|-]\n\n"
    "Reads a text (default: standard input) as the border reads a request's: what it finds, under\n"
    "which classes that falls, and whether it may go to each place, with the rule. Nothing is "
    "sent.\n"
    "Findings are shown by their first character.\n\n"
    "  --policy FILE    default: the policy of the configuration\n"
    "  --key NAME       as if the API key of this name asked (its tenant's defaults)\n"
    "  --label L,L      --consent REACH   --purpose P\n"
    "                   as the headers Sekisho-Label, Sekisho-Consent, Sekisho-Purpose\n"
    "  --to PLACE       this place only\n"
    "  --model NAME     the places of this model's route, in order\n"
    "  --level L        isolation of the node: open, fenced, walled, fortress (default: walled)\n"
    "  --mask           prints the text as --to would get it; without --to, everything cut that a\n"
    "                   class of the policy names\n"
    "  --json           one JSON object\n"
    "  --detectors DIR  --config FILE\n";

enum { TEXT_ROOM = SCAN_TEXT_MAX, ARENA_ROOM = 1 << 30 };

struct words {
    const char *policy, *key, *label, *consent, *purpose, *to, *model, *level, *detectors, *config;
    bool mask, json;
};

struct work {
    const struct words *words;
    struct conf conf;
    const char *file; // of the policy
    struct policy policy;
    struct cli_detectors detectors;
    struct arena arena, scanning;
    struct buf text;
    struct scan scan;
    struct policy_ask ask;
    char missing[256];                  // detector, when ask.detector_error
    uint16_t places[POLICY_PLACES_MAX]; // to be judged
    uint32_t places_len;
};

// ---- the words ----

static enum sk_code label_take(struct work *work) {
    struct view rest = view_of(work->words->label);
    const struct policy_tenant *tenant = &work->policy.tenants[work->ask.tenant];
    uint64_t label = rest.len ? 0 : tenant->label;
    while (rest.len) {
        const char *comma = memchr(rest.at, ',', rest.len);
        struct view id = {rest.at, comma ? (size_t)(comma - rest.at) : rest.len};
        uint16_t class = policy_class_find(&work->policy, id);
        if (class == POLICY_NONE || !(tenant->labels >> class & 1))
            return FAIL(SK_INPUT, "--label: '%.*s' is no class that tenant %s may vouch for",
                        (int)id.len, id.at, tenant->id);
        label |= UINT64_C(1) << class;
        rest = view_from(rest, id.len + 1);
    }
    work->ask.vouched = label != 0;
    work->ask.classes |= label;
    return SK_OK;
}

static enum sk_code level_take(struct work *work) {
    static const char *const names[] = {"open", "fenced", "walled", "fortress"};
    for (int i = 0; i < 4; i++) {
        if (strcmp(work->words->level, names[i]) != 0) continue;
        work->ask.level = (enum border_level)i;
        return SK_OK;
    }
    return FAIL(SK_INPUT, "--level: open, fenced, walled or fortress");
}

static enum sk_code words_take(struct work *work) {
    const struct words *words = work->words;
    struct policy_ask *ask = &work->ask;
    ask->tenant = policy_tenant_of(&work->policy, view_of(words->key));
    const struct policy_tenant *tenant = &work->policy.tenants[ask->tenant];
    ask->consent = tenant->consent;
    ask->purpose = tenant->purpose;
    ask->day = policy_files_today();
    if (words->consent) TRY(policy_reach_parse(view_of(words->consent), &ask->consent));
    if (ask->consent > tenant->consent_max && words->consent)
        return FAIL(SK_INPUT, "--consent: tenant %s may say no more than %s", tenant->id,
                    border_reach_name(tenant->consent_max));
    if (words->purpose) ask->purpose = policy_purpose_find(&work->policy, view_of(words->purpose));
    if (words->purpose && ask->purpose == POLICY_NONE)
        return FAIL(SK_INPUT, "--purpose: the policy has no '%s'", words->purpose);
    TRY(level_take(work));
    return label_take(work);
}

static enum sk_code places_take(struct work *work) {
    const struct words *words = work->words;
    const struct policy *policy = &work->policy;
    if (words->model) {
        uint16_t route = policy_route_find(policy, view_of(words->model));
        if (route == POLICY_NONE) // a model of this node
            return work->places_len = 1, SK_OK;
        for (uint32_t i = 0; i < policy->routes[route].steps_len; i++)
            work->places[work->places_len++] = policy->routes[route].steps[i].place;
        return SK_OK;
    }
    for (uint16_t i = 0; i < policy->places_len; i++)
        if (!words->to || strcmp(policy->places[i].id, words->to) == 0)
            work->places[work->places_len++] = i;
    return work->places_len ? SK_OK : FAIL(SK_INPUT, "--to: the policy has no '%s'", words->to);
}

// ---- findings ----

// Line and column (in characters), both from 1, moved on from the finding before.
struct position {
    size_t at;
    uint32_t line, column;
};

static void position_move(struct position *position, struct view text, size_t to) {
    for (; position->at < to; position->at++) {
        uint8_t c = (uint8_t)text.at[position->at];
        if (c == '\n')
            position->line++, position->column = 1;
        else if ((c & 0xc0) != 0x80)
            position->column++;
    }
}

// The first character, and a star for each further one; of secrets none.
static struct view excerpt(struct view value, enum detector detector, char out[64]) {
    enum { SHOWN = 1, STARS_MAX = 16 };
    struct buf text = buf_over(out, 64);
    bool secret = strncmp(detector_name(detector), "secret.", 7) == 0;
    for (uint32_t n = 0; value.len && n <= STARS_MAX; n++) {
        uint32_t c;
        size_t len = utf8_take(value, &c);
        if (n < SHOWN && !secret && c > ' ')
            buf_put(&text, value.at, len);
        else if (n < STARS_MAX)
            buf_put_char(&text, '*');
        else
            buf_put_text(&text, "…");
        value = view_from(value, len ? len : 1);
    }
    return buf_view(&text);
}

static void print_findings(const struct work *work) {
    struct view text = buf_view(&work->text);
    struct position position = {0, 1, 1};
    for (uint32_t i = 0; i < work->scan.findings_len; i++) {
        const struct finding *is = &work->scan.findings[i];
        char shown[64];
        struct view value = {text.at + is->at, is->len};
        position_move(&position, text, is->at);
        struct view part = excerpt(value, (enum detector)is->detector, shown);
        printf("%5u:%-4u %-24s %3u  ", position.line, position.column,
               detector_name((enum detector)is->detector), is->score);
        cli_print(part);
        printf("\n");
    }
    if (work->scan.findings_len == 0) printf("nothing found\n");
}

static struct policy_verdict judge(const struct work *work, uint16_t place) {
    struct policy_verdict verdict;
    struct policy_ask ask = work->ask;
    ask.place = place;
    policy_judge(&work->policy, &ask, &verdict);
    return verdict;
}

static void print_verdicts(const struct work *work) {
    printf("\nclasses:");
    for (uint32_t i = 0; i < work->policy.classes_len; i++)
        if (work->ask.classes >> i & 1) printf(" %s", work->policy.classes[i].id);
    printf("%s%s\n", work->ask.classes ? "" : " none",
           work->ask.vouched ? "" : " (no label vouches for the text: unknown counts)");
    if (work->ask.detector_error) printf("a detector is missing: %s\n", work->missing);
    printf("\n%-20s %-8s %-11s rule\n", "place", "distance", "verdict");
    for (uint32_t i = 0; i < work->places_len; i++) {
        const struct policy_verdict is = judge(work, work->places[i]);
        enum border_reach distance =
            policy_distance(&work->policy, work->places[i], work->ask.tenant);
        printf("%-20s %-8s %-11s %s%s", work->policy.places[work->places[i]].id,
               border_reach_name(distance), border_verdict_name(is.verdict), is.rule,
               is.consent_required ? " (consent would change it)" : "");
        if (is.shadowed)
            printf("; in shadow: %s, %s", border_verdict_name(is.shadow), is.shadow_rule);
        printf("\n");
    }
}

static void put_finding(const struct work *work, struct json_writer *w,
                        const struct position *position, const struct finding *is) {
    char shown[64];
    struct view value = {work->text.at + is->at, is->len};
    json_open(w, '{');
    json_member_text(w, "detector", detector_name((enum detector)is->detector));
    json_member_u64(w, "line", position->line);
    json_member_u64(w, "column", position->column);
    json_member_u64(w, "start", is->at);
    json_member_u64(w, "end", is->at + is->len);
    json_member_u64(w, "score", is->score);
    json_member_string(w, "excerpt", excerpt(value, (enum detector)is->detector, shown));
    json_close(w, '}');
}

static void put_place(const struct work *work, struct json_writer *w, uint16_t place) {
    const struct policy_verdict is = judge(work, place);
    json_open(w, '{');
    json_member_text(w, "place", work->policy.places[place].id);
    json_member_text(w, "distance",
                     border_reach_name(policy_distance(&work->policy, place, work->ask.tenant)));
    json_member_text(w, "verdict", border_verdict_name(is.verdict));
    json_member_text(w, "rule", is.rule);
    json_member_bool(w, "consent_required", is.consent_required);
    if (is.shadowed) {
        json_member_text(w, "shadow_verdict", border_verdict_name(is.shadow));
        json_member_text(w, "shadow_rule", is.shadow_rule);
    }
    json_close(w, '}');
}

static enum sk_code print_json(struct work *work) {
    struct buf out = arena_rest(&work->arena);
    struct json_writer w = json_writer_to(&out);
    struct position position = {0, 1, 1};
    json_open(&w, '{');
    json_name(&w, "findings");
    json_open(&w, '[');
    for (uint32_t i = 0; i < work->scan.findings_len; i++) {
        position_move(&position, buf_view(&work->text), work->scan.findings[i].at);
        put_finding(work, &w, &position, &work->scan.findings[i]);
    }
    json_close(&w, ']');
    json_name(&w, "classes");
    json_open(&w, '[');
    for (uint32_t i = 0; i < work->policy.classes_len; i++)
        if (work->ask.classes >> i & 1) json_put_text(&w, work->policy.classes[i].id);
    json_close(&w, ']');
    json_member_bool(&w, "vouched", work->ask.vouched);
    json_member_bool(&w, "detector_error", work->ask.detector_error);
    json_name(&w, "places");
    json_open(&w, '[');
    for (uint32_t i = 0; i < work->places_len; i++)
        put_place(work, &w, work->places[i]);
    json_close(&w, ']');
    json_close(&w, '}');
    buf_put_char(&out, '\n');
    TRY(buf_check(&out, "the findings"));
    fwrite(out.at, 1, out.len, stdout);
    return SK_OK;
}

// ---- masking ----

// What a verdict has cut; without a place, all that classes name.
static enum sk_code cuts_of(const struct work *work, struct detector_set *cut,
                            struct detector_set *one_way) {
    uint64_t classes = UINT64_MAX;
    if (work->words->to) {
        struct policy_verdict is = judge(work, work->places[0]);
        if (is.verdict > VERDICT_MASK)
            return FAIL(SK_DENIED, "the text does not go to %s: %s, %s", work->words->to,
                        border_verdict_name(is.verdict), is.rule);
        classes = is.verdict == VERDICT_MASK ? is.mask : 0;
    }
    for (uint32_t i = 0; i < work->policy.classes_len; i++) {
        const struct policy_class *class = &work->policy.classes[i];
        if (!(classes >> i & 1)) continue;
        cut->bits |= class->detect.bits;
        if (class->one_way) one_way->bits |= class->detect.bits;
    }
    return SK_OK;
}

static enum sk_code print_masked(struct work *work) {
    struct detector_set cut = {0}, one_way = {0};
    struct view text = buf_view(&work->text);
    uint8_t key[MASK_KEY_LEN];
    struct world world = world_real(-1);
    struct vault *vault;
    TRY(cuts_of(work, &cut, &one_way));
    TRY(world.random(world.self, key, sizeof key));
    TRY(vault_open(&vault, key, text));
    struct buf out = arena_rest(&work->arena);
    enum sk_code code =
        mask_learn(vault, text, work->scan.findings, work->scan.findings_len, &cut, &one_way);
    if (code == SK_OK)
        code = mask_put(vault, text, work->scan.findings, work->scan.findings_len, &cut, &out);
    vault_close(vault);
    if (code == SK_OK) fwrite(out.at, 1, out.len, stdout);
    return code;
}

// ---- all of it ----

static enum sk_code policy_load(struct work *work) {
    const char *file = work->words->policy;
    if (!file || work->words->config) {
        TRY(conf_read(work->words->config, &work->conf));
        if (!file) file = work->conf.policy;
    }
    work->file = file;
    return policy_files_read(file, policy_files_today(), &work->arena, &work->policy);
}

static enum sk_code text_scan(struct work *work, const char *file) {
    const char *directory = work->words->detectors;
    struct detector_set wanted;
    if (!directory && work->conf.detectors[0]) directory = work->conf.detectors;
    TRY(buf_open(&work->text, TEXT_ROOM));
    TRY(cli_read(file, &work->text));
    if (!utf8_check(buf_view(&work->text))) return FAIL(SK_INPUT, "%s: not UTF-8", file);
    TRY(cli_detectors_open(directory, work->file, &work->detectors));
    policy_detectors(&work->policy, &wanted);
    TRY(cli_detect(&work->detectors, &work->detectors.working, buf_view(&work->text),
                   &work->scanning, &work->scan));
    struct detector_set found = {0};
    for (uint32_t i = 0; i < work->scan.findings_len; i++)
        found.bits |= UINT64_C(1) << work->scan.findings[i].detector;
    work->ask.classes = policy_classes(&work->policy, &found);
    work->ask.detector_error = detectors_check(work->detectors.all, &wanted) != SK_OK;
    if (work->ask.detector_error) snprintf(work->missing, sizeof work->missing, "%s", fail_text());
    return SK_OK;
}

static enum sk_code run(struct work *work, const char *file) {
    TRY(arena_open(&work->arena, "judge", ARENA_ROOM));
    TRY(arena_open(&work->scanning, "scan", ARENA_ROOM));
    TRY(policy_load(work));
    TRY(text_scan(work, file));
    TRY(words_take(work));
    TRY(places_take(work));
    if (work->words->mask) return print_masked(work);
    if (work->words->json) return print_json(work);
    print_findings(work);
    print_verdicts(work);
    return SK_OK;
}

int cmd_border_judge(int argc, char **argv) {
    static struct work work;
    struct words words = {.key = "", .label = "", .level = "walled"};
    const struct cli_option options[] = {{"--policy", &words.policy, NULL},
                                         {"--key", &words.key, NULL},
                                         {"--label", &words.label, NULL},
                                         {"--consent", &words.consent, NULL},
                                         {"--purpose", &words.purpose, NULL},
                                         {"--to", &words.to, NULL},
                                         {"--model", &words.model, NULL},
                                         {"--level", &words.level, NULL},
                                         {"--detectors", &words.detectors, NULL},
                                         {"--config", &words.config, NULL},
                                         {"--mask", NULL, &words.mask},
                                         {"--json", NULL, &words.json},
                                         {0}};
    int rest;
    if (!cli_options(argc, argv, usage, options, &rest)) return EXIT_USAGE;
    if (rest > 1) return cli_usage(usage, "one FILE");
    if ((words.to && words.model) || (words.mask && (words.json || words.model)))
        return cli_usage(usage, "these options do not go together");
    work.words = &words;
    enum sk_code code = run(&work, rest ? argv[1] : "-");
    cli_detectors_close(&work.detectors);
    buf_close(&work.text);
    arena_close(&work.scanning);
    arena_close(&work.arena);
    return code == SK_OK ? EXIT_DONE : cli_failed();
}
