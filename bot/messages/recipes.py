"""The steps of a finding in full, and those of a card as short as it needs.

Source: docs/slack.md#4-verdict.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from bot.messages.blocks import (
    SECTION_TEXT,
    Block,
    Escaped,
    as_code,
    code_block,
    context,
    plain,
    prose,
    raw,
    section,
    text_size,
)
from bot.messages.phrases import EFFECT_WORDS
from bot.messages.recipe_progress import RecipeProgress
from checks.model.commands import is_command
from checks.model.findings import Action, Effect, Finding
from checks.reports.ran_steps import step_digest
from checks.reports.recipes import fix_first, labeled

CARD_TEXT = 3000
"""Characters of the recipes in a card; a phone shows little more."""
THREAD_TEXT = 9000
"""Characters of the recipes in an answer; a message has about 13,000 in all."""
CARD_BLOCKS = 30
"""Blocks of the recipes in a card, within Slack's 50 of a message."""
LONGEST_COMMAND = 6
"""Lines of the longest command that a card shows."""
_TITLE = 90
"""Characters of a title in the shortest form."""


def recipe(
    steps: Iterable[Action], of: tuple[str, str] = ("", ""), progress: RecipeProgress | None = None
) -> Iterator[Block]:
    """The numbered actions of a finding or reason.

    With `progress`, each has its button and its result. `of` are the slug and the subject of the finding.
    """
    for label, each in labeled(steps, _done(progress, of[0])):
        yield from _sections(label, each, step_digest(*of, each), progress)


def _done(progress: RecipeProgress | None, check: str) -> int:
    """The steps of a check that were carried out, and that its recipe no longer has."""
    return progress.done.get(check, 0) if progress is not None else 0


def _sections(label: str, step: Action, digest: str = "", progress: RecipeProgress | None = None) -> Iterator[Block]:
    """A step in one section, or in several if its commands are long; a command is never cut."""
    kept = progress.note(digest) if progress is not None else ""
    labeled_yet = False
    for part in _parts(step):
        words = part if labeled_yet else f"*{label}* {part}"
        labeled_yet = True
        if kept and len(kept) + len(words) + 1 > SECTION_TEXT:
            yield section(raw(kept))
            kept = words
        else:
            kept = f"{kept}\n{words}" if kept else words
    yield section(raw(kept))
    if progress is not None:
        yield from progress.row([("I ran it", digest)])


def action_text(step: Action) -> Escaped:
    """An action: title, effect, documentation, command as a code block, and how to verify it."""
    return raw("\n".join(_parts(step)))


def _parts(step: Action) -> list[str]:
    link = f" · <{step.url}|documentation>" if _is_plain_link(step.url) else ""
    found = [f"{plain(step.title)} _({EFFECT_WORDS[step.effect]})_{link}"]
    found += [_code(step.command)] if step.command else []
    for label, words in (("Expect", step.expect), ("Verify", step.verify), ("Undo", step.undo)):
        if words:
            found.append(f"_{label}:_\n{_code(words)}" if is_command(words) else f"_{label}:_ {prose(words)}")
    return found


def _code(command: str) -> str:
    """The command as a code block, or a sentence if it is too long for one.

    Half a command must never be copied.
    """
    block = code_block(command)
    lines = len(command.splitlines())
    return block if len(block) <= SECTION_TEXT - 200 else f"(the command, {lines} lines, is in the full report)"


def _is_plain_link(url: str) -> bool:
    return url.startswith("https://") and not any(mark in url for mark in "<>| \n")


@dataclass(frozen=True, slots=True)
class _Form:
    """How much of each step a card shows."""

    steps: Callable[[Finding], list[Action]]
    shown: Callable[[Action], Action]
    titles: bool = False
    """Whether the steps of a cause are lines of one section."""


def card_steps(
    steps: Iterable[tuple[str, Action]], progress: RecipeProgress | None = None, *, whole: bool = False
) -> Iterator[Block]:
    """Numbered steps, each of a check.

    Unless `whole`, commands that are too long for a card are left out.
    """
    checks = {action: check for check, action in reversed(list(steps))}
    for label, each in labeled(reversed(checks)):
        shown = each if whole else _short(each)
        yield from _sections(label, shown, step_digest(checks[each], "", each), progress)


