"""Why a container exits, by the exit code and message of its termination, with the fix.

Sources: Kubernetes, "Debug Running Pods" and "Determine the Reason for Pod Failure"; POSIX shells (126, 127) and signals (128
plus the signal); Go's net, crypto/x509 and flag packages; client-go's errors.
"""

from checks.knowledge.known_reasons import KnownReason, message_pattern, reason_in

OUT_OF_MEMORY = "OOMKilled"


_MESSAGES = (
    message_pattern(
        r"(?:listen|bind)\b.*?:(?P<port>\d+):? .*?address already in use",
        "port {port} is in use",
        "Move the program that uses port {port}, or let this one listen on another port",
    ),
    message_pattern(
        r'forbidden: User "(?P<user>system:serviceaccount:[^"]+)" cannot (?P<verb>\w+) resource "(?P<resource>[^"]+)"',
        "service account {user} may not {verb} {resource}",
        "Grant {user} the right to {verb} {resource} (Role or ClusterRole, and its binding)",
    ),
    message_pattern(
        r"x509: certificate has expired|certificate is not yet valid",
        "a certificate that it uses has expired",
        "Renew the certificate that the log line names",
    ),
    message_pattern(
        r"x509: certificate signed by unknown authority",
        "it does not trust the certificate of a server that it calls",
        "Add the CA of that server to the CAs that the container trusts",
    ),
    message_pattern(
        r"(?:dial tcp|lookup) (?P<host>[\w.-]+)(?::\d+)?.*?(?:no such host|i/o timeout|connection refused|no route to host)",
        "it cannot reach {host}",
        "Allow the pod to reach {host} (DNS, NetworkPolicy, firewall), or start what serves it",
    ),
    message_pattern(
        r"flag provided but not defined: (?P<flag>-[\w-]+)|unknown (?:flag|shorthand flag): (?P<flag2>-[\w-]+)",
        "its image does not know one of its arguments",
        "Remove the argument that the log line names, or use the image version that knows it",
    ),
    message_pattern(
        r"exec format error",
        "its image is built for another CPU architecture than the node's",
        "Use an image for the node's architecture, or nodes of the image's architecture",
    ),
    message_pattern(
        r"no space left on device",
        "the node's disk is full",
        "Free space on the node's disk, or use nodes with larger OS disks",
    ),
    message_pattern(
        r"permission denied|operation not permitted|read-only file system",
        "its security context or volume denies an operation",
        "Allow the operation that the log line names in the pod's security context or volume",
    ),
)

_CODES = {
    126: KnownReason("its command cannot be executed", "Set a command that the image can execute"),
    127: KnownReason("its command does not exist in the image", "Set a command that the image contains"),
    139: KnownReason("it crashes with a segmentation fault", "Use another version of the image"),
}
"""The reasons that an exit code alone proves."""


def container_exit(code: int | None, message: str) -> KnownReason | None:
    """The reason in a termination message or log line, otherwise that of the exit code.

    None if neither shows one. `meaning` completes "… exits repeatedly: …".
    """
    return reason_in(message, _MESSAGES) or (_CODES.get(code) if code is not None else None)
