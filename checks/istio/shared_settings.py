"""The ConfigMap with which users change the settings of one mesh revision."""

from checks.facts.istio_networking import ROOT_NAMESPACE
from checks.facts.namespaces import ConfigMap
from checks.model.commands import MESHCFG, change, inspect, kubectl, kubectl_apply
from checks.model.findings import Action


def shared_settings(revision: str) -> str:
    """The name of the ConfigMap."""
    return f"istio-shared-configmap-{revision}"


def show_settings(name: str) -> Action:
    """Show a ConfigMap with settings."""
    return inspect(
        f"Show ConfigMap {name}", kubectl("get", "configmap", name, "-o", "yaml", namespace=ROOT_NAMESPACE), MESHCFG
    )


def copy_settings(pattern: ConfigMap, revision: str, title: str = "") -> Action:
    """Create or replace the ConfigMap of a revision with the settings of another."""
    mesh = "\n".join(f"    {line}".rstrip() for line in pattern.data.get("mesh", "").splitlines())
    manifest = (
        "apiVersion: v1\nkind: ConfigMap\nmetadata:\n"
        f"  name: {shared_settings(revision)}\n  namespace: {ROOT_NAMESPACE}\ndata:\n  mesh: |\n{mesh}"
    )
    return change(
        title or f"Create the ConfigMap of {revision} with the same settings",
        kubectl_apply(manifest),
        MESHCFG,
        f"istiod of {revision} applies it within a minute; diagnose again",
    )
