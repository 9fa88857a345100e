"""Making the parts of a terminal from its configuration."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from nacl.signing import VerifyKey

from edge.config_schema import Config
from edge.crypto.key_files import load_sealing
from edge.domain.attendance.punch_direction import DirectionPolicy
from edge.domain.face import Probe
from edge.domain.people.consent import Policy
from edge.domain.recognition import lookalikes
from edge.domain.recognition.decision import DecisionPolicy
from edge.domain.recognition.gallery import threshold
from edge.domain.recognition.quality import ENROLMENT_LIMITS, QualityLimits
from edge.domain.vocabulary import Direction
from edge.errors import ConfigError
from edge.evidence_images.schema import NAME as EVIDENCE
from edge.journal.capacity import Bounds
from edge.people.people_store import People
from edge.people.site.schema import NAME as SITE
from edge.ports import Clock
from edge.terminal import installed
from edge.terminal.attendance.attend_loop import Rules
from edge.terminal.attendance.capture import Pace
from edge.terminal.attendance.face_recognition import FaceRecognition, FaceRules
from edge.terminal.attendance.gallery import GalleryLoader
from edge.terminal.attendance.image_capture import CaptureSettings, ImageCapture
from edge.terminal.attendance.next_model import NextModelLearner
from edge.terminal.attendance.sights import Sights
from edge.terminal.attendance.site_threshold import SiteThreshold
from edge.terminal.attendance.strobe import Strobing
from edge.terminal.orders.authority_keys import Authority
from edge.terminal.orders.order_handler import OrderHandler
from edge.terminal.runtime.look_timer import LookTimer
from edge.terminal.site.hearing import SiteHearing
from edge.terminal.site.knowledge import SiteKnowledge
from edge.terminal.uplink.roster_client import Roster
from edge.terminal.uplink.site_members import SiteMembers
from edge.terminal.uplink.site_records import SiteRecords
from edge.vision.embedder import Embedder
from edge.vision.manifest import Role
from edge.vision.models import ModelStore
from edge.vision.pipeline import Pipeline


def bounds(config: Config) -> Bounds:
    """The bounds of the journal."""
    storage = config.storage
    return Bounds(storage.max_records, storage.max_bytes, storage.retention_days)


def orders(config: Config, secrets: installed.Secrets, time: Clock, in_force: Policy) -> OrderHandler | None:
    """The handler of orders; None without an authority. `in_force` is the policy by which the attending loop
    judges.
    """
    if secrets.authority is None:
        return None
    return OrderHandler(
        installed.origin(config),
        secrets.identity,
        secrets.authority,
        lambda: installed.open_people(config, secrets),
        in_force,
        time,
        enrols=config.reader.kind != "none"
        and config.buttons.kind != "none"
        and config.recognition.mode != "badge",
    )


def taking(config: Config) -> CaptureSettings | None:
    """The settings for evidence images; None when none is taken. Raises KeyFileError."""
    chosen = config.evidence
    if chosen is None:
        return None
    return CaptureSettings(load_sealing(Path(chosen.key)), chosen.max_bytes, chosen.max_edge_px)


def image_capture(config: Config, secrets: installed.Secrets, time: Clock) -> ImageCapture | None:
    """The part that takes and deletes evidence images; None when there is nothing to take or delete."""
    path = Path(config.storage.state) / EVIDENCE
    if config.evidence is None and not path.exists():
        return None
    return ImageCapture(path, time, lambda: installed.open_people(config, secrets), lambda: taking(config))


def roster(config: Config, secrets: installed.Secrets, time: Clock, in_force: Policy) -> Roster | None:
    """The part that takes the site's roster; None without an authority. `in_force` as for orders."""
    pinned = secrets.authority
    if pinned is None:
        return None

    def keys(people: People) -> Mapping[str, VerifyKey]:
        evidence = time.evidence()
        return Authority(pinned, people.orders).keys(evidence.utc if evidence.synchronised else None)

    return Roster(
        installed.origin(config),
        secrets.identity,
        keys,
        lambda: installed.open_people(config, secrets),
        lambda: installed.open_received(config),
        in_force,
        time,
    )


