"""The documents say what is true: their programs are built and run, and what they name exists."""

import re

import pytest
from harness import BUILD, ROOT, built, clean_environment, run

README = (ROOT / "README.md").read_text()
DOCUMENTS = [
    *(ROOT / name for name in ("README.md", "CONTRIBUTING.md", "CHANGELOG.md")),
    *sorted((ROOT / "docs").glob("*.md")),
    ROOT / "examples/dagster_project/README.md",
]
STRICT = ["-std=c11", "-Wall", "-Wextra", "-Wpedantic", "-Wshadow", "-Wconversion", "-Werror"]
INCLUDES = ["-I", ROOT / "include", "-I", BUILD / "include"]
LIBRARIES = ["-L", BUILD / "lib", f"-Wl,-rpath,{BUILD / 'lib'}", "-ldagster_pipes_ray", "-ldagster_pipes"]


def blocks(language):
    """README's fenced blocks of a language, in order."""
    return re.findall(rf"^```{language}\n(.*?)^```$", README, re.MULTILINE | re.DOTALL)


def console(command):
    """What README says that a command prints."""
    for block in blocks("console"):
        first, _, output = block.partition("\n")
        if first == f"$ {command}":
            return output
    raise AssertionError(f"README has no block that begins with: $ {command}")


def test_the_first_program_is_the_example():
    assert blocks("c")[0] == (ROOT / "examples/hello.c").read_text()


@pytest.fixture(scope="session")
def orchestrator(tmp_path_factory):
    """README's second program, built against the shared libraries."""
    folder = tmp_path_factory.mktemp("readme")
    source, program = folder / "orchestrator.c", folder / "orchestrator"
    source.write_text(blocks("c")[1])
    output_of(["cc", *STRICT, *INCLUDES, source, "-o", program, *LIBRARIES])
    return program


def output_of(command, **options):
    done = run(command, **options)
    assert done.returncode == 0, done.stderr
    return done.stdout + done.stderr


def test_the_orchestrator_without_a_ray_says_what_it_lacks(orchestrator):
    done = run([orchestrator])
    assert (done.returncode, done.stdout) == (1, "")
    assert "RAY_ADDRESS" in done.stderr


def test_the_orchestrator_prints_the_log_and_the_asset(orchestrator, ray):
    environment = clean_environment(RAY_ADDRESS=ray.address)
    output = output_of([orchestrator, f"exec {built('examples/hello')}"], env=environment)
    log, asset = output.splitlines()
    assert log == "INFO: counting 7 rows"
    assert re.fullmatch(r'table: \{"rows": \{"raw_value": 7, "type": "int"\}, "Ray Job ID": .*\}', asset)


# What differs between two runs: times, ids, places, the last digits of a model.
CHANGING = re.compile(r"\S*/build\S*|pipes-[a-z]{10}|[\d:-]+T[\d:.]+Z|\[[\d:]+\]|\d+\.\d+…?")


def changeless(text):
    return CHANGING.sub("*", text)


def test_a_local_run_prints_what_the_readme_says():
    command = "build/cli/dpipes run --local --asset table --extra rows=7 -- build/examples/hello"
    assert changeless(run_here(command)) == changeless(console(command))


def run_here(command):
    """Runs a command of README's with the programs of the build."""
    return output_of([built(word[len("build/") :]) if word.startswith("build/") else word for word in command.split()])


def test_the_demo_prints_what_the_readme_says():
    """The trainer's part, from a local run: lines that README leaves out stand there as an ellipsis."""
    script = (ROOT / "scripts/demo").read_text().replace("\\\n", "")
    command = re.search(r"^exec (build/cli/dpipes run .*)$", script, re.MULTILINE)[1]
    output = run_here(command.replace("--local-ray", "--local").replace('"$@"', ""))
    shown = console("./scripts/demo").partition("…\n")[2]
    wanted = [line for line in shown.splitlines()[:-1] if line.strip() != "…"]
    printed = changeless(output).splitlines()
    assert [line for line in map(changeless, wanted) if line not in printed] == []


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_links_lead_to_files(document):
    prose = re.sub(r"^```.*?^```$|`[^`\n]*`", "", document.read_text(), flags=re.MULTILINE | re.DOTALL)
    links = re.findall(r"\]\((?!https?:)([^)#]+)\)", prose)
    assert [link for link in links if not (document.parent / link).exists()] == []


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_named_paths_exist(document):
    folders = "bench|cli|docs|examples|include|lib|ray_scripts|scripts|tests"
    names = re.findall(rf"`(?:\./)?((?:{folders})/[\w./]*)`", document.read_text())
    assert [name for name in names if not (ROOT / name).exists()] == []


def test_named_options_are_in_the_help():
    helps = "".join(output_of([built("cli/dpipes"), *words, "--help"]) for words in ([], ["run"], ["local"], ["runs"]))
    options = set(re.findall(r"--[a-z][a-z-]*", " ".join(re.findall(r"dpipes [^`\n]*", README))))
    assert {option for option in options if option not in helps} == set()
