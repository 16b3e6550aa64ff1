#include "context/crash_report.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "base/error.h"
#include "context/crash_message.h"

/* The handler needs about 20 KB for itself and the unwinder. */
#define DPI_SIGNAL_STACK_SIZE ((size_t)128 * 1024)

/* How long a second crash waits for the first one's report. */
#define DPI_REPORT_WAIT_MS 2000
#define DPI_REPORT_STEP_MS 5

static const int numbers[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT, SIGTERM};

#define DPI_SIGNALS (sizeof numbers / sizeof *numbers)

/* Written by start and stop, read by the handlers. */
static dpi_crash_hooks hooks;
static struct sigaction before[DPI_SIGNALS];
static pid_t owner;
static atomic_bool active;     /* start was called, stop was not */
static atomic_int reporter;    /* the thread that has the message's memory, by its kernel id; 0: none yet */
static atomic_bool report_out; /* its report is made */
static char message[DPI_CRASH_MESSAGE_MAX];
static dpi_stack_trace trace;

/* ---- The handler ----------------------------------------------------------------------------------------------- */

static size_t index_of(int number)
{
    size_t i = 0;
    while (i < DPI_SIGNALS - 1 && numbers[i] != number)
        i++;
    return i;
}

/* Another thread's crash must not end the process before the first one's report is out; a crash in the handler itself must
 * not wait for itself. */
static void wait_for_report(int self)
{
    const struct timespec step = {.tv_nsec = DPI_REPORT_STEP_MS * 1000000};
    for (int waited = 0; reporter != self && !report_out && waited < DPI_REPORT_WAIT_MS; waited += DPI_REPORT_STEP_MS)
        (void)nanosleep(&step, NULL);
}

static void report(int number, const siginfo_t *info, const void *context)
{
    int nobody = 0, self = (int)syscall(SYS_gettid);
    if (!active || getpid() != owner)
        return;
    if (!atomic_compare_exchange_strong(&reporter, &nobody, self)) {
        wait_for_report(self);
        return;
    }
    dpi_stack_trace_take(&trace, context);
    hooks.on_signal(hooks.user, message, dpi_crash_message(message, number, info, &trace));
    report_out = true;
}

/* The old handler runs when this one has returned: an instruction that failed fails again; a signal that was sent is sent
 * again, and waits until then. */
static void leave_to_the_old_handler(int number, const siginfo_t *info)
{
    bool comes_again = info->si_code > 0 && number != SIGABRT && number != SIGTERM;
    (void)sigaction(number, &before[index_of(number)], NULL);
    if (!comes_again)
        (void)raise(number);
}

static void on_signal(int number, siginfo_t *info, void *context)
{
    int error = errno;
    report(number, info, context);
    leave_to_the_old_handler(number, info);
    errno = error;
}

static void set_handlers(void)
{
    struct sigaction ours = {.sa_sigaction = on_signal, .sa_flags = SA_SIGINFO | SA_ONSTACK};
    sigemptyset(&ours.sa_mask);
    for (size_t i = 0; i < DPI_SIGNALS; i++) {
        (void)sigaction(numbers[i], NULL, &before[i]);
        if ((before[i].sa_flags & SA_SIGINFO) || before[i].sa_handler != SIG_IGN)
            (void)sigaction(numbers[i], &ours, NULL);
    }
}

static void put_handlers_back(void)
{
    struct sigaction now;
    for (size_t i = 0; i < DPI_SIGNALS; i++)
        if (sigaction(numbers[i], NULL, &now) == 0 && (now.sa_flags & SA_SIGINFO) && now.sa_sigaction == on_signal)
            (void)sigaction(numbers[i], &before[i], NULL);
}

/* ---- Signal stacks --------------------------------------------------------------------------------------------- */

static pthread_key_t stack_key;
static int stack_key_error;

static void take_stack_down(void *stack)
{
    const stack_t none = {.ss_flags = SS_DISABLE};
    stack_t now;
    if (sigaltstack(NULL, &now) == 0 && now.ss_sp == stack)
        (void)sigaltstack(&none, NULL);
    (void)munmap(stack, DPI_SIGNAL_STACK_SIZE);
}

static void make_stack_key(void)
{
    stack_key_error = pthread_key_create(&stack_key, take_stack_down);
}

dpipes_status dpi_crash_reports_for_thread(dpipes_error *err)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    stack_t now;
    pthread_once(&once, make_stack_key);
    if (stack_key_error)
        return dpi_fail_errno(err, DPIPES_EIO, stack_key_error, "crash_reports: a key for signal stacks");
    if (sigaltstack(NULL, &now) == 0 && !(now.ss_flags & SS_DISABLE))
        return DPIPES_OK;
    void *memory = mmap(NULL, DPI_SIGNAL_STACK_SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED)
        return dpi_fail_memory(err);
    const stack_t ours = {.ss_sp = memory, .ss_size = DPI_SIGNAL_STACK_SIZE};
    if (sigaltstack(&ours, NULL) != 0 || pthread_setspecific(stack_key, memory) != 0) {
        int error = errno;
        take_stack_down(memory);
        return dpi_fail_errno(err, DPIPES_EIO, error, "crash_reports: a signal stack");
    }
    return DPIPES_OK;
}

static void take_own_stack_down(void)
{
    void *stack = pthread_getspecific(stack_key);
    if (!stack)
        return;
    (void)pthread_setspecific(stack_key, NULL);
    take_stack_down(stack);
}

/* ---- exit() ---------------------------------------------------------------------------------------------------- */

static void on_exit_of_process(void)
{
    if (atomic_load(&active) && getpid() == owner)
        hooks.on_exit(hooks.user);
}

static int exit_error;

static void register_exit(void)
{
    exit_error = atexit(on_exit_of_process);
}

/* ---- Start and stop -------------------------------------------------------------------------------------------- */

dpipes_status dpi_crash_reports_start(const dpi_crash_hooks *given, dpipes_error *err)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    dpipes_status status = dpi_crash_reports_for_thread(err);
    if (status != DPIPES_OK)
        return status;
    pthread_once(&once, register_exit);
    if (exit_error)
        return dpi_fail(err, DPIPES_EIO, "crash_reports: atexit takes no more handlers");
    dpi_stack_trace_prepare();
    hooks = *given;
    owner = getpid();
    atomic_store(&active, true);
    if (hooks.on_signal)
        set_handlers();
    return DPIPES_OK;
}

void dpi_crash_reports_stop(void)
{
    if (hooks.on_signal)
        put_handlers_back();
    atomic_store(&active, false);
    take_own_stack_down();
}
