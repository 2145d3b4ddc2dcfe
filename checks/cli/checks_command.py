"""`egress-diag checks`."""

import click

from checks.cli.usage import refuse


@click.command("checks")
@click.argument("check", required=False)
@click.option("--permissions", is_flag=True, help="Print the ClusterRole and Azure actions that the checks need.")
def checks_command(check: str | None, permissions: bool) -> None:
    """List all checks, or describe one CHECK by slug or code.

    The description has reads, severity, article steps and causes.
    """
    from checks.catalogue import catalogue
    from checks.cli.console import Unwritable, write_out
    from checks.docs.catalogue_page import check_page, listing, permission_list
    from checks.engine.selection import chosen_checks
    from checks.model.question import BadQuestion

    known = catalogue()
    try:
        if permissions:
            write_out(permission_list(known))
        elif check is None:
            write_out(listing(known))
        else:
            write_out(check_page(chosen_checks(check, known)[0], known))
    except (BadQuestion, Unwritable) as wrong:
        refuse(wrong)
