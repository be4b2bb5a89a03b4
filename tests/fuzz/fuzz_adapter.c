// Any bytes as an adapter over a small model: refused with a text, or run beside the model alone,
// which it does not disturb.
#include <stdint.h>
#include <stdlib.h>

#include "adapter_make.h"
#include "engine/engine.h"
#include "taken.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { IDS = 5 };

static struct engine *open_engine(struct view model, const struct engine_adapter *adapter,
                                  uint32_t len) {
    struct engine_options options = {.context = 32, .slots = 2, .threads = 1,
                                     .memory_max = 16 << 20, .adapters = adapter,
                                     .adapters_len = len};
    struct engine_shape shape;
    struct engine *engine;
    enum sk_code code = engine_open_file(&engine, model, options);
    enum sk_code look = engine_look(&model, 1, options, &shape);
    must(code == SK_OK ? look == SK_OK : *fail_text() != 0);
    return engine;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static struct make make = {.matrix_type = QUANT_F32 + 1, .layers = 1};
    static const int32_t ids[IDS] = {1, 270, 280, 290, 300};
    static float alone[IDS];
    if (!make.file.at) make_file(&make);
    struct view model = buf_view(&make.file);
    if (alone[1] == 0) { // a logprob never is
        struct engine *base = open_engine(model, NULL, 0);
        must(base && engine_score(base, ids, IDS, alone) == SK_OK);
        engine_close(base);
    }
    struct engine_adapter adapter = {{(const char *)data, size}, VIEW("any"), 1};
    struct engine *engine = open_engine(model, &adapter, 1);
    if (!engine) return 0;
    float adapted[IDS], again[IDS];
    must(engine_score_adapted(engine, 1, ids, IDS, adapted) == SK_OK || *fail_text());
    must(engine_score(engine, ids, IDS, again) == SK_OK);
    must(memcmp(alone, again, sizeof again) == 0);
    engine_close(engine);
    fuzz_take();
    return 0;
}
