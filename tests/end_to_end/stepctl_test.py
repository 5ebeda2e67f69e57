#!/usr/bin/env python3
"""stepctl against the real daemon: submitting and looking."""

import json
import sys

from case import case, main, require, require_in, shown, step, submit, wait_for_state

GREETING = {"name": "hello", "steps": [step("greet", "demo.greet", {"name": "Ada"})]}
REFUSED = {"name": "no", "steps": [step("never", "demo.refuse")]}


def ends_with(daemon, code, *arguments, given=None):
    """Runs stepctl and demands this exit code; what it said on stdout and stderr."""
    answer = daemon.stepctl(*arguments, check=False, given=given)
    require(answer.returncode == code,
            f"stepctl {' '.join(map(str, arguments))} ended with {answer.returncode}, not {code}:\n"
            f"{answer.stdout}{answer.stderr}")
    return answer


def json_of(daemon, *arguments, given=None):
    return json.loads(daemon.stepctl("--output", "json", *arguments, given=given).stdout)


def require_members(document, names):
    missing = set(names.split()) - set(document)
    require(not missing, f"{missing} are not in {document}")


@case("submit prints the id alone and its exit code with --wait is that of the job")
def _(daemon):
    daemon.start()

    good = ends_with(daemon, 0, "job", "submit", "-", "--wait", given=json.dumps(GREETING))
    bad = ends_with(daemon, 1, "job", "submit", "-", "--wait", given=json.dumps(REFUSED))

    for answer, state in ((good, "succeeded"), (bad, "failed")):
        job = answer.stdout.splitlines()[0]
        require(shown(daemon, job)["state"] == state, f"{job} is not {state}")
    require_in("hello Ada", good.stderr + good.stdout)
    require_in("refused_as_asked", bad.stderr)


@case("J3: a key sent again answers the first job and with other content is refused")
def _(daemon):
    daemon.start()
    other = {**GREETING, "args": {"other": 1}}
    first = submit(daemon, GREETING, "--key", "once")

    require(submit(daemon, GREETING, "--key", "once") == first, "the key made a second job")
    again = json_of(daemon, "job", "submit", "-", "--key", "once", given=json.dumps(GREETING))
    refused = ends_with(daemon, 1, "job", "submit", "-", "--key", "once", given=json.dumps(other))

    require(again["id"] == first and again["existing"] is True, f"answered {again}")
    require_in([first, "other content"], refused.stderr)
    require(len(json_of(daemon, "job", "list")["jobs"]) == 1, "there is more than one job")


@case("a file of many jobs is answered line by line and a broken line takes no other with it")
def _(daemon):
    daemon.start()
    lines = [json.dumps(GREETING), '{"name": "broken", "steps": []}', json.dumps(GREETING)]

    answer = ends_with(daemon, 1, "job", "submit", "-", given="\n".join(lines))

    require(len(answer.stdout.split()) == 2, f"two ids are not in {answer.stdout}")
    require_in(["stdin:2", "/steps"], answer.stderr)
    require(len(json_of(daemon, "job", "list")["jobs"]) == 2, "not two jobs are there")


@case("list and show and why and watch tell of a job in tables and in documents")
def _(daemon):
    daemon.start()
    done = submit(daemon, GREETING, "--wait").split()[0]
    waiting = submit(daemon, ("demo.suspend", {"milliseconds": 600_000}))
    wait_for_state(daemon, waiting, "waiting")

    require(daemon.stepctl("-q", "job", "list", "--state", "succeeded").stdout.split() == [done],
            "list --state succeeded does not list the one")
    listed = json_of(daemon, "job", "list", "--state", "waiting")
    require([job["id"] for job in listed["jobs"]] == [waiting] and listed["next"] is None,
            f"list --state waiting: {listed}")
    require_members(listed["jobs"][0],
                    "id name key state attention created_at due needs settled_at")

    document = json_of(daemon, "job", "show", done, "--journal")
    require_members(document, "id state reason steps args output journal")
    require_members(document["steps"][0], "id type state attempts output error")
    require(document["journal"][-1]["entries"][-1] == {"type": "settled", "state": "succeeded"},
            f"the journal ends {document['journal'][-1]}")
    require_in(["greet", "succeeded", "hello Ada"], daemon.stepctl("job", "show", done).stdout)
    require_in("settled: succeeded", daemon.stepctl("job", "show", done, "--journal").stdout)

    why = json_of(daemon, "job", "why", waiting)
    require_members(why, "id state reasons")
    require(why["reasons"][0]["step"] == "it" and why["reasons"][0]["until"],
            f"why does not say until when: {why}")

    watched = daemon.stepctl("--output", "json", "job", "watch", done).stdout.splitlines()
    require(json.loads(watched[-1])["settled"]["id"] == done, f"watch ends {watched[-1]}")


