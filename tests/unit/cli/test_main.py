"""The last stop of the command: an error of its own is one sentence with exit code 4, and names no class of Python."""

from __future__ import annotations

import contextlib
import errno

import pytest

from wslb.cli import cli, main


@pytest.mark.parametrize(
    ("error", "code", "said"),
    [
        (KeyError("routes"), 4, "error: wslb itself failed: key: 'routes'\n"),
        (ExceptionGroup("all", [ZeroDivisionError("division by zero")]), 4, "zero division: division by zero\n"),
        (OSError(errno.ENOSPC, "No space left on device", "/t/x"), 3, "error: There is no room on the disk left: "),
    ],
)
def test_an_error_that_nobody_foresaw(
    error: Exception, code: int, said: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fails(**_: object) -> None:
        raise error

    monkeypatch.setattr(cli, "main", fails)
    monkeypatch.setattr(main, "end_by_signals", lambda: None)
    monkeypatch.setattr(main, "lasting_streams", lambda _: None)
    monkeypatch.delenv("WSLB_DEBUG", raising=False)
    with pytest.raises(SystemExit) as ended:
        main.main()
    told = capsys.readouterr().err
    assert ended.value.code == code
    assert said in told
    assert "  do:  " in told
    assert "Error" not in told


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["test", "--deadline", "x"], "error: Invalid value for '--deadline': 'x' is not a number."),
        (["selftest", "--rounds", "1.5"], "error: Invalid value for '--rounds': '1.5' is not a whole number."),
        (["try", "site.conf", "another.conf"], "error: Got unexpected extra argument (another.conf)."),
    ],
)
def test_wrong_usage_is_told_as_every_other_refusal(
    arguments: list[str], told: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(main, "end_by_signals", lambda: None)
    monkeypatch.setattr(main, "lasting_streams", lambda _: None)
    monkeypatch.setattr("sys.argv", ["wslb", *arguments])
    with pytest.raises(SystemExit) as ended:
        main.main()
    assert ended.value.code == 2
    assert capsys.readouterr().err.splitlines() == [told, f"  do:  wslb {arguments[0]} --help says what there is."]


def test_nothing_said_is_answered_with_help(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(main, "end_by_signals", lambda: None)
    monkeypatch.setattr(main, "lasting_streams", lambda _: None)
    monkeypatch.setattr("sys.argv", ["wslb"])
    with contextlib.suppress(SystemExit):  # click 8.1 returns
        main.main()
    assert "Does my reverse proxy really balance WebSockets?" in "".join(capsys.readouterr())


def test_what_is_missing_is_told_with_an_example(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(main, "end_by_signals", lambda: None)
    monkeypatch.setattr(main, "lasting_streams", lambda _: None)
    monkeypatch.setattr("sys.argv", ["wslb", "check"])
    with pytest.raises(SystemExit):
        main.main()
    told, do = capsys.readouterr().err.splitlines()
    assert told == "error: Missing argument 'URL'."
    assert do == "  do:  wslb check ws://127.0.0.1:8080/ws, for example; wslb check --help says more."
