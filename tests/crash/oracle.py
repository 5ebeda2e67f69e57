#!/usr/bin/env python3
"""Judges a storm from outside: what the daemon tells of each job, and the ledgers of the banks.

usage: oracle.py --self-test   plant lies in sound records and ledgers; demand that each is found
"""

import sys

sys.dont_write_bytecode = True

import tempfile
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "tools"))
from audit_ledgers import audit_ledgers, make_ledgers  # noqa: E402

ENDS = {"succeeded", "compensated"}


@dataclass
class Record:
    """One acknowledged job as the daemon tells of it when all is over."""

    job: str
    key: str            # what it was sent with
    shown: dict         # GET /v1/jobs/{id}
    journal: list       # all entries, in order
    saga: set           # the ids of its steps that can be undone
    memos: list         # its payments: each moves money from one bank to another, or not at all
    seen: list = field(default_factory=list)  # the beginning of the journal, as read earlier


class Course:
    """Walks one journal and notes every entry that a rule forbids where it stands."""

    def __init__(self, record):
        self.steps = [step["id"] for step in record.shown["steps"]]
        self.saga = record.saga
        self.running = {}     # step -> number of its call
        self.last_call = 0
        self.succeeded = []
        self.compensated = []
        self.back = False
        self.end = None
        self.faults = []
        for entry in record.journal:
            if self.end:
                self.faults.append(f"{entry['type']} after it had settled")
            follow = getattr(self, f"on_{entry['type']}", None)
            if follow:
                follow(entry)
        if self.end is None:
            self.faults.append("its journal has no end")

    def demand(self, holds, fault):
        if not holds:
            self.faults.append(fault)

    def on_call_started(self, entry):
        step, call = entry["step"], entry["call"]
        self.demand(not self.running, f"{step} was called while {list(self.running)} ran")
        self.demand(call > self.last_call, f"call {call} of {step} comes after {self.last_call}")
        self.last_call = call
        self.running[step] = call
        before = self.steps[:self.steps.index(step)]
        if entry["phase"] == "execute":
            self.demand(step not in self.succeeded, f"{step} ran again after it had succeeded")
            self.demand(not self.back, f"{step} ran forward after the job had turned back")
            self.demand(set(before) <= set(self.succeeded), f"{step} started too early")
        else:
            self.demand(self.back, f"{step} was undone while the job went forward")
            self.demand(step in self.saga, f"{step} cannot be undone and was")
            self.demand(step not in self.compensated, f"{step} was undone again")
            late = [other for other in self.succeeded if other in self.saga
                    and other not in [*before, step] and other not in self.compensated]
            self.demand(not late, f"{step} was undone before {late}")

    def on_call_ended(self, entry):
        step = entry["step"]
        self.demand(self.running.pop(step, None) == entry["call"],
                    f"call {entry['call']} of {step} ended and was not running")

    def on_step_moved(self, entry):
        step = entry["step"]
        if entry["state"] == "succeeded":
            self.demand(step not in self.succeeded, f"{step} succeeded twice")
            self.succeeded.append(step)
        if entry["state"] == "compensated":
            self.demand(step not in self.compensated, f"{step} was compensated twice")
            self.compensated.append(step)

    def on_turned_back(self, entry):
        self.demand(not self.back, "it turned back twice")
        self.back = True

    def on_settled(self, entry):
        self.end = entry["state"]
        self.demand(not self.running, f"it settled while {list(self.running)} ran")


