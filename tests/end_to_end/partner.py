#!/usr/bin/env python3
"""A partner's web service, and the address that is notified: a real HTTP server.

usage: partner.py PORT [QUESTIONS]    each request is pending for so many questions (3)

POST /requests           takes a request, once for each Idempotency-Key, and acknowledges it
DELETE /requests/ID      withdraws the request with this correlation id, for good
GET /results/NUMBER      202 while it is pending, then 200 with the result
POST /notifications      takes a notification
"""

import sys

sys.dont_write_bytecode = True

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

RESULT = {"action": "A1", "reference": "AUTH-991", "units": 2}


class Partner:
    """Counts what it is asked, and answers as it is told. `pending` is for how many questions a
    request has no result: None, for ever."""

    def __init__(self, pending=0, port=0):
        self.pending = pending
        self.result = RESULT
        self.seen = []           # "POST /requests", as they came
        self.keys = {}           # Idempotency-Key -> request id
        self.envelopes = []      # of the requests taken
        self.withdrawn = []      # correlation ids
        self.notifications = []
        self._questions = {}
        self._failures = {}
        self._held = {}
        self._lock = threading.Lock()
        partner = self

        class Answering(_Answering):
            of = partner

        self._server = ThreadingHTTPServer(("127.0.0.1", port), Answering)
        self._server.daemon_threads = True
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for released in self._held.values():
            released.set()
        self._server.shutdown()
        self._server.server_close()

    @property
    def url(self):
        return f"http://127.0.0.1:{self._server.server_port}"

    def fail_next(self, request, *statuses):
        """The next requests of this kind ("GET /results") get these answers."""
        self._failures[request] = list(statuses)

    def hold_next(self, request):
        """The next request of this kind is taken in, and answered once the event is set."""
        self._held[request] = threading.Event()
        return self._held[request]

    def count(self, request):
        return len([one for one in self.seen if one.startswith(request)])

    def answer(self, method, path, key, body):
        """The status and the document for one request, and what must happen before it is sent."""
        kind = f"{method} /{path.split('/')[1]}"
        with self._lock:
            self.seen.append(f"{method} {path}")
            held = self._held.pop(kind, None)
            if self._failures.get(kind):
                return self._failures[kind].pop(0), {"error": "out of order"}, held
            act = getattr(self, "_" + kind.replace(" /", "_").lower(), None)
            status, document = act(path, key, body) if act else (404, {"error": "no such path"})
            return status, document, held

    def _post_requests(self, _path, key, envelope):
        correlation_id = envelope["correlation_id"]
        if correlation_id in self.withdrawn:
            return 409, {"error": "it was withdrawn"}
        if key not in self.keys:
            self.keys[key] = f"P-{len(self.keys) + 1}"
            self.envelopes.append(envelope)
        return 202, {"correlation_id": correlation_id, "request_id": self.keys[key]}

    def _delete_requests(self, path, _key, _body):
        correlation_id = path.split("/")[2]
        known = any(one["correlation_id"] == correlation_id for one in self.envelopes)
        if correlation_id not in self.withdrawn:
            self.withdrawn.append(correlation_id)
        return (200, {"withdrawn": True}) if known else (404, {"error": "not known"})

    def _get_results(self, path, _key, _body):
        number = path.split("/")[2]
        if number not in self.keys.values():
            return 404, {"error": "not known"}
        asked = self._questions[number] = self._questions.get(number, 0) + 1
        if self.pending is None or asked <= self.pending:
            return 202, {"pending": True}
        return 200, self.result

    def _post_notifications(self, _path, _key, body):
        self.notifications.append(body)
        return 200, {}


class _Answering(BaseHTTPRequestHandler):
    of = None

    def _answer(self):
        length = int(self.headers.get("Content-Length") or 0)
        body = json.loads(self.rfile.read(length)) if length else None
        status, document, held = self.of.answer(
            self.command, self.path, self.headers.get("Idempotency-Key"), body)
        if held:
            held.wait()
        text = json.dumps(document).encode()
        try:
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(text)))
            self.end_headers()
            self.wfile.write(text)
        except OSError:
            return  # whoever asked is gone

    do_GET = do_POST = do_DELETE = _answer

    def log_message(self, text, *values):
        if __name__ == "__main__":
            print(self.of.url, text % values, flush=True)


def main():
    if not 2 <= len(sys.argv) <= 3 or not all(one.isdigit() for one in sys.argv[1:]):
        print(__doc__, file=sys.stderr)
        return 2
    pending = int(sys.argv[2]) if len(sys.argv) == 3 else 3
    with Partner(pending, int(sys.argv[1])) as partner:
        print(f"the partner listens at {partner.url}", flush=True)
        try:
            threading.Event().wait()
        except KeyboardInterrupt:
            return 0


if __name__ == "__main__":
    sys.exit(main())
