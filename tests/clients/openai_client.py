"""The official Python client of OpenAI's API, unchanged, against a running punchcard.

Run by `tests/clients/main.rs`, which says in the environment where punchcard is and scripts what the
model answers to each word.
"""

import asyncio
import os
import uuid

import openai
from openai import AsyncOpenAI, OpenAI

BASE = os.environ["PUNCHCARD_URL"] + "/v1"
KEY = os.environ["PUNCHCARD_KEY"]
FULL_KEY = os.environ["PUNCHCARD_FULL_KEY"]

client = OpenAI(base_url=BASE, api_key=KEY)


def user(text):
    return [{"role": "user", "content": text}]


def raised(kind, call):
    try:
        call()
    except kind as error:
        assert type(error) is kind, repr(error)
        return error
    raise AssertionError(f"no {kind.__name__}")


def a_completion_comes_in_one_piece():
    whole = client.chat.completions.create(
        model="say", messages=user("ping"), user="min", metadata={"a": "b"}, temperature=0.5
    )
    assert whole.choices[0].message.content == "pong 🙂", whole
    assert whole.choices[0].message.role == "assistant"
    assert whole.choices[0].finish_reason == "stop"
    assert whole.object == "chat.completion" and whole.model == "say"
    usage = whole.usage
    assert (usage.prompt_tokens, usage.completion_tokens, usage.total_tokens) == (11, 7, 18)
    assert whole.id.startswith("chatcmpl-")


def a_completion_comes_in_chunks():
    chunks = list(
        client.chat.completions.create(
            model="say",
            messages=user("ping"),
            stream=True,
            stream_options={"include_usage": True},
        )
    )
    assert chunks[0].choices[0].delta.role == "assistant"
    texts = [c.choices[0].delta.content or "" for c in chunks if c.choices]
    assert "".join(texts) == "pong 🙂", texts
    assert chunks[-2].choices[0].finish_reason == "stop"
    assert chunks[-1].choices == [] and chunks[-1].usage.total_tokens == 18
    assert len({c.id for c in chunks}) == 1


def the_streaming_helper_gathers_them():
    with client.chat.completions.stream(model="say", messages=user("ping")) as stream:
        for _ in stream:
            pass
        whole = stream.get_final_completion()
    assert whole.choices[0].message.content == "pong 🙂", whole


def chunks_are_iterated_asynchronously():
    async def read():
        async with AsyncOpenAI(base_url=BASE, api_key=KEY) as asynchronous:
            stream = await asynchronous.chat.completions.create(
                model="say", messages=user("ping"), stream=True
            )
            text = ""
            async for chunk in stream:
                text += chunk.choices[0].delta.content or ""
            whole = await asynchronous.chat.completions.create(model="say", messages=user("ping"))
            return text, whole.choices[0].message.content

    assert asyncio.run(read()) == ("pong 🙂", "pong 🙂")


def headers_name_the_ticket():
    raw = client.chat.completions.with_raw_response.create(model="say", messages=user("ping"))
    ticket = raw.headers["x-punchcard-ticket"]
    assert raw.status_code == 200 and raw.parse().id == f"chatcmpl-{ticket}"
    with client.chat.completions.with_streaming_response.create(
        model="say", messages=user("ping"), stream=True
    ) as response:
        assert response.headers["x-punchcard-ticket"]
        lines = list(response.iter_lines())
    assert lines[-2] == "data: [DONE]" or lines[-1] == "data: [DONE]", lines[-3:]


def a_conversation_follows_a_prompt_without_variables():
    talk = [
        {"role": "developer", "content": "Stay polite."},
        {"role": "user", "content": [{"type": "text", "text": "hello"}]},
    ]
    first = client.chat.completions.create(model="talk", messages=talk)
    # What came back can be sent on as it is.
    talk += [first.choices[0].message, *user("ping")]
    second = client.chat.completions.create(model="talk", messages=talk)
    assert second.choices[0].message.content == "pong 🙂"


def an_input_fills_in_a_prompt():
    whole = client.chat.completions.create(
        model="translate",
        messages=[],
        extra_body={"input": {"text": "ping", "language": "Korean"}},
    )
    assert whole.choices[0].message.content == "pong 🙂"


