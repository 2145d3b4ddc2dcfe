"""The actions of a finding as a recipe: numbered steps and their alternatives.

Source: docs/contract.md#json (`alternative_to`).
"""

from collections.abc import Iterable, Iterator

from checks.model.findings import Action


def labeled(actions: Iterable[Action]) -> Iterator[tuple[str, Action]]:
    """Each action with its label: `1.`, or `or:` for an alternative.

    The label of an alternative to several steps has their numbers.
    """
    numbers: dict[str, int] = {}
    last = 0
    for action in actions:
        first = numbers.get(action.alternative_to) if action.alternative_to else None
        if first is None:
            last += 1
            numbers.setdefault(action.title, last)
            yield f"{last}.", action
        elif first == last:
            yield "or:", action
        else:
            yield f"or, instead of steps {first} {'and' if first + 1 == last else 'to'} {last}:", action
