#!/usr/bin/env python3
"""What stepctl does with a plugin's file where no daemon runs."""

import ctypes
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

from case import case, main, require, require_in

PTRACE_SEIZE = 0x4206
GREET = '{"name": "Ada"}'


def environment(place):
    """Nothing that leads to a daemon; what is left behind would lie in the place."""
    (place / "tmp").mkdir(exist_ok=True)
    kept = {name: value for name, value in os.environ.items() if not name.startswith("STEPD_")}
    return kept | {"TMPDIR": str(place / "tmp"), "HOME": str(place)}


def started(daemon, *words):
    return subprocess.Popen([daemon.build / "bin/stepctl", *words], text=True,
                            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                            stderr=subprocess.PIPE, env=environment(daemon.place))


def stepctl(daemon, *words, given="", stepctl_at=None):
    program = stepctl_at or daemon.build / "bin/stepctl"
    done = subprocess.run([program, *words], input=given, capture_output=True, text=True,
                          env=environment(daemon.place), timeout=200, check=False)
    left = os.listdir(daemon.place / "tmp")
    require(not left, f"it left behind {left}")
    return done


def run(daemon, *words, plugin="demo", given=""):
    return stepctl(daemon, "step", "run", daemon.build / f"plugins/{plugin}.so", *words,
                   given=given)


@case("a step is called without a daemon", plugins=())
def _(daemon):
    told = run(daemon, "demo.greet", "--args", GREET)
    require(told.returncode == 0, told.stderr)
    require_in(["execute succeeded in", '"text": "hello Ada"'], told.stdout)

    quiet = run(daemon, "demo.greet", "--args", "-", "--quiet", given=GREET)
    require(json.loads(quiet.stdout) == {"text": "hello Ada"}, quiet.stdout)

    args = daemon.place / "args.json"
    args.write_text(GREET, encoding="utf-8")
    for_programs = run(daemon, "demo.greet", "--args", f"@{args}", "--output", "json")
    call = json.loads(for_programs.stdout)["calls"][0]
    require(call["outcome"] == "succeeded" and call["output"] == {"text": "hello Ada"}, call)


@case("what a step logs comes on stderr, and its phases are called in order", plugins=())
def _(daemon):
    told = run(daemon, "demo.undoable", "--args", '{"note": "n"}', "--phase", "execute", "--phase",
               "compensate")
    require(told.returncode == 0, told.stderr)
    require_in(["info: did n", "info: undid n"], told.stderr)
    require(told.stdout.index("execute succeeded") < told.stdout.index("compensate succeeded"),
            told.stdout)


@case("a step that cannot be called is told in a sentence", plugins=())
def _(daemon):
    unknown = run(daemon, "demo.great")
    require(unknown.returncode == 1, unknown)
    require_in(["offers no step type demo.great; it offers demo.greet, demo.sleep"],
               unknown.stderr)
    misspelt = run(daemon, "demo.greet", "--args", '{"nam": "Ada"}')
    require(misspelt.returncode == 1 and not misspelt.stdout, misspelt)
    require_in(['/nam: is no member of this (did you mean "name"?)'], misspelt.stderr)
    cut = run(daemon, "demo.greet", "--args", '{"name')
    require(cut.returncode == 2, cut)
    require_in("--args is no JSON", cut.stderr)
    no_phase = run(daemon, "demo.greet", "--phase", "undo")
    require(no_phase.returncode == 2, no_phase)
    no_file = stepctl(daemon, "step", "run", "nothing.so", "demo.greet")
    require(no_file.returncode == 1, no_file)
    require_in("nothing.so cannot be read: No such file", no_file.stderr)


@case("what becomes of a step that does not succeed is told, with exit code 1", plugins=())
def _(daemon):
    crashed = run(daemon, "demo.crash", "--output", "json")
    require(crashed.returncode == 1, crashed)
    call = json.loads(crashed.stdout)["calls"][0]
    require(call["outcome"] == "crashed", call)
    require(call["error"]["details"]["signal"] == signal.SIGABRT, call)
    refused = run(daemon, "demo.refuse", "--args", '{"message": "no"}')
    require(refused.returncode == 1, refused)
    require_in("execute refused in", refused.stdout)
    waits = run(daemon, "wait.event", "--args", '{"key": "k", "timeout": "3d"}', plugin="wait")
    require_in("it waits for an event k, for 3 d", waits.stdout)


@case("a step that would need a daemon is told that there is none", plugins=())
def _(daemon):
    sends = run(daemon, "wait.send", "--args", '{"key": "k"}', plugin="wait")
    require(sends.returncode == 0, sends)
    require_in("event: k null (there is no daemon to give it to a step)", sends.stderr)
    starts = run(daemon, "demo.split", "--args", '{"subtasks": 2}')
    require(starts.returncode == 1, starts)
    require_in("there is no daemon here that could run the jobs a step starts", starts.stdout)


