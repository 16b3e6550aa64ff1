#include "help.h"

#define DPI_HELP_CONNECTION                                                                                            \
    "The connection:\n"                                                                                                \
    "  --token-file FILE  the dashboard's token (that of the LocalRay there; else by Ray's own rules)\n"               \
    "  --header NAME=VALUE, --cookie NAME=VALUE\n"                                                                     \
    "                     sent with every request; may be repeated\n"                                                  \
    "  --ca-file FILE     the certificates that an https dashboard's is checked with (the system's), PEM\n"            \
    "  --client-cert FILE, --client-key FILE\n"                                                                        \
    "                     the certificate that is shown to it, and its key, PEM\n"                                     \
    "  --insecure         its certificate is not checked\n"                                                            \
    "  --poll-interval S  the longest pause between two looks at a job's status (1)\n"                                 \
    "  --give-up-after S  how long the dashboard may be out of reach (60)\n"                                           \
    "  --lost-after S     how long a job's node may be out of reach before the job counts as lost (60)\n"              \
    "  --profile NAME     of the configuration file: see `dpipes config --help`\n"                                     \
    "  A proxy is taken from curl's variables (https_proxy, no_proxy), but for this machine.\n"                        \
    "\n"

const char *const dpi_help_dpipes[] = {
    "Usage: dpipes COMMAND [OPTIONS]\n"
    "       dpipes COMMAND --help\n"
    "       dpipes --help | --version\n"
    "\n"
    "Runs programs that speak Dagster Pipes, here or as Ray jobs.\n"
    "\n"
    "Example:\n"
    "  dpipes run --local --asset model --extra num_folds=5 -- ./trainer\n"
    "\n",
    NULL,
};

