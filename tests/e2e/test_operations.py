"""The generated page of operations against the router: what it calls served is there, under both prefixes."""

import re

import httpx
import pytest

from gateway import ROOT

PAGE = ROOT / "docs" / "reference" / "operations.md"
ROW = re.compile(r"\| (\w+) \| `([^`]+)` \| (\w+) \|")
OPERATIONS = ROW.findall(PAGE.read_text())
# The rest of these paths is a name that may contain slashes, so everything below answers.
NAMES = ("/models/", "/pricing/")


def status(gateway, method, path):
    with httpx.Client(base_url=gateway.url) as http:
        answer = http.request(method, re.sub(r"\{[^}]+\}", "x", path))
    return answer.status_code, answer.text


def addresses(path):
    if path.startswith("/otlp"):
        return [path]
    return [f"/api/v1{path}"] if path.startswith("/health") else [f"/v1{path}", f"/api/v1{path}"]


def test_the_page_lists_every_published_operation():
    published = (ROOT / "tests" / "golden" / "operations.txt").read_text().splitlines()
    assert len(OPERATIONS) == len(published) == len(set(published))


def test_served_operations_are_routed_and_the_others_are_not(gateway):
    wrong = []
    for method, path, standing in OPERATIONS:
        for address in addresses(path):
            code, text = status(gateway, method, address)
            unrouted = code == 405 or (code == 404 and "Not Found" in text)
            named = standing != "served" and path.startswith(NAMES)
            if unrouted != (standing != "served") and not named:
                wrong.append(f"{method} {address} is {standing}, but answers {code}")
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize("word", ["served", "planned", "refused"])
def test_the_counts_are_of_the_rows(word):
    counted = sum(standing == word for _, _, standing in OPERATIONS)
    assert re.search(rf"\b{counted} {'are ' if word == 'served' else ''}{word}", PAGE.read_text())
