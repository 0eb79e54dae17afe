"""The check that needs no code: what holds, what does not, what is tried again, and what it never shows."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from urllib.parse import parse_qs, urlsplit

import pytest

from gitops.tasks import check
from tests.gitops.task_lab import Clock, Outcome
from tests.messages import assert_message
from tests.slow_server import trickling

SOURCE = Path(check.__file__)


@dataclass
class Server:
    """Answers each request with the next of `answers` (status, headers, body), and with the last one from then on."""

    url: str = ""
    answers: list[tuple[int, dict[str, str], object]] = field(default_factory=list)
    asked: list[tuple[str, str]] = field(default_factory=list)
    """Path with query, and the login that came along."""

    def says(self, *statuses: int, body: object = "", **headers: str) -> None:
        self.answers += [(status, headers, body) for status in statuses]

    def samples(self, *values: str, kind: str = "vector") -> None:
        """Prometheus' answer with these samples."""
        vector = [{"metric": {"pod": f"web-{index}"}, "value": [1.5, value]} for index, value in enumerate(values)]
        result: object = vector if kind == "vector" else [1.5, *values]
        self.says(200, body={"status": "success", "data": {"resultType": kind, "result": result}})


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
    state = Server()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            state.asked.append((self.path, self.headers.get("Authorization", "")))
            status, headers, body = state.answers.pop(0) if len(state.answers) > 1 else state.answers[0]
            content = (body if isinstance(body, str) else json.dumps(body)).encode()
            self.send_response(status)
            for name, value in {**headers, "Content-Length": str(len(content))}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, format: str, *args: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as listening:
        state.url = f"http://127.0.0.1:{listening.server_address[1]}"
        thread = Thread(target=listening.serve_forever, args=(0.02,))
        thread.start()
        yield state
        listening.shutdown()
        thread.join()


@dataclass
class Run:
    """Runs the check with a clock of its own."""

    server: Server
    capsys: pytest.CaptureFixture[str]
    clock: Clock = field(default_factory=Clock)

    def run(self, **data: object) -> Outcome:
        budget = check.Budget(self.clock.sleep, lambda: self.clock.elapsed)
        code = check.main({"DATA": json.dumps(data)}, budget)
        printed = self.capsys.readouterr()
        out, error = (text.replace(self.server.url, "SERVER") for text in (printed.out, printed.err))
        assert (out + error).count("\n") == 1
        return Outcome(code, out.strip(), error.strip())

    def status(self, path: str = "/healthz", status: str = "200", **more: object) -> Outcome:
        return self.run(url=self.server.url + path, status=status, **more)

    def query(self, **bounds: object) -> Outcome:
        return self.run(prometheus=self.server.url, query="rate(errors[5m])", **bounds)


@pytest.fixture
def checked(server: Server, capsys: pytest.CaptureFixture[str]) -> Run:
    return Run(server, capsys)


class TestAnAddress:
    def test_that_answers_as_expected_holds_at_once(self, checked: Run) -> None:
        checked.server.says(200)
        outcome = checked.status()
        assert (outcome.code, outcome.error, checked.clock.slept) == (0, "", [])
        assert_message("check_task.status", outcome.out)

    def test_is_asked_again_until_it_answers_as_expected(self, checked: Run) -> None:
        checked.server.says(503, 404, 200)
        assert checked.status().code == 0
        assert checked.clock.slept == [5.0, 5.0]

    def test_that_never_answers_as_expected_fails_within_its_time(self, checked: Run) -> None:
        checked.server.says(503)
        outcome = checked.status(timeout="30")
        assert (outcome.code, checked.clock.elapsed) == (1, 25.0)
        assert_message("check_task.another_status", outcome.error)

    def test_has_two_minutes_where_nothing_else_is_said(self, checked: Run) -> None:
        checked.server.says(503)
        assert checked.status().code == 1
        assert checked.clock.elapsed == 115.0

    @pytest.mark.parametrize("status", [301, 302, 307, 401, 404, 500])
    def test_may_be_expected_to_refuse_and_no_redirect_is_followed(self, checked: Run, status: int) -> None:
        checked.server.says(status, Location=f"{checked.server.url}/elsewhere")
        assert checked.status(status=str(status)).code == 0
        assert [path for path, _ in checked.server.asked] == ["/healthz"]

    def test_that_nothing_listens_at_is_tried_again_and_the_reason_is_said(self, checked: Run) -> None:
        outcome = checked.run(url="http://127.0.0.1:1/", status="200", timeout=30)
        assert outcome.code == 1
        assert len(checked.clock.slept) == 5
        assert_message("check_task.unreachable", outcome.error)

    def test_whose_answer_never_ends_is_waited_for_no_longer_than_the_time(self, checked: Run) -> None:
        with trickling(b"HTTP/1.1 200 OK\r\n") as url:
            outcome = checked.run(url=url, status="200", timeout="1")
        assert outcome.code == 1
        assert_message("check_task.no_answer_in_time", outcome.error.replace(url, "URL"))

    def test_that_answers_with_a_body_without_end_holds(self, checked: Run) -> None:
        with trickling() as url:
            assert checked.run(url=url, status="200").code == 0

    def test_gets_the_login_of_its_url_and_neither_that_nor_the_query_is_printed(self, checked: Run) -> None:
        checked.server.says(403)
        url = checked.server.url.replace("http://", "http://user:pa%40ss@")
        outcome = checked.run(url=f"{url}/in?token=hidden#part", status="200", timeout="9")
        assert checked.server.asked[0] == ("/in?token=hidden", "Basic dXNlcjpwYUBzcw==")
        assert_message("check_task.with_login", outcome.error)

    @pytest.mark.parametrize(
        "url", ["", "shop/healthz", "file:///etc/passwd", "http://:80", "http://a:b@c:port/", None]
    )
    def test_that_is_none_is_said_at_once_and_not_shown(self, checked: Run, url: object) -> None:
        outcome = checked.run(url=url, status="200")
        assert (outcome.code, checked.clock.slept) == (1, [])
        assert_message("check_task.no_address", outcome.error)


