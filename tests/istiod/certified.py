"""Valid certificates in the Secrets of a mesh.

Istiod refuses a Gateway API listener whose certificate it cannot read.
"""

from __future__ import annotations

from base64 import b64encode
from functools import cache
from typing import Any

import trustme

Json = dict[str, Any]

_PAIRS = (("tls.crt", "tls.key"), ("cert", "key"))


def certified(secret: Json) -> Json:
    """The Secret with a certificate and its key in place of the values of a test.

    A Secret without such keys is returned as it is.
    """
    data = secret.get("data") or {}
    for names in _PAIRS:
        if set(names) <= set(data):
            return {**secret, "data": {**data, **dict(zip(names, _pair(), strict=True))}}
    return secret


@cache
def _pair() -> tuple[str, str]:
    issued = trustme.CA().issue_cert("api.bank.example")
    chain = b"".join(each.bytes() for each in issued.cert_chain_pems)
    return b64encode(chain).decode(), b64encode(issued.private_key_pem.bytes()).decode()
