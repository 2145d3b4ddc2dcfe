"""The fix for each reason why a request of doctor got no answer or was rejected."""

from collections.abc import Mapping

from checks.facts.barrier import Barrier
from checks.knowledge.api_server_errors import barrier_fix
from checks.knowledge.azure_sign_in import expiry, is_without_identity
from checks.model.kubectl_context import sentence_in_context
from checks.sources.replies import Failure

_OF_AZURE: Mapping[Barrier, str] = {
    Barrier.DNS: "Check that this machine resolves management.azure.com and login.microsoftonline.com; in a sovereign cloud "
    "set AZURE_AUTHORITY_HOST and AZURE_SDK_CLOUD_CONF.",
    Barrier.TLS: "If a proxy inspects TLS, name the file of its certificate authority with REQUESTS_CA_BUNDLE.",
    Barrier.PROXY: "Correct HTTPS_PROXY (407: with the user and the password of the proxy), or exclude management.azure.com "
    "and login.microsoftonline.com with NO_PROXY.",
}


def api_server_fix(failure: Failure, context: str) -> str:
    """The fix for an API server that does not answer.

    It has the kubectl context in its commands. "" for the fix of the requirement.
    """
    fix = sentence_in_context(barrier_fix(failure.obstacle), context)
    return f"{fix}." if fix else ""


def azure_fix(failure: Failure) -> str:
    """The fix for Azure that does not answer; "" for the fix of the requirement."""
    return _OF_AZURE.get(failure.obstacle, "") if failure.obstacle is not None else ""


def sign_in_fix(failure: Failure, *, at_a_terminal: bool) -> str:
    """The fix for a rejected or missing sign-in to Azure; "" for the fix of the requirement."""
    if expiry(failure.message):
        return "Sign in again: az login."
    if at_a_terminal and is_without_identity(failure.message):
        if "not installed" in failure.message:
            return "Install azure-cli (https://aka.ms/azure-cli), then sign in: az login. Or leave Azure out: --azure none."
        return "Sign in: az login. Or leave Azure out: --azure none."
    return ""


def plugin_fix(message: str) -> str:
    """The fix for a plugin that returns no token; "" for the fix of the requirement."""
    if expiry(message) or "az login" in message or "azd auth login" in message:
        return "Sign in again: az login; for kubelogin with device codes: kubelogin remove-tokens."
    if "plugin" in message and "returned no token" in message:
        return "Run kubectl get namespaces, which starts the same plugin and shows its message."
    return ""
