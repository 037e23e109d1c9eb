from __future__ import annotations

from pathlib import Path

import pytest

from wslb import errors
from wslb.reports.ongoing import exit_code_of

CASES = [
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
    (errors.EvidenceError(path="r.json", detail="it is not JSON"), "Cannot read r.json: it is not JSON.", 4),
]


@pytest.mark.parametrize(("error", "sentence", "code"), CASES, ids=lambda case: type(case).__name__)
def test_an_error_is_one_sentence_with_an_exit_code(error: errors.HarnessError, sentence: str, code: int) -> None:
    assert str(error) == sentence
    assert exit_code_of(error) == code


def test_every_error_is_listed_in_the_drawn_tree() -> None:
    assert errors.__all__
    for name in errors.__all__:
        assert name in (errors.__doc__ or "")
