"""Which hosts the addresses of an Azure service tag belong to.

Source: Azure documentation, "Virtual network service tags", and the endpoints in each service's documentation.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ServiceTag:
    """The hosts of a service.

    `hosts` are domains all of whose public addresses the tag contains, `others` domains of which it contains some.
    `any_host`: customers serve hosts of their own domains from its addresses.
    """

    hosts: tuple[str, ...] = ()
    others: tuple[str, ...] = ()
    any_host: bool = False


_TAGS: dict[str, ServiceTag] = {
    "apimanagement": ServiceTag(others=("azure-api.net",), any_host=True),
    "appconfiguration": ServiceTag(("azconfig.io",)),
    "appservice": ServiceTag(("azurewebsites.net",), any_host=True),
    "azureactivedirectory": ServiceTag(
        ("login.microsoftonline.com", "login.windows.net", "sts.windows.net"),
        ("microsoftonline.com", "graph.windows.net", "graph.microsoft.com", "login.microsoft.com"),
    ),
    "azurecognitivesearch": ServiceTag(others=("search.windows.net",)),
    "azurecontainerregistry": ServiceTag(("azurecr.io",)),
    "azurecosmosdb": ServiceTag(("documents.azure.com",), ("cosmos.azure.com",)),
    "azuredevops": ServiceTag(others=("dev.azure.com", "visualstudio.com")),
    "azureeventgrid": ServiceTag(("eventgrid.azure.net",)),
    "azurefrontdoor": ServiceTag(others=("azurefd.net", "azureedge.net"), any_host=True),
    "azureiothub": ServiceTag(("azure-devices.net",), ("azure-devices-provisioning.net",)),
    "azurekeyvault": ServiceTag(
        ("vault.azure.net", "vault.azure.cn", "vault.usgovcloudapi.net"), ("managedhsm.azure.net",)
    ),
    "azuremonitor": ServiceTag(
        others=(
            *("monitor.azure.com", "opinsights.azure.com", "opinsights.com", "applicationinsights.azure.com"),
            *("applicationinsights.microsoft.com", "services.visualstudio.com", "azure-automation.net"),
        )
    ),
    "azureresourcemanager": ServiceTag(
        ("management.azure.com", "management.chinacloudapi.cn", "management.usgovcloudapi.net")
    ),
    "azuresignalr": ServiceTag(("service.signalr.net",)),
    "azurewebpubsub": ServiceTag(("webpubsub.azure.com",)),
    "cognitiveservicesfrontend": ServiceTag(others=("cognitiveservices.azure.com", "openai.azure.com")),
    "cognitiveservicesmanagement": ServiceTag(others=("cognitiveservices.azure.com", "openai.azure.com")),
    "eventhub": ServiceTag(others=("servicebus.windows.net",)),
    "microsoftcontainerregistry": ServiceTag(others=("mcr.microsoft.com", "azurecr.io")),
    "servicebus": ServiceTag(others=("servicebus.windows.net",)),
    "sql": ServiceTag(
        ("database.windows.net", "database.chinacloudapi.cn", "database.usgovcloudapi.net", "sql.azuresynapse.net"),
        ("azuresynapse.net", "database.azure.com"),
    ),
    "storage": ServiceTag(("core.windows.net", "core.chinacloudapi.cn", "core.usgovcloudapi.net", "storage.azure.net")),
}

_ALL_ADDRESSES = "azurecloud"
"""The tag of all public addresses of Azure's data centers, virtual machines included."""

LOCAL_TAGS = frozenset(
    {"virtualnetwork", "azureloadbalancer", "azureplatformdns", "azureplatformimds", "azureplatformlkm"}
)
"""Tags without addresses on the Internet."""


def service_tag(name: str) -> ServiceTag | None:
    """The hosts of a tag (lower case, without its region); None if they are not known."""
    if name == _ALL_ADDRESSES:
        in_data_centers = (each for tag, each in _TAGS.items() if tag != "azurefrontdoor")
        return ServiceTag(tuple(domain for each in in_data_centers for domain in each.hosts), any_host=True)
    return _TAGS.get(name)
