// Package raster turns decoded pictures into the patches that a vision tower reads. A [Picture] says all that is to be done, with
// the filters' shares worked out: any device can do it with whole numbers alone, and gets the same bits as this package does on
// the host. Resizing is Pillow's, bit by bit: along one direction first, rounded to 8 bits, then along the other.
package raster
