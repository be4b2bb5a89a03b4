#include "train/curve.h"

#include <math.h>
#include <stdio.h>

enum { WIDTH = 860, HEIGHT = 420, LEFT = 58, RIGHT = 20, TOP = 46, BOTTOM = 44, COLUMNS = 300 };

struct column { // of the picture: what fell into it
    double least, most, sum;
    uint64_t len;
};

struct frame {
    double steps, low, high; // x from 0 to steps, y from low to high
};

// Losses beyond this are no learning; past it a picture's arithmetic would end, too.
static bool is_shown(const struct curve_point *point) {
    return fabs(point->loss) < 1e9;
}

static double x_of(const struct frame *frame, double step) {
    return LEFT + (WIDTH - LEFT - RIGHT) * step / frame->steps;
}

static double y_of(const struct frame *frame, double loss) {
    double part = (loss - frame->low) / (frame->high - frame->low);
    return HEIGHT - BOTTOM - (HEIGHT - TOP - BOTTOM) * fmin(fmax(part, 0), 1);
}

// 1, 2 or 5 times a power of ten, so that about `count` of them make `range`.
static double tick_of(double range, double count) {
    double rough = range / count, power = pow(10, floor(log10(rough))), part = rough / power;
    return power * (part < 1.5 ? 1 : part < 3.5 ? 2 : part < 7.5 ? 5 : 10);
}

static void frame_grow(struct frame *frame, const struct curve_point *points, size_t len) {
    for (size_t i = 0; i < len; i++) {
        if (!is_shown(&points[i])) continue;
        frame->low = fmin(frame->low, points[i].loss);
        frame->high = fmax(frame->high, points[i].loss);
        frame->steps = fmax(frame->steps, (double)points[i].step);
    }
}

static struct frame frame_of(const struct curve *curve) {
    struct frame frame = {.steps = (double)curve->steps, .low = INFINITY, .high = -INFINITY};
    frame_grow(&frame, curve->trained, curve->trained_len);
    frame_grow(&frame, curve->held, curve->held_len);
    if (!(frame.low <= frame.high)) frame.low = 0, frame.high = 1;
    if (frame.steps < 1) frame.steps = 1;
    double tick = tick_of(fmax(frame.high - frame.low, 1e-3), 5);
    frame.low = tick * floor(frame.low / tick);
    frame.high = tick * ceil(frame.high / tick);
    if (frame.high <= frame.low) frame.high = frame.low + tick;
    return frame;
}

static void text_put(struct buf *out, double x, double y, const char *anchor, const char *text) {
    buf_print(out, "<text x=\"%.1f\" y=\"%.1f\" text-anchor=\"%s\">%s</text>\n", x, y, anchor,
              text);
}

static void axes_put(const struct frame *frame, struct buf *out) {
    char label[32];
    double tick = tick_of(frame->high - frame->low, 5);
    buf_put_text(out, "<g stroke=\"#e3e3e3\">\n");
    for (int i = 0; frame->low + i * tick <= frame->high + tick / 2; i++) {
        double y = y_of(frame, frame->low + i * tick);
        buf_print(out, "<path d=\"M%d %.1fH%d\"/>\n", LEFT, y, WIDTH - RIGHT);
    }
    buf_put_text(out, "</g>\n<g fill=\"#555\">\n");
    for (int i = 0; frame->low + i * tick <= frame->high + tick / 2; i++) {
        snprintf(label, sizeof label, "%g", frame->low + i * tick);
        text_put(out, LEFT - 8, y_of(frame, frame->low + i * tick) + 4, "end", label);
    }
    tick = fmax(tick_of(frame->steps, 8), 1);
    for (int i = 0; i * tick <= frame->steps; i++) {
        snprintf(label, sizeof label, "%.0f", i * tick);
        text_put(out, x_of(frame, i * tick), HEIGHT - BOTTOM + 18, "middle", label);
    }
    text_put(out, WIDTH - RIGHT, HEIGHT - 8, "end", "steps");
    text_put(out, LEFT, TOP - 10, "start", "loss, nats per token");
    buf_print(out, "</g>\n<path d=\"M%d %dV%dH%d\" fill=\"none\" stroke=\"#888\"/>\n", LEFT, TOP,
              HEIGHT - BOTTOM, WIDTH - RIGHT);
}

static void columns_fill(const struct curve *curve, const struct frame *frame,
                         struct column *columns) {
    for (size_t i = 0; i < curve->trained_len; i++) {
        const struct curve_point *point = &curve->trained[i];
        double at = (double)point->step / frame->steps * COLUMNS;
        if (!is_shown(point)) continue;
        struct column *column = &columns[at < COLUMNS ? (int)at : COLUMNS - 1];
        if (!column->len || point->loss < column->least) column->least = point->loss;
        if (!column->len || point->loss > column->most) column->most = point->loss;
        column->sum += point->loss;
        column->len++;
    }
}

