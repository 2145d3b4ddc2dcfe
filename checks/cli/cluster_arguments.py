"""The options that name a cluster: a configuration file, or a kube context as in kubectl."""

from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, TypedDict

import click

from checks.cli.completion import known_contexts
from checks.cli.usage import config_option, refuse

if TYPE_CHECKING:
    from checks.config.configuration import ClusterConfig, Config, SavedAzure
    from checks.sources.source import Source


class Opening(Protocol):
    """Opens the source of a cluster.

    `namespace`, that of the gateway, is also read if the identity may not read the whole cluster.
    """

    def __call__(self, namespace: str | None = None) -> "Source": ...


kubeconfig_option = click.option(
    "--kubeconfig", help="Kubeconfig, as for kubectl [default: $KUBECONFIG, else ~/.kube/config]."
)
azure_option = click.option(
    "--azure",
    type=click.Choice(["live", "none"]),
    default="live",
    show_default=True,
    help="Whether the managed cluster of a kube context is read from Azure.",
)
_context = (
    config_option,
    kubeconfig_option,
    click.option(
        "--context",
        shell_complete=known_contexts,
        help="Context of the kubeconfig [default: its current context].",
    ),
    click.option("-n", "--namespace", help="Namespace of the gateway, if its name alone is ambiguous."),
)
_options = (
    *_context,
    azure_option,
    click.option(
        "--managed-cluster",
        type=click.Path(path_type=Path),
        help="Output of `az aks show -o json`, read instead of Azure.",
    ),
    click.option(
        "--agent-pools", type=click.Path(path_type=Path), help="Output of `az aks nodepool list -o json`, likewise."
    ),
    click.option(
        "--resources", type=click.Path(path_type=Path), help="Outputs of `az resource show -o json`, likewise."
    ),
)


def cluster_options(command: "click.decorators.FC") -> "click.decorators.FC":
    """Add the options to a command."""
    for decorate in reversed(_options):
        command = decorate(command)
    return command


def context_options(command: "click.decorators.FC") -> "click.decorators.FC":
    """Add the options of a command that names a cluster and a gateway, and reads neither."""
    for decorate in reversed(_context):
        command = decorate(command)
    return command


class ContextArguments(TypedDict):
    """The options that only name a cluster and a gateway."""

    config: Path | None
    kubeconfig: str | None
    context: str | None
    namespace: str | None


class ClusterArguments(ContextArguments):
    """The options that name a cluster, and say where its facts come from."""

    azure: str
    managed_cluster: Path | None
    agent_pools: Path | None
    resources: Path | None


def named_cluster(cluster: str | None, options: ClusterArguments, timeout: float) -> "tuple[ClusterConfig, Opening]":
    """The cluster's entry, and the function that opens its source.

    The cluster is the configured one; without a configuration, the kube context of this name; without a name, the current
    one. Exits with 2 if it is unknown or cannot be opened.
    """
    from checks.config.configuration_file import ConfigError, NoConfiguration, load
    from checks.config.settings import Settings

    chosen = [f"--{each}" for each in ("kubeconfig", "context") if options[each]]
    if cluster is not None and chosen and options["config"] is not None:
        refuse(f"--config and {chosen[0]} both name a cluster: give only one of them")
    if cluster is None or chosen:
        return _context_source(cluster, options, timeout)
    try:
        configuration = load(options["config"], Settings().config)
    except NoConfiguration as missing:
        if options["config"] is not None or Settings().config is not None:
            refuse(missing)
        # Without a configuration, the name of a cluster is that of a kube context.
        return _context_source(cluster, options, timeout, str(missing))
    except ConfigError as wrong:
        refuse(wrong)
    return _configured_source(configuration, cluster)


