"""Whole SDKs: every method of both generations of `otari`, and OpenAI's helpers for files, batches, pictures and sound."""

import sys
from pathlib import Path

import openai
import pytest

import media_upstream
import sdk_surface
from gateway import Gateway, eventually, priced, running
from llama import CACHE, Unavailable, run

OLD = "otari==0.2.0"
"""Calls `/v1`, where the present one calls `/api/v1`."""


@pytest.fixture(scope="module")
def node(tmp_path_factory):
    folder = tmp_path_factory.mktemp("surface")
    with media_upstream.serving() as providers:
        node = Gateway(
            folder, f"sqlite:///{folder}/otari.db", providers=providers, require_pricing=False, model_discovery=False,
            pricing=priced("echo:chat", "echo:embedding", "media:t"),
        )
        with running(node):
            node.key = node.new_key("ada")
            yield node


def test_every_method_of_the_present_client(node):
    sdk_surface.main(node.url, node.key)


def test_every_method_of_the_old_client(node):
    venv = CACHE / OLD.replace("==", "-")
    python = venv / "bin" / "python"
    try:
        if not (venv / "complete").exists():
            run(sys.executable, "-m", "venv", "--clear", str(venv))
            run(str(python), "-m", "pip", "--quiet", "--disable-pip-version-check", "install", OLD)
            (venv / "complete").touch()
    except Unavailable as reason:
        pytest.skip(str(reason))
    try:
        printed = run(str(python), str(Path(__file__).parent / "sdk_surface.py"), node.url, node.key)
    except Unavailable as failure:
        pytest.fail(str(failure))
    assert printed.split() == ["text", "media", "batches"]


@pytest.fixture(params=["/v1", "/api/v1"])
def client(node, request):
    with openai.OpenAI(base_url=node.url + request.param, api_key=node.key, max_retries=0) as client:
        yield client


def test_openai_pictures(client):
    made = client.images.generate(model="media:i", prompt="a cat", n=2, response_format="b64_json")
    assert [picture.revised_prompt for picture in made.data] == ["A CAT", "A CAT"]
    edited = client.images.edit(model="media:i", image=("a.png", media_upstream.PICTURE), prompt="a cat")
    assert edited.data[0].b64_json


def test_openai_sound(client, tmp_path):
    with client.audio.speech.with_streaming_response.create(model="media:s", input="hello", voice="alloy") as spoken:
        spoken.stream_to_file(tmp_path / "said.mp3")
    assert (tmp_path / "said.mp3").read_bytes() == media_upstream.SOUND
    with (tmp_path / "said.mp3").open("rb") as file:
        assert client.audio.transcriptions.create(model="media:t", file=file).text == media_upstream.SAID
        file.seek(0)
        heard = client.audio.transcriptions.create(model="media:t", file=file, response_format="verbose_json")
        assert heard.duration == 2.5
        file.seek(0)
        assert client.audio.translations.create(model="media:t", file=file).text == media_upstream.SAID


def test_openai_moderation(client):
    assert client.moderations.create(model="media:m", input="an attack").results[0].flagged


def test_openai_files_and_batches(client, tmp_path):
    lines = tmp_path / "lines.jsonl"
    lines.write_text(
        '{"custom_id": "a", "method": "POST", "url": "/v1/chat/completions", "body": '
        '{"model": "echo:chat", "messages": [{"role": "user", "content": "hi"}]}}\n'
    )
    file = client.files.create(file=lines, purpose="batch")
    assert client.files.wait_for_processing(file.id).filename == "lines.jsonl"
    assert client.files.content(file.id).text == lines.read_text()
    assert file.id in [listed.id for listed in client.files.list(purpose="batch")]
    batch = client.batches.create(
        input_file_id=file.id, endpoint="/v1/chat/completions", completion_window="24h", metadata={"team": "a"})
    eventually(lambda: client.batches.retrieve(batch.id).status == "completed")
    done = client.batches.retrieve(batch.id)
    assert (done.request_counts.completed, done.metadata) == (1, {"team": "a"})
    assert '"echo: hi"' in client.files.content(done.output_file_id).text
    assert batch.id in [listed.id for listed in client.batches.list(limit=10)]
    assert client.files.delete(file.id).deleted
    with pytest.raises(openai.NotFoundError):
        client.files.retrieve(file.id)
