// Package image turns the pictures of a request into what a vision tower reads: it parses data: URLs, decodes JPEG,
// PNG and WebP, resizes, lays out in tiles and normalises, as Hugging Face's image processors do with Pillow.
//
// How many tokens a picture takes is known from its header: LLaVA's pictures all take the same, LLaVA-OneVision's by their
// size and by whether they are alone in their prompt (Layout).
//
// Every picture is held to the limits by its header, before memory for a pixel is asked for. What comes out equals
// Pillow's result: PNG, lossless WebP and resizing bit by bit, lossy WebP bit by bit as well (its format defines every
// bit), JPEG too where libjpeg-turbo is installed, else within 3 of 255: the format leaves the rounding of the cosine
// transform open.
//
// Orientation is read from EXIF. Pillow also looks for it in XMP, which this package does not.
package image
