"""Compressed documents in Redis, in the zlib format (RFC 1950).

A report is about an eighth of its JSON. Connections of this package decode replies as UTF-8 and keep other bytes as
surrogate escapes, so a reply can be turned back into its bytes.
"""

import zlib

_ZLIB = b"\x78"
"""The first byte of a document in this format. JSON begins with a bracket or a brace."""


def pack(document: bytes) -> bytes:
    """Compress a document."""
    return zlib.compress(document, 6)


def unpack(stored: str) -> bytes:
    """A document as it was before `pack`.

    Earlier versions stored documents uncompressed; one of these is returned as it is.
    """
    raw = reply_bytes(stored)
    return zlib.decompress(raw) if raw[:1] == _ZLIB else raw


def reply_bytes(stored: str | bytes) -> bytes:
    """The bytes of a reply, decoded or not."""
    return stored if isinstance(stored, bytes) else stored.encode("utf-8", "surrogateescape")