def named_clusters(options: ContextArguments) -> tuple[str, ...]:
    """The clusters of the configuration and the contexts of the kubeconfig.

    A file that cannot be read has none.
    """
    from checks.config.configuration_file import ConfigError, load
    from checks.config.settings import KubectlSettings, Settings
    from checks.sources.kubeconfig import DEFAULT_KUBECONFIG, Kubeconfig
    from checks.sources.source import SourceError

    found: list[str] = []
    with suppress(ConfigError):
        found += [name for each in load(options["config"], Settings().config).clusters for name in each.names]
    with suppress(SourceError):
        found += Kubeconfig(options["kubeconfig"] or KubectlSettings().kubeconfig or DEFAULT_KUBECONFIG).contexts
    return tuple(dict.fromkeys(found))


def _configured_source(configuration: "Config", cluster: str) -> "tuple[ClusterConfig, Opening]":
    from checks.config.configuration import UnknownCluster

    try:
        entry = configuration.cluster(cluster)
    except UnknownCluster as wrong:
        refuse(wrong)
    return entry, partial(opened_source, entry)


def bundle_name(bundle: Path) -> str:
    """The name of a cluster that only its bundle names."""
    return bundle.resolve().name.removesuffix(".tar.gz")


def opened_source(entry: "ClusterConfig", namespace: str | None = None) -> "Source":
    """The source of an entry: live, or its bundle. Exits with 2 if it cannot be opened.

    `namespace` as for `Opening`.
    """
    from checks.sources.bundle import BundleError, read_bundle
    from checks.sources.recorded import RecordedSource
    from checks.sources.source import SourceError

    try:
        if entry.bundle is not None:
            return RecordedSource(read_bundle(entry.bundle))
        from checks.sources.live import open_source  # a bundle needs no HTTP client

        return open_source(entry, namespace)
    except (BundleError, SourceError) as wrong:
        refuse(wrong)


def _context_source(
    context: str | None, options: ClusterArguments, timeout: float, missing: str = ""
) -> "tuple[ClusterConfig, Opening]":
    from checks.config.settings import KubectlSettings
    from checks.model.columns import narrow
    from checks.model.inert_text import inert
    from checks.sources.current_cluster import KubectlOptions, current_cluster
    from checks.sources.kubeconfig import DEFAULT_KUBECONFIG, UNVERIFIED_SERVER, Kubeconfig, kubeconfig_files
    from checks.sources.source import SourceError

    if context is not None and options["context"] not in (None, context):
        refuse(f'"{context}" and --context {options["context"]} name different contexts: give only one of them')
    kubeconfig = options["kubeconfig"] or KubectlSettings().kubeconfig or DEFAULT_KUBECONFIG
    if not any(each.exists() for each in kubeconfig_files(kubeconfig)):
        reason = f"{missing}. Without a configuration" if missing else "without CLUSTER"
        refuse(
            f"{reason}, the kubeconfig is used, but {kubeconfig} does not exist: create it with "
            "`az aks get-credentials --resource-group GROUP --name CLUSTER`, or name another with --kubeconfig"
        )
    try:
        wanted = KubectlOptions(kubeconfig, context or options["context"], _azure(options))
        read = Kubeconfig(kubeconfig)
        insecure = read.skips_verification(read.context(wanted.context))
        found = current_cluster(wanted, timeout)
    except SourceError as wrong:
        refuse(wrong)
    if insecure:
        click.echo(inert("\n".join(narrow(f"{UNVERIFIED_SERVER}."))), err=True)
    return found.entry, lambda namespace=None: found.source.with_namespaces(namespace)


def _azure(options: ClusterArguments) -> "SavedAzure | bool":
    from checks.config.configuration import SavedAzure

    if options["managed_cluster"] is not None:
        return SavedAzure(
            managed_cluster=options["managed_cluster"],
            agent_pools=options["agent_pools"],
            resources=options["resources"],
        )
    if options["agent_pools"] is not None or options["resources"] is not None:
        refuse("--agent-pools and --resources need --managed-cluster: the output of `az aks show -o json`")
    return options["azure"] == "live"


def command_configuration(config: Path | None) -> "Config":
    """The configuration that the option or the environment names.

    Exits with 2 without one.
    """
    from checks.config.configuration_file import ConfigError, load
    from checks.config.settings import Settings

    try:
        return load(config, Settings().config)
    except ConfigError as wrong:
        refuse(wrong)
