"""The DSP commands and the small ones: facts about the host, its values, its messages."""

import time
from collections import deque

from backends.cl import messages
from backends.cl.catalogue import OUTPUT, Definition, Parameter, Values
from backends.cl.host import Host
from backends.cl.listing import Column, details, table
from backends.cl.messages import CommandError

MESSAGE_LIMIT = 512
QUEUE_LENGTH = 100
OWN_NAMES = ("LOOPBACK", "LOCALHOST", "127.0.0.1", "::1")
LIBRARIES = (
    ("QSYS", "SYS", "System Library"),
    ("QSYS2", "SYS", "System Library for CPI's"),
    ("QHLPSYS", "SYS", ""),
    ("QUSRSYS", "SYS", "System Library for Users"),
    ("QGPL", "USR", "General Purpose Library"),
    ("QTEMP", "USR", ""),
)
PRODUCTS = (
    ("5770SS1", "5050", "Operating system"),
    ("5770SS1", "30", "Qshell"),
    ("5770SS1", "33", "Portable App Solutions Environment"),
    ("5770DG1", "5050", "HTTP Server"),
    ("5770JV1", "14", "Java SE 7 32 bit"),
    ("5733OPS", "1", "Open Source Solutions"),
    ("5733SC1", "1", "OpenSSH, OpenSSL, zlib"),
)


