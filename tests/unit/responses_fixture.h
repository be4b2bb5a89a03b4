// Requests to /v1/responses, read through the module's door.
#pragma once
#include "cmocka_all.h"

#include <stdio.h>

#include "base/json.h"
#include "base/wire.h"
#include "gate/gate.h"

static struct arena arena;
static struct gate_ask ask;
static struct gate_error error;
static char body[65536];
static struct buf record; // what the request goes on with, as kept

static struct gate_route route_of(const char *method, const char *target) {
    struct gate_head head = {.method = view_of(method), .target = view_of(target)};
    struct gate_route route;
    assert_int_equal(gate_route_find(&head, &route, &error), SK_OK);
    return route;
}

static bool keeps = true;
static enum sk_code read_body(const char *text) {
    struct gate_route route = route_of("POST", "/v1/responses");
    route.keeps = keeps;
    route.kept = buf_view(&record);
    arena_reset(&arena);
    size_t len = strlen(text);
    assert_true(len < sizeof body);
    memcpy(body, text, len);
    return gate_ask_read(&route, body, len, &arena, &ask, &error);
}

static enum sk_code read_with(const char *input, const char *members) {
    static char text[sizeof body];
    snprintf(text, sizeof text, "{\"model\":\"m\",\"input\":%s%s%s}", input, *members ? "," : "",
             members);
    return read_body(text);
}

static inline void view_is_text(struct view text, const char *want) {
    static char copy[65536];
    snprintf(copy, sizeof copy, "%.*s", (int)text.len, text.at);
    assert_string_equal(copy, want);
}

#define HI      "{\"role\":\"user\",\"content\":\"hi\"}"
#define DATA(x) "{\"messages\":[" x "]}"
