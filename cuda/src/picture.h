#pragma once

#include <stdint.h>

#include "matrix.h"

namespace aircache {

// PictureGround is what a picture is put on; its first pixel comes to left, top.
struct PictureGround {
  int width, height, left, top;
  uint8_t colour[3];
};

// PictureView is a picture on its ground: [height, width] pixels of red, green and blue.
struct PictureView {
  const uint8_t* pixels;
  int width, height;
  PictureGround ground;
};

// PictureTaps lie on the device: pixel i is made of source pixels first[i].., with the shares start[i]..start[i + 1].
struct PictureTaps {
  const int *first, *start, *share;
  int count;  // of pixels; 0: the size stays
};

// PictureTiles are what a frame is cut into, and the patches that these are cut into.
struct PictureTiles {
  int width, height, patch;
};

// run_resample makes from's ground taps.count pixels wide, or high where down: to is [height, width] pixels.
cudaError_t run_resample(uint8_t* to, const PictureView& from, const PictureTaps& taps, bool down, cudaStream_t stream);

// PatchParams: dst is [patches of the frame, 3 * patch * patch], float32 or bfloat16. Taps are those of the last direction.
struct PatchParams {
  Matrix dst;
  PictureView from;
  PictureTaps taps;
  bool down;
  PictureGround on;  // whole tiles
  PictureTiles tiles;
  const float* levels;  // [3, 256] on the device
};
cudaError_t run_cut_patches(const PatchParams& p, cudaStream_t stream);

}  // namespace aircache
