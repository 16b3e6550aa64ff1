#include "support.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "run/graph.h"

static dpipes_error err;
static dpipes_graph *graph;

static void setup(void)
{
    err = (dpipes_error)DPIPES_ERROR_INIT;
    graph = NULL;
}

static void teardown(void)
{
    dpi_graph_free(graph);
}

static dpipes_graph *parse(const char *text)
{
    return dpi_graph_parse(text, strlen(text), *text == '{', "g.yaml", "/home/g", &err);
}

static void read_graph(const char *text)
{
    dpi_graph_free(graph);
    graph = parse(text);
    ck_assert_msg(graph != NULL, "%s", err.message);
}

/* Wants this message, whole. */
static void assert_refused(const char *text, const char *message)
{
    dpipes_graph *wrong = parse(text);
    ck_assert_ptr_null(wrong);
    ck_assert_int_eq(err.status, DPIPES_EINVAL);
    ck_assert_str_eq(err.message, message);
}

#define HEAD "name: g\nsteps:\n"
#define STEP HEAD "- name: a\n  entrypoint: x\n"
#define TAIL "\nsteps: [{name: a, entrypoint: x}]"

/* ---- What a file says ---- */

static const char whole[] =
    "name: nightly\n"
    "description: all of it\n"
    "launcher: {ray: {address: 'http://h:1', num_cpus: 2}}\n"
    "executor:\n"
    "  ray:\n"
    "    address: http://h:2\n"
    "    max_concurrent: 8\n"
    "    retries: {disabled: {}}\n"
    "    tag_concurrency_limits:\n"
    "    - {key: gpu, value: {applyLimitPerUniqueValue: true}, limit: 1}\n"
    "    - {key: team, value: red, limit: 3}\n"
    "    - {key: any, limit: 4}\n"
    "    inherit_job_submission_client_from_ray_run_launcher: false\n"
    "    num_gpus: 0.5\n"
    "partitions: {daily: {start: '2024-01-01', timezone: Europe/Berlin, hour_offset: 2}}\n"
    "tags: {team: red}\n"
    "steps:\n"
    "- name: train\n"
    "  description: fits\n"
    "  entrypoint: ./train ${partition_key}\n"
    "  needs: [prepare, clean]\n"
    "  assets: [model, report/html]\n"
    "  checks:\n"
    "  - {name: accurate, asset: model, blocking: true}\n"
    "  extras: {depth: 3, list: [1.50, null]}\n"
    "  code_version: '7'\n"
    "  retries: {max: 2, delay: 0.5, backoff: exponential, jitter: plus_minus}\n"
    "  timeout: 90\n"
    "  tags: {gpu: a100, dagster/priority: 3, dagster-ray/config: {num_cpus: 0, env_vars: [K]}}\n"
    "  env: {OMP_NUM_THREADS: '1'}\n"
    "  working_dir: programs\n"
    "  when: all_done\n"
    "- {name: prepare, entrypoint: ./prepare, assets: [table], checks: [rows]}\n"
    "- {name: clean, entrypoint: ./clean, needs: [prepare]}\n";

START_TEST(the_head_is_read)
{
    read_graph(whole);
    ck_assert_str_eq(graph->name, "nightly");
    ck_assert_str_eq(graph->description, "all of it");
    ck_assert_str_eq(graph->directory, "/home/g");
    ck_assert_str_eq(graph->launcher_json, "{\"address\": \"http://h:1\", \"num_cpus\": 2}");
    ck_assert_uint_eq(graph->tag_count, 1);
    ck_assert_str_eq(graph->tags[0].name, "team");
    ck_assert_str_eq(graph->tags[0].value, "red");
    ck_assert_uint_eq(graph->step_count, 3);
}
END_TEST

START_TEST(the_executor_is_read)
{
    read_graph(whole);
    const dpi_executor *executor = &graph->executor;
    ck_assert(executor->ray && !executor->inherit_launcher);
    ck_assert_uint_eq(executor->max_concurrent, 8);
    ck_assert_int_eq(executor->retries, DPI_RETRIES_DISABLED);
    ck_assert_str_eq(executor->config_json, "{\"address\": \"http://h:2\", \"num_gpus\": 0.5}");
    ck_assert_uint_eq(executor->limit_count, 3);
    ck_assert(executor->limits[0].per_unique_value && !executor->limits[0].value);
    ck_assert_str_eq(executor->limits[1].value, "red");
    ck_assert_uint_eq(executor->limits[1].limit, 3);
    ck_assert(!executor->limits[2].value && !executor->limits[2].per_unique_value);
}
END_TEST

