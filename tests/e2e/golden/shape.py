"""What of an answer is compared: its members, their kinds, and values a program would branch on."""

import hashlib
import json
import re

WORD = re.compile(r"[a-z][a-z0-9_.:/-]{0,47}")
UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d")
# Different in every run, or by the clock.
VOLATILE = {"id", "created", "created_at", "latency_ms", "avg_latency_ms", "key", "key_prefix", "value"}
HEADERS = {
    "content-type", "allow", "cache-control", "vary", "x-content-type-options", "x-frame-options", "referrer-policy",
    "retry-after", "www-authenticate", "x-ratelimit-limit", "x-ratelimit-remaining", "x-ratelimit-reset",
}
# Of these only that they are there, and are a number.
COUNTED = {"retry-after", "x-ratelimit-remaining", "x-ratelimit-reset"}


def kind(value):
    if isinstance(value, str):
        return "time" if TIME.match(value) else "string"
    names = {bool: "boolean", int: "number", float: "number", list: "list", dict: "object", type(None): "null"}
    return names[type(value)]


def members(value, values=True):
    """Path to kinds and values, over all elements of each list: `choices[].message.content` to `{"kinds": …}`."""
    found = {}
    walk(value, "", "", found, values)
    return {path: {name: sorted(seen, key=str) for name, seen in of.items() if seen} for path, of in found.items()}


def walk(value, path, name, found, values):
    of = found.setdefault(path or ".", {"kinds": set(), "values": set()})
    of["kinds"].add(kind(value))
    if isinstance(value, dict):
        for child, inner in value.items():
            walk(inner, f"{path}.{child}" if path else child, child, found, values)
    elif isinstance(value, list):
        for inner in value:
            walk(inner, f"{path}[]", name, found, values)
    elif values and (kept := comparable(name, value)) is not None:
        of["values"].add(kept)


def comparable(name, value):
    """The value, where it does not depend on the run; of sentences only a fingerprint, and only where clients match on them."""
    if value is None or name in VOLATILE or name.endswith("_at"):
        return None
    if name == "detail" and " " in str(value):
        return "text " + hashlib.sha256(value.encode()).hexdigest()[:12]
    if isinstance(value, str):
        return value if WORD.fullmatch(value) and not UUID.fullmatch(value) else None
    return json.dumps(value)


def events(text):
    """The events of a stream: names in order without repeats, and the members of each name."""
    names, merged = [], {}
    for block in text.replace("\r\n", "\n").strip().split("\n\n"):
        lines = dict(line.split(": ", 1) for line in block.split("\n") if ": " in line)
        data = lines.get("data", "")
        body = json.loads(data) if data.startswith("{") else None
        name = lines.get("event") or (label(body) if body is not None else data)
        if names[-1:] != [name]:
            names.append(name)
        if body is not None:
            join(merged.setdefault(name, {}), members(body))
    return names, merged


def label(chunk):
    """What a chunk of a Chat stream is there for."""
    if "error" in chunk:
        return "error"
    choices = chunk.get("choices") or []
    if not choices:
        return "usage"
    return "finish" if any(choice.get("finish_reason") for choice in choices) else "delta"


def join(into, more):
    for path, of in more.items():
        to = into.setdefault(path, {})
        for name, seen in of.items():
            to[name] = sorted({*to.get(name, []), *seen}, key=str)


def exposition(text):
    """Families and label names of a metrics page."""
    found = {}
    for line in text.splitlines():
        match = re.match(r"([a-z_0-9]+)(\{(.*)\})? ", line)
        if match:
            labels = re.findall(r'(\w+)="', match[3] or "")
            found.setdefault(match[1], set()).update(labels)
    return {name: sorted(labels) for name, labels in sorted(found.items())}


def answer(status, headers, body, values=True):
    """The comparable part of an answer. `body` is text."""
    kept = {name: value for name, value in sorted(headers.items()) if name in HEADERS}
    kept |= {name: "number" for name in kept if name in COUNTED and kept[name].isdecimal()}
    shape = {"status": status, "headers": kept}
    content = headers.get("content-type", "")
    if "event-stream" in content:
        shape["events"], shape["members"] = events(body)
    elif "json" in content and body:
        shape["members"] = {"": members(json.loads(body), values)}
    elif content.startswith("text/plain"):
        shape["metrics"] = exposition(body)
    return shape


def request(method, path, body):
    """The comparable part of what the gateway asked of somebody else."""
    shape = {"call": f"{method} {path.split('?')[0]}"}
    if isinstance(body, dict):
        shape["members"] = members(body)
    return shape
