// A matrix product without the threads, for models on the simulated device.
#pragma once

#include <vector>

#include "simt.h"

namespace simt {

template <class Params>
cudaError_t multiply(const Params& p) {
  return queue([p] {
    std::vector<float> w(p.k), x(size_t(p.m) * p.k);
    for (size_t i = 0; i < x.size(); i++) x[i] = aircache::to_float(p.x[i]);
    for (int n = 0; n < p.n; n++) {
      for (int k = 0; k < p.k; k++) w[k] = aircache::to_float(p.w[int64_t(n) * p.k + k]);
      for (int m = 0; m < p.m; m++) {
        const float* row = x.data() + size_t(m) * p.k;
        float part[8] = {};
        int k = 0;
        for (; k + 8 <= p.k; k += 8)
          for (int i = 0; i < 8; i++) part[i] += row[k + i] * w[k + i];
        for (; k < p.k; k++) part[0] += row[k] * w[k];
        float sum = ((part[0] + part[1]) + (part[2] + part[3])) + ((part[4] + part[5]) + (part[6] + part[7]));
        auto* at = p.dst + int64_t(m) * p.n + n;
        if (p.bias) sum += aircache::to_float(p.bias[n]);
        if (p.add) sum += aircache::to_float(*at);
        *at = aircache::from_float<std::remove_pointer_t<decltype(p.dst)>>(sum);
      }
    }
  });
}

}  // namespace simt
