#!/usr/bin/env python3
"""A request to a partner that is answered later: submitted once, waited for without a thread, every
exchange written down."""

import datetime
import json
import re
import sqlite3
import sys
from pathlib import Path

from case import (
    case, main, require, require_in, shown, submit, wait_for, wait_for_state, wait_for_step,
)
from partner import Partner

CONFIG = '[plugin.long_request]\ndatabase = "PLACE/requests.sqlite"\n'
README = Path(__file__).resolve().parents[2] / "plugins/long_request/README.md"


def authorisation(partner, **of_poll):
    """The job that the README shows, with this partner and a question each second."""
    text = re.search(r"```json\n(.*?)```", README.read_text(encoding="utf-8"), re.DOTALL)[1]
    job = json.loads(text.replace("http://127.0.0.1:8090", partner.url))
    poll = next(step for step in job["steps"] if step["id"] == "result")
    poll["args"] |= {"every": "1s", **of_poll}
    return job


def rows(daemon, sql):
    database = sqlite3.connect(f"file:{daemon.place}/requests.sqlite?mode=ro", uri=True)
    try:
        return database.execute(sql).fetchall()
    finally:
        database.close()


def audited(daemon, job, partner):
    """(step, direction, subject) of each exchange in order, once what holds for all is shown."""
    audit = rows(daemon, "SELECT at, direction, correlation_id, subject, job, step, call"
                         " FROM exchanges ORDER BY exchange")
    moments = [datetime.datetime.fromisoformat(row[0].replace("Z", "+00:00")) for row in audit]
    found = shown(daemon, job)
    begun = datetime.datetime.fromisoformat(found["created_at"].replace("Z", "+00:00"))
    require(moments == sorted(moments), f"the times go back: {moments}")
    require(moments[0] >= begun, f"{moments[0]} is before the job, {begun}")
    require({row[2] for row in audit} == {job}, f"correlation ids: {audit}")
    require(len({(row[4], row[6], row[1]) for row in audit}) == len(audit), f"doubled: {audit}")
    return [(row[5], row[1], row[3].replace(partner.url, "")) for row in audit]


def exchange(step, request, status):
    return [(step, "out", request), (step, "in", status)]


def decisions(daemon):
    return rows(daemon, "SELECT correlation_id, request_id, verdict, reference, units"
                        " FROM decisions")


SUBMITTED = exchange("submit", "POST /requests", "202 Accepted")
PENDING = exchange("result", "GET /results/P-1", "202 Accepted")
RESULT = exchange("result", "GET /results/P-1", "200 OK")
NOTIFIED = exchange("notify", "POST /notifications", "200 OK")


@case("a long request goes the whole way and each exchange is written down",
      plugins=("long_request",), config=CONFIG)
def _(daemon):
    daemon.start()
    with Partner() as partner:
        job = submit(daemon, authorisation(partner))
        done = wait_for_state(daemon, job, "succeeded")
        audit = audited(daemon, job, partner)

    envelope = partner.envelopes[0]
    require(envelope["correlation_id"] == job, f"the envelope is {envelope}")
    require(envelope["sender"] == "clinic-7" and envelope["message_id"] and
            envelope["payload"] == {"patient": "4711", "service": "73721", "units": 2} and
            re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", envelope["created_at"]),
            f"the envelope is {envelope}")
    require(decisions(daemon) == [(job, "P-1", "approved", "AUTH-991", 2)],
            f"stored is {decisions(daemon)}")
    require([one["verdict"] for one in partner.notifications] == ["approved"],
            f"told was {partner.notifications}")
    require(audit == SUBMITTED + RESULT + NOTIFIED, f"written down is {audit}")
    require(done["attention"] is False, "it wants attention")


@case("W1: a request pending over several questions is submitted once and stored once",
      plugins=("long_request",), config=CONFIG)
