/* The log by its last lines: where no agent can be asked for what is new, and nothing is to be left on the dashboard, as a
 * stream is when its job has ended. The lines come by one request, their place in the log by another. */
#include "base/error.h"
#include "base/random.h"
#include "ray/follow.h"

#define DPI_LINES_LEAST     16
#define DPI_LINES_SPREAD    64    /* so that few others ask for just as many */
#define DPI_LINES_BYTES     16384 /* in so many bytes of lines, where not more are wanted */
#define DPI_LINES_MISSES    3     /* in a row, until a stream is opened */
#define DPI_LINES_PAUSE_MS  100   /* between two looks, at least */
#define DPI_LINES_SHARE     10    /* of the time without: the pause */
#define DPI_LINES_FACTOR    4     /* … and at least so many times what the last look took */
#define DPI_LINES_OF_ALL_MS 15    /* of the pause, for each run of the client: a look costs Ray half of that */
#define DPI_PLACES          32 /* lines of the agent's log, among them that about our request; four times for each miss */

bool dpi_follow_lines_can(const dpipes_ray_run *run)
{
    const dpi_follow *f = &run->follow;
    return !f->as_text && !f->no_lines && f->driver.node_id[0] && !run->client->agents_say_nothing;
}

/* So many lines as are wanted, and some more. */
static int new_count(const dpi_follow *f)
{
    unsigned bits = 0;
    const size_t usual = DPI_LINES_BYTES / (f->line_size + 1) + 2;
    const int least = usual < DPI_LINES_LEAST ? (int)usual : DPI_LINES_LEAST;
    const unsigned spread = usual < DPI_LINES_SPREAD ? (unsigned)usual : DPI_LINES_SPREAD;
    (void)dpi_random_bytes(&bits, sizeof bits, NULL);
    return (f->lines_wanted > least ? f->lines_wanted : least) + (int)(bits % spread);
}

dpi_http_request dpi_follow_lines_request(dpipes_ray_run *run)
{
    dpi_follow *f = &run->follow;
    const char *address = dpi_run_address(run);
    if (f->placing)
        return dpi_jobs_agent_log_request(address, f->driver.node_id, DPI_PLACES << 2 * f->lines_misses);
    f->lines_asked = new_count(f);
    f->lines_ms = run->now_ms;
    return dpi_jobs_log_end_request(address, run->result.submission_id, f->driver.node_id, f->lines_asked);
}

static void leave_lines(dpipes_ray_run *run)
{
    run->follow.no_lines = true;
    run->follow.log.due_ms = run->now_ms;
}

static bool is_missed(dpi_follow *f)
{
    return ++f->lines_misses >= DPI_LINES_MISSES;
}

static int64_t pause_after(const dpipes_ray_run *run)
{
    const int64_t for_all_ms = (int64_t)run->client->agenda.count * DPI_LINES_OF_ALL_MS;
    const int64_t polite_ms = (run->now_ms - run->follow.lines_ms) * DPI_LINES_FACTOR;
    const int64_t pause_ms =
        dpi_follow_part(run->now_ms - run->follow.quiet_ms, DPI_LINES_SHARE,
                        polite_ms > DPI_LINES_PAUSE_MS ? polite_ms : DPI_LINES_PAUSE_MS, run->client->poll_interval_ms);
    return pause_ms > for_all_ms ? pause_ms : for_all_ms;
}

/* More is missing than the lines have: so many times the lines, or a stream. */
static void want_more(dpipes_ray_run *run, uint64_t missing)
{
    dpi_follow *f = &run->follow;
    const uint64_t times = 2 + missing / (f->lines.size + 1);
    if (missing > DPI_LOG_AGAIN_MAX || times > DPI_LOG_AGAIN_MAX / (uint64_t)f->lines_asked) {
        leave_lines(run);
        return;
    }
    f->lines_wanted = f->lines_asked * (int)times;
    f->log.due_ms = run->now_ms;
}