const char *const dpi_help_run[] = {
    "Usage: dpipes run [--local | --local-ray | --address URL] [OPTIONS] -- COMMAND…\n"
    "       dpipes attach [--address URL] [OPTIONS] ID\n"
    "\n"
    "Runs COMMAND as a step, and shows what it prints, logs and reports, as it comes.\n"
    "\n"
    "Where:\n"
    "  --local            a child process of this one; no Ray\n"
    "  --local-ray        a Ray job on a Ray of its own on this machine, which is started for it and ends with it\n"
    "  --address URL      a Ray job on a running cluster: the address of its dashboard, such as http://127.0.0.1:8265\n"
    "  Without one of them: the address in DPIPES_ADDRESS, RAY_API_SERVER_ADDRESS or RAY_ADDRESS; else `auto`: the "
    "cluster\n"
    "  of `dpipes local up`, the newest where there are several, or a dashboard at 127.0.0.1, port 8265 to 8268.\n"
    "\n"
    "What the program is told:\n"
    "  --asset KEY        an asset that the step is to materialize; parts are joined by `/`; may be repeated\n"
    "  --extra KEY=JSON   an extra; text needs quotes: --extra 'name=\"text\"'; may be repeated\n"
    "  --partition-key K  the partition\n"
    "  --run-id ID        the run (a new UUID)\n"
    "  --job-name NAME    the job of the run (none)\n"
    "  --code-version V   the code version of the assets\n"
    "\n"
    "The Ray job:\n"
    "  --num-cpus N, --num-gpus N, --memory SIZE, --resource NAME=N\n"
    "                     what Ray reserves for the command (Ray's entrypoint_num_cpus and so on); SIZE is in bytes, "
    "or\n"
    "                     as 64MiB, 2GiB; --resource may be repeated, as the next four\n"
    "  --label NAME=VALUE\n"
    "                     the node's label that is wanted (Ray's entrypoint_label_selector)\n"
    "  --env NAME=VALUE   a variable of the command's environment, which Ray shows to all who may list its jobs\n"
    "  --metadata NAME=VALUE\n"
    "                     metadata of the Ray job\n"
    "  --runtime-env JSON\n"
    "                     Ray's runtime_env, one JSON object; or @FILE, a file with it, in YAML or JSON\n"
    "  --working-dir DIR  the directory is sent to the cluster, and the command starts there; also an archive or a "
    "URI\n"
    "  --ship FILE        a file that is sent to the cluster, to the top of that directory; may be repeated\n"
    "  --submission-id ID\n"
    "                     Ray's name for the job (`pipes-` and ten letters)\n"
    "  --pending-timeout S\n"
    "                     stops a job that is PENDING for so long\n"
    "  --message-channel log|file\n"
    "                     messages come by the job's log (log), or by a file, for a cluster on this machine\n"
    "  --message-file PATH\n"
    "                     messages come by this file, on a filesystem that the job sees too; also of `attach`, for "
    "a\n"
    "                     job that sends them so\n"
    "  --context-file PATH\n"
    "                     the context is written there, on a filesystem that the job sees too: for one that is too "
    "large\n"
    "                     for an environment\n"
    "  --detach           leaves once Ray has the job; its ID alone is on stdout\n"
    "  --no-forward-termination\n"
    "                     Ctrl-C leaves the job running\n"
    "\n",
    "How:\n"
    "  --timeout S        stops the command after so many seconds, counted from its start or submission\n"
    "  --json             one JSON object an event on stdout; the text for people goes to stderr\n"
    "  --color auto|always|never\n"
    "                     colours (auto: on a terminal, unless NO_COLOR is set or TERM is `dumb`)\n"
    "  --attach ID        runs nothing: follows the job, as `dpipes attach` does\n"
    "  --offset N         of it: begins after the first N bytes of what messages come by, an event's `offset`\n"
    "\n" DPI_HELP_CONNECTION
    "As a Ray job the words of COMMAND are quoted and run by `exec`; a first word that is the relative path of a "
    "program\n"
    "is made absolute when the cluster is on this machine. For more than one command: -- sh -c 'cd /data && "
    "./trainer'\n"
    "On a terminal a line below the output shows how the run stands, and a bar how far the program is, when it "
    "reports\n"
    "custom messages {\"progress\": 0.4, \"label\": \"fold 2\"} (`label` may be left out), which are not printed "
    "then. Of\n"
    "what the program prints there, colours pass and end with their line; other escape sequences and control\n"
    "characters are left out.\n"
    "Ctrl-C stops the command, and the Ray that was started for it; a second one leaves at once.\n"
    "\n",
    "Exit code:\n"
    "  0    the program has succeeded, also when a check has failed; or was left running, with --detach\n"
    "  1    it has failed, or somebody else has stopped it\n"
    "  2    an option or the command is wrong\n"
    "  3    Ray could not be reached or started, refused the job, or lost it\n"
    "  4    the timeout has passed\n"
    "  130  Ctrl-C, SIGTERM or SIGHUP\n"
    "\n"
    "Events of --json, by their member `event`; of a Ray job each has `offset`, the bytes of its log that are done "
    "with it:\n"
    "  output           stream (\"stdout\", \"stderr\", or null where it is unknown), text: a line of the program's "
    "own\n"
    "  opened           extras\n"
    "  log              level, message\n"
    "  materialization  asset_key, data_version, metadata: {KEY: {\"raw_value\": …, \"type\": …}} or null\n"
    "  check            asset_key, check_name, passed, severity (\"WARN\", \"ERROR\"), metadata\n"
    "  custom           payload\n"
    "  external_stream  stream, text\n"
    "  closed           exception: {\"message\", \"stack\", \"name\", \"cause\", \"context\"} or null\n"
    "  warning          message: something that dpipes noticed\n"
    "  result           the last: status (\"SUCCEEDED\", \"FAILED\", \"STOPPED\", \"TIMED_OUT\", \"CANCELED\", "
    "\"ERROR\"),\n"
    "                   exit_code, signal, error {status, message}, messages (their number), results [{kind, …}] with\n"
    "                   the launch metadata added, times {total_ms, ray_start_ms, job_start_ms, run_ms},\n"
    "                   ray {address, submission_id, status, outcome, error_type, message, submitted_ms, start_ms, "
    "end_ms,\n"
    "                   log_bytes, reconnects}; null where there is none\n"
    "  metadata, extras and payload are JSON as the program wrote it; Python writes NaN and Infinity in it.\n"
    "\n"
    "Example:\n"
    "  dpipes run --local-ray --asset model --extra num_folds=5 --extra 'note=\"first try\"' -- ./trainer\n",
    NULL,
};

