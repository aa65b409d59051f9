#pragma once
#include <type_traits>

#include "wring/config/keys.h"
#include "wring/plan/planner.h"
#include "wring/plan/target.h"

namespace wring {

// A plan in the making, as the rules see it: each reads the config as the rules before it left it, and
// changes it only through set(), which keeps the record.
class Draft {
 public:
  // `file` must outlive the draft.
  Draft(const ConfigFile& file, const Machine& machine, const PlanOptions& options);

  const TrainConfig& config() const { return plan_.result; }
  const TrainConfig& original() const { return file_.values; }
  bool names(std::string_view key) const;  // the file has a value for it, not only the default
  const Machine& machine() const { return plan_.machine; }
  const Target& target() const { return target_; }
  const PlanOptions& options() const { return options_; }
  bool keep_model() const { return options_.keep_model; }
  bool basic_mode() const { return plan_.basic_mode; }

  // Nothing is recorded when the config already has this value.
  template <class T>
  void set(T TrainConfig::*member, const std::type_identity_t<T>& value, Text reason) {
    if (plan_.result.*member == value) return;
    const std::string old_value = text_of(member);
    plan_.result.*member = value;
    record(member, old_value, std::move(reason));
  }

  // A reason after the machine's label: "24 GB card: …".
  Text because(const Text& reason) const;

  void note(Text note) { plan_.notes.push_back(std::move(note)); }

  void enter_rule(std::string name) { rule_ = std::move(name); }
  Plan finish() &&;

 private:
  std::string text_of(const Member& member) const;
  void record(const Member& member, std::string old_value, Text reason);

  const ConfigFile& file_;
  PlanOptions options_;
  Target target_;
  Plan plan_;
  std::string rule_;
};

}  // namespace wring
