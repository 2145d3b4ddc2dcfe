"""Short answers to one person: suggestions, refusals, lists, help and errors."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from bot.grammar.commands import Mistake
from bot.messages.blocks import (
    Block,
    Message,
    actions,
    as_code,
    button,
    context,
    fallback,
    fitting,
    plain,
    prose,
    raw,
    section,
)
from bot.messages.headlines import headline_of, name_of
from bot.messages.phrases import (
    DATE_AND_TIME,
    STATUS_MARKS,
    VERDICT_MARKS,
    check_title,
    check_words,
    local_time,
    requester_of,
    step_line,
)
from bot.messages.tables import data_table, text_cell, time_cell
from checks.config.configuration import Config
from checks.model.findings import Status
from checks.reports.ran_steps import RanStep
from checks.reports.wording import VERDICTS, plural
from workers.records.action import ActionRecord
from workers.records.history import GatewayVerdict
from workers.records.listing import Listing, ListingState
from workers.records.present import PresentState
from workers.records.redis_problem import RedisProblem
from workers.records.run import Run
from workers.records.watch import Watch

COMMAND = "/egress-diag"

NAME_NOT_TYPED = "name"
"""The slot of the refusal of a form without the Deployment's name."""

HELP = (
    ("", "open the form"),
    ("<cluster> [<namespace>/]<gateway>", "check an egress gateway"),
    ("… --host api.bank.example:443", "also check the route to this host"),
    ("… --from checkout/web", "check the route from this namespace or workload"),
    ("list", "list the clusters that you may check"),
    ("list <cluster>", "list its gateways with their last verdict"),
    ("watch <cluster> <gateway> [30m]", "check again until the gateway is healthy; post only changes"),
    ("history <cluster> <gateway>", "show the last runs and what changed between them"),
    ("probe <cluster> <gateway> [--from pod|gateway]", "plan a request that shows the source IP address"),
    ("restart <cluster> <gateway>", "plan a restart of the gateway"),
    ("handoff [8h] [@next] [note]", "draft a handoff of your shift"),
    ("digest list | add | remove | now", "manage the digests of this channel"),
    ("mute <cluster> <gateway> <check> 7d <reason>", "mute a fault for 7 days"),
    ("cancel", "stop the runs that you started in this channel"),
)

THREAD_HELP = (
    "In the thread of a run: `@egress-diag again`, `why`, `what next`, `what changed`, `gateway or host`, `is it fixed`, "
    "`who owns it`, `commands`, `report`, `watch 30m`, `stop`, `probe`, `restart`. A direct message works like a mention."
)


def mistake(wrong: Mistake) -> Message:
    """The mistake in a command, with buttons that run the suggested commands."""
    blocks: list[Block] = [section(plain(wrong.message))]
    buttons = [button(each, f"suggestion/{n}", each) for n, each in enumerate(wrong.suggestions[:5])]
    return _answer("mistake", wrong.message, blocks, buttons)


def wrong_gateway(run: Run) -> Message:
    """The answer to a command about a gateway or a client that does not exist.

    Its buttons run the command with similar names.
    """
    target = run.order.target
    host, client = (
        f" --{name} {value}" if value else "" for name, value in (("host", target.host), ("from", target.client))
    )
    tails = ((each, host if " --from " in each else f"{host}{client}") for each in run.choices)
    return mistake(Mistake(run.problem, tuple(f"{target.cluster} {each}{tail}" for each, tail in tails)))


def access_denied(reason: str) -> Message:
    """The refusal of the access rules.

    `reason` is a sentence of our own, which may link to channels (<#C…>).
    """
    return _answer("refused", f"Not allowed: {reason}", [section(raw(f"⛔ {reason}"))])


def help_text() -> Message:
    """The commands."""
    lines = "\n".join(f"• {as_code(f'{COMMAND} {words}')} {meaning}" for words, meaning in HELP)
    purpose = "finds out why traffic through an AKS egress gateway fails and how to fix it."
    return _answer(
        "help",
        f"egress-diag {purpose}",
        [section(raw(f"*egress-diag* {purpose}")), section(raw(lines)), context(prose(THREAD_HELP))],
    )