START_TEST(a_step_is_read)
{
    read_graph(whole);
    const dpi_graph_step *step = &graph->steps[0];
    ck_assert_str_eq(step->name, "train");
    ck_assert_str_eq(step->description, "fits");
    ck_assert_str_eq(step->entrypoint, "./train ${partition_key}");
    ck_assert_uint_eq(step->need_count, 2);
    ck_assert(step->needs[0] == 1 && step->needs[1] == 2);
    ck_assert_str_eq(step->assets[1], "report/html");
    ck_assert_str_eq(step->checks[0].name, "accurate");
    ck_assert_str_eq(step->checks[0].asset, "model");
    ck_assert(step->checks[0].blocking);
    ck_assert_str_eq(step->extras_json, "{\"depth\": 3, \"list\": [1.50, null]}");
    ck_assert_str_eq(step->code_version, "7");
    ck_assert_int_eq(step->timeout_ms, 90000);
    ck_assert_str_eq(step->working_dir, "programs");
    ck_assert_int_eq(step->when, DPI_WHEN_ALL_DONE);
    ck_assert_uint_eq(step->env_count, 1);
    ck_assert_str_eq(step->env[0].value, "1");
}
END_TEST

START_TEST(a_steps_tags_and_retries_are_read)
{
    read_graph(whole);
    const dpi_graph_step *step = &graph->steps[0];
    ck_assert_uint_eq(step->retries.max, 2);
    ck_assert_int_eq(step->retries.delay_ms, 500);
    ck_assert_int_eq(step->retries.backoff, DPI_BACKOFF_EXPONENTIAL);
    ck_assert_int_eq(step->retries.jitter, DPI_JITTER_PLUS_MINUS);
    ck_assert_uint_eq(step->tag_count, 2);
    ck_assert_str_eq(step->tags[1].name, "dagster/priority");
    ck_assert_str_eq(step->tags[1].value, "3");
    ck_assert_int_eq(step->priority, 3);
    ck_assert_str_eq(step->config_json, "{\"num_cpus\": 0, \"env_vars\": [\"K\"]}");
}
END_TEST

START_TEST(what_is_not_said_has_its_default)
{
    read_graph(STEP "  assets: [t]\n  checks: [c]\n  retries: {}\n");
    const dpi_graph_step *step = &graph->steps[0];
    ck_assert(!graph->executor.ray && !graph->launcher_json && !graph->description && !graph->path);
    ck_assert_int_eq(graph->partitions.kind, DPI_PARTITIONS_NONE);
    ck_assert_str_eq(step->checks[0].asset, "t");
    ck_assert(!step->checks[0].blocking && !step->extras_json && !step->config_json && !step->code_version);
    ck_assert_uint_eq(step->retries.max, 1); /* RetryPolicy() */
    ck_assert_int_eq(step->when, DPI_WHEN_ALL_SUCCESS);
}
END_TEST

START_TEST(partitions_are_read)
{
    read_graph(whole);
    ck_assert_int_eq(graph->partitions.kind, DPI_PARTITIONS_DAILY);
    ck_assert_str_eq(graph->partitions.start, "2024-01-01");
    ck_assert_str_eq(graph->partitions.time_zone, "Europe/Berlin");
    ck_assert_str_eq(graph->partitions.format, "%Y-%m-%d");
    ck_assert_int_eq(graph->partitions.hour_offset, 2);
    read_graph("name: g\npartitions: [de, fr]" TAIL);
    ck_assert_int_eq(graph->partitions.kind, DPI_PARTITIONS_STATIC);
    ck_assert_str_eq(graph->partitions.keys[1], "fr");
    read_graph(
        "name: g\npartitions: {multi: {where: [de], day: {hourly: {start: '2024-01-01-00:00', end_offset: -1}}}}" TAIL);
    ck_assert_int_eq(graph->partitions.kind, DPI_PARTITIONS_MULTI);
    ck_assert_str_eq(graph->partitions.dimension_names[0], "day");
    ck_assert_int_eq(graph->partitions.dimensions[0].kind, DPI_PARTITIONS_HOURLY);
    ck_assert_str_eq(graph->partitions.dimensions[0].format, "%Y-%m-%d-%H:%M");
    ck_assert_int_eq(graph->partitions.dimensions[0].end_offset, -1);
    ck_assert_str_eq(graph->partitions.dimensions[1].keys[0], "de");
}
END_TEST

START_TEST(the_launcher_may_be_flat_and_what_is_under_ray_wins)
{
    read_graph("name: g\nlauncher: {address: a, timeout: 1800, ray: {address: b}}" TAIL);
    ck_assert_str_eq(graph->launcher_json, "{\"timeout\": 1800, \"address\": \"b\"}");
    read_graph("name: g\nlauncher: ray" TAIL);
    ck_assert_str_eq(graph->launcher_json, "{}");
}
END_TEST

