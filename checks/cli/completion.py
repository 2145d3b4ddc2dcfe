"""The values that a shell completes (docs/command-line.md#completion)."""

import click


def known_contexts(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[str]:
    """The contexts of the kubeconfig; none if it cannot be read."""
    from checks.config.settings import KubectlSettings
    from checks.sources.kubeconfig import DEFAULT_KUBECONFIG, Kubeconfig
    from checks.sources.source import SourceError

    del param
    kubeconfig = ctx.params.get("kubeconfig") or KubectlSettings().kubeconfig or DEFAULT_KUBECONFIG
    try:
        names = Kubeconfig(str(kubeconfig)).contexts
    except SourceError:
        return []
    return sorted(name for name in names if name.startswith(incomplete))


def known_checks(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[str]:
    """The slugs and codes of the checks."""
    from checks.catalogue import catalogue

    del ctx, param
    names = [name for each in catalogue() for name in (each.slug, each.code)]
    return sorted(name for name in names if name.startswith(incomplete))
