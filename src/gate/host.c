// Names under which a keyless node may be called.
#include "gate/gate.h"

#include <strings.h>

#include "base/text.h"

static bool same(struct view a, struct view b) {
    return a.len == b.len && strncasecmp(a.at, b.at, a.len) == 0;
}

static bool listed(struct view host, struct view hosts) {
    while (hosts.len) {
        const char *comma = memchr(hosts.at, ',', hosts.len);
        struct view one = {hosts.at, comma ? (size_t)(comma - hosts.at) : hosts.len};
        hosts = view_from(hosts, one.len + 1);
        while (one.len && one.at[0] == ' ')
            one = view_from(one, 1);
        while (one.len && one.at[one.len - 1] == ' ')
            one.len--;
        if (one.len && same(host, one)) return true;
    }
    return false;
}

// One of the three names of this machine, with the port (80 when none is written).
static bool local(struct view host, uint16_t port) {
    static const char *const names[] = {"localhost", "127.0.0.1", "[::1]"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        struct view name = view_of(names[i]);
        uint64_t number = 80;
        if (host.len < name.len || !same((struct view){host.at, name.len}, name)) continue;
        struct view rest = view_from(host, name.len);
        if (rest.len && (rest.at[0] != ':' || !decimal_take(view_from(rest, 1), &number))) continue;
        if (number == port) return true;
    }
    return false;
}

// The host of an origin "scheme://host"; empty for "null" and anything else.
static struct view origin_host(struct view origin) {
    if (view_starts(origin, VIEW("http://"))) return view_from(origin, 7);
    if (view_starts(origin, VIEW("https://"))) return view_from(origin, 8);
    return VIEW("");
}

enum sk_code gate_host_check(const struct gate_head *head, const struct gate_edge *edge,
                             uint16_t port, struct view hosts, struct gate_error *error) {
    struct view host = head->host.at ? head->host : VIEW("");
    if (!local(host, port) && !listed(host, hosts))
        return gate_refuse(error, 403, "host_not_allowed", "",
                           "Without API keys this node answers to localhost, 127.0.0.1 and [::1], "
                           "port %u, and to the names in its configuration, not to '%.*s'.",
                           port, host.len < 256 ? (int)host.len : 256, host.at);
    if (!head->origin.at || edge->origin[0]) return SK_OK;
    struct view from = origin_host(head->origin);
    if (!from.len || (!same(from, host) && !listed(from, hosts)))
        return gate_refuse(error, 403, "origin_not_allowed", "",
                           "Without API keys this node answers no page of another origin but those "
                           "under cors.origins.");
    return SK_OK;
}
