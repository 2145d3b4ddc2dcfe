"""The fix for an expired CA that the Istio add-on reads from a key vault.

Source: AKS documentation, "Plug in CA certificates for Istio-based service mesh add-on on Azure Kubernetes Service"
(certificate authority rotation): the add-on copies new values of the vault into Secret `cacerts`, and istiod reads new
intermediate certificates from there. Only a new root certificate needs a restart of istiod.
"""

from collections.abc import Iterator, Sequence

from checks.facts.istio_networking import ROOT_NAMESPACE
from checks.facts.managed_cluster import ManagedCluster
from checks.facts.pods import Pod
from checks.facts.view import Facts
from checks.model.commands import PLUGIN_CA, az_aks, change, disrupt, inspect, kubectl, quoted
from checks.model.findings import Action
from checks.model.raw_values import Raw, mapping, text

_FILES = (
    ("certobjectname", "CA_CERT_FILE", "CA certificate"),
    ("keyobjectname", "CA_SIGNING_FILE", "key of the CA certificate"),
    ("certchainobjectname", "CERT_CHAIN_FILE", "chain from the CA certificate to the root"),
    ("rootcertobjectname", "ROOT_CERT_FILE", "root certificate"),
)
"""The fields with the names of secrets, and the variable for the PEM file of each."""


def plugged_ca(facts: Facts) -> Raw:
    """The plugged-in CA of the mesh profile, empty without one.

    Requires ManagedCluster declared.
    """
    cluster = next(iter(facts.readable(ManagedCluster)), None)
    return (
        mapping(cluster.raw, "servicemeshprofile", "istio", "certificateauthority", "plugin")
        if cluster is not None
        else {}
    )


def renew_plugged_ca(facts: Facts, pods: Sequence[Pod], revision: str) -> Iterator[Action]:
    """Write new certificates to the key vault, verify that they arrive, and restart pods.

    `pods` are the gateway's pods of the revision without a new certificate. Nothing is yielded without a plugged-in CA.
    """
    plugin = plugged_ca(facts)
    vault = text(plugin, "keyvaultid")
    if not vault:
        return
    name = vault.rpartition("/")[2]
    yield _write(plugin, vault)
    written = "NAME:.metadata.name,WRITTEN:.metadata.managedFields[*].time"
    yield inspect(
        "Show when the add-on wrote Secret cacerts",
        kubectl("get", "secret", "cacerts", "-o", f"custom-columns={written}", namespace=ROOT_NAMESPACE),
        PLUGIN_CA,
        "within five minutes a time after the previous step: leave out the next step. Otherwise the next step first",
    )
    yield change(
        f"Enable the rotation of secrets from key vault {name}, only if Secret cacerts keeps the old certificate",
        az_aks(facts.cluster, "update", "--enable-secret-rotation"),
        PLUGIN_CA,
        "Secret cacerts has the new certificate within minutes; otherwise the add-on's identity lacks the right to get the "
        f"secrets of {name}",
        undo=az_aks(facts.cluster, "update", "--disable-secret-rotation"),
    )
    yield from _restarts(pods, revision)


def _write(plugin: Raw, vault: str) -> Action:
    """Write the files of the CA's owner to the secrets that the plug-in names."""
    parts = vault.split("/")
    name, subscription = parts[-1], parts[2] if vault.lower().startswith("/subscriptions/") else ""
    where = ("--vault-name", name, *(("--subscription", subscription) if subscription else ()))
    commands = [
        f"{quoted('az', 'keyvault', 'secret', 'set', *where, '--name', secret, '--output', 'none')} "
        f'--file "${{{variable}:?PEM file with the {what}}}"'
        for field, variable, what in _FILES
        if (secret := text(plugin, field))
    ]
    variables = [variable for field, variable, _ in _FILES if text(plugin, field)]
    return change(
        f"Write the renewed CA certificate, its key, its chain and the root to key vault {name}",
        " && ".join(commands),
        PLUGIN_CA,
        f"{', '.join(variables)} name the PEM files from the owner of the CA; the add-on copies them into Secret cacerts. "
        "Keep the root certificate if it is still valid; a new root needs a file with the old and the new one, so that "
        "proxies with old certificates stay trusted",
        verify=quoted("az", "keyvault", "secret", "show", *where, "--name", text(plugin, "certobjectname"))
        + " --query attributes.created --output tsv",
        undo="nothing to take back: the previous certificate has expired; the vault keeps its version",
    )


def _restarts(pods: Sequence[Pod], revision: str) -> Iterator[Action]:
    istiod = f"istiod-{revision}"
    yield disrupt(
        f"Restart {istiod}, which then signs with the new certificate; new pods wait until it is Ready",
        kubectl("rollout", "restart", "deployment", istiod, namespace=ROOT_NAMESPACE),
        PLUGIN_CA,
        "its log has no line about an expired certificate, and the gateway's pods are Ready within minutes",
    )
    names = " and ".join(each.name for each in pods)
    delete = kubectl("delete", "pod", *(each.name for each in pods), namespace=pods[0].namespace)
    title = f"Delete {names} if not Ready after five minutes: the new pods request certificates at once"
    clients = "the new pods are Ready. Restart clients in the same way if their log has the error, or if the root is a new one"
    if any(each.ready for each in pods):
        yield disrupt(f"{title}; open connections through them are closed", delete, PLUGIN_CA, clients)
    else:
        yield change(title, delete, PLUGIN_CA, clients)
