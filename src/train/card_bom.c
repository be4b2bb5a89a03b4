// The CycloneDX 1.6 ML-BOM.
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/day.h"
#include "base/json.h"
#include "base/text.h"
#include "train/card.h"

enum { REF_MAX = 32 };

// Licences named by an identifier of SPDX's list; others go by their name.
static const char *const spdx[] = {
    "Apache-2.0", "BSD-2-Clause", "BSD-3-Clause", "CC-BY-2.0", "CC-BY-3.0",
    "CC-BY-4.0", "CC-BY-SA-2.0", "CC-BY-SA-3.0", "CC-BY-SA-4.0", "CC0-1.0", "CDLA-Permissive-2.0",
    "GPL-2.0-only", "GPL-2.0-or-later", "GPL-3.0-only", "GPL-3.0-or-later", "MIT", "MPL-2.0",
    "ODC-By-1.0", "PDDL-1.0", "Unlicense",
};

static void put_licences(struct json_writer *w, struct view licence) {
    const char *member = "name";
    for (size_t i = 0; i < sizeof spdx / sizeof *spdx; i++)
        if (view_is(licence, spdx[i])) member = "id";
    json_name(w, "licenses");
    json_open(w, '[');
    json_open(w, '{');
    json_name(w, "license");
    json_open(w, '{');
    json_member_string(w, member, licence);
    json_close(w, '}');
    json_close(w, '}');
    json_close(w, ']');
}

static void put_hashes(struct json_writer *w, const uint8_t digest[HASH_LEN]) {
    json_name(w, "hashes");
    json_open(w, '[');
    json_open(w, '{');
    json_member_text(w, "alg", "SHA-256");
    json_member_hex(w, "content", digest, HASH_LEN);
    json_close(w, '}');
    json_close(w, ']');
}

static void property(struct json_writer *w, const char *name, struct view value) {
    json_open(w, '{');
    json_member_text(w, "name", name);
    json_member_string(w, "value", value);
    json_close(w, '}');
}

static void property_count(struct json_writer *w, const char *name, uint64_t count) {
    char digits[24];
    struct buf text = buf_over(digits, sizeof digits);
    buf_put_u64(&text, count);
    property(w, name, buf_view(&text));
}

static void property_digest(struct json_writer *w, const char *name,
                            const uint8_t digest[HASH_LEN]) {
    char hex[2 * HASH_LEN];
    struct buf text = buf_over(hex, sizeof hex);
    hex_put(&text, digest, HASH_LEN);
    property(w, name, buf_view(&text));
}

static void ref_of(char out[REF_MAX], const char *kind, uint32_t i) {
    snprintf(out, REF_MAX, "%s-%" PRIu32, kind, i);
}

static void list_open(struct json_writer *w, const char *name) {
    json_name(w, name);
    json_open(w, '[');
}

static void list_text(struct json_writer *w, const char *name, struct view text) {
    if (!text.len) return;
    list_open(w, name);
    json_put_string(w, text);
    json_close(w, ']');
}

// ---- the model ----

static void put_parameters(struct json_writer *w, const struct train_record *r) {
    json_name(w, "modelParameters");
    json_open(w, '{');
    json_name(w, "approach");
    json_open(w, '{');
    json_member_text(w, "type", view_is(r->kind, "pretraining") ? "self-supervised" : "supervised");
    json_close(w, '}');
    json_member_text(w, "task", "text-generation");
    json_member_text(w, "architectureFamily", "transformer");
    json_member_string(w, "modelArchitecture", r->architecture);
    list_open(w, "datasets");
    for (uint32_t i = 0; i < r->sources_len; i++) {
        char ref[REF_MAX];
        ref_of(ref, "data", i);
        json_open(w, '{');
        json_member_text(w, "ref", ref);
        json_close(w, '}');
    }
    json_close(w, ']');
    static const char *const sides[] = {"inputs", "outputs"};
    for (int i = 0; i < 2; i++) {
        list_open(w, sides[i]);
        json_open(w, '{');
        json_member_text(w, "format", "text");
        json_close(w, '}');
        json_close(w, ']');
    }
    json_close(w, '}');
}

