"""What a dialect's request asks, what the model answers, and the model itself."""

import json
import re
from dataclasses import dataclass, field


class Malformed(Exception):
    """The provider this plays would refuse the request, or misread it."""


class Failure(Exception):
    """What the user's words told the model to fail with."""

    def __init__(self, status, retry_after=None, details=None):
        super().__init__(f"scripted failure {status}")
        self.status = status
        self.retry_after = retry_after
        self.details = details


@dataclass
class Text:
    text: str


@dataclass
class Reasoning:
    text: str
    signature: str | None = None


@dataclass
class Call:
    name: str
    arguments: dict
    id: str | None = None
    signature: str | None = None


@dataclass
class Result:
    id: str | None
    text: str
    images: int = 0


@dataclass
class Ask:
    """A request, as far as a model would see it."""

    dialect: str
    model: str
    user: str
    """Of the last turn that has words of the user."""
    system: str = ""
    tools: dict = field(default_factory=dict)
    """Name to schema."""
    choice: str = "auto"
    """`auto`, `none`, `required` or a name."""
    schema: dict | None = None
    thinks: bool = False
    calls: list = field(default_factory=list)
    """Of the last turn of the model, when it is answered by results."""
    results: list = field(default_factory=list)
    turns: int = 0
    """Turns of the model in the history."""
    signatures: list = field(default_factory=list)
    """Sent back."""
    body: dict = field(default_factory=dict)
    headers: dict = field(default_factory=dict)
    path: str = ""


def need(condition, message):
    if not condition:
        raise Malformed(message)


def need_members(body, known):
    unknown = set(body) - known
    need(not unknown, f"unknown members: {sorted(unknown)}")


def need_paired(calls, results):
    """Each call of a turn has its one result, in whatever order."""
    called, answered = sorted(c.id for c in calls), sorted(r.id for r in results)
    need(called == answered, f"calls {called} are answered by {answered}")


CALL = re.compile(r"^call (\w+) (\{.*\})$", re.MULTILINE)
ANSWER = re.compile(r"^answer (\{.*\})$", re.MULTILINE)
FAIL = re.compile(r"^fail (\d+)(?: retry (\d+))?$", re.MULTILINE)


def obliging(ask):
    """Calls the tools that `call NAME {…}` lines name, tells what they returned, answers `answer {…}` where a schema
    is given, fails with `fail STATUS [retry SECONDS]`; repeats the user's words otherwise."""
    if failure := FAIL.search(ask.user):
        raise Failure(int(failure[1]), failure[2])
    blocks = [Reasoning("The user wants something. I shall see.")] if ask.thinks else []
    if ask.results:
        return [*blocks, Text("results: " + " & ".join(result.text for result in ask.results))]
    if ask.schema is not None:
        return [*blocks, Text(ANSWER.search(ask.user)[1])]
    wanted = [Call(name, json.loads(arguments)) for name, arguments in CALL.findall(ask.user)]
    if ask.choice == "required":
        wanted = [call for call in wanted if call.name in ask.tools]
    elif ask.choice != "auto":
        wanted = [call for call in wanted if call.name == ask.choice]
    for call in wanted:
        need(call.name in ask.tools, f"{call.name} is not among the tools {sorted(ask.tools)}")
    return [*blocks, *(wanted or [Text(f"{ask.dialect} heard: {ask.user}")])]


def pieces(text, length=7):
    """As a stream would cut it."""
    return [text[at:at + length] for at in range(0, len(text), length)] or [""]
