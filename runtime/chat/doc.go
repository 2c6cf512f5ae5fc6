// Package chat writes a conversation as the prompt that a model was trained on: it renders the chat template of the
// model folder, and widens each picture's placeholder to as many tokens as the picture has.
//
// Templates come from the model folder only, never from a request: the renderer puts no limit on a template's steps.
package chat
