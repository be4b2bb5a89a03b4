// Train: the door of src/train: what commands use of it.
//
// Promises and refuses: what each header says. Nothing here logs, prints, opens files or reads
// clocks.
#pragma once
#include "train/adapter.h"
#include "train/card.h"
#include "train/convert.h"
#include "train/curve.h"
#include "train/data.h"
#include "train/gguf_write.h"
#include "train/group.h"
#include "train/learner.h"
#include "train/recipe.h"
#include "train/record.h"
#include "train/result.h"
#include "train/run.h"
#include "train/score.h"
#include "train/tokens.h"
#include "train/vocabulary.h"
