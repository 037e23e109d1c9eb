"""A recording relay before a real server: every byte passes unchanged, every handshake and every end is journaled.

`python -m backends.recorder --to ws://HOST:PORT/PATH` takes the options of a stand-in that are about listening, and
has its control port (README.md, The recorder). So a server that knows nothing of us has a journal.
"""

import argparse
import asyncio
import socket
import ssl
import sys
from typing import Literal
from urllib.parse import urlsplit

from backends.contract import daemon
from backends.contract.answers.of_node import NodeAnswers
from backends.contract.faults import KINDS, FaultKinds, FaultParameter, seconds
from backends.contract.frames.manners import LIBERTY_MANNERS
from backends.contract.options import StartFailure
from backends.contract.profile import Profile
from backends.contract.sockets import BACKLOG
from backends.contract.stand_in import StandIn
from backends.recorder.transit import RealServer, Transit

FAULTS: FaultKinds = {
    **{kind: KINDS[kind] for kind in ("accept", "upgrade", "status", "silent", "hangup", "mute", "forget", "cut")},
    "delay": {"seconds": FaultParameter(valid=seconds, must="must be a number from 0 to 3600")},
}
"""What a relay can do wrong without knowing what the server says."""

PORTS = {"ws": 80, "wss": 443}


class Passage:
    """One listening socket and the connections that came through it."""

    server: asyncio.Server

    def __init__(self, backend: StandIn, listener: Literal["ws", "wss"], destination: RealServer) -> None:
        self.backend = backend
        self.listener: Literal["ws", "wss"] = listener
        self.destination = destination
        self.everyone: set[Transit] = set()

    def connection(self) -> asyncio.Protocol:
        """The client's side of a new connection."""
        return Transit(self).client

    async def stop_listening(self) -> None:
        """Accept nobody any more."""
        self.server.close()

    async def stop(self) -> None:
        """End what is left."""
        for transit in list(self.everyone):
            transit.reset()


def _destination(text: str) -> tuple[str, str, int, str]:
    """Scheme, host, port and path of the server's URL."""
    try:
        url = urlsplit(text)
        port = url.port
    except ValueError:
        url, port = urlsplit(""), None
    if url.scheme not in PORTS or not url.hostname or url.fragment or url.query or url.username is not None:
        raise argparse.ArgumentTypeError(
            f"{text} is no server; give ws://HOST[:PORT][/PATH] or wss://HOST[:PORT][/PATH]"
        )
    return url.scheme, url.hostname, port or PORTS[url.scheme], url.path


def _context(scheme: str, ca: str | None) -> ssl.SSLContext | None:
    if scheme == "ws":
        return None
    context = ssl.create_default_context()
    if ca is not None:
        try:
            context.load_verify_locations(ca)
        except (OSError, ssl.SSLError) as error:
            raise StartFailure(
                what=f"cannot use {ca}", why=str(error).lower(), hint="give --ca a PEM file of the server's authority"
            ) from error
    return context


def main() -> int:
    """Run the recorder."""
    parser = argparse.ArgumentParser(add_help=False, prog="python -m backends.recorder")
    parser.add_argument("--to", type=_destination, metavar="URL")
    parser.add_argument("--ca", metavar="FILE")
    own, others = parser.parse_known_args(sys.argv[1:])
    if own.to is None and not {"-h", "--help"} & set(others):
        parser.error("give --to ws://HOST:PORT/PATH, the server whose connections are recorded")
    scheme, host, port, path = own.to or ("ws", "", 0, "")
    try:
        destination = RealServer(host=host, port=port, path=path, context=_context(scheme, own.ca))
    except StartFailure as failure:
        sys.stderr.write(f"recorder: {failure}\n")
        return daemon.EXIT_START_FAILURE
    profile = Profile(
        program="recorder",
        summary="Recording relay before a real server: --to URL names it, --ca FILE the authority of a wss URL.",
        address="127.0.0.101",
        port=10000,
        tls_port=10443,
        control_port=10001,
        cl_paths=(path or "/",),
        echo_path="",
        page_path="",
        greeting="",
        reply_prefix="",
        silence_seconds=0,  # so is its patience
        answers=NodeAnswers(),  # the answer is the server's own
        manners=LIBERTY_MANNERS,  # so is what is said of frames
        faults=FAULTS,
    )

    async def serve(
        backend: StandIn, listener: Literal["ws", "wss"], sock: socket.socket, context: ssl.SSLContext | None
    ) -> Passage:
        passage = Passage(backend, listener, destination)
        passage.server = await asyncio.get_running_loop().create_server(
            passage.connection, sock=sock, ssl=context, backlog=BACKLOG
        )
        return passage

    return daemon.main(others, profile=profile, serve=serve, fast=True)


if __name__ == "__main__":
    raise SystemExit(main())
