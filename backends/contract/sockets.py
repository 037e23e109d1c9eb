"""Listening sockets and the TLS context, made with the first privileges; names and resets of accepted sockets."""

import asyncio
import errno
import resource
import socket
import ssl
import struct
from dataclasses import dataclass

from backends.contract.options import NO_LISTENER, Options, StartFailure
from backends.contract.profile import Profile

BACKLOG = 4096
FALLBACK_ADDRESS = "127.0.0.1"
WILDCARDS = frozenset({"0.0.0.0", "::"})  # noqa: S104  (compared with, not bound by default)


@dataclass(frozen=True, slots=True, kw_only=True)
class Listeners:
    """The bound sockets of one backend; `address` is the one that the greeting tells."""

    address: str
    plain: socket.socket | None
    tls: socket.socket | None
    tls_context: ssl.SSLContext | None
    control: socket.socket

    def close(self) -> None:
        """Close the sockets, whoever may have closed some of them before."""
        for each in (self.plain, self.tls, self.control):
            if each is not None:
                each.close()


def port_of(listener: socket.socket | None) -> int | None:
    """Return the port that a listener is bound to."""
    return None if listener is None else int(listener.getsockname()[1])


def bind(host: str, port: int) -> socket.socket:
    """Return a listening TCP socket.

    Raises:
        StartFailure: The port is taken, forbidden, or the address is not one of this machine.
    """
    listener = None
    try:
        family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0][0]
        # Named, because asyncio switches Nagle's algorithm off only on sockets that say they are TCP, and an accepted
        # socket inherits this: without it every TLS handshake and close waits some 45 ms for a delayed ACK.
        listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
        # A restart must not wait for the TIME_WAIT of connections that the backend closed itself.
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, port))
        listener.listen(BACKLOG)
    except OSError as error:
        if listener is not None:
            listener.close()
        raise StartFailure(
            what=f"cannot listen on {host} port {port}",
            why=(error.strerror or str(error)).lower(),
            hint=_hint(error),
        ) from error
    listener.setblocking(False)
    return listener


def _hint(error: OSError) -> str:
    if error.errno == errno.EADDRINUSE:
        return "stop the program that uses the port, choose another one, or give 0 for a free one"
    if error.errno == errno.EACCES:
        return "ports below 1024 need root; start as root with --user, or choose a higher port"
    return "give an address of this machine with --host"


def _bindable(host: str) -> bool:
    try:
        with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
            probe.bind((host, 0))
    except OSError:
        return False
    return True


def _told(listener: socket.socket, host_name: str) -> str:
    """Return the address to tell people: a wildcard is none, so the system's own stands in, as in Listing 1."""
    address = str(listener.getsockname()[0])
    if address not in WILDCARDS:
        return address
    try:
        return socket.gethostbyname(host_name)
    except OSError:
        return FALLBACK_ADDRESS


def tls_context(options: Options) -> ssl.SSLContext | None:
    """Return the TLS context of the options, or None without a certificate.

    Raises:
        StartFailure: The certificate or the key cannot be read, or they do not belong together.
    """
    if options.tls_cert is None or options.tls_key is None:
        return None
    for file in (options.tls_cert, options.tls_key):
        try:
            file.read_bytes()
        except OSError as error:
            raise StartFailure(
                what=f"cannot read {file}",
                why=(error.strerror or str(error)).lower(),
                hint="check the path and that the starting user may read it",
            ) from error
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    try:
        # A callback, or OpenSSL would ask the terminal for the password of an encrypted key and hang.
        context.load_cert_chain(options.tls_cert, options.tls_key, password=lambda: "")
    except (ssl.SSLError, OSError, ValueError) as error:
        raise StartFailure(
            what=f"cannot use {options.tls_cert} with {options.tls_key}",
            why=str(error).lower(),
            hint="give a PEM certificate chain and its own key without a password",
        ) from error
    return context


def raise_file_limit() -> None:
    """Lift the soft limit of open files to the hard one, so that many tunnels leave room for the control port."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    except (OSError, ValueError):  # macOS reports an infinite limit that it does not accept
        return


def open_listeners(options: Options, *, profile: Profile, host_name: str) -> Listeners:
    """Bind everything that the options name.

    Raises:
        StartFailure: See `bind` and `tls_context`.
    """
    host = options.host or (profile.address if _bindable(profile.address) else FALLBACK_ADDRESS)
    context = tls_context(options) if options.tls_port != NO_LISTENER else None
    opened: list[socket.socket] = []

    def listener(address: str, port: int) -> socket.socket | None:
        if port == NO_LISTENER:
            return None
        opened.append(bind(address, port))
        return opened[-1]

    try:
        plain = listener(host, options.port)
        tls = listener(host, options.tls_port)
        control = bind(options.control_host, options.control_port)
    except StartFailure:
        for each in opened:
            each.close()
        raise
    return Listeners(address=_told(opened[0], host_name), plain=plain, tls=tls, tls_context=context, control=control)


def endpoint_name(address: tuple[str, int] | tuple[str, int, int, int] | str | None) -> str:
    """Return a peer's address and port in one word, IPv6 in brackets."""
    if not isinstance(address, tuple):
        return "unknown"
    host, port = address[:2]
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def reset(transport: asyncio.BaseTransport | None) -> None:
    """Close a TCP connection with a reset: SO_LINGER with time 0, then no more buffered bytes either."""
    if transport is None:
        return
    connection = transport.get_extra_info("socket")
    if connection is not None:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    transport.abort()  # type: ignore[attr-defined]  # every stream transport has it
