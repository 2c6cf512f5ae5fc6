"""Asks a running server what users ask with OpenAI's client for Python. Prints one line for each thing that holds; fails at the first that does not.

    python chat.py URL KEY PICTURE PICTURE_URL QUESTION ANSWER
"""
import asyncio
import base64
import sys

import openai

url, key, picture, picture_url, question, expected = sys.argv[1:]
client = openai.OpenAI(base_url=url + "/v1", api_key=key, max_retries=0, timeout=120)
with open(picture, "rb") as f:
    data_url = "data:image/png;base64," + base64.b64encode(f.read()).decode()


def show(text, pictures=1):
    return {"role": "user", "content": [{"type": "image_url", "image_url": {"url": data_url}}] * pictures + [{"type": "text", "text": text}]}


def ask(messages=None, **more):
    return client.chat.completions.create(**{"model": "tiny", "max_completion_tokens": 32, "temperature": 0, "messages": messages or [show(question)], **more})


def refused(kind, status, param=None, code=None, **more):
    try:
        ask(**more)
    except kind as e:
        assert e.status_code == status, (e.status_code, status)
        assert param is None or e.param == param, (e.param, param)
        assert code is None or e.code == code, (e.code, code)
        assert e.body["message"] and e.body["type"], e.body
        return e
    raise AssertionError(f"{more}: not refused")


def models():
    assert [m.id for m in client.models.list()] == ["tiny"]
    assert client.models.retrieve("tiny").object == "model"


def a_picture():
    c = ask()
    assert c.choices[0].message.content == expected, c
    assert c.choices[0].finish_reason == "stop" and c.choices[0].message.role == "assistant"
    assert c.object == "chat.completion" and c.id and c.created and c.model == "tiny"
    assert c.usage.total_tokens == c.usage.prompt_tokens + c.usage.completion_tokens


def a_picture_by_url():
    def at(address):
        return [{"role": "user", "content": [{"type": "image_url", "image_url": {"url": address}}, {"type": "text", "text": question}]}]

    assert ask(at(picture_url)).choices[0].message.content == expected
    refused(openai.BadRequestError, 400, "messages[0].content[0].image_url.url", "invalid_image", messages=at("http://169.254.169.254/latest/meta-data/"))
    refused(openai.BadRequestError, 400, "messages[0].content[0].image_url.url", "invalid_image", messages=at(picture_url + ".missing"))


def several_pictures():
    one, two = ask().usage.prompt_tokens, ask([show(question, 2)])
    assert two.choices[0].message.content and two.usage.prompt_tokens > one + 100


def several_turns():
    first = ask()
    turns = [show(question), first.choices[0].message.model_dump(exclude_none=True), {"role": "user", "content": question}]
    assert ask(turns).choices[0].message.content
    assert ask([{"role": "developer", "content": "Be brief."}, *turns]).choices[0].message.content


def a_stream_with_usage():
    chunks = list(ask(stream=True, stream_options={"include_usage": True}))
    assert "".join(c.choices[0].delta.content or "" for c in chunks if c.choices) == expected
    assert chunks[0].choices[0].delta.role == "assistant" and not chunks[-1].choices and chunks[-1].usage.completion_tokens > 1
    assert [c.choices[0].finish_reason for c in chunks if c.choices][-1] == "stop" and len({c.id for c in chunks}) == 1


def the_stream_helper():
    with client.chat.completions.stream(model="tiny", messages=[show(question)], max_completion_tokens=32, temperature=0) as stream:
        assert stream.until_done() is not None and stream.get_final_completion().choices[0].message.content == expected


def a_stream_that_is_left():
    stream = ask(stream=True)
    next(iter(stream))
    stream.close()
    assert ask().choices[0].message.content == expected


def stop():
    c = ask(stop=[expected[2]])
    assert c.choices[0].message.content == expected[:2] and c.choices[0].finish_reason == "stop", c


def length():
    c = ask(max_completion_tokens=1)
    assert c.choices[0].finish_reason == "length" and c.usage.completion_tokens == 1


def seed():
    draws = [ask([{"role": "user", "content": "hello"}], temperature=2, seed=s, max_completion_tokens=12).choices[0].message.content for s in (1, 1, 2, 3, 4)]
    assert draws[0] == draws[1] and len(set(draws)) > 1, draws


def log_probabilities():
    c = ask(logprobs=True, top_logprobs=3).choices[0]
    assert "".join(t.token for t in c.logprobs.content) == expected
    for t in c.logprobs.content:
        assert t.logprob <= 0 and len(t.top_logprobs) == 3 and bytes(t.bytes).decode() == t.token
    chunks = [c for c in ask(logprobs=True, stream=True) if c.choices and c.choices[0].logprobs]
    assert "".join(t.token for c in chunks for t in c.choices[0].logprobs.content) == expected


def refusals():
    refused(openai.BadRequestError, 400, "n", n=2)
    refused(openai.BadRequestError, 400, "messages", extra_body={"messages": []})
    refused(openai.BadRequestError, 400, "colour", extra_body={"colour": "red"})
    refused(openai.BadRequestError, 400, "temperature", temperature=3)
    refused(openai.BadRequestError, 400, "max_tokens", "context_length_exceeded", max_completion_tokens=10**9)
    refused(openai.BadRequestError, 400, "response_format", response_format={"type": "json_schema", "json_schema": {"name": "a", "schema": {"type": "object"}}})
    refused(openai.BadRequestError, 400, "tools", tools=[{"type": "function", "function": {"name": "f", "parameters": {}}}])
    refused(openai.BadRequestError, 400, messages=[{"role": "user", "content": [{"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}}]}])
    refused(openai.NotFoundError, 404, None, "model_not_found", model="gpt-9")
    refused(openai.APIStatusError, 413, messages=[{"role": "user", "content": "x" * (3 << 20)}])


def keys():
    for wrong in ("", "sk-wrong"):
        try:
            client.with_options(api_key=wrong or "none").models.list()
        except openai.AuthenticationError as e:
            assert e.status_code == 401 and e.code == "invalid_api_key", e
        else:
            raise AssertionError("a wrong key was taken")


def many_at_once():
    async def run():
        many = openai.AsyncOpenAI(base_url=url + "/v1", api_key=key, max_retries=0, timeout=120)
        answers = await asyncio.gather(*(many.chat.completions.create(model="tiny", messages=[show(question)], max_completion_tokens=32, temperature=0) for _ in range(4)))
        assert {a.choices[0].message.content for a in answers} == {expected}
        assert len({a.id for a in answers}) == 4

    asyncio.run(run())


def headers():
    r = client.chat.completions.with_raw_response.create(model="tiny", messages=[show(question)], max_completion_tokens=32, temperature=0)
    assert r.headers["x-request-id"] and r.parse()._request_id == r.headers["x-request-id"]
    assert 1 <= int(r.headers["x-aircache-retention-permille"]) <= 1000


for check in (models, a_picture, a_picture_by_url, several_pictures, several_turns, a_stream_with_usage, the_stream_helper, a_stream_that_is_left, stop, length, seed,
              log_probabilities, refusals, keys, many_at_once, headers):
    check()
    print("ok", check.__name__.replace("_", " "))
