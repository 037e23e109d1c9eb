"""The real thing: commands run by the `system` utility of IBM i."""

import asyncio
import contextlib
import os
import signal

from backends.cl.interpreter import Caller

TIME_LIMIT_SECONDS = 30.0
OUTPUT_LIMIT = 1024 * 1024


class System:
    """Runs each command as `system -i <command>`, one argument of an execve: no shell ever reads it.

    Args:
        program: Path of the utility; tests give another one.
        time_limit_seconds: After this time the command's whole process group is killed.
        output_limit: Bytes of output that are kept.
    """

    kind = "system"
    names: tuple[str, ...] = ()

    def __init__(
        self, *, program: str, time_limit_seconds: float = TIME_LIMIT_SECONDS, output_limit: int = OUTPUT_LIMIT
    ) -> None:
        self._program = program
        self._time_limit = time_limit_seconds
        self._output_limit = output_limit

    async def run(self, command: str, *, caller: Caller) -> str:  # noqa: ARG002  (part of the interface of Interpreter)
        """Return what the utility printed, on either stream, and a sentence when a limit was reached."""
        if not command.strip():
            return "No command was entered; type a command, such as WRKSYSSTS."
        if "\0" in command:
            return "The command holds a null character, which no command can."
        try:
            process = await asyncio.create_subprocess_exec(
                self._program,
                "-i",
                command,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.STDOUT,
                start_new_session=True,
            )
        except OSError as error:
            return f"The command could not run: {self._program}: {error.strerror}."
        output = bytearray()
        ending = ""
        try:
            async with asyncio.timeout(self._time_limit):
                if not await self._read(process, output):
                    ending = f"The output was cut after {self._output_limit} bytes."
                else:
                    await process.wait()
        except TimeoutError:
            ending = f"The command was ended after {self._time_limit:g} seconds."
        finally:
            # Also when the connection ends meanwhile: nothing of the command may stay behind.
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(process.pid, signal.SIGKILL)
            await process.wait()
        text = output.decode("utf-8", "replace")
        return f"{text.rstrip()}\n{ending}".strip("\n") if ending else text

    async def _read(self, process: asyncio.subprocess.Process, output: bytearray) -> bool:
        """Read to the end of the output; False when there is more than the limit."""
        if process.stdout is None:
            return True
        while chunk := await process.stdout.read(65_536):
            room = self._output_limit - len(output)
            output += chunk[:room]
            if len(chunk) > room:
                return False
        return True
