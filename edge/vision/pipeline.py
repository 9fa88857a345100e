"""The way of a frame: detect, quality, landmarks, pose, alignment; only then antispoof and embedding."""

import copy
from collections.abc import Sequence
from dataclasses import dataclass

from edge.domain.exposure import Light
from edge.domain.face import Box, Detection, Frame, Pixels, Probe, Sight
from edge.domain.recognition import quality
from edge.domain.recognition.quality import ENROLMENT_LIMITS, Assessment, QualityLimits, QualityMeasures
from edge.domain.vocabulary import RefusalReason
from edge.vision.align import ALIGNED_SIZE, alignment
from edge.vision.antispoof import AntiSpoof, traces
from edge.vision.detector import BlazeFaceDetector, Detector
from edge.vision.embedder import Embedder, Embedding
from edge.vision.image import FrameImage
from edge.vision.landmarks import FaceMesh, Mesh
from edge.vision.manifest import Role
from edge.vision.models import ModelStore

WIDE_EVERY = 3
"""One frame in so many gets the wide look: as many as a decision takes, so that each decision has one."""


@dataclass(frozen=True, slots=True, eq=False)
class Study:
    """Everything that any gate asks about a frame with a face, and its embeddings, whatever a gate would decide."""

    boxes: tuple[Box, ...]
    """Every face."""
    width: int
    height: int
    """Of the frame, in pixels."""
    measures: QualityMeasures
    """Quality of the largest face."""
    presence: float
    probe: Embedding
    template: Embedding
    """The same face as enrolment would embed it."""


