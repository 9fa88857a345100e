"""Which policy the parts of one start judge by."""

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

from msgspec import structs
from nacl.signing import SigningKey

from edge.adapters.linux.clock import SystemClock
from edge.config import load
from edge.domain.people.consent import Policy
from edge.resources import photos_directory
from edge.sandbox import write_terminal
from edge.terminal import adapters, installed, starting


def test_a_policy_whose_text_is_changed_meanwhile_counts_from_the_next_start(tmp_path: Path, monkeypatch) -> None:
    loaded = load(write_terminal(tmp_path, photos_directory())).config
    config = structs.replace(loaded, uplink=SimpleNamespace(window=1, resend_s=1))
    own = installed.own_secrets(config)
    pinned = replace(own, authority=SigningKey.generate().verify_key)
    monkeypatch.setattr(installed, "with_pinned", lambda *_: (pinned, ()))
    monkeypatch.setattr(adapters, "uplink", lambda _: object())
    monkeypatch.setattr(starting, "Publisher", lambda *_, **options: options)
    start = installed.policy(config)
    Path(config.policy.text).write_text("another text")

    def judged_by(in_force: Policy) -> list[Policy]:
        made = starting.centre(config, own, SystemClock(), dict, in_force)._make().publisher
        return [made["orders"]._configured, made["roster"]._policy]

    assert judged_by(start) == [start, start]
    unreadable_at_the_start = replace(start, sha256="")
    now = installed.policy(config)
    assert judged_by(unreadable_at_the_start) == [now, now] != [start, start]