const char *const dpi_help_jobs[] = {
    "Usage: dpipes jobs [--status STATUS] [--json] [CONNECTION]\n"
    "       dpipes status [--json] [CONNECTION] ID\n"
    "       dpipes logs [-f] [CONNECTION] ID\n"
    "       dpipes stop [--grace S] [CONNECTION] ID\n"
    "       dpipes delete [CONNECTION] ID\n"
    "\n"
    "The jobs of a Ray, whoever submitted them. ID is a job's submission ID.\n"
    "\n"
    "  jobs    all of them, the newest first; with a STATUS those that are PENDING, RUNNING, STOPPED, SUCCEEDED or "
    "FAILED\n"
    "  status  one of them\n"
    "  logs    the bytes of its log, as they are\n"
    "  stop    asks it to stop\n"
    "  delete  forgets a job that has ended\n"
    "\n"
    "Options:\n"
    "  --status STATUS    of `jobs`: only these\n"
    "  -f, --follow       of `logs`: until the job has ended\n"
    "  --grace S          of `stop`: waits so many seconds for the job's end (exit code 4: it has not ended)\n"
    "  --json             of `jobs` and `status`: what Ray says as JSON, an array of objects, or one\n"
    "  --address URL      the dashboard (DPIPES_ADDRESS, RAY_API_SERVER_ADDRESS, RAY_ADDRESS; else `auto`, as in "
    "`run`)\n"
    "\n" DPI_HELP_CONNECTION
    "Exit code: 0; 1 Ray refuses, or has no such job; 2 an option is wrong; 3 Ray cannot be reached; 4; 130 Ctrl-C\n",
    NULL,
};

const char *const dpi_help_local[] = {
    "Usage: dpipes local up [OPTIONS]\n"
    "       dpipes local status [--json]\n"
    "       dpipes local down [--address URL | --all] [--json]\n"
    "\n"
    "A Ray cluster on this machine, for this user, that stays until `down`. It listens on 127.0.0.1 only.\n"
    "\n"
    "  up      starts one and prints, as exports for a shell, what Ray's own tools need to use it\n"
    "  status  lists those that run; the exit code is 1 when none does\n"
    "  down    stops the one that runs; where there are several, one or all of them\n"
    "\n"
    "Options:\n"
    "  --num-cpus N   the CPUs of the cluster, a whole number (those of the machine)\n"
    "  --num-gpus N   the GPUs, a whole number (those of the machine)\n"
    "  --object-store-memory SIZE\n"
    "                 the size of Ray's object store (Ray's default)\n"
    "  --resource NAME=N, --label NAME=VALUE, --env NAME=VALUE\n"
    "                 what the node has besides, its labels, and variables of all jobs; may be repeated\n"
    "  --temp-dir DIR\n"
    "                 where the cluster's own directory is made, at most 20 bytes (TMPDIR, else /tmp)\n"
    "  --runtime-env JSON\n"
    "                 the runtime_env of all jobs of `dpipes run`, whose own wins; or @FILE, in YAML or JSON\n"
    "  --reuse        one that runs is used, where there is one\n"
    "  --port N       the dashboard's port (8265, or a free one when that is taken)\n"
    "  --no-auth      requests need no token: every user of this machine can then run programs by the dashboard\n"
    "  --address URL  the cluster that is meant\n"
    "  --all          all of them\n"
    "  --json         prints JSON: `up` an object with address, gcs_address, token_file (null without auth), "
    "temp_dir,\n"
    "                 keeper_pid and started_ms; `status` and `down` an array of such objects, where `status` adds\n"
    "                 answers: whether the dashboard does\n"
    "\n"
    "The program `ray` is that of DPIPES_RAY, else .venv/bin/ray here or in a directory above, else that in PATH.\n"
    "\n"
    "Example:\n"
    "  eval \"$(dpipes local up)\"\n"
    "  dpipes run -- ./trainer\n"
    "  ray job list\n"
    "  dpipes local down\n",
    NULL,
};

