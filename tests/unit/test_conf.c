// The configuration: what is written reads back, and every mistake is named with its place.
#include "cmocka_all.h"

#include "node/conf.h"
#include "node/files.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static struct conf conf, again;
static char path[] = "/tmp/sekisho-conf-XXXXXX";

static enum sk_code read_text(const char *text) {
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    fputs(text, file);
    fclose(file);
    return conf_read(path, &conf);
}

static void assert_refused(const char *text, const char *says) {
    assert_int_not_equal(read_text(text), SK_OK);
    if (!strstr(fail_text(), says)) fail_msg("'%s' does not say '%s'", fail_text(), says);
}

static void what_is_written_reads_back(void **state) {
    (void)state;
    static char storage[1 << 16];
    for (int commented = 0; commented < 2; commented++) {
        conf_defaults(&conf);
        memset(conf.models[0].file, 0, sizeof conf.models[0].file);
        snprintf(conf.models[0].file, sizeof conf.models[0].file, "/models/a \"b\" \\ 関所.gguf");
        snprintf(conf.hosts, sizeof conf.hosts, "no, yes, 1e3");
        conf.body = 12345;
        conf.limits = (struct conf_limits){60, 1000, 2};
        snprintf(conf.origins, sizeof conf.origins, "https://a.example,http://localhost:5173");
        for (int i = 0; i < 2; i++) {
            struct conf_key *key = conf_key_add(&conf, i ? "yes: {\"}" : "NO");
            memset(key->digest, 0x5a + i, HASH_LEN);
        }
        conf.keys[1].limits.tokens = 0;
        snprintf(conf.keys[1].use, sizeof conf.keys[1].use, "metrics");
        conf.models_len = CONF_MODELS_MAX;
        for (uint32_t i = 1; i < conf.models_len; i++) {
            conf_model_defaults(&conf.models[i]);
            snprintf(conf.models[i].id, sizeof conf.models[i].id, "%u", i);
            snprintf(conf.models[i].file, sizeof conf.models[i].file, "/%u", i);
            snprintf(conf.models[i].scale, sizeof conf.models[i].scale, "%s", i % 3 ? "1" : "-0.5");
            if (i % 4 == 3) { // an adapter, of the row behind it but for the last
                snprintf(conf.models[i].adapter_of, sizeof conf.models[i].adapter_of, "%u",
                         i + 1 < conf.models_len ? i + 1 : 1);
                continue;
            }
            conf.models[i].parallel = 1 + i % 4;
            snprintf(conf.models[i].cache_type, sizeof conf.models[i].cache_type, "%s",
                     i % 2 ? "q8_0" : "f16");
        }
        again = conf;
        struct buf out = buf_over(storage, sizeof storage - 1);
        conf_write(&conf, commented, &out);
        storage[out.len] = 0;
        assert_int_equal(read_text(storage), SK_OK);
        memset(conf.file, 0, sizeof conf.file);
        assert_memory_equal(&conf, &again, sizeof conf);
    }
}

#define HEX "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

static void mistakes_are_named_with_their_place(void **state) {
    (void)state;
    assert_refused("nodename: x\n", ":1:");
    assert_refused("nodename: x\n", "unknown key 'nodename'");
    assert_refused("model:\n  id: a\n  flie: b\n", "unknown key 'flie'");
    assert_refused("limits:\n  body: lots\n", "body must be a number of bytes");
    assert_refused("limits:\n  body: 1\n", "allowed are 1024 to");
    assert_refused("model:\n  parallel: -1\n", "parallel must be a number");
    assert_refused("model:\n  parallel: 99999999999999999999999\n", "parallel must be a number");
    assert_refused("model:\n  cache_type: q4_0\n", "cache_type must be f16 or q8_0, not 'q4_0'");
    assert_refused("models:\n  - {id: a, file: b, cache_type: \"\"}\n", "cache_type must be f16 or q8_0");
#define BASE "models:\n  - {id: a, file: b}\n  - {id: c, file: d"
    assert_refused(BASE ", adapter_of: e}\n", "models: c: adapter_of: no model has the id e");
    assert_refused(BASE ", adapter_of: c}\n", "adapter_of: no model has the id c");
    assert_refused(BASE ", adapter_of: a, parallel: 7}\n", "of an adapter are those of a: set them");
    assert_refused(BASE ", adapter_of: a, scale: big}\n", "scale: 'big' is no number from -100 to");
    assert_refused(BASE ", adapter_of: a, scale: nan}\n", "scale: 'nan' is no number");
    assert_refused("models:\n  - {id: a, file: b, adapter_of: c}\n  - {id: c, file: d}\n",
                   "models: a: adapter_of: the first of models must be no adapter");
#undef BASE
    assert_refused("isolation: open\n", "fenced or walled or fortress");
    assert_refused("listen: nowhere\n", "write host:port");
    assert_refused("listen: 0.0.0.0:80\n", "no key is configured");
    assert_refused("node: a b\n", "without spaces");
    assert_refused("keys:\n  - name: a\n", "sekisho key NAME");
    assert_refused("keys:\n  - {name: a, sha256: zz}\n", "64 hex digits");
    assert_refused("cors: {origins: https://a.example}\n", "origins must be a list");
    assert_refused("cors: {origins: ['https://a.example,https://b.example']}\n", "without commas");
    assert_refused("cors: {origins: [[a]]}\n", "list of texts");
    assert_refused("cors: {origins: [https://a.example/]}\n", "is no origin as browsers send it");
    assert_refused("cors: {origins: ['*']}\n", "no key is configured");
    assert_refused("keys:\n  - {name: a, sha265: zz}\n", "sekisho key NAME");
    assert_refused("keys:\n  - {name: a, sha256: " HEX ", requests: 1}\n", "unknown key 'requests'");
    assert_refused("keys:\n  - {name: a, sha256: " HEX ", parallel: -1}\n", "must be a number");
    assert_refused("keys:\n  - {name: a, sha256: " HEX ", use: all}\n", "use must be ask or metrics");
    assert_refused("keys:\n  - {name: '', sha256: " HEX "}\n", "name is empty");
    assert_refused("limits: {tokens_per_minute: 4294967296}\n", "allowed are 0 to 4294967295");
    assert_refused("node: a\nnode: b\n", ":2:1: key given twice");
    assert_refused("node: &x a\n", "nchor");
    assert_refused("- a\n", "must be a map");
    assert_refused("limits: [1]\n", "unknown key");
    assert_refused("node:\n  a: b\n", "must be one value");
    assert_refused("models: {id: a}\n", ":1:1: models must be a list");
    assert_refused("models: []\n", "models must be a list of 1");
    assert_refused("models:\n  - id: a\n", "{id: TEXT, file: PATH}");
    assert_refused("models:\n  - {id: a, file: b, threads: 1}\n", "unknown key 'threads'");
    assert_refused("models:\n  - {id: \"\", file: b}\n", "each must have an id");
    assert_refused("models:\n  - {id: a, file: b}\nmodel: {id: c}\n", ":3:1: model beside models");
    assert_refused("models:\n  - {id: a, file: b}\n  - {id: a, file: c}\n", "id a is given twice");
    assert_refused("models:\n  - {id: a, file: b, parallel: 64}\n  - {id: c, file: d, parallel: 64}\n"
                   "limits: {queue: 127}\n", "is 255, at most 254");
}

