#!/usr/bin/env python3
"""Searches every state of job.pml with spin, and judges whether the search shows anything.

usage: model_check.py FOLDER RUN...

FOLDER is where each run leaves its files. RUN is one of
  sound       two hosts, three steps, three crashes: the search is complete and finds nothing
  any_number  the same for any number of crashes
  alone       no host outlives its lease: the same holds without the participant's barrier
  ends        as alone: no run goes on for ever, unless it is disturbed for ever
  BUG         one of those planted: breaks the promise it must break
  bugs        each of them but no_fence
  sights      the search comes across what it must, or it shows nothing
  self_test   a search that is cut short is not taken for a complete one, and no promise is idle
"""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

MODEL = Path(__file__).resolve().parent / "job.pml"
PROMISES = MODEL.parent / "promises.pml"
COMPLETE = ("-O2", "-DMEMLIM=4000")
# Most of the time of a search that soon finds something goes into compiling it.
BRIEF = ("-O0", "-DMEMLIM=4000")
DEPTH = 10_000

SOUND = {
    "sound": (),
    "any_number": ("-DCRASHES=-1",),
    "alone": ("-DNO_OVERLAP", "-DBUG=no_barrier"),
    "ends": ("-DNO_OVERLAP", "-DCRASHES=-1", "-DENDS"),
}

# Bug -> the promise that the search must find broken first. `ends`: it makes a run without end.
BUGS = {
    "no_fence": "A8",
    "no_barrier": "C7",
    "acknowledges_unstored": "D2",
    "acts_before_commit": "A1",
    "compensates_beside_call": "A8",
    "compensates_in_any_order": "C2",
    "forgets_attempts": "A4",
    "ignores_policy_end": "A4",
    "keeps_unstored": "O2",
    "never_compensates_in_doubt": "C6",
    "refusal_forgets_effect": "C1",
    "renews_lost_lease": "D3",
    "repeats_after_success": "A1",
    "runs_settled_again": "J5",
    "starts_too_early": "J4",
    "takes_late_reports": "A1",
    "turns_too_late": "C3",
    "undoes_for_ever": "ends",
    "waits_for_lost_calls": "O2",
}


class Search:
    """One search, as pan tells of it."""

    def __init__(self, text):
        self.text = text
        self.errors = self._number(r"errors: (\d+)")
        self.states = self._number(r"(\d+) states, stored")
        broken = re.search(r"assertion violated .*\|\|(\w+)\) \(at depth", text)
        self.broken = broken[1] if broken else None
        if "non-progress cycle (at depth" in text:
            self.broken = "ends"
        self.megabytes = self._number(r"(\d+)[.\d]*\s+total actual memory usage")
        self.depth = self._number(r"depth reached (\d+)")

    def _number(self, pattern):
        found = re.search(pattern, self.text)
        return int(found[1]) if found else None

    def shortcomings(self):
        """What keeps it from being exhaustive, in pan's words."""
        words = ("Search not completed", "max search depth too small", "reached -DMEMLIM",
                 "out of memory", "Bit statespace", "Hash-Compact", "error:", "aborting")
        found = [each for each in words if each in self.text]
        if "Full statespace search for:" not in self.text:
            found.append("no full search of the state space")
        return found

    def line(self):
        return (f"{self.states:>10,} states, depth {self.depth}, {self.megabytes} MB, "
                f"{self.seconds:.1f} s of one core")


def require(command, folder):
    done = subprocess.run(command, cwd=folder, text=True, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, check=False)
    if done.returncode != 0:
        sys.exit(f"model_check: `{' '.join(map(str, command))}` failed:\n{done.stdout}")
    return done.stdout


