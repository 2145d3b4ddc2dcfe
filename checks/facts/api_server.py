"""The API server's own version: the first read of a cluster."""

from checks.facts.fact import Fact, ServerVersion
from checks.model.raw_values import text


class ApiServer(Fact):
    """The API server's own answer; a gap here means that nothing in the cluster can be looked at."""

    __slots__ = ()
    origin = ServerVersion()

    @property
    def version(self) -> str:
        return text(self.raw, "gitVersion")
