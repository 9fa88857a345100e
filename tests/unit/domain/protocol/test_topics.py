"""Topics: who one belongs to."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.domain.protocol import topics
from edge.domain.protocol.record import Origin

DOOR = Origin("hq", "door-1")


def test_each_topic_names_its_terminal() -> None:
    made = [topics.record(DOOR, "punch"), topics.status(DOOR), topics.receipt(DOOR), topics.command(DOOR)]
    assert made == [
        "smartclocker/v1/hq/door-1/record/punch",
        "smartclocker/v1/hq/door-1/status",
        "smartclocker/v1/hq/door-1/receipt",
        "smartclocker/v1/hq/door-1/command",
    ]
    assert [topics.origin_of(topic) for topic in made] == [DOOR] * 4


@pytest.mark.parametrize(
    "topic",
    [
        "",
        "smartclocker/v1/hq/door-1",
        "smartclocker/v2/hq/door-1/status",
        "/smartclocker/v1/hq/door-1/status",
        "smartclocker/v1/HQ/door-1/status",
        "smartclocker/v1/hq//status",
        "smartclocker/v1/+/door-1/status",
        "smartclocker/v1/hq/#/status",
        "smartclocker/v1/hq/door-1\n/status",
        "smartclocker/v1/hq/roster/abc",
        "$SYS/v1/hq/door-1/status",
    ],
)
def test_a_topic_of_no_terminal(topic: str) -> None:
    assert topics.origin_of(topic) is None


@given(st.text())
def test_any_text_is_answered(topic: str) -> None:
    topics.origin_of(topic)
