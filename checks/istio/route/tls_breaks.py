"""What two sides of a hop that do not fit mean in words, and what becomes of requests (domain.md 5.2.7 to 5.2.9, 5.3)."""

from dataclasses import dataclass

from checks.istio.route.tls_contract import TlsFault


@dataclass(frozen=True, slots=True)
class Meaning:
    """`sentence` is a format string over {host}, {name}, {port}, {server}, {mode}, {wanted}, {sni}, {rule}, {plain},
    {unset} and {gateway}; `seen` is what becomes of requests; `fix` titles the change."""

    sentence: str
    seen: str
    fix: str


MEANINGS: dict[TlsFault, Meaning] = {
    TlsFault.NOT_TO_PLAIN: Meaning(
        "{rule} lets sidecars speak TLS ({mode}) to {gateway} for {host}, but {server} expects plain text",
        "requests get 503 (UC)",
        "Let sidecars speak plain text to the gateway",
    ),
    TlsFault.TLS_MISSING: Meaning(
        "{server} expects {wanted} for {host}, but {plain} to {gateway}",
        "requests get 503 (UC), connections are reset",
        "Let sidecars speak {wanted} to the gateway",
    ),
    TlsFault.WRONG_MODE: Meaning(
        "{server} expects {wanted} for {host}, but {rule} lets sidecars speak {mode}",
        "requests get 503 (UF), the certificate does not fit",
        "Let sidecars speak {wanted} to the gateway",
    ),
    TlsFault.DOUBLE_AT_SIDECAR: Meaning(
        "{server} passes the application's TLS for {host} through, but {rule} wraps it in {mode} once more",
        "the destination gets TLS in TLS and ends the connection",
        "Let sidecars pass the application's TLS on as it is",
    ),
    TlsFault.NO_SNI: Meaning(
        "{server} is chosen by SNI, but {rule} sends {sni} for {host}, which the server does not list",
        "connections are reset",
        "Send the host as SNI",
    ),
    TlsFault.PLAIN_TO_TLS: Meaning(
        "{gateway} sends {host} in plain text to {name}:{port}, a TLS port, for {unset}",
        "requests get 400 or are reset",
        "Let the gateway originate TLS",
    ),
    TlsFault.TLS_TO_PLAIN: Meaning(
        "{gateway} sends {host} to {name}:{port}, a plain text port, in TLS ({mode}, by {rule})",
        "requests get 503 (UF, WRONG_VERSION_NUMBER)",
        "Send to the TLS port of the destination",
    ),
    TlsFault.MESH_TLS_OUTSIDE: Meaning(
        "{rule} lets {gateway} speak the mesh's own TLS (ISTIO_MUTUAL) to {name}, which is outside of the mesh",
        "requests get 503 (UF)",
        "Originate ordinary TLS",
    ),
    TlsFault.DOUBLE_AT_GATEWAY: Meaning(
        "{gateway} passes the application's TLS for {host} through, but {rule} wraps it in {mode} once more",
        "the destination gets TLS in TLS and ends the connection",
        "Let the gateway pass the application's TLS on as it is",
    ),
    TlsFault.DOUBLE_DIRECT: Meaning(
        "A tls rule sends the application's TLS for {host} straight to {name}, and {rule} wraps it in {mode} once more",
        "the destination gets TLS in TLS and ends the connection",
        "Keep the DestinationRule to the gateway",
    ),
    TlsFault.UNVERIFIED: Meaning(
        "{rule} lets {gateway} accept any certificate of {name} (insecureSkipVerify)", "", "Verify the certificate"
    ),
    TlsFault.CREDENTIAL_AT_SIDECARS: Meaning(
        "{rule} also reaches sidecars, which cannot fetch its credential for {name}",
        "",
        "Keep the DestinationRule to the gateway's namespace",
    ),
    TlsFault.MERGED_AWAY: Meaning(
        "Several DestinationRules of one namespace are about {name} and differ; what counts is the oldest, {rule}",
        "",
        "Keep one of them",
    ),
}
