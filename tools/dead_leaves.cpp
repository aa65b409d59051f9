#include "tools/dead_leaves.h"

#include <algorithm>
#include <cmath>
#include <vector>

#include <fmt/format.h>

#include "wring/base/error.h"
#include "wring_train/data/random.h"

namespace wring {
namespace {

// Only + - * / and sqrt are used, which IEEE 754 fixes to the last bit; sin, pow and the distributions of
// <random> differ between libraries, and the image would with them.

constexpr int kMaxSide = 16384;
// Smaller leaves would hide the large ones under confetti; detail below this comes from textures and
// crescents.
constexpr float kSmallestRadius = 5;
constexpr float kOpaque = 1.0f / 512;  // less of what lies behind cannot change a byte by one
constexpr std::uint64_t kColourStream = ~std::uint64_t{0};

float unit(std::uint64_t bits) {
  return static_cast<float>(bits >> 40) * 0x1p-24f;
}

// A row of uniform random numbers in [0, 1).
class Draws {
 public:
  Draws(std::uint64_t seed, std::uint64_t stream) : seed_(seed), stream_(stream) {}
  float next() { return unit(random_bits(seed_, stream_, counter_++)); }
  float between(float low, float high) { return low + (high - low) * next(); }

 private:
  std::uint64_t seed_;
  std::uint64_t stream_;
  std::uint64_t counter_ = 0;
};

// Smooth noise in [-1, 1]: random values at whole coordinates, blended by 3t² - 2t³.
float value_noise(std::uint64_t seed, float x, float y) {
  const float left = std::floor(x);
  const float top = std::floor(y);
  const auto corner = [&](float dx, float dy) {
    const auto column = static_cast<std::int64_t>(left + dx);
    const auto row = static_cast<std::int64_t>(top + dy);
    return 2 * unit(random_bits(seed, static_cast<std::uint64_t>(column), static_cast<std::uint64_t>(row))) - 1;
  };
  const auto ease = [](float t) { return t * t * (3 - 2 * t); };
  const float across = ease(x - left);
  const float down = ease(y - top);
  const float upper = corner(0, 0) + across * (corner(1, 0) - corner(0, 0));
  const float lower = corner(0, 1) + across * (corner(1, 1) - corner(0, 1));
  return upper + down * (lower - upper);
}

// Octaves of noise whose amplitude falls with their frequency, as the spectra of natural images do.
float fractal_noise(std::uint64_t seed, float x, float y) {
  float sum = 0;
  float amplitude = 0.5f;
  for (int octave = 0; octave < 4; ++octave) {
    sum += amplitude * value_noise(seed + octave, x, y);
    amplitude *= 0.6f;
    x *= 2;
    y *= 2;
  }
  return sum;
}

// A wave of period 1 made of parabolas, within a few per cent of a sine.
float wave(float t) {
  t -= std::floor(t);
  return t < 0.5f ? 16 * t * (0.5f - t) : -16 * (t - 0.5f) * (1 - t);
}

enum class Texture { smooth, grain, stripes };

struct Leaf {
  float x, y, radius;
  float softness;          // pixels over which the edge fades; photographs are not sharp everywhere
  float luma, blue, red;   // 0…1, and the two colour differences
  float shade_x, shade_y;  // change of luma per pixel
  Texture texture;
  float strength, frequency;  // frequency in cycles, or noise cells, per pixel
  float along_x, along_y;     // direction across the stripes
  std::uint64_t seed;
};

class Scene {
 public:
  Scene(int width, int height, std::uint64_t seed)
      : width_(static_cast<float>(width)), height_(static_cast<float>(height)), seed_(seed) {
    const float side = std::max(width_, height_);
    largest_ = std::max(2 * kSmallestRadius, 0.6f * side);
    Draws draws(seed, kColourStream);
    colour_scale_ = draws.between(1, 3) / side;
    for (float* tint : {&blue_tint_, &red_tint_}) *tint = draws.between(-0.06f, 0.06f);
  }

  Leaf leaf(std::uint64_t index) const {
    Draws draws(seed_, index);
    Leaf leaf{};
    leaf.seed = random_bits(seed_, index, ~std::uint64_t{0});
    leaf.radius = radius(draws.next());
    leaf.x = draws.between(-leaf.radius, width_ + leaf.radius);
    leaf.y = draws.between(-leaf.radius, height_ + leaf.radius);
    leaf.softness = draws.next() < 0.8f ? 1.0f : draws.between(1.0f, std::min(6.0f, leaf.radius));
    colour(leaf, draws);
    surface(leaf, draws);
    return leaf;
  }

  // Covers everything: what no other leaf hides after many have fallen.
  Leaf ground() const {
    Leaf leaf = this->leaf(~std::uint64_t{1});
    leaf.x = width_ / 2;
    leaf.y = height_ / 2;
    leaf.radius = width_ + height_;
    return leaf;
  }

 private:
  // Inverse of the distribution function of the density r⁻³ between the smallest and the largest radius.
  float radius(float u) const {
    const float a = 1 / (kSmallestRadius * kSmallestRadius);
    const float b = 1 / (largest_ * largest_);
    return 1 / std::sqrt(a - u * (a - b));
  }

