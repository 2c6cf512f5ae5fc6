"""Writes what Jinja2, set up as transformers sets it up, makes of a few forms of chat template.

    pip install transformers jinja2 && python hack/chatgoldens.py

The file is read by the tests of runtime/chat, so that they need no Python.
"""

import datetime
import json
import pathlib

from transformers.utils import chat_template_utils
from transformers.utils.chat_template_utils import render_jinja_template

NOW = datetime.datetime(2024, 7, 3, 9, 5, 8)


class Clock(datetime.datetime):
    """Makes strftime_now answer the same every time."""

    @classmethod
    def now(cls, tz=None):
        return NOW


chat_template_utils.datetime = Clock

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
# What the published templates of a family do, in fewer words: who begins, where pictures go, what is refused.
TEMPLATES |= {
    "llava next, mistral": """{% for message in messages %}{% if message['role'] == 'system' %}{{ '<<SYS>>\n' + message['content'][0]['text'] + '\n<</SYS>>\n\n' }}{% elif message['role'] == 'user' %}{{ '[INST] ' }}{% for content in message['content'] | selectattr('type', 'equalto', 'image') %}{{ '<image>\n' }}{% endfor %}{% for content in message['content'] | selectattr('type', 'equalto', 'text') %}{{ content['text'] }}{% endfor %}{{ ' [/INST]' }}{% elif message['role'] == 'assistant' %}{{ ' ' + message['content'][0]['text'] + '</s> ' }}{% else %}{{ raise_exception('Only system, user and assistant roles, not ' ~ message.role) }}{% endif %}{% endfor %}""",
    "llava next, vicuna": """{% if messages[0].role != 'system' %}A chat between a user and an assistant. {% endif %}
{% for message in messages %}
{%- if message.role == 'system' %}{{ message.content | map(attribute='text') | join(' ') }} {% continue %}{% endif -%}
{{ message['role'] | upper }}: {# pictures #}
{%- for item in message.content if item.type == 'image' %}<image>
{% endfor %}
{%- for item in message.content if item.type != 'image' %}{{ item.text }}{% if not loop.last %} {% endif %}{% else %}nothing said{% endfor %}
{{- ' ' if message.role == 'user' else eos_token }}
{%- endfor %}
{%- if add_generation_prompt %}ASSISTANT:{% endif %}""",
    "llava next, llama 3": """{% for message in messages %}{% set head = '<|start_header_id|>' + message['role'] + '<|end_header_id|>\n\n' %}{% if loop.index0 == 0 %}{% set head = bos_token + head %}{% endif %}{{ head }}{% for content in message['content'] %}{% if content['type'] == 'image' %}{{ '<image>\n' }}{% else %}{{ content['text'] | trim }}{% endif %}{% endfor %}{{ '<|eot_id|>' }}{% endfor %}{% if add_generation_prompt %}{{ '<|start_header_id|>assistant<|end_header_id|>\n\n' }}{% endif %}""",
    "qwen vl": """{% set images = namespace(value=0) %}{% for message in messages %}{% if loop.first and message['role'] != 'system' %}<|im_start|>system
You are a helpful assistant.<|im_end|>
{% endif %}<|im_start|>{{ message['role'] }}
{% if message['content'] is string %}{{ message['content'] }}<|im_end|>
{% else %}{% for content in message['content'] %}{% if content['type'] == 'image' or 'image' in content %}{% set images.value = images.value + 1 %}{% if add_vision_id %}Picture {{ images.value }}: {% endif %}<|vision_start|><|image_pad|><|vision_end|>{% elif 'text' in content %}{{ content['text'] }}{% endif %}{% endfor %}<|im_end|>
{% endif %}{% endfor %}{% if add_generation_prompt %}<|im_start|>assistant
{% endif %}""",
    "qwen3 vl": """{%- set images = namespace(value=0) %}
{%- macro said(content, count) %}
    {%- if content is string %}{{- content }}
    {%- else %}
        {%- for item in content %}
            {%- if 'image' in item or item.type == 'image' %}
                {%- if count %}{%- set images.value = images.value + 1 %}{%- endif %}
                {%- if add_vision_id is defined and add_vision_id %}Picture {{ images.value }}: {% endif -%}
                <|vision_start|><|image_pad|><|vision_end|>
            {%- elif 'text' in item %}{{- item.text }}{%- endif %}
        {%- endfor %}
    {%- endif %}
{%- endmacro %}
{%- if tools %}
    {{- '<|im_start|>system\n' }}
    {%- if messages[0].role == 'system' %}{{- said(messages[0].content, false) + '\n\n' }}{%- endif %}
    {{- "# Tools\n\n<tools>" }}
    {%- for tool in tools %}
        {{- "\n" }}
        {{- tool | tojson }}
    {%- endfor %}
    {{- '\n</tools>\n{"name": <name>, "arguments": <object>}<|im_end|>\n' }}
{%- elif messages[0].role == 'system' %}
    {{- '<|im_start|>system\n' + said(messages[0].content, false) + '<|im_end|>\n' }}
{%- endif %}
{%- set ns = namespace(multi_step=true, last=messages | length - 1) %}
{%- for message in messages[::-1] %}
    {%- set index = (messages|length - 1) - loop.index0 %}
    {%- if ns.multi_step and message.role == 'user' and not (said(message.content, false).startswith('<tool_response>')) %}
        {%- set ns.multi_step = false %}
        {%- set ns.last = index %}
    {%- endif %}
{%- endfor %}
{%- for message in messages %}
    {%- set words = said(message.content, true) %}
    {%- if message.role == 'user' or (message.role == 'system' and not loop.first) %}
        {{- '<|im_start|>' + message.role + '\n' + words + '<|im_end|>' + '\n' }}
    {%- elif message.role == 'assistant' %}
        {%- if '</think>' in words %}{%- set words = words.split('</think>')[-1].lstrip('\n') %}{%- endif %}
        {{- '<|im_start|>assistant\n' + words + ('' if loop.index0 > ns.last else '') + '<|im_end|>\n' }}
    {%- endif %}
{%- endfor %}
{%- if add_generation_prompt %}{{- '<|im_start|>assistant\n' }}{%- endif %}
""",
    "internvl": """{% for message in messages %}{{ '<|im_start|>' + message['role'] + '\n' }}{% if message['content'] is string %}{{ message['content'] }}{% else %}{% for content in message['content'] %}{% if content['type'] == 'image' %}{{ '<IMG_CONTEXT>\n' }}{% elif content['type'] == 'text' %}{{ content['text'] }}{% endif %}{% endfor %}{% endif %}{{ '<|im_end|>\n' }}{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}""",
}
# What templates may also ask of Jinja; each reads the messages too, so that none is a constant.
TEMPLATES |= {
    "feature: tools as json": "{{ messages | length }}{% for t in tools or [] %}\n{{ t | tojson }}\n{{ t | tojson(indent=2) }}{{ t.function.parameters | tojson(indent=4) }}\n{{ t | tojson(separators=(',', ':')) }}\n{{ t | tojson(sort_keys=true) }}\n{{ t.function.name }}{% for k, v in t.function.parameters.properties.items() %} {{ k }}={{ v.type }}{% endfor %}{% endfor %}{{ messages[0].content | tojson }}{{ [] | tojson(indent=2) }}{{ {} | tojson(indent=2) }}{{ none | tojson }}",
    "feature: what prints": "{{ none }} {{ true }} {{ 1.0 }} {{ 0.00001 }} {{ 10000000000000000000.0 }} {{ 7 // 2 }} {{ 7 / 2 }} {{ ['a', none, 1.5, \"it's\"] }} {{ {'k': 'v', 'n': true} }} {{ nothing }}|{{ messages[0].role }} {{ 'a' ~ 1 }} {{ messages[0].content }}",
    "feature: strings": "{% set s = '  A b\\tc<think>d</think>É ' %}{{ s.strip() }}|{{ s | trim }}|{{ s.lower() }}|{{ s.upper() }}|{{ 'ab cd'.title() }}|{{ s | capitalize }}|{{ s.split('</think>')[-1] }}|{{ 'a,b,c'.split(',', 1) }}{{ ' a  b '.split() }}{{ 'a,b'.split(',')[0].upper() }}|{{ 'a--b'.rstrip('b') }}|{{ s | replace('b', 'BB') }}|{{ s[2:5] }}|{{ s[::-1] }}|{{ s | length }}|{{ 'É中'.startswith('É') }}|{{ 'l1\nl2\n\nl3' | indent(2) }}|{{ 'x' * 3 }}|{{ messages[0].role }}|{{ 'ab' in 'cab' }}|{{ '\\n' }}",
    "feature: control": "{% set ns = namespace(n=0, seen=[]) %}{% for m in messages %}{% if m.role == 'system' %}{% continue %}{% endif %}{% set ns.n = ns.n + 1 %}{% if ns.n > 2 %}{% break %}{% endif %}{{ loop.index }}/{{ loop.length }}:{{ m.role }}{{ '' if loop.last else ', ' }}{{ loop.previtem.role if loop.previtem is defined else '-' }}{{ loop.nextitem is defined }}{{ loop.cycle('odd', 'even') }}{% endfor %} {{ ns.n }}{% for x in [] %}{% else %}empty{% endfor %}{% for i in range(2, 8, 3) %}{{ i }}{% endfor %}{% for k, v in {'a': 1, 'b': 2} | items %}{{ k }}{{ v }}{% endfor %}",
    "feature: macros and blocks": "{% macro wrap(words, tag='b', end=none) -%}<{{ tag }}>{{ words }}</{{ end or tag }}>{%- endmacro %}{{ wrap(messages[0].role) }}{{ wrap('x', tag='i') }}{{ wrap('x', 'u', end='v') }}{% set kept %}[{{ messages | length }}]{% endset %}{{ kept }}{% filter upper %}loud {{ kept }}{% endfilter %}{% macro twice() %}{{ caller() }}{{ caller() }}{% endmacro %}{% call twice() %}c{% endcall %}{% raw %}{{ not read }}{% endraw %}",
    "feature: whitespace": "  {% if true %}  \n   a {{ messages[0].role }}  \n {%- endif %}\n\n  {#- gone -#}  \n b\n\n{% if true -%}\n c\n{% endif %}\n   {%+ if true %}d{% endif +%}\n e \n",
    "feature: filters": "{{ [3, 1, 2] | sort | join('-') }} {{ ['b', 'a'] | first }} {{ [1, 2] | last }} {{ messages | map(attribute='role') | list }} {{ messages | map(attribute='role') | unique | join(',') }} {{ messages | rejectattr('role', 'equalto', 'user') | list | length }} {{ none | default('d') }} {{ '' | default('d', true) }} {{ nothing | default('d') }} {{ '7' | int + 1 }} {% for k, v in {'b': 1, 'a': 2} | dictsort %}{{ k }}{{ v }}{% endfor %} {{ [1, 2, 3] | reverse | list }} {{ 3.7 | int }} {{ 'a' is string }} {{ {} is mapping }} {{ [] is iterable }} {{ 1 is number }} {{ messages is sequence }} {{ nothing is defined }} {{ none is none }} {{ 3 is odd }} {{ not true and false or 1 }} {{ 1 if false }} {{ 1 in [1, 2] }} {{ 3 not in [1, 2] }} {{ 'k' in {'k': 1} }}",
    "feature: what is set in a loop": "{% set x = 0 %}{% for m in messages %}{% if y is defined %}kept {% endif %}{% set y = 1 %}{% set x = x + 1 %}{{ x }}{{ m.role }} {% endfor %}{{ x }}",
    "feature: today": "{{ strftime_now('%d %b %Y') }}|{{ strftime_now('%Y-%m-%d') }}|{{ strftime_now('%A %a %B %H:%M:%S %j %y %I %p %-d 100%%') }}|{{ messages[0].role }}",
    "feature: refusals": "{% if messages | length > 1 %}{{ raise_exception('At most one message, not ' ~ messages | length ~ ': \"é\" 中') }}{% endif %}{{ messages[0].role }}",
}
TOOLS = [
    {"type": "function", "function": {"name": "read_code", "description": "Reads <a> code & 'quotes' \"é\" 中 \u2028\u007f\b\t 👍 /", "parameters": {
        "type": "object", "required": ["box", "scale"], "properties": {"scale": {"type": "number", "minimum": 0.5, "maximum": 1e-05, "default": 1.0}, "box": {"type": "array", "items": {}, "examples": []}, "flag": {"type": "boolean", "default": None, "const": True, "big": 12345678901234}}}}},
    {"type": "function", "function": {"name": "a", "parameters": {"properties": {}}}},
]
# These read content as a string.
STRINGS |= {name for name in TEMPLATES if name.startswith("feature: ")}
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
    "a picture after the words": [{"role": "user", "content": [text("What is it? "), IMAGE]}],
    "a system prompt and tools' words": [{"role": "system", "content": [text("Über 中文")]}, {"role": "user", "content": [text("<tool_response>")]}, {"role": "assistant", "content": [text("<think>hm</think>\n\nyes")]}, {"role": "user", "content": [text("it's \"so\"")]}],
    "roles that do not alternate": [{"role": "user", "content": [text("a")]}, {"role": "user", "content": [text("b")]}],
}


