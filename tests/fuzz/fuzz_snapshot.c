// Any bytes as the head of a checkpoint of a run: refused, or within its bytes.
#include "taken.h"
#include "train/snapshot.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct view bytes = {(const char *)data, size};
    struct snapshot head;
    uint64_t len;
    if (snapshot_head(bytes, &head, &len) != SK_OK) return 0;
    fuzz_take();
    must(len <= size && head.blocks_len <= SNAPSHOT_BLOCKS_MAX);
    must(head.recipe.len == 0 ||
         (head.recipe.at >= bytes.at && head.recipe.at + head.recipe.len <= bytes.at + size));
    return 0;
}
