"""Why an image cannot be pulled, by the error of containerd.

The request did not reach the registry, something before the registry answered, or the registry refused. The Microsoft
Artifact Registry (mcr.microsoft.com) needs no identity: if a request to it is refused, a firewall or proxy refused it.

Sources: containerd `core/remotes/docker`; Go `crypto/x509`, `crypto/tls` and `net`; AKS documentation, "Outbound network and
FQDN rules for Azure Kubernetes Service (AKS) clusters"; Azure Container Registry, "Troubleshoot network issues with registry".
"""

import re
from dataclasses import dataclass

from checks.knowledge.known_reasons import KnownReason

NO_SUCH_IMAGE = "the registry does not have the image"

_PULLED = re.compile(
    r"(?:failed to pull|pull(?:ing)? (?:and unpack )?image|resolve (?:reference|image))", re.IGNORECASE
)
_URL = re.compile(r"https?://(?P<host>[\w.-]+)(?::\d+)?/", re.IGNORECASE)
_REFERENCE = re.compile(r'"(?P<host>[\w-]+(?:\.[\w-]+)+)(?::\d+)?/')
_NAME = re.compile(r'"[^"]*"|[\w-]+(?:\.[\w-]+)+(?::\d+)?/\S*')
_TAIL = re.compile(r'.*":\s+(?P<error>[^"]+)$', re.DOTALL)

_MICROSOFT = "mcr.microsoft.com"
_HOSTS_OF_MICROSOFT = f"{_MICROSOFT} and *.data.{_MICROSOFT}"


@dataclass(frozen=True, slots=True)
class PullError:
    """A text of errors; `{host}` is the registry, `{hosts}` all hosts that it needs.

    `of_microsoft`: only, or never, for the Microsoft Artifact Registry.
    """

    pattern: re.Pattern[str]
    meaning: str
    fix: str
    of_microsoft: bool | None = None


def _error(pattern: str, meaning: str, fix: str, *, of_microsoft: bool | None = None) -> PullError:
    return PullError(re.compile(pattern, re.IGNORECASE | re.DOTALL), meaning, fix, of_microsoft)


_ALLOW = "Allow the nodes to reach {hosts} on port 443 (firewall, proxy, private DNS)"
_INSPECTS = (
    "Exclude {hosts} from TLS inspection on the firewall or proxy, or let the nodes trust its certificate authority"
)
_BETWEEN = "Allow the nodes' requests to {hosts} on the firewall or proxy, without authentication or inspection"

