"""The differences between a recorded answer and ours, one line each. More than was recorded is no difference."""


def compare(recorded, ours):
    found = []
    if recorded["status"] != ours["status"]:
        found.append(f"status {ours['status']}, recorded {recorded['status']}")
    for name, value in recorded["headers"].items():
        if ours["headers"].get(name) != value:
            found.append(f"header {name}: {ours['headers'].get(name, 'none')}, recorded {value}")
    # The body of another status is another body.
    if recorded["status"] == ours["status"]:
        found += bodies(recorded, ours)
    found += calls("upstream", recorded["upstream"], ours["upstream"])
    found += calls("backend", recorded["backends"], ours["backends"])
    return found


def bodies(recorded, ours):
    found = []
    if recorded.get("events") != ours.get("events"):
        found.append(f"events {' '.join(ours.get('events', []))}, recorded {' '.join(recorded.get('events', []))}")
    for event, members in recorded.get("members", {}).items():
        if event in ours.get("members", {}):
            found += missing(f"{event}: " if event else "", members, ours["members"][event])
        elif not event:
            found.append("body missing")
    for name, labels in recorded.get("metrics", {}).items():
        present = ours.get("metrics", {}).get(name)
        if present is None:
            found.append(f"metric {name} missing")
        else:
            found += [f"metric {name}: label {label} missing" for label in labels if label not in present]
    return found


def missing(prefix, recorded, ours):
    found = []
    for path, of in recorded.items():
        if path not in ours:
            # What is within a missing member is missing with it.
            parents = [p for p in recorded if p not in ours and p != path and path.startswith((f"{p}.", f"{p}["))]
            if not parents:
                was = ", was null" if of["kinds"] == ["null"] else ""
                found.append(f"{prefix}{path} missing{was}")
            continue
        kinds = [kind for kind in of["kinds"] if kind not in ours[path]["kinds"]]
        if kinds:
            found.append(f"{prefix}{path} is {'/'.join(ours[path]['kinds'])}, recorded {'/'.join(kinds)}")
        lost = [value for value in of.get("values", []) if value not in ours[path].get("values", [])]
        if lost and not kinds:
            text = any(value.startswith("text ") for value in lost)
            given = " ".join(ours[path].get("values", []))
            found.append(f"{prefix}{path} has other words" if text else f"{prefix}{path} is {given}, recorded {' '.join(lost)}")
    return found


def calls(whose, recorded, ours):
    asked, was = [c["call"] for c in ours], [c["call"] for c in recorded]
    if asked != was:
        return [f"{whose} calls {asked or 'none'}, recorded {was or 'none'}"]
    found = []
    for number, (then, now) in enumerate(zip(recorded, ours, strict=True), 1):
        found += missing(f"{whose} {number}: ", then.get("members", {}), now.get("members", {}))
    return found
