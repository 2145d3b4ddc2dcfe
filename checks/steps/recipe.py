"""The steps of a finding with what shows their result and what takes them back.

Both are derived from the printed command and the objects as they were read. A check that gives its own `verify` or `undo`
knows more, so those stay.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from checks.facts.changes import ChangeRefused
from checks.facts.patches import Unfit
from checks.facts.store import FactStore
from checks.model.findings import Action, Effect
from checks.steps.azure_undo import azure_undo
from checks.steps.inverse import NoInverse
from checks.steps.kubectl_undo import kubectl_undo
from checks.steps.objects import StateUnknown, StepObjects
from checks.steps.shell import ProgramCall, UnreadableCommand, commands
from checks.steps.undo import NOTHING
from checks.steps.verification import shown_by, waits_for_pods

_BY_HAND = {
    "Allow": "remove what you allowed",
    "Add": "remove what you added",
    "Associate": "remove the association",
    "Bind": "delete the binding",
    "Create": "delete what you created",
    "Define": "remove the definition",
    "Delete": "create it again from the copy that you kept",
    "Exclude": "remove the exclusion",
    "Exempt": "delete the exemption",
    "Move": "move it back",
    "Provide": "delete what you provided",
    "Remove": "create it again with its previous settings",
    "Renew": f"{NOTHING}: the previous certificate is of no use",
}
"""How a change without a printed command is taken back, by the first word of its title."""
_PREVIOUS = "write the previous value again, which you note before the change"
_BY_ITSELF = f"{NOTHING}: the command removes what it creates"


@dataclass(frozen=True, slots=True)
class Recipe:
    """The steps of one finding over the facts.

    `diagnosis` is the command that checks the fault again, `expect` what it shows after the last step.
    """

    store: FactStore
    diagnosis: str
    expect: str

    def completed(self, actions: Sequence[Action]) -> tuple[Action, ...]:
        """The actions with `expect`, `verify` and `undo` of those that change something."""
        states: dict[str, StepObjects] = {}
        """The objects before each step."""
        objects = StepObjects(self.store)
        last = self._last(actions)
        found = []
        for position, each in enumerate(actions):
            if each.effect is Effect.READS:
                found.append(each)
                continue
            before = states.get(each.alternative_to, objects)
            states.setdefault(each.title, before)
            program = _commands(each.command)
            undo, after = _undo(each, program, before)
            if each.alternative_to not in states:
                objects = after
            found.append(
                replace(
                    each,
                    expect=each.expect or self.expect,
                    verify=each.verify or self._verify(program, position in last),
                    undo=each.undo or undo,
                )
            )
        return tuple(found)

    def _last(self, actions: Sequence[Action]) -> set[int]:
        """The positions of the last step and of the alternatives to it.

        The fault should be gone after each.
        """
        changing = [n for n, each in enumerate(actions) if each.effect is not Effect.READS]
        steps = [n for n in changing if not actions[n].alternative_to]
        return {n for n in changing if not steps or n >= steps[-1]}

    def _verify(self, program: Sequence[ProgramCall], last: bool) -> str:
        shown = shown_by(program)
        if not last:
            return shown or self.diagnosis
        return f"{shown} && {self.diagnosis}" if waits_for_pods(program) else self.diagnosis


def _commands(printed: str) -> tuple[ProgramCall, ...]:
    try:
        return commands(printed)
    except UnreadableCommand:
        return ()


def _undo(action: Action, program: Sequence[ProgramCall], objects: StepObjects) -> tuple[str, StepObjects]:
    """The undo of an action, and the objects after its command."""
    by_hand = _BY_HAND.get(action.title.partition(" ")[0], _PREVIOUS)
    if not action.command:
        return by_hand, objects
    if _in_a_circle(program):
        return f"{NOTHING}: the last command restores the first value", objects
    found: list[str] = []
    sentences: list[str] = []
    try:
        for each in program:
            if each.words[0] == "kubectl":
                undo = kubectl_undo(each, objects)
                objects = undo.objects
                found += undo.commands
                sentences += [undo.sentence] if undo.sentence else []
            elif each.words[0] == "az":
                words = azure_undo(each, objects.store)
                (found if words.startswith("az ") else sentences).append(words)
            elif each.words[0] == "egress-diag":
                sentences.append(_BY_ITSELF)
    except StateUnknown as unread:
        return f"not known: {unread}", objects
    except (NoInverse, ChangeRefused, Unfit) as problem:
        return f"no command takes it back: {problem}", objects
    told = [each for each in sentences if each and not each.startswith(NOTHING)]
    if told or not found:
        return (told or [each for each in sentences if each] or [by_hand])[0], objects
    return one_after_the_other(reversed(found)), objects


def _in_a_circle(program: Sequence[ProgramCall]) -> bool:
    """Whether the commands scale a node pool and back."""
    return len(program) == 2 and all(each.words[:4] == ("az", "aks", "nodepool", "scale") for each in program)


def one_after_the_other(found: Iterable[str]) -> str:
    """Commands one after the other; each after a here-document begins a line of its own."""
    text = ""
    for each in found:
        text += ("\n" if "\n" in text else " && ") + each if text else each
    return text