def cluster_list(config: Config, visible: Sequence[str]) -> Message:
    """The clusters that the person may diagnose in this channel."""
    if not visible:
        words = "You don't have permission to check any cluster in this channel."
        ask = f" Ask {plain(config.ask)} for access." if config.ask else ""
        return _answer("clusters", words, [section(raw(f"{words}{ask}"))])
    names = {c.name: c.aliases for c in config.clusters}
    lines = [
        f"• {as_code(name)}" + (f" also {', '.join(as_code(alias) for alias in names[name])}" if names[name] else "")
        for name in visible
    ]
    blocks = [section(raw("\n".join(lines[start : start + 40]))) for start in range(0, len(lines), 40)]
    return _answer("clusters", f"{plural(len(visible), 'cluster')}: {', '.join(visible)}", blocks)


def gateway_list(listing: Listing, verdicts: Mapping[str, GatewayVerdict]) -> Message:
    """The gateways of a cluster with their last verdict."""
    if listing.state is ListingState.FAILED:
        words = f"The gateways of {listing.cluster} could not be listed: {listing.problem}"
        step = f"\n{step_line(listing.step)}" if listing.step else ""
        return _answer("listing", words, [section(raw(f"❔ {plain(words)}{step}"))])
    if not listing.gateways:
        which = " that you have permission to check in this channel" if listing.partial else " in its mesh profile"
        words = f"{listing.cluster} has no egress gateway{which}."
        return _answer("listing", words, [section(plain(words))])
    lines = [_gateway(name, enabled, verdicts.get(name)) for name, enabled in listing.gateways]
    blocks = [section(raw(f"*{plural(len(lines), 'egress gateway')} on* {as_code(listing.cluster)}"))]
    heading = blocks[:1]
    blocks += [section(raw("\n".join(lines[start : start + 15]))) for start in range(0, len(lines), 15)]
    answer = _answer("listing", f"{plural(len(lines), 'egress gateway')} on {listing.cluster}", blocks)
    rows = (_gateway_row(name, enabled, verdicts.get(name)) for name, enabled in listing.gateways)
    found = data_table(("Gateway", "Verdict", "Cause", "Last check"), rows, wrapped=(0, 2))
    return replace(answer, newest=fitting([*heading, found])) if found is not None else answer


def _gateway_row(name: str, enabled: bool, last: GatewayVerdict | None) -> Sequence[Block]:
    if not enabled or last is None:
        state = "not checked yet" if enabled else "disabled"
        return (text_cell(name), text_cell(f"{STATUS_MARKS[Status.SKIPPED]} {state}"), text_cell(""), text_cell(""))
    verdict = f"{VERDICT_MARKS[last.verdict]} {VERDICTS[last.verdict].lower()}"
    causes = "; ".join(map(check_words, last.root_causes or last.pending)) or last.reason
    causes += f" 👉 {last.step}" if last.step else ""
    return (text_cell(name), text_cell(verdict), text_cell(causes), time_cell(last.at))


def _gateway(name: str, enabled: bool, last: GatewayVerdict | None) -> str:
    if not enabled:
        return f"{STATUS_MARKS[Status.SKIPPED]} {as_code(name)} disabled"
    if last is None:
        return f"{STATUS_MARKS[Status.SKIPPED]} {as_code(name)} not checked yet"
    shown = last.root_causes or last.pending
    roots = f": {'; '.join(map(check_title, shown))}" if shown else f": {plain(last.reason)}" if last.reason else ""
    step = f"\n   {step_line(last.step)}" if last.step else ""
    at = local_time(last.at, DATE_AND_TIME)
    return f"{VERDICT_MARKS[last.verdict]} {as_code(name)} {VERDICTS[last.verdict].lower()}{roots} · {at}{step}"


