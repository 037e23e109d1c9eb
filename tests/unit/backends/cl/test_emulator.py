"""The emulator: every command in the layout of the system, and a message for everything else."""

import random
import re
import string

import pytest

from backends.cl.emulator import Emulator
from backends.cl.host import Host
from backends.cl.interpreter import Caller
from backends.cl.listing import END, Column, dotted, table
from backends.cl.own import with_own_commands

HEADING = re.compile(r" +(\S.*\S) +\d\d/\d\d/\d\d \d\d:\d\d:\d\d +Page 0001")
ARGUMENTS = {"DSPSYSVAL": " QDATE", "SNDMSG": " 'hello'", "PING": " LOOPBACK", "VFYTCPCNN": " LOOPBACK NBRPKT(1)"}
PLAIN_ANSWERS = {"SNDMSG", "PING", "VFYTCPCNN"}


@pytest.fixture(scope="module")
def emulator() -> Emulator:
    return Emulator(Host(name="alpha", instance="liberty"))


NAMES = Emulator(Host(name="alpha", instance="liberty")).names


@pytest.mark.parametrize("name", NAMES)
def test_every_command_answers_in_the_layout_of_the_system(emulator: Emulator, name: str) -> None:
    output = emulator.answer(name + ARGUMENTS.get(name, ""))
    assert "CPF" not in output
    if name not in PLAIN_ANSWERS:
        lines = output.split("\n")
        assert HEADING.fullmatch(lines[0]), lines[0]
        assert lines[-1].strip() == END == "* * * * *  E N D  O F  L I S T I N G  * * * * *"


@pytest.mark.parametrize(
    ("command", "title"),
    [
        ("WRKSBS", "Work with Subsystems"),
        ("WRKSYSSTS", "System Status Information"),
        ("WRKACTJOB", "Work with Active Jobs"),
        ("DSPLIBL", "Display Library List"),
        ("DSPSYSVAL QDATE", "Display System Value"),
    ],
)
def test_title_stands_in_the_heading(emulator: Emulator, command: str, title: str) -> None:
    found = HEADING.fullmatch(emulator.answer(command).split("\n")[0])
    assert found is not None
    assert found[1] == title


def test_columns_are_aligned(emulator: Emulator) -> None:
    lines = emulator.answer("WRKSBS").split("\n")
    at = lines[2].index("Status")
    assert len(lines) > 10
    assert all(line[at:].startswith("ACTIVE") for line in lines[3:-1])


def test_two_stand_ins_visibly_differ() -> None:
    one, other = (Emulator(Host(name="alpha", instance=name)) for name in ("liberty", "node"))
    for command in ("WRKSBS", "WRKSYSSTS", "DSPSYSVAL QSRLNBR", "WRKJOBQ"):
        assert one.answer(command) != other.answer(command)


def test_derived_values_stay_the_same() -> None:
    one, again = (Host(name="alpha", instance="node") for _ in range(2))
    assert one.serial_number == again.serial_number
    assert [one.number(str(at), 1, 9) for at in range(20)] == [again.number(str(at), 1, 9) for at in range(20)]
    assert {one.number(str(at), 3, 5) for at in range(50)} == {3, 4, 5}


@pytest.mark.parametrize(
    ("command", "message"),
    [
        ("FOO", "CPD0030: Command FOO in library *LIBL not found."),
        ("foo", "CPD0030: Command FOO in library *LIBL not found."),
        ("MYLIB/WRKSBS", "CPD0030: Command WRKSBS in library MYLIB not found."),
        ("WRKSBS FOO(1)", "CPD0043: Keyword FOO not valid for this command."),
        ("WRKSBS OUTPUT(*FILE)", "CPD0084: Value '*FILE' not valid for parameter OUTPUT."),
        ("DSPSYSVAL", "CPD0071: Parameter SYSVAL required."),
        ("DSPSYSVAL QNOTHING", "CPD0084: Value 'QNOTHING' not valid for parameter SYSVAL."),
        ("DSPSYSVAL QDATE *PRINT EXTRA", "CPD0042: Positional parameters exceed the limit of 2."),
        ("DSPSYSVAL QDATE SYSVAL(QTIME)", "CPD0041: Keyword SYSVAL specified more than once."),
        ("SNDMSG", "CPD0071: Parameter MSG required."),
        ("SNDMSG ''", "CPD0071: Parameter MSG required."),
        ("PING LOOPBACK NBRPKT(0)", "CPD0084: Value '0' not valid for parameter NBRPKT."),
        ("WRKSBS; id", "CPD0020: Character ';' not valid following string 'WRKSBS'."),
        ("$(id)", "CPD0020: Character '(' not valid following string '$'."),
    ],
)
def test_wrong_command_gets_the_message_of_the_system(emulator: Emulator, command: str, message: str) -> None:
    assert emulator.answer(command) == f"{message}\nCPF0006: Errors occurred in command."