static dpipes_status take_lines(dpipes_ray_run *run, uint64_t begin, dpipes_error *err)
{
    dpi_follow *f = &run->follow;
    const uint64_t missing = begin + f->lines.size - f->job_log.fed;
    dpi_follow_log_note_readable(run);
    f->lines_misses = 0;
    if (begin > f->job_log.fed) {
        want_more(run, missing);
        return DPIPES_OK;
    }
    dpi_job_log_begin(&f->job_log, begin);
    dpipes_status status = dpi_follow_log_take_bytes(run, dpi_buf_text(&f->lines), f->lines.size, err);
    dpi_follow_log_note_bytes(run);
    f->lines_wanted = 2 * (int)(missing / (f->line_size + 1));
    f->log.due_ms = run->now_ms + pause_after(run);
    if (f->rest)
        dpi_follow_log_complete(run);
    return status;
}

/* What the session has must stand in the lines before what is new. */
static bool fits(const dpipes_ray_run *run, uint64_t begin)
{
    const dpi_follow *f = &run->follow;
    return begin >= f->job_log.fed ||
           dpi_log_tail_ends_with(&run->tail, dpi_buf_text(&f->lines), (size_t)(f->job_log.fed - begin));
}

/* Two places: somebody has asked for as many lines, which were as long. None: the agent's log has none of our requests. */
static dpipes_status place(dpipes_ray_run *run, const dpi_buf *agent_log, dpipes_error *err)
{
    dpi_follow *f = &run->follow;
    uint64_t begin;
    const unsigned places = dpi_jobs_read_lines_begin(agent_log, f->lines_asked, f->lines.size, f->job_log.fed, &begin);
    if (places == 1 && fits(run, begin))
        return take_lines(run, begin, err);
    f->log.due_ms = run->now_ms;
    if (!is_missed(f))
        return DPIPES_OK;
    run->client->agents_say_nothing = places == 0;
    leave_lines(run);
    return DPIPES_OK;
}

/* An agent that logs to its stderr has no log: 500. */
static bool is_never_given(long code, bool of_place)
{
    return code == 404 || code == 405 || code == 501 || (code == 500 && of_place);
}

static dpipes_status take_refusal(dpipes_ray_run *run, const dpi_http_reply *reply, bool of_place, dpipes_error *err)
{
    dpi_follow *f = &run->follow;
    if (reply->status == DPIPES_EPROTO && reply->code == 200) { /* longer than is taken */
        leave_lines(run);
        return DPIPES_OK;
    }
    if (reply->status == DPIPES_OK && is_never_given(reply->code, of_place)) {
        run->client->agents_say_nothing = true;
        leave_lines(run);
        return DPIPES_OK;
    }
    dpipes_status status = dpi_follow_log_refused(run, reply, err);
    const bool passes = reply->code == 0 || reply->code == 429 || dpi_follow_log_is_not_there(reply);
    if (!passes && is_missed(f))
        leave_lines(run);
    return status;
}

dpipes_status dpi_follow_lines_take(dpipes_ray_run *run, dpi_http_reply *reply, dpipes_error *err)
{
    dpi_follow *f = &run->follow;
    const bool of_place = f->placing;
    f->placing = false;
    if (reply->status == DPIPES_ENOMEM)
        return dpi_fail_copy(err, &reply->err);
    if (reply->status != DPIPES_OK || reply->code != 200)
        return take_refusal(run, reply, of_place, err);
    if (of_place) {
        dpipes_status status = place(run, &reply->body, err);
        dpi_buf_fini(&f->lines);
        return status;
    }
    dpi_buf_fini(&f->lines);
    f->lines = reply->body;
    reply->body = (dpi_buf){0};
    f->line_size = f->lines.size / (size_t)f->lines_asked;
    f->placing = true;
    f->log.due_ms = run->now_ms;
    return DPIPES_OK;
}
