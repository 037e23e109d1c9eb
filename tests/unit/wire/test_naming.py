from __future__ import annotations

from collections.abc import Callable, Sequence

import pytest

from wslb.errors import ConfigError
from wslb.wire.naming import ABSENT, NameRule, Showing, found

TURNS = "abababab"


def headers(field: str, names: Sequence[str] = TURNS) -> list[Showing]:
    return [Showing(response=((field, name),)) for name in names]


def messages(say: Callable[[str, int], str | bytes], names: str = TURNS) -> list[Showing]:
    return [Showing(messages=(say(name, number),)) for number, name in enumerate(names)]


def cookies(say: Callable[[str, int], str]) -> list[Showing]:
    return [Showing(response=(("Set-Cookie", say(name, number)),)) for number, name in enumerate(TURNS)]


@pytest.mark.parametrize(
    ("showings", "rule"),
    [
        pytest.param(headers("X-Served-By"), "header:X-Served-By", id="made for it"),
        pytest.param(headers("X-Served-By", "aaaa"), "header:X-Served-By", id="made for it, one answers"),
        pytest.param(headers("Server"), "header:Server", id="another field that differs"),
        pytest.param([Showing(response=(("Server", "x"),)), Showing()] * 3, "header:Server", id="only some have it"),
        pytest.param(cookies(lambda name, _: f"ROUTEID=.{name}; Path=/"), "cookie:ROUTEID", id="cookie"),
        pytest.param(cookies(lambda name, n: f"JSESSIONID=00{n}x:{name}"), "route:JSESSIONID", id="route"),
        pytest.param(messages(lambda name, _: f"hello from {name}"), "greeting", id="greeting"),
        pytest.param(messages(lambda name, n: f'{{"at": {n}, "node": "{name}"}}'), "json:node", id="JSON"),
        pytest.param(
            messages(lambda name, n: f'0{{"sid": "s{n}", "on": {{"pod": "{name}"}}}}'), "json:on.pod", id="deep"
        ),
        pytest.param(headers("X-From", ["10.0.0.1:80", "10.0.0.2:80"] * 3), "header:X-From", id="addresses"),
        pytest.param(messages(lambda name, _: f"\x20{name}".encode()), "greeting", id="binary"),
    ],
)
def test_what_tells_backends_apart_is_found(showings: list[Showing], rule: str) -> None:
    assert found(showings) == NameRule(rule=rule)


@pytest.mark.parametrize(
    "showings",
    [
        pytest.param([], id="nothing opened"),
        pytest.param([Showing()] * 8, id="nothing shown"),
        pytest.param(headers("Server", "aaaaaaaa"), id="a field that is always the same"),
        pytest.param(messages(lambda _, __: "welcome"), id="a greeting that is always the same"),
        pytest.param(messages(lambda _, n: f"you are {n}"), id="a greeting that differs each time"),
        pytest.param(messages(lambda _, n: f"it is 10:0{n // 2}"), id="a clock that stands for two opens"),
        pytest.param(messages(lambda _, n: f'{{"users": {n % 3}}}'), id="a count that comes back"),
        pytest.param(cookies(lambda _, n: f"sid={n}abc"), id="a session cookie"),
        pytest.param(headers("X-Request-Id"), id="an id of the request"),
        pytest.param(headers("X-Envoy-Upstream-Service-Time", "12211212"), id="a time"),
        pytest.param(headers("X-Took", "12211212"), id="a figure"),
    ],
)
def test_what_is_the_same_or_differs_each_time_names_nobody(showings: list[Showing]) -> None:
    assert found(showings) is None


HELLO = Showing(
    response=(("Server", "nginx/1.22.1"), ("X-Up", " 10.0.0.1:80 ")),
    messages=("plain", b'{"a": [{"node": "n\xc3\xa91"}]}', "I am host-7\nbye"),
)


@pytest.mark.parametrize(
    ("rule", "name"),
    [
        ("header:x-up", "10.0.0.1:80"),
        ("header:missing", ABSENT),
        ("cookie:missing", ABSENT),
        ("route:missing", ABSENT),
        ("greeting", "plain"),
        ("json:a.0.node", "nÃ©1"),
        ("json:b", None),
        ("message:I am (\\S+)", "host-7"),
        ("message:host-\\d", "host-7"),
        ("message:nobody", None),
        ("auto", None),
    ],
)
def test_a_rule_reads_one_opening(rule: str, name: str | None) -> None:
    assert NameRule(rule=rule).of(HELLO) == name


@pytest.mark.parametrize("rule", ["", "header:", "cookie", "address", "json:", "message:", "message:(", "greeting:x"])
def test_an_unknown_way_to_identify_is_a_usage_error(rule: str) -> None:
    with pytest.raises(ConfigError, match="--identify"):
        NameRule(rule=rule)


def test_the_words_say_where_a_name_comes_from() -> None:
    assert NameRule(rule="json:node").source == "field node of a message"
    assert NameRule(rule="route:R").source == "the route in cookie R"
    assert NameRule(rule="header:X").source == "header X"
    assert (NameRule(rule="json:x").listens, NameRule(rule="cookie:x").listens) == (True, False)
