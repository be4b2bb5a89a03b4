// What the node's operator reads: counts in the right buckets, labels that cannot break a line.
// (tests/api reads the whole text with a strict parser of the format.)
#include "cmocka_all.h"

#include "border/border.h"

#include <stdio.h>
#include <stdlib.h>

static struct border_metrics metrics;
static struct border_gauges gauges;
static char *text;

static const char *written(void) {
    struct buf out = buf_over(text, BORDER_METRICS_MAX);
    border_metrics_write(&metrics, &gauges, &out);
    assert_false(out.over);
    text[out.len] = 0;
    return text;
}

static void assert_line(const char *line) {
    if (!strstr(written(), line)) fail_msg("no '%s' in\n%s", line, text);
}

static int begin(void **state) {
    (void)state;
    metrics = (struct border_metrics){0};
    gauges = (struct border_gauges){
        .build = "b", .isolation = "walled", .isolation_parts = "gate=walled bpf=held", .models = {VIEW("m")}, .models_len = 1};
    return 0;
}

static void each_part_has_its_level(void **state) {
    (void)state;
    assert_line("sekisho_isolation_info{level=\"walled\"} 1\n");
    assert_line("sekisho_isolation_part_info{part=\"gate\",level=\"walled\"} 1\n");
    assert_line("sekisho_isolation_part_info{part=\"bpf\",level=\"held\"} 1\n");
}

static void places_and_decisions_are_told(void **state) {
    (void)state;
    gauges.places[0] = (struct border_place_gauge){
        .id = VIEW("jp"), .up = true, .until_s = 86400, .certificate_s = 172800, .asks = 5, .failed = 2, .running = 1};
    gauges.places[1] = (struct border_place_gauge){.id = VIEW("eu")};
    gauges.places_len = 2;
    metrics.decisions[1] = 7;
    assert_line("sekisho_decisions_total{verdict=\"mask\"} 7\n");
    assert_line("sekisho_place_up{place=\"jp\"} 1\n");
    assert_line("sekisho_place_up{place=\"eu\"} 0\n");
    assert_line("sekisho_place_contract_until_seconds{place=\"jp\"} 86400\n");
    assert_line("sekisho_place_certificate_until_seconds{place=\"jp\"} 172800\n");
    assert_null(strstr(text, "certificate_until_seconds{place=\"eu\"}"));
    assert_null(strstr(text, "contract_until_seconds{place=\"eu\"}"));
    assert_line("sekisho_place_failures_total{place=\"jp\"} 2\n");
}

static void witnesses_are_told(void **state) {
    (void)state;
    assert_null(strstr(written(), "sekisho_witness"));
    gauges.witnesses[0] = (struct border_witness_gauge){
        .name = VIEW("a"), .cosigned = true, .size = 7, .time_s = 9, .rounds = 3, .failed = 1};
    gauges.witnesses[1] = (struct border_witness_gauge){.name = VIEW("b\""), .rounds = 3, .failed = 3};
    gauges.witnesses_len = 2;
    gauges.quorum_size = 5;
    assert_line("sekisho_witness_up{witness=\"a\"} 1\n");
    assert_line("sekisho_witness_up{witness=\"b\\\"\"} 0\n");
    assert_line("sekisho_witness_cosigned_leaves{witness=\"a\"} 7\n");
    assert_null(strstr(text, "cosigned_leaves{witness=\"b"));
    assert_line("sekisho_witness_failures_total{witness=\"b\\\"\"} 3\n");
    assert_line("sekisho_witness_quorum_leaves 5\n");
    assert_line("sekisho_witness_quorum_timestamp_seconds 0\n");
}

