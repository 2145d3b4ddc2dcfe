"""The version of the API server: the first read of a cluster."""

from checks.facts.fact import Fact, ServerVersion
from checks.model.raw_values import text


class ApiServer(Fact):
    """The API server's answer to `GET /version`.

    With a gap here, nothing in the cluster can be read.
    """

    __slots__ = ()
    origin = ServerVersion()

    @property
    def version(self) -> str:
        return text(self.raw, "gitVersion")
