"""The official `openai` client's pictures and sound, and rerank, where the provider has formats of its own."""

import io
import wave
from base64 import b64decode

import httpx
import openai
import pytest

from gateway import Gateway, running
from scripted import natives as own
from scripted.edits import mask
from scripted.natives import MP3, RATE, SAID, SAMPLES, WAV, png

IMAGEN, PAINTER = "gemini:imagen-4.0-generate-001", "gemini:gemini-2.5-flash-image"
CANVAS, STABLE = "bedrock:amazon.nova-canvas-v1:0", "bedrock:stability.stable-image-core-v1:1"
VOICE, EAR = "gemini:gemini-2.5-flash-preview-tts", "gemini:gemini-2.5-flash"
XAI_VOICE, VOXTRAL = "xai:tts", "mistral:voxtral-mini-tts-3-0"
QWEN_VOICE, QWEN = "dashscope:qwen3-tts-flash", "dashscope:qwen-image-edit-plus"
NEW_VOICE = "gemini:gemini-3.8-flash-tts"
IMAGEN_EDIT, INPAINT = "vertexai:imagen-3.0-capability-001", "bedrock:us.stability.stable-image-inpaint-v1:0"
GROK, WAN, WANX = "xai:grok-imagine-image", "dashscope:wan2.2-t2i-flash", "dashscope:wanx2.1-imageedit"
WORD_EAR, QWEN_EAR = "gemini:gemini-3.5-transcribe", "dashscope:qwen3-asr-flash"
WHISPER, TRANSCRIBER = "openai:whisper-1", "openai:gpt-4o-transcribe"
RANKERS = ["cohere:rerank-v3.5", "voyage:rerank-2.5", "jina:jina-reranker-v2", "bedrock:amazon.rerank-v1:0"]
EACH = 0.04
"""Dollars for a picture."""
TEXTS = ["coffee is black", "tea", "a cup of tea with milk"]


@pytest.fixture(scope="module")
def node(tmp_path_factory):
    folder = tmp_path_factory.mktemp("media")
    price = {"input_price_per_million": EACH, "output_price_per_million": 0}
    calls = {"input_price_per_million": 6000, "output_price_per_million": 0}
    with own.serving() as upstream:
        node = Gateway(
            folder, f"sqlite:///{folder}/otari.db", providers=upstream.providers(), model_discovery=False,
            require_pricing=False, circuit_breaker_failures=0,
            pricing={
                **dict.fromkeys([IMAGEN, PAINTER, CANVAS, STABLE, QWEN, IMAGEN_EDIT, INPAINT, GROK, WAN, WANX], price),
                **dict.fromkeys([
                    VOICE, NEW_VOICE, QWEN_VOICE, XAI_VOICE, VOXTRAL, EAR, WORD_EAR, QWEN_EAR, WHISPER, TRANSCRIBER, *RANKERS,
                ], calls),
            },
        )
        with running(node):
            node.upstream = upstream
            node.key = node.new_key("ada")
            yield node


pytestmark = pytest.mark.filterwarnings("ignore:deprecated:DeprecationWarning")


@pytest.fixture
def upstream(node):
    """A test fails when the gateway sent what no provider would have taken."""
    node.upstream.forget()
    yield node.upstream
    assert not node.upstream.malformed, "\n".join(node.upstream.malformed)


@pytest.fixture
def client(node, upstream):
    with openai.OpenAI(base_url=f"{node.url}/v1", api_key=node.key, max_retries=0) as client:
        yield client


def last_row(node):
    return node.manage("GET", "/v1/usage", limit=1)[0]


@pytest.mark.parametrize("model, requests", [(IMAGEN, 1), (PAINTER, 3), (CANVAS, 1), (STABLE, 3)])
def test_pictures(node, upstream, client, model, requests):
    made = client.images.generate(model=model, prompt="a cat", n=3, size="1024x1024")
    assert len(made.data) == 3 and made.created > 1_700_000_000
    assert all(b64decode(picture.b64_json).startswith(b"\x89PNG") for picture in made.data)
    assert len(upstream.sent) == requests
    row = last_row(node)
    assert (row["status"], row["cost"], row["user_id"]) == ("success", pytest.approx(3 * EACH), "ada")


