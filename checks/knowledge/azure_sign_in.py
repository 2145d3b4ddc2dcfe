"""The state of a sign-in to Azure, from the messages of azure-identity and of Entra.

Sources: https://learn.microsoft.com/entra/identity-platform/reference-error-codes,
https://learn.microsoft.com/python/api/azure-identity/azure.identity.defaultazurecredential.
"""

import re

NO_IDENTITY = "and no other identity is available"
"""The end of the message of a request without any identity."""

_EXPIRED = {
    "AADSTS50078": "multifactor authentication has expired",
    "AADSTS50132": "the session is not valid after a change of the password",
    "AADSTS50173": "the password was changed",
    "AADSTS70043": "the sign-in frequency of Conditional Access has passed",
    "AADSTS70044": "the session has expired",
    "AADSTS500133": "the assertion has expired",
    "AADSTS700082": "the refresh token was not used for 90 days",
    "AADSTS700084": "the refresh token of a single-page application has expired",
}
_CODE = re.compile(r"\bAADSTS\d+\b")
_ABSENT = re.compile(
    r"unavailable|not found|could not be found|is not installed|azure-identity-broker|run 'az login'",
    re.IGNORECASE,
)


def is_absent(attempt: str) -> bool:
    """Whether the message of one attempt says that there is no such identity here."""
    return _ABSENT.search(attempt) is not None and _CODE.search(attempt) is None


def without_identity(attempts: str) -> str:
    """The message of a request without any identity, "" if the attempts do not show why.

    `attempts` are the messages of all attempts.
    """
    if "Azure CLI not found" in attempts:
        return f"azure-cli is not installed, {NO_IDENTITY}"
    if "az login" in attempts:
        return f"azure-cli is not signed in, {NO_IDENTITY}"
    return ""


def is_without_cli(message: str) -> bool:
    """Whether a message says that azure-cli is not installed."""
    return message.startswith("azure-cli is not installed")


def is_without_identity(message: str) -> bool:
    """Whether a message says that no identity is available."""
    return message.endswith(NO_IDENTITY) or "unavailable" in message


def expiry(message: str) -> str:
    """The reason for which a sign-in is no longer valid, "" if the message shows none."""
    return next((reason for code in _CODE.findall(message) if (reason := _EXPIRED.get(code))), "")
