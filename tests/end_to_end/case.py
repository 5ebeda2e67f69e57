"""What the cases of this folder stand on: a daemon in a folder of its own, and what is asked of it.

A file of cases run by hand:

    python3 tests/end_to_end/stepctl_test.py BUILD          all of its cases
    python3 tests/end_to_end/stepctl_test.py BUILD NAME     the one of that name

BUILD is a folder with bin/ and plugins/, as build/dev. Ends with 0 when all passed, and with 77
when one was skipped.
"""

import sys

sys.dont_write_bytecode = True

import json
import shutil
import tempfile
import traceback
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "tools"))
from daemon import Daemon, Trouble, wait_for  # noqa: E402

SKIPPED = 77
SETTLED = {"succeeded", "compensated", "failed", "cancelled", "discarded"}
CASES = {}


class Skip(Exception):
    """Why a case cannot be tried on this machine."""


def case(name, plugins=("demo",), config=""):
    """Registers a case: a function of a daemon that is not started yet and has these plugins."""
    def register(function):
        CASES[name] = (function, plugins, config)
        return function
    return register


def require(holds, what):
    if not holds:
        raise AssertionError(what)


def require_in(parts, text):
    """Demands that a text says each of these."""
    for part in [parts] if isinstance(parts, str) else parts:
        require(part in text, f'"{part}" is not in: {text}')


def submit(daemon, job, *flags):
    """Submits and answers the id; the job may be one step, as (type, arguments)."""
    if isinstance(job, tuple):
        job = {"name": "one", "steps": [step("it", *job)]}
    return daemon.stepctl("-q", "job", "submit", "-", *flags, given=json.dumps(job)).stdout.strip()


def step(name, kind, args=None, **more):
    return {"id": name, "step": kind, "args": args or {}, **more}


def shown(daemon, job):
    return daemon.get(f"/v1/jobs/{job}")


def wait_for_state(daemon, job, *states):
    """The job once it is in one of these states."""
    def in_state():
        found = shown(daemon, job)
        return found if found["state"] in states else None

    try:
        return wait_for(f"job {job} is {' or '.join(states)}", in_state)
    except Trouble as trouble:
        raise Trouble(f"{trouble}; it is {json.dumps(shown(daemon, job))}") from None


def wait_for_step(daemon, job, name, state):
    def in_state():
        found = next(step for step in shown(daemon, job)["steps"] if step["id"] == name)
        return found if found["state"] == state else None

    return wait_for(f"step {name} of job {job} is {state}", in_state)


def run(build, name):
    function, plugins, config = CASES[name]
    # A socket's path may have 107 bytes: the folder stays short wherever the tree lies.
    place = Path(tempfile.mkdtemp(prefix="stepd-case-", dir="/tmp"))
    (place / "plugins").mkdir()
    for plugin in plugins:
        shutil.copy(build / "plugins" / f"{plugin}.so", place / "plugins")
    (place / "stepd.toml").write_text(config.replace("PLACE", str(place)), encoding="utf-8")
    daemon = Daemon(build, place, ["--config", place / "stepd.toml"], place / "plugins")
    try:
        function(daemon)
    except Skip as why:
        shutil.rmtree(place)
        print(f"SKIPPED {name}: {why}")
        return SKIPPED
    except Exception as error:
        told = isinstance(error, (AssertionError, Trouble))
        print(f"FAILED {name}\n{error if told else traceback.format_exc()}\n"
              f"all is kept in {place}; the daemon's last words:")
        print(daemon.last_words() if daemon.log.exists() else "none")
        return 1
    finally:
        daemon.kill()
    shutil.rmtree(place)
    print(f"passed {name}")
    return 0


def main():
    if not 2 <= len(sys.argv) <= 3 or (len(sys.argv) == 3 and sys.argv[2] not in CASES):
        print(f"{__doc__}\nThe cases here:", *CASES, sep="\n  ", file=sys.stderr)
        return 2
    results = {run(Path(sys.argv[1]).resolve(), name) for name in sys.argv[2:] or CASES}
    return next((result for result in (1, SKIPPED) if result in results), 0)
