// `sekisho verify`: with a network, to read the log of a live node.
#include <curl/curl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/verify.h"

static const char usage[] = VERIFY_USAGE(
    "sekisho verify",
    "  a URL            of a live node, or of a log's tiles: the same over the network\n",
    VERIFY_WEB_USAGE);

enum { URL_MAX = 2048, TOKEN_MAX = 1024, CONNECT_S = 10, PIECE_S = 60 };

struct web {
    CURL *curl;
    struct curl_slist *headers;
    char prefix[URL_MAX], pin[128];
    char error[CURL_ERROR_SIZE];
};

static size_t piece_take(char *bytes, size_t one, size_t len, void *self) {
    struct buf *out = self;
    buf_put(out, bytes, one * len);
    return out->over ? 0 : one * len;
}

static enum sk_code web_read(void *self, struct view path, struct buf *out) {
    struct web *web = self;
    char url[URL_MAX + TILE_NAME_MAX];
    long status = 0;
    size_t from = out->len;
    snprintf(url, sizeof url, "%s/%.*s", web->prefix, (int)path.len, path.at);
    curl_easy_setopt(web->curl, CURLOPT_URL, url);
    curl_easy_setopt(web->curl, CURLOPT_WRITEDATA, out);
    web->error[0] = 0;
    CURLcode done = curl_easy_perform(web->curl);
    if (out->over) return buf_check(out, url);
    if (done != CURLE_OK)
        return FAIL(SK_IO, "%s: %s", url, web->error[0] ? web->error : curl_easy_strerror(done));
    curl_easy_getinfo(web->curl, CURLINFO_RESPONSE_CODE, &status);
    if (status == 200) return SK_OK;
    out->len = from;
    if (status == 404) return FAIL(SK_UNKNOWN, "%s is missing", url);
    if (status == 401 || status == 403)
        return FAIL(SK_IO,
                    "%s: HTTP %ld: entries are shown to an API key of `use: audit` (--token FILE, "
                    "or " VERIFY_TOKEN "); verify --hashes checks the log without them",
                    url, status);
    return FAIL(SK_IO, "%s: HTTP %ld", url, status);
}

// A URL with no path is a node's: its log stands under /ledger.
static enum sk_code prefix_set(struct web *web, const char *url) {
    size_t len = strlen(url);
    while (len > 0 && url[len - 1] == '/') len--;
    const char *host = strstr(url, "://") + 3;
    bool bare = (size_t)(host - url) >= len || !memchr(host, '/', (size_t)(url + len - host));
    if (len + 8 >= sizeof web->prefix || strpbrk(url, "?#"))
        return FAIL(SK_INPUT, "%s: not the URL of a node or a log", url);
    snprintf(web->prefix, sizeof web->prefix, "%.*s%s", (int)len, url, bare ? "/ledger" : "");
    return SK_OK;
}

static enum sk_code token_set(struct web *web, const char *token) {
    char header[TOKEN_MAX + 32];
    int len = (int)strcspn(token, "\r\n");
    snprintf(header, sizeof header, "Authorization: Bearer %.*s", len, token);
    web->headers = curl_slist_append(NULL, header);
    explicit_bzero(header, sizeof header);
    curl_easy_setopt(web->curl, CURLOPT_HTTPHEADER, web->headers);
    return web->headers ? SK_OK : FAIL(SK_LIMIT, "no memory");
}

// In a file, or in the environment.
static enum sk_code token_find(struct web *web, const char *path) {
    char token[TOKEN_MAX];
    const char *known = getenv(VERIFY_TOKEN);
    if (!path) return known && *known && strlen(known) < TOKEN_MAX ? token_set(web, known) : SK_OK;
    struct buf file = buf_over(token, sizeof token - 1);
    TRY(cli_read(path, &file));
    token[file.len] = 0;
    enum sk_code code = token_set(web, token);
    explicit_bzero(token, sizeof token);
    return code;
}

void verify_web_close(struct tile_source *source) {
    struct web *web = source->self;
    if (web->curl) curl_easy_cleanup(web->curl);
    curl_slist_free_all(web->headers);
    free(web);
}

static enum sk_code web_set(struct web *web, const char *url, const struct verify_web *asked) {
    TRY(prefix_set(web, url));
    web->curl = curl_easy_init();
    if (!web->curl) return FAIL(SK_LIMIT, "libcurl has no memory");
    curl_easy_setopt(web->curl, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(web->curl, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(web->curl, CURLOPT_CONNECTTIMEOUT, (long)CONNECT_S);
    curl_easy_setopt(web->curl, CURLOPT_TIMEOUT, (long)PIECE_S);
    curl_easy_setopt(web->curl, CURLOPT_ERRORBUFFER, web->error);
    curl_easy_setopt(web->curl, CURLOPT_WRITEFUNCTION, piece_take);
    if (asked->ca) curl_easy_setopt(web->curl, CURLOPT_CAINFO, asked->ca);
    snprintf(web->pin, sizeof web->pin, "sha256//%s", asked->pin ? asked->pin : "");
    if (asked->pin && (strncmp(url, "https:", 6) != 0 ||
                       curl_easy_setopt(web->curl, CURLOPT_PINNEDPUBLICKEY, web->pin) != CURLE_OK))
        return FAIL(SK_INPUT, "--pin is of a server of https");
    return token_find(web, asked->token);
}

enum sk_code verify_web_open(const char *url, const struct verify_web *asked,
                             struct tile_source *out) {
    struct web *web = calloc(1, sizeof *web);
    if (!web) return FAIL(SK_LIMIT, "no memory");
    *out = (struct tile_source){web, web_read};
    enum sk_code code = web_set(web, url, asked);
    if (code != SK_OK) verify_web_close(out);
    return code;
}

int cmd_verify(int argc, char **argv) {
    static const struct verify_ways ways = {usage, verify_web_open, verify_web_close};
    return verify_run(argc, argv, &ways);
}