def test_pictures_are_shown_and_changed(node, upstream, client):
    cat, hat = png(1), png(2)
    made = client.images.edit(model=PAINTER, image=("cat.png", cat), prompt="add a hat")
    assert b64decode(made.data[0].b64_json) == png(101)
    two = [("cat.png", cat, "image/png"), ("hat.png", hat, "image/png")]
    made = client.images.edit(model=PAINTER, image=two, prompt="put it on", size="1536x1024")
    assert b64decode(made.data[0].b64_json) == png(102)
    parts = upstream.sent[-1][1]["contents"][0]["parts"]
    assert [b64decode(part["inlineData"]["data"]) for part in parts[:2]] == [cat, hat]
    assert last_row(node)["cost"] == pytest.approx(EACH)


def test_pictures_are_changed_by_who_wants_json(node, upstream, client):
    for pictures in (("cat.png", png(1)), [("cat.png", png(1)), ("hat.png", png(2))]):
        made = client.images.edit(model=GROK, image=pictures, prompt="add a hat", n=2, size="1024x1024")
        assert [b64decode(picture.b64_json) for picture in made.data] == [png(9)] * 2 and made.output_format == "jpeg"
        assert last_row(node)["cost"] == pytest.approx(2 * EACH)


def test_pictures_that_are_links(node, upstream, client):
    made = client.images.generate(model=QWEN, prompt="a cat", n=2, size="1328x1328", extra_body={"watermark": False})
    assert [picture.url for picture in made.data] == ["https://oss/0.png"] * 2
    made = client.images.edit(model=QWEN, image=("cat.png", png(1)), prompt="add a hat", response_format="url")
    assert [picture.url for picture in made.data] == ["https://oss/1.png"]
    assert last_row(node)["cost"] == pytest.approx(EACH)


CHANGED = [True, False, False, True, True]
"""Of a row of pixels."""


@pytest.mark.parametrize("model, options", [
    (IMAGEN_EDIT, {}), (CANVAS, {"cfgScale": 7.5}), (CANVAS, {"outPaintingMode": "PRECISE"}), (INPAINT, {"grow_mask": 3}),
])
def test_a_mask_says_what_changes(node, upstream, client, model, options):
    made = client.images.edit(model=model, image=("cat.png", png(1)), mask=("m.png", mask(CHANGED)), prompt="add a hat", n=2,
                              extra_body=options)
    assert all(b64decode(picture.b64_json).startswith(b"\x89PNG") for picture in made.data)
    assert len(made.data) == 2 and upstream.changing.painted == CHANGED
    row = last_row(node)
    assert (row["status"], row["cost"], row["endpoint"]) == ("success", pytest.approx(2 * EACH), "/v1/images/edits")
    for told, seen in (("400", openai.BadRequestError), ("429 retry 7", openai.RateLimitError), ("503", openai.InternalServerError)):
        with pytest.raises(seen):
            client.images.edit(model=model, image=("cat.png", png(1)), mask=("m.png", mask(CHANGED)), prompt=f"fail {told}",
                               extra_body=options)
        assert last_row(node)["status_code"] == int(told.split()[0])


@pytest.mark.parametrize("model, masked, says", [
    (PAINTER, mask(CHANGED), "mask"), (QWEN, mask(CHANGED), "mask"), (CANVAS, None, "maskPrompt"),
    (CANVAS, png(1), "transparent"), (INPAINT, mask([False]), "transparent"), (IMAGEN, mask(CHANGED), "Vertex AI"),
    (IMAGEN_EDIT, b"GIF89a", "whole PNG"),
])
def test_masks_that_cannot_be_used(client, upstream, model, masked, says):
    options = {"mask": ("m.png", masked)} if masked else {}
    with pytest.raises((openai.BadRequestError, openai.UnprocessableEntityError), match=says):
        client.images.edit(model=model, image=("cat.png", png(1)), prompt="add a hat", **options)
    assert not upstream.sent


def test_pictures_made_by_tasks(node, upstream, client):
    made = client.images.generate(model=WAN, prompt="a cat", n=6, size="1024x1024")
    assert [picture.url for picture in made.data] == [f"https://oss/{at}.png" for at in (0, 1, 2, 3, 0, 1)]
    row = last_row(node)
    assert (row["status"], row["cost"]) == ("success", pytest.approx(6 * EACH))
    made = client.images.edit(model=WANX, image=("cat.png", png(1)), mask=("m.png", mask(CHANGED)), prompt="add a hat")
    assert [picture.url for picture in made.data] == ["https://oss/0.png"] and upstream.changing.painted == CHANGED
    with pytest.raises(openai.BadRequestError) as caught:
        client.images.generate(model=WAN, prompt="something forbidden")
    assert caught.value.code == "content_filter" and last_row(node)["cost"] in (None, 0)
    assert upstream.changing.called_off.empty()


