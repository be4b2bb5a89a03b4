// nftables by uid: one table of the node's own, loaded and replaced as one transaction.
//
// The table has an owner (kernel 5.12): the netlink socket in here. It ends with this process,
// however that ends, and no other program can change, flush or delete it. Uids are the same for all
// nodes of a machine, so dial's refusal looks at the cgroup too: each node has its own list.
#include "base/hash.h"
#include "node/cage.h"
#include "node/fort_parts.h"

#include <arpa/inet.h>
#include <nftables/libnftables.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { NFT_TEXT_MAX = 128 << 10, NFT_ROW_MAX = 64 };
_Static_assert(FORT_PLACES_MAX *NFT_ROW_MAX < NFT_TEXT_MAX, "every place fits");

struct fort_nft {
    struct nft_ctx *context;
    uint8_t loaded[HASH_LEN]; // of the table as it was listed after loading
    char text[NFT_TEXT_MAX];
};

enum sk_code fort_nft_open(struct fort_nft **out) {
    struct fort_nft *nft = calloc(1, sizeof *nft);
    if (nft) nft->context = nft_ctx_new(NFT_CTX_DEFAULT);
    if (!nft || !nft->context || nft_ctx_buffer_output(nft->context) != 0 ||
        nft_ctx_buffer_error(nft->context) != 0) {
        fort_nft_close(nft);
        return FAIL(SK_LIMIT, "libnftables does not open");
    }
    *out = nft;
    return SK_OK;
}

void fort_nft_close(struct fort_nft *nft) {
    if (nft && nft->context) nft_ctx_free(nft->context);
    free(nft);
}

// The text of one command, and what was said to it: the first line of an error.
static enum sk_code nft_run(struct fort_nft *nft, const char *command, const char **output) {
    int failed = nft_run_cmd_from_buffer(nft->context, command);
    const char *said = nft_ctx_get_error_buffer(nft->context);
    *output = nft_ctx_get_output_buffer(nft->context);
    if (!failed && *output) return SK_OK;
    if (said && strncmp(said, "Error: ", 7) == 0) said += 7;
    return FAIL(SK_DENIED, "%.*s", said ? (int)strcspn(said, "\n") : 0, said ? said : "");
}

// Elements of one family; a set may be empty.
static void nft_put_set(struct buf *out, const struct fort_list *list, bool six) {
    static const uint8_t mapped[12] = {[10] = 0xff, [11] = 0xff};
    char text[INET6_ADDRSTRLEN];
    const char *before = "elements = { ";
    buf_print(out, "set places%d {\ntype ipv%d_addr . inet_service\n", six ? 6 : 4, six ? 6 : 4);
    for (uint32_t i = 0; i < list->len; i++) {
        const struct fort_place *place = &list->rows[i];
        bool four = memcmp(place->address, mapped, sizeof mapped) == 0;
        if (four == six) continue;
        inet_ntop(six ? AF_INET6 : AF_INET, place->address + (four ? 12 : 0), text, sizeof text);
        buf_print(out, "%s%s . %u", before, text, place->port);
        before = ", ";
    }
    buf_put_text(out, before[0] == ',' ? " }\n}\n" : "}\n");
}

static void nft_put_table(struct buf *out, const struct fort *fort) {
    uint32_t gate = cage_uid(CAGE_GATE), dial = cage_uid(CAGE_DIAL);
    const char *name = fort->name;
    // There or not, it is deleted and made again.
    buf_print(out, "table inet %s {\nflags owner\n}\ndelete table inet %s\n", name, name);
    buf_print(out, "table inet %s {\nflags owner\n", name);
    buf_put_text(out, "counter dialled {\n}\ncounter refused {\n}\n");
    nft_put_set(out, &fort->list, false);
    nft_put_set(out, &fort->list, true);
    // A packet of a socket that is closed already has no uid: the base chain must not judge it.
    // Dial of another node on this machine is not ours to refuse.
    buf_print(out,
              "chain refuse {\n"
              // A place that left the list: its connections end, not only stall.
              "tcp flags & (syn | ack) != syn counter name refused reject with tcp reset\n"
              "counter name refused reject with icmpx admin-prohibited\n}\n"
              "chain rooms {\n"
              "meta skuid %u tcp flags & (syn | ack) != syn accept\n" // answers, and begins nothing
              "meta skuid %u ip daddr . tcp dport @places4 counter name dialled accept\n"
              "meta skuid %u ip6 daddr . tcp dport @places6 counter name dialled accept\n"
              "meta skuid %u socket cgroupv2 level %u \"%s\" goto refuse\n"
              "meta skuid != %u goto refuse\n"
              "}\n"
              "chain output {\n"
              "type filter hook output priority filter; policy accept;\n"
              "meta skuid %u-%u goto rooms\n"
              "}\n}\n",
              gate, dial, dial, dial, fort->group.depth, fort->group.path, dial, gate, dial);
}

static enum sk_code nft_listing(struct fort_nft *nft, const char *name, uint8_t out[HASH_LEN]) {
    char command[FORT_NAME_MAX + 32];
    const char *text;
    snprintf(command, sizeof command, "list table inet %s", name);
    nft_ctx_output_set_flags(nft->context, NFT_CTX_OUTPUT_STATELESS | NFT_CTX_OUTPUT_NUMERIC_ALL);
    TRY(nft_run(nft, command, &text));
    hash_of(text, strlen(text), out);
    return SK_OK;
}

enum sk_code fort_nft_load(struct fort_nft *nft, const struct fort *fort) {
    struct buf text = buf_over(nft->text, sizeof nft->text - 1);
    const char *output;
    nft_put_table(&text, fort);
    must(buf_check(&text, "table") == SK_OK);
    nft->text[text.len] = 0;
    TRY(nft_run(nft, nft->text, &output));
    return nft_listing(nft, fort->name, nft->loaded);
}

enum sk_code fort_nft_check(struct fort_nft *nft, const struct fort *fort) {
    uint8_t now[HASH_LEN];
    if (nft_listing(nft, fort->name, now) != SK_OK) return FAIL(SK_GONE, "the table is gone");
    if (memcmp(now, nft->loaded, sizeof now) == 0) return SK_OK;
    return FAIL(SK_GONE, "the table was changed");
}

uint64_t fort_nft_refused(struct fort_nft *nft, const struct fort *fort) {
    char command[FORT_NAME_MAX + 48];
    const char *text, *packets;
    snprintf(command, sizeof command, "list counter inet %s refused", fort->name);
    nft_ctx_output_set_flags(nft->context, 0);
    if (nft_run(nft, command, &text) != SK_OK) return 0;
    packets = strstr(text, "packets ");
    return packets ? strtoull(packets + 8, NULL, 10) : 0;
}
