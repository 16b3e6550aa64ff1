/* An HTTP server of a test, for the faults that a real Ray does not show when one wants them: a list of rules says
 * what each request is answered. It listens on a free port of 127.0.0.1; a connection carries one request. */
#ifndef DPI_TEST_FAKE_HTTP_H
#define DPI_TEST_FAKE_HTTP_H

#include <stddef.h>

typedef enum fake_end {
    FAKE_WHOLE,       /* the answer comes whole */
    FAKE_CUT,         /* the connection is cut after the body's bytes, and there should be more */
    FAKE_CUT_HEADERS, /* the connection is cut after the first header */
    FAKE_HOLD,        /* after the body's bytes the connection stays open */
    FAKE_HANG_UP,     /* no answer, the connection is closed */
    FAKE_SILENT       /* no answer, the connection stays open */
} fake_end;

typedef struct fake_rule {
    const char *request; /* what the request begins with: "GET /api/version"; NULL ends the list */
    unsigned times;      /* the rule holds for so many requests; 0: for all */
    const char *until;   /* … while fewer than `until_count` requests that begin so have come; NULL: always */
    unsigned until_count;
    const char *authorization; /* … for requests with this header; NULL: for all */
    int code;                  /* 0: 200 */
    const char *body;          /* NULL: empty */
    size_t size;               /* of the body; 0: strlen */
    fake_end end;
} fake_rule;

typedef struct fake_http fake_http;

/* The first rule that holds answers; where none does, HTTP 404. The rules are copied, their texts must live as long as
 * the server. NULL: it cannot listen. */
fake_http *fake_http_start(const fake_rule *rules);
void fake_http_stop(fake_http *fake);

/* "http://127.0.0.1:port" */
const char *fake_http_address(const fake_http *fake);

/* How many requests have come that begin so. */
unsigned fake_http_count(fake_http *fake, const char *begin);

/* The body of the last POST. */
const char *fake_http_posted(fake_http *fake);

#endif
