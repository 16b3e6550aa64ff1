/* A run: one job on its way, from its submission to its end. submit.c and follow.c move it on, run.c joins them. */
#ifndef DPI_RAY_RUN_H
#define DPI_RAY_RUN_H

#include "ray/client.h"
#include "ray/job_log.h"
#include "ray/message_file.h"
#include "ray/parcels.h"

#define DPI_SMALL_TIMEOUT_MS 10000 /* a request that a dashboard answers at once */

typedef enum dpi_phase {
    DPI_PHASE_VERSION, /* is it a dashboard, and of which Ray? */
    DPI_PHASE_PACKAGE, /* is it on the cluster? */
    DPI_PHASE_UPLOAD,
    DPI_PHASE_SUBMIT,
    DPI_PHASE_LOOK_UP, /* the submission's answer was lost */
    DPI_PHASE_FOLLOW,
    DPI_PHASE_ENDED
} dpi_phase;

/* A kind of request: at most one of it is on its way. */
typedef struct dpi_task {
    dpi_http_call *call;
    bool small; /* it is one of the client's `smalls` */
    int64_t started_ms;
    int64_t due_ms; /* when the next one starts; INT64_MAX: not before it is asked for */
} dpi_task;

typedef struct dpi_submit {
    dpi_task task;
    dpi_http_request request;
    dpi_buf mark;         /* what makes the job ours: the value of DAGSTER_PIPES_CONTEXT, or the entrypoint */
    dpi_parcels *parcels; /* NULL: nothing is packed */
    size_t parcel;        /* the one on its way */
    int64_t told_ms;      /* when the logger heard how far it is */
    unsigned attempts;    /* how often it was sent */
    bool asked_again;     /* with another token */
    int64_t give_up_ms;   /* when a dashboard that does not answer is given up; 0: it answers */
    dpipes_error trouble;
} dpi_submit;

typedef enum dpi_stop_reason {
    DPI_STOP_NONE,
    DPI_STOP_TIMEOUT,
    DPI_STOP_CANCEL,
    DPI_STOP_PENDING,
    DPI_STOP_LOST
} dpi_stop_reason;

/* How the log's end is made sure of. */
typedef enum dpi_ending {
    DPI_END_NOT_YET, /* the job has not ended */
    DPI_END_MARK,    /* how long is the log? First by a request that leaves a mark, */
    DPI_END_SIZE,    /* then by what the agent's log says of it */
    DPI_END_STREAM,  /* the stream brings what is missing */
    DPI_END_FETCH    /* the log is fetched to its end */
} dpi_ending;

typedef struct dpi_follow {
    dpi_driver driver;
    dpi_task status, log, nodes, stop, check, measure;
    dpi_job_log job_log;
    int64_t pace_ms;    /* since when the status is looked at ever more seldom */
    int64_t pending_ms; /* since when the job is PENDING */
    int64_t
        failing_ms; /* since when the job API gives no good answer, or after the job's end the log's none, -1: it does */
    int64_t unreadable_ms; /* since when the log cannot be read, -1: it can */
    int64_t dead_ms;       /* since when the driver's node is dead, -1: it is not known to be */
    int64_t ended_ms;      /* since when the job has ended, -1: it has not */
    int64_t asked_ms;      /* since when it is to stop, -1: it is not */
    int64_t heard_ms;      /* since when the message channel, if it is not the log, has brought nothing */
    int64_t quiet_ms;      /* since when the log has brought nothing */
    uint64_t quiet_at;     /* how many bytes it had brought then */
    dpi_buf lines;         /* the last of the log */
    int lines_wanted;      /* so many should bring what is new */
    int lines_asked;       /* for */
    size_t line_size;      /* bytes of one, as the last were */
    int64_t lines_ms;      /* since when */
    unsigned lines_misses; /* in a row */
    uint64_t log_size;     /* of the job that has ended; UINT64_MAX: it is not known */
    int mark;              /* of the request for it */
    dpi_ending ending;
    dpi_stop_reason why;
    cJSON *listed;     /* the job's details in the list of all, to be looked at; NULL: none */
    bool unlisted;     /* the list has not named the job, so the run asks for itself */
    unsigned refusals; /* of the log stream, in a row */
    unsigned agent_misses;
    unsigned laters;      /* of them, those that say "later" */
    bool stop_taken;      /* Ray has answered the stop */
    bool pending_told;    /* the logger has heard why it is PENDING */
    bool failing_told;    /* the logger has heard that the dashboard is out of reach */
    bool as_text;         /* the log is read by the job API */
    bool rest;            /* the transfer at hand began after the job's end: with it the log is read */
    bool by_agent;        /* it comes from the node's own agent, from our offset on */
    bool by_lines;        /* it is the log's last lines, and the place of these */
    bool placing;         /* `lines` are there, and their place is asked for */
    bool no_lines;        /* they do not bring what is new, or cannot be placed */
    bool agent_failed;    /* it does not give it */
    bool has_stream;      /* one of the client's streams is this log's */
    bool streaming;       /* the stream is open */
    bool streamed;        /* it was open before */
    bool suspected;       /* the file's end was not what the stream has brought */
    bool closed;          /* the session's `closed` was seen */
    bool complete;        /* nothing of the log is missing */
    dpipes_error trouble; /* what failed last */
} dpi_follow;

