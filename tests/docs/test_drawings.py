"""The drawings under docs/ are what their programs draw today."""

import re

from edge.domain.attendance.cues import CUES
from edge.domain.attendance.states import TABLE, State
from tests.docs import header_drawing, state_drawing
from tests.docs.header_drawing import Part

PAGE = state_drawing.PAGE.read_text()


def test_the_page_of_states_is_drawn_from_the_table_of_today() -> None:
    assert state_drawing.page(PAGE) == PAGE, "a state, event or time limit has changed: `make docs` draws it"


def test_every_event_of_the_table_and_every_state_stands_on_the_page() -> None:
    said = set(re.findall(r"`([a-z-]+)`", PAGE)) | set(re.findall(r": ([a-z-]+)$", PAGE, re.MULTILINE))
    assert {str(event) for _, event in TABLE} | set(State) <= said


def test_every_cue_belongs_to_a_state_or_to_an_enrolment() -> None:
    assert set(CUES) - set(re.findall(r"`([a-z-]+)`", PAGE)) == {
        "enrolling",
        "employer-agrees",
        "consent",
        "enrolled",
        "not-enrolled",
    }


def test_the_header_is_drawn_with_the_default_pins_of_today() -> None:
    assert header_drawing.PICTURE.read_text() == header_drawing.drawn(), "`make docs` draws it"


def test_each_part_is_drawn_at_its_own_pin() -> None:
    picture = header_drawing.picture({17: "green LED"})
    assert re.search(r'fill="#2e9e4f"/>\n<text[^>]*>11</text>\n<text[^>]*>green LED · GPIO17</text>', picture)
    assert len({part.gpio for part in header_drawing.parts()}) == len(header_drawing.parts()) >= 4
    assert all(isinstance(part, Part) and part.gpio > 1 for part in header_drawing.parts())


def test_a_drawing_loads_nothing_from_elsewhere() -> None:
    assert not re.search(r"<script|@import|@font-face|href|url\(http", header_drawing.drawn())
