"""The terms of results, each with one sentence and the page that explains it.

Source: the linked pages, docs/language.md#glossary and docs/domain/components.md#static-egress-components.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from checks.model.commands import HOWTO, ISTIO_EGW, ISTIO_TLSO, NAT, OUTBOUND, PDB, SEGDOC, SUPPORT

_ISTIO = "https://istio.io/latest/docs/"
_KUBERNETES = "https://kubernetes.io/docs/concepts/"
_AZURE = "https://learn.microsoft.com/azure/"
_ENVOY = "https://www.envoyproxy.io/docs/envoy/latest/"


@dataclass(frozen=True, slots=True)
class Term:
    """A term with one sentence about it.

    `aliases` are other spellings in lower case; `link` is the address of the page that explains it.
    """

    name: str
    sentence: str
    link: str
    aliases: tuple[str, ...] = ()


TERMS: Sequence[Term] = (
    Term(
        "static egress gateway",
        "AKS routes traffic of annotated pods through a gateway node pool, so that it leaves the cluster with fixed source IP "
        "addresses.",
        SEGDOC,
        ("static egress", "seg", "static gateway"),
    ),
    Term(
        "egress gateway",
        "An Envoy proxy in the cluster through which Istio routes requests to external hosts.",
        ISTIO_EGW,
        ("istio egress gateway", "egw", "egress"),
    ),
    Term(
        "egress IP prefix",
        "The public IP addresses that destinations receive as source of the gateway's traffic: "
        "`status.egressIpPrefix` of the StaticGatewayConfiguration.",
        SEGDOC,
        ("egress prefix", "ip prefix", "egress ip", "public ip prefix"),
    ),
    Term(
        "StaticGatewayConfiguration",
        "The Kubernetes object that connects pods with a gateway node pool and sets the egress IP prefix.",
        SEGDOC,
        ("sgc",),
    ),
    Term(
        "gateway node pool",
        "An AKS node pool in mode Gateway, whose nodes only forward static egress traffic.",
        SEGDOC,
    ),
    Term(
        "node pool",
        "A group of AKS nodes with the same configuration.",
        _AZURE + "aks/create-node-pools",
        ("agent pool",),
    ),
    Term(
        "source IP address",
        "The address that a destination receives as the sender of a request; behind SNAT it is not the pod's own.",
        OUTBOUND,
        ("source ip", "source address"),
    ),
    Term(
        "SNAT",
        "Source network address translation: a node, firewall or gateway replaces the sender's address of outbound packets.",
        _AZURE + "load-balancer/load-balancer-outbound-connections",
        ("source nat", "source network address translation"),
    ),
    Term(
        "NAT gateway",
        "An Azure resource that translates the outbound traffic of a subnet to its public IP addresses.",
        NAT,
        ("natgw", "nat"),
    ),
    Term(
        "NSG",
        "Network security group: Azure's list of rules that allow or deny traffic of a subnet or network interface.",
        _AZURE + "virtual-network/network-security-groups-overview",
        ("network security group", "security group"),
    ),
    Term(
        "WireGuard",
        "The encrypted tunnel in which static egress traffic travels from the pod's node to a gateway node.",
        "https://github.com/Azure/kube-egress-gateway/blob/main/docs/design.md",
        ("wireguard tunnel", "wg0"),
    ),
    Term(
        "sidecar",
        "The Envoy proxy that Istio injects into a pod; it handles all requests of the application.",
        _ISTIO + "ops/deployment/architecture/",
        ("istio proxy", "sidecar proxy", "envoy sidecar"),
    ),
    Term(
        "Sidecar resource",
        "The Istio object that limits which hosts are visible to the proxies of a namespace or workload.",
        _ISTIO + "reference/config/networking/sidecar/",
        ("sidecar object",),
    ),
    Term(
        "sidecar injection",
        "Istio adds its proxy to new pods of namespaces or pods with the label of a revision.",
        _ISTIO + "setup/additional-setup/sidecar-injection/",
        ("injection",),
    ),
    Term(
        "Envoy", "The proxy that Istio runs in sidecars and gateways.", _ENVOY + "intro/what_is_envoy", ("envoy proxy",)
    ),
    Term(
        "Istio",
        "The service mesh that the AKS add-on installs: istiod configures Envoy proxies in pods and gateways.",
        _AZURE + "aks/istio-about",
        ("service mesh", "mesh", "istio add on"),
    ),
    Term(
        "istiod",
        "Istio's control plane: it reads Istio's objects and sends the configuration to all proxies.",
        _ISTIO + "ops/deployment/architecture/",
        ("control plane", "istio control plane", "pilot"),
    ),
    Term(
        "revision",
        "A version of the Istio add-on, such as asm-1-28; two run side by side during an upgrade.",
        SUPPORT,
        ("mesh revision", "istio revision", "asm revision"),
    ),
    Term(
        "VirtualService",
        "The Istio object that routes requests for a host, for example from sidecars to the egress gateway and on to the "
        "destination.",
        _ISTIO + "reference/config/networking/virtual-service/",
    ),
    Term(
        "ServiceEntry",
        "The Istio object that adds an external host to the mesh, so that proxies can route requests to it.",
        _ISTIO + "reference/config/networking/service-entry/",
    ),
    Term(
        "DestinationRule",
        "The Istio object with the TLS settings, subsets and limits of connections to a host.",
        _ISTIO + "reference/config/networking/destination-rule/",
    ),
    Term(
        "Gateway object",
        "The Istio object with the ports and hosts on which the selected gateway pods accept requests.",
        _ISTIO + "reference/config/networking/gateway/",
        ("gateway resource", "istio gateway", "gateway"),
    ),
    Term(
        "AuthorizationPolicy",
        "The Istio object that allows or denies requests at a proxy.",
        _ISTIO + "reference/config/security/authorization-policy/",
    ),
    Term(
        "PeerAuthentication",
        "The Istio object that says whether a workload accepts plaintext, mTLS or both.",
        _ISTIO + "reference/config/security/peer_authentication/",
    ),
    Term(
        "EnvoyFilter",
        "The Istio object that changes generated Envoy configuration directly.",
        _ISTIO + "reference/config/networking/envoy-filter/",
    ),
    Term(
        "mTLS",
        "TLS in which both sides present a certificate; Istio uses it between the proxies of the mesh.",
        _ISTIO + "concepts/security/",
        ("mutual tls",),
    ),
    Term(
        "TLS origination",
        "The egress gateway receives plain HTTP and opens the TLS connection to the destination.",
        ISTIO_TLSO,
        ("tls origin", "originate tls"),
    ),
    Term(
        "SNI",
        "Server name indication: the host name that a client sends unencrypted at the start of a TLS connection.",
        "https://www.rfc-editor.org/rfc/rfc6066#section-3",
        ("server name indication",),
    ),
    Term(
        "exportTo",
        "The field that lists the namespaces to which an Istio object is visible.",
        _ISTIO + "reference/config/networking/service-entry/",
    ),
    Term(
        "outbound type",
        "The AKS setting for the route of outbound traffic: load balancer, NAT gateway or the routes of the subnet.",
        OUTBOUND,
    ),
    Term(
        "PodDisruptionBudget",
        "The Kubernetes object that limits how many pods may be stopped at once, for example by an upgrade.",
        PDB,
        ("pdb",),
    ),
    Term(
        "NetworkPolicy",
        "The Kubernetes object that allows or blocks connections of pods.",
        _KUBERNETES + "services-networking/network-policies/",
    ),
    Term(
        "Deployment",
        "The Kubernetes object that keeps a number of equal pods running.",
        _KUBERNETES + "workloads/controllers/deployment/",
    ),
    Term(
        "pod",
        "The smallest unit that Kubernetes runs: one or more containers with one IP address.",
        _KUBERNETES + "workloads/pods/",
    ),
    Term(
        "admission webhook",
        "A service that the API server asks before it stores an object; it can change or refuse the object.",
        "https://kubernetes.io/docs/reference/access-authn-authz/extensible-admission-controllers/",
        ("webhook", "validating webhook", "mutating webhook"),
    ),
    Term(
        "response flags",
        "Letters in Envoy's access log that say why a request failed, such as UF (connection failed) or NR (no route).",
        _ENVOY + "configuration/observability/access_log/usage",
        ("response flag", "envoy flag"),
    ),
    Term(
        "NACK",
        "A proxy's rejection of configuration from istiod: the proxy keeps the last configuration that it accepted.",
        _ENVOY + "api-docs/xds_protocol",
        ("rejected configuration",),
    ),
    Term(
        "add-on egress gateway",
        "The egress gateway that `az aks mesh enable-egress-gateway` creates in the mesh of an AKS cluster.",
        HOWTO,
    ),
    Term(
        "root cause",
        "A failed check that no other failed check explains; its steps come first, because its fix ends its symptoms.",
        "docs/causes.md",
        ("root causes",),
    ),
    Term("symptom", "A failed check that a root cause explains.", "docs/causes.md"),
    Term("healthy", "Every check that matters was made, and none failed or warns.", "docs/contract.md#verdict"),
    Term("degraded", "Traffic gets through, but a check warns.", "docs/contract.md#verdict"),
    Term(
        "starting",
        "The gateway does not serve yet and is within the usual time of a start.",
        "docs/contract.md#verdict",
    ),
    Term("broken", "At least one check failed: traffic is blocked.", "docs/contract.md#verdict"),
    Term(
        "inconclusive",
        "No check failed, but checks that matter were not made, so the gateway may be healthy or broken.",
        "docs/contract.md#verdict",
        ("not checked",),
    ),
    Term(
        "does not apply",
        "The object of the check does not exist or is not configured.",
        "docs/severity.md#statuses",
        ("skipped",),
    ),
    Term(
        "probe",
        "A request from a temporary pod or from the gateway, which shows the source IP address; it needs a confirmation.",
        "docs/contract.md#active-steps",
    ),
    Term(
        "fleet check",
        "The scheduled check of all gateways of the clusters.",
        "docs/digests.md",
        ("sweep",),
    ),
    Term("digest", "The scheduled message with the changes of all gateways.", "docs/digests.md"),
    Term(
        "evidence",
        "The object, field and value that a check observed, and the value that it expected.",
        "docs/diagnosis.md",
    ),
)
"""All terms. A link without a scheme is a page of this repository."""


def term_named(words: str) -> Term | None:
    """The term with this name or alias, regardless of case, signs and plural; None without one."""
    wanted = _plain(words)
    by_name = {_plain(name): term for term in TERMS for name in (term.name, *term.aliases)}
    for each in (wanted, wanted.removesuffix("s"), wanted.removesuffix("es"), re.sub("ies$", "y", wanted)):
        if each in by_name:
            return by_name[each]
    return None


def _plain(words: str) -> str:
    return re.sub(r"[^a-z0-9]+", "", words.lower())