struct dpipes_ray_run {
    dpipes_ray_client *client;
    dpipes_session *session;
    size_t place;    /* in the client's agenda */
    int64_t wake_ms; /* when it wants to be looked at */
    int64_t now_ms;  /* monotonic, of this turn; as are all other times */
    dpi_phase phase;
    bool attached;
    bool only_now;    /* its log is read as it is now */
    bool submitted;   /* Ray has the job */
    bool streams_log; /* Ray is new enough for its log stream */
    bool no_forward_termination;
    bool no_log;    /* it is followed by its status alone */
    bool stop_lost; /* its job is asked to stop where the log is lost */
    int64_t run_timeout_ms;
    int64_t pending_timeout_ms;
    int64_t deadline_ms;     /* INT64_MAX: none */
    char *wanted_json;       /* the resources that the job asks for; NULL: none */
    unsigned cancels_before; /* of the client's cancels, those that were not for this run */
    atomic_uint cancels;
    atomic_bool detach;
    dpi_submit submit;
    dpi_follow follow;
    dpi_message_file messages;    /* the message channel, when it is a file */
    dpipes_message_reader reader; /* … when it is the caller's; without `read` it is not */
    dpi_log_tail tail;            /* of the log that was read */
    dpipes_error log_trouble;     /* the job has ended, and why its log could not be read to its end */
    dpipes_ray_result result;
    size_t queued; /* bytes of its events that wait */
    dpipes_status status;
    dpipes_error err;
};

/* Of the dashboard. */
static inline const char *dpi_run_address(const dpipes_ray_run *run)
{
    return dpi_buf_text(&run->client->address);
}

/* Whether messages come by something else than the log. */
bool dpi_run_has_channel(const dpipes_ray_run *run);

/* How many times somebody has asked it to stop. */
unsigned dpi_run_cancels(const dpipes_ray_run *run);

/* For a request on the way to the job that may take `most`, in what is left of the run's time: of an attached one, whose job is there
 * and can only be stopped once it is reached, as long as it takes. */
int64_t dpi_run_time_left(const dpipes_ray_run *run, int64_t most);

/* Whether the client has room for one more request; else the run is to look again at dpi_run_retry_ms. */
bool dpi_run_may_send(const dpipes_ray_run *run);
int64_t dpi_run_retry_ms(const dpipes_ray_run *run);

/* Starts the request, which is taken over. `on_body` gets the run; NULL: the body is collected. DPIPES_ENOMEM. */
dpipes_status dpi_task_start(dpipes_ray_run *run, dpi_task *task, dpi_http_request *request, dpi_http_body_fn on_body,
                             dpipes_error *err);

/* The reply when there is one, else NULL. */
dpi_http_reply *dpi_task_reply(const dpi_task *task);

/* Frees what is on its way, or the reply. */
void dpi_task_hang_up(dpipes_ray_run *run, dpi_task *task);

/* Moves the run on. */
void dpi_run_turn(dpipes_ray_run *run, int64_t now_ms);

/* An event of it, of so many bytes, waits no longer. */
void dpi_run_take_event(dpipes_ray_run *run, size_t size);

/* Ray's status has changed. */
void dpi_run_note_status(dpipes_ray_run *run);

/* The job was taken: what it is called, and that it is followed from now on. */
dpipes_status dpi_run_submitted(dpipes_ray_run *run, dpipes_error *err);

/* Move a run on in its phase. Other than DPIPES_OK: it has ended so. They set when it wants to be looked at again. */
dpipes_status dpi_submit_turn(dpipes_ray_run *run, dpipes_error *err);
dpipes_status dpi_follow_turn(dpipes_ray_run *run, dpipes_error *err);

void dpi_follow_begin(dpipes_ray_run *run);
void dpi_follow_end(dpipes_ray_run *run);
/* The job has ended, and so has its log. */
bool dpi_follow_done(const dpipes_ray_run *run);
/* The job is not known to have ended, nor does Ray keep it from starting. */
bool dpi_follow_may_run(const dpipes_ray_run *run);
/* The loop was held up for so long: what failed in that time does not count. */
void dpi_follow_forgive(dpipes_ray_run *run, int64_t late_ms);

/* The request of the job; keeps what look-ups and limits need. */
dpipes_status dpi_submit_begin(dpipes_ray_run *run, const dpipes_ray_job *job, dpipes_error *err);
void dpi_submit_end(dpipes_ray_run *run);

/* What the job's own end comes to. */
dpipes_status dpi_run_verdict(dpipes_ray_run *run, dpipes_error *err);

#endif
