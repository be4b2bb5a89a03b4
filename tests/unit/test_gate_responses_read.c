// OpenAI's Responses, through the module's door: requests to asks.
#include "responses_fixture.h"

static void data_is(const char *input, const char *want) {
    assert_int_equal(read_with(input, ""), SK_OK);
    view_is_text(ask.tasks[0].job.template_data, want);
}

static void test_fields(void **state) {
    (void)state;
    assert_int_equal(read_with("\"hi\"", ""), SK_OK);
    const struct engine_job *job = &ask.tasks[0].job;
    assert_true(ask.store && !ask.background && !ask.stream && !ask.seeded && !ask.find.len);
    assert_int_equal(ask.tasks_len * ask.copies, 1);
    assert_true(job->sampling.temperature == 1 && job->sampling.top_p == 0);
    assert_true(job->parallel_calls && job->tool_choice == ENGINE_TOOLS_AUTO);
    assert_int_equal(job->tokens_max, 0);
    view_is_text(job->template_data, DATA(HI));
    assert_int_equal(
        read_with("\"hi\"",
                  "\"instructions\":\"be\",\"max_output_tokens\":7,\"temperature\":0,\"top_p\":0.5,"
                  "\"top_logprobs\":3,\"include\":[\"message.output_text.logprobs\","
                  "\"reasoning.encrypted_content\"],\"tools\":[{\"type\":\"function\",\"name\":"
                  "\"f\"}],\"tool_choice\":{\"type\":\"function\",\"name\":\"f\"},"
                  "\"parallel_tool_calls\":false,\"text\":{\"format\":{\"type\":\"json_object\"},"
                  "\"verbosity\":\"medium\"},\"reasoning\":{\"effort\":\"none\",\"summary\":"
                  "\"auto\"},\"store\":false,\"stream\":true,\"metadata\":{\"a\":\"b\"},"
                  "\"truncation\":\"disabled\",\"user\":\"u\",\"client_metadata\":{\"x\":\"y\"},"
                  "\"prompt_cache_key\":\"k\",\"service_tier\":\"auto\""),
        SK_OK);
    job = &ask.tasks[0].job;
    assert_true(!ask.store && ask.stream);
    assert_int_equal(job->tokens_max, 7);
    assert_int_equal(job->logprobs, 4);
    assert_true(job->sampling.temperature == 0 && job->sampling.top_p == 0.5f);
    assert_int_equal(job->format, ENGINE_JSON);
    assert_int_equal(job->tool_choice, ENGINE_TOOLS_NAMED);
    assert_true(view_is(job->tool_name, "f") && !job->parallel_calls);
    view_is_text(job->template_data,
                 "{\"messages\":[{\"role\":\"system\",\"content\":\"be\"}," HI
                 "],\"tools\":[{\"type\":\"function\",\"function\":{\"name\":\"f\",\"parameters\":"
                 "{\"type\":\"object\",\"properties\":{}}}}],\"strict_tools\":[],"
                 "\"reasoning_effort\":\"none\",\"enable_thinking\":false}");
    // Nothing is kept on this node: the answer says so, and nothing goes on in the background.
    keeps = false;
    assert_int_equal(read_with("\"hi\"", ""), SK_OK);
    assert_false(ask.store);
    assert_int_equal(read_with("\"hi\"", "\"background\":true"), SK_INPUT);
    keeps = true;
    assert_int_equal(read_with("\"hi\"", "\"background\":true"), SK_OK);
    assert_true(ask.background && ask.store);
}

static void test_items(void **state) {
    (void)state;
    data_is("[{\"role\":\"user\",\"content\":[{\"type\":\"input_text\",\"text\":\"a\"},"
            "{\"type\":\"input_text\",\"text\":\"b\"}]}]",
            DATA("{\"role\":\"user\",\"content\":\"a\\nb\"}"));
    data_is("[{\"type\":\"message\",\"id\":\"x\",\"role\":\"developer\",\"content\":\"d\"}," HI "]",
            DATA("{\"role\":\"system\",\"content\":\"d\"}," HI));
    // Thoughts, text and calls in a row are one turn; results follow.
    data_is("[" HI ",{\"type\":\"reasoning\",\"id\":\"rs\",\"summary\":[],\"content\":[{\"type\":"
            "\"reasoning_text\",\"text\":\"hm\"}]},{\"type\":\"message\",\"role\":\"assistant\","
            "\"content\":[{\"type\":\"output_text\",\"text\":\"so\",\"annotations\":[]}]},"
            "{\"type\":\"function_call\",\"call_id\":\"1\",\"name\":\"f\",\"arguments\":"
            "\"{\\\"a\\\":1}\"},{\"type\":\"function_call\",\"call_id\":\"2\",\"name\":\"g\","
            "\"arguments\":\"broken\"},{\"type\":\"function_call_output\",\"call_id\":\"2\","
            "\"output\":[{\"type\":\"input_text\",\"text\":\"two\"}]},{\"type\":"
            "\"function_call_output\",\"call_id\":\"1\",\"output\":\"one\"}]",
            DATA(HI ",{\"role\":\"assistant\",\"content\":\"so\",\"reasoning_content\":\"hm\","
                    "\"tool_calls\":[{\"id\":\"1\",\"type\":\"function\",\"function\":{\"name\":"
                    "\"f\",\"arguments\":{\"a\":1}}},{\"id\":\"2\",\"type\":\"function\","
                    "\"function\":{\"name\":\"g\",\"arguments\":\"broken\"}}]},{\"role\":\"tool\","
                    "\"content\":\"two\",\"name\":\"g\",\"tool_call_id\":\"2\"},{\"role\":\"tool\","
                    "\"content\":\"one\",\"name\":\"f\",\"tool_call_id\":\"1\"}"));
    // A second text is another turn; thoughts begin one; an empty reasoning item is nothing.
    data_is("[{\"role\":\"assistant\",\"content\":\"a\"},{\"role\":\"assistant\",\"content\":\"b\"},"
            "{\"type\":\"reasoning\",\"summary\":[{\"type\":\"summary_text\",\"text\":\"s\"}]},"
            "{\"role\":\"assistant\",\"content\":[{\"type\":\"refusal\",\"refusal\":\"no\"}]},"
            "{\"type\":\"reasoning\",\"summary\":[],\"encrypted_content\":null}," HI "]",
            DATA("{\"role\":\"assistant\",\"content\":\"a\"},"
                 "{\"role\":\"assistant\",\"content\":\"b\"},"
                 "{\"role\":\"assistant\",\"content\":\"no\",\"reasoning_content\":\"s\"}," HI));
}