START_TEST(the_same_as_json)
{
    read_graph("{\"name\": \"g\\u00e9\\ud83d\\ude00\\/\", \"steps\": [{\"name\": \"a\", \"entrypoint\": \"x\"}]}");
    ck_assert_str_eq(graph->name, "g\xC3\xA9\xF0\x9F\x98\x80/");
    read_graph(whole);
    dpipes_graph *again = parse(graph->json);
    ck_assert_msg(again != NULL, "%s", err.message);
    ck_assert_str_eq(again->json, graph->json);
    ck_assert_str_eq(again->steps[0].config_json, graph->steps[0].config_json);
    dpi_graph_free(again);
}
END_TEST

/* ---- Order and names ---- */

static void assert_order(const char *wanted)
{
    char order[64] = "";
    for (size_t i = 0; i < graph->step_count; i++)
        strcat(order, graph->steps[graph->order[i]].name);
    ck_assert_str_eq(order, wanted);
}

START_TEST(each_step_stands_behind_what_it_needs)
{
    read_graph(HEAD "- {name: a, entrypoint: x}\n- {name: b, entrypoint: x}\n");
    assert_order("ab");
    read_graph(HEAD "- {name: a, entrypoint: x, needs: [c, b]}\n- {name: b, entrypoint: x, needs: [d]}\n"
                    "- {name: c, entrypoint: x}\n- {name: d, entrypoint: x, needs: [c]}\n");
    assert_order("cdba");
}
END_TEST

START_TEST(steps_and_assets_are_found)
{
    read_graph(whole);
    ck_assert_uint_eq(dpi_graph_find(graph, "clean"), 2);
    ck_assert_uint_eq(dpi_graph_find(graph, "cleaner"), SIZE_MAX);
    ck_assert_uint_eq(dpi_graph_find_asset(graph, "report/html"), 0);
    ck_assert_uint_eq(dpi_graph_find_asset(graph, "report"), SIZE_MAX);
}
END_TEST

START_TEST(a_chain_of_all_the_steps_there_may_be)
{
    dpi_buf text = {0};
    const size_t count = DPI_GRAPH_STEPS_MAX;
    dpi_buf_append_literal(&text, "{\"name\": \"g\", \"steps\": [");
    for (size_t i = 0; i < count; i++)
        dpi_buf_printf(
            &text, "%s{\"name\": \"s%zu\", \"entrypoint\": \"x\", \"assets\": [\"%zu\"], \"needs\": [%s%.0zu%s]}",
            i > 0 ? ", " : "", i, i, i + 1 < count ? "\"s" : "", i + 1 < count ? i + 1 : 0, i + 1 < count ? "\"" : "");
    dpi_buf_append_literal(&text, "]}");
    read_graph(dpi_buf_text(&text));
    ck_assert_uint_eq(graph->order[0], count - 1);
    ck_assert_uint_eq(graph->order[count - 1], 0);
    ck_assert_uint_eq(dpi_graph_find_asset(graph, "77777"), 77777);
    dpi_buf_fini(&text);
}
END_TEST

START_TEST(hostile_names_are_names)
{
    read_graph(HEAD "- {name: \"a b'$(x);\\\"<&/\", entrypoint: x}\n- {name: ../../b, entrypoint: x}\n");
    ck_assert_str_eq(graph->steps[0].name, "a b'$(x);\"<&/");
    ck_assert_uint_eq(dpi_graph_find(graph, "../../b"), 1);
}
END_TEST

/* ---- Errors ---- */

START_TEST(an_unknown_key_is_named_with_the_nearest)
{
    assert_refused(HEAD "- name: a\n  entrypont: x\n",
                   "g.yaml:4:3: steps[0].entrypont: is no key; is it `entrypoint`?");
    assert_refused("name: g\nzzz: 1\n", "g.yaml:2:1: zzz: is no key");
    assert_refused(STEP "  retries: {mx: 1}\n", "g.yaml:5:13: steps[0].retries.mx: is no key; is it `max`?");
    assert_refused("name: g\nexecutor: {ray: {num_cpu: 1}}" TAIL,
                   "g.yaml:2:18: executor.ray.num_cpu: is no key; is it `num_cpus`?");
    assert_refused("name: g\nexecutor: {in_process: {num_cpus: 1}}" TAIL,
                   "g.yaml:2:25: executor.in_process.num_cpus: is no key");
    assert_refused(STEP "  tags:\n    dagster-ray/config: {addres: x}\n",
                   "g.yaml:6:26: steps[0].tags.dagster-ray/config.addres: is no key");
    assert_refused("{\n \"name\": \"g\",\n  \"step\": []}", "g.yaml:3:3: step: is no key; is it `steps`?");
}
END_TEST

