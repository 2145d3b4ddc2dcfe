"""The sentence, the consequence and the fix of each TLS fault of a hop (docs/domain/istio.md#tls-contract)."""

from dataclasses import dataclass

from checks.istio.route.tls_contract import TlsFault


@dataclass(frozen=True, slots=True)
class Meaning:
    """`sentence` is a format string over {host}, {name}, {port}, {server}, {mode}, {wanted}, {sni}, {rule}, {plain},
    {unset} and {gateway}; `seen` is the consequence for requests; `fix` is the title of the action."""

    sentence: str
    seen: str
    fix: str


MEANINGS: dict[TlsFault, Meaning] = {
    TlsFault.NOT_TO_PLAIN: Meaning(
        "{rule} makes sidecars send TLS ({mode}) to {gateway} for {host}, but {server} expects plain text",
        "requests get 503 (UC)",
        "Disable TLS from sidecars to the gateway",
    ),
    TlsFault.TLS_MISSING: Meaning(
        "{server} expects {wanted} for {host}, but {plain} to {gateway}",
        "requests get 503 (UC) or a reset",
        "Set TLS mode {wanted} from sidecars to the gateway",
    ),
    TlsFault.WRONG_MODE: Meaning(
        "{server} expects {wanted} for {host}, but {rule} makes sidecars send {mode}",
        "requests get 503 (UF, certificate mismatch)",
        "Set TLS mode {wanted} from sidecars to the gateway",
    ),
    TlsFault.DOUBLE_AT_SIDECAR: Meaning(
        "{server} passes the application's TLS for {host} through, but {rule} wraps it in {mode} again",
        "the destination gets TLS in TLS and closes the connection",
        "Disable TLS from sidecars, so that they pass the application's TLS through",
    ),
    TlsFault.NO_SNI: Meaning(
        "{server} is selected by SNI, but {rule} sends {sni} for {host}, which the server does not list",
        "connections are reset",
        "Set the host as SNI",
    ),
    TlsFault.PLAIN_TO_TLS: Meaning(
        "{gateway} sends {host} in plain text to {name}:{port}, a TLS port, because {unset}",
        "requests get 400 or are reset",
        "Originate TLS at the gateway",
    ),
    TlsFault.TLS_TO_PLAIN: Meaning(
        "{gateway} sends {host} to {name}:{port}, a plain text port, in TLS ({mode}, set by {rule})",
        "requests get 503 (UF, WRONG_VERSION_NUMBER)",
        "Route to the TLS port of the destination",
    ),
    TlsFault.MESH_TLS_OUTSIDE: Meaning(
        "{rule} makes {gateway} use mesh mutual TLS (ISTIO_MUTUAL) to {name}, which is outside the mesh",
        "requests get 503 (UF)",
        "Replace ISTIO_MUTUAL by SIMPLE or MUTUAL",
    ),
    TlsFault.DOUBLE_AT_GATEWAY: Meaning(
        "{gateway} passes the application's TLS for {host} through, but {rule} wraps it in {mode} again",
        "the destination gets TLS in TLS and closes the connection",
        "Disable TLS origination, so that the gateway passes the application's TLS through",
    ),
    TlsFault.DOUBLE_DIRECT: Meaning(
        "A tls rule routes the application's TLS for {host} directly to {name}, and {rule} wraps it in {mode} again",
        "the destination gets TLS in TLS and closes the connection",
        "Limit the DestinationRule to the gateway",
    ),
    TlsFault.UNVERIFIED: Meaning(
        "{rule} makes {gateway} accept any certificate of {name} (insecureSkipVerify)",
        "",
        "Enable verification of the certificate",
    ),
    TlsFault.CREDENTIAL_AT_SIDECARS: Meaning(
        "{rule} also applies to sidecars, which cannot fetch its credential for {name}",
        "",
        "Limit the DestinationRule to the gateway's namespace",
    ),
    TlsFault.MERGED_AWAY: Meaning(
        "Several DestinationRules of one namespace for {name} differ; only the oldest applies, {rule}",
        "",
        "Keep only one of them",
    ),
}
