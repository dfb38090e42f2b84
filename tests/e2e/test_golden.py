"""Recorded answers of Otari against ours: nothing may be missing but what `differences.toml` gives a reason for."""

import json
import tomllib

import pytest

from database import fresh
from gateway import ROOT
from golden.compare import compare
from golden.replay import replay

FOLDER = ROOT / "tests" / "golden"
CASES = [json.loads(line) for line in (FOLDER / "cases.jsonl").read_text().splitlines()]
LISTED = tomllib.loads((FOLDER / "differences.toml").read_text())["deliberate"]


@pytest.fixture(scope="module")
def answers(tmp_path_factory):
    folder = tmp_path_factory.mktemp("golden")
    with fresh("sqlite", folder) as database:
        return replay(CASES, database, folder)


def listed(case):
    found = [entry for deliberate in LISTED for entry in deliberate["found"]]
    return {what for entry in found if case in entry["cases"] for what in entry["differences"]}


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case['case']}-{case['name']}")
def test_answers_as_recorded(case, answers):
    found = set(compare(case["recorded"], answers[case["case"]]))
    known = listed(case["case"])
    unlisted, gone = sorted(found - known), sorted(known - found)
    assert not unlisted, "differences that are not listed:\n" + "\n".join(unlisted)
    assert not gone, "listed, but no longer so:\n" + "\n".join(gone)


def test_every_listed_difference_has_a_reason_and_a_case():
    numbers = {case["case"] for case in CASES}
    for deliberate in LISTED:
        assert deliberate["reason"].strip(), deliberate
        for entry in deliberate["found"]:
            assert entry["differences"], entry
            assert entry["cases"] and set(entry["cases"]) <= numbers, entry