START_TEST(a_wrong_type_says_what_is_there_and_what_is_wanted)
{
    assert_refused(STEP "  needs: b\n", "g.yaml:5:10: steps[0].needs: wants a list, not the text `b`");
    assert_refused(STEP "  timeout: soon\n",
                   "g.yaml:5:12: steps[0].timeout: wants seconds, from 0.001 on, not the text `soon`");
    assert_refused(STEP "  timeout: 0\n",
                   "g.yaml:5:12: steps[0].timeout: wants seconds, from 0.001 on, not the number 0");
    assert_refused(STEP "  code_version: 1.0\n",
                   "g.yaml:5:17: steps[0].code_version: wants a text: put it in quotes, not the number 1.0");
    assert_refused(STEP "  extras: [1]\n", "g.yaml:5:11: steps[0].extras: wants an object, not a list");
    assert_refused(STEP "  env:\n", "g.yaml:5:7: steps[0].env: wants an object, and there is nothing");
    assert_refused(STEP "  retries: {max: 1.5}\n",
                   "g.yaml:5:18: steps[0].retries.max: wants a whole number from 0 to 10000, not the number 1.5");
    assert_refused("[]", "g.yaml:1:1: wants an object, not a list");
    assert_refused("name: g\nexecutor: {ray: {num_cpus: x}}" TAIL,
                   "g.yaml:2:28: executor.ray.num_cpus: wants a number from 0 on, not this string");
    assert_refused(STEP "  when: all_succes\n",
                   "g.yaml:5:9: steps[0].when: `all_succes` is none of its words; is it `all_success`?");
    assert_refused("name: g\nexecutor: kube" TAIL,
                   "g.yaml:2:11: executor: `kube` is none of its words, `in_process` and `ray`");
}
END_TEST

START_TEST(what_is_missing_is_named)
{
    assert_refused("steps: []\n", "g.yaml:1:1: `name` is missing");
    assert_refused("name: g\n", "g.yaml:1:1: `steps` is missing");
    assert_refused("name: g\nsteps: []\n", "g.yaml:2:8: steps: wants 1 to 100000 steps, and has 0");
    assert_refused(HEAD "- entrypoint: x\n", "g.yaml:3:3: steps[0]: `name` is missing");
    assert_refused(HEAD "- name: x\n", "g.yaml:3:3: steps[0]: `entrypoint` is missing");
    assert_refused("", "g.yaml:1:1: wants an object, and there is nothing");
}
END_TEST

START_TEST(names_are_there_once)
{
    assert_refused(STEP "- name: b\n  entrypoint: x\n- name: a\n  entrypoint: x\n",
                   "g.yaml:7:9: steps[2].name: there is a step `a` already, steps[0]");
    assert_refused(STEP "  assets: [t, u]\n- {name: b, entrypoint: x, assets: [v, t]}\n",
                   "g.yaml:6:40: steps[1].assets[1]: the asset `t` is made by step `a` already");
    assert_refused(STEP "  assets: [t, t]\n",
                   "g.yaml:5:15: steps[0].assets[1]: the asset `t` is made by step `a` already");
    assert_refused(STEP "  name: b\n", "g.yaml:5:3: `name` is there twice");
    assert_refused(STEP "  assets: [t]\n  checks: [c, {name: c}]\n",
                   "g.yaml:6:11: steps[0].checks: the check `c` is there twice");
}
END_TEST

START_TEST(a_need_that_is_not_there_is_named_with_the_nearest)
{
    assert_refused(STEP "- {name: train, entrypoint: x, needs: [a, trian]}\n",
                   "g.yaml:5:43: steps[1].needs[1]: there is no step `trian`; is it `train`?");
    assert_refused(STEP "  needs: [zzzzzz]\n", "g.yaml:5:11: steps[0].needs[0]: there is no step `zzzzzz`");
    assert_refused(STEP "- {name: b, entrypoint: x, needs: [a, a]}\n",
                   "g.yaml:5:39: steps[1].needs[1]: `a` is there twice");
}
END_TEST

START_TEST(a_cycle_is_shown)
{
    assert_refused(STEP "  needs: [a]\n", "g.yaml:5:10: steps[0].needs: cycle: a → a");
    assert_refused(HEAD "- {name: a, entrypoint: x, needs: [c]}\n- {name: b, entrypoint: x, needs: [a]}\n"
                        "- {name: c, entrypoint: x, needs: [b]}\n",
                   "g.yaml:3:35: steps[0].needs: cycle: a → b → c → a");
}
END_TEST