@case("SIGINT asks the step to stop", plugins=())
def _(daemon):
    process = started(daemon, "step", "run",
                      daemon.build / "tests/workshop/modules/patient.so", "patient.wait")
    require_in("info: waits", process.stderr.readline())
    process.send_signal(signal.SIGINT)
    out, _ = process.communicate(timeout=30)
    require(process.returncode == 1, out)
    require_in("execute cancelled in", out)


@case("with --debug the step is called once a debugger is attached", plugins=())
def _(daemon):
    process = started(daemon, "step", "run", daemon.build / "plugins/demo.so", "demo.greet",
                      "--args", GREET, "--debug")
    line = process.stderr.readline()
    found = re.fullmatch(r"process (\d+) waits for a debugger .*: gdb -p \1\n", line)
    require(found, line)
    require(process.poll() is None, "it has not waited")
    libc = ctypes.CDLL(None, use_errno=True)
    libc.ptrace.argtypes = [ctypes.c_long, ctypes.c_int, ctypes.c_void_p, ctypes.c_void_p]
    traced = libc.ptrace(PTRACE_SEIZE, int(found.group(1)), None, None)
    require(traced == 0, f"cannot trace: {os.strerror(ctypes.get_errno())}")
    # A call that ends leaves nothing that would stop a traced process.
    require_in("execute succeeded", process.stdout.readline())
    process.kill()
    process.wait()
    shutil.rmtree(daemon.place / "tmp")


MODULES = "tests/workshop/modules"
CONDUCT = ["valid", "wrong", "empty", "huge", "non_utf8", "cancel", "heartbeat", "eight_at_once",
           "crash", "compensate_twice", "compensate_without_execute", "oldest_host", "schemas"]


def validated(daemon, file, *flags):
    """Exit code, and what was found, by check."""
    told = stepctl(daemon, "plugin", "validate", daemon.build / file, "--output", "json", *flags)
    require(told.stdout, told.stderr)
    document = json.loads(told.stdout)
    found = {check["check"]: check for check in document["checks"]}
    require(document["failed"] == len(failures(found)), document)
    return told.returncode, found


def failures(found):
    return {name: check["says"] for name, check in found.items() if check["verdict"] == "failed"}


@case("every bundled plugin passes all checks of its conduct", plugins=())
def _(daemon):
    (daemon.place / "marks").mkdir()
    more = {"plain_c": ["--config", json.dumps({"folder": str(daemon.place / "marks")})],
            "factor": ["--args", 'factor.one={"number": "15"}'],
            "hash": ["--args", 'hash.file={"path": "/etc/passwd"}']}
    for name in ("bank", "factor", "hash", "long_request", "plain_c", "wait"):
        code, found = validated(daemon, f"plugins/{name}.so", *more.get(name, []))
        require(code == 0, f"{name}: {failures(found)}")
    require(found["wait.send/crash"]["verdict"] == "passed", found["wait.send/crash"])
    require(not list((daemon.place / "marks").iterdir()), "what was marked was not undone")


@case("a step that ends its process fails the checks that call it and no others", plugins=())
def _(daemon):
    code, found = validated(daemon, "plugins/demo.so")
    require(code == 1, found)
    require(set(failures(found)) == {f"demo.crash/{check}" for check in
                                     ("valid", "empty", "cancel")}, failures(found))
    crash = found["demo.crash/valid"]
    require_in("its process crashed: signal 6, Aborted", crash["says"])
    require(crash["details"], "there is no backtrace")
    require(found["demo.undoable/crash"]["verdict"] == "passed", found["demo.undoable/crash"])


@case("each check of conduct finds the step that is bad in its way", plugins=())
def _(daemon):
    for check in CONDUCT:
        name = f"bad.{check}/{check}"
        code, found = validated(daemon, f"{MODULES}/bad_conduct.so", "--reproduce", f"{name}:7")
        require(code == 1 and list(failures(found)) == [name], f"{name}: {found}")


