#include "store_command.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "base/nearest.h"
#include "cmd.h"
#include "help.h"

static size_t args_of(const dpi_store_action *action, dpi_store_command *c, dpi_arg *args)
{
    const dpi_arg common[] = {
        {"--home", DPI_ARG_TEXT, &c->home}, {"--json", DPI_ARG_FLAG, &c->json}, {"--help", DPI_ARG_FLAG, &c->help}};
    const dpi_arg own[] = {
        {"--status", DPI_ARG_TEXT, &c->status},
        {"--job", DPI_ARG_TEXT, &c->job},
        {"--limit", DPI_ARG_COUNT, &c->limit},
        {"--events", DPI_ARG_FLAG, &c->events},
        {"--html", DPI_ARG_TEXT, &c->html},
        {"--keep", DPI_ARG_COUNT, &c->keep},
        {"--older-than", DPI_ARG_AGE, &c->older_than_ms},
        {"--address", DPI_ARG_TEXT, &c->address},
        {"--give-up-after", DPI_ARG_SECONDS, &c->give_up_after_ms},
    };
    const size_t count = sizeof common / sizeof *common;
    memcpy(args, common, sizeof common);
    return count + dpi_args_select(own, sizeof own / sizeof *own, action->takes, args + count);
}

/* The command's own where the word is no action's name. */
static const dpi_store_action *find_action(const dpi_store_action *actions, const char *name)
{
    for (const dpi_store_action *action = actions + 1; name && action->name; action++)
        if (strcmp(action->name, name) == 0)
            return action;
    return actions;
}

size_t dpi_store_command_args(const dpi_store_action *actions, const char *name, dpi_arg *args)
{
    static dpi_store_command nowhere;
    return args_of(find_action(actions, name), &nowhere, args);
}

static dpipes_status fail_word(const dpi_store_action *actions, const char *word, dpipes_error *err)
{
    const char *names[DPI_STORE_ACTIONS_MAX];
    size_t count = 0;
    for (const dpi_store_action *action = actions + 1; action->name && count < DPI_STORE_ACTIONS_MAX; action++)
        names[count++] = action->name;
    const char *nearest = dpi_nearest_name(word, names, count);
    return nearest ? dpi_fail(err, DPIPES_EINVAL, "`%s` is too much; is it `%s`?", word, nearest)
                   : dpi_fail(err, DPIPES_EINVAL, "`%s` is too much", word);
}

static dpipes_status parse(const dpi_store_action *actions, const dpi_store_action *action, const char *const *argv,
                           dpi_store_command *c)
{
    dpi_arg args[DPI_COMMAND_ARGS_MAX];
    dpi_args_seen seen;
    const size_t count = args_of(action, c, args);
    const dpipes_status status = dpi_args_parse(args, count, argv, &seen, &c->err);
    if (status != DPIPES_OK || c->help)
        return status;
    const char *const *rest = argv + seen.used;
    if (action->wants && !*rest)
        return dpi_fail(&c->err, DPIPES_EINVAL, "%s is wanted", action->wants);
    if (action->wants)
        c->word = *rest++;
    /* Options may also stand behind the word. */
    if (action->wants && *rest)
        return dpi_args_parse(args, count, rest, &seen, &c->err) != DPIPES_OK ? c->err.status
               : rest[seen.used] ? fail_word(actions, rest[seen.used], &c->err)
                                 : DPIPES_OK;
    return *rest ? fail_word(actions, *rest, &c->err) : DPIPES_OK;
}

int dpi_store_command_run(const dpi_store_action *actions, const char *const *help, const char *const *argv)
{
    dpi_store_command c = DPI_STORE_COMMAND_INIT;
    const dpi_store_action *action = find_action(actions, argv[0]);
    if (parse(actions, action, argv + (action != actions), &c) != DPIPES_OK)
        return dpi_usage_error(actions->name, c.err.message);
    if (c.help) {
        dpi_help_print(help, stdout);
        return DPI_EXIT_OK;
    }
    c.store = dpipes_store_open(c.home, &c.err);
    if (!c.store)
        return dpi_fail_command(&c.err);
    const int code = action->act(&c);
    dpipes_store_close(c.store);
    return code;
}

int dpi_store_command_show(dpi_store_command *c, char *json, dpi_store_writer write)
{
    dpi_json_value value;
    if (!json)
        return dpi_fail_command(&c->err);
    dpi_output out = dpi_output_of(STDOUT_FILENO);
    dpipes_status status = DPIPES_OK;
    if (c->json) {
        dpi_buf_append_text(&out.buf, json);
        dpi_buf_append_char(&out.buf, '\n');
    } else {
        status = dpi_json_parse(json, strlen(json), DPI_JSON_ALLOW_NAN, &value, &c->err);
        if (status == DPIPES_OK)
            write(c, &value, &out);
    }
    free(json);
    if (status == DPIPES_OK)
        return dpi_put(&out);
    dpi_output_fini(&out);
    return dpi_fail_command(&c->err);
}