class TestAQuery:
    def test_whose_samples_are_all_within_the_bounds_holds(self, checked: Run) -> None:
        checked.server.samples("0.01", "0.05", "0")
        outcome = checked.query(min="0", max=0.05)
        assert (outcome.code, outcome.error) == (0, "")
        assert_message("check_task.query", outcome.out)
        parts = urlsplit(checked.server.asked[0][0])
        assert (parts.path, parse_qs(parts.query)) == ("/api/v1/query", {"query": ["rate(errors[5m])"]})

    @pytest.mark.parametrize("value", ["0.2", "-1", "NaN", "+Inf", "-Inf"])
    def test_with_one_sample_outside_fails(self, checked: Run, value: str) -> None:
        checked.server.samples("0.01", value)
        outcome = checked.query(min=0, max="0.05")
        assert (outcome.code, checked.clock.slept) == (1, [])
        assert_message(f"check_task.sample_{value}", outcome.error)

    def test_may_have_one_bound_or_none_and_infinity_is_a_number(self, checked: Run) -> None:
        checked.server.samples("+Inf")
        assert [checked.query(**bounds).code for bounds in ({"min": 1}, {"max": 1}, {}, {"max": ""})] == [0, 1, 0, 0]

    def test_that_answers_with_a_scalar_is_one_sample(self, checked: Run) -> None:
        checked.server.samples("3", kind="scalar")
        assert checked.query(max=3).code == 0
        assert checked.query(max=2).code == 1

    @pytest.mark.parametrize(
        ("name", "data"),
        [
            ("empty", {"resultType": "vector", "result": []}),
            ("matrix", {"resultType": "matrix", "result": []}),
            ("histogram", {"resultType": "vector", "result": [{"metric": {"a": "b"}, "histogram": [1, {}]}]}),
            ("nothing", None),
        ],
    )
    def test_without_a_sample_fails(self, checked: Run, name: str, data: object) -> None:
        checked.server.says(200, body={"status": "success", "data": data})
        outcome = checked.query(max=1)
        assert (outcome.code, checked.clock.slept) == (1, [])
        assert_message(f"check_task.{name}", outcome.error)

    @pytest.mark.parametrize("status", [400, 422, 503])
    def test_that_prometheus_refuses_fails_with_its_reason(self, checked: Run, status: int) -> None:
        checked.server.says(status, body={"status": "error", "errorType": "bad_data", "error": "parse\nerror"})
        outcome = checked.query(max=1)
        assert (outcome.code, checked.clock.slept) == (1, [])
        assert_message(f"check_task.refused_{status}", outcome.error)

    def test_is_sent_again_while_the_server_cannot_be_reached(self, checked: Run) -> None:
        checked.server.says(503, 502, body="<html>no upstream")
        checked.server.samples("1")
        assert checked.query(max=1).code == 0
        assert checked.clock.slept == [5.0, 5.0]

    @pytest.mark.parametrize("status", [200, 302, 401, 404])
    def test_to_something_that_is_no_prometheus_fails_at_once(self, checked: Run, status: int) -> None:
        checked.server.says(status, body="<html>", Location=f"{checked.server.url}/login")
        outcome = checked.query(max=1)
        assert (outcome.code, checked.clock.slept) == (1, [])
        assert_message(f"check_task.no_prometheus_{status}", outcome.error)

    def test_goes_below_the_path_of_the_server_and_carries_its_login(self, checked: Run) -> None:
        checked.server.samples("5")
        base = checked.server.url.replace("http://", "http://user:pass@") + "/prometheus/"
        outcome = checked.run(prometheus=base, query="up", max="1")
        assert checked.server.asked == [("/prometheus/api/v1/query?query=up", "Basic dXNlcjpwYXNz")]
        assert "pass" not in outcome.error


class TestTheTask:
    @pytest.mark.parametrize("data", [None, "", "[]", "{", '{"timeout": "soon"}', '"url"'])
    def test_says_what_is_wrong_with_its_data(self, data: str | None, capsys: pytest.CaptureFixture[str]) -> None:
        assert check.main({} if data is None else {"DATA": data}) == 1
        assert_message("check_task.data", capsys.readouterr().err.strip())

    def test_says_that_a_bound_is_no_number(self, checked: Run) -> None:
        assert_message("check_task.bound", checked.query(max="5 %").error)

    def test_runs_by_its_text_alone_without_any_package(self, server: Server, tmp_path: Path) -> None:
        server.says(200)
        # -I and -S: neither this folder nor what is installed can be imported.
        command = [sys.executable, "-I", "-S", "-B", "-c", SOURCE.read_text()]
        for status, code in (("200", 0), ("204", 1)):
            data = json.dumps({"url": server.url, "status": status, "timeout": 1})
            environ = {"PATH": os.environ["PATH"], "DATA": data}
            done = subprocess.run(command, env=environ, cwd=tmp_path, capture_output=True, text=True, check=False)
            assert done.returncode == code, done.stderr
            assert len((done.stdout + done.stderr).splitlines()) == 1
