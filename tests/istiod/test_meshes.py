"""The generated meshes are the same for the same seed.

Every change has an effect somewhere.
"""

import random

from tests.istiod.meshes.canonical import KINDS, canonical
from tests.istiod.meshes.draft import all_changes
from tests.istiod.meshes.generator import REQUESTS, mesh


def test_a_seed_gives_the_same_meshes() -> None:
    for number in (0, 5, 17, 40, 150):
        assert mesh(7, number) == mesh(7, number)
    assert mesh(7, 40) != mesh(8, 40)


def test_the_first_meshes_are_the_canonical_ones() -> None:
    first = [mesh(7, number) for number in range(len(KINDS))]
    assert [each.kind for each in first] == list(KINDS)
    assert not any(each.fields for each in first)


def test_every_change_changes_a_canonical_configuration() -> None:
    fields = [field for field, _ in all_changes()]
    assert len(set(fields)) == len(fields)
    for field, change in all_changes():
        drafts = [canonical(kind, random.Random(f"{field} {kind}")) for kind in KINDS]
        assert any(change(draft) for draft in drafts), field


def test_each_mesh_has_the_configured_request_first_and_others_after_it() -> None:
    for number in range(60):
        questions = mesh(7, number).questions
        assert len(questions) == REQUESTS
        assert len(set(questions)) == len(questions)
        assert {each.client for each in questions[:2]} == {"team-a/web", "team-b/batch"}
        assert len({(each.scheme, each.host) for each in questions}) >= 5