static void an_answer_is_counted_where_it_belongs(void **state) {
    (void)state;
    struct border_sample sample = {.outcome = "stop",
                                   .prompt_tokens = 16, // the boundary itself is in
                                   .completion_tokens = 3,
                                   .asked_us = 1000,
                                   .first_us = 6001, // 5.001 ms
                                   .last_us = 26001, // 10 ms each
                                   .over_us = 2001000};
    border_metrics_add(&metrics, &sample);
#define L "gen_ai_operation_name=\"chat\",gen_ai_provider_name=\"sekisho\",gen_ai_request_model=\"m\""
    assert_line("gen_ai_server_request_duration_seconds_bucket{" L ",le=\"1.28\"} 0\n");
    assert_line("gen_ai_server_request_duration_seconds_bucket{" L ",le=\"2.56\"} 1\n");
    assert_line("gen_ai_server_request_duration_seconds_bucket{" L ",le=\"+Inf\"} 1\n");
    assert_line("gen_ai_server_request_duration_seconds_sum{" L "} 2.000000\n");
    assert_line("gen_ai_server_request_duration_seconds_count{" L "} 1\n");
    assert_line("gen_ai_server_time_to_first_token_seconds_bucket{" L ",le=\"0.005\"} 0\n");
    assert_line("gen_ai_server_time_to_first_token_seconds_bucket{" L ",le=\"0.01\"} 1\n");
    assert_line("gen_ai_server_time_per_output_token_seconds_bucket{" L ",le=\"0.01\"} 1\n");
    assert_line("gen_ai_client_token_usage_bucket{" L ",gen_ai_token_type=\"input\",le=\"4\"} 0\n");
    assert_line("gen_ai_client_token_usage_bucket{" L ",gen_ai_token_type=\"input\",le=\"16\"} 1\n");
    assert_line("gen_ai_client_token_usage_sum{" L ",gen_ai_token_type=\"output\"} 3\n");
    assert_null(strstr(text, "error_type"));

    sample.outcome = "failed";
    sample.first_us = 0;
    sample.over_us = 999999999999;
    border_metrics_add(&metrics, &sample);
    assert_line("gen_ai_server_request_duration_seconds_bucket{" L
                ",error_type=\"failed\",le=\"81.92\"} 0\n");
    assert_line("gen_ai_server_request_duration_seconds_count{" L ",error_type=\"failed\"} 1\n");
    assert_line("gen_ai_server_time_to_first_token_seconds_count{" L "} 1\n");
}

static void refusals_by_reason_and_their_number_is_bounded(void **state) {
    (void)state;
    static char codes[100][8];
    border_metrics_refused(&metrics, "queue_full");
    border_metrics_refused(&metrics, "queue_full");
    assert_line("sekisho_requests_refused_total{reason=\"queue_full\"} 2\n");
    for (int i = 0; i < 100; i++) {
        snprintf(codes[i], sizeof codes[i], "c%d", i);
        border_metrics_refused(&metrics, codes[i]);
    }
    assert_line("sekisho_requests_refused_total{reason=\"c30\"} 70\n");
    assert_null(strstr(text, "\"c31\""));
}

static void a_name_cannot_break_out_of_its_label(void **state) {
    (void)state;
    gauges.models[0] = VIEW("a\"} 1\n\\x");
    assert_line("sekisho_model_loaded{gen_ai_request_model=\"a\\\"} 1\\n\\\\x\"} 0\n");
}

static void all_there_can_be_fits(void **state) {
    (void)state;
    char name[128];
    memset(name, '"', sizeof name);
    memset(&metrics.series, 0x7f, sizeof metrics.series);
    gauges.models_len = BORDER_MODELS_MAX;
    for (int i = 0; i < BORDER_MODELS_MAX; i++)
        gauges.models[i] = (struct view){name, sizeof name};
    written();
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(each_part_has_its_level, begin),
        cmocka_unit_test_setup(places_and_decisions_are_told, begin),
        cmocka_unit_test_setup(witnesses_are_told, begin),
        cmocka_unit_test_setup(an_answer_is_counted_where_it_belongs, begin),
        cmocka_unit_test_setup(refusals_by_reason_and_their_number_is_bounded, begin),
        cmocka_unit_test_setup(a_name_cannot_break_out_of_its_label, begin),
        cmocka_unit_test_setup(all_there_can_be_fits, begin),
    };
    text = malloc(BORDER_METRICS_MAX + 1);
    if (!text) return 1;
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    free(text);
    return failed;
}
