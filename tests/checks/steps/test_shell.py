"""Printed commands as the derivation of their verify and undo commands reads them."""

import pytest

from checks.steps.shell import UnreadableCommand, commands


def test_a_substitution_in_quotes_is_one_word() -> None:
    (call,) = commands('az role assignment delete --scope "$(az keyvault show --name a --query id)"')
    assert call.words[-1] == "$(az keyvault show --name a --query id)"


def test_a_substitution_outside_quotes_is_not_read() -> None:
    """It becomes several words, so that no other command can be made of it."""
    with pytest.raises(UnreadableCommand, match="outside quotes"):
        commands("az network public-ip delete --ids $(az network public-ip list --query '[].id' -o tsv)")