class Display:
    """The DSP commands of one host, and SNDMSG, PING and VFYTCPCNN."""

    def __init__(self, host: Host) -> None:
        self._host = host
        self._messages: deque[tuple[str, str, str]] = deque(maxlen=QUEUE_LENGTH)
        ping = Definition(
            run=self._ping,
            parameters=(
                Parameter(keyword="RMTSYS", required=True, limit=255),
                Parameter(keyword="INTNETADR", limit=45),
                Parameter(keyword="NBRPKT", default="5", limit=3),
            ),
        )
        self.commands = {
            "DSPLIBL": Definition(run=self._library_list, parameters=(OUTPUT,)),
            "DSPSYSVAL": Definition(
                run=self._system_value, parameters=(Parameter(keyword="SYSVAL", required=True), OUTPUT)
            ),
            "DSPJOB": Definition(run=self._job, parameters=(Parameter(keyword="JOB", default="*", limit=28), OUTPUT)),
            "DSPMSG": Definition(run=self._read_messages, parameters=(Parameter(keyword="MSGQ", default="*USRPRF"),)),
            "SNDMSG": Definition(
                run=self._send_message,
                parameters=(
                    Parameter(keyword="MSG", required=True, limit=MESSAGE_LIMIT),
                    Parameter(keyword="TOUSR", default="*SYSOPR"),
                    Parameter(keyword="TOMSGQ", limit=21),
                ),
            ),
            "DSPSFWRSC": Definition(run=self._software, parameters=(OUTPUT,)),
            "DSPUSRPRF": Definition(
                run=self._user_profile, parameters=(Parameter(keyword="USRPRF", default="*CURRENT"), OUTPUT)
            ),
            "DSPNETA": Definition(run=self._network_attributes, parameters=(OUTPUT,)),
            "PING": ping,
            "VFYTCPCNN": ping,
        }

    def _library_list(self, _values: Values) -> str:
        columns = (
            Column(heading="Library", width=10),
            Column(heading="Type", width=4),
            Column(heading="Device", width=10),
            Column(heading="Text", width=40),
        )
        return table("Display Library List", columns, [(name, kind, "", text) for name, kind, text in LIBRARIES])

    def _system_values(self) -> dict[str, tuple[str, str]]:
        now = time.localtime()
        offset = now.tm_gmtoff // 60
        return {
            "QDATE": (time.strftime("%m/%d/%y", now), "System date"),
            "QTIME": (time.strftime("%H:%M:%S", now), "Time of day"),
            "QYEAR": (time.strftime("%y", now), "Year"),
            "QMONTH": (time.strftime("%m", now), "Month of the year"),
            "QDAY": (time.strftime("%d", now), "Day"),
            "QUTCOFFSET": (f"{'-' if offset < 0 else '+'}{abs(offset) // 60:02}{abs(offset) % 60:02}", "UTC offset"),
            "QSRLNBR": (self._host.serial_number, "System serial number"),
            "QMODEL": (f"{self._host.number('model', 40, 49)}A", "System model number"),
            "QCCSID": ("37", "Coded character set identifier"),
            "QTIMZON": (time.tzname[0][:10], "Time zone"),
            "QMAXSIGN": ("000003", "Maximum sign-on attempts allowed"),
            "QSECURITY": ("40", "System security level"),
            "QACTJOB": (str(len(self._host.tasks())), "Initial number of active jobs"),
            "QCTLSBSD": ("QCTL       QSYS", "Controlling subsystem"),
            "QINACTITV": ("*NONE", "Inactive job time-out"),
        }

    def _system_value(self, values: Values) -> str:
        known = self._system_values()
        name = values["SYSVAL"].upper()
        if name not in known:
            raise messages.bad_value(name, "SYSVAL")
        value, text = known[name]
        return details("Display System Value", [("System value", name), ("Description", text), ("Value", f"'{value}'")])

    def _job(self, values: Values) -> str:
        if values["JOB"] != "*":
            raise CommandError("CPF1070", f"Job {values['JOB']} not found.")
        task = self._host.own_task()
        return details(
            "Display Job Status Attributes",
            [
                ("Job", task.name),
                ("User", task.user),
                ("Number", f"{task.pid % 1_000_000:06}"),
                ("Status of job", "ACTIVE"),
                ("System", self._host.system_name),
                ("Type of job", "BATCH"),
                ("Run priority", self._host.number("priority", 20, 50)),
                ("Processing unit time used, in milliseconds", round(task.cpu_seconds * 1000)),
                ("Active threads", task.threads),
            ],
        )

    def _send_message(self, values: Values) -> str:
        self._messages.append((time.strftime("%m/%d/%y %H:%M:%S"), values["TOMSGQ"] or values["TOUSR"], values["MSG"]))
        return "Message sent."

    def _read_messages(self, _values: Values) -> str:
        columns = (
            Column(heading="Sent", width=17),
            Column(heading="To", width=21),
            Column(heading="Message", width=MESSAGE_LIMIT),
        )
        return table("Display Messages", columns, self._messages)

    def _software(self, _values: Values) -> str:
        columns = (
            Column(heading="Resource|ID", width=8),
            Column(heading="|Option", width=6),
            Column(heading="|Description", width=40),
        )
        return table("Display Software Resources", columns, PRODUCTS)

    def _user_profile(self, values: Values) -> str:
        task = self._host.own_task()
        if values["USRPRF"].upper() not in ("*CURRENT", task.user, "QTMHHTTP"):
            raise CommandError("CPF2204", f"User profile {values['USRPRF'].upper()} not found.")
        return details(
            "Display User Profile",
            [
                ("User profile", task.user if values["USRPRF"].upper() == "*CURRENT" else values["USRPRF"].upper()),
                ("Status", "*ENABLED"),
                ("User class", "*USER"),
                ("Special authority", "*NONE"),
                ("Current library", "*CRTDFT"),
            ],
        )

    def _network_attributes(self, _values: Values) -> str:
        name = self._host.system_name
        return details(
            "Display Network Attributes",
            [
                ("Current system name", name),
                ("Pending system name", ""),
                ("Local network ID", "APPN"),
                ("Local control point name", name),
                ("Default local location", name),
                ("Instance", self._host.instance),
                ("Server network ID", "*LCLNETID"),
            ],
        )

    def _ping(self, values: Values) -> str:
        system = values["RMTSYS"]
        count = int(values["NBRPKT"]) if values["NBRPKT"].isascii() and values["NBRPKT"].isdecimal() else 0
        if not 1 <= count <= 999:
            raise messages.bad_value(values["NBRPKT"], "NBRPKT")
        if system.upper() not in (*OWN_NAMES, self._host.name.upper(), self._host.system_name):
            # The emulator opens no connection of its own: what it is asked comes from anybody.
            raise CommandError("TCP3204", f"Cannot find host system {system}; the emulator reaches only its own host.")
        lines = [f"Verifying connection to host system {system}."]
        lines.extend(f"PING reply {number} took 0 ms. 256 bytes. TTL 64." for number in range(1, count + 1))
        lines.append("Round-trip (in milliseconds) min/avg/max = 0/0/0.")
        lines.append(f"Connection verification statistics: {count} of {count} successful (100 %).")
        return "\n".join(lines)
