// Who asks, dense numbers, and leaves that are canonical JSON.
#include "cmocka_all.h"

#include "base/json.h"
#include "border/border.h"

static struct border_keys keys;
static const struct border_limits free_use;

static void add(const char *name, const char *credential) {
    uint8_t digest[HASH_LEN];
    hash_of(credential, strlen(credential), digest);
    struct border_key *row;
    assert_int_equal(border_keys_add(&keys, view_of(name), digest, &row), SK_OK);
}

static void a_credential_is_its_key_and_no_other(void **state) {
    (void)state;
    struct border_key *who;
    keys = (struct border_keys){0};
    border_keys_begin(&keys, false, &free_use);
    add("a", "sk-a");
    add("b", "sk-b");
    assert_int_equal(border_identify(&keys, VIEW("sk-b"), &who), SK_OK);
    assert_string_equal(who->name, "b");
    assert_int_equal(border_identify(&keys, VIEW("sk-c"), &who), SK_DENIED);
    assert_int_equal(border_identify(&keys, VIEW(""), &who), SK_DENIED);
    assert_int_equal(border_identify(&keys, VIEW("keyless"), &who), SK_DENIED);
}

static void a_removed_key_is_refused_and_its_numbers_go_on(void **state) {
    (void)state;
    struct border_key *who;
    keys = (struct border_keys){0};
    border_keys_begin(&keys, false, &free_use);
    add("a", "sk-a");
    assert_int_equal(border_identify(&keys, VIEW("sk-a"), &who), SK_OK);
    who->number = 5;
    border_keys_begin(&keys, false, &free_use);
    assert_int_equal(border_identify(&keys, VIEW("sk-a"), &who), SK_DENIED);
    border_keys_begin(&keys, false, &free_use);
    add("a2", "sk-a");
    assert_int_equal(border_identify(&keys, VIEW("sk-a"), &who), SK_OK);
    assert_int_equal(who->number, 5);
    assert_string_equal(who->name, "a2");
    // What the ledger remembers counts only upwards.
    assert_int_equal(border_keys_recall(&keys, view_of(who->id), 9), SK_OK);
    assert_int_equal(border_keys_recall(&keys, view_of(who->id), 3), SK_OK);
    assert_int_equal(who->number, 9);
}

static void without_keys_everyone_is_one_caller(void **state) {
    (void)state;
    struct border_key *who;
    keys = (struct border_keys){0};
    border_keys_begin(&keys, true, &free_use);
    assert_int_equal(border_identify(&keys, VIEW("anything"), &who), SK_OK);
    assert_string_equal(who->id, "keyless");
    border_keys_begin(&keys, false, &free_use);
    assert_int_equal(border_identify(&keys, VIEW("anything"), &who), SK_DENIED);
}

static void the_table_is_bounded(void **state) {
    (void)state;
    keys = (struct border_keys){0};
    border_keys_begin(&keys, false, &free_use);
    uint8_t digest[HASH_LEN] = {0};
    struct border_key *row;
    for (unsigned i = 0; i < BORDER_KEYS_MAX; i++) {
        digest[0] = (uint8_t)i;
        digest[1] = (uint8_t)(i >> 8);
        assert_int_equal(border_keys_add(&keys, VIEW("k"), digest, &row), SK_OK);
    }
    digest[2] = 1;
    assert_int_equal(border_keys_add(&keys, VIEW("k"), digest, &row), SK_LIMIT);
}

// RFC 8785: members sorted by name, no space, integers and strings only; so reading and writing
// again gives the same bytes, and names ascend.
static void assert_canonical(const struct buf *leaf) {
    static char copy[4096], again[4096];
    struct arena arena;
    const struct json_node *root;
    assert_int_equal(arena_open(&arena, "leaf", 1 << 20), SK_OK);
    memcpy(copy, leaf->at, leaf->len);
    assert_int_equal(json_parse(copy, leaf->len, &arena, &root), SK_OK);
    struct buf out = buf_over(again, sizeof again);
    struct json_writer w = json_writer_to(&out);
    json_put_node(&w, root);
    assert_true(view_same(buf_view(&out), buf_view(leaf)));
    struct view last = VIEW("");
    const struct json_node *name = json_first(root);
    for (uint32_t i = 0; i < root->len; i++) {
        struct view now = json_view(name);
        size_t n = last.len < now.len ? last.len : now.len;
        int order = memcmp(last.at, now.at, n);
        assert_true(order < 0 || (order == 0 && last.len < now.len));
        last = now;
        if (i + 1 < root->len) name = json_next(json_next(name));
    }
    arena_close(&arena);
}

static void leaves_are_canonical(void **state) {
    (void)state;
    char storage[4096];
    uint8_t hash[HASH_LEN] = {0xab};
    struct buf out = buf_over(storage, sizeof storage);
    border_open_write(&(struct border_open){.node = "n",
                                            .operation = "chat",
                                            .choice = 3,
                                            .model = "m\"\\\n",
                                            .key = "k",
                                            .isolation = "walled",
                                            .number = 1,
                                            .time_ms = 1700000000000,
                                            .model_digest = hash,
                                            .model_signer = hash,
                                            .model_statement = hash,
                                            .adapter_digest = hash,
                                            .adapter_signer = hash,
                                            .adapter_statement = hash,
                                            .adapter_scale = "0.5",
                                            .policy_digest = hash,
                                            .runtime_digest = hash,
                                            .body = hash,
                                            .prompt = hash},
                      &out);
    assert_canonical(&out);
    buf_reset(&out);
    border_close_write(&(struct border_close){.key = "k", .outcome = "stop", .choice = hash}, &out);
    assert_canonical(&out);
    buf_reset(&out);
    struct border_replay replay = {.sampler = VIEW("{\"seed\":1}\x01"),
                                         .template_digest = hash,
                                         .time_s = 1700000000,
                                         .arithmetic = 1,
                                         .context = 512};
    static const char *const caches[] = {"", "f16", "q8_0"};
    for (size_t i = 0; i < 3; i++) { // F16 goes without saying
        replay.cache_type = view_of(caches[i]);
        border_close_write(&(struct border_close){.key = "k", .outcome = "cut", .replay = &replay},
                           &out);
        bool said = memmem(out.at, out.len, "\"cache_type\":\"q8_0\"", 19) != NULL;
        assert_true(said == (i == 2));
        assert_true(said || !memmem(out.at, out.len, "cache", 5));
        assert_canonical(&out);
        buf_reset(&out);
    }
    border_close_write(&(struct border_close){.key = "k", .outcome = "lost"}, &out);
    assert_canonical(&out);
    buf_reset(&out);
    border_isolation_write("walled", VIEW("level=walled"), 1, &out);
    assert_canonical(&out);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_credential_is_its_key_and_no_other),
        cmocka_unit_test(a_removed_key_is_refused_and_its_numbers_go_on),
        cmocka_unit_test(without_keys_everyone_is_one_caller),
        cmocka_unit_test(the_table_is_bounded),
        cmocka_unit_test(leaves_are_canonical),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
