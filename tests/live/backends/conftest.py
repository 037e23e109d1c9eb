"""Every program of the backend contract, started once, and a certificate for it."""

from __future__ import annotations

import datetime
import ipaddress
import ssl
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from tests.live.backends.program import PROGRAMS, Backend, Certificate, running


@pytest.fixture(scope="session")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Certificate:
    folder = tmp_path_factory.mktemp("tls")
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "wslb test")])
    now = datetime.datetime.now(datetime.UTC)
    addresses = [x509.IPAddress(ipaddress.ip_address(f"127.0.0.{last}")) for last in (1, 101, 102)]
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName(addresses), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    made = Certificate(folder / "cert.pem", folder / "key.pem", ssl.create_default_context())
    made.cert.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    made.key.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    made.key.chmod(0o600)
    made.context.load_verify_locations(made.cert)
    return made


@pytest.fixture(params=PROGRAMS, scope="session")
def program(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def shared(
    program: str, certificate: Certificate, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Backend]:
    tls = ("--tls-port", "0", "--tls-cert", str(certificate.cert), "--tls-key", str(certificate.key))
    async with running(program, tmp_path_factory.mktemp(program), "--host-name", "testhost", *tls) as backend:
        yield backend


@pytest_asyncio.fixture(loop_scope="session")
async def backend(shared: Backend) -> AsyncIterator[Backend]:
    await shared.reset()
    yield shared
    assert shared.process.returncode is None, shared.log.read_text()
