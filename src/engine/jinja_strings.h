// String operations that filters and methods share. Inside jinja_*.c only.
#pragma once
#include "engine/jinja_value.h"

enum sk_code jinja_want_chars(struct jinja_value value); // SK_UNSUPPORTED when it is no string

jinja_builtin jinja_do_upper, jinja_do_lower, jinja_do_title, jinja_do_capitalize, jinja_do_trim,
    jinja_do_lstrip, jinja_do_rstrip, jinja_do_split, jinja_do_rsplit, jinja_do_splitlines,
    jinja_do_replace, jinja_do_indent, jinja_do_escape, jinja_do_join, jinja_do_format;
