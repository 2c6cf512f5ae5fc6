// Package chat writes a conversation as the prompt that a model was trained on: it renders the chat template of the
// model folder, and widens each picture's placeholder to as many tokens as the picture has.
//
// Templates come from the model folder only, never from a request. They are rewritten before the engine compiles them, so
// that white space, printed values, JSON and what loops keep are as transformers (utils/chat_template_utils.py: Jinja2 with
// trim_blocks, lstrip_blocks and loop controls) has them, and so that a rendering ends: at most 16 MiB of text, 1,048,576
// steps and macros 200 deep. One expression's own value, such as a product or a replace, is measured once it is there.
//
// Known to differ from Jinja2: tuples print as lists, none joined by ~ leaves nothing, // and % of negative numbers round
// toward 0, ** gives a float, title() minds spaces only, numbers with an exponent and adjacent literals do not compile, and
// a field of something undefined is undefined instead of an error.
package chat
