"""A routing policy over four dialects: the official clients notice nothing when a provider goes away."""

import anthropic
import openai
import pytest

from scripted import Failure, obliging
from sdk_tools import CHAT_TOOL, MESSAGES_TOOL, ONE, RESPONSES_TOOL, weather

ORDER = ["openai", "anthropic", "gemini", "cohere"]
"""Of the policy `resilient`."""


@pytest.fixture
def down(upstream):
    """The providers that are away."""
    down = set()

    def script(ask):
        if ask.dialect in down:
            raise Failure(503)
        return obliging(ask)

    upstream.script = script
    return down


def chat(client, messages, streamed):
    options = {"model": "resilient", "messages": messages, "tools": [CHAT_TOOL], "reasoning_effort": "medium"}
    if not streamed:
        return client.chat.completions.create(**options).choices[0].message
    with client.chat.completions.stream(**options) as stream:
        return stream.get_final_completion().choices[0].message


@pytest.mark.parametrize("away", range(4))
@pytest.mark.parametrize("streamed", [False, True], ids=["whole", "stream"])
def test_the_next_provider_answers(translator, upstream, down, away, streamed):
    down.update(ORDER[:away])
    with openai.OpenAI(base_url=f"{translator.url}/v1", api_key=translator.key, max_retries=0) as client:
        answer = chat(client, [{"role": "user", "content": "hello"}], streamed)
    assert answer.content == f"{ORDER[away]} heard: hello"
    assert [ask.dialect for ask in upstream.asks] == ORDER[:away + 1]


@pytest.mark.parametrize("began", range(3))
@pytest.mark.parametrize("streamed", [False, True], ids=["whole", "stream"])
class TestAmidToolCalls:
    """The model that asked for a tool is away when the result comes."""

    def test_chat(self, translator, upstream, down, began, streamed):
        question = [{"role": "user", "content": ONE}]
        down.update(ORDER[:began])
        with openai.OpenAI(base_url=f"{translator.url}/v1", api_key=translator.key, max_retries=0) as client:
            first = chat(client, question, streamed)
            down.add(ORDER[began])
            result = {"role": "tool", "tool_call_id": first.tool_calls[0].id, "content": weather("Oslo")}
            last = chat(client, [*question, first, result], streamed)
        assert last.content == "results: rain in Oslo"
        assert upstream.last.dialect == ORDER[began + 1]

    def test_messages(self, translator, upstream, down, began, streamed):
        def ask(messages):
            options = {
                "model": "resilient", "max_tokens": 4096, "messages": messages, "tools": [MESSAGES_TOOL],
                "thinking": {"type": "enabled", "budget_tokens": 1024},
            }
            if not streamed:
                return client.messages.create(**options)
            with client.messages.stream(**options) as stream:
                return stream.get_final_message()

        question = {"role": "user", "content": ONE}
        down.update(ORDER[:began])
        with anthropic.Anthropic(base_url=translator.url, api_key=translator.key, max_retries=0) as client:
            first = ask([question])
            down.add(ORDER[began])
            result = {"type": "tool_result", "tool_use_id": first.content[-1].id, "content": weather("Oslo")}
            turns = [{"role": "assistant", "content": first.content}, {"role": "user", "content": [result]}]
            last = ask([question, *turns])
        assert last.content[-1].text == "results: rain in Oslo"
        assert upstream.last.dialect == ORDER[began + 1]

    def test_responses(self, translator, upstream, down, began, streamed):
        def ask(**options):
            options = {"model": "resilient", "tools": [RESPONSES_TOOL], "reasoning": {"effort": "medium"}, **options}
            if not streamed:
                return client.responses.create(**options)
            with client.responses.stream(**options) as stream:
                return stream.get_final_response()

        down.update(ORDER[:began])
        with openai.OpenAI(base_url=f"{translator.url}/v1", api_key=translator.key, max_retries=0) as client:
            first = ask(input=ONE)
            down.add(ORDER[began])
            call = next(item for item in first.output if item.type == "function_call")
            result = {"type": "function_call_output", "call_id": call.call_id, "output": weather("Oslo")}
            last = ask(input=[result], previous_response_id=first.id)
        assert last.output_text == "results: rain in Oslo"
        assert upstream.last.dialect == ORDER[began + 1]
