"""The published `otari` SDK, unchanged: it speaks to `/api/v1` and parses answers into strict types."""

import asyncio

import pytest
from otari import AsyncOtariClient, OtariClient
from otari import _client as shapes
from otari.errors import AuthenticationError, InsufficientFundsError, ModelNotFoundError, RateLimitError

from gateway import MASTER_KEY

MESSAGES = [{"role": "user", "content": "hello there"}]
MODEL = "echo:chat"


@pytest.fixture
def client(gateway):
    key = gateway.new_key("ada")
    with OtariClient(gateway.url, api_key=key, admin_key=MASTER_KEY) as client:
        yield client


@pytest.fixture
def operator(client):
    return client.control_plane


def test_completion(client):
    answer = client.completion(model=MODEL, messages=MESSAGES)
    assert answer.choices[0].message.content == "echo: hello there"
    assert answer.usage.total_tokens == 8


def test_completion_with_tools(client):
    tool = {"type": "function", "function": {"name": "weather", "parameters": {"type": "object"}}}
    messages = [{"role": "user", "content": 'call weather {"city":"Oslo"}'}]
    answer = client.completion(model=MODEL, messages=messages, tools=[tool])
    assert answer.to_dict()["choices"][0]["message"]["tool_calls"][0]["function"]["name"] == "weather"


def test_stream(client):
    chunks = list(client.completion(model=MODEL, messages=MESSAGES, stream=True))
    text = "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices)
    assert text == "echo: hello there"
    assert chunks[-1].usage.total_tokens == 8


def test_learned_router(client, operator):
    routing = shapes.RoutingApi(operator._api_client)
    client.completion(model=MODEL, messages=MESSAGES)
    example = shapes.ScoredExample(prompt="say hello", scores={MODEL: 0.5, "echo:other": 1})
    taught = routing.routing_rank_candidates(
        shapes.RankRequest(user_id="ada", examples=[example])
    )
    assert (taught.recorded, taught.pools[0].records, taught.pools[0].warm) == (1, 1, False)
    status = routing.routing_routing_memory_status(user_id="ada")
    assert (status.default_pool.records, status.embedding_model, status.policies) == (1, "otari:words", [])


def test_asynchronous_completion_and_stream(gateway):
    async def both():
        async with AsyncOtariClient(gateway.url, api_key=gateway.new_key("bo")) as client:
            answer = await client.completion(model=MODEL, messages=MESSAGES)
            stream = await client.completion(model=MODEL, messages=MESSAGES, stream=True)
            pieces = [chunk.choices[0].delta.content or "" async for chunk in stream if chunk.choices]
            return answer.choices[0].message.content, "".join(pieces)

    assert asyncio.run(both()) == ("echo: hello there", "echo: hello there")


def test_models(client):
    assert MODEL in [model.id for model in client.list_models()]


def test_request_id_and_metadata(client):
    answer = client.with_response_metadata.completion(model=MODEL, messages=MESSAGES)
    assert answer.data.choices[0].message.content == "echo: hello there"
    assert answer.request_id


def test_keys(gateway, operator):
    made = operator.keys.create(shapes.CreateKeyRequest(key_name="ci", user_id="ada", metadata={"team": "x"}))
    assert made.key.startswith("gw-")
    with OtariClient(gateway.url, api_key=made.key) as holder:
        holder.completion(model=MODEL, messages=MESSAGES)
        assert operator.keys.get(made.id).key_name == "ci"
        assert made.id in [key.id for key in operator.keys.list(limit=50)]
        changed = operator.keys.update(made.id, shapes.UpdateKeyRequest(is_active=False, key_name="off"))
        assert (changed.is_active, changed.key_name) == (False, "off")
        with pytest.raises(AuthenticationError):
            holder.completion(model=MODEL, messages=MESSAGES)
    operator.keys.delete(made.id)
    with pytest.raises(ModelNotFoundError, match="not found"):
        operator.keys.get(made.id)


def test_users(operator):
    budget = operator.budgets.create(shapes.CreateBudgetRequest(max_budget=5.0))
    made = operator.users.create(shapes.CreateUserRequest(user_id="cy", alias="Cy", budget_id=budget.budget_id))
    assert (made.user_id, made.alias, made.budget_id) == ("cy", "Cy", budget.budget_id)
    assert operator.users.get("cy").spend == 0
    assert "cy" in [user.user_id for user in operator.users.list()]
    assert operator.users.update("cy", shapes.UpdateUserRequest(alias="Cyd", blocked=True)).blocked
    assert operator.users.get_usage("cy") == []
    operator.users.delete("cy")
    with pytest.raises(ModelNotFoundError):
        operator.users.get("cy")


def test_budgets(operator):
    made = operator.budgets.create(shapes.CreateBudgetRequest(max_budget=12.5, budget_duration_sec=86400))
    assert operator.budgets.get(made.budget_id).max_budget == 12.5
    assert made.budget_id in [budget.budget_id for budget in operator.budgets.list()]
    changed = operator.budgets.update(made.budget_id, shapes.UpdateBudgetRequest(max_budget=20.0))
    assert (changed.max_budget, changed.budget_duration_sec) == (20.0, 86400)
    operator.budgets.delete(made.budget_id)
    with pytest.raises(ModelNotFoundError):
        operator.budgets.get(made.budget_id)


def test_pricing(operator):
    model = "echo:dear"
    for price in (3.0, 4.5):
        operator.pricing.set(shapes.SetPricingRequest(
            model_key=model, input_price_per_million=price, output_price_per_million=2 * price,
        ))
    assert operator.pricing.get(model).output_price_per_million == 9.0
    assert model in [price.model_key for price in operator.pricing.list()]
    history = operator.pricing.get_history(model)
    assert [price.input_price_per_million for price in history] == [4.5, 3.0]
    operator.pricing.delete(model)
    with pytest.raises(ModelNotFoundError):
        operator.pricing.get(model)


def test_usage(client, operator):
    for _ in range(3):
        client.completion(model=MODEL, messages=MESSAGES)
    rows = operator.usage.list(user_id="ada")
    assert [row.total_tokens for row in rows] == [8, 8, 8]
    assert rows[0].cost == pytest.approx(8e-6)
    assert [row.id for row in operator.users.get_usage("ada")] == [row.id for row in rows]
    assert [row.id for row in operator.usage.list(skip=1, limit=1)] == [rows[1].id]


def test_errors_have_their_types(gateway, client, operator):
    with OtariClient(gateway.url, api_key="gw-wrong") as stranger, pytest.raises(AuthenticationError):
        stranger.completion(model=MODEL, messages=MESSAGES)
    with pytest.raises(InsufficientFundsError):
        client.completion(model="openai:gpt-unpriced", messages=MESSAGES)
    limited = "echo:chat+fail=429+retry_after=7"
    with pytest.raises(RateLimitError) as caught:
        client.completion(model=limited, messages=MESSAGES)
    assert caught.value.retry_after == "7"
    with pytest.raises(RateLimitError):
        list(client.completion(model=limited, messages=MESSAGES, stream=True))


def test_a_used_up_budget_is_a_refusal_the_sdk_knows(gateway):
    key = gateway.new_key("poor", {"max_budget": 0.000001})
    with OtariClient(gateway.url, api_key=key) as client, pytest.raises(AuthenticationError) as caught:
        client.completion(model=MODEL, messages=MESSAGES)
    # 403, as Otari has always answered.
    assert caught.value.status_code == 403
    assert "budget" in caught.value.message
