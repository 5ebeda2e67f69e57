#!/usr/bin/env python3
"""The disk is full for a while: a small file system of its own holds the state folder."""

import contextlib
import errno
import json
import os
import subprocess
import sys

from case import SETTLED, Skip, case, main, require, require_in, shown, step, wait_for

BALLAST = "A" * 900_000


@contextlib.contextmanager
def small_disk(daemon):
    """A file system of 64 MiB at the state folder."""
    daemon.state.mkdir()
    mount = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=64m,mode=700", "tmpfs", str(daemon.state)],
        capture_output=True, text=True, check=False)
    if mount.returncode != 0:
        raise Skip(f"this user may mount nothing here: {mount.stderr.strip()}")
    try:
        yield
    finally:
        daemon.kill()
        subprocess.run(["umount", str(daemon.state)], check=True)


def fill(file):
    """Writes until there is no room for one more byte."""
    with file.open("wb", buffering=0) as filler:
        for size in (1 << 20, 4096, 1):
            try:
                while True:
                    filler.write(b"\0" * size)
            except OSError as error:
                require(error.errno == errno.ENOSPC, f"filling the disk failed: {error}")


def submit_ballast(daemon, number, answers):
    """Answers the status; an id that was acknowledged goes to `answers`."""
    job = {"name": "ballast", "key": f"b{number}", "args": {"ballast": BALLAST},
           "steps": [step("it", "demo.noop")]}
    status, text = daemon.ask("POST", "/v1/jobs", json.dumps(job))
    if status in (200, 201):
        answers[number] = json.loads(text)["id"]
    return status, text


@case("D4: a full disk refuses submits and answers reads and goes on when there is room")
def _(daemon):
    if os.geteuid() != 0:
        raise Skip("only root may mount a file system")
    with small_disk(daemon):
        daemon.start()
        acknowledged = {}
        require(submit_ballast(daemon, 0, acknowledged)[0] == 201, "refused while there is room")
        filler = daemon.state / "filler"
        fill(filler)

        # What the database has already taken of the disk it can still use up.
        for number in range(1, 100):
            status, text = submit_ballast(daemon, number, acknowledged)
            if number not in acknowledged:
                break
        require(status == 507, f"submits into a full disk end with {status}: {text}")
        require_in("disk", json.loads(text)["detail"])
        said = daemon.stepctl("job", "submit", "-", check=False, given=json.dumps(
            {"name": "one", "args": {"ballast": BALLAST}, "steps": [step("it", "demo.noop")]}))
        require(said.returncode == 1, f"stepctl ended with {said.returncode}: {said.stderr}")
        require_in("disk", said.stderr)
        for job in acknowledged.values():
            require(shown(daemon, job)["id"] == job, f"job {job} is not shown")
        require(daemon.get("/v1/status")["storage"]["trouble"], "the status tells of no trouble")

        filler.unlink()

        def accepted_again():
            return submit_ballast(daemon, number, acknowledged)[0] in (200, 201)

        wait_for("submits are accepted again", accepted_again)
        wait_for("the trouble is over",
                 lambda: not daemon.get("/v1/status")["storage"]["trouble"])

        require(daemon.stop() == 0, "it did not end in good order")
        daemon.start()
        wait_for("every acknowledged job settles", lambda: all(
            shown(daemon, job)["state"] in SETTLED for job in acknowledged.values()))
        for job in acknowledged.values():
            require(shown(daemon, job)["state"] == "succeeded", f"{job} did not succeed")


@case("D4: a start on a full disk waits for room and then goes on by itself")
def _(daemon):
    if os.geteuid() != 0:
        raise Skip("only root may mount a file system")
    with small_disk(daemon):
        filler = daemon.state / "filler"
        fill(filler)
        daemon.launch()
        wait_for("it says what it waits for",
                 lambda: "cannot start before there is room" in daemon.last_words())
        require(not daemon.ended(within=0), "it ended instead of waiting")
        filler.unlink()
        wait_for("it answers", lambda: daemon.stepctl("status", check=False).returncode == 0)


@case("D4: a start that waits for room can be ended")
def _(daemon):
    if os.geteuid() != 0:
        raise Skip("only root may mount a file system")
    with small_disk(daemon):
        fill(daemon.state / "filler")
        daemon.launch()
        wait_for("it says what it waits for",
                 lambda: "cannot start before there is room" in daemon.last_words())
        require(daemon.stop() == 0, "it did not end in good order")


if __name__ == "__main__":
    sys.exit(main())
