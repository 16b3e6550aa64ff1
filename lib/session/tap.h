/* What a client asks of its session beyond the public calls. */
#ifndef DPI_SESSION_TAP_H
#define DPI_SESSION_TAP_H

#include <dagster_pipes/session.h>

/* Every event goes to `tap` too, before the session's own callback. NULL: to nobody. */
void dpi_session_tap(dpipes_session *session, dpipes_event_fn tap, void *user);

/* The next byte that is fed stands at this place of the stream; what came before, another session had. */
void dpi_session_resume(dpipes_session *session, uint64_t offset);

/* What comes from now on, another session will have: nothing is missing in this one. */
void dpi_session_leave(dpipes_session *session);

/* Whether its program is told nothing of Pipes. */
bool dpi_session_has_no_pipes(const dpipes_session *session);

#endif