const char *const dpi_help_config[] = {
    "Usage: dpipes config [--profile NAME] [--json]\n"
    "\n"
    "Shows each value that an option has when it is not given, and where the value comes from; secrets are hidden.\n"
    "\n"
    "Options:\n"
    "  --profile NAME     the profile (DPIPES_PROFILE, else the file's own)\n"
    "  --json             an array of {key, value, source}\n"
    "\n"
    "The file is that of DPIPES_CONFIG; else dpipes.toml, dpipes.yaml or dpipes.json of this directory or the nearest "
    "one\n"
    "above; else the same in ~/.config/dpipes (XDG_CONFIG_HOME). Its keys are options, with `_` for `-`; a key outside "
    "of\n"
    "the profiles counts for all of them:\n"
    "\n"
    "Example:\n"
    "  profile: lab                  # the one that is meant (DPIPES_PROFILE, --profile)\n"
    "  timeout: 3600\n"
    "  profiles:\n"
    "    lab:\n"
    "      address: https://ray.lab/dash\n"
    "      token_file: lab.token     # relative to the file\n"
    "      header: {X-Team: ml}\n"
    "      env: {OMP_NUM_THREADS: 4}\n"
    "\n"
    "Keys: address, token_file, header, cookie, ca_file, client_cert, client_key, insecure, poll_interval, "
    "give_up_after,\n"
    "lost_after, num_cpus, num_gpus, memory, resource, label, env, metadata, runtime_env, working_dir, "
    "pending_timeout,\n"
    "timeout, no_forward_termination.\n"
    "An option overrides the file, and so does the variable DPIPES_KEY (DPIPES_TIMEOUT); for the address and the "
    "token\n"
    "Ray's own variables do, too.\n",
    NULL,
};

const char *const dpi_help_decode[] = {
    "Usage: dpipes decode [FILE | -]\n"
    "\n"
    "Without a FILE: prints what DAGSTER_PIPES_CONTEXT and DAGSTER_PIPES_MESSAGES of the environment hold, as JSON.\n"
    "A FILE, or stdin for `-`, has the value of one of them, or is a log or a file of messages: then each message is\n"
    "printed as `dpipes run --json` does.\n"
    "\n"
    "Exit code: 0; 1 it cannot be read or decoded; 2 there is nothing to decode\n",
    NULL,
};

#define DPI_HELP_STORE                                                                                                 \
    "  --home DIR         where the store is (DPIPES_HOME; else $XDG_DATA_HOME/dpipes; else ~/.local/share/dpipes)\n"

