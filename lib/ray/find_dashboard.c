#include "ray/find_dashboard.h"

#include "base/error.h"
#include "ray/dashboard.h"

#define DPI_FIRST_PORT     8265
#define DPI_PORTS          4
#define DPI_ASK_TIMEOUT_MS 2000

/* 401 and 403 are a Ray's that wants a token. */
static bool is_ray(const char *address)
{
    dpi_dashboard dashboard;
    return dpi_dashboard_ask(address, "", DPI_ASK_TIMEOUT_MS, NULL, NULL, &dashboard, NULL) == DPIPES_OK &&
           (dashboard.version[0] || dashboard.code == 401 || dashboard.code == 403);
}

static dpipes_status ask_ports(dpi_buf *address, dpipes_error *err)
{
    dpi_buf candidate = {0};
    dpipes_status status = DPIPES_ENOENT;
    for (int port = DPI_FIRST_PORT; port < DPI_FIRST_PORT + DPI_PORTS && status == DPIPES_ENOENT; port++) {
        dpi_buf_clear(&candidate);
        dpi_buf_printf(&candidate, "http://127.0.0.1:%d", port);
        if (dpi_buf_failed(&candidate))
            status = dpi_fail_memory(err);
        else if (is_ray(candidate.data))
            status = DPIPES_OK;
    }
    if (status == DPIPES_OK)
        dpi_buf_append(address, candidate.data, candidate.size);
    dpi_buf_fini(&candidate);
    if (status == DPIPES_ENOENT)
        dpi_fail(
            err, status,
            "address `auto`: no LocalRay of this user runs detached, and no Ray dashboard answers at 127.0.0.1, ports "
            "%d to %d",
            DPI_FIRST_PORT, DPI_FIRST_PORT + DPI_PORTS - 1);
    return status;
}

dpipes_status dpi_find_dashboard(dpi_buf *address, dpipes_error *err)
{
    dpipes_local_ray_info newest;
    size_t count = 0;
    dpipes_status status = dpipes_local_ray_list(&newest, 1, &count, err);
    if (status != DPIPES_OK)
        return status;
    if (count == 0)
        return ask_ports(address, err);
    dpi_buf_append_text(address, newest.address);
    return dpi_buf_failed(address) ? dpi_fail_memory(err) : DPIPES_OK;
}