def judge_end(course, shown):
    """Whether the end is that of the steps, and what is shown is what the journal says."""
    if course.end == "succeeded":
        course.demand(course.succeeded == course.steps,
                      f"it succeeded with {course.succeeded} of {course.steps}")
        course.demand(not course.compensated and not course.back, "it succeeded and turned back")
    if course.end == "compensated":
        course.demand(course.back, "it is compensated and never turned back")
        undone = [step for step in reversed(course.steps) if step in course.compensated]
        course.demand(course.compensated == undone,
                      f"it was undone in the order {course.compensated}, not {undone}")
        owed = [step for step in course.succeeded
                if step in course.saga and step not in course.compensated]
        course.demand(not owed, f"it is compensated, and {owed} succeeded and was not undone")
    course.demand(shown["state"] == course.end,
                  f"is shown as {shown['state']}, its journal ends {course.end}")
    for step in shown["steps"]:
        for state, steps in (("compensated", course.compensated), ("succeeded", course.succeeded)):
            if step["state"] == state:
                course.demand(step["id"] in steps,
                              f"{step['id']} is shown as {state}, its journal does not say so")


def judge_job(record):
    """The faults of one job, as sentences."""
    course = Course(record)
    course.demand(record.shown["id"] == record.job and record.shown["key"] == record.key,
                  f"is shown as {record.shown['id']} with the key {record.shown['key']}")
    course.demand(course.end in ENDS, f"ended as {course.end}, which no transfer here can")
    course.demand(record.journal[:len(record.seen)] == record.seen,
                  "its journal no longer begins with what a reader was shown")
    judge_end(course, record.shown)
    return [f"job {record.job} ({record.key}): {fault}" for fault in course.faults]


def judge(records, ledgers):
    """(how many jobs ended how, the audit of the ledgers, all faults as sentences)."""
    ends = Counter(record.shown["state"] for record in records)
    faults = [fault for record in records for fault in judge_job(record)]
    faults += [f"no job ended as {end}: the storm shows nothing" for end in ENDS if not ends[end]]
    audit = audit_ledgers(ledgers, {memo: record.shown["state"] for record in records
                                    for memo in record.memos})
    return ends, audit, faults + audit.faults


# What the self-test plants -----------------------------------------------------------------------


def call(step, number, phase, outcome, state):
    return [{"type": "call_started", "step": step, "phase": phase, "call": number},
            {"type": "call_ended", "step": step, "call": number, "outcome": outcome},
            {"type": "step_moved", "step": step, "phase": phase, "state": state}]


def sound_records():
    """Of the ledgers of `make_ledgers`: t1 succeeded, t2 was refused after two steps, undone."""
    done = [{"type": "submitted"}, *call("out", 1, "execute", "lost", "retrying"),
            *call("out", 2, "execute", "succeeded", "succeeded"),
            *call("fee", 3, "execute", "succeeded", "succeeded"),
            *call("in", 4, "execute", "succeeded", "succeeded"),
            {"type": "settled", "state": "succeeded"}]
    undone = [{"type": "submitted"}, *call("out", 1, "execute", "succeeded", "succeeded"),
              *call("fee", 2, "execute", "succeeded", "succeeded"),
              *call("in", 3, "execute", "refused", "abandoned"),
              {"type": "turned_back", "step": "in"},
              *call("fee", 4, "compensate", "succeeded", "compensated"),
              *call("out", 5, "compensate", "succeeded", "compensated"),
              {"type": "settled", "state": "compensated"}]

    def record(key, state, journal, states):
        shown = {"id": f"job-{key}", "key": key, "state": state,
                 "steps": [{"id": step, "state": moved} for step, moved in states]}
        return Record(f"job-{key}", key, shown, journal, {"out", "fee", "in"}, [key], journal[:4])

    ok, back = "succeeded", "compensated"
    return [record("t1", ok, done, [("out", ok), ("fee", ok), ("in", ok)]),
            record("t2", back, undone, [("out", back), ("fee", back), ("in", "abandoned")])]


LIES = []  # (what, words of the fault that tells of it, what plants it)


def lie(what, found_as):
    """Registers a function that falsifies the records of a succeeded and a compensated job."""
    return lambda plant: LIES.append((what, found_as, plant))


@lie("a step recorded as succeeded ran again", "ran again after it had succeeded")
def _(done, _):
    done.journal[7:7] = call("out", 9, "execute", "succeeded", "succeeded")