@case("each check of a file finds the file that is bad in its way", plugins=())
def _(daemon):
    for file, check, words in (
            (f"{MODULES}/exports_more.so", "exports", "exports a_name_that_others_may_have"),
            (f"{MODULES}/is_shared.so", "unique_symbols", "shares _ZN6SharedIiE5valueE"),
            (f"{MODULES}/takes_boost.so", "libraries", "_ZN5boost13from_the_hostEv"),
            ("tests/plugin/modules/crashing.so", "load", "crashed: signal 6"),
            ("tests/plugin/modules/two_faces.so", "descriptor", "test.another"),
            ("tests/plugin/modules/aborting_init.so", "start", "crashed: signal 6"),
            ("tests/plugin/modules/no_note.so", "file", "note")):
        code, found = validated(daemon, file, "--no-calls")
        require(code == 1 and check in failures(found), f"{file}: {found}")
        require_in(words, failures(found)[check])


@case("validate tells a seed, repeats one check, and leaves calls out when asked to", plugins=())
def _(daemon):
    file = daemon.build / "plugins/demo.so"
    told = stepctl(daemon, "plugin", "validate", file, "--no-calls", "--seed", "9")
    require(told.returncode == 0, told)
    require_in(["skipped demo.greet: is not called: --no-calls", "seed 9"], told.stdout)
    again = stepctl(daemon, "plugin", "validate", file, "--reproduce", "demo.greet/wrong:9")
    same = stepctl(daemon, "plugin", "validate", file, "--reproduce", "demo.greet/wrong:9")
    require(again.returncode == 0 and again.stdout == same.stdout, again)
    require_in(["1 passed, 0 failed", "seed 9"], again.stdout)
    unknown = stepctl(daemon, "plugin", "validate", file, "--reproduce", "demo.greet/speed")
    require(unknown.returncode == 2, unknown)
    require_in("there is no check demo.greet/speed of", unknown.stderr)
    no_type = stepctl(daemon, "plugin", "validate", file, "--args", "demo.great={}")
    require(no_type.returncode == 2, no_type)
    no_seed = stepctl(daemon, "plugin", "validate", file, "--reproduce", "demo.greet/wrong:x")
    require(no_seed.returncode == 2, no_seed)


@case("bench measures a step in a process of its own and in one with its host", plugins=())
def _(daemon):
    file = daemon.build / "plugins/demo.so"
    told = stepctl(daemon, "step", "bench", file, "demo.noop", "--calls", "50", "--output", "json")
    require(told.returncode == 0, told)
    measured = json.loads(told.stdout)
    for place in (measured["contained"], measured["in_process"]):
        require(place["calls"] == 50 and 0 < place["p50_ns"] <= place["p99_ns"], measured)
    table = stepctl(daemon, "step", "bench", file, "demo.noop", "--seconds", "1")
    require_in(["per second", "contained", "in process"], table.stdout)
    refused = stepctl(daemon, "step", "bench", file, "demo.refuse")
    require(refused.returncode == 1 and not refused.stdout, refused)
    require_in("with these arguments it refused: refused_as_asked", refused.stderr)
    crashed = stepctl(daemon, "step", "bench", file, "demo.crash")
    require(crashed.returncode == 1, crashed)
    require_in("its process crashed: signal 6", crashed.stderr)


@case("plugin new refuses bad names and folders that hold something", plugins=())
def _(daemon):
    for name, words in (("Hello", "small letters"), ("a/b", "small letters"),
                        ("7up", "small letters"),
                        ("test", "CMake keeps for itself; take another one, such as test_steps")):
        told = stepctl(daemon, "plugin", "new", name)
        require(told.returncode == 2, told)
        require_in(words, told.stderr)
    folder = daemon.place / "work"
    (folder / "full").mkdir(parents=True)
    (folder / "full/file").touch()

    def made(*words):
        return subprocess.run([daemon.build / "bin/stepctl", "plugin", "new", *words], cwd=folder,
                              capture_output=True, text=True, check=False)

    told = made("full")
    require(told.returncode == 1, told)
    require_in("full is there already, and is no empty folder", told.stderr)
    told = made("empty", "--output", "json")
    require(told.returncode == 0, told)
    files = json.loads(told.stdout)["files"]
    require(sorted(files) == sorted(str(path.relative_to(folder)) for path in
                                    (folder / "empty").iterdir()), files)
    require("my_plugin" not in (folder / "empty/empty.cpp").read_text(encoding="utf-8"),
            "the name of the template is left")


@case("without a stepd the work that needs one says so", plugins=())
def _(daemon):
    with tempfile.TemporaryDirectory() as folder:
        alone = Path(folder) / "stepctl"
        shutil.copy(daemon.build / "bin/stepctl", alone)
        told = subprocess.run([alone, "step", "run", "x.so", "x.y"], capture_output=True, text=True,
                              env=environment(daemon.place) | {"PATH": folder}, check=False)
        require(told.returncode == 3, told)
        require_in("there is none beside stepctl or on the PATH; install stepd", told.stderr)


if __name__ == "__main__":
    sys.exit(main())