def test_a_task_nobody_waits_for_is_called_off(node, upstream, client):
    upstream.changing.polls = 1000
    with pytest.raises(openai.APITimeoutError):
        client.with_options(timeout=1.5).images.generate(model=WAN, prompt="a cat")
    called_off = upstream.changing.called_off.get(timeout=30)
    upstream.changing.polls = 1
    assert called_off == list(upstream.changing.tasks)[-1]
    while node.manage("GET", "/v1/users/ada")["reserved"]:
        pass


@pytest.mark.parametrize("model, options, says", [
    (QWEN, {"response_format": "b64_json"}, "response_format"),
    (IMAGEN, {"response_format": "url"}, "response_format"),
    (PAINTER, {"background": "transparent"}, "background"),
    (STABLE, {"size": "1000x100"}, "size"),
    (CANVAS, {"size": "16:9"}, "size"),
    (PAINTER, {"quality": "high"}, "quality"),
    (IMAGEN, {"n": 11}, "n"),
])
def test_what_a_model_cannot_draw_is_refused_by_name(client, upstream, model, options, says):
    with pytest.raises((openai.BadRequestError, openai.UnprocessableEntityError)) as caught:
        client.images.generate(model=model, prompt="a cat", **options)
    assert says in caught.value.message
    assert not upstream.sent


@pytest.mark.parametrize("model", [IMAGEN, PAINTER, STABLE])
def test_what_the_provider_will_not_draw(node, client, model):
    with pytest.raises(openai.BadRequestError) as caught:
        client.images.generate(model=model, prompt="something forbidden")
    assert caught.value.code == "content_filter"
    assert last_row(node)["cost"] in (None, 0)


@pytest.mark.parametrize("model", [IMAGEN, PAINTER, CANVAS, STABLE, QWEN])
@pytest.mark.parametrize("told, seen", [
    ("400", openai.BadRequestError), ("404", openai.NotFoundError), ("429 retry 7", openai.RateLimitError),
    ("401", openai.InternalServerError), ("402", openai.InternalServerError), ("503", openai.InternalServerError),
])
def test_failures_have_the_clients_names(node, client, model, told, seen):
    with pytest.raises(seen) as caught:
        client.images.generate(model=model, prompt=f"fail {told}")
    if "retry" in told:
        assert caught.value.response.headers["retry-after"] == "7"
    assert caught.value.status_code in (400, 404, 429, 502)
    row = last_row(node)
    assert (row["status"], row["status_code"]) == ("error", int(told.split()[0]))


def test_variations(node, upstream, client):
    made = client.images.create_variation(model=CANVAS, image=("cat.png", png(1)), n=2, size="512x512")
    assert [b64decode(picture.b64_json) for picture in made.data] == [png(0), png(1)]
    assert last_row(node)["cost"] == pytest.approx(2 * EACH)
    path, body = upstream.sent[-1]
    assert b64decode(body["imageVariationParams"]["images"][0]) == png(1)
    for model in (IMAGEN, STABLE, RANKERS[0]):
        with pytest.raises(openai.BadRequestError, match="vary|variations"):
            client.images.create_variation(model=model, image=("cat.png", png(1)))


@pytest.mark.parametrize("model", [VOICE, NEW_VOICE, QWEN_VOICE])
@pytest.mark.parametrize("form", [None, "wav", "pcm"])
def test_speech(node, client, tmp_path, model, form):
    options = {"response_format": form} if form else {}
    speech = client.audio.speech.with_streaming_response
    with speech.create(model=model, input="hello", voice="Kore", instructions="Cheerfully", **options) as spoken:
        assert spoken.headers["content-type"] == ("audio/L16" if form == "pcm" else "audio/wav")
        spoken.stream_to_file(tmp_path / "said")
    said = (tmp_path / "said").read_bytes()
    if form == "pcm":
        assert said == SAMPLES
    else:
        with wave.open(io.BytesIO(said)) as sound:
            assert (sound.getframerate(), sound.getnchannels(), sound.getsampwidth()) == (RATE, 1, 2)
            assert sound.readframes(1 << 30) == SAMPLES
    row = last_row(node)
    assert (row["status"], row["cost"], row["endpoint"]) == ("success", pytest.approx(0.006), "/v1/audio/speech")