def thread_recipes(causes: Sequence[Finding], progress: RecipeProgress | None = None) -> list[Block]:
    """The steps of every cause for an answer in the thread.

    Every command is shown if a message can hold them all.
    """
    blocks = [block for each in causes for block in _of_cause(each, _WHOLE, progress, headed=len(causes) > 1)]
    if sum(map(text_size, blocks)) <= THREAD_TEXT and len(blocks) <= CARD_BLOCKS:
        return blocks
    found = [each for each in card_recipes(causes, progress) if each is not _POINTER]
    return [*found, context(raw(f"Every command in full: {as_code('@egress-diag commands')}"))]


def card_recipes(causes: Sequence[Finding], progress: RecipeProgress | None = None) -> list[Block]:
    """The steps of every cause, in the longest form that fits into a card.

    Each form has every step that changes something: a change without the restart that it needs has no effect.
    """
    blocks: list[Block] = []
    for form in _FORMS:
        blocks = [block for each in causes for block in _of_cause(each, form, progress, headed=len(causes) > 1)]
        if sum(map(text_size, blocks)) <= CARD_TEXT and len(blocks) <= CARD_BLOCKS:
            return [*blocks, *([] if form is _FORMS[0] else [_POINTER])]
    return [*blocks, _POINTER]


_POINTER = context(raw("Every step with its commands, how to verify and how to undo it: in the thread"))


def _of_cause(cause: Finding, form: _Form, progress: RecipeProgress | None, *, headed: bool) -> Iterator[Block]:
    heading = [raw(f"*{plain(f'{cause.code} {cause.title}')}*")] if headed else []
    steps = [
        (label, form.shown(each), step_digest(cause.check, cause.subject, each))
        for label, each in labeled(form.steps(cause), _done(progress, cause.check))
    ]
    if form.titles:
        lines = [f"*{label}* {plain(each.title)}" for label, each, _ in steps]
        yield section(raw("\n".join([*heading, *lines])))
        if progress is not None:
            yield from progress.row([(_ran_label(label), digest) for label, _, digest in steps])
        return
    yield from map(section, heading)
    for label, each, digest in steps:
        yield from _sections(label, each, digest, progress)


def _ran_label(label: str) -> str:
    return f"I ran step {label.removesuffix('.')}" if label[:1].isdigit() else "I ran the alternative"


def _whole_steps(cause: Finding) -> list[Action]:
    """The steps that change something, wait or decide, and always the first one."""
    steps = fix_first(cause.actions)
    return [each for each in steps if each is steps[0] or each.effect is not Effect.READS or each.expect]


def _changes(cause: Finding) -> list[Action]:
    return [each for each in cause.actions if each.effect is not Effect.READS] or list(cause.actions[:1])


def _short(step: Action) -> Action:
    """The step without commands that are too long for a card."""
    lines = len(step.command.splitlines())
    if lines > LONGEST_COMMAND:
        title = f"{step.title} (the command, {lines} lines, is in the thread)"
        return replace(step, title=title, command="", expect="", verify="", undo="")
    verify, undo = ("" if len(each.splitlines()) > LONGEST_COMMAND else each for each in (step.verify, step.undo))
    return replace(step, verify=verify, undo=undo)


def _with_result(step: Action) -> Action:
    return replace(_short(step), verify="", undo="")


def _command_only(step: Action) -> Action:
    return replace(_short(step), expect="", verify="", undo="", url="")


def _title_only(step: Action) -> Action:
    return replace(step, title=step.title if len(step.title) <= _TITLE else f"{step.title[:_TITLE].rstrip()}…")


_WHOLE = _Form(_whole_steps, lambda step: step)
"""Whole steps, for an answer in the thread."""

_FORMS = (
    _Form(_whole_steps, _short),
    _Form(_whole_steps, _with_result),
    _Form(_changes, _command_only),
    _Form(_changes, _title_only, titles=True),
)
