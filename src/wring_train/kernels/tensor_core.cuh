#pragma once
// The warp's matrix instructions (PTX ISA, mma.sync m16n8k16 and ldmatrix) for bf16 and fp16, fp32 accumulation.
#include <cstdint>

#include "wring_train/kernels/low_precision.cuh"

// Programs are also built for older devices, where nothing of this is ever launched.
#if defined(__CUDA_ARCH__) && __CUDA_ARCH__ < 800
#define WRING_TENSOR_CORE_ASM(...) __trap()
#else
#define WRING_TENSOR_CORE_ASM(...) asm volatile(__VA_ARGS__)
#endif

namespace wring::kernels {

using FragmentA = std::uint32_t[4];  // 16×16
using FragmentB = std::uint32_t[2];  // 16×8
using FragmentC = float[4];          // 16×8: rows lane / 4 and + 8, columns lane % 4 · 2 and + 1

template <typename T>
__device__ inline void multiply_add(FragmentC& c, const FragmentA& a, std::uint32_t b0, std::uint32_t b1);
template <>
__device__ inline void multiply_add<__nv_bfloat16>(FragmentC& c, const FragmentA& a, std::uint32_t b0,
                                                   std::uint32_t b1) {
  WRING_TENSOR_CORE_ASM(
      "mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32 {%0,%1,%2,%3}, {%4,%5,%6,%7}, {%8,%9}, {%0,%1,%2,%3};"
      : "+f"(c[0]), "+f"(c[1]), "+f"(c[2]), "+f"(c[3])
      : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b0), "r"(b1));
}
template <>
__device__ inline void multiply_add<__half>(FragmentC& c, const FragmentA& a, std::uint32_t b0, std::uint32_t b1) {
  WRING_TENSOR_CORE_ASM(
      "mma.sync.aligned.m16n8k16.row.col.f32.f16.f16.f32 {%0,%1,%2,%3}, {%4,%5,%6,%7}, {%8,%9}, {%0,%1,%2,%3};"
      : "+f"(c[0]), "+f"(c[1]), "+f"(c[2]), "+f"(c[3])
      : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b0), "r"(b1));
}

__device__ inline std::uint32_t shared_address(const void* pointer) {
  return static_cast<std::uint32_t>(__cvta_generic_to_shared(pointer));
}

// Four 8×8 matrices, whose rows of 16 bytes start at the addresses that lanes 0–7, 8–15, 16–23 and 24–31 give.
__device__ inline void load_matrices(std::uint32_t (&r)[4], std::uint32_t address) {
  WRING_TENSOR_CORE_ASM("ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%0,%1,%2,%3}, [%4];"
                        : "=r"(r[0]), "=r"(r[1]), "=r"(r[2]), "=r"(r[3])
                        : "r"(address));
}
__device__ inline void load_matrices_transposed(std::uint32_t (&r)[4], std::uint32_t address) {
  WRING_TENSOR_CORE_ASM("ldmatrix.sync.aligned.m8n8.x4.trans.shared.b16 {%0,%1,%2,%3}, [%4];"
                        : "=r"(r[0]), "=r"(r[1]), "=r"(r[2]), "=r"(r[3])
                        : "r"(address));
}

// 16 bytes from device to shared memory without passing registers; zeros when not `present`.
__device__ inline void copy_async(void* to, const void* from, bool present) {
  [[maybe_unused]] const int bytes = present ? 16 : 0;  // Unused where the instruction is missing (sm_75).
  WRING_TENSOR_CORE_ASM("cp.async.cg.shared.global [%0], [%1], 16, %2;" ::"r"(shared_address(to)), "l"(from),
                        "r"(bytes));
}
__device__ inline void end_copy_group() {
  WRING_TENSOR_CORE_ASM("cp.async.commit_group;" ::: "memory");
}
// Until at most the `kLeft` latest groups are still under way.
template <int kLeft>
__device__ void wait_for_copy_groups() {
  WRING_TENSOR_CORE_ASM("cp.async.wait_group %0;" ::"n"(kLeft) : "memory");
}

// In a kernel that was launched to start while the one before it still runs (programmatic dependent launch): waits for
// that one's end, and lets the next kernel start likewise.
__device__ inline void wait_for_kernel_before() {
#if defined(__CUDA_ARCH__) && __CUDA_ARCH__ >= 900
  asm volatile("griddepcontrol.wait;" ::: "memory");
  asm volatile("griddepcontrol.launch_dependents;" ::: "memory");
#endif
}

}  // namespace wring::kernels

#undef WRING_TENSOR_CORE_ASM
