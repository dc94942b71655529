/* The progress line of weir run:
 *
 *   in 48.2k/s (1.2M)  out 12.0k/s (311k)  lag 250k  to deliver 0  state 1.1 GB  memory 402 MB of 512 MB
 *
 * On a narrow terminal without what matters least. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/mem.h"
#include "cli/cli.h"

struct progress_display {
    weir_db *db;
    bool on_terminal, shown;
    weir_progress last;
    double last_seconds, in_per_second, out_per_second;
};

static double now_seconds(void)
{
    return (double)wr_clock_ns() / 1e9;
}

struct progress_display *wr_cli_progress_new(weir_db *db)
{
    struct progress_display *display = wr_calloc(1, sizeof *display);
    display->db = db;
    display->on_terminal = isatty(STDERR_FILENO) == 1;
    weir_get_progress(db, &display->last);
    display->last_seconds = now_seconds();
    return display;
}

static const char *format_scaled(double value, double step, const char *const units[], char *buf, size_t size)
{
    int unit = 0;
    while (value >= step && units[unit + 1]) {
        value /= step;
        unit++;
    }
    snprintf(buf, size, unit && value < 100 ? "%.1f%s" : "%.0f%s", value, units[unit]);
    return buf;
}

static const char *format_count(double count, char *buf, size_t size)
{
    static const char *const units[] = {"", "k", "M", "G", "T", NULL};
    return format_scaled(count, 1000, units, buf, size);
}

const char *wr_cli_format_bytes(int64_t bytes, char *buf, size_t size)
{
    static const char *const units[] = {" B", " kB", " MB", " GB", " TB", NULL};
    return format_scaled((double)bytes, 1024, units, buf, size);
}

/* Rates over half a second jump; two seconds of memory make them readable. */
static void update_rates(struct progress_display *display, const weir_progress *now)
{
    double seconds = now_seconds(), passed = seconds - display->last_seconds;
    if (passed < 0.05)
        return;
    double share = passed > 2 ? 1 : passed / 2;
    double in = (double)(now->rows_in - display->last.rows_in) / passed;
    double out = (double)(now->rows_out - display->last.rows_out) / passed;
    display->in_per_second += share * (in - display->in_per_second);
    display->out_per_second += share * (out - display->out_per_second);
    display->last = *now;
    display->last_seconds = seconds;
}

/* Columns of the terminal; 0: not known, then the line may be as long as it likes. */
static size_t terminal_columns(void)
{
    struct winsize size;
    return ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 ? size.ws_col : 0;
}

struct part {
    char text[80];
    int spare; /* the higher, the sooner it goes where there is no room; 0 = never */
};

static size_t length_of(const struct part *parts, size_t n)
{
    size_t length = 0;
    for (size_t i = 0; i < n; i++)
        length += strlen(parts[i].text);
    return length;
}

/* A line that is wrapped cannot be written over: what is least needed goes, until the rest fits. */
static void fit(struct part *parts, size_t n, size_t columns)
{
    while (columns && length_of(parts, n) >= columns) {
        struct part *least = parts;
        for (size_t i = 1; i < n; i++)
            if (*parts[i].text && parts[i].spare > least->spare)
                least = &parts[i];
        if (!least->spare)
            return;
        *least->text = '\0';
    }
}

static void print_parts(const struct part *parts, size_t n, size_t columns)
{
    size_t room = columns ? columns - 1 : SIZE_MAX;
    fputs("\r\033[K", stderr);
    for (size_t i = 0; i < n && room; i++) {
        size_t length = WR_MIN(strlen(parts[i].text), room);
        fwrite(parts[i].text, 1, length, stderr);
        room -= length;
    }
    fflush(stderr);
}

void wr_cli_progress_show(struct progress_display *display, bool caught_up)
{
    char a[2][32];
    struct part parts[] = {{.spare = 0}, {.spare = 4}, {.spare = 1}, {.spare = 2},
                           {.spare = 5}, {.spare = 3}, {.spare = 6}, {.spare = 0}};
    enum { IN, OUT, LAG, TO_DELIVER, STATE, MEMORY, LIMIT, CAUGHT_UP, SIZE = sizeof parts[0].text };
    weir_progress now;
    if (!display->on_terminal)
        return;
    weir_get_progress(display->db, &now);
    update_rates(display, &now);
    snprintf(parts[IN].text, SIZE, "in %s/s (%s)", format_count(display->in_per_second, a[0], 32),
             format_count((double)now.rows_in, a[1], 32));
    snprintf(parts[OUT].text, SIZE, "  out %s/s (%s)", format_count(display->out_per_second, a[0], 32),
             format_count((double)now.rows_out, a[1], 32));
    snprintf(parts[LAG].text, SIZE, "  lag %s", format_count((double)now.lag_rows, a[0], 32));
    snprintf(parts[TO_DELIVER].text, SIZE, "  to deliver %s", format_count((double)now.sink_backlog, a[0], 32));
    snprintf(parts[STATE].text, SIZE, "  state %s", wr_cli_format_bytes(now.state_bytes, a[0], 32));
    snprintf(parts[MEMORY].text, SIZE, "  memory %s", wr_cli_format_bytes(now.memory_bytes, a[0], 32));
    snprintf(parts[LIMIT].text, SIZE, " of %s", wr_cli_format_bytes(now.memory_limit, a[0], 32));
    snprintf(parts[CAUGHT_UP].text, SIZE, "%s", caught_up ? "  caught up" : "");
    size_t columns = terminal_columns();
    fit(parts, WR_COUNT(parts), columns);
    print_parts(parts, WR_COUNT(parts), columns);
    display->shown = true;
}

void wr_cli_progress_free(struct progress_display *display)
{
    if (display->shown)
        fputc('\n', stderr);
    free(display);
}
