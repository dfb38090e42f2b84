"""Reads a folder of recordings and writes the facts that are kept of them: `python -m golden.derive FOLDER CASES`.

A recording is a JSON file with `request`, `response`, and what was asked of the upstream and of the tools' services.
"""

import json
import re
import sys
from pathlib import Path

from . import shape

# How many of each depends on calls that are not among the recordings.
COUNTS = {"usage-list", "usage-count", "usage-summary"}


class Names:
    """Ids and keys of the recorded run, by what they stand for."""

    def __init__(self):
        self.known = {}

    def learn(self, case, name, body):
        if not isinstance(body, dict):
            return
        user = body.get("user_id")
        if name == "budget-get":
            self.known[body["budget_id"]] = "{budget}"
        if name.startswith("key-") and "key" in body:
            label = {"key-create": "alice.first", "key-rotate": "alice", "key-create-to-delete": "deleted",
                     "key-create-expired": "expired", "key-create-allowed-models": "limited"}.get(name, user)
            self.known[body["key"]] = label
            self.known.setdefault(body["id"], "{key." + label.split(".")[0] + "}")

    def put(self, text):
        for value, label in self.known.items():
            text = text.replace(value, label)
        return text


def credential(headers, names, body_of):
    for name in ("Otari-Key", "x-api-key", "Authorization"):
        if name in headers:
            scheme, _, value = headers[name].rpartition(" ")
            label = "operator" if value.startswith("mk-") else names.known.get(value)
            return {"header": name, "scheme": scheme, "key": label or UNSEEN.get(body_of, "nobody")}
    return None


# Keys that were made between the recordings.
UNSEEN = {"chat-blocked-user": "mallory", "chat-budget2-too-large": "poor2", "chat-budget2-stream": "poor2",
          "messages-budget2-spent": "poor2"}


def derive(recording, names):
    name, asked, got = recording["name"], recording["request"], recording["response"]
    body = got["body"]
    names.learn(recording, name, body)
    text = body if isinstance(body, str) and "json" not in got["headers"].get("content-type", "") else json.dumps(body)
    sent = asked["body"]
    if sent is not None:
        sent = json.loads(re.sub(r"127\.0\.0\.1:9998", "{closed}", names.put(json.dumps(sent))))
    return {
        "name": name,
        "method": asked["method"],
        "path": names.put(asked["path"]),
        "credential": credential(asked["headers"], names, name),
        "headers": {k: v for k, v in asked["headers"].items() if k.startswith("anthropic")},
        "body": sent,
        "recorded": {
            **shape.answer(got["status"], got["headers"], text if body != "" else "", values=name not in COUNTS),
            "upstream": [shape.request(c["method"], c["path"], c["body"]) for c in recording.get("upstream_requests", [])],
            "backends": [shape.request(c["method"], c["path"], c["body"]) for c in recording.get("tool_requests", [])],
        },
    }


def main(folder, target):
    names = Names()
    files = [json.loads(f.read_text()) | {"file": f.name} for f in sorted(Path(folder).glob("[0-9]*.json"))]
    # The id of the budget is in paths before the case that shows it.
    for recording in files:
        names.learn(recording, recording["name"], recording["response"]["body"])
    names.known = {value: label for value, label in names.known.items()}
    with Path(target).open("w") as out:
        for recording in files:
            case = derive(recording, names)
            out.write(json.dumps({"case": recording["file"][:3], **case}, separators=(",", ":")) + "\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
