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
