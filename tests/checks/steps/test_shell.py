"""Printed commands as the derivation of their verify and undo commands reads them."""

import pytest

from checks.steps.shell import UnreadableCommand, commands
from checks.steps.verification import shown_by


def test_a_substitution_in_quotes_is_one_word() -> None:
    (call,) = commands('az role assignment delete --scope "$(az keyvault show --name a --query id)"')
    assert call.words[-1] == "$(az keyvault show --name a --query id)"


def test_a_substitution_outside_quotes_is_not_read() -> None:
    """It becomes several words, so that no other command can be made of it."""
    with pytest.raises(UnreadableCommand, match="outside quotes"):
        commands("az network public-ip delete --ids $(az network public-ip list --query '[].id' -o tsv)")


def test_a_manifest_from_another_program_names_no_object_to_show() -> None:
    piped = commands("kubectl get secret a -o yaml -n x | kubectl apply -f -")
    assert shown_by(piped) == ""
    assert (
        shown_by(commands("kubectl apply -f - <<'EOF'\napiVersion: v1\nkind: Secret\nmetadata:\n  name: a\nEOF")) != ""
    )


def test_the_file_of_a_redirection_is_no_word_of_the_command() -> None:
    (save, delete) = commands("kubectl get node a -o yaml > a.yaml && kubectl delete node a")
    assert save.words == ("kubectl", "get", "node", "a", "-o", "yaml")
    assert delete.words == ("kubectl", "delete", "node", "a")