START_TEST(a_check_is_of_an_asset_of_the_step)
{
    assert_refused(STEP "  checks: [c]\n",
                   "g.yaml:5:12: steps[0].checks[0]: `asset` is missing: the step has 0 assets");
    assert_refused(STEP "  assets: [t, u]\n  checks: [c]\n",
                   "g.yaml:6:12: steps[0].checks[0]: `asset` is missing: the step has 2 assets");
    assert_refused(STEP "  assets: [table]\n  checks: [{name: c, asset: tabel}]\n",
                   "g.yaml:6:29: steps[0].checks[0].asset: the step has no asset `tabel`; is it `table`?");
}
END_TEST

START_TEST(impossible_partitions)
{
    assert_refused("name: g\npartitions: []" TAIL, "g.yaml:2:13: partitions: keys: there must be one at least");
    assert_refused("name: g\npartitions: {static: [a, b, a]}" TAIL,
                   "g.yaml:2:13: partitions: keys: `a` is there twice");
    assert_refused("name: g\npartitions: {daily: {}}" TAIL, "g.yaml:2:21: partitions.daily: `start` is missing");
    assert_refused("name: g\npartitions: {multi: {a: [x]}}" TAIL,
                   "g.yaml:2:13: partitions: dimensions: there are 1, and must be 2");
    assert_refused("name: g\npartitions: {multi: {a: [x], b: {multi: {}}}}" TAIL,
                   "g.yaml:2:34: partitions.multi.b.multi: is no key");
    assert_refused("name: g\npartitions: {hourly: {start: x, hour_offset: 1}}" TAIL,
                   "g.yaml:2:33: partitions.hourly.hour_offset: is no key; is it `end_offset`?");
    assert_refused("name: g\npartitions: {static: [a], daily: {start: x}}" TAIL,
                   "g.yaml:2:13: partitions: wants one of static, daily, hourly and multi");
    assert_refused("name: g\npartitions: {daily: {start: soon}}" TAIL,
                   "g.yaml:2:13: partitions: start: `soon` is no date by the format `%Y-%m-%d`");
}
END_TEST

START_TEST(names_have_limits)
{
    assert_refused(HEAD "- {name: \"a\\nb\", entrypoint: x}\n",
                   "g.yaml:3:10: steps[0].name: the name has a control character, U+000A");
    assert_refused(HEAD "- {name: \"a\\u0085b\", entrypoint: x}\n",
                   "g.yaml:3:10: steps[0].name: the name has a control character, U+0085");
    assert_refused(HEAD "- {name: \"a\\0b\", entrypoint: x}\n", "g.yaml:3:10: steps[0].name: the text has a NUL in it");
    assert_refused(HEAD "- {name: '', entrypoint: x}\n",
                   "g.yaml:3:10: steps[0].name: a name has 1 to 200 bytes, and this has 0");
    char text[512];
    snprintf(text, sizeof text, HEAD "- {name: 'n%0200d', entrypoint: x}\n", 1);
    ck_assert_ptr_null(parse(text));
    ck_assert_ptr_nonnull(strstr(err.message, "a name has 1 to 200 bytes, and this has 201"));
    snprintf(text, sizeof text, HEAD "- {name: 'n%0199d', entrypoint: x}\n", 1);
    read_graph(text);
}
END_TEST

START_TEST(wrong_json_and_yaml_have_their_place)
{
    assert_refused("{\n \"name\": \"g\",\n \"x\": tru}", "g.yaml:3:7: not JSON at byte 22: an unknown word");
    assert_refused("{}\n é", "g.yaml:2:2: not JSON at byte 4: something follows the value");
    ck_assert_ptr_null(parse("name: [\n"));
    ck_assert_ptr_nonnull(strstr(err.message, "g.yaml:2:1: "));
    ck_assert_ptr_null(parse("name: 2024-01-01\n"));
    ck_assert_ptr_nonnull(strstr(err.message, "g.yaml:1:7: `2024-01-01` is a date"));
    ck_assert_ptr_null(parse("name: g\nx: \xff\n"));
    ck_assert_ptr_nonnull(strstr(err.message, "g.yaml:2:4: "));
}
END_TEST

START_TEST(errors_show_no_control_characters)
{
    assert_refused("name: g\n\"\\e[31mred\": 1" TAIL, "g.yaml:2:1: ?[31mred: is no key");
}
END_TEST

/* ---- `${…}` ---- */

