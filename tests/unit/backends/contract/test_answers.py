"""What an original answers: tests/originals compares; here stands what no byte of a real server is needed for."""

from __future__ import annotations

import pytest

from backends.contract.answers.answering import Answers, accept_of
from backends.contract.answers.of_liberty import LibertyAnswers
from backends.contract.answers.of_node import NodeAnswers
from backends.contract.request import RequestHead
from tests.unit.backends.contract.test_request import GOOD, request

LIBERTY, NODE = LibertyAnswers("/App"), NodeAnswers()
PATH = "/App/ws"


@pytest.mark.parametrize("answers", [LIBERTY, NODE], ids=["liberty", "node"])
def test_a_good_handshake_is_not_refused_and_its_key_is_its_own(answers: Answers) -> None:
    assert answers.refusal(request(), PATH) is None
    assert answers.key(request()) == GOOD["Sec-WebSocket-Key"][0]


@pytest.mark.parametrize("answers", [LIBERTY, NODE], ids=["liberty", "node"])
def test_an_answer_has_the_fields_of_the_original_and_the_signature_alone(answers: Answers) -> None:
    answer = answers.refusal(request(changed={"Host": []}), PATH)
    assert answer is not None
    fields = answer.fields([("X-Backend", "a")])
    assert (answer.status, answer.body, fields[-1]) == (400, b"", ("X-Backend", "a"))
    assert tuple(fields[:-1]) == answer.own


def test_liberty_reads_the_first_of_several_and_node_all_of_them() -> None:
    two = request(changed={"Sec-WebSocket-Key": [GOOD["Sec-WebSocket-Key"][0], "x"]})
    assert LIBERTY.key(two) == GOOD["Sec-WebSocket-Key"][0]
    assert NODE.key(two) == GOOD["Sec-WebSocket-Key"][0] + ", x"
    assert accept_of(LIBERTY.key(two)) == "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="


def test_liberty_tells_the_path_within_its_application_and_writes_no_markup() -> None:
    answer = LIBERTY.absent(request(http_version="1.0"), "/App/%3Cb%3E;x=1")
    assert answer.body.endswith(b"File not found: /&lt;b&gt;\n")
    assert LIBERTY.absent(request(), "/elsewhere").body == b"404 Not Found"


@pytest.mark.parametrize(
    ("changed", "keeps"),
    [({}, True), ({"Connection": ["close"]}, False), ({"Transfer-Encoding": ["chunked"]}, False)],
)
def test_node_leaves_the_connection_to_the_next_request(changed: dict[str, list[str]], keeps: bool) -> None:
    answer = NODE.absent(request(changed=changed), "/")
    assert answer.keeps is keeps
    assert answer.own is not None
    assert (("Keep-Alive", "timeout=5") in answer.own) is keeps


@pytest.mark.parametrize(
    ("size", "of_liberty", "of_node"), [(16_000, None, None), (20_000, None, 431), (40_000, 400, 431)]
)
def test_a_field_is_too_long(size: int, of_liberty: int | None, of_node: int | None) -> None:
    head = request(changed={"X-Long": ["x" * size]})
    for answers, status in ((LIBERTY, of_liberty), (NODE, of_node)):
        answer = answers.refusal(head, PATH)
        assert (None if answer is None else answer.status) == status


def test_what_is_no_http_is_answered() -> None:
    malformed = RequestHead(method="GET", target="/", http_version="1.1", headers=(), malformed=True)
    for answers in (LIBERTY, NODE):
        answer = answers.refusal(malformed, PATH)
        assert answer is not None
        assert (answer.status, answers.unreadable().status) == (400, 400)
    assert NODE.unreadable(too_long=True).status == 431


@pytest.mark.parametrize(
    ("version", "status"),
    [("8", None), ("13x", None), ("13, 8", None), ("7", 426), ("-1", 426), ("0", 400), ("x", 400)],
)
def test_node_takes_versions_8_and_13(version: str, status: int | None) -> None:
    answer = NODE.refusal(request(changed={"Sec-WebSocket-Version": [version]}), PATH)
    assert (None if answer is None else answer.status) == status


def test_node_names_the_origin_in_the_field_in_which_the_version_has_it() -> None:
    old = request(changed={"Sec-WebSocket-Version": ["8"], "Sec-WebSocket-Origin": ["http://a"]})
    assert NODE.switching(old, "x", "p")[-2:] == [("Sec-WebSocket-Protocol", "p"), ("Sec-WebSocket-Origin", "http://a")]
    assert NODE.switching(request(changed={"Origin": ["http://b"]}), "x", None)[-1] == ("Origin", "http://b")
