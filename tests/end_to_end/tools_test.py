#!/usr/bin/env python3
"""The quickstart's story and the bench, run whole against the build under test."""

import json
import shutil
import signal
import subprocess
import sys
from pathlib import Path

from case import case, main, require, require_in
from daemon import wait_for

STORY = Path(__file__).resolve().parents[2] / "tools/quickstart_story.py"

# Figures that may be nought where nothing happens in so short a time.
MAY_BE_NOUGHT = {"idle, wake-ups of all threads"}
COMPARED = {"drain", "drain, in process", "contained call, p50", "submit",
            "submit in batches of 100", "alone, p50", "first jobs of a large backlog",
            "ten steps side by side", "timers set", "timers fired, all at once",
            "subtasks of one task"}
FIGURES = {"floor", "alone, p99", "idle, resident", "idle, of it not of files",
           "start of a plugin's process, p50", "resident with it, at most",
           "start after a kill, first job done", "resident with the timers",
           "resident with its subtasks, at most", *COMPARED, *MAY_BE_NOUGHT}
GAVE_UP_AFTER = 60_000  # milliseconds


def processes_of(place):
    """The command lines of the processes that name a folder."""
    found = []
    for file in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            words = file.read_bytes().decode(errors="replace").replace("\0", " ")
        except OSError:
            continue  # it ended meanwhile
        if place in words:
            found.append(words)
    return found


def start_story(daemon):
    """The running story, and the folder that it makes."""
    story = subprocess.Popen([sys.executable, str(STORY), str(daemon.build)], text=True,
                             stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    first = story.stdout.readline().strip()
    require(first.startswith("starting stepd in /tmp/stepd-quickstart-"), f"it begins: {first}")
    return story, first.removeprefix("starting stepd in ")


@case("the quickstart proves that the money is conserved and leaves no process behind")
def _(daemon):
    story, place = start_story(daemon)
    said = story.stdout.read()
    require(story.wait() == 0, f"it ended with {story.returncode}:\n{said}")
    require_in(["kill -9         3", "conserved to the cent, and no transfer was applied twice",
                "found its account closed, and was compensated", "What to try next"], said)
    require(said.count("The journal of one that") == 2, f"two journals are not in:\n{said}")
    require(not processes_of(place), f"it left behind: {processes_of(place)}")
    shutil.rmtree(place)


@case("a quickstart that is interrupted leaves no process behind")
def _(daemon):
    story, place = start_story(daemon)
    wait_for("the story's daemon runs", lambda: processes_of(f"{place}/state"))
    story.send_signal(signal.SIGINT)
    story.stdout.read()
    require(story.wait() == 130, f"it ended with {story.returncode}, not 130")
    require(not processes_of(place), f"it left behind: {processes_of(place)}")
    shutil.rmtree(place)


@case("the bench gives every figure at a tiny size")
def _(daemon):
    folder = daemon.place / "bench"
    folder.mkdir()
    ran = subprocess.run(
        [str(daemon.build / "bin/stepd-bench"), "--jobs", "2000", "--alone", "3",
         "--backlog", "3000", "--unsettled", "3000", "--timers", "500", "--subtasks", "500",
         "--calls", "2000", "--folder", str(folder), "--json"],
        capture_output=True, text=True, check=False, timeout=200)
    require(ran.returncode == 0, f"it ended with {ran.returncode}:\n{ran.stdout}{ran.stderr}")
    figures = {figure["name"]: figure for figure in json.loads(ran.stdout)["figures"]}
    require(set(figures) == FIGURES, f"the figures differ: {set(figures) ^ FIGURES}")
    for name, figure in figures.items():
        require(figure["unit"], f"{name} has no unit")
        require(figure["value"] > 0 or name in MAY_BE_NOUGHT, f"{name} is {figure['value']}")
    for name in COMPARED:
        figure = figures[name]
        require(figure["floor"] > 0 and figure["ratio"] > 0, f"{name} has no floor: {figure}")
    start = figures["start after a kill, first job done"]["value"]
    require(start < GAVE_UP_AFTER, f"no job was done in {start} ms after the kill")


@case("the bench gives what is asked for alone and refuses a name it does not know")
def _(daemon):
    folder = daemon.place / "bench"
    folder.mkdir()
    bench = [str(daemon.build / "bin/stepd-bench"), "--folder", str(folder), "--jobs", "2000",
             "--alone", "3", "--only"]
    ran = subprocess.run([*bench, "alone", "--json"], capture_output=True, text=True,
                         check=False, timeout=100)
    require(ran.returncode == 0, f"it ended with {ran.returncode}:\n{ran.stdout}{ran.stderr}")
    names = {figure["name"] for figure in json.loads(ran.stdout)["figures"]}
    require(names == {"floor", "alone, p50", "alone, p99"}, f"the figures are {names}")

    ran = subprocess.run([*bench, "speed"], capture_output=True, text=True, check=False,
                         timeout=100)
    require(ran.returncode == 2, f"it ended with {ran.returncode}:\n{ran.stdout}{ran.stderr}")
    require_in(["speed", "drain"], ran.stderr)


if __name__ == "__main__":
    sys.exit(main())
