#pragma once
#include <string>

namespace wring::testing_support {

// What an agent says, one line each.
inline const std::string kHelloLine =
    R"({"v":1,"event":"hello","pid":123,"rank":1,"local_rank":1,"world_size":2,"argv":["train.py","--epochs","3"],)"
    R"("cwd":"/data/u","python":"3.12.3","torch":"2.11.0+cu130","device":"cuda:1","device_name":"NVIDIA H200",)"
    R"("device_uuid":"GPU-1","startup_ms":12.3})";

inline const std::string kStepsJson =
    R"({"n":50,"step_ms":{"median":12.1,"mad":0.2,"p95":13,"n":50},"mean_ms":12.4,"loader_wait_ms":9.1,)"
    R"("batches_per_step":1,"samples_per_step":64,"hook_us":7})";

inline std::string done_line(const std::string& trace = "null") {
  return R"({"v":1,"id":1,"event":"done","outcome":"ok","steps":)" + kStepsJson +
         R"(,"loaders":[{"file":"train.py","line":31,"dataset":"Photos","batch_size":64,"num_workers":0,)"
         R"("pin_memory":false,"persistent_workers":false,"prefetch_factor":null,"wait_ms":9.1,)"
         R"("in_stepping_thread":true,"batches":50}],"optimizers":[{"file":"train.py","line":33,"type":"AdamW",)"
         R"("fused":null,"foreach":false,"tensors":120,"elements":11000000,"steps":50,"counted":true}],)"
         R"("precision":{"autocast":"bfloat16","parameters":{"float32":11000000},"tf32_matmul":false,)"
         R"("tf32_cudnn":true},"layout":{"conv_weights":53,"channels_last":0},"compiled_modules":0,)"
         R"("cudnn_benchmark":false,"deterministic":false,"memory":{"peak_allocated_mib":946.4,)"
         R"("peak_reserved_mib":1210,"alloc_retries":0,"device_free_mib":140100,"device_total_mib":143771},)"
         R"("cpu_cores":16,"trace":)" +
         trace +
         R"(,"syncs":[{"file":"train.py","line":40,"per_step":1}],)"
         R"("rate":{"type":"bfloat16","tflops":702.5,"size":8192}})";
}

}  // namespace wring::testing_support