const char *const dpi_help_runs[] = {
    "Usage: dpipes runs [--status STATUS] [--job NAME] [--limit N] [--json] [--home DIR]\n"
    "       dpipes runs resume [--from-failure] [--address URL] [--give-up-after S] [--lost-after S] [--json] [--home "
    "DIR] ID\n"
    "       dpipes runs attach [--address URL] [--give-up-after S] [--lost-after S] [--json] [--home DIR] ID\n"
    "       dpipes runs wait|terminate [--address URL] [--give-up-after S] [--json] [--home DIR] ID\n"
    "       dpipes runs health|debug [--address URL] [--json] [--home DIR] ID\n"
    "       dpipes runs show [--events] [--html FILE] [--json] [--home DIR] ID\n"
    "       dpipes runs prune [--keep N] [--older-than AGE] [--json] [--home DIR]\n"
    "\n"
    "The runs that the store has, the newest first. ID is a run's ID, or as much of it as no other begins with.\n"
    "\n"
    "  resume goes on with a run whose orchestrator has ended: jobs that ended meanwhile are read from where their log "
    "was "
    "read\n"
    "         to, those that run are followed, and no step runs twice\n"
    "         a launched one is attached to, or with --from-failure launched again as its next attempt\n"
    "  attach follows a launched run to its end; Ctrl-C stops it\n"
    "  wait   until it has ended; the exit code is the run's\n"
    "  terminate\n"
    "         stops its jobs, here or on the cluster, and waits for its end\n"
    "  health says whether what executes it is RUNNING, or SUCCESS, FAILED, NOT_FOUND or UNKNOWN, and why\n"
    "  debug  what Ray knows of a launched run's job\n"
    "  show   one of them: its steps, and each of their attempts where there was more than one\n"
    "  prune  removes those that have ended, with their events and files; the latest materialization of each asset "
    "and\n"
    "         partition stays\n"
    "\n"
    "Options:\n"
    "  --from-failure     of `resume`: a run that has ended begins anew with the steps that have not succeeded\n"
    "  --address URL      of `resume`, `attach` and so on: the Ray, when it has another address by now\n"
    "  --give-up-after S  of `resume`, `attach`, `wait` and `terminate`: how long its dashboard may be out of reach "
    "(60)\n"
    "  --lost-after S     of `resume` and `attach`: and the log of a job; then a step's job is stopped, a whole run's "
    "left (60)\n"
    "  --status STATUS    only those that are QUEUED, STARTING, STARTED, SUCCESS, FAILURE, CANCELING or CANCELED\n"
    "  --job NAME         only those of this graph\n"
    "  --limit N          at most so many; 0: all\n"
    "  --events           of `show`: all that has happened in it, a line each\n"
    "  --html FILE        of `show`: a page for browsers: the graph, times, metadata, checks and the log; `-`: stdout\n"
    "  --keep N           of `prune`: all but the newest N\n"
    "  --older-than AGE   of `prune`: those that ended so long ago: 90s, 15m, 12h, 30d, 2w\n"
    "  --json             an array of runs, or one, as schema/runs.schema.json describes them; of `prune` "
    "{removed}\n" DPI_HELP_STORE "\n"
    "Exit code: 0; 1 there is no such run, it has failed, or `health` is FAILED or NOT_FOUND; 2 an option is wrong;\n"
    "3 the store or Ray cannot be used, or `health` is UNKNOWN; 4 others are writing; 130 it was canceled\n",
    NULL,
};

const char *const dpi_help_assets[] = {
    "Usage: dpipes assets [--json] [--home DIR]\n"
    "       dpipes assets show [--limit N] [--json] [--home DIR] KEY\n"
    "\n"
    "The latest materialization of each asset that the store has.\n"
    "\n"
    "  show  one of them: its metadata, its numbers over time, its partitions, and what happened to it, the newest "
    "first\n"
    "\n"
    "Options:\n"
    "  --limit N          of `show`: so much of its history (20; with --json all)\n"
    "  --json             an array of materializations, or one asset, as schema/runs.schema.json describes "
    "them\n" DPI_HELP_STORE "\n"
    "Exit code: 0; 1 there is no such asset; 2 an option is wrong; 3 the store cannot be used; 4 others are writing\n",
    NULL,
};

const char *const dpi_help_doctor[] = {
    "Usage: dpipes doctor [--json] [CONNECTION]\n"
    "\n"
    "Says which Ray is meant and why, whether it answers, which token is sent, how logs are read, what the limits "
    "are,\n"
    "and what there is on this machine.\n"
    "\n"
    "Options:\n"
    "  --json             an array of {what, state, text}\n"
    "  --address URL      the dashboard (as in `run`)\n"
    "\n" DPI_HELP_CONNECTION "Exit code: 0; 2 an option is wrong; 3 the Ray cannot be used\n",
    NULL,
};

const char *const dpi_help_check[] = {
    "Usage: dpipes check FILE…\n"
    "\n"
    "Reads files of graphs, in YAML or in JSON where the name ends with .json, and says for each how many steps, "
    "assets "
    "and\n"
    "checks it has, or what is wrong, at which line and column. The variables that a file names with {env: NAME} must "
    "be set.\n"
    "\n"
    "Exit code: 0 all are good; 1 one is not there; 2 one is wrong; 3 one cannot be read\n",
    NULL,
};

