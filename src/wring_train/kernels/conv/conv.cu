#include <algorithm>

#include "wring_train/kernels/conv/conv.h"
#include "wring_train/kernels/conv/tiles.cuh"
#include "wring_train/kernels/cuda_check.h"

namespace wring::kernels {
namespace {

// How a convolution with `Size`² taps from I to O channels (backward: from O to I) is computed.
template <int Size, int I, int O, bool Backward>
struct Plan {
  static constexpr int kIn = Backward ? O : I;   // channels summed over
  static constexpr int kOut = Backward ? I : O;  // channels of the result
  static constexpr int kColumnWarps = kOut >= 64 ? 2 : 1;
  static constexpr int kRowWarps = kWarps / kColumnWarps;
  static constexpr int kRowTiles = kTileRows / kRowWarps;       // 16-pixel rows of a warp
  static constexpr int kColumnTiles = kOut / 8 / kColumnWarps;  // 8-channel columns of a warp, an even number
  static constexpr int kHaloRows = kTileRows + Size - 1;
  static constexpr int kHaloColumns = kTileColumns + Size - 1;
  static constexpr int kWeightStride = I + kPad;
  static constexpr int kInStride = kIn + kPad;
  static constexpr int kWeights = Size * Size * O * kWeightStride;  // elements
  static constexpr int kInput = kHaloRows * kHaloColumns * kInStride;
  static constexpr int kBytes = (kWeights + kInput) * 2;
  static_assert(kColumnTiles % 2 == 0 && kIn % 16 == 0);
};

template <typename T, int Size, int I, int O>
__device__ void load_weights(T* shared, const T* weight) {
  constexpr int kVectors = I / 8;
  for (int i = static_cast<int>(threadIdx.x); i < Size * Size * O * kVectors; i += kThreads) {
    const int vector = i % kVectors;
    const int tap = i / kVectors % (Size * Size);
    const int o = i / kVectors / (Size * Size);
    copy_async(shared + (tap * O + o) * (I + kPad) + vector * 8, weight + static_cast<std::int64_t>(i) * 8, true);
  }
}

// Adds all taps' products to the warp's accumulators. The fragments of the next 16 channels are loaded while those of
// this step are multiplied.
template <typename T, typename P, int Size, int O, bool Backward>
__device__ void multiply(FragmentC (&sum)[P::kRowTiles][P::kColumnTiles], const T* weights, const T* input,
                         int row_warp, int column_warp) {
  const int lane = static_cast<int>(threadIdx.x) % kWarp;
  const std::uint32_t in_lane =
      shared_address(input + (row_warp * P::kRowTiles * P::kHaloColumns + lane % 16) * P::kInStride + lane / 16 * 8);
  // Forward: rows of the stored matrix are output channels, columns the channels summed over; backward the other way.
  const int weight_row = Backward ? lane % 16 : lane % 8 + lane / 16 * 8;
  const int weight_column = Backward ? lane / 16 * 8 : lane / 8 % 2 * 8;
  const int first_out = column_warp * P::kColumnTiles * 8;
  const std::uint32_t weight_lane =
      shared_address(weights + (Backward ? weight_row * P::kWeightStride + weight_column + first_out
                                         : (weight_row + first_out) * P::kWeightStride + weight_column));
  constexpr int kDepth = P::kIn / 16;
  constexpr int kSteps = Size * kDepth;  // of a row of taps
  FragmentA a[2][P::kRowTiles];
  std::uint32_t b[2][P::kColumnTiles / 2][4];
  const auto load_step = [&](int buffer, int dy, int step) {
    const int dx = step / kDepth;
    const int k = step % kDepth;
    const int tap = Backward ? Size * Size - 1 - (dy * Size + dx) : dy * Size + dx;
    const std::uint32_t in_tap = in_lane + (dy * P::kHaloColumns + dx) * P::kInStride * 2;
    const std::uint32_t weight_tap = weight_lane + tap * O * P::kWeightStride * 2;
#pragma unroll
    for (int m = 0; m < P::kRowTiles; ++m) {
      load_matrices(a[buffer][m], in_tap + (m * P::kHaloColumns * P::kInStride + k * 16) * 2);
    }
#pragma unroll
    for (int n = 0; n < P::kColumnTiles / 2; ++n) {
      if constexpr (Backward) {
        load_matrices_transposed(b[buffer][n], weight_tap + (k * 16 * P::kWeightStride + n * 16) * 2);
      } else {
        load_matrices(b[buffer][n], weight_tap + (n * 16 * P::kWeightStride + k * 16) * 2);
      }
    }
  };
#pragma unroll 1
  for (int dy = 0; dy < Size; ++dy) {
    load_step(0, dy, 0);
#pragma unroll
    for (int step = 0; step < kSteps; ++step) {
      if (step + 1 < kSteps) load_step((step + 1) % 2, dy, step + 1);
#pragma unroll
      for (int n = 0; n < P::kColumnTiles / 2; ++n) {
#pragma unroll
        for (int m = 0; m < P::kRowTiles; ++m) {
          multiply_add<T>(sum[m][2 * n], a[step % 2][m], b[step % 2][n][0], b[step % 2][n][1]);
          multiply_add<T>(sum[m][2 * n + 1], a[step % 2][m], b[step % 2][n][2], b[step % 2][n][3]);
        }
      }
    }
  }
}

template <typename T, int Size, int I, int O, bool Backward>
__global__ void __launch_bounds__(kThreads) convolve(ConvShape shape, ConvArguments arguments) {
  using P = Plan<Size, I, O, Backward>;
  extern __shared__ __align__(16) unsigned char memory[];
  T* const weights = reinterpret_cast<T*>(memory);
  T* const input = weights + P::kWeights;
  const int lane = static_cast<int>(threadIdx.x) % kWarp;
  const int warp = static_cast<int>(threadIdx.x) / kWarp;
  const int row_warp = warp / P::kColumnWarps;
  const int column_warp = warp % P::kColumnWarps;
  const int first_channel = column_warp * P::kColumnTiles * 8 + lane % 4 * 2;
  // Of gate and addend at most one is given.
  const auto* other = static_cast<const T*>(arguments.gate != nullptr ? arguments.gate : arguments.addend);
  const bool gated = arguments.gate != nullptr;
  auto* out = static_cast<T*>(arguments.out);
  float sums[P::kColumnTiles][2] = {};
  float bias[P::kColumnTiles][2] = {};

  // A trained layer's weights are as old as the step before, so they can be loaded while the kernel before still runs.
  if (arguments.fresh_weight) wait_for_kernel_before();
  load_weights<T, Size, I, O>(weights, static_cast<const T*>(arguments.weight));
  if (arguments.bias != nullptr) {
    for (int n = 0; n < P::kColumnTiles; ++n) {
      for (int k = 0; k < 2; ++k) bias[n][k] = arguments.bias[first_channel + n * 8 + k];
    }
  }
  wait_for_kernel_before();
  const Tiles tiles(shape.batch, shape.height, shape.width);
  for (int index = static_cast<int>(blockIdx.x); index < tiles.count; index += static_cast<int>(gridDim.x)) {
    const Tile tile = tiles.at(index);
    load_pixels<T, P::kHaloRows, P::kHaloColumns, P::kIn>(input, static_cast<const T*>(arguments.in), tiles, tile,
                                                          Size / 2, P::kIn, 0);
    // Where the lane's results go, -1 outside the image, and what they are gated by or added to: on its way meanwhile.
    std::int64_t at[P::kRowTiles][2];
    Vec<T, 2> others[P::kRowTiles][2][P::kColumnTiles];
#pragma unroll
    for (int m = 0; m < P::kRowTiles; ++m) {
#pragma unroll
      for (int half = 0; half < 2; ++half) {
        const int y = tile.y + row_warp * P::kRowTiles + m;
        const int x = tile.x + lane / 4 + half * 8;
        const bool inside = y < shape.height && x < shape.width;
        at[m][half] = inside
                          ? ((static_cast<std::int64_t>(tile.sample) * shape.height + y) * shape.width + x) * P::kOut +
                                first_channel
                          : -1;
        if (other == nullptr || !inside) continue;
#pragma unroll
        for (int n = 0; n < P::kColumnTiles; ++n) others[m][half][n] = load<Vec<T, 2>>(other + at[m][half] + n * 8);
      }
    }
    end_copy_group();
    wait_for_copy_groups<0>();
    __syncthreads();
    FragmentC sum[P::kRowTiles][P::kColumnTiles] = {};
    multiply<T, P, Size, O, Backward>(sum, weights, input, row_warp, column_warp);
    __syncthreads();  // the next tile's pixels may be loaded

#pragma unroll
    for (int m = 0; m < P::kRowTiles; ++m) {
#pragma unroll
      for (int half = 0; half < 2; ++half) {
        if (at[m][half] < 0) continue;
#pragma unroll
        for (int n = 0; n < P::kColumnTiles; ++n) {
          Vec<T, 2> result;
#pragma unroll
          for (int k = 0; k < 2; ++k) {
            float value = sum[m][n][half * 2 + k] + bias[n][k];
            if (other != nullptr) {
              const float with = widen(others[m][half][n].at[k]);
              value = !gated ? value + with : with > 0 ? value : 0.0F;
            }
            if (arguments.relu) value = fmaxf(value, 0.0F);
            result.at[k] = narrow<T>(value);
            sums[n][k] += value;
          }
          *reinterpret_cast<Vec<T, 2>*>(out + at[m][half] + n * 8) = result;
        }
      }
    }
  }

  if (arguments.sums == nullptr) return;
  __syncthreads();
  auto* shared_sums = reinterpret_cast<float*>(memory);  // (row warps, channels)
  for (int n = 0; n < P::kColumnTiles; ++n) {
    for (int k = 0; k < 2; ++k) {
      float value = sums[n][k];
      for (int offset = 4; offset < kWarp; offset *= 2) value += __shfl_xor_sync(0xffffffffU, value, offset);
      if (lane < 4) shared_sums[row_warp * P::kOut + first_channel + n * 8 + k] = value;
    }
  }
  __syncthreads();
  for (int channel = static_cast<int>(threadIdx.x); channel < P::kOut; channel += kThreads) {
    float total = 0;
    for (int r = 0; r < P::kRowWarps; ++r) total += shared_sums[r * P::kOut + channel];
    arguments.sums[static_cast<std::int64_t>(blockIdx.x) * P::kOut + channel] = total;
  }
}

int attribute(cudaDeviceAttr which) {
  int device = 0;
  int value = 0;
  check(cudaGetDevice(&device), "Reading the current device");
  check(cudaDeviceGetAttribute(&value, which, device), "Reading a property of the device");
  return value;
}

template <bool Backward, typename Body>
void with_plan(const ConvShape& s, const Body& body) {
  if (s.size == 5) {
    s.inputs == 32 ? body.template operator()<5, 32, 48, Backward>() : body.template operator()<5, 64, 48, Backward>();
  } else if (s.inputs == 32) {
    body.template operator()<3, 32, 32, Backward>();
  } else {
    body.template operator()<3, 64, 64, Backward>();
  }
}

template <bool Backward>
void launch(const ConvShape& shape, const ConvArguments& arguments, void* stream) {
  const auto blocks = static_cast<unsigned>(conv_blocks(shape, Backward));
  with_low_type(shape.type, [&](auto low) {
    with_plan<Backward>(shape, [&]<int Size, int I, int O, bool B>() {
      constexpr int kBytes = Plan<Size, I, O, B>::kBytes;
      const auto kernel = convolve<decltype(low), Size, I, O, B>;
      static const bool raised = [&] {
        check(cudaFuncSetAttribute(kernel, cudaFuncAttributeMaxDynamicSharedMemorySize, kBytes),
              "Reserving shared memory for a convolution");
        return true;
      }();
      static_cast<void>(raised);
      // Starts while the kernel before it still runs, and loads its weights meanwhile (see `convolve`).
      cudaLaunchAttribute early{};
      early.id = cudaLaunchAttributeProgrammaticStreamSerialization;
      early.val.programmaticStreamSerializationAllowed = 1;
      cudaLaunchConfig_t config{};
      config.gridDim = blocks;
      config.blockDim = kThreads;
      config.dynamicSmemBytes = kBytes;
      config.stream = static_cast<cudaStream_t>(stream);
      config.attrs = &early;
      config.numAttrs = attribute(cudaDevAttrComputeCapabilityMajor) >= 9 ? 1 : 0;
      check(cudaLaunchKernelEx(&config, kernel, shape, arguments), "Convolving");
    });
  });
  check(cudaGetLastError(), "Convolving");
}

}  // namespace

bool conv_supported(const ConvShape& shape) {
  const bool trunk = shape.size == 3 && shape.outputs == shape.inputs;
  const bool tail = shape.size == 5 && shape.outputs == 48;
  if ((!trunk && !tail) || (shape.inputs != 32 && shape.inputs != 64)) return false;
  if (attribute(cudaDevAttrComputeCapabilityMajor) < 8) return false;  // cp.async, bf16
  int bytes = 0;
  const auto measure = [&]<int Size, int I, int O, bool B>() { bytes = std::max(bytes, Plan<Size, I, O, B>::kBytes); };
  with_plan<false>(shape, measure);
  with_plan<true>(shape, measure);
  return bytes <= attribute(cudaDevAttrMaxSharedMemoryPerBlockOptin);
}

int conv_blocks(const ConvShape& shape, bool backward) {
  constexpr int kMostResident = 4;      // blocks of a multiprocessor that its registers carry
  constexpr int kReservedBytes = 1024;  // of shared memory, by the system for each block
  int resident = 1;
  const auto count = [&]<int Size, int I, int O, bool B>() {
    const int shared = attribute(cudaDevAttrMaxSharedMemoryPerMultiprocessor);
    resident = std::clamp(shared / (Plan<Size, I, O, B>::kBytes + kReservedBytes), 1, kMostResident);
  };
  backward ? with_plan<true>(shape, count) : with_plan<false>(shape, count);
  return std::min(Tiles(shape.batch, shape.height, shape.width).count,
                  resident * attribute(cudaDevAttrMultiProcessorCount));
}

void conv_forward(const ConvShape& shape, const ConvArguments& arguments, void* stream) {
  launch<false>(shape, arguments, stream);
}

void conv_backward(const ConvShape& shape, const ConvArguments& arguments, void* stream) {
  launch<true>(shape, arguments, stream);
}

}  // namespace wring::kernels
