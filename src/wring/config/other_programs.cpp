#include "wring/config/other_programs.h"

#include <algorithm>
#include <array>
#include <string_view>

namespace wring {
namespace {

// A key by which a file is known: at the first level, or by its whole path; "*." before it: at any depth. The kind is
// that of its value.
enum class Kind { any, map, list };
struct Mark {
  std::string_view path;
  Kind kind = Kind::any;
};

struct Signature {
  std::vector<Mark> marks;  // all of them must be there
  OtherProgram program;
};

const OtherProgram kBasicSr{
    {"an option file of BasicSR or of a program after its model", "BasicSR（或同类程序）的选项文件"}};
const OtherProgram kLightning{{"a configuration of LightningCLI", "LightningCLI 的配置"}};
const OtherProgram kHydra{{"a configuration of Hydra", "Hydra 的配置"}};
const OtherProgram kMmEngine{{"a configuration of MMEngine (OpenMMLab)", "MMEngine（OpenMMLab）的配置"}};
const OtherProgram kHuggingFace{{"arguments of Hugging Face's Trainer", "Hugging Face Trainer 的参数"}};
const OtherProgram kAccelerate{{"a configuration of accelerate", "accelerate 的配置"}};
const OtherProgram kDeepSpeed{{"a configuration of DeepSpeed", "DeepSpeed 的配置"}};
const OtherProgram kAxolotl{{"a configuration of axolotl", "axolotl 的配置"}};
const OtherProgram kUltralytics{{"a file of Ultralytics YOLO", "Ultralytics YOLO 的文件"}};
const OtherProgram kTimm{{"arguments of timm's train.py", "timm 的 train.py 参数"}};
const OtherProgram kDetectron{{"a configuration of Detectron2", "Detectron2 的配置"}};
const OtherProgram kPaddle{{"a configuration of PaddlePaddle", "PaddlePaddle 的配置"}};
const OtherProgram kCompose{{"a file of docker compose", "docker compose 的文件"}, false};
const OtherProgram kKubernetes{{"a manifest of Kubernetes", "Kubernetes 的清单"}, false};
const OtherProgram kGithub{{"a workflow of GitHub Actions", "GitHub Actions 的工作流"}, false};
const OtherProgram kGitlab{{"a pipeline of GitLab", "GitLab 的流水线"}, false};
const OtherProgram kConda{{"an environment of conda", "conda 的环境文件"}, false};
const OtherProgram kPreCommit{{"a configuration of pre-commit", "pre-commit 的配置"}, false};

// What trains comes after what does not: a workflow, too, may have `defaults`.
const std::vector<Signature>& signatures() {
  static const std::vector<Signature> all = {
      {{{"services", Kind::map}}, kCompose},
      {{{"apiVersion"}, {"kind"}}, kKubernetes},
      {{{"jobs", Kind::map}, {"on"}}, kGithub},
      {{{"stages", Kind::list}, {"*.script"}}, kGitlab},
      {{{"dependencies", Kind::list}, {"channels", Kind::list}}, kConda},
      {{{"repos", Kind::list}, {"*.hooks"}}, kPreCommit},
      {{{"network_g", Kind::map}}, kBasicSr},
      {{{"netG", Kind::map}, {"datasets", Kind::map}}, kBasicSr},
      {{{"datasets", Kind::map}, {"model_type"}}, kBasicSr},
      {{{"datasets", Kind::map}, {"path", Kind::map}}, kBasicSr},
      {{{"defaults", Kind::list}}, kHydra},
      {{{"hydra", Kind::map}}, kHydra},
      {{{"seed_everything"}}, kLightning},
      {{{"trainer", Kind::map}, {"model", Kind::map}}, kLightning},
      {{{"trainer", Kind::map}, {"data", Kind::map}}, kLightning},
      {{{"trainer", Kind::map}, {"*.class_path"}}, kLightning},
      {{{"fit.trainer", Kind::map}}, kLightning},
      {{{"*._target_"}}, kHydra},
      {{{"_base_"}}, kMmEngine},
      {{{"optim_wrapper", Kind::map}}, kMmEngine},
      {{{"default_hooks", Kind::map}}, kMmEngine},
      {{{"train_dataloader", Kind::map}}, kMmEngine},
      {{{"checkpoint_config", Kind::map}, {"log_config", Kind::map}}, kMmEngine},
      {{{"lr_config", Kind::map}}, kMmEngine},
      {{{"zero_optimization", Kind::map}}, kDeepSpeed},
      {{{"train_micro_batch_size_per_gpu"}}, kDeepSpeed},
      {{{"base_model"}, {"datasets", Kind::list}}, kAxolotl},
      {{{"per_device_train_batch_size"}}, kHuggingFace},
      {{{"num_train_epochs"}}, kHuggingFace},
      {{{"model_name_or_path"}}, kHuggingFace},
      {{{"output_dir"}, {"learning_rate"}}, kHuggingFace},
      {{{"compute_environment"}}, kAccelerate},
      {{{"distributed_type"}, {"num_processes"}}, kAccelerate},
      {{{"imgsz"}}, kUltralytics},
      {{{"names"}, {"nc"}}, kUltralytics},
      {{{"names"}, {"train"}, {"val"}}, kUltralytics},
      {{{"opt"}, {"sched"}}, kTimm},
      {{{"SOLVER", Kind::map}}, kDetectron},
      {{{"_BASE_"}}, kDetectron},
      {{{"Global", Kind::map}}, kPaddle},
      {{{"snapshot_config", Kind::map}}, kPaddle},
      {{{"train_dataset", Kind::map}, {"lr_scheduler", Kind::map}}, kPaddle},
  };
  return all;
}

bool is_at(const NestedKey& key, std::string_view path) {
  if (path.starts_with("*.")) return key.name == path.substr(2);
  return key.path == path;
}

bool has_kind(const NestedKey& key, Kind kind) {
  return kind == Kind::any || (kind == Kind::map ? key.holds_map : key.holds_list);
}

}  // namespace

std::optional<Recognised> recognise(std::span<const NestedKey> keys) {
  for (const Signature& signature : signatures()) {
    Recognised found{signature.program, {}};
    for (const Mark& mark : signature.marks) {
      const auto key = std::ranges::find_if(
          keys, [&](const NestedKey& one) { return is_at(one, mark.path) && has_kind(one, mark.kind); });
      if (key != keys.end()) found.seen.push_back(*key);
    }
    if (found.seen.size() == signature.marks.size()) return found;
  }
  return std::nullopt;
}

Text other_format(const std::filesystem::path& path) {
  struct Ending {
    std::string_view ending;
    Text name;
  };
  static const std::vector<Ending> endings = {
      {".py", {"a Python file", "Python 文件"}}, {".toml", {"a TOML file", "TOML 文件"}},
      {".ini", {"an INI file", "INI 文件"}},     {".cfg", {"an INI file", "INI 文件"}},
      {".xml", {"an XML file", "XML 文件"}},     {".sh", {"a shell script", "shell 脚本"}},
      {".ipynb", {"a notebook", "笔记本文件"}}};
  const auto found = std::ranges::find(endings, path.extension().string(), &Ending::ending);
  return found != endings.end() ? found->name : Text();
}

}  // namespace wring
