/* The progress line of weir run:
 *
 *   in 48.2k/s (1.2M)  out 12.0k/s (311k)  lag 250k  to deliver 0  state 1.1 GB  memory 402 MB of 512 MB
 */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

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
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
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

void wr_cli_progress_show(struct progress_display *display, bool caught_up)
{
    char a[6][32];
    weir_progress now;
    if (!display->on_terminal)
        return;
    weir_get_progress(display->db, &now);
    update_rates(display, &now);
    fprintf(stderr, "\r\033[Kin %s/s (%s)  out %s/s (%s)  lag %s  to deliver %s",
            format_count(display->in_per_second, a[0], 32), format_count((double)now.rows_in, a[1], 32),
            format_count(display->out_per_second, a[2], 32), format_count((double)now.rows_out, a[3], 32),
            format_count((double)now.lag_rows, a[4], 32), format_count((double)now.sink_backlog, a[5], 32));
    fprintf(stderr, "  state %s  memory %s of %s%s", wr_cli_format_bytes(now.state_bytes, a[0], 32),
            wr_cli_format_bytes(now.memory_bytes, a[1], 32), wr_cli_format_bytes(now.memory_limit, a[2], 32),
            caught_up ? "  caught up" : "");
    display->shown = true;
    fflush(stderr);
}

void wr_cli_progress_free(struct progress_display *display)
{
    if (display->shown)
        fputc('\n', stderr);
    free(display);
}
