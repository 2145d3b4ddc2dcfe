"""What is known about static egress gateways under each network plugin of AKS (domain.md 4.3)."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class CniMode:
    """A network plugin and its mode as Azure names them (lower case), and what keeps it from being proven, "" if nothing."""

    plugin: str
    mode: str
    name: str
    doubt: str = ""


CNI_MODES = (
    CniMode("azure", "overlay", "Azure CNI Overlay"),
    CniMode("azure", "", "Azure CNI with node subnet"),
    CniMode("azure", "none", "Azure CNI with node subnet"),
    CniMode(
        "kubenet",
        "",
        "kubenet",
        "kubenet is being retired, and gateways on it have known faults (kube-egress-gateway issue 775)",
    ),
    CniMode(
        "none",
        "",
        "a network plugin of your own",
        "its configuration on the nodes must be one that the egress plugin can chain itself to",
    ),
)


def cni_mode(plugin: str, mode: str) -> CniMode | None:
    """The mode of this name, or None where nothing is known about it."""
    return next((each for each in CNI_MODES if (each.plugin, each.mode) == (plugin, mode)), None) or next(
        (each for each in CNI_MODES if each.plugin == plugin and plugin != "azure"), None
    )
