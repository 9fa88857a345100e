"""The impact assessment and the staff notice say what the law asks; blanks are marked, links lead on."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
DPIA, NOTICE = ((ROOT / "docs" / name).read_text() for name in ("dpia.md", "staff-notice.md"))
WORDS = {
    "13 (1) (a)": "Responsible:", "13 (1) (b)": "Data-protection officer:", "13 (1) (c)": "Why we may do this",
    "13 (1) (e)": "Who sees it", "13 (1) (f)": "Nothing leaves", "13 (2) (a)": "How long",
    "13 (2) (b)": "Your rights",
    "13 (2) (c)": "withdraw your consent", "13 (2) (d)": "complain to", "13 (2) (f)": "No decision is left",
    "refusal": "You may say no", "age": "under 13",
}  # fmt: skip


@pytest.mark.parametrize("article", WORDS)
def test_the_notice_says_what_people_must_be_told(article: str) -> None:
    assert WORDS[article] in NOTICE


@pytest.mark.parametrize("part", ["35 (7) (a)", "35 (7) (b)", "(7) (c) and (d)", "35 (2) and (9)", "art. 36"])
def test_the_assessment_has_every_part_of_article_35(part: str) -> None:
    assert part in DPIA


def test_what_the_employer_fills_in_is_marked() -> None:
    assert len(re.findall(r"\[[^]]+\](?!\()", DPIA)) > 20
    assert len(re.findall(r"\[[^]]+\](?!\()", NOTICE)) > 10


@pytest.mark.parametrize("page", ["docs/dpia.md", "docs/staff-notice.md", "docs/privacy.md", "README.md"])
def test_no_link_leads_nowhere(page: str) -> None:
    links = re.findall(r"\]\((?!https?:)([^)#]+)", (ROOT / page).read_text())
    assert [link for link in links if not (ROOT / page).parent.joinpath(link).exists()] == []
