// The formats of strings that can be held exactly, each as a regular expression.
//
// A format here is no larger than what JSON Schema's specification and ajv-formats accept: leap
// days count, leap seconds are left out, zones are required, hosts are short. Holds no others.
#pragma once
#include "base/view.h"

// The expression of a format, or NULL; "" for one that any string has (password, binary).
const char *format_pattern(struct view name);
