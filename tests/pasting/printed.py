"""The commands of a report, as a person selects them from text, Markdown, JSON and Slack."""

import html
import re
from collections.abc import Iterator

from bot.messages.recipes import action_text
from checks.model.commands import is_command
from checks.model.findings import Action, Report
from checks.reports.markdown import markdown
from checks.reports.text import closing_lines
from checks.reports.wording import offered, roots_of, warnings_of

_MARKDOWN = re.compile(r"^(`{3,})sh\n(.*?)\n\1$", re.MULTILINE | re.DOTALL)
_SLACK = re.compile(r"^```\n(.*?)\n```", re.MULTILINE | re.DOTALL)
_CODE = re.compile(r"`([^`\n]+)`")


def actions_of(report: Report) -> list[Action]:
    """The actions that the reports print."""
    findings = [*roots_of(report), *(each for each in warnings_of(report) if not each.explained_by), *offered(report)]
    groups = [each.actions for each in report.not_checked] + [each.actions for each in findings]
    return [action for group in groups for action in group]


def commands_of(action: Action) -> list[str]:
    """The commands of an action: its own, and those that verify it and take it back."""
    return [each for each in (action.command, action.verify, action.undo) if each and is_command(each)]


def from_text(report: Report) -> Iterator[str]:
    """Each command from the text report, with the lines as they are printed."""
    lines = list(closing_lines(report))
    for command in dict.fromkeys(each for action in actions_of(report) for each in commands_of(action)):
        wanted = command.splitlines()
        places = range(len(lines) - len(wanted) + 1)
        start = next(n for n in places if _stripped(lines[n : n + len(wanted)]) == _stripped(wanted))
        yield "\n".join(lines[start : start + len(wanted)])


def _stripped(lines: list[str]) -> list[str]:
    return [each.strip() for each in lines]


def from_markdown(report: Report) -> Iterator[str]:
    """Each code block of the Markdown file."""
    yield from (found[1] for found in _MARKDOWN.findall(markdown(report)))


def from_slack(report: Report) -> Iterator[str]:
    """Each code block and quoted command of the messages, as Slack shows their text."""
    for action in actions_of(report):
        shown = action_text(action)
        for found in _SLACK.findall(shown):
            yield html.unescape(found)
        quoted = _CODE.findall(_SLACK.sub("", shown))
        yield from (html.unescape(each) for each in quoted if is_command(each))


def from_json(report: Report) -> Iterator[str]:
    """Each command of the JSON document, also those that sentences quote."""
    for action in actions_of(report):
        yield from commands_of(action)
        sentences = (each for each in (action.expect, action.verify, action.undo) if not is_command(each))
        yield from (quoted for each in sentences for quoted in _CODE.findall(each) if is_command(quoted))
