"""One process of tests/run/parts.c for all cases: a line in, a line out."""

import json
import subprocess

from harness import built, clean_environment


class Parts:
    def __init__(self):
        self.process = subprocess.Popen(
            [built("tests/run/parts")], stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=clean_environment()
        )

    def ask(self, what, **request):
        self.process.stdin.write(json.dumps({"do": what, **request}).encode() + b"\n")
        self.process.stdin.flush()
        answer = self.process.stdout.readline()
        assert answer, f"parts ended with {self.process.wait()}"
        return json.loads(answer)

    def end(self):
        self.process.stdin.close()
        assert self.process.wait(60) == 0
        self.process.stdout.close()
