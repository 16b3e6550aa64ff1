"""Steps of this machine on a disk that gets full while they run. Needs a kernel that gives namespaces to everybody, or root."""

import json

from harness import run

# The step begins, the disk gets full to its last page, and the step ends.
FILLED = """
mount -t tmpfs -o size=4m none "$1"
"$0" execute "$2" --run-id r --home "$1/home" > "$3/said" 2>&1 &
until [ -s "$3/starts" ]; do sleep 0.01; done
dd if=/dev/zero of="$1/filler" bs=4k 2> "$3/dd"
touch "$3/go"
wait $!
echo $? > "$3/codes"
rm "$1/filler"
"$0" runs resume r --home "$1/home" > "$3/again" 2>&1
echo $? >> "$3/codes"
"$0" runs show r --json --events --home "$1/home"
"""


def test_how_a_step_has_ended_is_known_also_where_the_disk_is_full(home):
    directory = home.directory
    home.write({"s": "echo first; echo s >> starts; until [ -e go ]; do sleep 0.01; done; exit 7"})
    (directory / "disk").mkdir()
    words = [home.command()[0], directory / "disk", home.graph, directory]
    done = run(["unshare", "-Urm", "sh", "-c", FILLED, *words], env=home.environment)
    assert done.returncode == 0, done.stderr
    assert "No space left on device" in (directory / "dd").read_text()
    said = (directory / "said").read_text()
    assert "database or disk is full" in said
    assert "its jobs go on; go on with them: dpipes runs resume r" in said
    assert home.lines("codes") == ["3", "1"], (said, (directory / "again").read_text())
    shown = json.loads(done.stdout)
    [step] = shown["steps"]
    assert (shown["status"], step["status"], step["error"]) == ("FAILURE", "FAILURE", "exit code 7")
    assert [attempt["exit_code"] for attempt in step["attempts"]] == [7]
    assert [event["text"] for event in shown["events"] if event["type"] == "OUTPUT"] == ["first"]
    assert home.lines("starts") == ["s"]
