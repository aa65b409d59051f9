#pragma once
#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "wring/base/text.h"

namespace wring {

// What a kernel of a training step does with the card.
enum class KernelKind {
  product,       // convolutions and matrix products: the arithmetic that a step is for
  fp32_product,  // the same in fp32, within a step that computes in 16 bits
  elementwise,   // passes over memory: activations, bias, pooling, losses
  layout,        // other orders and types of the same numbers
  reduction,     // sums and norms
  update,        // optimiser, clipping, moving average
  copy,          // copies and fills by the driver
  collective,    // sums over the ranks
  other,
};

inline constexpr std::size_t kKernelKinds = 9;

struct KernelKindRow {
  KernelKind kind;
  std::string_view key;  // "fp32_product": in the protocol and in JSON
  Text name;             // "convolutions and products in fp32"
};
// One row a kind, in the order of the enumeration.
std::span<const KernelKindRow> kernel_kind_rows();
std::optional<KernelKind> kernel_kind_of_key(std::string_view key);

// What a profile tells of one kernel.
struct KernelEvidence {
  std::string_view name;        // as the profiler writes it: "void at::native::vectorized_elementwise_kernel<4, …"
  std::string_view op;          // the operator that launched it, "aten::cudnn_convolution"; "" within a replayed graph
  std::string_view input_type;  // of the operator's first input, "float", "c10::BFloat16"; "" where it is not known
};

// The operator decides where it is known: names of kernels are the libraries' own affair. `sixteen_bit`: the step
// computes in 16 bits. A product counts as fp32 only where the operator's input or the name says so; most names tell no
// precision.
KernelKind kernel_kind(const KernelEvidence& evidence, bool sixteen_bit);

// One kernel or copy on the card's clock.
struct KernelRun {
  KernelKind kind = KernelKind::other;
  std::uint64_t begin_ns = 0;
  std::uint64_t end_ns = 0;
  bool small = false;  // too few blocks for the card's multiprocessors
};

struct KernelKindTime {
  KernelKind kind = KernelKind::other;
  double ms = 0;         // of a step; where several kernels run at once each has its part of the time
  double small_ms = 0;   // of it in small launches, as far as the profiler tells
  double calls = 0;      // kernels of a step
  std::string heaviest;  // name of the one that took longest
};

// The time of each kind over all `runs`, in ns, by the kind's number; the sum is the time in which anything ran.
struct DividedTime {
  std::array<double, kKernelKinds> ns{};
  std::array<double, kKernelKinds> small_ns{};  // of it in small launches
};
DividedTime divide_time(std::span<const KernelRun> runs);

// Whether a launch leaves a quarter of the multiprocessors and more without a block, by what Kineto says of it
// (`"blocks per SM": 0.5, …`); false where it says nothing.
bool is_small_launch(std::string_view metadata);
bool is_small_launch(double blocks_per_multiprocessor);

}  // namespace wring
