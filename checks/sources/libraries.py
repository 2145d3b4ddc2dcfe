"""The Kubernetes and Azure libraries, loaded when a live source first needs them.

Together they take a second and 80 MiB.

One lock serializes the imports: if several threads import packages that import each other, one of them can get a partly
initialized module, and a read would fail for a reason that has nothing to do with the cluster.
"""

from functools import cache
from threading import RLock
from types import SimpleNamespace

_LOCK = RLock()


@cache
def kubernetes_library() -> SimpleNamespace:
    """The names that are used of the official Kubernetes client."""
    with _LOCK:
        from kubernetes.client import ApiClient, Configuration
        from kubernetes.client.exceptions import ApiException
        from kubernetes.config import (
            ConfigException,
            load_incluster_config,
            load_kube_config,
            load_kube_config_from_dict,
        )

        return SimpleNamespace(
            ApiClient=ApiClient,
            ApiException=ApiException,
            ConfigException=ConfigException,
            Configuration=Configuration,
            load_incluster_config=load_incluster_config,
            load_kube_config=load_kube_config,
            load_kube_config_from_dict=load_kube_config_from_dict,
        )


@cache
def azure_library() -> SimpleNamespace:
    """The names that are used of the Azure libraries."""
    with _LOCK:
        from azure.core import exceptions
        from azure.core.rest import HttpRequest
        from azure.identity import DefaultAzureCredential
        from azure.mgmt.containerservice import ContainerServiceClient

        from checks.sources.azure_retries import BoundedRetryPolicy

        return SimpleNamespace(
            AzureError=exceptions.AzureError,
            BoundedRetryPolicy=BoundedRetryPolicy,
            ContainerServiceClient=ContainerServiceClient,
            DefaultAzureCredential=DefaultAzureCredential,
            HttpRequest=HttpRequest,
            exceptions=exceptions,
        )
