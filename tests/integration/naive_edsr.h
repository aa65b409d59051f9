#pragma once
// EDSR spelt out in loops and doubles, without ATen's convolution or autograd: the tests' second opinion.
#include <cstddef>
#include <cstdint>
#include <vector>

#include <ATen/ATen.h>

#include "wring_train/nn/edsr.h"

namespace wring::naive {

struct Image {  // one image, channel by channel, row by row
  std::int64_t channels = 0, height = 0, width = 0;
  std::vector<double> values;

  Image(std::int64_t c, std::int64_t h, std::int64_t w)
      : channels(c), height(h), width(w), values(static_cast<std::size_t>(c * h * w)) {}
  double& at(std::int64_t c, std::int64_t y, std::int64_t x) {
    return values[static_cast<std::size_t>((c * height + y) * width + x)];
  }
  double padded(std::int64_t c, std::int64_t y, std::int64_t x) const {
    const bool inside = y >= 0 && y < height && x >= 0 && x < width;
    return inside ? values[static_cast<std::size_t>((c * height + y) * width + x)] : 0.0;
  }
};

inline Image conv3x3(const Image& in, const at::Tensor& weight, const at::Tensor& bias) {
  const auto w = weight.to(at::kDouble).contiguous();
  const auto b = bias.to(at::kDouble).contiguous();
  Image out(w.size(0), in.height, in.width);
  for (std::int64_t o = 0; o < out.channels; ++o) {
    for (std::int64_t y = 0; y < out.height; ++y) {
      for (std::int64_t x = 0; x < out.width; ++x) {
        double sum = b.data_ptr<double>()[o];
        for (std::int64_t tap = 0; tap < in.channels * 9; ++tap) {
          const auto c = tap / 9, dy = tap % 9 / 3 - 1, dx = tap % 3 - 1;
          sum += w.data_ptr<double>()[o * in.channels * 9 + tap] * in.padded(c, y + dy, x + dx);
        }
        out.at(o, y, x) = sum;
      }
    }
  }
  return out;
}

inline Image shuffle(const Image& in, std::int64_t r) {
  Image out(in.channels / (r * r), in.height * r, in.width * r);
  for (std::int64_t c = 0; c < out.channels; ++c) {
    for (std::int64_t y = 0; y < out.height; ++y) {
      for (std::int64_t x = 0; x < out.width; ++x) {
        out.at(c, y, x) = in.padded(c * r * r + y % r * r + x % r, y / r, x / r);
      }
    }
  }
  return out;
}

inline Image sum(Image a, const Image& b) {
  for (std::size_t i = 0; i < a.values.size(); ++i) {
    a.values[i] += b.values[i];
  }
  return a;
}

inline Image relu(Image a) {
  for (double& value : a.values) {
    value = value > 0.0 ? value : 0.0;
  }
  return a;
}

// `lr`: (3, h, w) in double → (3, h·scale, w·scale) in double.
inline at::Tensor edsr(const Edsr& net, const at::Tensor& lr) {
  constexpr double kMean[3] = {0.4488, 0.4371, 0.4040};
  const auto weights = net.tensors();
  std::size_t next = 0;
  const auto conv = [&](const Image& in) {
    auto out = conv3x3(in, weights[next], weights[next + 1]);
    next += 2;
    return out;
  };
  Image x(3, lr.size(1), lr.size(2));
  for (std::int64_t c = 0; c < 3; ++c) {
    for (std::int64_t i = 0; i < x.height * x.width; ++i) {
      x.at(c, 0, i) = (lr.data_ptr<double>()[c * x.height * x.width + i] - kMean[c]) * 255.0;
    }
  }
  const Image first = conv(x);
  x = first;
  for (std::int64_t block = 0; block < net.shape().blocks; ++block) {
    const Image inner = relu(conv(x));
    x = sum(conv(inner), x);
  }
  x = sum(conv(x), first);
  for (std::int64_t left = net.shape().scale; left > 1; left /= left == 3 ? 3 : 2) {
    x = shuffle(conv(x), left == 3 ? 3 : 2);
  }
  x = conv(x);
  auto result = at::empty({3, x.height, x.width}, at::kDouble);
  for (std::int64_t c = 0; c < 3; ++c) {
    for (std::int64_t i = 0; i < x.height * x.width; ++i) {
      result.data_ptr<double>()[c * x.height * x.width + i] = x.at(c, 0, i) / 255.0 + kMean[c];
    }
  }
  return result;
}

}  // namespace wring::naive