def search(folder, name, switches, flags, depth=DEPTH):
    """Runs spin's verifier of the model in `folder`/`name`."""
    if not shutil.which("spin"):
        sys.exit("model_check: there is no spin; tools/setup tests installs it")
    place = folder / name
    shutil.rmtree(place, ignore_errors=True)
    place.mkdir(parents=True)
    require(("spin", "-a", *switches, MODEL), place)
    kind, options = ("-DNP", ("-l",)) if "-DENDS" in switches else ("-DSAFETY", ())
    require((os.environ.get("CC", "gcc"), *flags, kind, "-o", "pan", "pan.c"), place)
    before = os.times()
    text = require(("./pan", f"-m{depth}", "-n", *options), place)
    after = os.times()
    (place / "found.txt").write_text(text, encoding="utf-8")
    found = Search(text)
    found.seconds = after.children_user - before.children_user
    if found.errors:
        story = require(("spin", "-k", "job.pml.trail", "-T", *switches, MODEL), place)
        found.story = "".join(f"\n    {line}" for line in story.splitlines()
                              if line.startswith("host "))
    return found


def fault_of_sound(found):
    """Why a search does not show that the promises hold; None if it does."""
    if found.errors is None:
        return "pan said nothing about errors"
    if found.errors != 0:
        return f"promise {found.broken or '(none)'} is broken:{found.story}"
    if found.shortcomings():
        return "the search was not exhaustive: " + ", ".join(found.shortcomings())
    return None


def run_sound(folder, name):
    found = search(folder, name, SOUND[name], COMPLETE)
    print(f"{name}: {found.line()}")
    return fault_of_sound(found)


def run_bug(folder, bug):
    switches = SOUND["ends"] if BUGS[bug] == "ends" else ()
    found = search(folder, bug, (*switches, f"-DBUG={bug}"), BRIEF)
    print(f"{bug}: breaks {found.broken} after {found.line()}")
    if found.errors == 0:
        return f"{bug} was planted, and nothing was found"
    if found.broken != BUGS[bug]:
        return f"{bug} breaks {found.broken}, not {BUGS[bug]}:{found.story}"
    return None


def declared(path, pattern):
    """The names that a declaration of the model lists."""
    found = re.search(pattern, path.read_text(encoding="utf-8"))
    return [name.strip() for name in found[1].split(",")]


def run_sights(folder):
    for sight in sorted(set(declared(PROMISES, r"mtype:sight = \{([^}]*)\}")) - {"no_sight"}):
        found = search(folder, sight, (f"-DSIGHT={sight}",), BRIEF)
        if found.broken != "sighted":
            yield f"{sight} is never reached"
        print(f"{sight}: reached after {found.line()}")


def run_self_test(folder):
    cut_short = search(folder, "cut_short", (), BRIEF, depth=20)
    if "max search depth too small" not in cut_short.shortcomings():
        yield "a search of depth 20 was taken for a complete one"
    little_memory = search(folder, "little_memory", (), ("-O0", "-DMEMLIM=200"))
    if not fault_of_sound(little_memory):
        yield "a search that ran out of memory was taken for a complete one"
    with_bug = search(folder, "with_bug", ("-DBUG=no_fence",), BRIEF)
    if not fault_of_sound(with_bug):
        yield "a model without its fence was taken for a sound one"
    bugs = set(declared(MODEL, r"mtype:bug = \{([^}]*)\}")) - {"nothing"}
    if bugs != set(BUGS):
        yield f"not both in the model and in this script: {sorted(bugs ^ set(BUGS))}"
    promises = set(declared(PROMISES, r"hidden byte ([A-Z0-9, ]+);"))
    if promises != set(BUGS.values()) - {"ends"}:
        yield f"broken by no bug: {sorted(promises - set(BUGS.values()))}"
    print(f"{len(bugs)} bugs break {len(promises)} promises; a search cut short is known as such")


def run(folder, name):
    """The faults found, as sentences."""
    if name in SOUND:
        return [run_sound(folder, name)]
    if name in BUGS:
        return [run_bug(folder, name)]
    if name == "bugs":
        return [run_bug(folder, bug) for bug in BUGS if bug != "no_fence"]
    return {"sights": run_sights, "self_test": run_self_test}[name](folder)


def main(arguments):
    known = {*SOUND, *BUGS, "bugs", "sights", "self_test"}
    if len(arguments) < 2 or not known.issuperset(arguments[1:]):
        print(__doc__, file=sys.stderr)
        return 2
    folder = Path(arguments[0]).resolve()
    faults = [fault for name in arguments[1:] for fault in run(folder, name) if fault]
    print(*(f"model_check: {fault}" for fault in faults), sep="\n", end="\n" if faults else "")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