#define NEEDING STEP "- {name: b.c, entrypoint: x}\n- name: d\n  needs: [a, b.c]\n  entrypoint: "

START_TEST(names_that_there_will_be_are_good)
{
    read_graph(NEEDING "x ${run_id} ${upstream.a.k} ${upstream.b.c.key.with.dots} $${nothing}\n");
    read_graph("name: g\npartitions: [p]\nsteps: [{name: a, entrypoint: 'x ${partition_key}'}]");
    read_graph(STEP "  extras: {'${key}': [1, {env: '${run_id}', a: \"\\0${\"}]}\n  code_version: ${free}\n");
}
END_TEST

START_TEST(a_name_that_will_not_be_has_its_place)
{
    assert_refused(NEEDING "'${run_di}'\n",
                   "g.yaml:8:15: steps[2].entrypoint: `${run_di}`: is no name; is it `run_id`?");
    assert_refused(STEP "  env: {A: '${partition_key}'}\n",
                   "g.yaml:5:12: steps[0].env.A: `${partition_key}`: the graph has no partitions");
    assert_refused(STEP "  extras: {e: [1, '${HOME}']}\n",
                   "g.yaml:5:19: steps[0].extras.e[1]: `${HOME}`: is no name: there are run_id, partition_key and "
                   "upstream.STEP.KEY; a `${` that is to stay is written `$${`");
    assert_refused(NEEDING "${upstream\n",
                   "g.yaml:8:15: steps[2].entrypoint: `${upstream` is no `${NAME}`; a `${` that "
                   "is to stay is written `$${`");
}
END_TEST

START_TEST(an_upstream_name_is_of_a_need)
{
    assert_refused(NEEDING "${upstream.a}\n",
                   "g.yaml:8:15: steps[2].entrypoint: `${upstream.a}`: wants the form upstream.STEP.KEY");
    assert_refused(NEEDING "${upstream.b.c.}\n", "g.yaml:8:15: steps[2].entrypoint: `${upstream.b.c.}`: which of what "
                                                 "`b.c` has reported is wanted");
    assert_refused(NEEDING "${upstream.d.k}\n",
                   "g.yaml:8:15: steps[2].entrypoint: `${upstream.d.k}`: the step `d` is not "
                   "among this one's `needs`");
    assert_refused(HEAD
                   "- {name: train, entrypoint: x}\n- {name: b, needs: [train], entrypoint: '${upstream.trian.k}'}\n",
                   "g.yaml:4:41: steps[1].entrypoint: `${upstream.trian.k}`: there is no step `trian`; is it `train`?");
    assert_refused(STEP "  env: {A: '${upstream.other.k}'}\n",
                   "g.yaml:5:12: steps[0].env.A: `${upstream.other.k}`: there is no step `other`");
}
END_TEST

START_TEST(nothing_in_a_variables_text_is_interpolated)
{
    setenv("DPI_T_DOLLARS", "${run_id} $${x} \"${", 1);
    read_graph(HEAD "- name: a\n  entrypoint: {env: DPI_T_DOLLARS}\n  env: {A: {env: DPI_T_DOLLARS}}\n"
                    "  extras: {e: {env: DPI_T_DOLLARS}}\n  working_dir: {env: DPI_T_DOLLARS}\n");
    ck_assert_str_eq(graph->steps[0].entrypoint, "$${run_id} $$${x} \"$${");
    ck_assert_str_eq(graph->steps[0].env[0].value, "$${run_id} $$${x} \"$${");
    ck_assert_str_eq(graph->steps[0].extras_json, "{\"e\": \"$${run_id} $$${x} \\\"$${\"}");
    ck_assert_str_eq(graph->steps[0].working_dir, "${run_id} $${x} \"${");
}
END_TEST

/* ---- Variables ---- */

