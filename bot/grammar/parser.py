"""The parser of the text after `/egress-diag`, tolerant of what phones do to text.

Names match regardless of case and by unique prefixes; a text that is not a valid command leads to suggestions.
"""

import difflib
import re
from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import timedelta

from bot.access.rules import no_such_cluster
from bot.grammar import fleet_parser as fleet_grammar
from bot.grammar.commands import (
    CancelRuns,
    Command,
    Diagnose,
    ExplainTerm,
    ListClusters,
    ListGateways,
    Mistake,
    OpenForm,
    ShowHelp,
    ShowHistory,
    ThreadCommand,
    WatchGateway,
)
from bot.grammar.meant_words import meant_words
from bot.grammar.step_parser import STEP_VERBS, parse_step_command
from bot.grammar.thread_parser import parse_thread_command
from bot.grammar.words import DEFAULT_WATCH, MAX_CHARACTERS, is_duration, watch_duration, without_command, words_of
from checks.config.configuration import Config, Permission, UnknownCluster
from checks.model.question import BadQuestion, parse_client, parse_gateway_name
from checks.model.requested_host import parse_host
from workers.records.run import Target

VERBS = ("list", "watch", "history", "cancel", "help", *STEP_VERBS, *fleet_grammar.FLEET_VERBS)

_OPTIONS = {"host": "host", "from": "from", "probe": "probe"}
_ENVIRONMENTS = (
    *("prod", "production", "prd", "live", "dev", "development", "test", "tst", "stage", "staging", "stg"),
    *("uat", "qa", "int", "integration", "preprod", "pre", "sandbox", "demo"),
)


def parse_command(
    text: str,
    config: Config,
    known: Callable[[str], Sequence[str]] = lambda _: (),
    clusters: Collection[str] | None = None,
) -> Command:
    """The command in a text.

    `known` returns the gateways last seen in a cluster (`namespace/name`), for suggestions only: others may exist.
    Only `clusters` exist for the answer, so that no other name is revealed or confirmed; None stands for all.
    """
    if clusters is not None:
        shown = tuple(each for each in config.clusters if each.name in clusters)
        config = config.model_copy(update={"clusters": shown})
    if len(text) > MAX_CHARACTERS:
        return Mistake(f"The command has {len(text)} characters; the limit is {MAX_CHARACTERS}.")
    words = words_of(without_command(text.removeprefix("@")))
    if not words:
        return OpenForm()
    verb = words[0].lower()
    if verb in ("help", "-h", "--help", "?"):
        return ShowHelp()
    if verb == "list":
        return _list(words[1:], config)
    if verb in ("cancel", "stop"):
        return CancelRuns()
    if verb in fleet_grammar.FLEET_VERBS:
        return fleet_grammar.parse_fleet_command(text, lambda names: _diagnose(names, config, known))
    if (verb in _NEEDLESS or (verb in _SHOWING and len(words) > 1)) and not _is_cluster(words[0], config):
        # The check of a gateway is a command without a verb, and people type one.
        words = words[1:]
        verb = words[0].lower() if words else ""
    if (question := _question_of_thread(text, words, config)) is not None:
        return question
    found = _about_gateway(verb, words, config, known)
    return _with_meant(found, verb, words, config, known) if isinstance(found, Mistake) else found


_BY_VERB: Mapping[str, Permission] = {"probe": "probe", "restart": "restart", "mute": "digest", "unmute": "digest"}


def permission_of(text: str) -> Permission:
    """The permission that the command in a text needs for its gateway."""
    words = words_of(without_command(text.removeprefix("@")))
    return _BY_VERB.get(words[0].lower(), "diagnose") if words else "diagnose"


_NEEDLESS = ("diagnose", "check", "run", "test")
_SHOWING = ("status", "show")
"""Needless before names; alone, they are questions about a check."""
_NO_COMMAND = "No cluster or command"


def _with_meant(
    wrong: Mistake, verb: str, words: list[str], config: Config, known: Callable[[str], Sequence[str]]
) -> Mistake:
    """A mistake with the command that its words most likely mean as the first suggestion."""
    if wrong.message.startswith(_NO_COMMAND):
        return wrong  # a verb with a typing error is suggested already
    begin = [verb] if verb in VERBS else []
    meant = meant_words(words[len(begin) :], lambda word: _names_cluster(word, config))
    if meant is None or isinstance(_about_gateway(verb, [*begin, *meant], config, known), Mistake):
        return wrong
    first = " ".join([*begin, *meant])
    return Mistake(wrong.message, (first, *(each for each in wrong.suggestions if each != first)))


def _names_cluster(word: str, config: Config) -> bool:
    """Whether a word is the name or an alias of a cluster, or a unique beginning of one."""
    try:
        config.cluster(word)
    except UnknownCluster:
        return False
    return True