def _(daemon):
    daemon.start()
    with Partner(pending=3) as partner:
        partner.hold_next("GET /results")
        job = submit(daemon, authorisation(partner))
        # The acknowledgement is on disk, for the step behind it asks.
        wait_for("the partner is asked", lambda: partner.count("GET /results") == 1)
        daemon.kill()
        daemon.start()
        done = wait_for_state(daemon, job, "succeeded")
        audit = audited(daemon, job, partner)

    require(partner.count("POST /requests") == 1, f"the partner saw {partner.seen}")
    require(len(decisions(daemon)) == 1, f"stored is {decisions(daemon)}")
    require(len(partner.notifications) == 1, f"told was {partner.notifications}")
    require(audit[:3] == SUBMITTED + PENDING[:1], f"the first question was lost: {audit}")
    require(audit[3:] == PENDING * 2 + RESULT + NOTIFIED, f"written down is {audit}")
    charged = next(one for one in done["steps"] if one["id"] == "result")["attempts"]
    require(charged == 2, f"{charged} attempts were charged, and one was killed")


@case("W1: while a request is pending there is a time on disk and nothing else",
      plugins=("long_request",), config="workers = 1\n" + CONFIG)
def _(daemon):
    daemon.start()
    with Partner(pending=1) as partner:
        job = submit(daemon, authorisation(partner, every="1h"))
        wait_for_step(daemon, job, "result", "suspended")
        daemon.kill()
        daemon.start()

        waiting = wait_for_step(daemon, job, "result", "suspended")
        why = daemon.stepctl("job", "why", job).stdout
        listed = daemon.stepctl("job", "show", job).stdout
        running = daemon.get("/v1/status")["calls_running"]
        questions = partner.count("GET /results")
        daemon.stepctl("job", "retry", job)
        wait_for_state(daemon, job, "succeeded")
        audit = audited(daemon, job, partner)

    require(running == 0 and waiting["attempts"] == 0, f"{running} calls run, {waiting}")
    require(questions == 1, f"it asked {questions} times")
    require_in(["result  suspended by itself until a time (in "], why)
    require_in([f"{job}", "waiting", "0 (1 calls)"], listed)
    require(audit == SUBMITTED + PENDING + RESULT + NOTIFIED, f"written down is {audit}")


@case("A6: a submission whose answer went down with the host is repeated under its key",
      plugins=("long_request",), config=CONFIG)
def _(daemon):
    daemon.start()
    with Partner() as partner:
        partner.hold_next("POST /requests")
        job = submit(daemon, authorisation(partner))
        wait_for("the partner has the request", lambda: partner.envelopes)
        daemon.kill()
        daemon.start()
        wait_for_state(daemon, job, "succeeded")
        audit = audited(daemon, job, partner)

    require(partner.count("POST /requests") == 2, f"the partner saw {partner.seen}")
    require(len(partner.envelopes) == 1, f"the partner has {partner.envelopes}")
    require(audit == SUBMITTED[:1] + SUBMITTED + RESULT + NOTIFIED, f"written down is {audit}")


@case("C1: a request still pending when its time is over is refused and withdrawn",
      plugins=("long_request",), config=CONFIG)
def _(daemon):
    daemon.start()
    with Partner(pending=None) as partner:
        job = submit(daemon, authorisation(partner, pending_for="2s"))
        done = wait_for_state(daemon, job, "compensated")
        audit = audited(daemon, job, partner)

    require_in(["request P-1", "its pending time is over", "pending_for"], done["reason"])
    require(partner.withdrawn == [job], f"withdrawn is {partner.withdrawn}")
    require(decisions(daemon) == [], f"stored is {decisions(daemon)}")
    require(partner.notifications == [], f"told was {partner.notifications}")
    questions = partner.count("GET /results")
    require(2 <= questions <= 3, f"it asked {questions} times")
    require(audit == SUBMITTED + PENDING * questions +
            exchange("submit", f"DELETE /requests/{job}", "200 OK"), f"written down is {audit}")


@case("C1: a cancelled request is withdrawn while it waits",
      plugins=("long_request",), config=CONFIG)
def _(daemon):
    daemon.start()
    with Partner(pending=None) as partner:
        job = submit(daemon, authorisation(partner, every="1h"))
        wait_for_step(daemon, job, "result", "suspended")
        daemon.stepctl("job", "cancel", job)
        wait_for_state(daemon, job, "cancelled")

    require(partner.withdrawn == [job], f"withdrawn is {partner.withdrawn}")


@case("A4: a partner that is out of order for a while is asked again",
      plugins=("long_request",), config=CONFIG)
