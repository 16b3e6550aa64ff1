/* The Ray that "auto" means. */
#ifndef DPI_RAY_FIND_DASHBOARD_H
#define DPI_RAY_FIND_DASHBOARD_H

#include "base/buf.h"

/* Appends the address of the newest detached LocalRay of this user, else that of a dashboard that answers on this machine, on
 * one of the ports that Ray takes by itself (8265 and the next three). DPIPES_ENOENT: none does; DPIPES_EIO, DPIPES_ENOMEM. */
dpipes_status dpi_find_dashboard(dpi_buf *address, dpipes_error *err);

#endif
