/* dagster_pipes/base.h: what every other header of dpipes uses: statuses, errors, log levels.
 *
 * Every declaration here may be used from any thread. */
#ifndef DAGSTER_PIPES_BASE_H
#define DAGSTER_PIPES_BASE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <dagster_pipes/version.h>

#if defined(__GNUC__)
#define DPIPES_API                __attribute__((visibility("default")))
#define DPIPES_PRINTF(text, args) __attribute__((format(printf, text, args)))
#else
#define DPIPES_API
#define DPIPES_PRINTF(text, args)
#endif

#ifdef __cplusplus
extern "C" {
#endif

/* What a call came to. Branch on it; dpipes_error has the sentence for people. */
typedef enum dpipes_status {
    DPIPES_OK = 0,
    DPIPES_EINVAL,    /* an argument, or a value given by the user, is not what the call takes */
    DPIPES_ENOMEM,    /* out of memory */
    DPIPES_ESTATE,    /* not possible now: closed already, not a Pipes process, not an asset step, … */
    DPIPES_ENOENT,    /* the thing asked for does not exist: an extra, a file, a program, a job */
    DPIPES_EPROTO,    /* the other side sent what the protocol does not allow */
    DPIPES_EIO,       /* the operating system or the network could not move the bytes */
    DPIPES_ETIMEDOUT, /* a time limit passed */
    DPIPES_EREMOTE,   /* the other side refused, or the program that it ran failed */
    DPIPES_ECANCELED  /* stopped because the caller asked for it */
} dpipes_status;

/* "DPIPES_EINVAL" for DPIPES_EINVAL, and so on; "DPIPES_E?" for any other number. Never NULL. */
DPIPES_API const char *dpipes_status_name(dpipes_status status);

#define DPIPES_ERROR_MESSAGE_SIZE 1020

/* The reason of a failure. The caller owns it, its size never changes, and NULL may be given to every call
 * that takes one. Only a call that fails writes it, at its end. The message names the thing, the value and the
 * place, in UTF-8, cut at the size; a token or another secret is never part of it. */
typedef struct dpipes_error {
    dpipes_status status;
    char message[DPIPES_ERROR_MESSAGE_SIZE];
} dpipes_error;

/* clang-format off */
#define DPIPES_ERROR_INIT { DPIPES_OK, {0} }
/* clang-format on */

/* Dagster's levels (those of Python's logging). */
typedef enum dpipes_log_level {
    DPIPES_LOG_DEBUG = 0,
    DPIPES_LOG_INFO,
    DPIPES_LOG_WARNING,
    DPIPES_LOG_ERROR,
    DPIPES_LOG_CRITICAL
} dpipes_log_level;

/* "DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL": the words of the wire; "?" for any other number. */
DPIPES_API const char *dpipes_log_level_name(dpipes_log_level level);

/* How bad a failed asset check is (dagster.AssetCheckSeverity). Zero is the reference's default. */
typedef enum dpipes_severity { DPIPES_SEVERITY_ERROR = 0, DPIPES_SEVERITY_WARN } dpipes_severity;

/* Takes the library's own diagnostics, one call a message, text without a newline, borrowed for the call. It may
 * be called from any thread that calls the library, and must not call the library with the same object. */
typedef void (*dpipes_logger)(void *user, dpipes_log_level level, const char *message);

/* The version of the library that runs; DPIPES_VERSION is the one of the header that was compiled. */
DPIPES_API const char *dpipes_version(void);

#ifdef __cplusplus
}
#endif

#endif
