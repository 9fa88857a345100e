"""The way of a frame: detect, quality, landmarks, pose, alignment; only then antispoof and embedding."""

from edge.domain import quality
from edge.domain.quality import Assessment, QualityLimits, QualityMeasures
from edge.domain.types import Detection, Frame, Pixels, Probe, Reason, Sight
from edge.vision.align import ALIGNED_SIZE, alignment
from edge.vision.antispoof import AntiSpoof
from edge.vision.detector import BlazeFaceDetector, Detector
from edge.vision.embedder import Embedder
from edge.vision.image import FrameImage
from edge.vision.landmarks import FaceMesh, Mesh
from edge.vision.manifest import Role
from edge.vision.models import ModelStore
from edge.vision.pad_traces import traces


class Pipeline:
    """All models, loaded once. One thread uses it."""

    def __init__(
        self, store: ModelStore, limits: QualityLimits, threads: int = 1, *, detector: Detector | None = None
    ) -> None:
        """Load, verify and shape-check every model; `threads` is per inference. Raises ModelError.

        `detector` takes the place of BlazeFace in LiteRT.
        """
        self._limits = limits
        self._detector = detector or BlazeFaceDetector(store.load(Role.DETECTOR, threads=threads))
        self._mesh = FaceMesh(store.load(Role.LANDMARKS, threads=threads))
        self._antispoof = AntiSpoof(store.load(Role.ANTISPOOF, threads=threads))
        self._embedder = Embedder(store.load(Role.EMBEDDER, threads=threads))
        self._presence = store.spec(Role.LANDMARKS).thresholds["presence"]
        self._ids = tuple(store.ids().values())

    @property
    def embedder_id(self) -> str:
        """The model id that probes carry."""
        return self._embedder.id

    @property
    def model_ids(self) -> tuple[str, ...]:
        """Every model in use, for the record of a punch."""
        return self._ids

    def detect(self, frame: Frame) -> list[Detection]:
        """Every face in a frame, best score first."""
        return self._detector.detect(FrameImage(frame.pixels))

    def look(self, frame: Frame) -> Sight:
        """What a frame shows: nobody, a face and what to change, or a probe."""
        image = FrameImage(frame.pixels)
        faces = self._detector.detect(image)
        if not faces:
            return Sight(frame.captured_ns)
        box, rivalled = quality.face_of([face.box for face in faces], self._limits)
        reason = quality.placed(*quality.placement(box, image.width, image.height), self._limits)
        if rivalled or reason is not None:
            return Sight(frame.captured_ns, box, Reason.SEVERAL_FACES if rivalled else reason)
        face = next(face for face in faces if face.box is box)
        mesh = self._mesh.locate(image, face)
        aligned = image.warp(alignment(mesh.points), ALIGNED_SIZE)
        verdict = self._assess(image, face, mesh, aligned)
        if verdict.reason is not None:
            return Sight(frame.captured_ns, box, verdict.reason)
        probe = Probe(
            embedding=self._embedder.embed(aligned),
            model_id=self._embedder.id,
            liveness=self._antispoof.liveness(image, box),
            quality=verdict.score,
            traces=traces(image, box, mesh),
        )
        return Sight(frame.captured_ns, box, probe=probe)

    def _assess(self, image: FrameImage, face: Detection, mesh: Mesh, aligned: Pixels) -> Assessment:
        verdict = quality.assess(measure(image, face, mesh, aligned), self._limits)
        if verdict.reason is None and not mesh.presence >= self._presence:
            return Assessment(Reason.TURNED, 0.0)  # a face to the detector alone: covered, or turned far away
        return verdict


def measure(image: FrameImage, face: Detection, mesh: Mesh, aligned: Pixels) -> QualityMeasures:
    """Everything that the quality gate looks at."""
    height_px, share, margin = quality.placement(face.box, image.width, image.height)
    grey = quality.grey(aligned)
    luminance, clipped = quality.exposure(grey)
    return QualityMeasures(
        face_height_px=height_px,
        face_share=share,
        margin=margin,
        eyes_px=quality.eye_distance(mesh.points),
        sharpness=quality.sharpness(grey),
        luminance=luminance,
        clipped=clipped,
        pose=quality.pose(mesh.points),
    )