static void put_metrics(struct json_writer *w, const struct train_record *r) {
    json_name(w, "quantitativeAnalysis");
    json_open(w, '{');
    list_open(w, "performanceMetrics");
    for (uint32_t i = 0; i < r->metrics_len; i++) {
        const struct record_metric *one = &r->metrics[i];
        json_open(w, '{');
        json_member_string(w, "type", one->name);
        json_member_string(w, "value", one->value);
        if (one->on.len) json_member_string(w, "slice", one->on);
        if (one->low.len && one->high.len) {
            json_name(w, "confidenceInterval");
            json_open(w, '{');
            json_member_string(w, "lowerBound", one->low);
            json_member_string(w, "upperBound", one->high);
            json_close(w, '}');
        }
        json_close(w, '}');
    }
    json_close(w, ']');
    json_close(w, '}');
}

static void put_card(struct json_writer *w, const struct train_record *r) {
    json_name(w, "modelCard");
    json_open(w, '{');
    put_parameters(w, r);
    put_metrics(w, r);
    json_name(w, "considerations");
    json_open(w, '{');
    list_text(w, "useCases", r->intended);
    list_text(w, "technicalLimitations", r->limits);
    json_close(w, '}');
    json_close(w, '}');
}

static void put_properties(struct json_writer *w, const struct train_record *r,
                           const uint8_t digest[HASH_LEN]) {
    list_open(w, "properties");
    property_digest(w, "sekisho:record:sha256", digest);
    property_digest(w, "sekisho:recipe:sha256", r->recipe_sha256);
    property_digest(w, "sekisho:tokens:sha256", r->data_sha256);
    property(w, "sekisho:kind", r->kind);
    property(w, "sekisho:seed", r->seed);
    property_count(w, "sekisho:parameters", r->parameters);
    property_count(w, "sekisho:trained_parameters", r->trained_parameters);
    property_count(w, "sekisho:steps", r->steps);
    property_count(w, "sekisho:tokens", r->tokens);
    property_count(w, "sekisho:processes", r->ranks);
    property_count(w, "sekisho:cpu_ms", r->cpu_ms);
    if (r->energy_mj) property_count(w, "sekisho:energy_mj", r->energy_mj);
    json_close(w, ']');
}

static void put_base(struct json_writer *w, const struct train_record *r) {
    if (!r->base_name.len) return;
    json_name(w, "pedigree");
    json_open(w, '{');
    list_open(w, "ancestors");
    json_open(w, '{');
    json_member_text(w, "type", "machine-learning-model");
    json_member_text(w, "bom-ref", "base");
    json_member_string(w, "name", r->base_name);
    put_hashes(w, r->base_sha256);
    json_close(w, '}');
    json_close(w, ']');
    json_close(w, '}');
}

// The files that the run wrote are parts of the model.
static void put_files(struct json_writer *w, const struct train_record *r) {
    if (!r->outputs_len) return;
    list_open(w, "components");
    for (uint32_t i = 0; i < r->outputs_len; i++) {
        const struct record_output *one = &r->outputs[i];
        char ref[REF_MAX];
        ref_of(ref, "file", i);
        json_open(w, '{');
        json_member_text(w, "type", "file");
        json_member_text(w, "bom-ref", ref);
        json_member_string(w, "name", one->name);
        put_hashes(w, one->sha256);
        list_open(w, "properties");
        property(w, "sekisho:type", one->type);
        property_count(w, "sekisho:bytes", one->bytes);
        json_close(w, ']');
        json_close(w, '}');
    }
    json_close(w, ']');
}

static void put_model(struct json_writer *w, const struct train_record *r,
                      const uint8_t digest[HASH_LEN]) {
    json_open(w, '{');
    json_member_text(w, "type", "machine-learning-model");
    json_member_text(w, "bom-ref", "model");
    json_member_string(w, "name", r->name);
    if (r->description.len) json_member_string(w, "description", r->description);
    if (r->outputs_len == 1) put_hashes(w, r->outputs[0].sha256);
    put_licences(w, r->licence);
    put_base(w, r);
    put_files(w, r);
    put_card(w, r);
    put_properties(w, r, digest);
    json_close(w, '}');
}

// ---- the data ----

