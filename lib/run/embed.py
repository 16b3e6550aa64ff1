"""Makes of files a C source with their bytes: `embed.py OUTPUT FILE…`."""

import sys
from pathlib import Path

PER_LINE = 24


def definitions(path):
    name = "dpi_" + path.name.replace(".", "_")
    data = path.read_bytes()
    lines = [", ".join(map(str, data[at : at + PER_LINE])) for at in range(0, len(data), PER_LINE)]
    rows = ",\n".join(lines)
    return f"const char {name}[] = {{\n{rows}}};\nconst size_t {name}_size = {len(data)};\n"


output, *files = map(Path, sys.argv[1:])
for path in files:
    if not path.read_bytes().isascii():
        sys.exit(f"{path}: a byte that is not ASCII")
output.write_text('#include "run/report.h"\n' + "".join(map(definitions, files)))
