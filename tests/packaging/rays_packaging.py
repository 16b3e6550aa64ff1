"""Answers questions about Ray's own packaging: a JSON list [name, argument…] a line, and a line with the answer."""

import json
import logging
import sys

from ray._private.runtime_env import packaging
from ray._private.thirdparty.pathspec import PathSpec

logging.disable()


def pack(directory, output, excludes, parent):
    packaging._zip_files(directory, excludes, output, True, include_parent_dir=parent)


def unzip(package, target):
    packaging.unzip_package(package, target, False, False)


def keeps_the_root(patterns):
    return not PathSpec.from_lines("gitwildmatch", patterns).match_file(".")


CALLS = {"zip": pack, "unzip": unzip, "keeps_the_root": keeps_the_root}

for line in sys.stdin:
    name, *arguments = json.loads(line)
    print(json.dumps(CALLS[name](*arguments)), flush=True)
