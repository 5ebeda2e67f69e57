#!/usr/bin/env python3
"""Jobs run while the build of their plugin is replaced again and again.

Afterwards it demands that every job has settled as it should, that no step was called twice or on a
build that was never there, that each was undone by the build that executed it, and that the daemon
holds no more processes, descriptors and copies than it began with.
"""

import sys

sys.dont_write_bytecode = True

import argparse
import collections
import json
import os
import shutil
import tempfile
import threading
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "tools"))
from daemon import Daemon, Trouble, wait_for  # noqa: E402

BUILT_AS = b"1.000000.0"
BATCH = 20
MEMORY_GROWTH_MAX = 64 << 20  # bytes: freed memory stays with the daemon


def job(number):
    steps = [{"id": "first", "step": "versions.book"}, {"id": "second", "step": "versions.book"}]
    if number % 2:
        steps.append({"id": "end", "step": "versions.refuse"})
    pin = ("compatible", "exact", "latest")[number % 3]
    return {"name": "storm", "key": f"storm-{number}", "pin": pin, "steps": steps}


class Storm:
    def __init__(self, arguments):
        self.replacements = arguments.replacements
        self.folder = Path(tempfile.mkdtemp(prefix="stepd-builds-"))
        self.module = (arguments.build / "tests/plugin/modules/versions.so").read_bytes()
        self.plugins = self.folder / "plugins"
        self.plugins.mkdir()
        # The address sanitizer keeps what was freed, which is no leak.
        options = os.environ.get("ASAN_OPTIONS", "")
        os.environ["ASAN_OPTIONS"] = (
            f"{options}:quarantine_size_mb=4:thread_local_quarantine_size_kb=64")
        self.daemon = Daemon(arguments.build, self.folder, ["--log-level", "warn"], self.plugins)
        self.jobs = []
        self.builds = set()
        self.ended = threading.Event()
        self.trouble = None

    def replace(self, number):
        """Another build, whole at once; returns once it is loaded."""
        version = f"1.{number:06}.0"
        whole = self.folder / "whole.so"
        whole.write_bytes(self.module.replace(BUILT_AS, version.encode()))
        os.rename(whole, self.plugins / "versions.so")

        def loaded():
            return next((plugin for plugin in self.daemon.get("/v1/plugins")["plugins"]
                         if plugin["version"] == version and plugin["state"] == "loaded"), None)

        self.builds.add(wait_for(f"build {version} is loaded", loaded)["module"])

    def submit(self):
        """Keeps the daemon busy until it is told to end."""
        try:
            while not self.ended.is_set():
                first = len(self.jobs)
                for number in range(first, first + BATCH):
                    self.jobs.append(self.accepted(job(number)))
                wait_for("the last job settles", lambda: self.settled(self.jobs[-1]))
        except Trouble as trouble:
            self.trouble = trouble

    def accepted(self, body):
        status, text = self.daemon.ask("POST", "/v1/jobs", json.dumps(body))
        if status not in (200, 201):
            raise Trouble(f"a submit was answered {status}: {text}")
        return json.loads(text)["id"]

    def settled(self, identity):
        shown = self.daemon.get(f"/v1/jobs/{identity}")
        return shown if shown["settled_at"] else None

    def run(self):
        self.replace_before_start()
        self.daemon.start()
        self.replace(1)
        self.jobs.append(self.accepted(job(0)))
        wait_for("the first job settles", lambda: self.settled(self.jobs[0]))
        before = self.held()
        submitting = threading.Thread(target=self.submit)
        submitting.start()
        for number in range(2, self.replacements + 1):
            self.replace(number)
        self.ended.set()
        submitting.join()
        if self.trouble:
            raise self.trouble
        used = collections.Counter()
        for number, identity in enumerate(self.jobs):
            self.judge(number, identity, used)
        self.judge_what_is_held(before)
        return used

    def replace_before_start(self):
        (self.plugins / "versions.so").write_bytes(self.module)

    def judge(self, number, identity, used):
        shown = wait_for(f"job {identity} settles", lambda: self.settled(identity))
        expected = "compensated" if number % 2 else "succeeded"
        if shown["state"] != expected:
            raise Trouble(f"job {identity} is {shown['state']}, not {expected}")
        calls = [entry for entry in self.daemon.journal(identity)
                 if entry["type"] == "call_started"]
        modules = {}
        for call in calls:
            place = (call["step"], call["phase"])
            if place in modules:
                raise Trouble(f"{place} of job {identity} was called twice")
            if call["module"] not in self.builds:
                raise Trouble(f"{place} of job {identity} ran on {call['module']}, which never was")
            modules[place] = call["module"]
            used[call["module"]] += 1
        if len(calls) != (5 if number % 2 else 2):
            raise Trouble(f"job {identity} has {len(calls)} calls")
        for (name, phase), module in modules.items():
            if phase == "compensate" and modules[(name, "execute")] != module:
                raise Trouble(f"{name} of job {identity} was undone by another build")
            if number % 3 == 1 and module != modules[("first", "execute")]:
                raise Trouble(f"{name} of job {identity}, pinned exactly, ran on another build")

    def held(self):
        process = f"/proc/{self.daemon.process_id()}"
        pages = int(Path(f"{process}/statm").read_text(encoding="utf-8").split()[1])
        return {"descriptors": len(os.listdir(f"{process}/fd")),
                "memory": pages * os.sysconf("SC_PAGESIZE"),
                "processes": len(self.children())}

    def children(self):
        """The processes that the daemon has started and that have not ended."""
        def parent(process):
            try:
                stat = Path(f"/proc/{process}/stat").read_text(encoding="utf-8")
            except OSError:
                return None
            state, parent = stat.rpartition(")")[2].split()[:2]
            return int(parent) if state != "Z" else None

        return [process for process in os.listdir("/proc")
                if process.isdigit() and parent(process) == self.daemon.process_id()]

    def judge_what_is_held(self, before):
        wait_for("one process is left", lambda: len(self.children()) <= before["processes"])
        after = self.held()
        if after["descriptors"] > before["descriptors"] + 5:
            raise Trouble(f"descriptors leak: {before} before, {after} after")
        if after["memory"] > before["memory"] + MEMORY_GROWTH_MAX:
            raise Trouble(f"memory leaks: {before} before, {after} after")
        self.daemon.kill()
        self.daemon.start()
        copies = [file for file in os.listdir(self.daemon.state / "modules")
                  if file.endswith(".so")]
        if len(copies) != 1:
            raise Trouble(f"{len(copies)} copies are left of builds that no job refers to")


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("build", type=Path, help="a folder with bin/stepd and tests/plugin/modules")
    parser.add_argument("--replacements", type=int, default=1000)
    arguments = parser.parse_args()
    storm = Storm(arguments)
    began = time.monotonic()
    try:
        used = storm.run()
    except Trouble as trouble:
        print(f"FAILED: {trouble}\nall is kept in {storm.folder}\n{storm.daemon.last_words()}")
        return 1
    finally:
        storm.daemon.kill()
    print(f"{arguments.replacements} replacements in {time.monotonic() - began:.0f} s; "
          f"{len(storm.jobs)} jobs, whose {sum(used.values())} calls ran on {len(used)} builds: "
          "none lost, none called twice, each undone by the build that executed it, nothing leaked")
    shutil.rmtree(storm.folder)
    return 0


if __name__ == "__main__":
    sys.exit(main())