const char *const dpi_help_graph[] = {
    "Usage: dpipes graph [--dot | --svg | --json] FILE\n"
    "\n"
    "Draws the steps of a graph as a tree: under each step those that need it. One that needs several stands under the "
    "last\n"
    "of them, and with ↓ under the others.\n"
    "\n"
    "Options:\n"
    "  --dot   in the language of Graphviz\n"
    "  --svg   a drawing for browsers, which needs nothing else\n"
    "  --json  the file as JSON, on one line\n"
    "\n"
    "Example:\n"
    "  dpipes graph --svg pipeline.yaml > pipeline.svg\n"
    "\n"
    "Exit code: 0; 1 the file is not there; 2 it is wrong; 3 it cannot be read\n",
    NULL,
};

#define DPI_HELP_PATIENCE                                                                                              \
    "  --give-up-after S  how long its dashboard may be out of reach before the run is left, to be resumed (60)\n"     \
    "  --lost-after S     how long the log of a job may be out of reach: then a step's job is stopped, a whole run's " \
    "left (60)\n"

const char *const dpi_help_execute[] = {
    "Usage: dpipes execute [OPTIONS] FILE\n"
    "\n"
    "Runs the steps of a graph, each as a Ray job or as a process of this machine, as its executor says: as soon as "
    "what "
    "they\n"
    "need has succeeded, and as many at once as the limits let. All that happens is in the store at once, so a run "
    "whose\n"
    "orchestrator was killed goes on with `dpipes runs resume ID`.\n"
    "\n"
    "Which run:\n"
    "  --partition KEY         the partition, of a graph with partitions\n"
    "  --range A..B            a run for each of these partitions, as `dpipes backfill` does it\n"
    "  --select STEPS          only these steps; may be repeated: a, +a (and all that it needs), a+ (and all that "
    "needs it), "
    "tag:K,\n"
    "                          tag:K=V\n"
    "  --stale-only            of them those that have changed since their assets were made, and what needs these\n"
    "  --set extras.KEY=JSON   an extra of all steps, which wins over their own; may be repeated\n"
    "  --run-id ID             its ID, of letters, digits, _ and - (a random UUID)\n"
    "\n"
    "Where:\n"
    "  --in-process       processes of this machine, whatever the graph says\n"
    "  --launched         internal: what `dpipes launch` starts on the cluster\n"
    "  --address URL      the Ray, instead of the graph's own\n" DPI_HELP_PATIENCE
    "  --json             prints one JSON object an event, as schema/runs.schema.json describes it\n" DPI_HELP_STORE
    "\n"
    "Ctrl-C stops the jobs and waits for their ends; a second one leaves at once.\n"
    "\n"
    "Example:\n"
    "  dpipes execute pipeline.yaml --select 'train+'\n"
    "\n"
    "Exit code: 0 all steps that ran have succeeded; 1 one has failed; 2 an option or the graph is wrong; 3 the store "
    "or Ray\n"
    "cannot be used, and the jobs go on; 130 it was interrupted\n",
    NULL,
};

const char *const dpi_help_backfill[] = {
    "Usage: dpipes backfill [--range A..B] [--failed] [OPTIONS] FILE\n"
    "       dpipes backfill --resume ID [--failed] [OPTIONS]\n"
    "\n"
    "Runs a graph once for each of many partitions, so many at once. All runs are in the store, QUEUED, before the "
    "first "
    "begins,\n"
    "so that one whose orchestrator was killed goes on with --resume.\n"
    "\n"
    "Which partitions:\n"
    "  --range A..B   from A to B, both with it; A.. and ..B go to the last and from the first (all)\n"
    "  --failed       only those whose newest run has failed or was canceled; with --resume: runs that have not "
    "succeeded "
    "begin\n"
    "                 anew with the steps that are missing\n"
    "  --resume ID    of a backfill that was begun: its runs that have not ended\n"
    "  --backfill-id ID\n"
    "                 its ID (eight random letters)\n"
    "  --max-runs N   so many at once (10 on Ray, as many as there are CPUs on this machine)\n"
    "\n"
    "Each run:\n"
    "  --select STEPS          only these steps; may be repeated\n"
    "  --stale-only            of them those that have changed since their assets were made, and what needs these\n"
    "  --set extras.KEY=JSON   an extra of all steps, which wins over their own; may be repeated\n"
    "  --in-process            processes of this machine, whatever the graph says\n"
    "  --address URL           the Ray, instead of the graph's own\n"
    "  --give-up-after S       how long its dashboard may be out of reach before the runs are left, to be resumed "
    "(60)\n"
    "  --lost-after S          how long the log of a step's job may be out of reach before the job is stopped (60)\n"
    "  --json                  prints one JSON object an event, as schema/runs.schema.json describes "
    "it\n" DPI_HELP_STORE "\n"
    "Ctrl-C stops the runs that go on; those that have not begun stay QUEUED.\n"
    "\n"
    "Example:\n"
    "  dpipes backfill pipeline.yaml --range 2024-01-01..2024-01-31\n"
    "\n"
    "Exit code: as that of execute; 0 when all runs have succeeded\n",
    NULL,
};

