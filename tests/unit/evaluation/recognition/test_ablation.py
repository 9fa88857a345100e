"""The table of what was tried: each change does what its name says."""

import re

import numpy as np
import pytest

from edge.evaluation.recognition import ablation
from edge.evaluation.recognition.searches import with_common
from tests.support.tolerance import SINGLE


def test_weights_take_one_part_or_both(synthetic) -> None:
    faces = synthetic([4] * 3)
    alone = ablation.joined((1, 0), 20)(faces).probe
    first = faces.probe[:, :20] / np.linalg.norm(faces.probe[:, :20], axis=1, keepdims=True)
    assert alone[:, :20] == pytest.approx(first, abs=SINGLE)
    assert not alone[:, 20:].any()
    both = ablation.joined((0.3, 0.7), 20)(faces)
    assert np.linalg.norm(both.probe, axis=1) == pytest.approx(1.0, abs=SINGLE)
    assert np.linalg.norm(both.template[:, 20:], axis=1) ** 2 == pytest.approx(0.7, abs=SINGLE)


def test_mirrors_and_demands(synthetic) -> None:
    faces = synthetic([4] * 3)
    faces.template[:] = faces.template[::-1]
    faces.demand[:] = 0.02
    assert ablation.plain_templates(faces).template is faces.probe
    assert ablation.mirrored_probes(faces).probe is faces.template
    assert ablation.demanding(0.2)(faces).demand == pytest.approx(0.04, abs=SINGLE)


def test_comparisons(synthetic) -> None:
    faces = synthetic([4] * 40, noise=1.0)
    people = [faces.template[at : at + 3] for at in range(0, 160, 4)]
    probes = faces.probe[3::4]
    common, best = with_common(probes, people), ablation.with_best(probes, people)
    assert best[5, 7] == pytest.approx(max(float(row @ probes[5]) for row in people[7]), abs=SINGLE)
    cohort = ablation.against_cohort(10, 0.5)(probes, people)
    expected = common[5] - 0.5 * np.sort(common[5])[::-1][1:11].mean()
    assert cohort[5] == pytest.approx(expected, abs=SINGLE)
    nearest = ablation.standardised(probes, people).argmax(1)[:, None]
    assert np.take_along_axis(common, nearest, 1)[:, 0] == pytest.approx(common.max(1), abs=SINGLE)


def test_every_variant_gives_a_line(synthetic) -> None:
    faces = synthetic([5] * 210 + [1] * 1000, noise=0.8)
    for variant in ablation.variants(20):
        cells = list(ablation.figures(variant.change(faces), variant, 1, 0))
        assert all(re.fullmatch(r"[\d.]+ / [\d.]+ / [\d.]+ \([\d.]+\)", cell) for cell in cells[::2]), variant.name
        assert cells[1] == "- / - / - (-)"  # five pictures are no three probes after three are enrolled
