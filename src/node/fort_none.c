// What stands in for a layer whose library was not there when this was built.
#include "node/fort_parts.h"

#ifndef SEKISHO_NFTABLES
enum sk_code fort_nft_open(struct fort_nft **out) {
    *out = NULL;
    return FAIL(SK_UNSUPPORTED, "built without libnftables");
}
void fort_nft_close(struct fort_nft *nft) {
    must(!nft);
}
enum sk_code fort_nft_load(struct fort_nft *nft, const struct fort *fort) {
    must(nft && fort);
    return SK_UNSUPPORTED;
}
enum sk_code fort_nft_check(struct fort_nft *nft, const struct fort *fort) {
    return fort_nft_load(nft, fort);
}
uint64_t fort_nft_refused(struct fort_nft *nft, const struct fort *fort) {
    must(nft && fort);
    return 0;
}
#endif

#ifndef SEKISHO_BPF
enum sk_code fort_bpf_open(struct fort_bpf **out) {
    *out = NULL;
    return FAIL(SK_UNSUPPORTED, "built without libbpf");
}
void fort_bpf_close(struct fort_bpf *bpf) {
    must(!bpf);
}
enum sk_code fort_bpf_load(struct fort_bpf *bpf, const struct fort *fort) {
    must(bpf && fort);
    return SK_UNSUPPORTED;
}
enum sk_code fort_bpf_check(struct fort_bpf *bpf) {
    must(bpf);
    return SK_UNSUPPORTED;
}
int fort_bpf_events(const struct fort_bpf *bpf) {
    must(bpf);
    return -1;
}
void fort_bpf_event(struct fort_bpf *bpf) {
    must(bpf);
}
void fort_bpf_quiet(struct fort_bpf *bpf) {
    must(bpf);
}
uint64_t fort_bpf_refused(const struct fort_bpf *bpf) {
    must(bpf);
    return 0;
}
#endif