@lie("a step was undone and ran again", "ran forward after the job had turned back")
def _(_, undone):
    undone.journal[-1:-1] = call("fee", 9, "execute", "succeeded", "retrying")


@lie("the first step was undone before the second", "was undone in the order ['out', 'fee']")
def _(_, undone):
    undone.journal[11:14], undone.journal[14:17] = undone.journal[14:17], undone.journal[11:14]


@lie("a succeeded saga step was never undone", "['fee'] succeeded and was not undone")
def _(_, undone):
    del undone.journal[11:14]


@lie("no step was undone at all", "['out', 'fee'] succeeded and was not undone")
def _(_, undone):
    del undone.journal[11:17]


@lie("something ran after the job had settled", "after it had settled")
def _(_, undone):
    undone.journal += call("out", 9, "compensate", "succeeded", "compensated")


@lie("the job never settled", "its journal has no end")
def _(done, _):
    del done.journal[-1]


@lie("a step started before the one it comes after", "fee started too early")
def _(done, _):
    done.journal[4:10] = done.journal[7:10] + done.journal[4:7]


@lie("two calls ran at once", "was called while ['out'] ran")
def _(done, _):
    done.journal[4], done.journal[3] = done.journal[3], done.journal[4]
    del done.journal[2]


@lie("a call ended that had not started", "ended and was not running")
def _(done, _):
    del done.journal[7]


@lie("a compensation began before the job turned back", "was undone while the job went forward")
def _(_, undone):
    undone.journal.insert(13, undone.journal.pop(10))


@lie("a succeeded job left a step out", "it succeeded with ['out', 'in']")
def _(done, _):
    del done.journal[7:10]


@lie("a succeeded job undid a step", "it succeeded and turned back")
def _(done, _):
    done.journal[-1:-1] = call("in", 9, "compensate", "succeeded", "compensated")


@lie("an acknowledged job is not the one that was sent", "with the key t7")
def _(done, _):
    done.shown["key"] = "t7"


@lie("what is shown is not what was recorded", "in is shown as succeeded")
def _(_, undone):
    undone.shown["steps"][2]["state"] = "succeeded"


@lie("what a reader saw was gone after a kill", "no longer begins with")
def _(done, _):
    done.seen = [*done.seen, {"type": "paused"}]


@lie("a job ended as no transfer can", "ended as failed")
def _(_, undone):
    undone.shown["state"] = undone.journal[-1]["state"] = "failed"


@lie("a job that is compensated in the record moved its money", "compensated, and still moved")
def _(_, undone):
    undone.memos = ["t1"]


@lie("a job that succeeded in the record moved no money", "succeeded, and its movements are")
def _(done, _):
    done.memos = ["t3"]


def self_test():
    missed = 0
    with tempfile.TemporaryDirectory() as ledgers:
        make_ledgers(ledgers)
        _, _, faults = judge(sound_records(), ledgers)
        if faults:
            print("self-test: a sound storm was found faulty:", *faults, sep="\n  ")
            return 1
        for end in (0, 1):
            faults = judge(sound_records()[end:end + 1], ledgers)[2]
            if not any("the storm shows nothing" in fault for fault in faults):
                print("self-test: a storm in which all jobs end the same was not found")
                missed += 1
        for what, found_as, plant in LIES:
            records = sound_records()
            plant(*records)
            faults = judge(records, ledgers)[2]
            if not any(found_as in fault for fault in faults):
                print(f"self-test: that {what} was not found; found was: {faults}")
                missed += 1
    if missed:
        return 1
    print(f"self-test: {len(LIES) + 2} lies found, and the sound storm passed")
    return 0


if __name__ == "__main__":
    if sys.argv[1:] != ["--self-test"]:
        print(__doc__, file=sys.stderr)
        sys.exit(2)
    sys.exit(self_test())
