#!/usr/bin/env python3
"""The daemon on a TCP address of this machine: only for who has the token, and for no web page."""

import http.client
import json
import re
import sys

from case import case, main, require, require_in

TOKEN = "0123456789abcdef0123456789abcdef"


def status_for(port, **headers):
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    try:
        connection.request("GET", "/v1/status", headers=headers)
        answer = connection.getresponse()
        if answer.status != 200:
            problem = json.loads(answer.read())
            require(problem["status"] == answer.status, f"the problem is {problem}")
        return answer.status
    finally:
        connection.close()


@case("over TCP only the token opens the door and no foreign page gets in")
def _(daemon):
    daemon.state.mkdir(mode=0o700)
    token = daemon.state / "token"
    token.write_text(TOKEN + "\n", encoding="utf-8")
    token.chmod(0o600)
    daemon.command += ["--listen", "tcp:127.0.0.1:0", "--listen", daemon.server]
    daemon.start()
    address = re.search(r"tcp:127\.0\.0\.1:(\d+)", daemon.log.read_text(encoding="utf-8"))
    port = int(address[1])
    bearer = {"Authorization": f"Bearer {TOKEN}"}

    require(status_for(port, **bearer) == 200, "the token does not open")
    require(status_for(port) == 401, "it opens without a token")
    require(status_for(port, Authorization="Bearer " + TOKEN[::-1]) == 401, "a wrong token opens")
    require(status_for(port, **bearer, Host="example.org") == 403, "a foreign Host gets in")
    require(status_for(port, **bearer, Origin="http://example.org") == 403, "a page gets in")

    daemon.server = address[0]
    refused = daemon.stepctl("status", check=False)
    require(refused.returncode == 1, f"without a token stepctl ends with {refused.returncode}")
    require_in("--token-file", refused.stderr)
    daemon.stepctl("--token-file", token, "status")


@case("a TCP address without a token file is refused at the start")
def _(daemon):
    daemon.command += ["--listen", "tcp:127.0.0.1:0"]
    daemon.launch()
    require(daemon.exit_code() != 0, "it started all the same")
    require_in("token", daemon.last_words())


if __name__ == "__main__":
    sys.exit(main())