static void put_source(struct json_writer *w, const struct record_source *one, uint32_t i) {
    char ref[REF_MAX];
    ref_of(ref, "data", i);
    json_open(w, '{');
    json_member_text(w, "type", "data");
    json_member_text(w, "bom-ref", ref);
    json_member_string(w, "name", one->name);
    put_hashes(w, one->sha256);
    put_licences(w, one->licence);
    if (one->attribution.len) json_member_string(w, "copyright", one->attribution);
    list_open(w, "data");
    json_open(w, '{');
    json_member_text(w, "type", "dataset");
    json_member_string(w, "name", one->name);
    json_close(w, '}');
    json_close(w, ']');
    list_open(w, "properties");
    property(w, "sekisho:use", one->use);
    property_count(w, "sekisho:files", one->files);
    property_count(w, "sekisho:bytes", one->bytes);
    property_count(w, "sekisho:documents", one->documents);
    property_count(w, "sekisho:tokens", one->tokens);
    json_close(w, ']');
    json_close(w, '}');
}

static void put_dependencies(struct json_writer *w, const struct train_record *r) {
    char ref[REF_MAX];
    list_open(w, "dependencies");
    json_open(w, '{');
    json_member_text(w, "ref", "model");
    list_open(w, "dependsOn");
    for (uint32_t i = 0; i < r->sources_len; i++) {
        ref_of(ref, "data", i);
        json_put_text(w, ref);
    }
    json_close(w, ']');
    json_close(w, '}');
    json_close(w, ']');
}

// ---- the whole ----

// RFC 9562 version 8: of the record's digest, so that the same record has the same number.
static void put_serial(struct json_writer *w, const uint8_t digest[HASH_LEN]) {
    uint8_t id[16];
    char hex[32], text[64];
    struct buf out = buf_over(hex, sizeof hex);
    memcpy(id, digest, sizeof id);
    id[6] = (uint8_t)((id[6] & 0x0f) | 0x80);
    id[8] = (uint8_t)((id[8] & 0x3f) | 0x80);
    hex_put(&out, id, sizeof id);
    snprintf(text, sizeof text, "urn:uuid:%.8s-%.4s-%.4s-%.4s-%.12s", hex, hex + 8, hex + 12,
             hex + 16, hex + 20);
    json_member_text(w, "serialNumber", text);
}

static void put_time(struct json_writer *w, uint64_t ms) {
    char storage[64];
    struct buf text = buf_over(storage, sizeof storage);
    uint64_t s = ms / 1000 % 86400;
    day_put(&text, day_of_ms((int64_t)ms));
    buf_print(&text, "T%02u:%02u:%02uZ", (unsigned)(s / 3600), (unsigned)(s / 60 % 60),
              (unsigned)(s % 60));
    json_member_string(w, "timestamp", buf_view(&text));
}

static void put_metadata(struct json_writer *w, const struct train_record *r,
                         const uint8_t digest[HASH_LEN]) {
    json_name(w, "metadata");
    json_open(w, '{');
    put_time(w, r->ended_ms);
    json_name(w, "tools");
    json_open(w, '{');
    list_open(w, "components");
    json_open(w, '{');
    json_member_text(w, "type", "application");
    json_member_text(w, "name", "sekisho");
    json_member_string(w, "version", r->build);
    json_close(w, '}');
    json_close(w, ']');
    json_close(w, '}');
    json_name(w, "component");
    put_model(w, r, digest);
    json_close(w, '}');
}

enum sk_code card_bom(const struct train_record *record, struct buf *out) {
    char storage[RECORD_MAX + 1];
    struct buf text = buf_over(storage, sizeof storage);
    struct json_writer w = json_writer_to(out);
    uint8_t digest[HASH_LEN];
    TRY(record_write(record, &text));
    hash_of(text.at, text.len, digest);
    json_open(&w, '{');
    json_member_text(&w, "bomFormat", "CycloneDX");
    json_member_text(&w, "specVersion", "1.6");
    put_serial(&w, digest);
    json_member_u64(&w, "version", 1);
    put_metadata(&w, record, digest);
    list_open(&w, "components");
    for (uint32_t i = 0; i < record->sources_len; i++) put_source(&w, &record->sources[i], i);
    json_close(&w, ']');
    put_dependencies(&w, record);
    json_close(&w, '}');
    return buf_check(out, "ML-BOM");
}
