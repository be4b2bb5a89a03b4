// Log: one line per event on stderr: `2026-11-22T03:00:00.123Z info gate ready port=8844`.
//
// Rooms and the parent log; modules never do. There is no way to log a prompt or a credential:
// values are numbers, names from our own tables and texts of failures.
#pragma once

enum log_level { LOG_ERROR, LOG_WARN, LOG_INFO, LOG_DEBUG };

// Lines above `level` are dropped. Default LOG_INFO.
void log_open(const char *room, enum log_level level);
void log_line(enum log_level level, const char *event, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
