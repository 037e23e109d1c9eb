from __future__ import annotations

from pathlib import Path

import pytest

from wslb.config import RuntimeChoice, Settings, read_settings
from wslb.errors import ConfigError
from wslb.model.balancer import Carrier, LbMethod


def test_options_win_over_the_environment_and_the_environment_over_defaults() -> None:
    environ = {"WSLB_CARRIER": "http", "WSLB_CONNECTIONS": "30", "WSLB_REPORT": "out", "HOME": "/x"}
    settings = read_settings({"connections": 40, "carrier": None}, environ)
    assert (settings.carrier, settings.connections, settings.report) == (Carrier.HTTP, 40, Path("out"))
    assert settings.runtime is RuntimeChoice.AUTO
    assert read_settings({}, {}) == Settings()
    assert read_settings({"lbmethod": "bytraffic"}, {}).lbmethod is LbMethod.BYTRAFFIC


def test_real_servers_keep_their_order_and_lose_the_last_slash() -> None:
    settings = read_settings({"backend": ("b=ws://one:80/App/", "a=wss://two"), "ca": __file__}, {})
    assert list(settings.backends.items()) == [("b", "ws://one:80/App"), ("a", "wss://two")]
    assert read_settings({"backend": ()}, {}) == Settings()


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"identify": "header:X"}, "--identify is 'header:X', but must be given with --backend NAME=URL only."),
        ({"identify": "auto", "backend": ("a=ws://h",)}, "--identify is 'auto', but must be a rule here, such as"),
    ],
)
def test_what_identifies_servers_is_a_rule_and_needs_some(options: dict[str, object], told: str) -> None:
    with pytest.raises(ConfigError) as refused:
        read_settings(options, {})
    assert str(refused.value).startswith(told)
    assert read_settings({"identify": "json:a", "backend": ("a=ws://h",)}, {}).identify == "json:a"


@pytest.mark.parametrize(
    "url", ["", "ws://", "http://h", "ws://h:0", "ws://h:99999", "ws://u@h", "ws://h?q", "ws://h h"]
)
def test_a_url_of_no_server_is_refused(url: str) -> None:
    with pytest.raises(ConfigError, match="--backend is 'a="):
        read_settings({"backend": (f"a={url}",)}, {})


@pytest.mark.parametrize(
    ("options", "environ", "told"),
    [
        ({"carrier": "tcp"}, {}, "--carrier is 'tcp', but must be one of wstunnel, http."),
        ({}, {"WSLB_CONNECTIONS": "many"}, "WSLB_CONNECTIONS is 'many', but must be a number."),
        ({"connections": 1}, {}, "--connections is 1, but must be a number from 2 to 100000."),
        (
            {"percentiles": "50,fast"},
            {},
            "--percentiles is '50,fast', but must be at most 12 numbers between 0 and 100, with four decimals at most "
            "and commas between them, such as 50,90,99,99.9.",
        ),
        ({"port": 70000}, {}, "--port is 70000, but must be a port from 1 to 65535, or 0 for a free one."),
        ({"maxfail": -1}, {}, "--maxfail is -1, but must be a number from 1, or 0 for no such end."),
        ({"deadline": 0.0}, {}, "--deadline is 0.0, but must be a number of seconds above 0."),
        ({}, {"WSLB_LIMIT": "nan"}, "--limit is nan, but must be a number of seconds above 0."),
        ({"jobs": -1}, {}, "--jobs is -1, but must be a number from 1 to 16, or 0 for as many as fit."),
        (
            {"jobs": 2, "port": 8080},
            {},
            "--jobs is 2, but must be 1 with --port or --tls-port: a port has one lab.",
        ),
        ({"port": 8080, "tls_port": 8080}, {}, "--tls-port is 8080, but must be another port than --port."),
    ],
)
def test_a_wrong_setting_names_itself_and_what_is_allowed(
    options: dict[str, object], environ: dict[str, str], told: str
) -> None:
    with pytest.raises(ConfigError) as caught:
        read_settings(options, environ)
    assert str(caught.value) == told
