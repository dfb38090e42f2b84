"""Claude Code, Codex and opencode finish a small task through the gateway, on models of other makers."""

import pytest

from agents import ClaudeCode, Codex, OpenCode
from llama import Unavailable
from scripted import INPUT, MODELS, OUTPUT, Call, Reasoning, Text

PROMPT = "Write the words 'made by a scripted model' into the file note.txt."
CONTENT = "made by a scripted model\n"
ANSWER = "The file is written."


def started(agent, *args):
    try:
        return agent(*args)
    except Unavailable as reason:
        pytest.skip(f"NO CODING AGENT: {agent.__name__} cannot be installed here: {reason}")


def writes_a_file(path):
    """A model that calls what it is given for writing files, and answers when it has the result."""
    def script(ask):
        thoughts = [Reasoning("I need the file.")] if ask.thinks else []
        if ask.results:
            return [*thoughts, Text(ANSWER)]
        if "Write" in ask.tools:
            return [*thoughts, Call("Write", {"file_path": str(path), "content": CONTENT})]
        if "write" in ask.tools:
            return [*thoughts, Call("write", {"filePath": str(path), "content": CONTENT})]
        if "bash" in ask.tools:
            # What opencode gives to models that have gpt in their names, beside a tool for patches.
            command = f"printf '{CONTENT.strip()}\\n' > {path}"
            return [*thoughts, Call("bash", {"command": command, "description": "Writes the note"})]
        if "exec_command" in ask.tools:
            return [*thoughts, Call("exec_command", {"cmd": f"printf '{CONTENT.strip()}\\n' > {path}"})]
        return [*thoughts, Text("A title")]

    return script


@pytest.fixture
def key(translator):
    """Coding agents name users of their own, which are not the gateway's."""
    return translator.manage("POST", "/v1/keys", {"user_id": "ada", "reject_user_mismatch": False})["key"]


@pytest.mark.parametrize(("agent", "dialect"), [
    (ClaudeCode, "openai"),
    (ClaudeCode, "gemini"),
    (ClaudeCode, "cohere"),
    (ClaudeCode, "anthropic"),
    (Codex, "anthropic"),
    (Codex, "gemini"),
    (Codex, "cohere"),
    (Codex, "openai"),
    (OpenCode, "openai"),
    (OpenCode, "anthropic"),
    (OpenCode, "gemini"),
    (OpenCode, "cohere"),
], ids=lambda value: getattr(value, "__name__", value))
def test_it_writes_a_file_and_says_so(translator, upstream, key, tmp_path, agent, dialect):
    before = translator.manage("GET", "/v1/users/ada")["spend"]
    agent = started(agent, tmp_path, translator.url, key, f"{dialect}:{MODELS[dialect]}")
    note = agent.work / "note.txt"
    upstream.script = writes_a_file(note)
    turn = agent.ask(PROMPT)
    assert turn.code == 0, turn.printed
    assert turn.answer == ANSWER
    assert note.read_text() == CONTENT
    assert upstream.last.results, "the model was told what became of its call"
    # Each request is one row, and nothing is spent beside them.
    rows = translator.manage("GET", "/v1/usage", limit=len(upstream.asks))
    assert {(row["status"], row["prompt_tokens"], row["completion_tokens"]) for row in rows} == {
        ("success", INPUT, OUTPUT)
    }
    spent = translator.manage("GET", "/v1/users/ada")["spend"] - before
    assert spent == pytest.approx(len(upstream.asks) * (INPUT + OUTPUT) / 1e6, abs=1e-9)
