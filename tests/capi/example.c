/* What a program does with libsekisho, in the C that is also C++: a receipt and a directory with a
 * log, checked against a policy.
 *   example POLICY RECEIPT ANSWER DIRECTORY [CHECKPOINT] */
#include <sekisho.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static char *file_read(const char *path, size_t *len) {
    FILE *file = fopen(path, "rb");
    char *bytes = (char *)malloc(1 << 20);
    if (!file || !bytes) exit(2);
    *len = fread(bytes, 1, 1 << 20, file);
    fclose(file);
    return bytes;
}

static int piece_read(void *self, const char *path, sk_put *put, void *to) {
    char name[4096], block[4096];
    size_t len;
    FILE *file;
    snprintf(name, sizeof name, "%s/%s", (const char *)self, path);
    file = fopen(name, "rb");
    if (!file) return 1;
    while ((len = fread(block, 1, sizeof block, file)) > 0) put(to, block, len);
    fclose(file);
    return 0;
}

static int tell(struct sk_report *report) {
    int verdict;
    if (!report) return 2;
    verdict = (int)sk_report_verdict(report);
    if (strstr(sk_report_json(report), "\"v\":\"sekisho-verify/1\"") == NULL) return 2;
    printf("%s%s\n", sk_report_text(report), sk_report_reason(report));
    sk_report_close(report);
    return verdict;
}

int main(int argc, char **argv) {
    struct sk_inputs inputs = SK_INPUTS_INIT;
    struct sk_log log = SK_LOG_INIT;
    struct sk_bytes policy, receipt, answer, seen;
    struct sk_trust *trust;
    char error[SK_ERROR_MAX];
    int of_receipt, of_log;
    if (argc < 5 || sk_api_version() < SK_API_VERSION) return 2;
    policy.at = file_read(argv[1], &policy.len);
    receipt.at = file_read(argv[2], &receipt.len);
    answer.at = file_read(argv[3], &answer.len);
    trust = sk_trust_of_policy(policy, error);
    if (!trust) {
        printf("%s\n", error);
        return 2;
    }
    inputs.answer = answer;
    of_receipt = tell(sk_verify_receipt(trust, receipt, &inputs));
    log.read = piece_read;
    log.self = argv[4];
    if (argc > 5) {
        seen.at = file_read(argv[5], &seen.len);
        log.seen = &seen;
        log.seen_len = 1;
    }
    of_log = tell(sk_verify_log(trust, &log));
    sk_trust_close(trust);
    if (sk_trust_of_key("nobody", error) || !error[0]) return 2;
    sk_trust_close(NULL);
    printf("libsekisho %s: receipt %d, log %d\n", sk_version(), of_receipt, of_log);
    return of_receipt > of_log ? of_receipt : of_log;
}
