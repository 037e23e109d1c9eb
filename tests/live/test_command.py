"""The command line as a user meets it: exit codes, streams, signals, and nothing left behind."""

from __future__ import annotations

import json
import signal
import socket
import urllib.request
from collections.abc import Iterator

import pytest

from tests.live.command import Place, place, wait_for
from wslb.caller import ENDING
from wslb.reports import json_file

pytestmark = pytest.mark.live

REPORT_FILES = ["history.jsonl", "junit.xml", "report.html", "report.json"]


@pytest.fixture
def here() -> Iterator[Place]:
    with place() as found:
        yield found
        assert found.leftovers() == []


def saved(here: Place, folder: str = "reports/lb") -> dict[str, object]:
    text = (here.folder / folder / "report.json").read_text(encoding="utf-8")
    json_file.decode(text)
    document: dict[str, object] = json.loads(text)
    return document


def test_a_passing_run_writes_every_report_and_ends_with_its_path(here: Place) -> None:
    ended = here.run("test", "lb-byrequests", "article-listing8")
    assert ended.code == 0, ended.out + ended.err
    assert ended.err == ""
    assert "PASS  2 passed" in ended.out
    assert ended.out.splitlines()[-1] == f"report  {(here.folder / 'reports/lb/report.html').as_uri()}"
    assert sorted(p.name for p in (here.folder / "reports/lb").iterdir()) == REPORT_FILES
    document = saved(here)
    assert (document["verdict"], document["exit_code"]) == ("passed", 0)


def test_json_leaves_stdout_to_the_document(here: Place) -> None:
    ended = here.run("test", "lb-byrequests", "--json", "--carrier", "http", "--report", "out")
    assert ended.code == 0, ended.err
    assert json_file.decode(ended.out) == json_file.load(here.folder / "out" / "report.json")
    assert "PASS" in ended.err


def test_a_deadline_tells_what_was_not_asked_and_is_never_green(here: Place) -> None:
    ended = here.run("test", "--deadline", "4", "--jobs", "2", "--report", "out")
    document = saved(here, "out")
    assert (ended.code, document["exit_code"], document["interrupted"]) == (4, 4, "the deadline of 4 s"), ended.err
    asked = document["scenarios"]
    assert isinstance(asked, list)
    assert len(asked) < 285
    assert {scenario["outcome"] for scenario in asked} <= {"passed", "skipped", "errored"}
    last = f"INTERRUPTED by the deadline of 4 s after {len(asked)} of "
    assert last in ended.out
    junit = (here.folder / "out/junit.xml").read_text(encoding="utf-8")
    assert "planned, but it did not run" in junit
    assert "stopped by the deadline of 4 s" in junit


def test_so_many_failures_end_a_run_and_a_scenario_has_its_limit(here: Place) -> None:
    ended = here.run("test", "lb", "--limit", "0.001", "--maxfail", "2", "--jobs", "1")
    assert ended.code == 4, ended.out + ended.err
    assert "It did not end within 0.001 s, the limit of a scenario." in ended.out
    assert "INTERRUPTED by --maxfail 2 after 2 of " in ended.out
    assert here.run("test", "lb-byrequests", "--maxfail", "1", "--deadline", "600").code == 0


def test_labs_beside_each_other_tell_in_the_order_of_the_catalogue(here: Place) -> None:
    ended = here.run("test", "lb", "concurrency-50", "thieves", "--jobs", "3", "--json")
    assert ended.code == 0, ended.err
    document = json.loads(ended.out)
    names = [scenario["name"] for scenario in document["scenarios"]]
    assert names == document["planned"]
    assert [line.split()[1] for line in ended.err.splitlines() if line.startswith("PASS ")] == [*names, f"{len(names)}"]
    labs = {scenario["addresses"]["ws://liberty"] for scenario in document["scenarios"]}
    assert len(labs) >= 2, "each lab has backends of its own"