def step_refused(sentence: str, *, name: bool = False) -> Message:
    """A step that is not planned or not confirmed, with the reason.

    `name`: the Deployment's name was not typed.
    """
    return _answer(NAME_NOT_TYPED if name else "refused", sentence, [section(raw(f"⛔ {prose(sentence)}"))])


def step_requested_already(action: ActionRecord) -> Message:
    """The same step for the same gateway has been requested in this channel and has not ended."""
    words = f"<@{action.order.user}> has already requested this step; its message is in the channel or its thread."
    return _answer("joined", "This step is already requested.", [section(raw(words))])


def joined(run: Run, link: str) -> Message:
    """Another person has started the same check; `link` is the address of its thread, if known."""
    where = f"<{link}|the thread>" if link else "the channel"
    who = requester_of(run.order.user)
    words = f"{who[:1].upper()}{who[1:]} has already started this check. Follow it in {where}."
    return _answer("joined", "This check is already running.", [section(raw(words))])


def on_card(run: Run, link: str) -> Message:
    """The check of a gateway that has a card in the channel, at the address `link`, if known."""
    where = f"<{link}|its message in this channel>" if link else "its message in this channel"
    words = f"The check of {as_code(name_of(run))} runs in the thread of {where}."
    return _answer("on-card", "The check runs in the thread of the gateway's message.", [section(raw(words))])


def watch_on_card(watch: Watch, link: str) -> Message:
    """A watch of a gateway that has a message in the channel; `link` is its address, if known."""
    where = f"<{link}|the gateway's message in this channel>" if link else "the gateway's message in this channel"
    words = f"The gateway is watched until {local_time(watch.until)}, in the thread of {where}."
    return _answer("on-card", "This gateway is watched in the thread of its incident.", [section(raw(words))])


def step_on_card() -> Message:
    """A step for a gateway that has a message in the channel."""
    words = "The step is planned in the thread of the gateway's message in this channel."
    return _answer("on-card", words, [section(plain(words))])


def stopped(count: int) -> Message:
    """The number of runs that `cancel` stopped."""
    words = f"Stopped {plural(count, 'run')}." if count else "You have no active run in this channel."
    return _answer("stopped", words, [section(raw(words))])


def run_expired() -> Message:
    """The run of a button is no longer stored."""
    words = f"This run has expired. Start a new one with {COMMAND}."
    return _answer("too-old", words, [section(raw(words))])


def outdated_button() -> Message:
    """A button or menu of an earlier version of the bot cannot be used any more."""
    words = (
        f"This button was made by an earlier version of the bot. Use a newer message, or start a check with {COMMAND}."
    )
    return _answer("outdated", words, [section(raw(words))])


def nothing_to_stop(run: Run) -> Message:
    """Neither a check nor a watch of the thread is active."""
    words = (
        f"Nothing to stop: no check and no watch is active in this thread ({name_of(run)}). `stop` ends an active one."
    )
    return _answer("ended", words, [section(prose(words))])


def check_ended(run: Run) -> Message:
    """The check of a Stop button has already ended."""
    words = f"Nothing to stop: this check of {name_of(run)} has already ended."
    return _answer("ended", words, [section(plain(words))])


def step_not_needed(run: Run, step: RanStep, now: PresentState) -> Message:
    """The fault of a step was over before the press: the step is not recorded as its fix."""
    state = (
        "was not found" if now.gone is not None else f"is {VERDICT_MARKS[now.verdict]} {VERDICTS[now.verdict].lower()}"
    )
    over = f"{step.code} was not reported any more {local_time(now.at, DATE_AND_TIME)}, before this press"
    words = raw(f"{as_code(name_of(run))} {state}: {over}. The step is not recorded.")
    return _answer("not-needed", f"{step.code} was over before this press.", [section(words)])


def already_owner(run: Run) -> Message:
    """The person takes an incident that they own."""
    words = f"You are already the owner of {name_of(run)}. `release` ends your ownership."
    return _answer("owned", words, [section(prose(words))])


