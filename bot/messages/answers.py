"""Short answers: mistakes with what would be right, refusals, lists, help, apologies, and what a closed channel keeps back."""

from collections.abc import Mapping, Sequence

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
from bot.messages.phrases import STATUS_MARKS, VERDICT_MARKS, local_time
from checks.config.configuration import Config
from checks.model.findings import Status
from checks.reports.wording import headline, plural
from workers.runs.records import GatewayVerdict, Listing, ListingState, Run, Watch

COMMAND = "/egress-diag"

HELP = (
    ("", "the form"),
    ("<cluster> [<namespace>/]<gateway>", "check an egress gateway"),
    ("… --host api.bank.example:443", "also ask about this host"),
    ("… --from checkout/web", "as seen from this namespace or workload"),
    ("list", "clusters that you may look at"),
    ("list <cluster>", "its gateways with their last verdict"),
    ("watch <cluster> <gateway> [30m]", "check again until it works, and say only what changes"),
    ("history <cluster> <gateway>", "the last runs, and what changed between them"),
    ("handoff [8h] [@next] [note]", "hand your shift over, as a draft first"),
    ("digest list | add | remove | now", "digests of this channel"),
    ("mute <cluster> <gateway> <check> 7d <reason>", "hear no more of a fault until then"),
    ("cancel", "stop the runs that you started here"),
)

THREAD_HELP = "In the thread of a run: `@egress-diag again`, `why`, `stop`, `watch 30m`, `commands`."


def mistake(wrong: Mistake) -> Message:
    """What is wrong, and buttons that run what may have been meant."""
    blocks: list[Block] = [section(plain(wrong.message))]
    buttons = [button(each, f"suggestion/{n}", each) for n, each in enumerate(wrong.suggestions[:5])]
    return _answer("mistake", wrong.message, blocks, buttons)


def access_denied(reason: str) -> Message:
    """The access rules say no; the reason names whom to ask."""
    return _answer("refused", f"Not allowed: {reason}", [section(raw(f"⛔ {_with_channels(reason)}"))])


def help_text() -> Message:
    """What can be typed."""
    lines = "\n".join(f"• {as_code(f'{COMMAND} {words}')} {meaning}" for words, meaning in HELP)
    return _answer(
        "help",
        "egress-diag finds why an egress gateway does not let traffic out.",
        [
            section(
                raw(
                    "*egress-diag* finds why traffic through an AKS egress gateway does not leave, and says what to do."
                )
            ),
            section(raw(lines)),
            context(prose(THREAD_HELP)),
        ],
    )


def cluster_list(config: Config, visible: Sequence[str]) -> Message:
    """The clusters that the asker may diagnose in this channel."""
    if not visible:
        ask = f" Ask {plain(config.ask)} for access." if config.ask else ""
        return _answer(
            "clusters", "You may look at no cluster here.", [section(raw(f"You may look at no cluster here.{ask}"))]
        )
    names = {c.name: c.aliases for c in config.clusters}
    lines = [
        f"• {as_code(name)}" + (f" also {', '.join(as_code(alias) for alias in names[name])}" if names[name] else "")
        for name in visible
    ]
    blocks = [section(raw("\n".join(lines[start : start + 40]))) for start in range(0, len(lines), 40)]
    return _answer("clusters", f"{plural(len(visible), 'cluster')}: {', '.join(visible)}", blocks)


def gateway_list(listing: Listing, verdicts: Mapping[str, GatewayVerdict]) -> Message:
    """A cluster's gateways with their last verdict."""
    if listing.state is ListingState.FAILED:
        words = f"The gateways of {listing.cluster} could not be read: {listing.problem}"
        return _answer("listing", words, [section(raw(f"❔ {plain(words)}"))])
    if not listing.gateways:
        words = f"{listing.cluster} has no egress gateway in its mesh profile."
        return _answer("listing", words, [section(plain(words))])
    lines = [_gateway(name, enabled, verdicts.get(name)) for name, enabled in listing.gateways]
    blocks = [section(raw(f"*{plural(len(lines), 'egress gateway')} on* {as_code(listing.cluster)}"))]
    blocks += [section(raw("\n".join(lines[start : start + 15]))) for start in range(0, len(lines), 15)]
    return _answer("listing", f"{plural(len(lines), 'egress gateway')} on {listing.cluster}", blocks)