def models_are_listed_and_found():
    names = [model.id for model in client.models.list()]
    assert {"say", "talk", "review"} <= set(names) and "chat" not in names, names
    model = client.models.retrieve("say")
    assert (model.id, model.object, model.owned_by) == ("say", "model", "acme")
    error = raised(openai.NotFoundError, lambda: client.models.retrieve("nothing"))
    assert error.code == "model_not_found"


def errors_are_those_that_the_client_knows():
    create = client.chat.completions.create
    wrong = OpenAI(base_url=BASE, api_key="wrong")
    error = raised(
        openai.AuthenticationError,
        lambda: wrong.chat.completions.create(model="say", messages=user("ping")),
    )
    assert (error.status_code, error.code) == (401, "unauthorized")
    error = raised(openai.NotFoundError, lambda: create(model="nothing", messages=user("ping")))
    assert (error.code, error.param) == ("model_not_found", "model")
    error = raised(openai.BadRequestError, lambda: create(model="say", messages=user("ping"), n=2))
    assert (error.code, error.param) == ("unsupported_parameter", "n")
    assert error.type == "invalid_request_error" and "not supported" in error.message
    error = raised(
        openai.UnprocessableEntityError, lambda: create(model="translate", messages=user("ping"))
    )
    assert (error.code, error.param) == ("invalid_input", "input.language")


def too_much_is_a_rate_limit_with_a_time_to_come_back():
    full = OpenAI(base_url=BASE, api_key=FULL_KEY, max_retries=0)
    held = full.chat.completions.with_raw_response.create(
        model="say", messages=user("held"), extra_headers={"Prefer": "respond-async"}
    )
    assert held.status_code == 202 and held.headers["location"].startswith("/v1/tickets/")
    error = raised(
        openai.RateLimitError,
        lambda: full.chat.completions.create(model="say", messages=user("ping")),
    )
    assert error.code == "too_many_open_tickets" and int(error.response.headers["retry-after"]) >= 1


def a_ticket_outlives_the_patience_of_its_client():
    key = {"Idempotency-Key": str(uuid.uuid4())}
    hasty = client.with_options(timeout=0.3, max_retries=0)
    ask = dict(model="say", messages=user("slow"), extra_headers=key)
    raised(openai.APITimeoutError, lambda: hasty.chat.completions.create(**ask))
    whole = client.chat.completions.create(**ask)
    assert whole.choices[0].message.content == "at last", "asked once, answered later"


def a_client_that_retries_by_itself_gets_the_same_ticket():
    key = {"Idempotency-Key": str(uuid.uuid4())}
    patient = client.with_options(timeout=0.4, max_retries=10)
    whole = patient.chat.completions.create(model="say", messages=user("slow"), extra_headers=key)
    assert whole.choices[0].message.content == "at last"


def a_failed_ticket_is_not_tried_again_by_the_client():
    error = raised(
        openai.InternalServerError,
        lambda: client.chat.completions.create(model="say", messages=user("refused")),
    )
    assert (error.status_code, error.code) == (502, "ticket_failed")
    assert error.body["ticket"]


def a_stream_that_cannot_go_on_raises():
    stream = client.chat.completions.create(model="say", messages=user("turning"), stream=True)
    text = ""

    def read():
        nonlocal text
        for chunk in stream:
            text += chunk.choices[0].delta.content or ""

    error = raised(openai.APIError, read)
    assert (text, error.code) == ("one ", "answer_changed"), (text, error)


for test in [
    a_completion_comes_in_one_piece,
    a_completion_comes_in_chunks,
    the_streaming_helper_gathers_them,
    chunks_are_iterated_asynchronously,
    headers_name_the_ticket,
    a_conversation_follows_a_prompt_without_variables,
    an_input_fills_in_a_prompt,
    models_are_listed_and_found,
    errors_are_those_that_the_client_knows,
    too_much_is_a_rate_limit_with_a_time_to_come_back,
    a_ticket_outlives_the_patience_of_its_client,
    a_client_that_retries_by_itself_gets_the_same_ticket,
    a_failed_ticket_is_not_tried_again_by_the_client,
    a_stream_that_cannot_go_on_raises,
]:
    test()
    print("passed", test.__name__)
print("all passed")