const char *const dpi_help_launch[] = {
    "Usage: dpipes launch [OPTIONS] FILE\n"
    "\n"
    "Runs a graph as one Ray job, whose program is `dpipes execute` on the cluster: this program and its libraries "
    "travel\n"
    "with the graph, as its section `launcher` says. All that happens comes home through the job's log into the store "
    "here,\n"
    "so the cluster needs neither a database nor a way back. The steps run in the job or as jobs of their own, as the "
    "graph's\n"
    "executor says.\n"
    "\n"
    "Which run:\n"
    "  --partition KEY         the partition, of a graph with partitions\n"
    "  --range A..B            a run for each of these partitions, each a job; `dpipes backfill --resume` goes on with "
    "them\n"
    "  --max-runs N            of --range: so many at once (10)\n"
    "  --select STEPS          only these steps; may be repeated: a, +a (and all that it needs), a+ (and all that "
    "needs it), "
    "tag:K,\n"
    "                          tag:K=V\n"
    "  --stale-only            of them those that have changed since their assets were made, and what needs these\n"
    "  --set extras.KEY=JSON   an extra of all steps, which wins over their own; may be repeated\n"
    "  --tag KEY=VALUE         a tag of the run and label of its job; dagster-ray/config='{\"num_cpus\": 2}' wins over "
    "the\n"
    "                          launcher's section; may be repeated\n"
    "  --run-id ID             its ID, of letters, digits, _ and - (a random UUID)\n"
    "\n"
    "Where:\n"
    "  --address URL      the Ray, instead of the launcher's own\n" DPI_HELP_PATIENCE
    "  --detach           ends as soon as Ray has the job; `dpipes runs attach` follows it\n"
    "  --json             prints one JSON object an event, as schema/runs.schema.json describes it; of --detach "
    "{run_id,\n"
    "                     submission_id}\n" DPI_HELP_STORE "\n"
    "Ctrl-C stops the run and waits for its end; a second one leaves at once. A killed dpipes leaves the run as it "
    "is.\n"
    "\n"
    "Example:\n"
    "  dpipes launch --detach pipeline.yaml\n"
    "\n"
    "Exit code: 0 all steps that ran have succeeded; 1 one has failed; 2 an option or the graph is wrong; 3 the store "
    "or Ray\n"
    "cannot be used, and the job goes on; 130 it was canceled\n",
    NULL,
};

const char *const dpi_help_completion[] = {
    "Usage: dpipes completion bash|zsh|fish\n"
    "\n"
    "Prints what lets the shell complete the commands, their options and their values.\n"
    "\n"
    "  bash  in ~/.bashrc: source <(dpipes completion bash)\n"
    "  zsh   in ~/.zshrc, after compinit: source <(dpipes completion zsh)\n"
    "  fish  once: dpipes completion fish > ~/.config/fish/completions/dpipes.fish\n",
    NULL,
};

const char *const dpi_help_man[] = {
    "Usage: dpipes man [COMMAND]\n"
    "\n"
    "Prints the manual page of a command, or that of dpipes, for man(1).\n"
    "\n"
    "Example:\n"
    "  dpipes man run | man -l -\n",
    NULL,
};

void dpi_help_print(const char *const *help, FILE *to)
{
    for (; *help; help++)
        fputs(*help, to);
}
