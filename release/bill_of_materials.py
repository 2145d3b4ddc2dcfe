"""The bill of materials (CycloneDX 1.6, JSON) of the packages in `requirements/*.txt`."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from uuid import NAMESPACE_URL, uuid5

from cyclonedx.model import ExternalReference, ExternalReferenceType, HashAlgorithm, HashType, Property, XsUri
from cyclonedx.model.bom import Bom, BomMetaData
from cyclonedx.model.component import Component, ComponentScope, ComponentType
from cyclonedx.output.json import JsonV1Dot6
from packageurl import PackageURL

from release.pinned import Pinned, pinned_packages

NOT_LISTED = "The Python packages of egress-diag. Not listed: the base image, with its Debian packages and its Python."
"""The description of the document."""
IMAGE_REQUIREMENTS = "image.txt"
"""The file with the packages of the image.

Other packages are needed only to build and to develop.
"""


@dataclass(frozen=True, slots=True)
class _Package:
    """A package with the names of the files that pin it."""

    pinned: Pinned
    files: tuple[str, ...]

    @property
    def is_in_the_image(self) -> bool:
        return IMAGE_REQUIREMENTS in self.files


def bill_of_materials(requirements: Path, name: str, version: str, moment: int) -> str:
    """The document about the packages in the requirements files of a folder.

    A package in the image has the scope `required`, any other `excluded`. The property `egress-diag:requirements` names
    the files that pin it. `moment` is in seconds since 1970.
    """
    packages = _packages(requirements)
    components = {each.pinned.name: _component(each) for each in packages}
    root = Component(
        name=name,
        version=version,
        type=ComponentType.APPLICATION,
        description=NOT_LISTED,
        bom_ref=f"pkg:pypi/{name}@{version}",
        purl=PackageURL("pypi", name=name, version=version),
    )
    document = Bom(
        components=components.values(),
        serial_number=uuid5(NAMESPACE_URL, f"pkg:pypi/{name}@{version}?time={moment}"),
        metadata=BomMetaData(component=root, timestamp=datetime.fromtimestamp(moment, UTC)),
    )
    for each in (root, *components.values()):
        needed = [components[found.pinned.name] for found in packages if each.name in found.pinned.needed_by]
        document.register_dependency(each, needed)
    return JsonV1Dot6(document).output_as_string(indent=2) + "\n"


def _packages(folder: Path) -> list[_Package]:
    """The packages of all files by name. Raises ValueError if two files pin different versions."""
    found: dict[str, _Package] = {}
    for file in sorted(folder.glob("*.txt")):
        for pinned in pinned_packages(file.read_text(encoding="utf-8")):
            known = found.get(pinned.name, _Package(pinned, ()))
            if known.pinned.version != pinned.version:
                raise ValueError(f"{file.name} pins {pinned.name} {pinned.version}, {known.files[0]} another version")
            merged = replace(
                pinned,
                hashes=pinned.hashes | known.pinned.hashes,
                needed_by=pinned.needed_by | known.pinned.needed_by,
            )
            found[pinned.name] = _Package(merged, (*known.files, file.name))
    return [found[name] for name in sorted(found)]


def _component(package: _Package) -> Component:
    pinned = package.pinned
    purl = PackageURL("pypi", name=pinned.name, version=pinned.version)
    distribution = ExternalReference(
        type=ExternalReferenceType.DISTRIBUTION,
        url=XsUri(str(purl)),
        hashes=[HashType(alg=HashAlgorithm.SHA_256, content=each) for each in pinned.hashes],
    )
    return Component(
        name=pinned.name,
        version=pinned.version,
        type=ComponentType.LIBRARY,
        bom_ref=str(purl),
        purl=purl,
        scope=ComponentScope.REQUIRED if package.is_in_the_image else ComponentScope.EXCLUDED,
        external_references=[distribution],
        properties=list(_files(package)),
    )


def _files(package: _Package) -> Iterator[Property]:
    for each in package.files:
        yield Property(name="egress-diag:requirements", value=each)
