#pragma once
#include <string_view>
#include <vector>

#include "wring/findings/diagnosis_input.h"
#include "wring/findings/finding.h"

namespace wring {

// A diagnosis while its rules run over it: what was measured, and what has been found so far.
class Diagnosis {
 public:
  explicit Diagnosis(const DiagnosisInput& input) : input_(input) {}

  const DiagnosisInput& input() const { return input_; }

  // `cost`: the share of the step's time that the cause takes (per cent), by which findings are ordered.
  Finding& add(std::string_view key, Text headline, double cost, double confidence, Text numbers, Text rule,
               Text next_step);
  bool has(std::string_view key) const;
  // The first one with a change of the config; null where there is none.
  const Finding* first_curable() const;
  // What the card itself takes of the step: all that is not lost before it.
  double own_share() const;

  // The dominant cause first: by its cost, then by confidence.
  std::vector<Finding> finish() &&;

 private:
  struct Weighed {
    Finding finding;
    double cost = 0;
  };
  const DiagnosisInput& input_;
  std::vector<Weighed> found_;
};

}  // namespace wring
