"""Packages beside those of Ray's own client: the same files under the same names, whatever the patterns say."""

import json
import os
import re
import stat
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from harness import ROOT, built, clean_environment
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

DEFAULT_EXCLUDES = [".git", ".venv", "venv", "__pycache__"]


def pack(where, runtime_env, *ship, **environment):
    words = [str(built("tests/packaging/pack")), json.dumps(runtime_env), *map(str, ship)]
    return subprocess.run(
        words, cwd=where, capture_output=True, text=True, timeout=60, env=clean_environment(**environment)
    )


def packed(where, runtime_env, *ship, **environment):
    """What takes the place of the runtime_env's members, and what was said meanwhile."""
    done = pack(where, runtime_env, *ship, **environment)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout), done.stderr


def package(where, uri):
    assert uri.startswith("gcs://_ray_pkg_") and uri.endswith(".zip")
    return where / uri.removeprefix("gcs://")


def entries(path):
    """Name, content and the permission to be executed of all that is in a zip file."""
    with zipfile.ZipFile(path) as archive:
        assert archive.testzip() is None
        return {
            entry.filename: (archive.read(entry), bool(entry.external_attr >> 16 & stat.S_IXUSR))
            for entry in archive.infolist()
        }


class RaysPackaging:
    """Ray's own packaging in a process of its own: `import ray` would settle once for all how this one authenticates."""

    def __init__(self):
        program = ROOT / "tests/packaging/rays_packaging.py"
        pipe = subprocess.PIPE
        self.process = subprocess.Popen([sys.executable, program], stdin=pipe, stdout=pipe, text=True, env=clean_environment())

    def call(self, name, *arguments):
        print(json.dumps([name, *map(str_of_path, arguments)]), file=self.process.stdin, flush=True)
        return json.loads(self.process.stdout.readline())

    def entries(self, directory, output, excludes, parent=False):
        self.call("zip", directory, output, excludes, parent)
        return entries(output)

    def close(self):
        self.process.stdin.close()
        self.process.wait(timeout=30)


def str_of_path(value):
    return str(value) if isinstance(value, Path) else value


@pytest.fixture(scope="module")
def rays():
    packaging = RaysPackaging()
    yield packaging
    packaging.close()


def without_directory_modes(found):
    return {name: value if not name.endswith("/") else value[0] for name, value in found.items()}


def write_tree(root, files):
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


# ---- Patterns -------------------------------------------------------------------------------------------------------

NAMES = st.sampled_from(["a", "b", "ab", "a.txt", "b.txt", "c.o", ".x", "build", "é", "a b", "x#y", "!n"])
PATHS = st.lists(NAMES, min_size=1, max_size=4).map("/".join)
PIECES = st.sampled_from(["a", "b", "ab", "*", "**", "*.txt", "?", "[ab]", "[!a]", "*.o", "build", ".*", "é", "a b", "?b*"])
PATTERNS = st.builds(
    lambda negated, slash, pieces, end: negated + slash + "/".join(pieces) + end,
    st.sampled_from(["", "", "", "!"]),
    st.sampled_from(["", "", "/"]),
    st.lists(PIECES, min_size=1, max_size=3),
    st.sampled_from(["", "", "/", "/*", "/**", "  "]),
).filter(lambda pattern: not re.search(r"\*\*/(\*\*)?$", pattern))  # `**/` is nothing to pathspec, to git every directory
LINES = st.lists(st.one_of(PATTERNS, st.sampled_from(["", "# a", "/", "\\#x", "x#y", "\\!n"])), max_size=5)


