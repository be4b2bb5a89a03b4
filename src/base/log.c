#include "base/log.h"

#include <stdarg.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

enum { LINE_MAX_ = 1024 };

static const char *log_room = "sekisho";
static enum log_level log_level_max = LOG_INFO;

void log_open(const char *room, enum log_level level) {
    log_room = room;
    log_level_max = level;
}

// Values may carry bytes from outside (a failure's text): nothing may forge a second line.
static void log_tame(char *text, size_t len) {
    for (size_t i = 0; i < len; i++)
        if ((unsigned char)text[i] < 0x20 || text[i] == 0x7f) text[i] = ' ';
}

void log_line(enum log_level level, const char *event, const char *format, ...) {
    static const char *const names[] = {"error", "warn", "info", "debug"};
    if (level > log_level_max) return;
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    struct tm utc;
    gmtime_r(&now.tv_sec, &utc);
    char line[LINE_MAX_];
    size_t len = strftime(line, sizeof line, "%Y-%m-%dT%H:%M:%S", &utc);
    int n = snprintf(line + len, sizeof line - len, ".%03ldZ %s %s %s", now.tv_nsec / 1000000,
                     names[level], log_room, event);
    len += n > 0 ? (size_t)n : 0;
    if (format[0]) line[len++] = ' ';
    va_list list;
    va_start(list, format);
    n = vsnprintf(line + len, sizeof line - len - 1, format, list);
    va_end(list);
    size_t room = sizeof line - len - 2;
    len += n < 0 ? 0 : (size_t)n < room ? (size_t)n : room;
    log_tame(line, len);
    line[len++] = '\n';
    if (write(STDERR_FILENO, line, len) < 0) return; // nowhere left to say it
}