@pytest.mark.parametrize("model", [VOICE, NEW_VOICE, QWEN_VOICE])
def test_the_first_sound_is_there_before_the_last_is_made(node, upstream, client, model):
    upstream.may_go_on.clear()
    speech = client.audio.speech.with_streaming_response
    with speech.create(model=model, input="hello", voice="Kore", response_format="pcm") as spoken:
        sound = spoken.iter_bytes()
        first = next(sound)
        assert SAMPLES.startswith(first)
        upstream.may_go_on.set()
        assert first + b"".join(sound) == SAMPLES


def test_speech_that_fails(node, client):
    for told, seen in (("400", openai.BadRequestError), ("429 retry 7", openai.RateLimitError), ("503", openai.InternalServerError)):
        for model in (VOICE, QWEN_VOICE):
            with pytest.raises(seen):
                client.audio.speech.create(model=model, input=f"fail {told}", voice="Kore")
            assert last_row(node)["status_code"] == int(told.split()[0])


def test_speech_that_is_mp3_or_not(node, client, upstream):
    said = client.audio.speech.create(model=NEW_VOICE, input="hello", voice="Kore", response_format="mp3")
    assert (said.response.headers["content-type"], said.content) == ("audio/mpeg", MP3)
    assert last_row(node)["cost"] == pytest.approx(0.006)
    upstream.forget()
    with pytest.raises(openai.UnprocessableEntityError, match="wav, pcm"):
        client.audio.speech.create(model=VOICE, input="hello", voice="Kore", response_format="mp3")
    assert not upstream.sent


@pytest.mark.parametrize("model", [XAI_VOICE, VOXTRAL])
def test_speech_that_is_one_file(node, client, model):
    said = client.audio.speech.create(model=model, input="hello", voice="Kore")
    assert (said.response.headers["content-type"], said.content) == ("audio/mpeg", MP3)
    assert last_row(node)["cost"] == pytest.approx(0.006)
    for told, seen in (("400", openai.BadRequestError), ("429 retry 7", openai.RateLimitError), ("503", openai.InternalServerError)):
        with pytest.raises(seen):
            client.audio.speech.create(model=model, input=f"fail {told}", voice="Kore")
        assert last_row(node)["status_code"] == int(told.split()[0])


def test_recordings_are_written_down(node, client):
    file = ("said.wav", WAV)
    heard = client.audio.transcriptions.create(model=EAR, file=file, language="en", prompt="Otari")
    assert heard.text == SAID
    assert client.audio.transcriptions.create(model=EAR, file=file, response_format="text") == SAID
    assert client.audio.translations.create(model=EAR, file=file).text == SAID
    assert client.audio.translations.create(model=EAR, file=file, response_format="text") == SAID
    row = last_row(node)
    assert (row["endpoint"], row["cost"]) == ("/v1/audio/translations", pytest.approx(0.006))


@pytest.mark.parametrize("model", [EAR, TRANSCRIBER])
def test_words_come_as_they_are_heard(node, upstream, client, model):
    upstream.may_go_on.clear()
    stream = client.audio.transcriptions.create(model=model, file=("said.wav", WAV), stream=True)
    first = next(stream)
    assert SAID.startswith(first.delta)
    upstream.may_go_on.set()
    events = [first, *stream]
    assert [event.type for event in events][-1] == "transcript.text.done"
    assert len(events) > 2 and "".join(event.delta for event in events[:-1]) == SAID
    assert events[-1].text == SAID
    assert model == TRANSCRIBER or events[-1].usage.output_tokens == 9
    row = last_row(node)
    assert (row["status"], row["cost"]) == ("success", pytest.approx(0.006))


def test_transcripts_in_every_form(node, client):
    file = ("said.wav", WAV)
    for endpoint in (client.audio.transcriptions, client.audio.translations):
        assert endpoint.create(model=WHISPER, file=file).text == SAID
        assert endpoint.create(model=WHISPER, file=file, response_format="text") == SAID
        for form, begins in (("srt", "1\n00:00:00"), ("vtt", "WEBVTT")):
            written = endpoint.create(model=WHISPER, file=file, response_format=form)
            assert written.startswith(begins) and SAID in written
        verbose = endpoint.create(model=WHISPER, file=file, response_format="verbose_json")
        assert (verbose.duration, verbose.segments[0].end) == (2.5, 2.5)
    assert last_row(node)["cost"] == pytest.approx(0.006)


def test_who_does_not_stream_answers_whole(node, upstream):
    with node.http(node.key) as http:
        answer = http.post("/v1/audio/transcriptions", data={"model": WHISPER, "stream": "true"}, files={"file": WAV})
    assert (answer.status_code, answer.json()) == (200, {"text": SAID})
    assert upstream.sent[-1][1]["stream"] == "true"