@case("a long list comes in pages and --all takes every one of them")
def _(daemon):
    daemon.start()
    lines = "\n".join(json.dumps({**GREETING, "key": f"k{number}"}) for number in range(130))
    sent = daemon.stepctl("-q", "job", "submit", "-", given=lines).stdout.split()

    page = json_of(daemon, "job", "list", "--limit", "100")
    rest = json_of(daemon, "job", "list", "--limit", "100", "--before", page["next"])
    every = daemon.stepctl("-q", "job", "list", "--all").stdout.split()

    listed = [job["id"] for job in page["jobs"] + rest["jobs"]]
    require(len(page["jobs"]) == 100 and rest["next"] is None, f"next is {rest['next']}")
    require(listed == every == sent[::-1], "the pages, --all and what was sent differ")


@case("J3: a key and a job are of one tenant and not there for another")
def _(daemon):
    daemon.start()
    ours = submit(daemon, GREETING, "--key", "once")
    theirs = daemon.stepctl("-q", "--tenant", "other", "job", "submit", "-", "--key", "once",
                            given=json.dumps({**GREETING, "args": {"other": 1}})).stdout.strip()

    require(ours != theirs, "two tenants have one job")
    require_in(ours, ends_with(daemon, 1, "--tenant", "other", "job", "show", ours).stderr)
    require(daemon.stepctl("-q", "job", "list").stdout.split() == [ours], "another's job is listed")


@case("plugins and step types and the status are shown in tables and in documents")
def _(daemon):
    daemon.start()

    require_in(["demo", "loaded", "demo.greet"], daemon.stepctl("plugin", "list").stdout)
    require_members(json_of(daemon, "plugin", "show", "demo"),
                    "id version file module sdk step_types refused")
    require_in("demo.greet", daemon.stepctl("step", "list").stdout)
    require_in("times", daemon.stepctl("step", "show", "demo.greet").stdout)
    require_members(json_of(daemon, "step", "show", "demo.greet"), "type version args_schema retry")
    require_members(json_of(daemon, "status"), "version started_at storage jobs attention")
    require_in("sqlite", daemon.stepctl("status").stdout)
    for shell in ("bash", "zsh", "fish"):
        require_in("stepctl", daemon.stepctl("completion", shell).stdout)
    ends_with(daemon, 1, "step", "show", "demo.nothing")
    ends_with(daemon, 1, "plugin", "show", "nothing")


@case("without a daemon stepctl ends with 3 and says how to start one")
def _(daemon):
    for command in (("status",), ("job", "list"), ("job", "submit", "-")):
        answer = ends_with(daemon, 3, *command, given=json.dumps(GREETING))
        require_in([str(daemon.socket), "stepd"], answer.stderr)
        require(not answer.stdout, f"stdout is not empty: {answer.stdout}")


@case("wrong flags end with 2 and name what is wrong")
def _(daemon):
    for command, named in ((("job", "frobnicate"), "frobnicate"), (("job", "show"), "ID"),
                           (("job", "list", "--state", "nonsense"), "nonsense"),
                           (("job", "abandon", "1", "it"), "reason"),
                           (("--output", "yaml", "status"), "yaml"),
                           (("job", "list", "--limit", "many"), "many")):
        require_in(named, ends_with(daemon, 2, *command).stderr)
    daemon.server = "pigeon:1"
    require_in("pigeon:1", ends_with(daemon, 2, "status").stderr)


if __name__ == "__main__":
    sys.exit(main())