START_TEST(a_variable_stands_for_a_text_a_number_or_a_flag)
{
    setenv("DPI_T_TEXT", "5", 1);
    setenv("DPI_T_FLAG", "yes", 1);
    read_graph("name: {env: DPI_T_TEXT}\n"
               "executor: {ray: {address: {env: DPI_T_TEXT}, num_cpus: {env: DPI_T_TEXT}, verify: {env: DPI_T_FLAG},\n"
               "  resources: {a: {env: DPI_T_TEXT}}, runtime_env: {pip: [{env: DPI_T_TEXT}]}}}\n"
               "steps:\n- {name: a, entrypoint: {env: DPI_T_TEXT}, timeout: {env: DPI_T_TEXT}, assets: [t],\n"
               "   checks: [{name: c, blocking: {env: DPI_T_FLAG}}], extras: {env: x},\n"
               "   env: {A: {env: DPI_T_TEXT}, env: x}}\n");
    ck_assert_str_eq(graph->name, "5");
    ck_assert_str_eq(graph->executor.config_json,
                     "{\"address\": \"5\", \"num_cpus\": 5, \"verify\": true, \"resources\": {\"a\": 5}, "
                     "\"runtime_env\": {\"pip\": [\"5\"]}}");
    ck_assert_int_eq(graph->steps[0].timeout_ms, 5000);
    ck_assert(graph->steps[0].checks[0].blocking);
    ck_assert_str_eq(graph->steps[0].env[0].value, "5");
    ck_assert_str_eq(graph->steps[0].env[1].value, "x");
    ck_assert_str_eq(graph->steps[0].extras_json, "{\"env\": \"x\"}"); /* where only an object may stand */
    read_graph(STEP "  extras: {deep: [{env: DPI_T_TEXT}]}\n");
    ck_assert_str_eq(graph->steps[0].extras_json, "{\"deep\": [\"5\"]}");
}
END_TEST

START_TEST(an_unset_variable_is_named_with_its_key)
{
    unsetenv("DPI_T_NONE");
    assert_refused("name: g\nlauncher: {address: {env: DPI_T_NONE}}" TAIL,
                   "g.yaml:2:21: launcher.address: the environment variable `DPI_T_NONE` is not set");
    assert_refused(STEP "  extras: {a: [{env: DPI_T_NONE}]}\n",
                   "g.yaml:5:16: steps[0].extras.a[0]: the environment variable `DPI_T_NONE` is not set");
}
END_TEST

START_TEST(a_variables_text_is_in_no_error_and_not_in_the_json)
{
    setenv("DPI_T_SECRET", "hunter2", 1);
    const char *wrong[] = {
        STEP "  timeout: {env: DPI_T_SECRET}\n",
        STEP "  when: {env: DPI_T_SECRET}\n",
        STEP "  retries: {max: {env: DPI_T_SECRET}}\n",
        "name: g\nexecutor: {env: DPI_T_SECRET}" TAIL,
        "name: g\nexecutor: {ray: {num_cpus: {env: DPI_T_SECRET}}}" TAIL,
        STEP "  tags: {dagster-ray/config: {env: DPI_T_SECRET}}\n",
    };
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        ck_assert_ptr_null(parse(wrong[i]));
        ck_assert_msg(!strstr(err.message, "hunter2"), "%s", err.message);
    }
    read_graph("name: g\nlauncher: {headers: {Authorization: {env: DPI_T_SECRET}}}" TAIL);
    ck_assert_str_eq(graph->launcher_json, "{\"headers\": {\"Authorization\": \"hunter2\"}}");
    ck_assert_ptr_null(strstr(graph->json, "hunter2"));
    ck_assert_ptr_nonnull(strstr(graph->json, "{\"env\": \"DPI_T_SECRET\"}"));
}
END_TEST

START_TEST(the_config_tag_may_be_a_text)
{
    read_graph(STEP "  tags: {dagster-ray/config: '{\"num_cpus\": 2}'}\n");
    ck_assert_str_eq(graph->steps[0].config_json, "{\"num_cpus\": 2}");
    assert_refused(STEP "  tags: {dagster-ray/config: '{\"num_cpu\": 2}'}\n",
                   "g.yaml:5:30: steps[0].tags.dagster-ray/config.num_cpu: is no key; is it `num_cpus`?");
}
END_TEST

/* ---- Files ---- */

START_TEST(a_file_has_its_path_and_directory)
{
    char directory[] = "/tmp/dpi_graph_XXXXXX", path[64];
    ck_assert_ptr_nonnull(mkdtemp(directory));
    snprintf(path, sizeof path, "%s/g.json", directory);
    FILE *file = fopen(path, "w");
    ck_assert_ptr_nonnull(file);
    fputs("{\"name\": \"g\", \"steps\": [{\"name\": \"a\", \"entrypoint\": \"x\"}]}", file);
    fclose(file);
    graph = dpi_graph_load(path, &err);
    remove(path);
    remove(directory);
    ck_assert_msg(graph != NULL, "%s", err.message);
    ck_assert_str_eq(graph->path, path);
    ck_assert_str_eq(graph->directory, directory);
    ck_assert_ptr_null(dpi_graph_load(path, &err));
    ck_assert_int_eq(err.status, DPIPES_ENOENT);
    ck_assert_int_eq(strncmp(err.message, path, strlen(path)), 0);
}
END_TEST

/* ---- Anything at all ---- */