def _gateway(name: str, enabled: bool, last: GatewayVerdict | None) -> str:
    if not enabled:
        return f"{STATUS_MARKS[Status.SKIPPED]} {as_code(name)} disabled"
    if last is None:
        return f"{STATUS_MARKS[Status.SKIPPED]} {as_code(name)} not checked yet"
    roots = f": {', '.join(last.root_causes)}" if last.root_causes else ""
    at = local_time(last.at, "{date_short_pretty} {time}")
    return f"{VERDICT_MARKS[last.verdict]} {as_code(name)} {last.verdict}{roots}, {at}"


def joined(run: Run, link: str) -> Message:
    """Somebody else's run answers the same question."""
    where = f"<{link}|the thread>" if link else "the channel"
    words = f"<@{run.order.user}> asked the same; that run is going: {where}"
    return _answer("joined", "The same run is going already.", [section(raw(words))])


def stopped(count: int) -> Message:
    """How many runs `cancel` stopped."""
    words = f"Stopped {plural(count, 'run')}." if count else "You have no run going in this channel."
    return _answer("stopped", words, [section(raw(words))])


def run_expired() -> Message:
    """A button of a run that is not kept any more."""
    words = f"That run is too old: it is not kept any more. Start a new one with {COMMAND}."
    return _answer("too-old", words, [section(raw(words))])


def already_ended(run: Run) -> Message:
    """Stop was pressed on a run that has ended."""
    words = f"That run has ended already ({run.state})."
    return _answer("ended", words, [section(raw(words))])


def watching(watch: Watch, *, joined: bool) -> Message:
    """A watch was asked for that is going already, or was begun elsewhere than where it was asked for."""
    already = " already" if joined else ""
    words = f"That gateway is being watched{already}, for <@{watch.user}>, until {local_time(watch.until)}."
    return _answer("watching", f"That gateway is being watched{already}.", [section(raw(words))])


def file_requested(kind: str, *, there: bool) -> Message:
    """A file was asked for: it comes into the thread, or is there already."""
    words = f"The {kind} {'is in the thread already' if there else 'comes into the thread'}."
    return _answer("filed", words, [section(plain(words))])


def file_expired(kind: str) -> Message:
    """A file of a run whose evidence is gone."""
    words = f"The {kind} of that run is not kept any more. Check again, or run `egress-diag collect`."
    return _answer("not-kept", words, [section(prose(words))])


def report_received() -> Message:
    """A run was called wrong."""
    words = (
        "Thank you. The run is kept for a year with what it read and your comment, for whoever maintains the checks."
    )
    return _answer("kept", words, [section(plain(words))])


def no_run_in_thread() -> Message:
    """A thread's word outside a run's thread."""
    words = "This thread is about no run that I know. Start one with `/egress-diag`."
    return _answer("no-run", words, [section(prose(words))])


def form_failed() -> Message:
    """The form could not be opened in time."""
    words = (
        f"The form did not open in time. Type it instead: `{COMMAND} <cluster> [<namespace>/]<gateway>`, or try again."
    )
    return _answer("no-form", words, [section(prose(words))])


def unavailable() -> Message:
    """Redis cannot be reached: nothing was accepted."""
    words = "Nothing was started: the queue (Redis) cannot be reached. Try again in a minute, or run `egress-diag diagnose`."
    return _answer("unavailable", words, [section(raw(f"❔ {words}"))])


def internal_error(token: str) -> Message:
    """Something of our own broke; the token is in the log."""
    words = f"That is a fault of the bot itself, error {token}: whoever runs it finds it in its log."
    return _answer("apology", words, [section(raw(f"❔ {words}"))])


def channel_unavailable(run: Run, *, closed: bool) -> Message:
    """What cannot be shown in the channel, for whoever asked."""
    name = f"{run.order.target.gateway} on {run.order.target.cluster}"
    remedy = "that channel is archived or closed to me" if closed else "invite me there with `/invite @egress-diag`"
    if run.report is not None:
        words = f"{name}: {headline(run.report)}"
    elif run.state.ended:
        words = f"{name}: {run.problem or run.state}"
    else:
        words = f"{name}: checking…"
    blocks = [section(plain(words)), context(raw(f"I cannot post in <#{run.order.channel}>: {remedy}."))]
    return Message("elsewhere", fallback(f"{words} (I cannot post in the channel)"), fitting(blocks), thread=False)


def _answer(slot: str, text: str, blocks: Sequence[Block], buttons: Sequence[Block] = ()) -> Message:
    closing = [actions(buttons)] if buttons else []
    return Message(slot, fallback(text), fitting(blocks, closing), thread=False)


def _with_channels(reason: str) -> str:
    """Our own sentence about access; it may name channels (<#C…>), which stay links."""
    return reason
