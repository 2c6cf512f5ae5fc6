"""Asks a server more at once than it takes, with OpenAI's client for Python: some requests are answered, the others are refused as the client expects.

    python overload.py URL KEY STATUS
"""
import asyncio
import sys

import openai

url, key, status = sys.argv[1], sys.argv[2], int(sys.argv[3])
kinds = {429: openai.RateLimitError, 503: openai.InternalServerError}


async def run():
    client = openai.AsyncOpenAI(base_url=url + "/v1", api_key=key, max_retries=0, timeout=120)
    ask = client.chat.completions.create
    messages = [{"role": "user", "content": "hello"}]
    ended = await asyncio.gather(*(ask(model="tiny", messages=messages, max_completion_tokens=200, temperature=2, seed=i) for i in range(16)), return_exceptions=True)
    answers = [e for e in ended if not isinstance(e, Exception)]
    refusals = [e for e in ended if isinstance(e, Exception)]
    assert answers and refusals, ended
    for e in refusals:
        assert isinstance(e, kinds[status]) and e.status_code == status, repr(e)
        assert int(e.response.headers["retry-after"]) >= 1 and e.body["message"], e.body
    # With its own retries, which wait as long as Retry-After says, the client gets everything answered.
    patient = client.with_options(max_retries=60)
    again = await asyncio.gather(*(patient.chat.completions.create(model="tiny", messages=messages, max_completion_tokens=4, temperature=0) for _ in range(6)))
    assert all(c.choices[0].finish_reason for c in again)


asyncio.run(run())
print("ok refused with", status, "and answered when asked again")