def test_emulator_opens_no_connection_for_anybody(emulator: Emulator) -> None:
    assert emulator.answer("PING 'example.org'").startswith("TCP3204: Cannot find host system example.org;")


def test_message_can_be_read_back(emulator: Emulator) -> None:
    assert emulator.answer("SNDMSG MSG('it''s') TOUSR(QSYSOPR)") == "Message sent."
    assert re.search(r"QSYSOPR +it's\n", emulator.answer("DSPMSG"))


@pytest.mark.slow
def test_no_text_makes_the_emulator_fail(emulator: Emulator) -> None:
    chance = random.Random(7)  # noqa: S311  (not for secrets)
    alphabet = string.printable + "äß\0\ud800"
    for _ in range(3000):
        text = chance.choice([*NAMES, ""]) + "".join(chance.choices(alphabet, k=chance.randrange(12)))
        output = emulator.answer(text)
        assert output
        assert "CPF9999" not in output, text


def test_unforeseen_failure_is_an_answer_too(emulator: Emulator, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(_self: Host) -> float:
        raise OSError("no such disk")

    monkeypatch.setattr(Host, "disk_gib", fail)
    assert emulator.answer("WRKDSKSTS") == "CPF9999: Function check. OSError in the emulator."


CALLER = Caller(
    number=42,
    listener="wss",
    peer="192.0.2.1:5000",
    target="/CLRunner",
    age_seconds=1.25,
    messages_received=3,
    messages_sent=4,
    subprotocol=None,
    headers=lambda: [["Host", "a"], ["host", "b"]],
)


async def test_own_commands_go_before_the_runner(emulator: Emulator) -> None:
    runner = with_own_commands(emulator, host=Host(name="alpha", instance="n"), backend="node", address="127.0.0.102")
    assert runner.kind == "emulator"
    facts = await runner.run("dspwscnn", caller=CALLER)
    assert re.search(r"Backend[ .]+:   node\n", facts)
    assert re.search(r"Connection number[ .]+:   42\n", facts)
    headers = (await runner.run(" DSPWSHDR ", caller=CALLER)).split("\n")
    assert [line.split() for line in headers[2:-1]] == [["Host", "a"], ["host", "b"]]
    assert "CPD0042" in await runner.run("DSPWSCNN 1", caller=CALLER)
    assert "CPD0030" in await runner.run("DSPWSFOO", caller=CALLER)
    assert "CPD0018" in await runner.run("DSPWSHDR '", caller=CALLER)
    assert "Library" in await runner.run("DSPLIBL", caller=CALLER)


async def test_help_lists_the_commands_and_an_unknown_one_points_to_it() -> None:
    host = Host(name="alpha", instance="n")
    runner = with_own_commands(Emulator(host), host=host, backend="node", address="127.0.0.102")
    listed = (await runner.run("help", caller=CALLER)).split("\n")[2:-1]
    assert [line.strip() for line in listed] == list(runner.names)
    assert {"DSPWSCNN", "HELP", "WRKSBS", "WRKSYSSTS"} <= set(runner.names)
    for name in listed:
        assert not (await runner.run(name.strip(), caller=CALLER)).startswith("CPD0030")
    unknown = (await runner.run("FOO", caller=CALLER)).split("\n")
    assert unknown[0] == "CPD0030: Command FOO in library *LIBL not found."
    assert unknown[-1] == "HELP lists the commands that there are."


def test_long_value_does_not_shift_the_columns() -> None:
    columns = (Column(heading="A", width=3), Column(heading="B", width=2, right=True))
    lines = table("T", columns, [("abcdef", 1), ("x", 12345)]).split("\n")
    assert lines[1:4] == ["A     B", "abc   1", "x    12"]


def test_dots_stand_in_the_same_columns() -> None:
    assert [dotted("Job", 10), dotted("User", 10)] == ["Job  . . .", "User . . ."]
