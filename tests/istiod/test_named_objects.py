"""Every object that a finding names, and every target of its commands, exists.

The findings are those about hosts of recorded meshes, and about one for which no gateway is configured.
"""

import pytest

from checks.catalogue import catalogue
from checks.model.findings import Status
from tests.checks.istio.faults.named_objects import missing_objects
from tests.istiod.recorded import answered, answered_gateway_api
from tests.recordings import diagnosed, question

CHECKS = tuple(each for each in catalogue() if each.stage.value == "istio")
EVERY = 6
"""One of so many recorded meshes."""
HOSTS = (None, "api.bank.example", "http://x.unknown.example", "tcp://x.unknown.example:5433")


@pytest.mark.slow
@pytest.mark.parametrize("host", HOSTS)
def test_findings_name_only_objects_that_exist(host: str | None) -> None:
    failing, wrong = 0, []
    for mesh in [*answered(), *answered_gateway_api()][::EVERY]:
        client = "team-a/web" if host is not None else None
        report = diagnosed(mesh.objects, question(mesh.objects, mesh.questions[0].gateway, host, client), CHECKS)
        for each in report.finish(0.0).findings:
            failing += each.status is Status.FAIL
            missing = missing_objects(mesh.objects, each.evidence, each.actions)
            wrong += [f"{mesh.identity} {mesh.fields}: {each.check}: {one}" for one in missing]
    assert failing > 20
    assert not wrong
