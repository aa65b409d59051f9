#include "wring/agent/messages.h"

#include <nlohmann/json.hpp>

#include <fmt/format.h>

#include "wring/agent/observation_json.h"
#include "wring/agent/words.h"
#include "wring/base/json_text.h"
#include "wring/trial/json_fields.h"
#include "wring/trial/protocol.h"

namespace wring {
namespace {

using Json = nlohmann::ordered_json;

const Text& subject() {
  static const Text text{"the agent's line", "探针的消息"};
  return text;
}

void check_version(const JsonFields& fields) {
  const auto version = fields.integer("v", 0, kTrialProtocol);
  if (!version) fields.missing("v");
  if (*version == kTrialProtocol) return;
  fields.wrong("v", fmt::format("version {} of the protocol", kTrialProtocol),
               fmt::format("协议版本 {}", kTrialProtocol));
}

AgentEvent read_done(const JsonFields& fields) {
  const auto outcome = fields.text("outcome");
  if (!outcome) fields.missing("outcome");
  if (*outcome == "ok") return AgentDone{read_observation(fields)};
  if (*outcome == "error") return AgentFailed{read_reason(fields, "message")};
  fields.wrong("outcome", "ok or error", " ok 或 error");
}

}  // namespace

std::string request_line(std::int64_t id, const AgentRequest& request) {
  const Json json{{"v", kTrialProtocol},
                  {"id", id},
                  {"observe",
                   {{"after_steps", request.after_steps},
                    {"after_seconds", request.after_seconds},
                    {"steps", request.steps},
                    {"max_seconds", request.max_seconds},
                    {"trace_steps", request.trace_steps},
                    {"trace_max_seconds", request.trace_max_seconds},
                    {"sync_steps", request.sync_steps},
                    {"rate_seconds", request.rate_seconds},
                    {"folder", request.folder.string()}}}};
  return json_text(json);
}

AgentEvent parse_agent_event(std::string_view line) {
  const nlohmann::json json = parse_json_line(line, subject());
  const JsonFields fields(json, "", subject());
  check_version(fields);
  const auto event = fields.text("event");
  if (!event) fields.missing("event");
  if (*event == "hello") return AgentHello{read_process(fields)};
  if (*event == "done") return read_done(fields);
  if (*event != "phase") fields.wrong("event", "hello, phase or done", " hello、phase 或 done");
  const auto phase = fields.text("phase");
  if (!phase) fields.missing("phase");
  return AgentPhase{*phase};
}

}  // namespace wring