@pytest.mark.parametrize("model", [EAR, WORD_EAR])
def test_transcripts_with_times(node, upstream, client, model):
    ask = client.audio.transcriptions.create
    for form, begins in (("srt", "1\n00:00:00,000 --> 00:00:0"), ("vtt", "WEBVTT\n\n00:00:00.000 --> 00:00:0")):
        written = ask(model=model, file=("said.wav", WAV), response_format=form)
        assert written.startswith(begins) and SAID in written
    verbose = ask(model=model, file=("said.wav", WAV), response_format="verbose_json", timestamp_granularities=["segment"])
    assert (verbose.text, verbose.segments[0].text, verbose.segments[0].start) == (SAID, SAID, 0.0)
    assert verbose.duration == verbose.segments[0].end > 1
    assert last_row(node)["cost"] == pytest.approx(0.006)


def test_times_of_words(node, upstream, client):
    ask = client.audio.transcriptions.create
    options = {"file": ("said.wav", WAV), "response_format": "verbose_json", "timestamp_granularities": ["word"]}
    verbose = ask(model=WORD_EAR, **options)
    assert [word.word for word in verbose.words] == SAID.split()
    assert (verbose.words[1].start, verbose.words[1].end) == (0.5, 0.9)
    upstream.forget()
    with pytest.raises(openai.UnprocessableEntityError, match="no times of words"):
        ask(model=EAR, **options)
    assert not upstream.sent


def test_another_ear(node, upstream, client):
    for model in (QWEN_EAR, WORD_EAR):
        heard = client.audio.transcriptions.create(model=model, file=("said.wav", WAV), language="en", prompt="Otari, Ada")
        assert heard.text == SAID
        assert client.audio.transcriptions.create(model=model, file=("said.wav", WAV), response_format="text") == SAID
        with pytest.raises(openai.BadRequestError, match="/v1/audio/transcriptions"):
            client.audio.translations.create(model=model, file=("said.wav", WAV))
    with pytest.raises(openai.RateLimitError):
        client.audio.transcriptions.create(model=QWEN_EAR, file=("said.wav", WAV), prompt="fail")
    assert last_row(node)["status_code"] == 429


@pytest.mark.parametrize("model", RANKERS)
def test_documents_are_ranked(node, upstream, model):
    with node.http(node.key) as http:
        body = {"model": model, "query": "tea", "documents": TEXTS, "top_n": 2, "return_documents": True}
        answer = http.post("/v1/rerank", json=body)
        assert answer.status_code == 200, answer.text
        results = answer.json()["results"]
        assert [result["index"] for result in results] == [1, 2]
        assert results[0]["relevance_score"] > results[1]["relevance_score"] > 0
        assert results[0]["document"] == {"text": "tea"}
        for told, seen in (("400", 400), ("401", 502), ("402", 502), ("404", 404), ("429 retry 7", 429), ("500", 502)):
            answer = http.post("/v1/rerank", json={**body, "query": f"fail {told}"})
            assert answer.status_code == seen, answer.text
            assert last_row(node)["status_code"] == int(told.split()[0])


def test_bad_input_says_what_to_do(node, upstream):
    with httpx.Client(base_url=node.url, headers={"authorization": f"Bearer {node.key}"}) as http:
        for path, options, status, says in (
            ("/v1/images/generations", {"json": {"model": IMAGEN}}, 422, "prompt"),
            ("/v1/images/edits", {"json": {"model": PAINTER}}, 422, "multipart/form-data"),
            ("/v1/images/edits", {"data": {"model": PAINTER, "prompt": "x"}, "files": {"image": b"text"}}, 422, "png"),
            ("/v1/audio/transcriptions", {"data": {"model": EAR}, "files": {"file": b"text"}}, 422, "wav"),
            ("/v1/audio/transcriptions", {"data": {"model": EAR}, "files": {"sound": WAV}}, 422, "file"),
            ("/v1/audio/speech", {"json": {"model": VOICE, "input": "hi"}}, 422, "voice"),
            ("/v1/audio/speech", {"json": {"model": IMAGEN.replace("gemini", "cohere"), "input": "hi", "voice": "a"}}, 400, "speech"),
            ("/v1/rerank", {"json": {"model": RANKERS[0], "query": "q", "documents": []}}, 422, "documents"),
        ):
            answer = http.post(path, **options)
            assert (answer.status_code, says in answer.text) == (status, True), f"{path}: {answer.status_code} {answer.text}"
    assert not upstream.sent
