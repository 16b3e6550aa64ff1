# shellcheck shell=bash
# What the scripts share: the set-up of a checkout and its build. Sourced by bash, it sets 'set -euo pipefail',
# the working directory (the checkout's root) and the handling of Ctrl-C.
#
#   dpipes_setup        the Debian packages and .venv; installs what is missing, nothing when nothing is
#   dpipes_build [DIR]  configures DIR (default: build) when it is new, and compiles it
#
# A caller may set dpipes_steps, the number of its steps, before it begins (default: 3).
set -euo pipefail

# What the set-up installs comes before other compilers, meson and Python of the same names.
PATH=/usr/bin:/bin:$PATH

cd "$(dirname "${BASH_SOURCE[0]}")/.."
dpipes_root=$(pwd -P)
dpipes_logs=$dpipes_root/build/logs
dpipes_venv=$dpipes_root/.venv
dpipes_stamp=$dpipes_venv/complete
dpipes_steps=${dpipes_steps:-3}
dpipes_step=0
dpipes_child=
dpipes_unfinished=

trap dpipes_on_exit EXIT
trap 'exit 129' HUP
trap 'exit 130' INT
trap 'exit 143' TERM

# Whatever ends the script, the command that it runs ends first, and a half-made .venv goes.
dpipes_on_exit() {
    local code=$?
    trap '' HUP INT TERM
    if [ -n "$dpipes_child" ]; then
        # apt-get under sudo takes no signal from us: then this waits until it has finished by itself.
        kill -INT "$dpipes_child" 2>/dev/null || true
        printf '\nstopping: waiting for the command at work to end\n' >&2
        wait "$dpipes_child" || true
    fi
    if [ -n "$dpipes_unfinished" ]; then
        rm -rf "$dpipes_unfinished"
    fi
    exit "$code"
}

dpipes_fail() {
    printf '%s\n' "$@" >&2
    exit 1
}

# dpipes_begin TITLE: the next step has begun.
dpipes_begin() {
    dpipes_step=$((dpipes_step + 1))
    dpipes_title="[$dpipes_step/$dpipes_steps] $1"
}

# dpipes_run LOG COMMAND…: as dpipes_try; when the program fails, so does the script, with the last lines.
dpipes_run() {
    dpipes_try "$@" ||
        dpipes_fail "The last lines of $dpipes_logs/$1.log:" "$(tail -n 20 "$dpipes_logs/$1.log" | sed 's/^/    /')"
}

# dpipes_try LOG COMMAND…: runs a program with its output in LOG, and shows the seconds and its last line meanwhile.
# The program has a process group of its own, so that Ctrl-C reaches it once, and from here.
dpipes_try() {
    local log=$dpipes_logs/$1.log started=$SECONDS code=0
    shift
    mkdir -p "$dpipes_logs"
    : >"$log"
    set -m
    "$@" >"$log" 2>&1 </dev/null &
    dpipes_child=$!
    set +m
    dpipes_watch "$log" "$started"
    wait "$dpipes_child" || code=$?
    dpipes_child=
    if [ "$code" -ne 0 ]; then
        dpipes_line '%s: exit code %d after %d s: %s\n' "$dpipes_title" "$code" $((SECONDS - started)) "$*"
    fi
    return "$code"
}

# On a terminal one line that is written over each second; elsewhere a line each 15 seconds.
dpipes_watch() {
    local log=$1 started=$2 shown=-1 every=15 ending='\n' seconds
    if [ -t 1 ]; then
        every=1 ending=''
    fi
    while kill -0 "$dpipes_child" 2>/dev/null; do
        seconds=$((SECONDS - started))
        if [ $((seconds / every)) -ne "$shown" ]; then
            shown=$((seconds / every))
            dpipes_line "%s$ending" "$(dpipes_progress "$log" "$seconds")"
        fi
        sleep 0.1
    done
}

dpipes_progress() {
    local last
    last=$(tail -n 1 "$1" | tr -cd '[:print:]' | sed 's/^ *//')
    printf '%s … %d s  %s' "$dpipes_title" "$2" "${last:-$(basename "$1" .log)}" | cut -c "1-$((${COLUMNS:-80} - 1))"
}

