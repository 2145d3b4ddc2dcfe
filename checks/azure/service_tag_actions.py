"""The action that shows which addresses a service tag contains."""

from collections.abc import Iterator, Sequence

from checks.facts.network_resources import ArmFact
from checks.model.commands import SERVICE_TAGS, inspect, quoted
from checks.model.findings import Action
from checks.model.raw_values import text


def show_tags(resource: ArmFact, tags: Sequence[str], names: str) -> Iterator[Action]:
    """Show the addresses of each service tag, as Azure lists them at the resource's location."""
    location = text(resource.raw, "location").replace(" ", "").lower()
    for each in tags if location else ():
        query = f"values[?name=='{each}'].properties.addressPrefixes"
        command = quoted("az", "network", "list-service-tags", "--location", location, "--query", query)
        yield inspect(
            f"Show the addresses of service tag {each}; compare them with those of {names}", command, SERVICE_TAGS
        )
