"""`egress-diag checks`."""

import click

from checks.cli.completion import known_checks
from checks.cli.usage import refuse


@click.command("checks")
@click.argument("check", required=False, shell_complete=known_checks)
@click.option("--permissions", is_flag=True, help="Print the ClusterRole and Azure actions that the checks need.")
@click.option(
    "--of-namespace",
    is_flag=True,
    help="With --permissions: print the Role for single namespaces, without permissions in the whole cluster.",
)
def checks_command(check: str | None, permissions: bool, of_namespace: bool) -> None:
    """List all checks, or describe one CHECK by slug or code.

    The description has reads, severity, article steps and causes.
    """
    from checks.catalogue import catalogue
    from checks.cli.console import Unwritable, write_out
    from checks.docs.catalogue_page import check_page, listing, namespaced_permission_list, permission_list
    from checks.engine.selection import chosen_checks
    from checks.model.question import BadQuestion

    known = catalogue()
    if of_namespace and not permissions:
        refuse("--of-namespace needs --permissions")
    try:
        if of_namespace:
            write_out(namespaced_permission_list(known))
        elif permissions:
            write_out(permission_list(known))
        elif check is None:
            write_out(listing(known))
        else:
            write_out(check_page(chosen_checks(check, known)[0], known))
    except (BadQuestion, Unwritable) as wrong:
        refuse(wrong)