def site_records(
    config: Config, secrets: installed.Secrets, time: Clock, roster: Roster | None, hearing: SiteHearing
) -> SiteRecords | None:
    """The part that takes the records of the site's other terminals; None without a roster, which names them."""
    if roster is None:
        return None
    me = installed.origin(config)
    members = SiteMembers(me.terminal, roster.manifest, lambda: installed.open_people(config, secrets), roster.left)
    return SiteRecords(me, members, lambda: installed.open_site(config), time, hearing)


def site_knowledge(config: Config, hearing: SiteHearing) -> SiteKnowledge | None:
    """What a punch knows of the site's other terminals; None for a terminal that cannot hear any."""
    if config.uplink is None or not config.keys.authority:
        return None
    return SiteKnowledge(Path(config.storage.state) / SITE, hearing)


def pipeline(config: Config, store: ModelStore, *, enrolling: bool = False) -> Pipeline:
    """Load the models and check their hashes. Enrolment has its own quality limits. Raises ModelError."""
    limits = ENROLMENT_LIMITS if enrolling else QualityLimits()
    return Pipeline(store, limits, threads=config.recognition.threads, mirrored=enrolling)


def recognition(
    config: Config,
    rules: Rules,
    pipeline: Pipeline,
    pace: Pace,
    strobe: Strobing | None = None,
    template_length: int | None = None,
    timer: LookTimer | None = None,
) -> tuple[Sights, FaceRecognition, GalleryLoader]:
    """The parts of the attending loop that recognise faces: sights, recognition, and the gallery's loader."""
    site = SiteThreshold(Path(config.storage.state), pipeline.embedder_id)
    faces = FaceRecognition(rules.faces, pipeline.model_ids, site.scores)
    return Sights(pipeline, pace, strobe, timer), faces, GalleryLoader(faces, site, rules.consent, template_length)


def coming(config: Config) -> str | None:
    """The template id of the coming model; None when no coming model is configured. Raises ModelError."""
    chosen = config.recognition.shadow
    return ModelStore(Path(chosen)).template.id if chosen else None


def shadow(config: Config, pipeline: Pipeline) -> NextModelLearner | None:
    """The learner for the coming model; None when none is configured. Raises ModelError, ConfigError."""
    if not config.recognition.shadow:
        return None
    store = ModelStore(Path(config.recognition.shadow))
    if store.template.id == pipeline.embedder_id:
        raise ConfigError(
            config.recognition.shadow,
            [f"recognition.shadow: holds {store.template.id}, in use already; name a coming model"],
        )
    models = [store.load(role, threads=config.recognition.threads) for role in (Role.EMBEDDER, Role.COMPANION)]
    return NextModelLearner(pipeline, Embedder(models, store.template), installed.policy(config))


def lookalike(config: Config, probes: Sequence[Probe], people: People) -> str | None:
    """The enrolled person for whom this terminal would take the person of these probes; None when there is none."""
    store = installed.model_store(config)
    length = store.template_length
    gallery = people.gallery(probes[0].model_id, installed.policy(config), unreadable=[], length=length)
    fmr = {float(rate): cosine for rate, cosine in store.template.fmr.items()}
    site = SiteThreshold(Path(config.storage.state), probes[0].model_id)
    site.changed()
    asked = threshold(gallery.size, fmr, config.recognition.target_fpir) + site.shift
    return lookalikes.lookalike(np.stack([probe.embedding for probe in probes]), gallery, asked)


def rules(config: Config, store: ModelStore) -> Rules:
    """The policies of this terminal. Raises ConfigError, ModelError."""
    return rules_of(
        config, installed.policy(config), {float(rate): cosine for rate, cosine in store.template.fmr.items()}
    )


def rules_of(config: Config, consent: Policy, fmr: Mapping[float, float]) -> Rules:
    """The policies of this terminal, with the given privacy policy and the model's false match rates."""
    terminal = config.terminal
    fixed = Direction(terminal.direction) if terminal.direction in set(Direction) else None
    asked = terminal.direction == "button"
    return Rules(
        consent=consent,
        direction=DirectionPolicy(fixed, terminal.duplicate_window_s, terminal.shift_limit_h * 3600, ask=asked),
        faces=FaceRules(
            DecisionPolicy(frames=config.recognition.frames, strobe=bool(config.recognition.strobe)),
            config.recognition.target_fpir,
            fmr,
            config.recognition.challenge == "turn",
            config.recognition.mode,
        ),
        bounds=bounds(config),
        reader=config.reader.kind != "none",
    )