static void test_refusals(void **state) {
    (void)state;
    static const struct {
        const char *input, *members, *param, *code;
    } cases[] = {
        {"null", "", "input", "missing_required_parameter"},
        {"1", "", "input", "invalid_type"},
        {"[]", "", "input", "invalid_value"},
        {"\"\"", "", "input", "invalid_value"},
        {"[1]", "", "input[0]", "invalid_type"},
        {"[{\"role\":\"user\"}]", "", "input[0].content", "missing_required_parameter"},
        {"[{\"content\":\"a\"}]", "", "input[0].role", "missing_required_parameter"},
        {"[" HI ",{\"role\":\"tool\",\"content\":\"a\"}]", "", "input[1].role", "invalid_value"},
        {"[{\"type\":\"web_search_call\"}]", "", "input[0].type", "unsupported_value"},
        {"[{\"role\":\"user\",\"content\":[{\"type\":\"input_image\"}]}]", "",
         "input[0].content[0]", "unsupported_value"},
        {"[{\"type\":\"function_call\",\"name\":\"f\",\"arguments\":\"\"}]", "",
         "input[0].call_id", "missing_required_parameter"},
        {"[{\"type\":\"function_call_output\",\"call_id\":\"1\",\"output\":\"\"}]", "", "input[0]",
         "invalid_value"},
        {"\"a\"", "\"n\":2", "n", "unknown_parameter"},
        {"\"a\"", "\"temperature\":3", "temperature", "invalid_value"},
        {"\"a\"", "\"max_output_tokens\":0", "max_output_tokens", "invalid_value"},
        {"\"a\"", "\"top_logprobs\":1", "top_logprobs", "invalid_value"},
        {"\"a\"", "\"include\":[\"file_search_call.results\"]", "include[0]",
         "unsupported_value"},
        {"\"a\"", "\"tools\":[{\"type\":\"web_search\"}]", "tools[0].type", "unsupported_value"},
        {"\"a\"", "\"tools\":[{\"type\":\"function\",\"name\":\"f\"},{\"type\":\"function\","
                  "\"name\":\"f\"}]",
         "tools", "invalid_value"},
        {"\"a\"", "\"tool_choice\":\"required\"", "tool_choice", "invalid_value"},
        {"\"a\"", "\"tool_choice\":{\"type\":\"mcp\"}", "tool_choice.type",
         "unsupported_value"},
        {"\"a\"", "\"text\":{\"format\":{\"type\":\"xml\"}}", "text.format.type", "invalid_value"},
        {"\"a\"", "\"text\":{\"verbosity\":\"low\"}", "text.verbosity", "unsupported_value"},
        {"\"a\"", "\"reasoning\":{\"effort\":\"huge\"}", "reasoning.effort", "invalid_value"},
        {"\"a\"", "\"truncation\":\"auto\"", "truncation", "unsupported_value"},
        {"\"a\"", "\"conversation\":\"c\"", "conversation", "unsupported_value"},
        {"\"a\"", "\"prompt\":{\"id\":\"p\"}", "prompt", "unsupported_value"},
        {"\"a\"", "\"metadata\":[]", "metadata", "invalid_type"},
        {"\"a\"", "\"background\":true,\"store\":false", "background", "invalid_value"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        assert_int_equal(read_with(cases[i].input, cases[i].members), SK_INPUT);
        assert_int_equal(error.status, 400);
        assert_string_equal(error.param, cases[i].param);
        assert_string_equal(error.code, cases[i].code);
    }
}

static void test_queries(void **state) {
    (void)state;
    struct gate_route route =
        route_of("GET", "/v1/responses/resp_1?stream=true&starting_after=7&include[]=x");
    assert_true(route.what == GATE_RESPONSE && route.stream && route.starting_after == 7);
    static const char *const bad[] = {"?stream=1", "?starting_after=-1", "?starting_after=",
                                      "?limit=2",  "?starting_after=9223372036854775808"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        char target[128];
        snprintf(target, sizeof target, "/v1/responses/resp_1%s", bad[i]);
        struct gate_head head = {.method = VIEW("GET"), .target = view_of(target)};
        assert_int_equal(gate_route_find(&head, &route, &error), SK_INPUT);
        assert_int_equal(error.status, 400);
    }
}

int main(void) {
    assert_int_equal(arena_open(&arena, "test", 1 << 22), SK_OK);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_fields),
        cmocka_unit_test(test_items),
        cmocka_unit_test(test_refusals),
        cmocka_unit_test(test_queries),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