def _is_cluster(word: str, config: Config) -> bool:
    try:
        config.cluster(word)
    except UnknownCluster as unknown:
        return bool(unknown.choices)
    return True


def _question_of_thread(text: str, words: Sequence[str], config: Config) -> Mistake | ExplainTerm | None:
    """The term of a question; for others, the hint to ask in the thread of a check."""
    if not words or words[0].lower() in VERBS or _is_cluster(words[0], config):
        return None
    asked_for = parse_thread_command(text)
    if isinstance(asked_for, ExplainTerm):
        return asked_for
    if not isinstance(asked_for, ThreadCommand):
        return None
    asked = " ".join(words)
    return Mistake(f"`{asked}` is a question about a check. Ask it in the thread of the check: `@egress-diag {asked}`.")


def _about_gateway(verb: str, words: list[str], config: Config, known: Callable[[str], Sequence[str]]) -> Command:
    match verb:
        case "watch":
            return _watch(words[1:], config, known)
        case "history":
            parsed = _diagnose(words[1:], config, known)
            return ShowHistory(parsed.target) if isinstance(parsed, Diagnose) else _prefixed(parsed, "history")
        case "probe" | "restart":
            return parse_step_command(words, lambda rest: _diagnose(rest, config, known))
        case _:
            return _diagnose(words, config, known)


def _watch(words: list[str], config: Config, known: Callable[[str], Sequence[str]]) -> Command:
    span: timedelta | Mistake = DEFAULT_WATCH
    tail = ""
    if len(words) > 2 and is_duration(words[-1]) and not words[-2].startswith("--"):
        span, tail = watch_duration(words[-1]), f" {words[-1]}"
        words = words[:-1]
    if isinstance(span, Mistake):
        return span
    parsed = _diagnose(words, config, known)
    return WatchGateway(parsed.target, span) if isinstance(parsed, Diagnose) else _prefixed(parsed, "watch", tail)


def _prefixed(command: Command, verb: str, tail: str = "") -> Command:
    """A mistake after a verb, whose suggestions have the verb.

    `tail` are the words after the gateway.
    """
    if not isinstance(command, Mistake):
        return command
    message = command.message.replace("`/egress-diag <cluster>", f"`/egress-diag {verb} <cluster>")
    return Mistake(message, tuple(f"{verb} {each}{tail}" for each in command.suggestions))


def _list(words: Sequence[str], config: Config) -> Command:
    if not words:
        return ListClusters()
    if len(words) > 1:
        return Mistake("`list` accepts at most one cluster.", (f"list {words[0]}",))
    try:
        return ListGateways(config.cluster(words[0]).name)
    except UnknownCluster as unknown:
        return _unknown_cluster(unknown, config, lambda name: f"list {name}")


def _diagnose(words: list[str], config: Config, known: Callable[[str], Sequence[str]]) -> Command:
    names: list[str] = []
    options: dict[str, str] = {}
    rest = iter(words)
    for word in rest:
        if not word.startswith("--"):
            names.append(word)
            continue
        option = _OPTIONS.get(word[2:].lower())
        if option is None:
            near = difflib.get_close_matches(word[2:].lower(), list(_OPTIONS), n=1, cutoff=0.5)
            hint = (
                f" Did you mean `--{near[0]}`?"
                if near
                else " Options: `--host HOST[:PORT]`, `--from NAMESPACE/WORKLOAD`."
            )
            meant = [f"--{near[0]}" if each == word else each for each in words] if near else []
            return Mistake(f"Unknown option `{word}`.{hint}", _meant_options(meant, config, known))
        if option == "probe":
            return Mistake("`--probe` is a command of its own: `/egress-diag probe <cluster> [<namespace>/]<gateway>`.")
        value = next(rest, "")
        if not value or value.startswith("--"):
            return Mistake(f"`--{option}` needs a value, for example `--{option} {_EXAMPLES[option]}`.")
        options[option] = value
    return _target(names, options, config, known)


def _meant_options(words: list[str], config: Config, known: Callable[[str], Sequence[str]]) -> tuple[str, ...]:
    """The commands that words with a corrected option mean, or none."""
    if not words:
        return ()
    found = _diagnose(words, config, known)
    return found.suggestions if isinstance(found, Mistake) else (" ".join(words),)


_EXAMPLES = {"host": "api.bank.example:443", "from": "checkout/web"}


