#pragma once
#include <optional>

#include "wring/findings/finding.h"

namespace wring {

struct Features;
class Diagnosis;
class ProgramDiagnosis;

// The rules, each in the file of its cause: of what a monitor saw of one card (Features), and of the trials of a
// diagnosis, and of what an agent and a trace say of a program. They need evidence: what could not be measured supports
// none.
namespace rules {

std::optional<Finding> idle(const Features& features);
std::optional<Finding> compute_bound(const Features& features);
std::optional<Finding> tensor_cores_unused(const Features& features);
std::optional<Finding> memory_bandwidth_bound(const Features& features);
std::optional<Finding> launch_bound(const Features& features);
std::optional<Finding> collective_bound(const Features& features);
std::optional<Finding> input_bound(const Features& features);
std::optional<Finding> power_throttled(const Features& features);
std::optional<Finding> heat_throttled(const Features& features);
std::optional<Finding> memory_nearly_full(const Features& features);

void data_bound(Diagnosis& diagnosis);  // input_bound.cpp
void transfer_bound(Diagnosis& diagnosis);
void launch_bound(Diagnosis& diagnosis);
void too_small(Diagnosis& diagnosis);
void precision_bound(Diagnosis& diagnosis);  // tensor_cores_unused.cpp
void throttled(Diagnosis& diagnosis);
void memory_bandwidth_bound(Diagnosis& diagnosis);
void slow_kernels(Diagnosis& diagnosis);
void compute_bound(Diagnosis& diagnosis);

void input_bound(ProgramDiagnosis& diagnosis);
void synchronisations(ProgramDiagnosis& diagnosis);
void optimizer(ProgramDiagnosis& diagnosis);
void launch_bound(ProgramDiagnosis& diagnosis);
void transfer_bound(ProgramDiagnosis& diagnosis);
void collective_bound(ProgramDiagnosis& diagnosis);
void tensor_cores_unused(ProgramDiagnosis& diagnosis);
void layout(ProgramDiagnosis& diagnosis);
void throttled(ProgramDiagnosis& diagnosis);
void compute_bound(ProgramDiagnosis& diagnosis);

}  // namespace rules
}  // namespace wring
