"""What certificates say, and whom they deceive."""

from __future__ import annotations

import datetime
import ipaddress

import pytest
from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.x509.oid import NameOID

from wslb.certificates import Authority, Leaf
from wslb.errors import ConfigError
from wslb.identity import Identity

ADDRESS = "127.0.0.182"


def read(leaf: Leaf) -> x509.Certificate:
    return x509.load_pem_x509_certificate(leaf.certificate)


def names(certificate: x509.Certificate) -> list[object]:
    try:
        found = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName)
    except x509.ExtensionNotFound:
        return []
    return [entry.value for entry in found.value]


def common_names(certificate: x509.Certificate) -> list[object]:
    return [attribute.value for attribute in certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)]


@pytest.fixture(scope="module")
def authority() -> Authority:
    return Authority()


def test_the_default_names_the_address_and_localhost(authority: Authority) -> None:
    certificate = read(authority.certify(Identity(), address=ADDRESS))
    assert common_names(certificate) == [ADDRESS]
    assert ipaddress.ip_address(ADDRESS) in names(certificate)
    assert "localhost" in names(certificate)


def test_names_may_be_entries_of_either_kind_or_absent(authority: Authority) -> None:
    as_dns = read(authority.certify(Identity(common_name=None, names=("DNS:{address}",)), address=ADDRESS))
    assert names(as_dns) == [ADDRESS]
    assert common_names(as_dns) == []
    assert names(read(authority.certify(Identity(names=()), address=ADDRESS))) == []


def test_an_expired_one_ended_before_now(authority: Authority) -> None:
    now = datetime.datetime.now(datetime.UTC)
    assert read(authority.certify(Identity(expired=True), address=ADDRESS)).not_valid_after_utc < now
    assert read(authority.certify(Identity(), address=ADDRESS)).not_valid_after_utc > now


def test_another_authority_s_signature_does_not_count(authority: Authority) -> None:
    root = x509.load_pem_x509_certificate(authority.pem)
    read(authority.leaf("localhost", names=("127.0.0.1",))).verify_directly_issued_by(root)
    with pytest.raises(InvalidSignature):
        read(Authority().leaf("localhost")).verify_directly_issued_by(root)


def test_a_name_without_a_kind_is_refused() -> None:
    with pytest.raises(ConfigError, match="DNS:host or IP:address"):
        Identity(names=("localhost",))


def test_a_leaf_is_signed_by_its_authority_and_names_its_address_twice() -> None:
    authority = Authority()
    leaf = x509.load_pem_x509_certificate(authority.leaf("127.0.0.101", names=("localhost",)).certificate)
    leaf.verify_directly_issued_by(x509.load_pem_x509_certificate(authority.pem))
    assert leaf.subject.get_attributes_for_oid(NameOID.COMMON_NAME)[0].value == "127.0.0.101"
    names = leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert [str(name.value) for name in names] == ["127.0.0.101", "localhost"]


def test_an_expired_leaf_has_expired() -> None:
    leaf = x509.load_pem_x509_certificate(Authority().certify(Identity(expired=True), address="127.0.0.1").certificate)
    assert leaf.not_valid_after_utc < datetime.datetime.now(datetime.UTC)


def test_two_runs_do_not_trust_each_other() -> None:
    assert Authority().pem != Authority().pem
    assert len(Authority().client_context().get_ca_certs()) == 1
