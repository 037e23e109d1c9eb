"""What a server's certificate says of it, for backends that must look different from what they are."""

from __future__ import annotations

from dataclasses import dataclass

from wslb.errors import ConfigError

__all__ = ["Identity"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """A certificate in words; ``{address}`` stands for the backend's own address.

    The default is what every peer accepts: mod_ssl compares the name of a member's URL with the common name and with
    DNS entries of subjectAltName and ignores IP entries, clients by RFC 9525 look at subjectAltName alone.

    Attributes:
        common_name: of the subject; None has none.
        names: subjectAltName entries as OpenSSL writes them, ``DNS:host`` or ``IP:address``; empty has no such field.
        expired: its validity ended an hour ago.
        trusted: signed by the authority that proxy and clients trust; otherwise by one that nobody knows.
    """

    common_name: str | None = "{address}"
    names: tuple[str, ...] = ("IP:{address}", "DNS:localhost", "IP:127.0.0.1", "IP:::1")
    expired: bool = False
    trusted: bool = True

    def __post_init__(self) -> None:
        for name in self.names:
            if not name.startswith(("DNS:", "IP:")):
                raise ConfigError(option="name of a certificate", value=name, allowed="DNS:host or IP:address")
