// Package scene draws the pictures that aircache-tiny was trained on, and asks about them: hack/tinymodel in Go.
//
// A picture is a 6 x 6 grid of cells, 4 x 4 patches of 14 pixels each. "Cards" show 8 to 16 coloured boxes with a code of four
// characters in each; a "page" shows 36 codes, 5 to 9 of them coloured, and the rest distracts. Everything that the training
// never saw is used and nothing else: three fonts, three layouts of a box in its cell, two papers. As in training a third of
// the pictures is clean and the others have noise or JPEG loss.
//
// [Draw] is a pure function of task, seed and index. glyphs.png, words.json and the tests' goldens come from
// hack/tinymodel/atlas.py; a clean picture has exactly the pixels that the training's renderer computes.
package scene
