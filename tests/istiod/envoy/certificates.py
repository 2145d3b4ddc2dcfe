"""Test certificates of the mesh, of public servers and of clients.

Another authority has signed those of the clients.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import trustme
from cryptography import x509

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Pair:
    """A certificate chain and its key, as PEM."""

    chain: str
    key: str

    def inline(self) -> Json:
        """The pair as Envoy configuration."""
        return {"certificate_chain": {"inline_string": self.chain}, "private_key": {"inline_string": self.key}}


class Authorities:
    """The three authorities of a run."""

    def __init__(self, folder: Path) -> None:
        self.mesh, self.public, self.other = trustme.CA(), trustme.CA(), trustme.CA()
        self.bundle = folder / "public.pem"
        self.public.cert_pem.write_to_path(self.bundle)
        self._pair = cache(self._issued)

    def workload(self, identity: str) -> Pair:
        """The mesh certificate of a SPIFFE identity."""
        return self._pair("mesh", (identity,))

    def server(self, *names: str) -> Pair:
        """A certificate of a public server."""
        return self._pair("public", names)

    def client(self) -> Pair:
        """A client certificate of the other authority."""
        return self._pair("other", ("client.example",))

    def trusted(self, name: str) -> Json:
        """The certificate of an authority as Envoy configuration."""
        pem: bytes = getattr(self, name).cert_pem.bytes()
        return {"inline_string": pem.decode()}

    def _issued(self, authority: str, names: tuple[str, ...]) -> Pair:
        issued = _uri(getattr(self, authority), names[0]) if "://" in names[0] else None
        issued = issued or getattr(self, authority).issue_cert(*names)
        chain = "".join(each.bytes().decode() for each in issued.cert_chain_pems)
        return Pair(chain, issued.private_key_pem.bytes().decode())


def _uri(authority: trustme.CA, identity: str) -> trustme.LeafCert:
    """A leaf certificate with a URI as its only name.

    None of trustme's own arguments produces such a certificate.
    """
    from datetime import UTC, datetime, timedelta

    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    key = ec.generate_private_key(ec.SECP256R1())
    issuer = x509.load_pem_x509_certificate(authority.cert_pem.bytes())
    signing = serialization.load_pem_private_key(authority.private_key_pem.bytes(), None)
    assert isinstance(signing, ec.EllipticCurvePrivateKey)
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(x509.Name([]))
        .issuer_name(issuer.subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.UniformResourceIdentifier(identity)]), critical=True)
        .sign(signing, hashes.SHA256())
    )
    pem = certificate.public_bytes(serialization.Encoding.PEM)
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.TraditionalOpenSSL, serialization.NoEncryption()
    )
    return trustme.LeafCert(private, pem, [])
