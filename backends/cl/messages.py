"""Messages in the system's own kind: an identifier and a sentence."""


class CommandError(Exception):
    """A command that cannot run.

    Args:
        identifier: Message identifier, such as CPD0030.
        sentence: Its text.
    """

    def __init__(self, identifier: str, sentence: str) -> None:
        super().__init__(identifier, sentence)
        self.identifier = identifier
        self.sentence = sentence

    def __str__(self) -> str:
        return f"{self.identifier}: {self.sentence}"


def listing(error: CommandError) -> str:
    """Return what the `system` utility prints for a refused command: the reason, then the general message."""
    if error.identifier.startswith("CPD"):
        return f"{error}\nCPF0006: Errors occurred in command."
    return str(error)


def not_found(command: str, library: str = "*LIBL") -> CommandError:
    """No command of this name."""
    return CommandError("CPD0030", f"Command {command} in library {library} not found.")


def bad_character(character: str, before: str) -> CommandError:
    """A character that CL does not know outside an apostrophe string."""
    return CommandError("CPD0020", f"Character '{character}' not valid following string '{before}'.")


def bad_keyword(keyword: str) -> CommandError:
    """The command has no such parameter."""
    return CommandError("CPD0043", f"Keyword {keyword} not valid for this command.")


def repeated(keyword: str) -> CommandError:
    """The same parameter twice."""
    return CommandError("CPD0041", f"Keyword {keyword} specified more than once.")


def too_many(limit: int) -> CommandError:
    """More positional values than the command takes."""
    return CommandError("CPD0042", f"Positional parameters exceed the limit of {limit}.")


def missing(keyword: str) -> CommandError:
    """A required parameter was left out."""
    return CommandError("CPD0071", f"Parameter {keyword} required.")


def bad_value(value: str, keyword: str) -> CommandError:
    """A value that the parameter does not take."""
    return CommandError("CPD0084", f"Value '{value}' not valid for parameter {keyword}.")


def too_long(keyword: str, limit: int) -> CommandError:
    """A value longer than the parameter takes."""
    return CommandError("CPD0074", f"Value for parameter {keyword} exceeds {limit} characters.")


def no_apostrophe() -> CommandError:
    """An apostrophe string without an end."""
    return CommandError("CPD0018", "Matching apostrophe not found in the command string.")


def no_parenthesis() -> CommandError:
    """A parenthesis without its partner."""
    return CommandError("CPD0013", "Matching parenthesis not found in the command string.")