def _target(
    names: list[str], options: dict[str, str], config: Config, known: Callable[[str], Sequence[str]]
) -> Command:
    tail = "".join(f" --{option} {value}" for option, value in options.items())
    try:
        cluster = config.cluster(names[0]).name if names else ""
    except UnknownCluster as unknown:
        if (misplaced := _misplaced(names, tail, config, known)) is not None:
            return misplaced
        verb = difflib.get_close_matches(names[0].lower(), VERBS, n=1, cutoff=0.75)
        if verb and not unknown.nearest and not unknown.choices:
            return Mistake(f'{_NO_COMMAND} "{names[0]}".', (" ".join([verb[0], *names[1:]]),))
        return _unknown_cluster(unknown, config, lambda name: " ".join([name, *names[1:]]) + tail)
    if len(names) < 2:
        offered = tuple(f"{cluster} {gateway}{tail}" for gateway in list(known(cluster))[:5]) if cluster else ()
        hint = f" `/egress-diag list {cluster}` shows the gateways of {cluster}." if cluster and not offered else ""
        return Mistake(f"Which gateway? `/egress-diag <cluster> [<namespace>/]<gateway>`{hint}", offered)
    if len(names) > 2:
        return Mistake(
            f'Too many words after the gateway: "{" ".join(names[2:])}". Options start with `--`.',
            (f"{cluster} {names[1]}{tail}",),
        )
    try:
        gateway = _gateway(names[1], list(known(cluster)))
        host = parse_host(options["host"]) if "host" in options else None
        client = parse_client(options["from"]) if "from" in options else None
    except BadQuestion as wrong:
        sentence = str(wrong) if str(wrong).endswith("?") else f"{wrong}."
        return Mistake(sentence, tuple(f"{cluster} {each}{tail}" for each in wrong.nearest))
    return Diagnose(Target(cluster, gateway[1], gateway[0], host, client))


_MOST_SEARCHED = 20
"""Clusters in which a gateway without a cluster is searched for."""


def _misplaced(
    names: Sequence[str], tail: str, config: Config, known: Callable[[str], Sequence[str]]
) -> Mistake | None:
    """The mistake of a text that begins with a gateway: the cluster is after it, or missing."""
    if len(names) == 2:
        try:
            clusters: Sequence[str] = [config.cluster(names[1]).name]
        except UnknownCluster as unknown:
            clusters = unknown.choices
        if clusters:
            return Mistake("The cluster comes first.", tuple(f"{each} {names[0]}{tail}" for each in clusters[:5]))
    typed = "/".join(names[:2]).lower()
    found = [
        f"{cluster.name} {full}{tail}"
        for cluster in config.clusters[:_MOST_SEARCHED]
        for full in known(cluster.name)
        if typed in (full.lower(), full.partition("/")[2].lower())
    ]
    if not found:
        return None
    return Mistake(
        f'"{" ".join(names)}" is a gateway. On which cluster? `/egress-diag <cluster> <gateway>`', tuple(found[:5])
    )


def _gateway(typed: str, known: Sequence[str]) -> tuple[str | None, str]:
    """Namespace and name of the gateway; a unique prefix of a known gateway is completed.

    Case does not matter. A name that only resembles a known one raises BadQuestion with suggestions; any other name is
    taken literally.
    """
    named = parse_gateway_name(typed)
    wanted = typed.strip().lower()
    by_name = {full.lower(): full for full in known}
    for full in known:
        by_name.setdefault(full.split("/", 1)[1].lower(), full)
    same = [full for full in known if wanted in (full.lower(), full.split("/", 1)[1].lower())]
    if not same:
        same = [f for f in known if f.lower().startswith(wanted) or f.split("/", 1)[1].lower().startswith(wanted)]
    if len(same) == 1:
        namespace, _, name = same[0].partition("/")
        return namespace, name
    if same:
        raise BadQuestion(f'"{typed}" matches {len(same)} gateways: {", ".join(same)}', tuple(same))
    near = difflib.get_close_matches(wanted, list(by_name), n=3, cutoff=0.7)
    if near:
        nearest = tuple(dict.fromkeys(by_name[each] for each in near))
        # The known gateways may be out of date, so the typed name stays among the suggestions.
        raise BadQuestion(f'No known gateway "{typed}". Did you mean {" or ".join(nearest)}?', (*nearest, typed))
    return named.namespace, named.name


def _unknown_cluster(unknown: UnknownCluster, config: Config, command: Callable[[str], str]) -> Mistake:
    if unknown.choices:
        return Mistake(
            f'"{unknown.name}" matches several clusters: {", ".join(unknown.choices)}.',
            tuple(map(command, unknown.choices)),
        )
    # A name of another environment is not corrected across environments: dev-weu never suggests prod-weu.
    nearest = [each for each in unknown.nearest if _same_environment(unknown.name, each)]
    if nearest:
        return Mistake(
            f'No cluster "{unknown.name}". Did you mean {" or ".join(nearest)}?',
            tuple(map(command, nearest)),
        )
    return Mistake(no_such_cluster(config, unknown.name))


def _same_environment(typed: str, name: str) -> bool:
    """False if both names contain an environment, and the environments differ."""
    one, other = (set(_ENVIRONMENTS).intersection(re.split(r"[^a-z]+", each.lower())) for each in (typed, name))
    return not one or not other or one == other
