"""What a command takes: its parameters, their order, and what is a valid value."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from backends.cl import messages
from backends.cl.command import Command

Values = Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Parameter:
    """One parameter; `allowed` empty means any text of at most `limit` characters."""

    keyword: str
    required: bool = False
    default: str = ""
    limit: int = 10
    allowed: tuple[str, ...] = ()

    def check(self, value: str) -> str:
        """Return a value that this parameter takes.

        Raises:
            CommandError: It does not.
        """
        if not value:
            raise messages.missing(self.keyword)
        if self.allowed and value.upper() not in self.allowed:
            raise messages.bad_value(value[:40], self.keyword)
        if len(value) > self.limit:
            raise messages.too_long(self.keyword, self.limit)
        return value.upper() if self.allowed else value


@dataclass(frozen=True, slots=True, kw_only=True)
class Definition:
    """One command; positional values fill `parameters` in their order."""

    run: Callable[[Values], str]
    parameters: tuple[Parameter, ...] = ()

    def bind(self, command: Command) -> Values:
        """Give each parameter its value.

        Raises:
            CommandError: A parameter is unknown, doubled, missing, or has a bad value.
        """
        if len(command.positional) > len(self.parameters):
            raise messages.too_many(len(self.parameters))
        known = {parameter.keyword: parameter for parameter in self.parameters}
        given = {
            parameter.keyword: value for parameter, value in zip(self.parameters, command.positional, strict=False)
        }
        for keyword, value in command.keywords.items():
            if keyword not in known:
                raise messages.bad_keyword(keyword)
            if keyword in given:
                raise messages.repeated(keyword)
            given[keyword] = value
        values = {}
        for keyword, parameter in known.items():
            if keyword in given:
                values[keyword] = parameter.check(given[keyword])
            elif parameter.required:
                raise messages.missing(keyword)
            else:
                values[keyword] = parameter.default
        return values


OUTPUT = Parameter(keyword="OUTPUT", default="*", allowed=("*", "*PRINT"))
"""Where a listing goes; both mean the reply here."""
