"""The checks that passed or do not apply, one per line, by stage, in two messages."""

from collections.abc import Iterator, Sequence

from bot.messages.blocks import Block, Message, context, divider, fallback, fitting, plain, raw, section
from bot.messages.phrases import STATUS_MARKS
from checks.model.findings import Finding, Stage, Status
from checks.reports.wording import STAGES, plural

STAGES_OF_SLOT = {
    "steps/provisioning": (Stage.PREREQUISITES, Stage.NETWORK, Stage.PROVISIONING),
    "steps/routing": (Stage.STATIC_GATEWAY, Stage.ISTIO),
}
"""The stages of each message, by its slot."""


def step_messages(seen: Sequence[Finding], every: float) -> Iterator[Message]:
    """The messages of steps; a stage appears with its first result."""
    for slot, stages in STAGES_OF_SLOT.items():
        blocks: list[Block] = []
        passed = 0
        for stage in stages:
            mine = [f for f in seen if f.stage is stage and f.status in (Status.PASS, Status.SKIPPED)]
            if mine:
                passed += sum(f.status is Status.PASS for f in mine)
                blocks += [*([divider()] if blocks else []), *_stage(stage, mine)]
        if blocks:
            names = ", ".join(STAGES[stage] for stage in stages)
            text = f"{plural(passed, 'check')} passed: {names}"
            yield Message(slot, fallback(text), fitting(blocks), every=every)


def _stage(stage: Stage, findings: Sequence[Finding]) -> Iterator[Block]:
    passed = [f for f in findings if f.status is Status.PASS]
    skipped = [f for f in findings if f.status is Status.SKIPPED]
    heading = f"*{STAGES[stage]}*"
    lines = [f"{STATUS_MARKS[f.status]} {plain(f.code)} {plain(f.summary)}" for f in passed]
    yield section(raw("\n".join([heading, *lines[:12]])))
    for start in range(12, len(lines), 12):
        yield section(raw("\n".join(lines[start : start + 12])))
    for start in range(0, len(skipped), 12):
        rows = (f"{STATUS_MARKS[f.status]} {plain(f.code)} {plain(f.summary)}" for f in skipped[start : start + 12])
        yield context(raw("\n".join(rows)))
