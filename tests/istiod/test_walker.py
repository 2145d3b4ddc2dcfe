"""The judge's walker over recorded Envoy configuration: no Go, no Envoy."""

from tests.istiod.recorded import cases, configured, expectation

# The given route is that of https://; for http:// the older ServiceEntry opens port 80, and its traffic leaves directly.
_OTHER_OUTCOMES = {"08-older-foreign-entry-at-sidecar": "bypasses"}


def test_recorded_answers_follow_from_the_recorded_configuration() -> None:
    answered = 0
    for mesh in configured():
        found = [expectation(each) for each in mesh.cluster.answers(mesh.pushed)]
        answered += len(found)
        differing = [
            (mesh.identity, question.url, answer, expected)
            for question, answer, expected in zip(mesh.questions, found, mesh.expected, strict=True)
            if answer != expected
        ]
        assert differing == []
    assert answered > 500


def test_given_outcomes_follow_from_the_recorded_configuration() -> None:
    for mesh in cases():
        [found] = mesh.cluster.answers(mesh.pushed)
        assert found.outcome == _OTHER_OUTCOMES.get(mesh.identity, mesh.expected[0]["outcome"]), mesh.identity


def test_canonical_configurations_are_through() -> None:
    canonical = [mesh for mesh in configured() if not mesh.fields]
    assert len(canonical) == 16
    assert {mesh.expected[0]["outcome"] for mesh in canonical} == {"through"}