# dpipes_line FORMAT ARGUMENT…: printf at the beginning of an empty line.
dpipes_line() {
    if [ -t 1 ]; then
        printf '\r\033[K'
    fi
    # shellcheck disable=SC2059
    printf "$@"
}

dpipes_setup() {
    # One set-up of a checkout at a time; the lock ends with this process, or here.
    exec 9<"$dpipes_root/scripts/lib.sh"
    if ! flock --nonblock 9; then
        echo "another set-up of this checkout is at work; waiting for it"
        flock 9
    fi
    dpipes_setup_packages
    dpipes_setup_venv
    exec 9<&-
}

dpipes_setup_packages() {
    local packages missing started=$SECONDS
    dpipes_begin 'Debian packages'
    packages=$(sed 's/#.*//' scripts/apt-packages.txt | xargs)
    command -v dpkg-query >/dev/null ||
        dpipes_fail "$dpipes_title: this system has no dpkg. Install what Debian calls: $packages"
    missing=$(dpipes_missing_packages "$packages")
    if [ -z "$missing" ]; then
        dpipes_line '%s: all installed\n' "$dpipes_title"
        return
    fi
    dpipes_install_packages "$missing"
    dpipes_line '%s: installed in %d s\n' "$dpipes_title" $((SECONDS - started))
}

# dpipes_missing_packages "NAME NAME…": those that are not installed, in one line.
dpipes_missing_packages() {
    # shellcheck disable=SC2086
    comm -13 <(dpkg-query -W -f '${db:Status-Status} ${Package}\n' $1 2>/dev/null | sed -n 's/^installed //p' | sort -u) \
        <(printf '%s\n' $1 | sort -u) | xargs
}

dpipes_install_packages() {
    local missing=$1 as_root=''
    if [ "$(id -u)" -ne 0 ]; then
        as_root='sudo -n'
        sudo -n true 2>/dev/null ||
            dpipes_fail "$dpipes_title: missing: $missing" 'An administrator of this machine must run:' \
                "    sudo sh -c 'apt-get update && apt-get install --yes --no-install-recommends $missing'"
    fi
    # A source of others that is broken must not stop us: when a list is really missing, the installation says so.
    # shellcheck disable=SC2086
    dpipes_try apt-update $as_root apt-get update || echo "going on with the lists of packages at hand"
    # shellcheck disable=SC2086
    dpipes_run apt-install $as_root env DEBIAN_FRONTEND=noninteractive \
        apt-get install --yes --no-install-recommends -o DPkg::Lock::Timeout=600 $missing
}

dpipes_setup_venv() {
    local stamp started=$SECONDS
    dpipes_begin 'Python packages'
    stamp=$(dpipes_venv_stamp)
    if [ "$(cat "$dpipes_stamp" 2>/dev/null)" = "$stamp" ]; then
        dpipes_line '%s: all installed\n' "$dpipes_title"
        return
    fi
    dpipes_title+=' (ray, dagster; about 850 MB)'
    dpipes_unfinished=$dpipes_venv
    rm -rf "$dpipes_venv"
    dpipes_run venv /usr/bin/python3 -m venv "$dpipes_venv"
    dpipes_run pip "$dpipes_venv/bin/python" -m pip install --no-input --progress-bar off \
        --disable-pip-version-check -r scripts/requirements.txt
    printf '%s\n' "$stamp" >"$dpipes_stamp"
    dpipes_unfinished=
    dpipes_line '%s: installed in %d s\n' "$dpipes_title" $((SECONDS - started))
}

# Changes when .venv must be made anew: with its packages, its Python and its place, which its programs hold.
dpipes_venv_stamp() {
    {
        echo "$dpipes_venv"
        readlink -f /usr/bin/python3
        cat scripts/requirements.txt scripts/constraints.txt
    } | sha256sum | cut -d ' ' -f 1
}

dpipes_build() {
    local dir=${1:-build} started=$SECONDS
    dpipes_begin "build in $dir/"
    if [ ! -e "$dir/build.ninja" ]; then
        dpipes_run meson meson setup "$dir"
    fi
    dpipes_run ninja ninja -C "$dir"
    dpipes_line '%s: ready in %d s\n' "$dpipes_title" $((SECONDS - started))
}