class Pipeline:
    """All models, loaded once. One thread uses it."""

    def __init__(
        self,
        store: ModelStore,
        limits: QualityLimits,
        threads: int = 1,
        *,
        detector: Detector | None = None,
        mirrored: bool = False,
        wide_every: int = WIDE_EVERY,
    ) -> None:
        """Load, verify and shape-check every model; `threads` is per inference. Raises ModelError.

        `detector` takes the place of BlazeFace in LiteRT. `mirrored` is for enrolment: each face is embedded with
        its mirror image, at twice the cost. One of `wide_every` probes is given the antispoof model's second look.
        """
        self._limits = limits
        self._detector = detector or BlazeFaceDetector(store.load(Role.DETECTOR, threads=threads))
        self._mesh = FaceMesh(store.load(Role.LANDMARKS, threads=threads))
        self._antispoof = AntiSpoof(store.load(Role.ANTISPOOF, threads=threads))
        embedders = [store.load(role, threads=threads) for role in (Role.EMBEDDER, Role.COMPANION)]
        self._embedder = Embedder(embedders, store.template)
        self._mirrored = mirrored
        self._presence = store.spec(Role.LANDMARKS).thresholds["presence"]
        self._ids = tuple(store.ids().values())
        self._wide_every, self._probes = wide_every, 0

    @property
    def embedder_id(self) -> str:
        """The id that probes and templates carry."""
        return self._embedder.id

    @property
    def model_ids(self) -> tuple[str, ...]:
        """The ids of all models in use, for the record of a punch."""
        return self._ids

    def begin(self) -> None:
        """Begin again as after the start: the count for the wide look starts over."""
        self._probes = 0

    def enrolling(self) -> "Pipeline":
        """The same models with the limits of enrolment; nothing is loaded again. The same thread uses both."""
        other = copy.copy(self)
        vars(other).update(_limits=ENROLMENT_LIMITS, _mirrored=True, _probes=0)
        return other

    def detect(self, frame: Frame) -> list[Detection]:
        """Every face in a frame, best score first."""
        return self._detector.detect(FrameImage(frame.pixels))

    def look(self, frame: Frame) -> Sight:
        """The sight of a frame: nobody, a face and what to change, or a probe."""
        image = FrameImage(frame.pixels)
        faces = self._detector.detect(image)
        if not faces:
            return Sight(frame.captured_ns)
        box, reason = first_glance([face.box for face in faces], image.width, image.height, self._limits)
        if reason is not None:
            return Sight(frame.captured_ns, box, reason)
        face = next(face for face in faces if face.box is box)
        mesh, aligned = self._align(image, face)
        measures = measure(image, face, mesh, aligned)
        light = Light(measures.luminance, measures.clipped)
        verdict = second_glance(measures, mesh.presence, self._presence, self._limits)
        if verdict.reason is not None:
            return Sight(frame.captured_ns, box, verdict.reason, None, light, measures.pose.yaw)
        embedding = self._embedder.embed(aligned, mirrored=self._mirrored)
        probe = Probe(
            embedding=embedding.vector,
            model_id=self._embedder.id,
            liveness=self._antispoof.liveness(image, box),
            quality=verdict.score,
            demand=embedding.demand,
            traces=traces(image, box, mesh, self._wide(image, box)),
        )
        return Sight(frame.captured_ns, box, None, probe, light, measures.pose.yaw)

    def study(self, frame: Frame) -> Study | None:
        """Everything that evaluation needs of a frame, so that one look serves every gate; None when there is
        no face.
        """
        image = FrameImage(frame.pixels)
        faces = self._detector.detect(image)
        if not faces:
            return None
        face = max(faces, key=lambda face: face.box.height)
        mesh, aligned = self._align(image, face)
        return Study(
            boxes=tuple(face.box for face in faces),
            width=image.width,
            height=image.height,
            measures=measure(image, face, mesh, aligned),
            presence=mesh.presence,
            probe=self._embedder.embed(aligned),
            template=self._embedder.embed(aligned, mirrored=True),
        )

    def aligned(self, frame: Frame) -> Pixels | None:
        """The largest face of a frame, aligned for an embedder, (112, 112, 3); None when there is none."""
        image = FrameImage(frame.pixels)
        faces = self._detector.detect(image)
        return self._align(image, max(faces, key=lambda face: face.box.height))[1] if faces else None

    def gate(self, study: Study, limits: QualityLimits) -> RefusalReason | None:
        """The verdict of `look` on that frame under `limits`: None when it would give a probe."""
        reason = first_glance(study.boxes, study.width, study.height, limits)[1]
        return reason or second_glance(study.measures, study.presence, self._presence, limits).reason

    def _wide(self, image: FrameImage, box: Box) -> float | None:
        """The second look takes as long as the first, so only one frame of each decision gets it."""
        self._probes += 1
        return None if self._probes % self._wide_every else self._antispoof.wide(image, box)

    def _align(self, image: FrameImage, face: Detection) -> tuple[Mesh, Pixels]:
        mesh = self._mesh.locate(image, face)
        return mesh, image.warp(alignment(mesh.points), ALIGNED_SIZE)


def first_glance(
    boxes: Sequence[Box], width: int, height: int, limits: QualityLimits
) -> tuple[Box, RefusalReason | None]:
    """The face that a frame is about, and the verdict on its place, which is known before anything costly is
    computed.
    """
    box, rivalled = quality.face_of(boxes, width, height, limits)
    if rivalled:
        return box, RefusalReason.SEVERAL_FACES
    return box, quality.placed(*quality.placement(box, width, height), limits)


def second_glance(measures: QualityMeasures, presence: float, enough: float, limits: QualityLimits) -> Assessment:
    """The whole gate, once the mesh is known; `presence` and what is `enough` of it are probabilities."""
    verdict = quality.assess(measures, limits)
    if verdict.reason is None and not presence >= enough:
        return Assessment(
            RefusalReason.COVERED, 0.0
        )  # only the detector sees a face there; a turned one was refused before
    return verdict


def measure(image: FrameImage, face: Detection, mesh: Mesh, aligned: Pixels) -> QualityMeasures:
    """All measures of the quality gate."""
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
