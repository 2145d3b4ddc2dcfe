"""The login to Redis with an Entra identity: Azure Managed Redis, Azure Cache for Redis.

The user name is the object ID of the identity, the password is its token. The library renews the token before it expires,
and sends it again on open connections.
"""

from collections.abc import Callable
from typing import Any

from redis import AuthenticationError
from redis.auth.err import InvalidTokenSchemaErr, RequestTokenErr
from redis.credentials import StreamingCredentialProvider

PROVIDER = f"{__name__}.EntraLogin"
"""The value of `credential_provider` in the address of Redis.

The records' client and the queue's transport both call it.
"""

REDIS_SCOPE = "https://redis.azure.com/.default"
"""The scope of the token.

Source: https://learn.microsoft.com/en-us/azure/redis/entra-for-authentication
"""


class NoEntraToken(AuthenticationError):
    """Entra issued no token for Redis; the message says why.

    For the queue's transport, it is a lost connection, so a process tries again.
    """


class EntraLogin(StreamingCredentialProvider):
    """The login with the credentials that azure-identity finds.

    Each pool of connections needs its own: a login sends new tokens to the connections of one pool.
    """

    def __init__(self) -> None:
        # Imported here: azure-identity takes half a second and 50 MiB, and most installations use a password.
        from jwt import PyJWTError
        from redis_entraid.cred_provider import create_from_default_azure_credential

        self._library = create_from_default_azure_credential((REDIS_SCOPE,))
        self._failures = (RequestTokenErr, InvalidTokenSchemaErr, PyJWTError)

    def get_credentials(self) -> tuple[str, str]:
        """The user and the token. Raises NoEntraToken."""
        try:
            user, token = self._library.get_credentials()
        except self._failures as failed:
            raise NoEntraToken(f"no Entra token for Redis: {str(failed).partition(chr(10))[0]}") from None
        return user, token

    def on_next(self, callback: Callable[[Any], None]) -> None:
        """Set the function that sends a new token to the open connections."""
        self._library.on_next(callback)

    def on_error(self, callback: Callable[[Exception], None]) -> None:
        """Set the function for a token that was not renewed.

        The connection then ends, and the next one logs in again.
        """
        self._library.on_error(callback)

    def is_streaming(self) -> bool:
        """Whether tokens are renewed: True after the first login."""
        return bool(self._library.is_streaming())
