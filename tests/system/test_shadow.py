"""A change of the model without a photograph: the coming one learns from punches, and then matches alone."""

import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from edge import config
from edge.adapters.linux.sd_notify import SilentNotifier
from edge.domain.face import Frame
from edge.domain.vocabulary import Band, Method
from edge.people import next_model_templates
from edge.people.person import new_person_id
from edge.resources import models_directory
from edge.terminal import factory, installed
from edge.terminal.attendance.punch_recorder import Identified
from edge.terminal.daemon import Terminal
from edge.terminal.runtime.alarms import Alarm
from edge.vision.photo import load_photo
from tests.support.badge_terminal import punches, running, wait_for
from tests.support.people import consent

COMING = "the-coming-one"
DIGEST = f"$argon2id$v=19$m=16384,t=3,p=1${'A' * 22}${'A' * 43}"
"""Of a PIN: who gives no face has a badge or one."""


@pytest.fixture
def coming(site, tmp_path: Path) -> Path:
    """The shipped models, joined in another way under another id: a model whose templates never match the old."""
    folder = tmp_path / "coming"
    shutil.copytree(models_directory(), folder)
    manifest = folder / "manifest.toml"
    shipped = 'id = "mobilefacenet-192+fr-feature-512"'
    text = manifest.read_text().replace(shipped, f'id = "{COMING}"', 1)
    manifest.write_text(text.replace("weight = 0.5, length = 71.7", "weight = 0.9, length = 71.7", 1))
    site.config.write_text(site.config.read_text() + f'\n[recognition]\nshadow = "{folder}"\n')
    return folder


def learned(site, person: str) -> int:
    loaded = config.load(site.config).config
    with installed.open_people(loaded, installed.load_secrets(loaded)) as people:
        row = people._db.execute(
            "SELECT count FROM templates WHERE person = ? AND model_id = ?", (person, COMING)
        ).fetchone()
    return 0 if row is None else int(row[0])


def test_it_learns_from_punches_and_matches_without_a_photograph(
    site, coming, enrol, smartclocker, tmp_path
) -> None:
    person = enrol(site, "obama.jpg", "obama2.jpg", "obama3.jpg")
    with running(site.config, tmp_path / "log") as terminal:
        wait_for(terminal, "  IN\n")
        wait_for(terminal, "  OUT\n")
    assert learned(site, person) >= 1
    assert COMING in smartclocker("people", "list", "--config", site.config).stdout
    text = site.config.read_text()
    site.config.write_text(
        text.replace(f'shadow = "{coming}"\n', "").replace("[storage]", f'[storage]\nmodels = "{coming}"')
    )
    before = len(punches(site))
    with running(site.config, tmp_path / "log") as terminal:
        wait_for(terminal, "  IN\n")
    assert len(punches(site)) == before + 1
    assert punches(site)[-1][:2] == (person, "face")


@pytest.fixture
def ann(site):
    loaded = config.load(site.config).config
    policy = installed.policy(loaded)
    with installed.open_people(loaded, installed.load_secrets(loaded)) as people:
        person = new_person_id()
        people.enrol(person, "Ann", consent(policy), policy, np.eye(1, 8, dtype=np.float32), "old")
        yield people, person, policy


def test_only_what_is_new_is_kept_and_never_more_than_enough(ann) -> None:
    people, person, policy = ann
    rows = np.eye(12, dtype=np.float32)
    assert people.learn(person, "new", rows[0], policy)
    assert not people.learn(person, "new", rows[0], policy), "the same again"
    assert not people.learn(person, "new", np.full(12, np.nan, np.float32), policy)
    assert not people.learn(person, "new", np.eye(1, 13, dtype=np.float32)[0], policy), "another length"
    for row in rows[1:]:
        people.learn(person, "new", row, policy)
    assert people.ready("new") == 1
    gallery = people.gallery("new", policy)
    assert gallery.size == 1
    assert people.gallery("old", policy).size == 1, "and the model in use is as it was"
    (held,) = [one for one in people.held(person)["templates"] if one["model"] == "new"]
    assert held["count"] == next_model_templates.ENOUGH


def test_nobody_is_learned_who_may_not_be_matched(ann) -> None:
    people, person, policy = ann
    row = np.eye(1, 12, dtype=np.float32)[0]
    assert not people.learn("z" * 26, "new", row, policy)
    assert not people.learn(person, "new", row, type(policy)("2027", "c" * 64)), "no consent to this policy"
    people.learn(person, "new", row, policy)
    people.withdraw(person, "2026-04-01T08:00:00Z")
    assert not people.learn(person, "new", row, policy)
    assert people.gallery("new", policy).size == 0
    assert people.held(person)["templates"] == []


def test_a_punch_that_was_not_sure_teaches_nothing(site, coming, enrol, photos: Path) -> None:
    person = enrol(site, "obama.jpg")
    loaded = config.load(site.config).config
    pipeline = factory.pipeline(loaded, installed.model_store(loaded))
    learn = factory.shadow(loaded, pipeline)
    assert learn is not None
    frame = Frame(load_photo(photos / "obama3.jpg"), 0)
    who = Identified(person, Method.FACE, Band.HIGH, Band.HIGH, ("m",))
    with installed.open_people(loaded, installed.load_secrets(loaded)) as people:
        learn(people, who, frame)
        assert learned(site, person) == 0
        learn(people, Identified(person, Method.FACE, Band.HIGH, Band.HIGH, ("m",), sure=True), frame)
        learn(people, Identified(person, Method.FACE, sure=True), Frame(np.zeros((480, 640, 3), np.uint8), 0))
    assert learned(site, person) == 1


def test_the_model_in_use_is_no_coming_one(site, caplog) -> None:
    site.config.write_text(site.config.read_text() + f'\n[recognition]\nshadow = "{models_directory()}"\n')
    terminal = Terminal(config.load(site.config).config, notifier=SilentNotifier())
    assert Alarm.SHADOW_FAILING in terminal.status.alarms, "it learns nothing, and punching goes on"
    assert "in use already" in caplog.text


def test_a_roster_that_takes_the_face_away_takes_what_was_learned_of_it(ann) -> None:
    people, person, policy = ann
    row = np.eye(1, 12, dtype=np.float32)[0]
    people.learn(person, "new", row, policy)
    member = people.member(person)
    given = replace(member, templates={"old": member.templates["old"]})
    assert people.receive({person: given}, policy) == {person: None}
    assert people.gallery("new", policy).size == 1, "the roster does not know of it yet"
    other = replace(member, templates={"other": np.eye(1, 8, dtype=np.float32)})
    assert people.receive({person: other}, policy) == {person: None}
    assert people.gallery("old", policy).size == 0, "what the roster gave before is replaced"
    ended = replace(member.consent, withdrawn_at="2099-01-01T00:00:00Z")
    without = replace(member, consent=ended, templates={}, pin=DIGEST)
    assert people.receive({person: without}, policy) == {person: None}
    assert people.held(person)["templates"] == []
