from __future__ import annotations

import errno
import os
import socket
import ssl
from pathlib import Path

import pytest

from wslb import errors
from wslb.reports.ongoing import exit_code_of

CASES = [
    (
        errors.ProcessLost(name="httpd", pid=7, how="was ended by SIGKILL in mid-run"),
        "httpd (pid 7) was ended by SIGKILL in mid-run, which the scenario did not do.",
        3,
    ),
    (errors.PlaceLost(what="The folder vanished", hint="mend it"), "The folder vanished while the lab ran.", 3),
    (errors.ConfigError(option="--port", value=7, allowed="a free port"), "--port is 7, but must be a free port.", 2),
    (
        errors.RuntimeUnavailable(runtime="local", reason="no httpd", hint="get one"),
        "The local runtime cannot be used: no httpd.",
        3,
    ),
    (errors.StartError(name="httpd", reason="it ended", waited=1.26), "httpd did not start: it ended after 1.3 s.", 3),
    (
        errors.ProxyConfigRejected(file=Path("x"), line=3, text="AH00526: no"),
        "httpd refused its configuration at line 3: AH00526: no",
        3,
    ),
    (errors.ContractError(backend="node", detail="no journal"), "Backend node broke its contract: no journal.", 3),
    (
        errors.ServerUnavailable(name="app", url="ws://h", reason="it is away", hint="start it"),
        "The server app at ws://h cannot be asked: it is away.",
        3,
    ),
    (
        errors.MachineExhausted(what="is no memory", detail="an allocation failed", hint="get more"),
        "There is no memory left: an allocation failed.",
        3,
    ),
    (errors.EvidenceError(path="r.json", detail="it is not JSON"), "Cannot read r.json: it is not JSON.", 4),
    (errors.EvidenceError(path="r.json", detail="no room", doing="write"), "Cannot write r.json: no room.", 4),
]


@pytest.mark.parametrize(("error", "sentence", "code"), CASES, ids=lambda case: type(case).__name__)
def test_an_error_is_one_sentence_with_an_exit_code(error: errors.HarnessError, sentence: str, code: int) -> None:
    assert str(error) == sentence
    assert exit_code_of(error) == code


def test_every_error_is_listed_in_the_drawn_tree() -> None:
    assert errors.__all__
    for name in errors.__all__:
        assert name in (errors.__doc__ or "")


def refusal(number: int, file: str | None = None) -> OSError:
    return OSError(number, os.strerror(number), file)


@pytest.mark.parametrize(
    ("error", "sentence"),
    [
        (refusal(errno.ENOSPC, "/srv/x"), "There is no room on the disk left: no space left on device (/srv/x)."),
        (refusal(errno.EMFILE), "There is no open file left: too many open files."),
        (refusal(errno.EAGAIN), "There is no process or thread left: resource temporarily unavailable."),
        (RuntimeError("can't start new thread"), "There is no process or thread left: can't start new thread."),
        (MemoryError(), "There is no memory left: an allocation failed."),
        (
            ExceptionGroup("two", [ValueError(), ExceptionGroup("one", [refusal(errno.EFBIG)])]),
            "There is no room in a file left: file too large.",
        ),
    ],
)
def test_a_machine_that_has_run_out_of_something_is_no_error_of_ours(error: Exception, sentence: str) -> None:
    assert str(errors.exhausted(error)) == sentence


@pytest.mark.parametrize(
    "error", [refusal(errno.ECONNREFUSED), RuntimeError("other"), ExceptionGroup("", [ValueError()])]
)
def test_any_other_error_is_left_as_it_is(error: Exception) -> None:
    assert errors.exhausted(error) is None


@pytest.mark.parametrize(
    ("code", "told"),
    [
        (0, "ended with exit code 0"),
        (3, "ended with exit code 3"),
        (-9, "was ended by SIGKILL"),
        (-99, "was ended by signal 99"),
        (None, "has ended"),
    ],
)
def test_the_end_of_a_program_in_words(code: int | None, told: str) -> None:
    assert errors.how_ended(code) == told


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (ConnectionRefusedError(errno.ECONNREFUSED, "Connect call failed ('127.0.0.1', 1)"), "connection refused"),
        (FileNotFoundError(errno.ENOENT, "x", "a.txt"), "no such file or directory (a.txt)"),
        (TimeoutError(), "no answer in time"),
        (TimeoutError("it did not happen within 5 s"), "it did not happen within 5 s"),
        (ConnectionResetError("Connection lost"), "Connection lost"),
        (ssl.SSLError(1, "wrong version"), "TLS: wrong version"),
        (socket.gaierror(socket.EAI_NONAME, "Name or service not known"), "name or service not known"),
        (
            OSError("Multiple exceptions: [Errno 111] Connect call failed ('::1', 9), [Errno 101] Connect call failed"),
            "connection refused and network is unreachable",
        ),
        (OSError("no number"), "os: no number"),
        (ZeroDivisionError("oops"), "zero division: oops"),
        (ExceptionGroup("several", [ValueError("first"), ValueError("second")]), "value: first"),
        (errors.ContractError(backend="node", detail="no"), "Backend node broke its contract: no"),
    ],
)
def test_a_foreign_error_in_words_for_people(error: BaseException, told: str) -> None:
    assert errors.plain(error) == told
