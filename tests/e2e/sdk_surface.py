"""Every method of `OtariClient`, in any version of the package: `python sdk_surface.py URL KEY`.

Runs on its own, since an old version of the package needs a Python of its own.
"""

import sys
import time

from otari import OtariClient

MESSAGES = [{"role": "user", "content": "hello there"}]
SOUND = b"ID3sound" * 20_000


def text(client):
    answer = client.completion(model="echo:chat", messages=MESSAGES)
    assert answer.choices[0].message.content == "echo: hello there"
    pieces = client.completion(model="echo:chat", messages=MESSAGES, stream=True)
    assert "".join(p.choices[0].delta.content or "" for p in pieces if p.choices) == "echo: hello there"
    response = client.response(model="echo:chat", input="hello there")
    assert "echo: hello there" in str(response)
    assert [event["type"] for event in client.response(model="echo:chat", input="hi", stream=True)][-1] == "response.completed"
    message = client.message(model="echo:chat", messages=MESSAGES, max_tokens=50)
    assert "echo: hello there" in str(message.to_dict())
    events = [event["type"] for event in client.message(model="echo:chat", messages=MESSAGES, max_tokens=50, stream=True)]
    assert (events[0], events[-1]) == ("message_start", "message_stop")
    assert "input_tokens" in str(client.count_tokens(model="echo:chat", messages=MESSAGES))
    assert len(client.embedding(model="echo:embedding", input=["a", "b"]).data) == 2
    assert "echo:chat" in [model.id for model in client.list_models()]


def media(client):
    moderated = client.moderation(model="media:m", input=["hello", "an attack"])
    assert [result.flagged for result in moderated.results] == [False, True]
    ranked = client.rerank(model="media:r", query="tea", documents=["coffee", "a cup of tea"])
    assert [result.index for result in ranked.results] == [1, 0]
    pictures = client.image_generation(model="media:i", prompt="a cat", n=2)
    assert len(pictures.data) == 2 and pictures.data[0].b64_json
    assert client.speech(model="media:s", input="hello", voice="alloy") == SOUND
    heard = client.transcription(model="media:t", file=SOUND, filename="a.mp3")
    assert heard.json["text"] == "the kettle is on"
    assert client.transcription(model="media:t", file=SOUND, response_format="text").text == "the kettle is on"


def batches(client):
    line = {"custom_id": "a", "body": {"messages": MESSAGES, "max_tokens": 20}}
    made = client.create_batch({"model": "echo:chat", "requests": [line]})
    made = made if isinstance(made, dict) else made.to_dict()
    assert made["provider"] == "echo"
    end = time.monotonic() + 30
    while client.retrieve_batch(made["id"], "echo")["status"] != "completed":
        assert time.monotonic() < end, "the batch does not end"
        time.sleep(0.05)
    assert made["id"] in [batch["id"] for batch in client.list_batches("echo", {"limit": 5})]
    results = client.retrieve_batch_results(made["id"], "echo").results
    assert [result.custom_id for result in results] == ["a"]
    assert "echo: hello there" in str(results[0].result)
    other = client.create_batch({"model": "echo:chat+latency=10s", "requests": [line]})
    other = other if isinstance(other, dict) else other.to_dict()
    assert client.cancel_batch(other["id"], "echo")["status"] in ("cancelling", "cancelled")


def main(url, key):
    with OtariClient(url, api_key=key) as client:
        for part in (text, media, batches):
            part(client)
            print(part.__name__)


if __name__ == "__main__":
    main(*sys.argv[1:])
