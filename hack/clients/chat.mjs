// Asks a running server what users ask with OpenAI's client for JavaScript. Prints one line for each thing that holds; fails at the first that
// does not. The packages are looked for beside the folder's package.json.
//
//   node chat.mjs FOLDER URL KEY PICTURE PICTURE_URL QUESTION ANSWER
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';

const [folder, url, apiKey, picture, pictureURL, question, expected] = process.argv.slice(2);
const { default: OpenAI } = createRequire(`${folder}/package.json`)('openai');
const client = new OpenAI({ baseURL: `${url}/v1`, apiKey, maxRetries: 0, timeout: 120_000 });
const dataURL = `data:image/png;base64,${readFileSync(picture).toString('base64')}`;

const show = (text, pictures = 1) => ({ role: 'user', content: [...Array(pictures).fill({ type: 'image_url', image_url: { url: dataURL, detail: 'auto' } }), { type: 'text', text }] });
const ask = (more = {}) => client.chat.completions.create({ model: 'tiny', max_completion_tokens: 32, temperature: 0, messages: [show(question)], ...more });
const refused = (more, kind, fields) => assert.rejects(ask(more), (e) => {
  assert(e instanceof kind, `${e}`);
  for (const [name, want] of Object.entries(fields)) assert.equal(e[name], want, `${name} of ${e}`);
  return true;
});

const checks = {
  async models() {
    const ids = [];
    for await (const m of client.models.list()) ids.push(m.id);
    assert.deepEqual(ids, ['tiny']);
  },
  async 'a picture'() {
    const c = await ask();
    assert.equal(c.choices[0].message.content, expected);
    assert.equal(c.choices[0].finish_reason, 'stop');
    assert.equal(c.usage.total_tokens, c.usage.prompt_tokens + c.usage.completion_tokens);
  },
  async 'a picture by URL'() {
    const c = await ask({ messages: [{ role: 'user', content: [{ type: 'image_url', image_url: { url: pictureURL } }, { type: 'text', text: question }] }] });
    assert.equal(c.choices[0].message.content, expected);
  },
  async 'several pictures and turns'() {
    const first = await ask({ messages: [show(question, 2)] });
    const second = await ask({ messages: [show(question, 2), first.choices[0].message, { role: 'user', content: question }] });
    assert(second.choices[0].message.content && second.usage.prompt_tokens > first.usage.prompt_tokens);
  },
  async 'a stream with usage'() {
    let text = '', usage = null, finish = null;
    for await (const c of await ask({ stream: true, stream_options: { include_usage: true } })) {
      text += c.choices[0]?.delta?.content ?? '';
      finish = c.choices[0]?.finish_reason ?? finish;
      usage = c.usage ?? usage;
    }
    assert.equal(text, expected);
    assert.equal(finish, 'stop');
    assert(usage.completion_tokens > 1);
  },
  async 'the stream helper'() {
    const stream = client.chat.completions.stream({ model: 'tiny', max_completion_tokens: 32, temperature: 0, messages: [show(question)] });
    assert.equal((await stream.finalChatCompletion()).choices[0].message.content, expected);
  },
  async 'a stream that is left'() {
    for await (const c of await ask({ stream: true })) if (c.id) break;
    const aborted = new AbortController();
    const stream = await client.chat.completions.create({ model: 'tiny', messages: [show(question)], stream: true }, { signal: aborted.signal });
    aborted.abort();
    for await (const c of stream) assert(c);
    assert.equal((await ask()).choices[0].message.content, expected);
  },
  async 'stop and length'() {
    assert.equal((await ask({ stop: expected[2] })).choices[0].message.content, expected.slice(0, 2));
    assert.equal((await ask({ max_tokens: 1, max_completion_tokens: undefined })).choices[0].finish_reason, 'length');
  },
  async 'log probabilities'() {
    const { content } = (await ask({ logprobs: true, top_logprobs: 2 })).choices[0].logprobs;
    assert.equal(content.map((t) => t.token).join(''), expected);
    assert(content.every((t) => t.logprob <= 0 && t.top_logprobs.length === 2));
  },
  async refusals() {
    await refused({ n: 2 }, OpenAI.BadRequestError, { status: 400, param: 'n' });
    await refused({ messages: [] }, OpenAI.BadRequestError, { status: 400, param: 'messages' });
    await refused({ temperature: 3 }, OpenAI.BadRequestError, { status: 400, param: 'temperature' });
    await refused({ response_format: { type: 'json_object' } }, OpenAI.BadRequestError, { status: 400, param: 'response_format' });
    await refused({ model: 'gpt-9' }, OpenAI.NotFoundError, { status: 404, code: 'model_not_found' });
    await refused({ messages: [{ role: 'user', content: 'x'.repeat(3 << 20) }] }, OpenAI.APIError, { status: 413 });
  },
  async keys() {
    await assert.rejects(new OpenAI({ baseURL: `${url}/v1`, apiKey: 'sk-wrong', maxRetries: 0 }).models.list(), (e) => e instanceof OpenAI.AuthenticationError && e.status === 401);
  },
  async 'many at once'() {
    const answers = await Promise.all(Array.from({ length: 4 }, () => ask()));
    assert(answers.every((a) => a.choices[0].message.content === expected));
  },
};

for (const [name, check] of Object.entries(checks)) {
  await check();
  console.log('ok', name);
}
