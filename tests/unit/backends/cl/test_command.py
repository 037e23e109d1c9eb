"""The CL parser: what it reads, and the message for what it does not."""

import pytest

from backends.cl.command import COMMAND_LIMIT, parse
from backends.cl.messages import CommandError


@pytest.mark.parametrize(
    ("text", "name", "positional", "keywords"),
    [
        ("WRKSBS", "WRKSBS", (), {}),
        ("  wrksbs  ", "WRKSBS", (), {}),
        ("DSPSYSVAL SYSVAL(QDATE)", "DSPSYSVAL", (), {"SYSVAL": "QDATE"}),
        ("dspsysval sysval( qdate )", "DSPSYSVAL", (), {"SYSVAL": "QDATE"}),
        ("DSPSYSVAL QDATE", "DSPSYSVAL", ("QDATE",), {}),
        ("SNDMSG 'it''s' QSYSOPR", "SNDMSG", ("it's", "QSYSOPR"), {}),
        ("SNDMSG MSG('a (b) c') TOUSR(*SYSOPR)", "SNDMSG", (), {"MSG": "a (b) c", "TOUSR": "*SYSOPR"}),
        ("SNDMSG ''", "SNDMSG", ("",), {}),
        ("PING '10.0.0.1'", "PING", ("10.0.0.1",), {}),
        ("X LIST(A B 'c d')", "X", (), {"LIST": "A B c d"}),
        ("WRKSBS\n\tOUTPUT(*PRINT)", "WRKSBS", (), {"OUTPUT": "*PRINT"}),
    ],
)
def test_command_is_read(text: str, name: str, positional: tuple[str, ...], keywords: dict[str, str]) -> None:
    command = parse(text)
    assert (command.name, command.positional, command.keywords) == (name, positional, keywords)


def test_library_is_read() -> None:
    command = parse("qsys/wrksbs")
    assert (command.library, command.name) == ("QSYS", "WRKSBS")


@pytest.mark.parametrize(
    ("text", "identifier"),
    [
        ("", "CPD0029"),
        (" \n ", "CPD0029"),
        ("WRKSBS; id", "CPD0020"),
        ("$(id)", "CPD0020"),
        ("`id`", "CPD0020"),
        ("WRKSBS | id", "CPD0020"),
        ("WRKSBS\0", "CPD0020"),
        ("/", "CPD0020"),
        ("QSYS/", "CPD0020"),
        ("ÄRGER", "CPD0020"),
        ("SNDMSG 'open", "CPD0018"),
        ("SNDMSG MSG(open", "CPD0013"),
        ("SNDMSG MSG(open))", "CPD0013"),
        ("SNDMSG MSG(A) MSG(B)", "CPD0041"),
        ("X" * (COMMAND_LIMIT + 1), "CPD0031"),
    ],
)
def test_what_is_no_command_gets_a_message(text: str, identifier: str) -> None:
    with pytest.raises(CommandError) as error:
        parse(text)
    assert error.value.identifier == identifier
