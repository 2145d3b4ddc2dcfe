"""Which network plugins of AKS work with static egress gateways.

Source: docs/domain/azure.md#classifiers.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class CniMode:
    """A network plugin and its mode as Azure names them (lower case).

    `doubt` is the reason why its support is uncertain, "" if it is not.
    """

    plugin: str
    mode: str
    name: str
    doubt: str = ""


_CNI_MODES = (
    CniMode("azure", "overlay", "Azure CNI Overlay"),
    CniMode("azure", "", "Azure CNI with node subnet"),
    CniMode("azure", "none", "Azure CNI with node subnet"),
    CniMode(
        "kubenet",
        "",
        "kubenet",
        "it is being retired, and pods on it can keep the default route of eth0 (kube-egress-gateway issue 775)",
    ),
    CniMode(
        "none",
        "",
        "a bring-your-own CNI plugin",
        "kube-egress-cni must be chained to its CNI configuration on the nodes",
    ),
)


def cni_mode(plugin: str, mode: str) -> CniMode | None:
    """The row for this plugin and mode, None if nothing is known about them."""
    return next((each for each in _CNI_MODES if (each.plugin, each.mode) == (plugin, mode)), None) or next(
        (each for each in _CNI_MODES if each.plugin == plugin and plugin != "azure"), None
    )
