"""The actions of a finding as a recipe: the fix, then what only shows the cause.

Source: docs/contract.md#json (`alternative_to`).
"""

from collections.abc import Iterable, Iterator

from checks.model.findings import Action, Effect


def fix_first(actions: Iterable[Action]) -> list[Action]:
    """The actions in the order in which they are carried out.

    A read-only action with `expect` is a step: it decides about the next one, or waits for the one before it. Without
    `expect` it only shows the cause, and follows the fix, unless no change has a command: then the reader must look up its
    values.
    """
    found = list(actions)
    if not any(each.command for each in found if each.effect is not Effect.READS):
        return found
    return sorted(found, key=_only_shows)


def _only_shows(action: Action) -> bool:
    return action.effect is Effect.READS and not action.expect


def labeled(actions: Iterable[Action], done: int = 0) -> Iterator[tuple[str, Action]]:
    """Each action with its label: `1.`, or `or:` for an alternative.

    They are in the order of `fix_first`. The label of an alternative to several steps has their numbers. `done` is the
    number of steps that were carried out and that the recipe no longer has: the others keep their numbers.
    """
    numbers: dict[str, int] = {}
    last = done
    for action in fix_first(actions):
        first = numbers.get(action.alternative_to) if action.alternative_to else None
        if first is None:
            last += 1
            numbers.setdefault(action.title, last)
            yield f"{last}.", action
        elif first == last:
            yield "or:", action
        else:
            yield f"or, instead of steps {first} {'and' if first + 1 == last else 'to'} {last}:", action
