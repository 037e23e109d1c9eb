from __future__ import annotations

import datetime

from cryptography import x509
from cryptography.x509.oid import NameOID

from harness.certificates import Authority


def test_a_leaf_is_signed_by_its_authority_and_names_its_address_twice() -> None:
    authority = Authority()
    leaf = x509.load_pem_x509_certificate(authority.leaf("127.0.0.101", names=("localhost",)).certificate)
    leaf.verify_directly_issued_by(x509.load_pem_x509_certificate(authority.pem))
    assert leaf.subject.get_attributes_for_oid(NameOID.COMMON_NAME)[0].value == "127.0.0.101"
    names = leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert [str(name.value) for name in names] == ["127.0.0.101", "localhost"]


def test_an_expired_leaf_has_expired() -> None:
    leaf = x509.load_pem_x509_certificate(Authority().leaf("localhost", expired=True).certificate)
    assert leaf.not_valid_after_utc < datetime.datetime.now(datetime.UTC)


def test_two_runs_do_not_trust_each_other() -> None:
    assert Authority().pem != Authority().pem
    assert len(Authority().client_context().get_ca_certs()) == 1