def _(daemon):
    daemon.start()
    with Partner() as partner:
        partner.fail_next("POST /requests", 503)
        partner.fail_next("GET /results", 503)
        partner.fail_next("POST /notifications", 404)
        job = submit(daemon, authorisation(partner))
        done = wait_for_state(daemon, job, "succeeded")
        audit = audited(daemon, job, partner)

    attempts = {step["id"]: step["attempts"] for step in done["steps"]}
    require(attempts == {"envelope": 1, "submit": 2, "result": 2, "store": 1, "notify": 2},
            f"charged were {attempts}")
    require(len(partner.envelopes) == 1 and len(partner.notifications) == 1,
            f"the partner saw {partner.seen}")
    unavailable = "503 Service Unavailable"
    require(audit == exchange("submit", "POST /requests", unavailable) + SUBMITTED +
            exchange("result", "GET /results/P-1", unavailable) + RESULT +
            exchange("notify", "POST /notifications", "404 Not Found") + NOTIFIED,
            f"written down is {audit}")


@case("C7: many requests over several kills are each taken and stored and told once",
      plugins=("long_request",), config=CONFIG)
def _(daemon):
    # One attempt of a step may go down with each kill, and a saga step has five.
    jobs, kills = 12, 4
    daemon.start()
    with Partner(pending=1) as partner:
        wanted = "\n".join([json.dumps(authorisation(partner))] * jobs)
        ids = daemon.stepctl("-q", "job", "submit", "-", given=wanted).stdout.split()
        for kill in range(1, kills + 1):
            wait_for("the partner is asked more", lambda: len(partner.seen) >= 9 * kill)
            daemon.kill()
            daemon.start()
        for job in ids:
            wait_for_state(daemon, job, "succeeded")
        sent = rows(daemon, "SELECT count(*) FROM exchanges WHERE direction = 'out'")[0][0]
        unasked = rows(daemon, "SELECT * FROM exchanges a WHERE direction = 'in' AND NOT EXISTS ("
                               " SELECT 1 FROM exchanges o WHERE o.job = a.job AND o.call = a.call"
                               " AND o.direction = 'out' AND o.exchange < a.exchange)")

    require(len(ids) == len(partner.envelopes) == jobs, f"it has {len(partner.envelopes)}")
    require(sorted(row[0] for row in decisions(daemon)) == sorted(ids),
            f"stored is {decisions(daemon)}")
    require({one["correlation_id"] for one in partner.notifications} == set(ids),
            f"told was {partner.notifications}")
    require(sent >= len(partner.seen), f"{sent} written down, {len(partner.seen)} seen")
    require(unasked == [], f"answers to nothing: {unasked}")


@case("C7: undoing an answered request takes its decision out and withdraws it",
      plugins=("long_request",), config=CONFIG)
def _(daemon):
    daemon.start()
    with Partner() as partner:
        job = submit(daemon, authorisation(partner))
        wait_for_state(daemon, job, "succeeded")
        stored = decisions(daemon)
        undo = daemon.stepctl("-q", "job", "undo", job).stdout.split()[-1]
        wait_for_state(daemon, undo, "succeeded", "compensated")

    require(len(stored) == 1, f"stored was {stored}")
    require(decisions(daemon) == [], f"stored is {decisions(daemon)}")
    require(partner.withdrawn == [job], f"withdrawn is {partner.withdrawn}")


@case("an answer that nobody can read turns the job back and says what is wrong",
      plugins=("long_request",), config=CONFIG)
def _(daemon):
    daemon.start()
    with Partner() as partner:
        partner.result = {"action": "CT"}
        job = submit(daemon, authorisation(partner))
        done = wait_for_state(daemon, job, "compensated")

    require_in(['"CT" is none of A1, A2, A3 and A6'], done["reason"])
    require(partner.withdrawn == [job], f"withdrawn is {partner.withdrawn}")


@case("J6: a duration or an address that is none is refused before the partner is asked",
      plugins=("long_request",), config=CONFIG)
def _(daemon):
    daemon.start()
    with Partner() as partner:
        for name, value in (("pending_for", "soon"), ("url", "partner.example/results")):
            job = json.dumps(authorisation(partner, **{name: value}))
            answer = daemon.stepctl("job", "submit", "-", given=job, check=False)
            require(answer.returncode == 1, f"{name} is taken: {answer.stdout}")
            require_in([f"/args/{name}", f'not "{value}"'], answer.stderr)

    require(daemon.get("/v1/jobs")["jobs"] == [], "a job was recorded")


if __name__ == "__main__":
    sys.exit(main())
