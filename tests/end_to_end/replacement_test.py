#!/usr/bin/env python3
"""Builds of a plugin that take each other's place while jobs run on them."""

import os
import sys

from case import (case, main, require, require_in, step, submit, wait_for, wait_for_state,
                  wait_for_step)
from daemon import Daemon

BUILT_AS = b"1.000000.0"


def version(number):
    return f"1.{number:06}.0"


def put(daemon, number, module="versions", name="versions"):
    """Puts a build of this version in the place of the one there is, whole at once."""
    built = (daemon.build / f"tests/plugin/modules/{module}.so").read_bytes()
    whole = daemon.place / "whole.so"
    whole.write_bytes(built.replace(BUILT_AS, version(number).encode()))
    os.rename(whole, daemon.place / f"plugins/{name}.so")


def plugins(daemon, state):
    """The versions of the plugin that read as this, and what is said of them."""
    return {plugin["version"]: plugin for plugin in daemon.get("/v1/plugins")["plugins"]
            if plugin["id"] == "test.versions" and plugin["state"] == state}


def wait_until_loaded(daemon, number):
    return wait_for(f"build {number} is loaded",
                    lambda: plugins(daemon, "loaded").get(version(number)))


def modules_of(daemon, job):
    """The builds that a job's calls went to, by step and phase."""
    return [(entry["step"], entry["phase"], entry["module"]) for entry in daemon.journal(job)
            if entry["type"] == "call_started"]


def process_count(daemon):
    """How many processes run the plugin."""
    return len([name for name in os.listdir("/proc") if name.isdigit()
                and b"test.versions" in command_line(name)])


def command_line(process):
    try:
        with open(f"/proc/{process}/cmdline", "rb") as file:
            return file.read()
    except OSError:
        return b""


def saga(daemon, gate, *flags, **more):
    """Books, waits for the gate, and is turned back."""
    return submit(daemon, {"name": "saga", **more, "steps": [
        step("first", "versions.book"), step("gate", "versions.linger", {"file": str(gate)}),
        step("second", "versions.book"), step("end", "versions.refuse")]}, *flags)


@case("J2: a new build takes new calls and each step is undone by the one that executed it")
def _(daemon):
    put(daemon, 1)
    daemon.start()
    first = wait_until_loaded(daemon, 1)["module"]
    gate = daemon.place / "gate"
    job = saga(daemon, gate)
    wait_for_step(daemon, job, "gate", "running")

    put(daemon, 2)
    second = wait_until_loaded(daemon, 2)["module"]
    require(list(plugins(daemon, "replaced")) == [version(1)], "the build before is not listed")
    gate.touch()

    wait_for_state(daemon, job, "compensated")
    require(modules_of(daemon, job) == [
        ("first", "execute", first), ("gate", "execute", first), ("second", "execute", second),
        ("end", "execute", second), ("second", "compensate", second),
        ("first", "compensate", first)], f"its calls went to {modules_of(daemon, job)}")
    wait_for("the process of the old build has ended", lambda: process_count(daemon) == 1)


@case("J2: a job that is pinned runs on the build it was accepted with also after a kill")
def _(daemon):
    put(daemon, 1)
    daemon.start()
    first = wait_until_loaded(daemon, 1)["module"]
    gate = daemon.place / "gate"
    job = saga(daemon, gate, pin="exact")
    wait_for_step(daemon, job, "gate", "running")
    put(daemon, 2)
    wait_until_loaded(daemon, 2)

    daemon.kill()
    daemon.start()
    gate.touch()

    wait_for_state(daemon, job, "compensated")
    require({module for _, _, module in modules_of(daemon, job)} == {first},
            f"its calls went to {modules_of(daemon, job)}")
    require_in("exact", daemon.stepctl("job", "show", job).stdout)


@case("J8: a job waits while its plugin is taken away and goes on when it is back")
def _(daemon):
    put(daemon, 1)
    daemon.start()
    wait_until_loaded(daemon, 1)
    gate = daemon.place / "gate"
    job = saga(daemon, gate)
    wait_for_step(daemon, job, "gate", "running")

    (daemon.place / "plugins/versions.so").unlink()
    wait_for("it is withdrawn", lambda: plugins(daemon, "withdrawn"))
    gate.touch()
    wait_for_state(daemon, job, "waiting")
    require_in(["waiting for step type versions.book@1", "no loaded plugin"],
               daemon.stepctl("job", "why", job).stdout)

    put(daemon, 1)
    wait_for_state(daemon, job, "compensated")


@case("a job whose plugin is taken away is undone by the build that executed it")
def _(daemon):
    put(daemon, 1)
    daemon.start()
    first = wait_until_loaded(daemon, 1)["module"]
    gate = daemon.place / "gate"
    job = saga(daemon, gate)
    wait_for_step(daemon, job, "gate", "running")
    (daemon.place / "plugins/versions.so").unlink()
    wait_for("it is withdrawn", lambda: plugins(daemon, "withdrawn"))

    daemon.kill()
    daemon.start()
    daemon.stepctl("job", "cancel", job)

    wait_for_state(daemon, job, "cancelled")
    require(("first", "compensate", first) in modules_of(daemon, job),
            f"its calls went to {modules_of(daemon, job)}")


@case("other bytes under a version that jobs know are refused unless the daemon is for trying out")
def _(daemon):
    put(daemon, 1)
    daemon.start()
    first = wait_until_loaded(daemon, 1)["module"]
    job = saga(daemon, daemon.place / "gate")
    wait_for_step(daemon, job, "gate", "running")

    put(daemon, 1, "versions_failing")
    refused = wait_for("it is refused", lambda: plugins(daemon, "refused"))[version(1)]["refused"]
    require_in([f"is another build of test.versions {version(1)}", "--dev"], refused)
    require(wait_until_loaded(daemon, 1)["module"] == first, "the first build is not loaded")
    daemon.kill()
    daemon.start()
    require(wait_until_loaded(daemon, 1)["module"] == first, "the first build did not come back")

    daemon.kill()
    trying = Daemon(daemon.build, daemon.place, ["--dev"], daemon.place / "plugins")
    trying.start()
    try:
        require(wait_until_loaded(trying, 1)["module"] != first, "the new build is not loaded")
    finally:
        trying.kill()


@case("a build that fails where the one before it succeeded is taken back")
def _(daemon):
    put(daemon, 1)
    daemon.start()
    first = wait_until_loaded(daemon, 1)["module"]
    quick = {"attempts_max": 50, "initial": "10ms", "max": "10ms"}
    book = {"name": "book", "steps": [step("book", "versions.book", retry=quick)]}
    wait_for_state(daemon, submit(daemon, book), "succeeded")

    put(daemon, 2, "versions_failing")
    failing = wait_until_loaded(daemon, 2)["module"]
    job = submit(daemon, book)

    wait_for_state(daemon, job, "succeeded")
    calls = [module for _, _, module in modules_of(daemon, job)]
    require(calls[:3] == [failing] * 3 and calls[-1] == first, f"its calls went to {calls}")
    said = plugins(daemon, "refused")[version(2)]["refused"]
    require_in([f"was taken back for {version(1)}", "copy a corrected build here"], said)
    require_in("taken back", daemon.log.read_text(encoding="utf-8"))
    daemon.kill()
    daemon.start()
    require(wait_until_loaded(daemon, 1)["module"] == first, "the first build did not come back")

    put(daemon, 3)
    wait_until_loaded(daemon, 3)


if __name__ == "__main__":
    sys.exit(main())