static void read_anything(const char *text, size_t size)
{
    for (int is_json = 0; is_json < 2; is_json++) {
        err = (dpipes_error)DPIPES_ERROR_INIT;
        dpipes_graph *any = dpi_graph_parse(text, size, is_json, "g", "/", &err);
        ck_assert_msg(any ? err.status == DPIPES_OK : err.status == DPIPES_EINVAL && strncmp(err.message, "g:", 2) == 0,
                      "%s: %s", dpipes_status_name(err.status), err.message);
        dpi_graph_free(any);
    }
}

START_TEST(every_beginning_of_a_file_is_read_or_refused)
{
    read_graph(whole);
    const char *texts[] = {whole, graph->json};
    for (size_t t = 0; t < 2; t++)
        for (size_t size = 0; size <= strlen(texts[t]); size++) {
            char *copy = malloc(size + 1);
            ck_assert_ptr_nonnull(copy);
            memcpy(copy, texts[t], size);
            copy[size] = '\0';
            read_anything(copy, size);
            free(copy);
        }
}
END_TEST

START_TEST(changed_bytes_are_read_or_refused)
{
    unsigned state = 1;
    read_graph(whole);
    const char *texts[] = {whole, graph->json};
    for (unsigned round = 0; round < 6000; round++) {
        const size_t size = strlen(texts[round % 2]);
        char *copy = strdup(texts[round % 2]);
        ck_assert_ptr_nonnull(copy);
        for (unsigned n = 0; n <= round % 3; n++) {
            state = state * 1664525u + 1013904223u;
            const size_t at = (state >> 8) % size;
            state = state * 1664525u + 1013904223u;
            copy[at] = (char)(n % 2 ? "{}[]:,-\"'&*!\n \\"[(state >> 8) % 15] : copy[at] ^ (1 << (state >> 8) % 8));
        }
        read_anything(copy, size);
        free(copy);
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("graph");
    TCase *tc = tcase_create("reading");
    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_add_test(tc, the_head_is_read);
    tcase_add_test(tc, the_executor_is_read);
    tcase_add_test(tc, a_step_is_read);
    tcase_add_test(tc, a_steps_tags_and_retries_are_read);
    tcase_add_test(tc, what_is_not_said_has_its_default);
    tcase_add_test(tc, partitions_are_read);
    tcase_add_test(tc, the_launcher_may_be_flat_and_what_is_under_ray_wins);
    tcase_add_test(tc, the_same_as_json);
    tcase_add_test(tc, each_step_stands_behind_what_it_needs);
    tcase_add_test(tc, steps_and_assets_are_found);
    tcase_add_test(tc, hostile_names_are_names);
    tcase_add_test(tc, a_variable_stands_for_a_text_a_number_or_a_flag);
    tcase_add_test(tc, the_config_tag_may_be_a_text);
    tcase_add_test(tc, a_file_has_its_path_and_directory);
    suite_add_tcase(suite, tc);
    tc = tcase_create("errors");
    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_add_test(tc, an_unknown_key_is_named_with_the_nearest);
    tcase_add_test(tc, a_wrong_type_says_what_is_there_and_what_is_wanted);
    tcase_add_test(tc, what_is_missing_is_named);
    tcase_add_test(tc, names_are_there_once);
    tcase_add_test(tc, a_need_that_is_not_there_is_named_with_the_nearest);
    tcase_add_test(tc, a_cycle_is_shown);
    tcase_add_test(tc, a_check_is_of_an_asset_of_the_step);
    tcase_add_test(tc, impossible_partitions);
    tcase_add_test(tc, names_have_limits);
    tcase_add_test(tc, wrong_json_and_yaml_have_their_place);
    tcase_add_test(tc, errors_show_no_control_characters);
    tcase_add_test(tc, names_that_there_will_be_are_good);
    tcase_add_test(tc, a_name_that_will_not_be_has_its_place);
    tcase_add_test(tc, an_upstream_name_is_of_a_need);
    tcase_add_test(tc, nothing_in_a_variables_text_is_interpolated);
    tcase_add_test(tc, an_unset_variable_is_named_with_its_key);
    tcase_add_test(tc, a_variables_text_is_in_no_error_and_not_in_the_json);
    suite_add_tcase(suite, tc);
    tc = tcase_create("anything");
    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_set_timeout(tc, 100);
    tcase_add_test(tc, a_chain_of_all_the_steps_there_may_be);
    tcase_add_test(tc, every_beginning_of_a_file_is_read_or_refused);
    tcase_add_test(tc, changed_bytes_are_read_or_refused);
    suite_add_tcase(suite, tc);
    return run_suite(suite);
}