@pytest.mark.parametrize(
    ("words", "code", "told"),
    [
        (["test", "nonsense"], 2, "scenario is 'nonsense', but must be a scenario or a family"),
        (["test", "--carrier", "tcp"], 2, "'tcp' is not one of"),
        (["test", "--connections", "1"], 2, "--connections is 1"),
        (["test", "headers", "--lbmethod", "heartbeat"], 5, ""),
        (
            ["test", "lb-byrequests", "--httpd", "/nowhere"],
            3,
            "error: The local runtime cannot be used: /nowhere is no",
        ),
        (["report", "missing.json"], 2, "Cannot read missing.json: no such file or directory"),
        (["nonsense"], 2, "No such command"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else None,
)
def test_what_goes_wrong_has_its_exit_code_and_a_sentence(words: list[str], code: int, told: str, here: Place) -> None:
    ended = here.run(*words)
    assert ended.code == code, ended.out + ended.err
    assert told in ended.err
    assert "Traceback" not in ended.err


def test_a_lab_that_cannot_start_still_leaves_a_report_that_says_so(here: Place) -> None:
    ended = here.run("test", "lb-byrequests", "--httpd", "/nowhere")
    assert ended.code == 3
    document = saved(here)
    assert document["exit_code"] == 3
    assert "/nowhere is no program" in str(document["error"])


def test_a_taken_port_is_named(here: Place) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        ended = here.run("test", "lb-byrequests", "--port", str(port))
    assert ended.code == 3
    assert f"port {port}" in ended.err
    assert "AH00072" in ended.err


@pytest.mark.parametrize(("number", "jobs"), [*((number, 1) for number in ENDING), (signal.SIGINT, 3)])
def test_a_signal_stops_everything_and_keeps_what_there_is(number: signal.Signals, jobs: int, here: Place) -> None:
    code = 128 + number
    running = here.start("test", "lb", "--connections", "2000", "--jobs", str(jobs))
    running.wait_until_printed("PASS")
    running.process.send_signal(number)
    ended = running.end()
    assert ended.code == code, ended.out + ended.err
    assert f"INTERRUPTED by {number.name}" in ended.out
    document = saved(here)
    assert document["interrupted"] == number.name
    assert document["exit_code"] == code
    assert 0 < len(document["scenarios"]) < len(document["planned"])  # type: ignore[arg-type]


def test_after_kill_9_the_next_run_works_and_says_what_it_found(here: Place) -> None:
    running = here.start("up", "--port", "18081", "--tls-port", "18444")
    running.wait_until_printed("Ctrl+C")
    running.process.kill()
    running.end()
    wait_for(lambda: not [p for p in here.processes() if "python" in p.name()], what="the end of orphaned backends")
    assert [p for p in here.processes() if "apache" in p.name() or "httpd" in p.name()], "httpd has lost its owner"
    ended = here.run("test", "lb-byrequests")
    assert ended.code == 0, ended.out + ended.err
    assert f"(pid {running.process.pid}) had ended without cleaning up: stopped" in ended.err
    found = saved(here)["environment"]["leftovers"]  # type: ignore[index]
    assert len(found) == 1


def test_up_serves_the_article_until_ctrl_c(here: Place) -> None:
    running = here.start("up", "--port", "18080", "--tls-port", "18443")
    running.wait_until_printed("Ctrl+C")
    assert "ws://127.0.0.101:10000" in running.out or "ws://127.0.0.1:10000" in running.out
    assert "ws://127.0.0.1:18080/ws" in running.out
    assert "http://127.0.0.1:18080/WSConsole.html" in running.out
    with urllib.request.urlopen("http://127.0.0.1:18080/WSConsole.html", timeout=10) as page:
        assert b'id="uri"' in page.read()
    running.process.send_signal(signal.SIGINT)
    ended = running.end()
    assert ended.code == 0, ended.err
    assert "nothing is left running" in ended.out


def test_up_takes_other_ports_of_backends_beside_a_program_that_has_the_articles(here: Place) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.101", 0))
        other.listen()
        taken = str(other.getsockname()[1])
        refused = here.run("up", "--port", "18086", "--tls-port", "18449", "--backend-ports", f"{taken},0,0,0")
    assert refused.code == 3
    assert f"cannot listen on 127.0.0.101 port {taken}" in refused.err
    assert "Other ports: wslb up --backend-ports free" in refused.err
    words = ("up", "--port", "18086", "--tls-port", "18449", "--backend-ports")
    running = here.start(*words, f"{taken},0,0,0")
    running.wait_until_printed("Ctrl+C")
    free = here.start("up", "--port", "18087", "--tls-port", "18450", "--backend-ports", "free")
    free.wait_until_printed("Ctrl+C")
    assert f"ws://127.0.0.101:{taken} " in running.out
    for one in (running, free):
        assert ":8888 " not in one.out
        one.process.send_signal(signal.SIGINT)
        assert one.end().code == 0


@pytest.mark.parametrize("ports", ["", "8080", "1,2,3", "1,2,3,x", "1,2,3,70000", "5,5,0,0", "1,2,3,4,5"])
def test_up_refuses_ports_that_cannot_be(here: Place, ports: str) -> None:
    ended = here.run("up", "--backend-ports", ports)
    assert (ended.code, f"--backend-ports is {ports!r}, but must be free, or four different ports" in ended.err) == (
        2,
        True,
    )


def test_list_config_and_doctor_need_no_lab(here: Place) -> None:
    listed = json.loads(here.run("list", "--json").out)
    assert {"name", "family", "question", "limit"} == set(listed[0])
    assert len(listed) >= 18
    text = here.run("config", "article-listing8").out
    assert "<Proxy balancer://mycluster/CLRunner>" in text
    assert "lbmethod" not in text.split("<Proxy", 1)[1]
    assert "lbmethod=bytraffic" in here.run("config", "--lbmethod", "bytraffic").out
    doctor = here.run("doctor")
    assert doctor.code == 0, doctor.out
    assert "0 problems" in doctor.out


def test_report_redraws_the_same_bytes(here: Place) -> None:
    assert here.run("test", "lb-byrequests").code == 0
    folder = here.folder / "reports/lb"
    drawn = {name: (folder / name).read_bytes() for name in ("report.html", "junit.xml")}
    (folder / "report.html").unlink()
    ended = here.run("report", "reports/lb/report.json")
    assert ended.code == 0, ended.err
    assert {name: (folder / name).read_bytes() for name in drawn} == drawn
    (folder / "report.json").write_text('{"schema": "other"}')
    broken = here.run("report", "reports/lb/report.json")
    assert broken.code == 2
    assert "Cannot read" in broken.err


def test_a_report_folder_that_cannot_be_written_is_an_error(here: Place) -> None:
    (here.folder / "file").write_text("")
    ended = here.run("test", "lb-byrequests", "--report", "file/out")
    assert ended.code == 2
    assert ended.err.startswith(
        "error: --report is 'file/out', but must be a folder that can be written (not a directory)"
    )
    assert ended.out == "", "it was found out after the run"


def test_check_asks_a_balancer_from_the_outside(here: Place) -> None:
    running = here.start("up", "--port", "18082", "--tls-port", "18445")
    running.wait_until_printed("Ctrl+C")
    authority = running.out.split("authority: ", 1)[1].split(")", 1)[0]
    plain = here.run("check", "ws://127.0.0.1:18082/ws", "--count", "6", "--backends", "2")
    secure = here.run("check", "wss://127.0.0.1:18445/wss", "--count", "6", "--ca", authority, "--json")
    distrusted = here.run("check", "wss://127.0.0.1:18445/wss")
    nowhere = here.run("check", "ws://127.0.0.1:18082/nowhere")
    running.process.send_signal(signal.SIGINT)
    assert running.end().code == 0
    assert plain.code == 0, plain.out
    assert "3/3, 0 breaks" in plain.out
    assert secure.code == 0, secure.out
    answers = {answer["name"]: answer["text"] for answer in json.loads(secure.out)["answers"]}
    assert answers["TLS"].endswith("certificate verified")
    assert distrusted.code == 1
    assert "certificate refused" in distrusted.out
    assert nowhere.code == 1
    assert "404 Not Found" in nowhere.out
