"""The structs of the binding are those of the headers."""

import ctypes

from harness import BUILD, ROOT, run

PAIRS = {
    "Error": "dpipes_error",
    "Pair": "dpipes_pair",
    "Text": "dpipes_text",
    "ContextParams": "dpipes_context_params",
    "SessionOptions": "dpipes_session_options",
    "PipesEvent": "dpipes_event",
    "RayEvent": "dpipes_ray_event",
    "LocalRayOptions": "dpipes_local_ray_options",
    "ClientOptions": "dpipes_ray_client_options",
    "Job": "dpipes_ray_job",
    "Attach": "dpipes_ray_attach",
    "RunResult": "dpipes_ray_result",
    "JobInfo": "dpipes_ray_job_info",
}
RENAMED = {("Text", "length"): "size"}


def layout(name):
    from dagster_dpipes import _structs

    struct = getattr(_structs, name)
    fields = {
        RENAMED.get((name, field), field): [getattr(struct, field).offset, getattr(struct, field).size]
        for field, _ in struct._fields_
    }
    return {"size": ctypes.sizeof(struct), "fields": fields}


def test_every_struct_has_the_layout_of_the_header(tmp_path):
    ours = {name: layout(name) for name in PAIRS}
    lines = ["#include <dagster_pipes/ray.h>", "#include <stdio.h>", "int main(void) {"]
    for name, struct in PAIRS.items():
        lines.append(f'printf("%s %zu\\n", "{name}", sizeof({struct}));')
        for field in ours[name]["fields"]:
            place = f"offsetof({struct}, {field}), sizeof((({struct} *)0)->{field})"
            lines.append(f'printf("%s %s %zu %zu\\n", "{name}", "{field}", {place});')
    source = tmp_path / "layout.c"
    source.write_text("\n".join([*lines, "return 0; }"]))
    compiled = run(["cc", f"-I{ROOT}/include", f"-I{BUILD}/include", source, "-o", tmp_path / "layout"])
    assert compiled.returncode == 0, compiled.stderr
    theirs = {name: {"fields": {}} for name in PAIRS}
    for line in run([tmp_path / "layout"]).stdout.splitlines():
        name, *rest = line.split()
        if len(rest) == 1:
            theirs[name]["size"] = int(rest[0])
        else:
            theirs[name]["fields"][rest[0]] = [int(rest[1]), int(rest[2])]
    assert ours == theirs


def test_the_words_of_the_events_are_those_of_the_header():
    import re

    from dagster_dpipes import _native

    text = (ROOT / "include/dagster_pipes/session.h").read_text()
    enum = re.search(r"typedef enum dpipes_event_kind \{(.*?)\}", text, re.DOTALL).group(1)
    assert [name.lower() for name in re.findall(r"DPIPES_EVENT_(\w+)", enum)] == _native._KINDS
