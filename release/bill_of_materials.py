"""The bill of materials (CycloneDX 1.6, JSON): every package that `requirements/*.txt` pins."""

from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from uuid import NAMESPACE_URL, uuid5

from cyclonedx.model import ExternalReference, ExternalReferenceType, HashType, Property, XsUri
from cyclonedx.model.bom import Bom, BomMetaData
from cyclonedx.model.component import Component, ComponentScope, ComponentType
from cyclonedx.output.json import JsonV1Dot6
from packageurl import PackageURL
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

IMAGE_REQUIREMENTS = "image.txt"
"""The packages of this file are in the image. The others are needed only to build and to develop."""


def bill_of_materials(requirements: Path, name: str, version: str, moment: int) -> str:
    """The document about the packages in the requirements files of a folder.

    A package in the image has the scope `required`, any other `excluded`. Its hashes are those of the files that may be
    installed; its property `egress-diag:requirements` names the files that pin it. `moment` is in seconds since 1970.
    """
    pinned: dict[tuple[str, str], set[str]] = {}
    hashes: dict[tuple[str, str], frozenset[str]] = {}
    for file in sorted(requirements.glob("*.txt")):
        for package, version_there, found in pinned_packages(file.read_text(encoding="utf-8")):
            pinned.setdefault((package, version_there), set()).add(file.name)
            hashes[package, version_there] = hashes.get((package, version_there), frozenset()) | found
    document = Bom(
        components=_components(pinned, hashes),
        serial_number=uuid5(NAMESPACE_URL, f"pkg:pypi/{name}@{version}?time={moment}"),
        metadata=BomMetaData(
            component=Component(
                name=name,
                version=version,
                type=ComponentType.APPLICATION,
                bom_ref=f"pkg:pypi/{name}@{version}",
                purl=PackageURL("pypi", name=name, version=version),
            ),
            timestamp=datetime.fromtimestamp(moment, UTC),
        ),
    )
    return JsonV1Dot6(document).output_as_string(indent=2) + "\n"


def pinned_packages(text: str) -> Iterator[tuple[str, str, frozenset[str]]]:
    """Name, version and SHA-256 hashes of each package that a requirements file pins.

    Raises ValueError for a package without an exact version or without hashes.
    """
    for line in text.replace("\\\n", " ").splitlines():
        words = line.partition(" #")[0].strip()
        if not words or words.startswith("#"):
            continue
        wanted, *options = words.split(" --hash=sha256:")
        requirement = Requirement(wanted.strip())
        (specifier,) = requirement.specifier or (None,)
        if specifier is None or specifier.operator != "==" or not options:
            raise ValueError(f"{requirement.name} has no exact version or no hashes")
        yield canonicalize_name(requirement.name), specifier.version, frozenset(each.strip() for each in options)


def _components(
    pinned: Mapping[tuple[str, str], set[str]], hashes: Mapping[tuple[str, str], Iterable[str]]
) -> Iterator[Component]:
    for (name, version), files in pinned.items():
        purl = PackageURL("pypi", name=name, version=version)
        distribution = ExternalReference(
            type=ExternalReferenceType.DISTRIBUTION,
            url=XsUri(f"https://packages.example.org/project/{name}/{version}/"),
            hashes=[HashType.from_composite_str(f"sha256:{each}") for each in hashes[name, version]],
        )
        yield Component(
            name=name,
            version=version,
            type=ComponentType.LIBRARY,
            bom_ref=str(purl),
            purl=purl,
            scope=ComponentScope.REQUIRED if IMAGE_REQUIREMENTS in files else ComponentScope.EXCLUDED,
            external_references=[distribution],
            properties=[Property(name="egress-diag:requirements", value=each) for each in sorted(files)],
        )
