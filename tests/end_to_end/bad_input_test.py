#!/usr/bin/env python3
"""What nobody should send: refused with a problem document that says where, nothing recorded."""

import json
import sys

from case import case, main, require, require_in, step

NOOP = step("it", "demo.noop")
LIMITS = {"steps": 10_000, "bytes": 1_048_576}


def document(*steps, **more):
    return json.dumps({"name": "bad", "steps": list(steps), **more})


# (what, body, where the problem is or None, what its text must say)
BAD_JOBS = (
    ("malformed JSON", '{"name": "bad", "steps": [', None, ""),
    ("an unknown field", document(NOOP, colour="red"), "/colour", "colour"),
    ("an unknown field of a step", document({**NOOP, "colour": 1}), "/steps/0/colour", "colour"),
    ("no steps", document(), "/steps", ""),
    ("a wrong type", document(NOOP, args=7), "/args", ""),
    ("a duplicate step id", document(NOOP, NOOP), "/steps/1/id", "it"),
    ("a reference to a later step",
     document(step("a", "demo.greet", {"name": {"$ref": "/steps/b/output/text"}}),
              step("b", "demo.greet", {"name": "Ada"})), "/steps/0/args/name", "b"),
    ("arguments that do not fit", document(step("a", "demo.greet", {"name": 7})),
     "/steps/0/args/name", ""),
    ("a duplicate member", '{"name": "bad", "name": "good", "steps": []}', None, "name"),
    ("a 2 MB argument", document(step("a", "demo.greet", {"name": "A" * 2_000_000})),
     "/steps/0/args", str(LIMITS["bytes"])),
    ("100,000-deep nesting",
     '{"name": "bad", "args": {"a": ' + "[" * 100_000 + "]" * 100_000 + "}}", None, ""),
    ("invalid UTF-8", b'{"name": "\xff\xfe", "steps": [{"id": "it", "step": "demo.noop"}]}',
     None, "UTF-8"),
    ("10,001 steps", document(*({**NOOP, "id": f"s{number}"} for number in range(10_001))),
     "/steps", str(LIMITS["steps"])),
)


def require_problem(what, answer, pointer, text):
    status, kind, body = answer
    require(400 <= status < 500, f"{what} was answered {status}: {body[:500]}")
    require(kind.startswith("application/problem+json"), f"{what} was answered as {kind}")
    problem = json.loads(body)
    for member in ("status", "detail", "code"):
        require(problem.get(member), f"{what}: the problem has no {member}: {body[:500]}")
    require(problem["status"] == status, f"{what}: {status} says that it is {problem['status']}")
    if pointer is not None:
        pointers = [error["pointer"] for error in problem["errors"]]
        require(pointer in pointers, f"{what}: {pointer} is not in {pointers}: {body[:500]}")
    require(text in body, f'{what}: "{text}" is not in {body[:500]}')
    require(len(body) < 100_000, f"{what}: the problem has {len(body)} bytes")


def require_no_jobs(daemon):
    listed = daemon.stepctl("-q", "job", "list").stdout
    require(not listed, f"recorded all the same: {listed}")


@case("J6: a bad job is refused over the socket with a problem document that says where")
def _(daemon):
    daemon.start()
    for what, body, pointer, text in BAD_JOBS:
        body = body if isinstance(body, bytes) else body.encode()
        require_problem(what, daemon.exchange("POST", "/v1/jobs", body), pointer, text)
    strict = daemon.exchange("POST", "/v1/jobs?strict=true", document(step("a", "no.such")))
    require_problem("an unknown type under strict", strict, "/steps/0/step", "no.such")
    require_no_jobs(daemon)


@case("J6: a bad job is refused by stepctl with its place and what is wrong")
def _(daemon):
    daemon.start()
    file = daemon.place / "bad.json"
    for what, body, pointer, text in BAD_JOBS:
        file.write_bytes(body if isinstance(body, bytes) else body.encode())
        answer = daemon.stepctl("job", "submit", file, check=False)
        require(answer.returncode == 1, f"{what} ended with {answer.returncode}: {answer.stderr}")
        require(not answer.stdout, f"{what}: stdout is {answer.stdout}")
        require_in([str(file), pointer or "", text], answer.stderr)
    answer = daemon.stepctl("job", "submit", "-", "--strict", check=False,
                            given=document(step("a", "no.such")))
    require(answer.returncode == 1, f"--strict ended with {answer.returncode}: {answer.stderr}")
    require_in("no.such", answer.stderr)
    require_no_jobs(daemon)


@case("a request that is no request of ours is refused with a problem document")
def _(daemon):
    daemon.start()
    good = document(NOOP)
    for what, answer in (
            ("an unknown path", daemon.exchange("GET", "/v1/nothing")),
            ("an unknown method", daemon.exchange("PUT", "/v1/jobs", good)),
            ("an unknown parameter", daemon.exchange("POST", "/v1/jobs?colour=red", good)),
            ("an id that is none", daemon.exchange("GET", "/v1/jobs/seven"))):
        require_problem(what, answer, None, "")
    require_no_jobs(daemon)


if __name__ == "__main__":
    sys.exit(main())
