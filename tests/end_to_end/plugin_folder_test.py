#!/usr/bin/env python3
"""Files that appear in the plugins folder of a running daemon."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

from case import case, main, require, require_in, step, submit, wait_for, wait_for_state
from daemon import Daemon


def plugins_by_file(daemon):
    listed = json.loads(daemon.stepctl("plugin", "list", "--output", "json").stdout)["plugins"]
    return {plugin["file"].rsplit("/", 1)[-1]: plugin for plugin in listed}


@case("J8: a job whose step type is missing goes on when the plugin is copied in", plugins=())
def _(daemon):
    daemon.start()
    job = submit(daemon, ("demo.greet", {"name": "Ada"}))
    waiting = wait_for_state(daemon, job, "waiting")
    require(waiting["steps"][0]["attempts"] == 0, "waiting for a plugin was charged")
    require_in(["demo.greet"], daemon.stepctl("job", "why", job).stdout)
    require_in(["no plugin is loaded", str(daemon.place / "plugins")],
               daemon.log.read_text(encoding="utf-8"))

    shutil.copy(daemon.build / "plugins/demo.so", daemon.place / "plugins/demo.so")

    done = wait_for_state(daemon, job, "succeeded")
    require(done["output"] == {"text": "hello Ada"}, f"its output is {done['output']}")
    require(done["steps"][0]["attempts"] == 1, f"it took {done['steps'][0]['attempts']} attempts")


@case("J8: a job waits for its step type also where its deadline is near")
def _(daemon):
    daemon.start()
    job = submit(daemon, {"name": "near", "deadline": "4s", "steps": [
        step("first", "demo.noop"), step("missing", "no.such")]})
    wait_for_state(daemon, job, "waiting")
    require_in(["waiting"], daemon.stepctl("-q", "job", "show", job).stdout)
    wait_for_state(daemon, job, "failed")


def library_without_steps():
    """The C library's file, as this process has it loaded."""
    lines = Path("/proc/self/maps").read_text(encoding="utf-8").splitlines()
    return next(line.split()[-1] for line in lines if "/libc.so" in line)


@case("a file that is no plugin is refused by name and the rest runs")
def _(daemon):
    whole = (daemon.build / "plugins/demo.so").read_bytes()
    (daemon.place / "plugins/early.so").write_text("not a library\n", encoding="utf-8")
    daemon.start()
    (daemon.place / "plugins/text.so").write_text("echo not a library\n", encoding="utf-8")
    (daemon.place / "plugins/half.so").write_bytes(whole[:len(whole) // 2])
    (daemon.place / "plugins/empty.so").touch()
    shutil.copy(library_without_steps(), daemon.place / "plugins/library.so")
    os.mkfifo(daemon.place / "plugins/pipe.so")
    (daemon.place / "plugins/folder.so").mkdir()
    shutil.copy(daemon.place / "plugins/demo.so", daemon.place / "plugins/twin.so")
    bad = {f"{name}.so" for name in (
        "early", "text", "half", "empty", "library", "pipe", "folder", "twin")}

    wait_for("all files are listed", lambda: bad <= set(plugins_by_file(daemon)))

    listed = plugins_by_file(daemon)
    for name in bad:
        require(listed[name]["refused"], f"{name} is listed and not refused: {listed[name]}")
    require(not listed["demo.so"]["refused"], f"demo.so is refused: {listed['demo.so']}")
    table = daemon.stepctl("plugin", "list").stdout
    for name in bad:
        line = next(line for line in table.splitlines() if name in line)
        require_in("refused", line)
    wait_for_state(daemon, submit(daemon, ("demo.noop",)), "succeeded")


def copy_small_plugin(daemon, name):
    shutil.copy(daemon.build / f"tests/plugin/modules/{name}.so", daemon.place / "plugins")


@case("a plugin that ends its process when it is started is refused and the daemon goes on")
def _(daemon):
    daemon.start()
    copy_small_plugin(daemon, "aborting_init")
    refused = wait_for("it is refused", lambda: plugins_by_file(daemon).get(
        "aborting_init.so", {}).get("refused"))
    require_in(["does not start: its process crashed: signal 6"], refused)
    wait_for_state(daemon, submit(daemon, ("demo.greet", {"name": "Ada"})), "succeeded")
    require(daemon.stop() == 0, "the daemon did not end in order")


@case("A7: a plugin that ends the daemon when it is started is refused from then on",
      config='in_process = ["test.aborting_init"]')
def _(daemon):
    daemon.start()
    copy_small_plugin(daemon, "aborting_init")
    require(daemon.ended(within=60), "the daemon outlived an abort in an init")

    for _ in range(2):
        daemon.start()
        refused = plugins_by_file(daemon)["aborting_init.so"]["refused"]
        require_in(["ended stepd when it was started", ".crashed"], refused)
        done = wait_for_state(daemon, submit(daemon, ("demo.greet", {"name": "Ada"})), "succeeded")
        require(done["output"] == {"text": "hello Ada"}, f"its output is {done['output']}")
        require(daemon.stop() == 0, "the daemon did not end in order")


@case("a plugin whose init hangs is refused and the daemon works and ends")
def _(daemon):
    copy_small_plugin(daemon, "hanging_init")
    daemon.start()

    require_in(["does not start within 10000 ms"],
               plugins_by_file(daemon)["hanging_init.so"]["refused"])
    wait_for_state(daemon, submit(daemon, ("demo.greet", {"name": "Ada"})), "succeeded")
    require(daemon.stop() == 0, "the daemon did not end in order")


@case("an installed stepd finds the plugins that were installed with it", plugins=())
def _(daemon):
    prefix = daemon.place / "installed"
    subprocess.run(["cmake", "--install", daemon.build, "--prefix", prefix], check=True,
                   capture_output=True)
    installed = Daemon(prefix, daemon.place)
    installed.command = [str(prefix / "bin/stepd"), "--state-dir", str(installed.state)]
    installed.start()
    try:
        files = {Path(plugin["file"]) for plugin in installed.get("/v1/plugins")["plugins"]}
        require(files == set((prefix / "lib/stepd/plugins").glob("*.so")) != set(),
                f"it found {files}")
        require(wait_for_state(
            installed, submit(installed, ("demo.greet", {"name": "Ada"})), "succeeded"), "")
    finally:
        installed.stop()


if __name__ == "__main__":
    sys.exit(main())
