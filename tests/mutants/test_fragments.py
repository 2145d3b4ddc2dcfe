"""The mutants of the list can be applied.

A change of the code that a mutant names changes the list too.
"""

from tests.mutants.mutants import ROOT, NoSuchFragment, load


def test_the_fragment_of_every_mutant_exists() -> None:
    stale = []
    for mutant in load():
        try:
            mutant.applied((ROOT / mutant.file).read_text(encoding="utf-8"))
        except (NoSuchFragment, FileNotFoundError) as wrong:
            stale.append(f"{mutant.file} {mutant.function}: {wrong}")
    assert stale == []