  // Leaves that lie near one another are alike in hue and brightness; dark and bright ones are less
  // colourful.
  void colour(Leaf& leaf, Draws& draws) const {
    const float x = leaf.x * colour_scale_;
    const float y = leaf.y * colour_scale_;
    const float around = 0.5f + 0.3f * value_noise(seed_ ^ 1, x, y);
    leaf.luma = std::clamp(around + draws.between(-0.3f, 0.3f), 0.04f, 0.96f);
    const float colourful = 4 * leaf.luma * (1 - leaf.luma);
    leaf.blue = colourful * (blue_tint_ + 0.13f * value_noise(seed_ ^ 2, x, y) + draws.between(-0.05f, 0.05f));
    leaf.red = colourful * (red_tint_ + 0.13f * value_noise(seed_ ^ 3, x, y) + draws.between(-0.05f, 0.05f));
  }

  void surface(Leaf& leaf, Draws& draws) const {
    const float shade = draws.between(0, 0.12f) / leaf.radius;
    leaf.shade_x = shade * draws.between(-1, 1);
    leaf.shade_y = shade * draws.between(-1, 1);
    const float kind = draws.next();
    leaf.texture = kind < 0.3f ? Texture::smooth : kind < 0.8f ? Texture::grain : Texture::stripes;
    leaf.strength = draws.between(0.03f, 0.25f);
    const float period = leaf.texture == Texture::stripes ? draws.between(3, 14) : draws.between(6, 48);
    leaf.frequency = 1 / period;
    leaf.along_x = draws.between(-1, 1);
    leaf.along_y = draws.between(-1, 1);
    const float length = std::sqrt(leaf.along_x * leaf.along_x + leaf.along_y * leaf.along_y) + 1e-6f;
    leaf.along_x /= length;
    leaf.along_y /= length;
  }

  float width_, height_;
  std::uint64_t seed_;
  float largest_;
  float colour_scale_;
  float blue_tint_ = 0, red_tint_ = 0;
};

float luma_at(const Leaf& leaf, float dx, float dy) {
  float luma = leaf.luma + leaf.shade_x * dx + leaf.shade_y * dy;
  if (leaf.texture == Texture::grain) {
    luma += leaf.strength * fractal_noise(leaf.seed, dx * leaf.frequency, dy * leaf.frequency);
  } else if (leaf.texture == Texture::stripes) {
    // bent a little, as woven or grown lines are
    const float bend = value_noise(leaf.seed, dx * 0.02f, dy * 0.02f);
    luma += 0.6f * leaf.strength * wave((dx * leaf.along_x + dy * leaf.along_y) * leaf.frequency + bend);
  }
  return luma;
}

// Leaves are laid from the front to the back: each pixel keeps how much of what lies behind still shows.
class Canvas {
 public:
  Canvas(int width, int height)
      : width_(width), height_(height), open_(std::size_t(width) * height), rgb_(open_ * 3), shows_(open_, 1.0f) {}

  bool full() const { return open_ == 0; }

  void lay_behind(const Leaf& leaf) {
    const float reach = leaf.radius + leaf.softness;
    const int top = std::max(0, static_cast<int>(leaf.y - reach));
    const int bottom = std::min(height_ - 1, static_cast<int>(leaf.y + reach));
    const int left = std::max(0, static_cast<int>(leaf.x - reach));
    const int right = std::min(width_ - 1, static_cast<int>(leaf.x + reach));
    for (int y = top; y <= bottom; ++y) {
      for (int x = left; x <= right; ++x) lay_pixel(leaf, x, y);
    }
  }

  Image image() const {
    Image image(width_, height_, 3);
    for (std::size_t i = 0; i < rgb_.size(); ++i) {
      image.pixels[i] = static_cast<std::uint8_t>(std::lround(std::clamp(rgb_[i], 0.0f, 1.0f) * 255));
    }
    return image;
  }

 private:
  void lay_pixel(const Leaf& leaf, int x, int y) {
    const std::size_t at = std::size_t(y) * width_ + x;
    if (shows_[at] == 0) return;
    const float dx = static_cast<float>(x) - leaf.x;
    const float dy = static_cast<float>(y) - leaf.y;
    const float inside = leaf.radius - std::sqrt(dx * dx + dy * dy);
    const float cover = std::clamp(inside / leaf.softness + 0.5f, 0.0f, 1.0f);
    if (cover == 0) return;
    const float luma = luma_at(leaf, dx, dy);
    const float weight = shows_[at] * cover;
    // BT.601 from luma and colour differences
    rgb_[at * 3] += weight * (luma + 1.402f * leaf.red);
    rgb_[at * 3 + 1] += weight * (luma - 0.344f * leaf.blue - 0.714f * leaf.red);
    rgb_[at * 3 + 2] += weight * (luma + 1.772f * leaf.blue);
    shows_[at] -= weight;
    if (shows_[at] < kOpaque) {
      shows_[at] = 0;
      --open_;
    }
  }

  int width_, height_;
  std::size_t open_;  // pixels through which something behind can still be seen
  std::vector<float> rgb_;
  std::vector<float> shows_;
};

}  // namespace

Image dead_leaves(int width, int height, std::uint64_t seed) {
  if (width < 1 || height < 1 || width > kMaxSide || height > kMaxSide) {
    throw Error(ErrorCode::failed, fmt::format("cannot draw an image of {} x {}", width, height),
                fmt::format("use sides from 1 to {}", kMaxSide));
  }
  const Scene scene(width, height, seed);
  Canvas canvas(width, height);
  // The smallest leaves alone would cover every pixel eighty times; the ground is for the rare rest.
  const std::uint64_t most = 64 + std::uint64_t(width) * height;
  for (std::uint64_t index = 0; index < most && !canvas.full(); ++index) canvas.lay_behind(scene.leaf(index));
  canvas.lay_behind(scene.ground());
  return canvas.image();
}

}  // namespace wring
