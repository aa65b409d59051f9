#pragma once
#include <ATen/cuda/CUDAContext.h>
#include <ATen/cuda/CUDAEvent.h>
#include <c10/cuda/CUDAGuard.h>

namespace wring {

// Work that runs beside the current stream's: it sees what was enqueued before run(), and join() makes the current
// stream wait for it. Inside a capture this becomes a branch of the graph.
class SideStream {
 public:
  explicit SideStream(at::DeviceIndex device) : stream_(at::cuda::getStreamFromPool(false, device)) {}

  template <typename Work>
  void run(const Work& work) {
    at::cuda::CUDAEvent ready;
    ready.record(at::cuda::getCurrentCUDAStream());
    ready.block(stream_);
    joined_ = false;
    const at::cuda::CUDAStreamGuard guard(stream_);
    work();
  }
  // A stream without work since the last time has nothing to wait for; inside a capture waiting would even be an error.
  void join() {
    let_current_wait();
    joined_ = true;
  }
  // The same for a stream that is current for the moment; join() is still due on the one that goes on.
  void let_current_wait() const {
    if (joined_) return;
    at::cuda::CUDAEvent done;
    done.record(stream_);
    done.block(at::cuda::getCurrentCUDAStream());
  }

 private:
  at::cuda::CUDAStream stream_;
  bool joined_ = true;
};

}  // namespace wring
