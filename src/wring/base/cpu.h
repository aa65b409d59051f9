#pragma once

namespace wring {

// The CPU cores that this process may use: the scheduler's mask (taskset, Slurm, cpuset containers), at least 1.
int available_cpu_cores();

}  // namespace wring
