"""Findings about routes whose outcome is not certain although everything was read."""

from collections.abc import Iterable, Iterator, Sequence

from checks.facts.view import Facts
from checks.istio.faults.request_route import ResolvedRoute
from checks.istio.faults.route_texts import consequence_of, first_names
from checks.istio.request.client_request import as_written
from checks.istio.request.outcome import Result
from checks.model.findings import Evidence, Involved, Observation, unknown, warn


def uncertain_routes(facts: Facts, routes: Sequence[ResolvedRoute]) -> Iterator[Observation]:
    """The reasons why outcomes are not known although everything was read, each with its hosts."""
    uncertain: dict[str, list[ResolvedRoute]] = {}
    yield from _depending_on_dns(facts, routes)
    for each in routes:
        if not each.certain and each.gap is None and not each.through_unless_dns:
            reason = next((end.reason for end in each.outcome.ends if end.result is Result.UNKNOWN), "")
            uncertain.setdefault(reason, []).append(each)
    for reason, alike in uncertain.items():
        urls = first_names([as_written(each.request.url_with_path) for each in alike], "routes")
        because = f" ({reason})" if reason else ""
        verb = "route of {} is" if len(alike) == 1 else "routes of {} are"
        yield unknown(
            f"Not checked: the {verb.format(urls)} not certain{because}.", subject=f"host {as_written(alike[0].host)}"
        )


def _depending_on_dns(facts: Facts, routes: Iterable[ResolvedRoute]) -> Iterator[Observation]:
    """The routes that go through the gateway unless DNS returns one of certain addresses."""
    depending: dict[tuple[str, ...], list[ResolvedRoute]] = {}
    for each in routes:
        if each.through_unless_dns and each.outcome.dependence is not None:
            depending.setdefault(each.outcome.dependence.addresses, []).append(each)
    for addresses, alike in depending.items():
        dependence = alike[0].outcome.dependence
        if dependence is not None:
            hosts = list(dict.fromkeys(as_written(each.host) for each in alike))
            routed, them = ("are", "them") if len(hosts) > 1 else ("is", "it")
            then = consequence_of(dependence.others[0], alike[:1], str(facts.gateway))
            yield warn(
                f"{first_names(hosts, 'hosts')} {routed} routed through {facts.gateway.ref} unless DNS returns "
                f"{' or '.join(addresses)} for {them}: then {then}.",
                subject=f"host {hosts[0]}" if len(hosts) == 1 else facts.gateway.ref,
                evidence=[Evidence("public DNS", "address", "not read", f"not {each}") for each in addresses],
                about=[Involved("host", each) for each in hosts],
            )