@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
@given(paths=st.lists(PATHS, max_size=12), root=LINES, ray=LINES, below=LINES, excludes=LINES)
def test_what_is_left_out_is_what_rays_packaging_leaves_out(rays, tmp_path_factory, paths, root, ray, below, excludes):
    """Ray's packaging asks its patterns for the root, too, as `.`, and leaves everything out then: git does not."""
    where = tmp_path_factory.mktemp("tree")
    tree = where / "tree"
    tree.mkdir()
    for path in paths:
        target = tree / path
        if not any(parent.is_file() for parent in [target, *target.parents]) and not target.exists():
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(path)
    below = [line for line in below if rays.call("keeps_the_root", [line])]
    (tree / ".gitignore").write_text("\n".join(root))
    (tree / ".rayignore").write_text("\n".join(ray))
    if (tree / "a").is_dir():
        (tree / "a" / ".gitignore").write_text("\n".join(below))
    excludes = [line for line in excludes if line]
    if not all(rays.call("keeps_the_root", patterns) for patterns in (root, ray, excludes)):
        return
    theirs = rays.entries(tree, where / "theirs.zip", DEFAULT_EXCLUDES + excludes)
    said, _ = packed(where, {"working_dir": str(tree), "excludes": excludes})
    assert without_directory_modes(entries(package(where, said["working_dir"]))) == without_directory_modes(theirs)


# ---- What is in a package -------------------------------------------------------------------------------------------


@pytest.fixture
def tree(tmp_path):
    root = tmp_path / "tree"
    write_tree(root, {"main.py": "print(1)\n", "lib/util.py": "x = 1\n", ".git/config": "", "venv/x": "", "data/é": "2"})
    (root / "empty").mkdir()
    (root / "run.sh").write_text("#!/bin/sh\n")
    (root / "run.sh").chmod(0o755)
    return root


def test_a_directory_is_packed_as_ray_packs_it(rays, tmp_path, tree):
    said, _ = packed(tmp_path, {"working_dir": str(tree)})
    ours = entries(package(tmp_path, said["working_dir"]))
    assert ours["run.sh"] == (b"#!/bin/sh\n", True) and not ours["main.py"][1]
    theirs = rays.entries(tree, tmp_path / "theirs.zip", DEFAULT_EXCLUDES)
    assert without_directory_modes(ours) == without_directory_modes(theirs)


def test_a_store_of_runs_stays_at_home(tmp_path, tree):
    first, _ = packed(tmp_path, {"working_dir": str(tree)})
    write_tree(tree, {"dpipes.db": "x", "dpipes.db-wal": "x", "home/dpipes.db": "x", "home/runs/r/log": "x"})
    assert packed(tmp_path, {"working_dir": str(tree)})[0] == first


def test_ray_unpacks_it(rays, tmp_path, tree):
    said, _ = packed(tmp_path, {"working_dir": str(tree)})
    target = tmp_path / "unpacked"
    rays.call("unzip", package(tmp_path, said["working_dir"]), target)
    assert (target / "lib/util.py").read_text() == "x = 1\n"
    assert os.access(target / "run.sh", os.X_OK) and (target / "empty").is_dir()


def test_the_same_files_are_the_same_package_and_others_another(tmp_path, tree):
    first, _ = packed(tmp_path, {"working_dir": str(tree)})
    os.utime(tree / "main.py", (1, 1))
    again, _ = packed(tmp_path, {"working_dir": str(tree) + "/"}, TZ="Asia/Tokyo")
    assert again == first
    (tree / "main.py").chmod(0o755)
    assert packed(tmp_path, {"working_dir": str(tree)})[0] != first


def test_a_working_dir_that_is_an_archive_or_a_uri_is_left_as_it_is(tmp_path):
    archive = tmp_path / "x.zip"
    with zipfile.ZipFile(archive, "w") as new:
        new.writestr("a", "1")
    said, _ = packed(tmp_path, {"working_dir": str(archive)})
    assert package(tmp_path, said["working_dir"]).read_bytes() == archive.read_bytes()
    assert packed(tmp_path, {"working_dir": "s3://bucket/x.zip"})[0]["working_dir"] == "s3://bucket/x.zip"