// A configuration of before models were a list.
static void a_section_of_one_model_is_a_list_of_one(void **state) {
    (void)state;
    assert_int_equal(read_text("model: {id: a, file: b, context: 7, parallel: 2, threads: 3, "
                               "memory: 1GiB}\nengine: {idle_s: 5}\n"), SK_OK);
    assert_int_equal(conf.models_len, 1);
    assert_string_equal(conf.models[0].id, "a");
    assert_string_equal(conf.models[0].file, "b");
    assert_int_equal(conf.models[0].context, 7);
    assert_int_equal(conf.models[0].parallel, 2);
    assert_string_equal(conf.models[0].cache_type, "f16");
    assert_int_equal(conf.threads, 3);
    assert_int_equal(conf.memory, 1 << 30);
    assert_int_equal(conf.idle_s, 5);
    assert_refused("model: {idle: 5}\n", "unknown key 'idle'");
}

static void a_key_has_its_own_limits_or_the_nodes(void **state) {
    (void)state;
    assert_int_equal(read_text("limits: {requests_per_minute: 60, tokens_per_minute: 1000, "
                               "parallel_per_key: 2}\nkeys:\n"
                               "  - {name: a, sha256: " HEX "}\n"
                               "  - {name: b, sha256: " HEX ", tokens_per_minute: 0, parallel: 9}\n"),
                     SK_OK);
    struct conf_limits a = conf_limits(&conf, &conf.keys[0]), b = conf_limits(&conf, &conf.keys[1]);
    assert_int_equal(a.requests, 60);
    assert_int_equal(a.tokens, 1000);
    assert_int_equal(a.parallel, 2);
    assert_int_equal(b.requests, 60);
    assert_int_equal(b.tokens, 0);
    assert_int_equal(b.parallel, 9);
}

static void the_environment_comes_last(void **state) {
    (void)state;
    setenv("SEKISHO_LIMITS_BODY", "1MiB", 1);
    assert_int_equal(read_text("limits:\n  body: 2048\nmodel:\n  file: x\n"), SK_OK);
    assert_int_equal(conf.body, 1 << 20);
    setenv("SEKISHO_LIMITS_BODY", "x", 1);
    assert_refused("", "SEKISHO_LIMITS_BODY");
    unsetenv("SEKISHO_LIMITS_BODY");
}

static void a_reload_keeps_what_needs_a_restart(void **state) {
    (void)state;
    char text[256];
    conf_defaults(&conf);
    snprintf(conf.models[0].file, sizeof conf.models[0].file, "m.gguf");
    conf.keys_len = 1;
    again = conf;
    assert_int_equal(conf_keep_fixed(&conf, &again, text, sizeof text), SK_OK);
    assert_string_equal(text, "");
    again.body++;
    again.threads++;
    again.models[0].parallel++;
    snprintf(again.listen, sizeof again.listen, "127.0.0.1:1");
    assert_int_equal(conf_keep_fixed(&conf, &again, text, sizeof text), SK_OK);
    assert_string_equal(text, "listen, engine.threads, models");
    assert_string_equal(again.listen, conf.listen);
    assert_int_equal(again.threads, conf.threads);
    assert_int_equal(again.models[0].parallel, conf.models[0].parallel);
    assert_int_equal(again.body, conf.body + 1);
    // Taking the keys away and coming back to loopback: the socket is still open to everyone.
    snprintf(conf.listen, sizeof conf.listen, "0.0.0.0:8844");
    again.keys_len = 0;
    assert_int_equal(conf_keep_fixed(&conf, &again, text, sizeof text), SK_DENIED);
    assert_string_equal(text, "listen");
}

int main(void) {
    int fd = mkstemp(path);
    if (fd < 0) return 1;
    close(fd);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_written_reads_back),
        cmocka_unit_test(mistakes_are_named_with_their_place),
        cmocka_unit_test(a_section_of_one_model_is_a_list_of_one),
        cmocka_unit_test(a_key_has_its_own_limits_or_the_nodes),
        cmocka_unit_test(the_environment_comes_last),
        cmocka_unit_test(a_reload_keeps_what_needs_a_restart),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    unlink(path);
    return failed;
}
