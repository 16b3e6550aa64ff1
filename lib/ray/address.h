/* The dashboard's address: where it comes from, and which forms are taken. */
#ifndef DPI_RAY_ADDRESS_H
#define DPI_RAY_ADDRESS_H

#include "base/buf.h"

/* Appends the address to use, "http://host[:port][/prefix]" without a slash at its end: `option`, else DPIPES_ADDRESS,
 * RAY_API_SERVER_ADDRESS, RAY_ADDRESS; one that is empty counts as not set. DPIPES_EINVAL: none is set, or where
 * it came from and what is wrong with it; DPIPES_ENOMEM. */
dpipes_status dpi_address_resolve(const char *option, dpi_buf *out, dpipes_error *err);

/* Where the address to resolve comes from: "address" for the option, or the variable's name; NULL: there is none. */
const char *dpi_address_source(const char *option);

/* "auto", the one address that is resolved as it is, for whoever can look for a Ray. */
bool dpi_address_is_auto(const char *address);

/* The same for a text that came from `source`, a name for the error. */
dpipes_status dpi_address_parse(const char *text, const char *source, dpi_buf *out, dpipes_error *err);

/* Whether a parsed address means this machine, by its text alone: no name is looked up. */
bool dpi_address_is_loopback(const char *address);
bool dpi_address_is_https(const char *address);

/* Whether its host is this IP address, which is written without brackets. */
bool dpi_address_has_ip(const char *address, const char *ip);

#endif