def test_modules_are_packed_with_their_own_name_on_top(rays, tmp_path, tree):
    wheel = tmp_path / "thing-1.0-py3-none-any.whl"
    wheel.write_bytes(b"a wheel")
    said, _ = packed(tmp_path, {"py_modules": [str(tree / "lib"), str(tree / "main.py"), str(wheel), "gcs://there.zip"]})
    directory, file, whole, there = said["py_modules"]
    theirs = rays.entries(tree / "lib", tmp_path / "theirs.zip", [], parent=True)
    assert entries(package(tmp_path, directory)) == theirs == {"lib/util.py": (b"x = 1\n", False)}
    assert entries(package(tmp_path, file)) == {"main.py": (b"print(1)\n", False)}
    assert whole == f"gcs://{wheel.name}" and (tmp_path / wheel.name).read_bytes() == b"a wheel"
    assert there == "gcs://there.zip"


def test_shipped_files_are_at_the_top(tmp_path, tree):
    said, _ = packed(tmp_path, {"working_dir": str(tree)}, built("examples/hello"))
    assert entries(package(tmp_path, said["working_dir"]))["hello"][1]
    said, _ = packed(tmp_path, {}, tree / "lib/util.py")
    assert set(entries(package(tmp_path, said["working_dir"]))) == {"util.py"}


def test_the_libraries_that_a_plain_node_lacks_are_named(tmp_path):
    _, said = packed(tmp_path, {}, built("examples/trainer/trainer"), built("examples/hello"))
    assert "WARNING trainer needs libxgboost.so" in said
    assert "WARNING hello" not in said


# ---- What cannot be packed ------------------------------------------------------------------------------------------


def refusal(where, runtime_env, *ship):
    done = pack(where, runtime_env, *ship)
    assert done.returncode == 1 and not done.stdout
    return done.stderr


def test_what_cannot_be_packed_is_named(tmp_path, tree):
    assert "working_dir: `/nowhere` is no directory, no archive" in refusal(tmp_path, {"working_dir": "/nowhere"})
    assert "py_modules: `/nowhere.py` is not there" in refusal(tmp_path, {"py_modules": ["/nowhere.py"]})
    assert "py_modules is string, not a list" in refusal(tmp_path, {"py_modules": "x"})
    assert "excludes is int, not a string" in refusal(tmp_path, {"working_dir": str(tree), "excludes": [1]})
    assert "ship: /nowhere: No such file" in refusal(tmp_path, {}, "/nowhere")
    assert "has a file `main.py` already" in refusal(tmp_path, {"working_dir": str(tree)}, tree / "main.py")
    assert "nothing can be added to the working_dir s3://x" in refusal(tmp_path, {"working_dir": "s3://x"}, tree / "run.sh")
    (tree / "back\\slash").write_text("")
    assert "a name with `\\` in it" in refusal(tmp_path, {"working_dir": str(tree)})


def test_links_are_followed_but_not_in_a_circle(tmp_path, tree):
    (tree / "link.py").symlink_to("main.py")
    (tree / "lost").symlink_to("nowhere")
    said, log = packed(tmp_path, {"working_dir": str(tree)})
    assert entries(package(tmp_path, said["working_dir"]))["link.py"][0] == b"print(1)\n"
    assert f"WARNING {tree}/lost: leads to nothing; it is not in the package" in log
    (tree / "lib/round").symlink_to("..")
    assert f"{tree}/lib/round: a link to a directory that it is in" in refusal(tmp_path, {"working_dir": str(tree)})


def test_a_package_over_rays_limit_names_the_largest_files(tmp_path, tree):
    (tree / "weights.bin").write_bytes(os.urandom(105 * 1024 * 1024))
    said = refusal(tmp_path, {"working_dir": str(tree)})
    assert "the package has 105.0 MiB, and Ray takes at most 100 MiB; the largest files: weights.bin (105.0 MiB), " in said


def test_a_context_is_a_file_of_the_package(tmp_path, tree):
    said, _ = packed(tmp_path, {"working_dir": str(tree)}, CONTEXT='{"run_id": "r"}')
    assert entries(package(tmp_path, said["working_dir"]))["dagster_pipes_context.json"][0] == b'{"run_id": "r"}'
    (tree / "dagster_pipes_context.json").write_text("{}")
    done = pack(tmp_path, {"working_dir": str(tree)}, CONTEXT="{}")
    assert "takes the name `dagster_pipes_context.json`" in done.stderr


