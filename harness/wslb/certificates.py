"""A certificate authority that lives as long as one run, and the certificates it signs.

Names: mod_ssl's check of a backend's name ignores IP entries of subjectAltName, so each leaf carries its address as the
common name too; clients by RFC 6125 use the subjectAltName.
"""

from __future__ import annotations

import contextlib
import datetime
import ipaddress
import ssl
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from wslb.identity import Identity

__all__ = ["Authority", "Leaf", "main"]

_LIFETIME = datetime.timedelta(days=2)
_STANDING = datetime.timedelta(days=90)
_EARLIER = datetime.timedelta(hours=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Leaf:
    """A server certificate and its private key, both PEM."""

    certificate: bytes
    key: bytes


class Authority:
    """A certificate authority with an ECDSA P-256 key that never leaves memory."""

    def __init__(self, *, lifetime: datetime.timedelta = _LIFETIME) -> None:
        self._lifetime = lifetime
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "wslb authority of one run")])
        now = datetime.datetime.now(datetime.UTC)
        self._certificate = (
            x509.CertificateBuilder()
            .subject_name(self._name)
            .issuer_name(self._name)
            .public_key(self._key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - _EARLIER)
            .not_valid_after(now + lifetime)
            .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
            .add_extension(_usage(sign_certificates=True), critical=True)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(self._key.public_key()), critical=False)
            .sign(self._key, hashes.SHA256())
        )

    @property
    def pem(self) -> bytes:
        """The authority's own certificate."""
        return self._certificate.public_bytes(serialization.Encoding.PEM)

    def leaf(self, common_name: str, *, names: Sequence[str] = ()) -> Leaf:
        """A server certificate for a host name or address, and for further ones."""
        entries = tuple(_entry(name) for name in dict.fromkeys([common_name, *names]))
        return self.certify(Identity(common_name=common_name, names=entries), address=common_name)

    def certify(self, identity: Identity, *, address: str) -> Leaf:
        """A server certificate that says what an identity says; whom to trust is the caller's business.

        Args:
            identity: what it says; ``{address}`` in it is filled in.
            address: of the server.
        """
        key = ec.generate_private_key(ec.SECP256R1())
        now = datetime.datetime.now(datetime.UTC)
        begin, end = (now - _LIFETIME, now - _EARLIER) if identity.expired else (now - _EARLIER, now + self._lifetime)
        subject = [] if identity.common_name is None else [identity.common_name.replace("{address}", address)]
        builder = (
            x509.CertificateBuilder()
            .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name) for name in subject]))
            .issuer_name(self._name)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(begin)
            .not_valid_after(end)
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(_usage(sign_certificates=False), critical=True)
            .add_extension(x509.ExtendedKeyUsage([*_PURPOSES]), critical=False)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
            .add_extension(
                x509.AuthorityKeyIdentifier.from_issuer_public_key(self._key.public_key()),
                critical=False,
            )
        )
        names = tuple(dict.fromkeys(name.replace("{address}", address) for name in identity.names))
        if names:
            alternative = x509.SubjectAlternativeName([_general(name) for name in names])
            builder = builder.add_extension(alternative, critical=not subject)
        certificate = builder.sign(self._key, hashes.SHA256())
        return Leaf(
            certificate=certificate.public_bytes(serialization.Encoding.PEM),
            key=key.private_bytes(
                serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
            ),
        )

    def client_context(self) -> ssl.SSLContext:
        """TLS context of a client that trusts this authority and nothing else, and checks the host name."""
        return ssl.create_default_context(cadata=self.pem.decode())


_PURPOSES = (ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH)


def _usage(*, sign_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=True,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=sign_certificates,
        crl_sign=sign_certificates,
        encipher_only=False,
        decipher_only=False,
    )


def _entry(name: str) -> str:
    try:
        return f"IP:{ipaddress.ip_address(name)}"
    except ValueError:
        return f"DNS:{name}"


def _general(entry: str) -> x509.GeneralName:
    """A name as the certificate says it; ``IP:`` of what is a host name, as in another network, is a DNS name."""
    kind, _, name = entry.partition(":")
    with contextlib.suppress(ValueError):
        if kind == "IP":
            return x509.IPAddress(ipaddress.ip_address(name))
    return x509.DNSName(name)


def main(argv: Sequence[str]) -> None:
    """``python -m wslb.certificates FOLDER NAME=HOST[,HOST]...``: an authority and a leaf for each name.

    Used by ``compose.yaml``, whose services share the folder in memory. ``ca.pem`` comes last, so who sees it sees all.
    """
    folder = Path(argv[0])
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    authority = Authority(lifetime=_STANDING)
    for words in argv[1:]:
        name, _, hosts = words.partition("=")
        first, *others = hosts.split(",")
        leaf = authority.leaf(first, names=others)
        (folder / f"{name}.pem").write_bytes(leaf.certificate)
        key = folder / f"{name}.key"
        key.touch(mode=0o600)
        key.write_bytes(leaf.key)
    (folder / "ca.pem").write_bytes(authority.pem)


if __name__ == "__main__":
    main(sys.argv[1:])
