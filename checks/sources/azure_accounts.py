"""The accounts that the live clusters of one process share."""

import os
from threading import Lock

from checks.sources.azure import AzureAccount
from checks.sources.azure_identity import AzureIdentity


class AzureAccounts:
    """One identity for each process, and one connection to Azure for each of its subscriptions.

    A forked process opens its own: it must not share its parent's connections.
    """

    def __init__(self) -> None:
        self._lock = Lock()
        self._identities: dict[int, AzureIdentity] = {}
        self._open: dict[tuple[int, str], AzureAccount] = {}

    def account(self, subscription_id: str) -> AzureAccount:
        """The account of a subscription, which stays open until `close`."""
        process = os.getpid()
        with self._lock:
            identity = self._identities.setdefault(process, AzureIdentity())
            return self._open.setdefault((process, subscription_id), AzureAccount(subscription_id, identity))

    def close(self) -> None:
        """Close every connection and discard all tokens."""
        with self._lock:
            accounts, identities = list(self._open.values()), list(self._identities.values())
            self._open.clear()
            self._identities.clear()
        for account in accounts:
            account.close()
        for identity in identities:
            identity.close()
