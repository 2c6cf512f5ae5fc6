package model

import "aircache.dev/aircache/runtime/image"

// stretched says which learned places each patch lies between, and their shares: a square of side x side places is stretched over
// the picture so that corners come on corners. Bilinear; the rounding to float32 is the reference's.
//
// Of 48 places, the patches of a line of 3 lie at 0, 23.5 and 47.
func stretched(patches []int32, picture image.Size, side int) (rows []int32, shares []float32) {
	for _, patch := range patches {
		y, x := placeOf(int(patch)/picture.Width, picture.Height, side), placeOf(int(patch)%picture.Width, picture.Width, side)
		at := func(line, column int) int32 { return int32(line*side + column) }
		rows = append(rows, at(y.first, x.first), at(y.first, x.second), at(y.second, x.first), at(y.second, x.second))
		shares = append(shares, (1-y.share)*(1-x.share), (1-y.share)*x.share, y.share*(1-x.share), y.share*x.share)
	}
	return rows, shares
}

// placeOf is where the patch number i of n lies among the places along a side.
func placeOf(i, n, side int) between {
	at := float32(i) * float32(side-1) / float32(max(n-1, 1))
	first := int(at)
	return between{first, min(first+1, side-1), at - float32(first)}
}
