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
        ({"port": 8080, "tls_port": 8080}, {}, "--tls-port is 8080, but must be another port than --port."),
    ],
)
def test_a_wrong_setting_names_itself_and_what_is_allowed(
    options: dict[str, object], environ: dict[str, str], told: str
) -> None:
    with pytest.raises(ConfigError) as caught:
        read_settings(options, environ)
    assert str(caught.value) == told
