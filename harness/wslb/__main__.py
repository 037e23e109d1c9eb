"""``python -m wslb`` is ``wslb``: its streams and signals are in order before anything of it is imported."""

from wslb.caller import end_by_signals, lasting_streams

__all__ = ["main"]


def main() -> None:
    """The command."""
    end_by_signals()
    lasting_streams()

    from wslb.cli import main as command  # noqa: PLC0415 - imports take longer than a hasty Ctrl+C

    command.main()


if __name__ == "__main__":
    main()