def no_owner(run: Run) -> Message:
    """The person releases an incident that has no owner."""
    words = f"{name_of(run)} has no owner: there is nothing to release."
    return _answer("owned", words, [section(plain(words))])


def watching(watch: Watch, *, joined: bool) -> Message:
    """The watch of a gateway; with `joined` one that another request had already started."""
    already = " already" if joined else ""
    rest = (
        "" if joined else " A check that does not pass is reported in this channel, the end in a message to you alone."
    )
    words = f"This gateway is{already} being watched for <@{watch.user}> until {local_time(watch.until)}.{rest}"
    return _answer("watching", f"This gateway is{already} being watched.", [section(raw(words))])


def file_requested(kind: str, *, there: bool) -> Message:
    """A requested file will be posted in the thread, or is already there."""
    words = f"The {kind} {'is already in the thread' if there else 'will be posted in the thread'}."
    return _answer("there" if there else "filed", words, [section(plain(words))])


def file_expired(kind: str, *, unreadable: bool = False) -> Message:
    """The evidence behind a requested file is no longer stored, or cannot be read."""
    problem = "cannot be read" if unreadable else "has expired"
    words = f"The {kind} of this run {problem}. Run a new check, or collect evidence with `egress-diag collect`."
    return _answer("not-kept", words, [section(prose(words))])


def report_received() -> Message:
    """A person has reported a wrong result."""
    words = "Reported. The run, its evidence and your comment are kept for a year for the maintainers of the checks."
    return _answer("kept", words, [section(plain(words))])


def no_run_in_thread(*, direct: bool = False) -> Message:
    """A thread command outside the thread of a run.

    `direct`: in a direct message, whose threads take no slash command.
    """
    words = "This thread does not belong to a run. Start one with `/egress-diag`."
    if direct:
        words = "Nothing was checked here yet. Type a cluster and a gateway, such as `prod-weu payments/egress`."
    return _answer("no-run", words, [section(prose(words))])


def form_failed() -> Message:
    """Slack did not open the form."""
    words = f"The form did not open in time. Try again, or type `{COMMAND} <cluster> [<namespace>/]<gateway>`."
    return _answer("no-form", words, [section(prose(words))])


def unavailable(problem: RedisProblem) -> Message:
    """Redis is down, full or read-only: nothing was accepted."""
    then = "Try again in a minute, or run `egress-diag diagnose`."
    if problem.refuses_writes:
        then = (
            "The operator of this bot finds the fix with `egress-diag doctor`. Until then, run `egress-diag diagnose`."
        )
    words = f"Nothing was started: the queue (Redis) {problem}. {then}"
    return _answer("unavailable", words, [section(raw(f"❔ {words}"))])


def internal_error(token: str) -> Message:
    """The bot crashed; `token` is in its log."""
    words = f"Internal error {token}. The operator of this bot can find the cause under this token in the bot's log."
    return _answer("apology", words, [section(raw(f"❔ {words}"))])


def file_not_posted(kind: str, fix: str) -> Message:
    """A requested file cannot be posted; `fix` is a clause of our own."""
    return _answer(
        "not-posted", f"The {kind} cannot be posted.", [section(prose(f"The {kind} cannot be posted: {fix}."))]
    )


def channel_unavailable(run: Run, fix: str) -> Message:
    """The state of a run whose channel the bot cannot post in.

    `fix` says what keeps the bot from it, as a clause of our own.
    """
    headline, words = headline_of(run)
    blocks = [section(headline), context(raw(f"The bot cannot post in <#{run.order.channel}>: {prose(fix)}."))]
    text = fallback(f"{words} (The bot cannot post in the channel.)")
    return Message("elsewhere", text, fitting(blocks), thread=False)


def _answer(slot: str, text: str, blocks: Sequence[Block], buttons: Sequence[Block] = ()) -> Message:
    closing = [actions(buttons)] if buttons else []
    return Message(slot, fallback(text), fitting(blocks, closing), thread=False)
