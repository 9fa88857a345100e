"""Loading models: the bytes that are hashed are the bytes that run.

A file is read once, its sha256 is compared with the manifest, and that very buffer is given to the interpreter:
there is no moment at which another file could take its place. LiteRT (`ai_edge_litert`) is the default;
`tflite_runtime`, its name until 2.14, is accepted where only that is installed.
"""

import hashlib
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np

from edge.domain.face import Floats, Pixels
from edge.errors import ModelError
from edge.storage.bounded_read import read_file
from edge.vision.manifest import ModelSpec, Role, TemplateSpec, read_manifest

_MOST = 256_000_000
"""Bytes of a model."""
_RUNTIMES = ("ai_edge_litert.interpreter", "tflite_runtime.interpreter")
_RESTORE = "restore it from this release, or make it again with `python models/remake.py --write --only"


class LiteModel:
    """One loaded model. Not safe to share between threads: inference reuses its tensors."""

    def __init__(self, spec: ModelSpec, content: bytes, threads: int) -> None:
        """Build the interpreter over `content` and check its shapes. Raises ModelError."""
        self.spec = spec
        try:
            with _quiet():
                self._interpreter = _interpreter_class()(model_content=content, num_threads=threads)
                self._interpreter.allocate_tensors()
        except (ValueError, RuntimeError) as error:
            raise ModelError(
                f"{spec.file}: not a model that the runtime can load ({error}); {_cure(spec)}"
            ) from error
        self._input = self._check_input()
        self._outputs = self._check_outputs()

    def prepare(self, pixels: Pixels) -> Floats:
        """(size, size, 3) RGB to the input tensor, in the colour order and normalisation of the manifest."""
        want = self.spec.input
        if want.colour == "BGR":
            pixels = pixels[..., ::-1]
        tensor = pixels.astype(np.float32)
        if want.mean:
            tensor -= np.float32(want.mean)
        if want.std != 1:
            tensor /= np.float32(want.std)
        return tensor[None]

    def run(self, tensor: Floats) -> tuple[Floats, ...]:
        """Infer. `tensor` has the manifest's input shape, float32; outputs are copies in the manifest's order."""
        self._interpreter.set_tensor(self._input, tensor)
        self._interpreter.invoke()
        return tuple(self._interpreter.get_tensor(index) for index in self._outputs)

    def _check_input(self) -> int:
        details = self._interpreter.get_input_details()
        found = [(tuple(int(n) for n in d["shape"]), np.dtype(d["dtype"])) for d in details]
        if found != [(self.spec.input.shape, np.dtype(np.float32))]:
            raise ModelError(
                f"{self.spec.file}: takes {found}, but the manifest says one float32 {self.spec.input.shape}; "
                f"{_cure(self.spec)}"
            )
        return int(details[0]["index"])

    def _check_outputs(self) -> list[int]:
        found = {str(d["name"]): d for d in self._interpreter.get_output_details()}
        indices = []
        for want in self.spec.output:
            detail = found.get(want.name)
            if detail is None or tuple(int(n) for n in detail["shape"]) != want.shape:
                shapes = {name: tuple(int(n) for n in d["shape"]) for name, d in found.items()}
                raise ModelError(
                    f"{self.spec.file}: gives {shapes}, but the manifest says {want.name} {want.shape}; "
                    f"{_cure(self.spec)}"
                )
            indices.append(int(detail["index"]))
        return indices


class ModelStore:
    """The models directory: a manifest and the files that it names."""

    def __init__(self, directory: Path) -> None:
        """Read the manifest. Raises ModelError."""
        self.directory = directory
        self._manifest = read_manifest(directory)

    def spec(self, role: Role | str) -> ModelSpec:
        """The manifest's entry for the model of a role."""
        return self._manifest.of(Role(role))

    @property
    def template(self) -> TemplateSpec:
        """How the embedders' vectors become a template, and what its cosines mean."""
        return self._manifest.template

    @property
    def template_length(self) -> int:
        """Length of a template: the numbers of both embedders, one after the other."""
        return sum(self.spec(role).output[0].shape[-1] for role in (Role.EMBEDDER, Role.COMPANION))

    def ids(self) -> dict[str, str]:
        """The model id of each role."""
        return {str(spec.role): spec.id for spec in self._manifest.model}

    def fingerprint(self) -> str:
        """A digest of everything that an embedding depends on: results that were kept under another digest are of
        no use.
        """
        return " ".join([self.template.id, *(f"{spec.id}:{spec.sha256}" for spec in self._manifest.model)])

    def load(self, role: Role | str, *, threads: int = 1) -> LiteModel:
        """Read, verify and load the model of a role. Raises ModelError."""
        spec = self.spec(role)
        return LiteModel(spec, self._read(spec), threads)

    def verify_all(self) -> list[str]:
        """Check the hash and shapes of every file; the problems found, each with its cure, or an empty list."""
        problems = []
        for role in Role:
            try:
                self.load(role)
            except ModelError as error:
                problems.append(str(error))
        return problems

    def _read(self, spec: ModelSpec) -> bytes:
        path = self.directory / spec.file
        try:
            content = read_file(path, _MOST)
        except OSError as error:
            raise ModelError(f"{path}: cannot be read ({error.strerror}); {_cure(spec)}") from error
        if len(content) != spec.bytes or hashlib.sha256(content).hexdigest() != spec.sha256:
            raise ModelError(
                f"{path}: is not the {spec.id} that the manifest names (sha256 differs, {len(content)} of "
                f"{spec.bytes} bytes): corrupt, truncated or swapped; {_cure(spec)}"
            )
        return content


def _cure(spec: ModelSpec) -> str:
    return f"{_RESTORE} {spec.id}`"


def _interpreter_class() -> Callable[..., Any]:
    for name in _RUNTIMES:
        try:
            module = import_module(name)
        except ModuleNotFoundError:
            continue
        interpreter: Callable[..., Any] = module.Interpreter
        return interpreter
    raise ModelError("no LiteRT runtime is installed; cure: pip install ai-edge-litert")


@contextmanager
def _quiet() -> Iterator[None]:
    """Hold back the INFO lines that the runtime writes directly to descriptor 2, and pass on the rest."""
    sys.stderr.flush()
    held, kept = os.memfd_create("litert-stderr"), os.dup(2)
    os.dup2(held, 2)
    try:
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        with os.fdopen(held, "rb") as said:
            said.seek(0)
            for line in said:
                if not line.startswith(b"INFO: "):
                    os.write(2, line)