static double column_x(const struct frame *frame, int i) {
    return x_of(frame, (i + 0.5) * frame->steps / COLUMNS);
}

static void trained_put(const struct curve *curve, const struct frame *frame, struct buf *out) {
    struct column columns[COLUMNS] = {{0}};
    columns_fill(curve, frame, columns);
    buf_put_text(out, "<path fill=\"#2266bb\" fill-opacity=\"0.18\" d=\"");
    char move = 'M';
    for (int i = 0; i < COLUMNS; i++) {
        if (!columns[i].len) continue;
        buf_print(out, "%c%.1f %.1f", move, column_x(frame, i), y_of(frame, columns[i].most));
        move = 'L';
    }
    for (int i = COLUMNS - 1; i >= 0; i--)
        if (columns[i].len)
            buf_print(out, "L%.1f %.1f", column_x(frame, i), y_of(frame, columns[i].least));
    buf_put_text(out, "\"/>\n<path fill=\"none\" stroke=\"#2266bb\" stroke-width=\"1.5\" d=\"");
    move = 'M';
    for (int i = 0; i < COLUMNS; i++) {
        if (!columns[i].len) continue;
        buf_print(out, "%c%.1f %.1f", move, column_x(frame, i),
                  y_of(frame, columns[i].sum / (double)columns[i].len));
        move = 'L';
    }
    buf_put_text(out, "\"/>\n");
}

static void held_put(const struct curve *curve, const struct frame *frame, struct buf *out) {
    size_t every = curve->held_len / COLUMNS + 1;
    char move = 'M';
    buf_put_text(out, "<path fill=\"none\" stroke=\"#c4521b\" stroke-width=\"2\" d=\"");
    for (size_t i = 0; i < curve->held_len; i++) {
        if ((i % every && i + 1 < curve->held_len) || !is_shown(&curve->held[i])) continue;
        buf_print(out, "%c%.1f %.1f", move, x_of(frame, (double)curve->held[i].step),
                  y_of(frame, curve->held[i].loss));
        move = 'L';
    }
    buf_put_text(out, "\"/>\n");
    if (!curve->held_len || !is_shown(&curve->held[curve->held_len - 1])) return;
    const struct curve_point *last = &curve->held[curve->held_len - 1];
    buf_print(out, "<circle cx=\"%.1f\" cy=\"%.1f\" r=\"3.5\" fill=\"#c4521b\"/>\n",
              x_of(frame, (double)last->step), y_of(frame, last->loss));
}

static void legend_put(const struct curve *curve, struct buf *out) {
    char label[64];
    buf_put_text(out, "<g fill=\"#222\">\n");
    if (curve->trained_len) {
        snprintf(label, sizeof label, "training %.3f", curve->trained[curve->trained_len - 1].loss);
        buf_print(out, "<path d=\"M%d 36h18\" stroke=\"#2266bb\" stroke-width=\"2\"/>\n",
                  WIDTH - 310);
        text_put(out, WIDTH - 286, 40, "start", label);
    }
    if (curve->held_len) {
        snprintf(label, sizeof label, "validation %.3f", curve->held[curve->held_len - 1].loss);
        buf_print(out, "<path d=\"M%d 36h18\" stroke=\"#c4521b\" stroke-width=\"2\"/>\n",
                  WIDTH - 160);
        text_put(out, WIDTH - 136, 40, "start", label);
    }
    buf_put_text(out, "</g>\n");
}

// What would be markup is left out.
static void title_put(struct view title, struct buf *out) {
    buf_print(out, "<text x=\"%d\" y=\"20\" font-size=\"15\" fill=\"#222\">", LEFT);
    for (size_t i = 0; i < title.len; i++)
        if (!memchr("<>&\"'", title.at[i], 5) && (uint8_t)title.at[i] >= ' ')
            buf_put_char(out, title.at[i]);
    buf_put_text(out, "</text>\n");
}

void curve_write(const struct curve *curve, struct buf *out) {
    struct frame frame = frame_of(curve);
    buf_print(out,
              "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 %d %d\" width=\"%d\" "
              "height=\"%d\" font-family=\"sans-serif\" font-size=\"12\">\n"
              "<rect width=\"100%%\" height=\"100%%\" fill=\"#fff\"/>\n",
              WIDTH, HEIGHT, WIDTH, HEIGHT);
    title_put(curve->title, out);
    axes_put(&frame, out);
    if (curve->trained_len) trained_put(curve, &frame, out);
    held_put(curve, &frame, out);
    legend_put(curve, out);
    buf_put_text(out, "</svg>\n");
}
