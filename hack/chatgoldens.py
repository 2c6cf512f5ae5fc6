"""Writes what Jinja2, set up as transformers sets it up, makes of a few forms of chat template.

    pip install transformers jinja2 && python hack/chatgoldens.py

The file is read by the tests of runtime/chat, so that they need no Python.
"""

import json
import pathlib

from transformers.utils.chat_template_utils import render_jinja_template

TEMPLATES = {
    "parts in order": """{%- for message in messages -%}
{{ '<|im_start|>' + message['role'] + '\\n' }}
{%- if message['content'] is string -%}{{ message['content'] }}{%- else -%}
{%- for part in message['content'] -%}
{%- if part['type'] == 'image' -%}{{ '<image>\\n' }}{%- elif part['type'] == 'text' -%}{{ part['text'] }}{%- endif -%}
{%- endfor -%}{%- endif -%}
{{ '<|im_end|>\\n' }}
{%- endfor -%}
{%- if add_generation_prompt -%}{{ '<|im_start|>assistant\\n' }}{%- endif -%}
""",
    "pictures first": """{% for message in messages %}{% if message['role'] != 'system' %}{{ message['role'].upper() + ': '}}{% endif %}
{# pictures #}{% for content in message['content'] | selectattr('type', 'equalto', 'image') %}{{ '<image>\\n' }}{% endfor %}
{# words #}{% if message['role'] != 'assistant' %}{% for content in message['content'] | selectattr('type', 'equalto', 'text') %}{{ content['text'] + ' '}}{% endfor %}
{% else %}{% for content in message['content'] | selectattr('type', 'equalto', 'text') %}{% generation %}{{ content['text'] + ' '}}{% endgeneration %}{% endfor %}{% endif %}{% endfor %}
{% if add_generation_prompt %}{{ 'ASSISTANT:' }}{% endif %}
""",
    "numbered pictures": """{% set count = namespace(value=0) %}{% for message in messages %}{% if loop.first and message['role'] != 'system' %}<|im_start|>system
You are a helpful assistant.<|im_end|>
{% endif %}<|im_start|>{{ message['role'] }}
{% if message['content'] is string %}{{ message['content'] }}<|im_end|>
{% else %}{% for content in message['content'] %}{% if content['type'] == 'image' or 'image' in content or 'image_url' in content %}{% set count.value = count.value + 1 %}Picture {{ count.value }}: <|vision_start|><|image_pad|><|vision_end|>{% elif 'text' in content %}{{ content['text'] }}{% endif %}{% endfor %}<|im_end|>
{% endif %}{% endfor %}{% if add_generation_prompt %}<|im_start|>assistant
{% endif %}""",
    "strings with a beginning": """{{- bos_token }}
{%- if messages[0]['role'] == 'system' %}
    {%- set system = messages[0]['content'] | trim %}
    {%- set rest = messages[1:] %}
{%- else %}
    {%- set system = '' %}
    {%- set rest = messages %}
{%- endif %}
{%- if tools is not none %}{{ raise_exception('no tools here') }}{%- endif %}
{{- '<|start|>system<|end|>\\n\\n' + system + '<|eot|>' if system else '' }}
{%- for message in rest %}
    {%- if (message['role'] == 'user') != (loop.index0 % 2 == 0) %}
        {{- raise_exception('Roles must alternate: user, assistant, user, ...') }}
    {%- endif %}
    {{- '<|start|>' + message['role'] + '<|end|>\\n\\n' + message['content'] | trim + eos_token }}
{%- endfor %}
{%- if add_generation_prompt %}
    {{- '<|start|>assistant<|end|>\\n\\n' }}
{%- endif %}
""",
}
STRINGS = {"strings with a beginning"}
TOKENS = {"bos_token": "<s>", "eos_token": "</s>"}


def text(words):
    return {"type": "text", "text": words}


IMAGE = {"type": "image"}
CONVERSATIONS = {
    "one picture": [{"role": "user", "content": [IMAGE, text("Which code is in the red box?")]}],
    "a system prompt": [{"role": "system", "content": [text(" Be short. ")]}, {"role": "user", "content": [text("Hi")]}],
    "several pictures and turns": [
        {"role": "system", "content": [text("You read codes.")]},
        {"role": "user", "content": [text("First "), IMAGE, text(" and second "), IMAGE, text(": equal?")]},
        {"role": "assistant", "content": [text("No: 7KQ2 and 81ZZ.")]},
        {"role": "user", "content": [IMAGE, text("And this one?\n")]},
    ],
    "words that look like a template": [{"role": "user", "content": [text("{{ 7 * 7 }} {% if x %} 'q' \"d\" \\ <b>&amp;</b> é 中 👍")]}],
    "roles that do not alternate": [{"role": "user", "content": [text("a")]}, {"role": "user", "content": [text("b")]}],
}


def render(name, template, messages, generate):
    if name in STRINGS:
        if any(part["type"] == "image" for m in messages for part in m["content"]):
            return {"refused": True}
        messages = [{"role": m["role"], "content": "".join(p["text"] for p in m["content"])} for m in messages]
    try:
        rendered, _ = render_jinja_template([messages], chat_template=template, add_generation_prompt=generate, **TOKENS)
    except Exception as error:  # noqa: BLE001 - raise_exception surfaces as jinja2's TemplateError
        return {"refused": True, "reason": str(error)}
    return {"text": rendered[0]}


def main():
    cases = [
        {"template": name, "conversation": title, "generate": generate, **render(name, template, messages, generate)}
        for name, template in TEMPLATES.items()
        for title, messages in CONVERSATIONS.items()
        for generate in (True, False)
    ]
    out = pathlib.Path(__file__).parent.parent / "runtime/chat/testdata/goldens.json"
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_text(json.dumps({"templates": TEMPLATES, "tokens": TOKENS, "conversations": CONVERSATIONS, "cases": cases}, indent=1, ensure_ascii=False) + "\n")
    print(f"{out}: {len(cases)} cases")


main()