def render(name, template, messages, generate, tools, variables):
    if name in STRINGS:
        if any(part["type"] == "image" for m in messages for part in m["content"]):
            return {"refused": True}
        messages = [{"role": m["role"], "content": "".join(p["text"] for p in m["content"])} for m in messages]
    try:
        rendered, _ = render_jinja_template([messages], chat_template=template, add_generation_prompt=generate, tools=tools, **TOKENS, **variables)
    except Exception as error:  # noqa: BLE001 - raise_exception surfaces as jinja2's TemplateError
        return {"refused": True, "reason": str(error)}
    return {"text": rendered[0]}


# How each template is rendered: all with and without the answer's start, Qwen's with pictures numbered and with tools too.
def ways(name):
    yield from ({"generate": True}, {"generate": False})
    if name.startswith("qwen"):
        yield {"generate": True, "variables": {"add_vision_id": True}}
    if name in ("qwen3 vl", "feature: tools as json"):
        yield {"generate": True, "tools": True}


def main():
    cases = [
        {"template": name, "conversation": title, **way, **render(name, template, messages, way["generate"], TOOLS if way.get("tools") else None, way.get("variables", {}))}
        for name, template in TEMPLATES.items()
        for title, messages in CONVERSATIONS.items()
        for way in ways(name)
    ]
    out = pathlib.Path(__file__).parent.parent / "runtime/chat/testdata/goldens.json"
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_text(json.dumps({"templates": TEMPLATES, "tokens": TOKENS, "tools": TOOLS, "now": NOW.isoformat() + "Z", "conversations": CONVERSATIONS, "cases": cases}, indent=1, ensure_ascii=False) + "\n")
    print(f"{out}: {len(cases)} cases")


main()
