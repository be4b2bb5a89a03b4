// Operations that give a result instead of text: embeddings, rankings, attributions, counts.
#include "node/room_engine.h"

enum sk_code task_begin(struct slot *slot, const struct gate_task *task) {
    (void)slot;
    return FAIL(SK_UNSUPPORTED, "operation %d is not built yet", (int)task->operation);
}

bool task_step(struct slot *slot) {
    (void)slot;
    return false;
}

void task_stop(struct slot *slot) {
    (void)slot;
}
