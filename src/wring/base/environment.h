#pragma once
#include <optional>
#include <string_view>

namespace wring {

// The parts of docs/environment.md.
enum class VariableGroup { own, folders, terminal, gpus, ranks, tests };

// One environment variable that Wring's programs read themselves.
struct EnvironmentVariable {
  VariableGroup group;
  std::string_view name;
  const char* readers;
  const char* effect;
};

// Every variable, by group. docs/environment.md is made from it.
inline constexpr EnvironmentVariable kEnvironment[] = {
    {VariableGroup::own, "WRING_CACHE_DIR", "both",
     "folder of what can be computed again, as decoded images; empty keeps nothing (else `XDG_CACHE_HOME`)"},
    {VariableGroup::own, "WRING_CACHE_LIMIT_GIB", "both",
     "most GiB of decoded images in that folder, 0 or more; an empty text is refused (else a fifth of the disk space "
     "that "
     "is free or used by the cache)"},
    {VariableGroup::own, "WRING_TRIAL_TIMEOUT", "`wring`",
     "seconds without a sign of life after which a trial of `wring benchmark` and `wring diagnose` counts as hung, "
     "0.001 "
     "or more; five times as long while it starts; an empty text is refused (else 60)"},
    {VariableGroup::own, "WRING_RANK_TIMEOUT", "`wring-train`",
     "seconds without a sign of life, or behind the others, after which a rank is lost, 1 to 1000000 (else 15 and 20)"},
    {VariableGroup::own, "WRING_MONITOR_TOKEN", "`wring`",
     "token that clients of `wring monitor --serve` must send where there is no `--token-file`; a command after `--` "
     "does not get it"},
    {VariableGroup::own, "WRING_NVML_LIBRARY", "`wring`", "library to load in place of `libnvidia-ml.so.1`"},
    {VariableGroup::own, "WRING_NVIDIA_SMI", "`wring`", "program to start in place of `nvidia-smi`"},
    {VariableGroup::own, "WRING_LAUNCHER_PID", "`wring-train`",
     "set by `--nproc` for its ranks: the process that started them, with which they end"},

    {VariableGroup::folders, "HOME", "both",
     "home folder, below which `.cache` and `.local/state` stand in for the folders of the next rows"},
    {VariableGroup::folders, "XDG_CACHE_HOME", "both",
     "folder of caches: decoded images in `wring` below it (an absolute path, else ignored), VGG-19's weights in "
     "`torch`"},
    {VariableGroup::folders, "XDG_STATE_HOME", "`wring`",
     "folder of what programs keep: summaries of `wring monitor` in `wring` below it (an absolute path, else ignored)"},
    {VariableGroup::folders, "TORCH_HOME", "both",
     "PyTorch's folder, with VGG-19's weights in `hub/checkpoints` (else `torch` in `XDG_CACHE_HOME`)"},
    {VariableGroup::folders, "TMPDIR", "`wring`",
     "folder of temporary files, for the patched configurations of `--command`; the command gets one of its own (else "
     "`TMP`, `TEMP`, `TEMPDIR`, then `/tmp`)"},
    {VariableGroup::folders, "XDG_RUNTIME_DIR", "`wring`",
     "folder of the agent's files and socket, for `wring diagnose -- COMMAND` (else `TMPDIR`, then `/tmp`)"},
    {VariableGroup::folders, "PYTHONPATH", "`wring`",
     "folders of Python's modules: a command that `wring diagnose` starts gets the agent's before them"},
    {VariableGroup::folders, "PATH", "`wring`", "where `wring-train` is looked for that does not stand beside `wring`"},

    {VariableGroup::terminal, "LC_ALL", "both", "locale, before those of the next rows"},
    {VariableGroup::terminal, "LC_CTYPE", "both", "locale of characters: without UTF-8 all messages are ASCII"},
    {VariableGroup::terminal, "LC_MESSAGES", "both", "locale of messages: `zh…` with UTF-8 is Chinese, others English"},
    {VariableGroup::terminal, "LANG", "both", "locale of what neither `LC_ALL` nor its own variable sets"},
    {VariableGroup::terminal, "TERM", "both",
     "kind of terminal: for `dumb` or none there are no colours (unless forced), no progress bars and no live view"},
    {VariableGroup::terminal, "NO_COLOR", "both", "any text: no colours, unless `--color always` is given"},
    {VariableGroup::terminal, "FORCE_COLOR", "both",
     "any text but 0: colours also where no terminal is; 0: none (`NO_COLOR` and `--color` come first)"},

    {VariableGroup::gpus, "CUDA_VISIBLE_DEVICES", "both",
     "GPUs that the training sees, as CUDA reads it: empty hides all. Each of several ranks takes its own of them"},

    {VariableGroup::ranks, "RANK", "both",
     "number of this process among all; set, even to nothing, it refuses `--nproc`"},
    {VariableGroup::ranks, "WORLD_SIZE", "both", "number of all processes; set, even to nothing, it refuses `--nproc`"},
    {VariableGroup::ranks, "LOCAL_RANK", "`wring-train`", "number of this process on its machine (else `RANK`)"},
    {VariableGroup::ranks, "LOCAL_WORLD_SIZE", "`wring-train`", "processes on this machine (else `WORLD_SIZE`)"},
    {VariableGroup::ranks, "MASTER_ADDR", "`wring-train`", "machine of rank 0, where the ranks meet"},
    {VariableGroup::ranks, "MASTER_PORT", "`wring-train`", "port at which they meet"},
    {VariableGroup::ranks, "OMP_NUM_THREADS", "both",
     "threads of a rank; `--nproc` shares the cores out where it is not set"},
    {VariableGroup::ranks, "TORCHELASTIC_USE_AGENT_STORE", "`wring-train`",
     "`True`: torchrun itself serves the meeting point"},
    {VariableGroup::ranks, "TORCHELASTIC_RESTART_COUNT", "`wring-train`", "torchrun's restarts so far"},
    {VariableGroup::ranks, "OMPI_COMM_WORLD_RANK", "`wring-train`", "mpirun's `RANK`"},
    {VariableGroup::ranks, "OMPI_COMM_WORLD_SIZE", "`wring-train`", "mpirun's `WORLD_SIZE`"},
    {VariableGroup::ranks, "OMPI_COMM_WORLD_LOCAL_RANK", "`wring-train`", "mpirun's `LOCAL_RANK`"},
    {VariableGroup::ranks, "OMPI_COMM_WORLD_LOCAL_SIZE", "`wring-train`", "mpirun's `LOCAL_WORLD_SIZE`"},
    {VariableGroup::ranks, "SLURM_PROCID", "`wring-train`", "srun's `RANK`"},
    {VariableGroup::ranks, "SLURM_STEP_NUM_TASKS", "`wring-train`", "srun's `WORLD_SIZE`"},
    {VariableGroup::ranks, "SLURM_NTASKS", "`wring-train`", "srun's `WORLD_SIZE` where the step's own is not set"},
    {VariableGroup::ranks, "SLURM_LOCALID", "`wring-train`", "srun's `LOCAL_RANK`"},
    {VariableGroup::ranks, "SLURM_STEP_TASKS_PER_NODE", "`wring-train`",
     "processes on each machine, of which the first number is taken"},
    {VariableGroup::ranks, "SLURM_STEP_NODELIST", "`wring-train`",
     "machines of the step, of which the first is that of rank 0 where `MASTER_ADDR` is not set"},
    {VariableGroup::ranks, "SLURM_JOB_ID", "`wring-train`",
     "number of the job, from which the port follows where `MASTER_PORT` is not set"},

    {VariableGroup::tests, "WRING_TEST_NAN_LOSS", "`wring-train`",
     "`FIRST-LAST[:LR]`: batches whose loss becomes NaN, at learning rates above LR"},
    {VariableGroup::tests, "WRING_TEST_OOM_ABOVE_BATCH", "`wring-train`",
     "`SIZE[@STEP[/RANK]]`: larger micro-batches count as out of memory, from that step on, on that rank"},
};

// The name of a variable in the table. Another name does not compile.
class VariableName {
 public:
  consteval VariableName(const char* name) : name_(name) {  // NOLINT(google-explicit-constructor)
    for (const EnvironmentVariable& variable : kEnvironment) {
      if (variable.name == name) return;
    }
    throw "kEnvironment has no variable of this name";
  }

  constexpr const char* text() const { return name_; }

 private:
  const char* name_;
};

// The value of a variable, nullopt where it is not set. It holds until the variable is set to another.
std::optional<std::string_view> environment(VariableName name);

}  // namespace wring