_ERRORS = (
    _error(
        r"no space left on device", "the node's disk is full", "Free space on the node's disk, or use a larger OS disk"
    ),
    _error(
        r"certificate has expired or is not yet valid",
        "the certificate presented for {host} is not valid now",
        "Correct the node's clock, or renew the certificate that the firewall or proxy presents for {hosts}",
    ),
    _error(
        r"x509:|failed to verify certificate|unknown (?:certificate )?authority|bad certificate",
        "the node does not trust the certificate presented for {host} (TLS inspection)",
        _INSPECTS,
    ),
    _error(
        r"does not look like a TLS handshake|HTTP response to HTTPS client|handshake failure|protocol version not supported"
        r"|remote error: tls",
        "no registry answers for {host}: the TLS handshake fails (a proxy, or TLS inspection)",
        _INSPECTS,
    ),
    _error(
        r"proxyconnect tcp: (?!.*407)",
        "the node cannot reach its HTTP proxy, through which it requests {host}",
        "Restore the HTTP proxy of the nodes, or add {hosts} to the cluster's noProxy list",
    ),
    _error(
        r"407 Proxy Authentication|proxyconnect",
        "the proxy refuses the node's request to {host}",
        "Allow the nodes' requests to {hosts} at the proxy, or add {hosts} to the cluster's noProxy list",
    ),
    _error(
        r"no such host|server misbehaving|name resolution|lookup \S+(?: on \S+)?: .*?(?:i/o timeout|connection refused)",
        "the node cannot resolve {host}",
        "Correct the DNS servers of the virtual network, so that nodes resolve {hosts}",
    ),
    _error(
        r"\bEOF\b|connection reset|broken pipe|closed (?:network )?connection|connection (?:was )?(?:forcibly )?closed"
        r"|server closed",
        "a firewall or proxy closes the node's connection to {host}",
        _ALLOW,
    ),
    _error(
        r"i/o timeout|timed? ?out|deadline exceeded|connection refused|no route to host|network is unreachable"
        r"|request canceled while waiting|TLS handshake timeout",
        "the node cannot reach {host}",
        _ALLOW,
    ),
    _error(
        r"is not allowed access|denied by (?:network|firewall)",
        "the firewall of registry {host} refuses the node's address",
        "Allow the cluster's outbound address in the network rules of registry {host}, or add a private endpoint for it",
        of_microsoft=False,
    ),
    _error(
        r"text/html|invalid character '<'",
        "a firewall or proxy answers for {host} with a web page",
        _BETWEEN,
    ),
    _error(
        r"\b40[13]\b|unauthorized|forbidden|access denied|authorization failed|no basic auth credentials",
        "a firewall or proxy refuses the node's request to {host}",
        _BETWEEN,
        of_microsoft=True,
    ),
    _error(
        r"\b40[13]\b|unauthorized|forbidden|access denied|authorization failed|no basic auth credentials",
        "registry {host} refuses the node's identity",
        "Grant the cluster's kubelet identity the role AcrPull on registry {host}; a registry outside Azure needs an image "
        "pull Secret",
        of_microsoft=False,
    ),
    _error(
        r"\b429\b|too ?many ?requests|rate limit",
        "registry {host} limits the node's requests",
        "Wait until the kubelet tries again, or pull the image from a registry of your own",
    ),
    _error(
        r"\b50[0234]\b|service unavailable|bad gateway|internal server error",
        "{host}, or a proxy before it, answers with an error",
        "Check the status of registry {host} and of the firewall or proxy before it",
    ),
    _error(
        r"no match for platform|no matching manifest|exec format error",
        "the image is not built for the node's architecture",
        "Use an image for the node's architecture, or keep the pod off these nodes",
    ),
    _error(
        r"manifest unknown|not found|does not exist",
        NO_SUCH_IMAGE,
        "Correct the image of the workload; on AKS open a support request, because AKS sets it",
    ),
)


def pull_error(message: str) -> KnownReason | None:
    """The known error in a message about a pull; None if it is another message or error."""
    if _PULLED.search(message) is None:
        return None
    host = _host(message)
    of_microsoft = _is_microsoft(host)
    words = {"host": host, "hosts": _HOSTS_OF_MICROSOFT if of_microsoft else host}
    for each in _ERRORS:
        if each.of_microsoft not in (None, of_microsoft) or (not host and "{host" in each.meaning + each.fix):
            continue
        if each.pattern.search(_without_names(message)) is not None:
            return KnownReason(each.meaning.format(**words), each.fix.format(**words))
    return None


def unknown_pull_error(message: str) -> KnownReason | None:
    """The last error of a message about a failed pull, quoted; None if it names none."""
    found = _TAIL.match(message.strip()) if _PULLED.search(message) is not None else None
    if found is None:
        return None
    host = _host(message)
    hosts = _HOSTS_OF_MICROSOFT if _is_microsoft(host) else host or "the registry"
    return KnownReason(
        f"the error is: {found['error'].strip()[:120]}",
        f"Allow the nodes to reach {hosts} on port 443, if a firewall, proxy or private DNS blocks or changes their requests",
    )


def _is_microsoft(host: str) -> bool:
    return host == _MICROSOFT or host.endswith(f".data.{_MICROSOFT}")


def _host(message: str) -> str:
    found = _URL.search(message) or _REFERENCE.search(message)
    return found["host"].lower() if found is not None else ""


def _without_names(message: str) -> str:
    """The message without the names of images and hosts, which may contain any text."""
    return _NAME.sub("", message)
