// What the agent's lines mean, and that a wrong one is refused by the name of its field.
#include "wring/agent/messages.h"

#include <nlohmann/json.hpp>
#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "unit/agent/sample_observation.h"
#include "wring/agent/observation_json.h"
#include "wring/base/error.h"

namespace wring {
namespace {

using namespace testing_support;
using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;

std::string replaced(std::string line, const std::string& what, const std::string& with) {
  const std::size_t at = line.find(what);
  if (at == std::string::npos) throw std::runtime_error("there is no " + what);
  return line.replace(at, what.size(), with);
}

std::string refusal(const std::string& line) {
  try {
    parse_agent_event(line);
  } catch (const Error& error) {
    return error.message().en;
  }
  return "";
}

Observation sample() {
  return std::get<AgentDone>(parse_agent_event(done_line(R"({"path":"/t/rank1-123.json.gz","steps":5})"))).observation;
}

TEST(AgentMessages, ARequestHoldsEveryWindow) {
  AgentRequest request;
  request.after_steps = 7;
  request.folder = "/t";
  const auto json = nlohmann::json::parse(request_line(1, request));
  EXPECT_EQ(json["v"], 1);
  EXPECT_EQ(json["id"], 1);
  EXPECT_EQ(json["observe"], nlohmann::json::parse(R"({"after_steps":7,"after_seconds":2.0,"steps":50,
      "max_seconds":15.0,"trace_steps":5,"trace_max_seconds":10.0,"sync_steps":3,"rate_seconds":0.02,"folder":"/t"})"));
}

TEST(AgentMessages, AHelloNamesTheProcess) {
  const ObservedProcess process = std::get<AgentHello>(parse_agent_event(kHelloLine)).process;
  EXPECT_EQ(process.pid, 123);
  EXPECT_EQ(process.rank, 1);
  EXPECT_EQ(process.world_size, 2);
  EXPECT_THAT(process.argv, ElementsAre("train.py", "--epochs", "3"));
  EXPECT_EQ(process.device, "cuda:1");
  EXPECT_EQ(process.device_name, "NVIDIA H200");
  EXPECT_EQ(process.startup_ms, 12.3);
}

TEST(AgentMessages, OnTheCpuThereIsNoNameOfADevice) {
  const std::string line = R"({"v":1,"event":"hello","pid":5,"device":"cpu","device_name":null,"device_uuid":null})";
  const ObservedProcess process = std::get<AgentHello>(parse_agent_event(line)).process;
  EXPECT_EQ(process.device_name, "");
  EXPECT_EQ(process.world_size, 1);
}

TEST(AgentMessages, WhatIsDoneHoldsEveryFact) {
  const Observation seen = sample();
  EXPECT_EQ(seen.steps.n, 50);
  EXPECT_EQ(seen.steps.step_ms.median, 12.1);
  EXPECT_EQ(seen.steps.loader_wait_ms, 9.1);
  EXPECT_EQ(seen.steps.samples_per_step, 64);
  ASSERT_EQ(seen.loaders.size(), 1U);
  EXPECT_EQ(seen.loaders[0].place.file, "train.py");
  EXPECT_EQ(seen.loaders[0].place.line, 31);
  EXPECT_EQ(seen.loaders[0].prefetch_factor, std::nullopt);
  ASSERT_EQ(seen.optimizers.size(), 1U);
  EXPECT_EQ(seen.optimizers[0].fused, std::nullopt);
  EXPECT_EQ(seen.optimizers[0].foreach_, false);
  EXPECT_EQ(seen.precision.autocast, "bfloat16");
  EXPECT_EQ(seen.precision.parameters.at(0).elements, 11000000);
  EXPECT_EQ(seen.memory->peak_allocated_mib, 946);
  EXPECT_EQ(seen.trace->path, "/t/rank1-123.json.gz");
  EXPECT_EQ(seen.syncs->at(0).place.line, 40);
  EXPECT_EQ(seen.rate->type, "bfloat16");
  EXPECT_EQ(seen.rate->tflops, 702.5);
}

TEST(AgentMessages, WhatIsWrittenAsJsonIsWhatWasSaid) {
  const std::string line = done_line(R"({"path":"/t/a.json.gz","steps":5})");
  const auto said = nlohmann::json::parse(replaced(line, "946.4", "946"));
  const nlohmann::json written =
      nlohmann::json::parse(observation_json(std::get<AgentDone>(parse_agent_event(line)).observation).dump());
  for (const auto& [key, value] : said.items()) {
    if (key == "v" || key == "id" || key == "event" || key == "outcome") continue;
    EXPECT_EQ(written[key], value) << key;
  }
}

TEST(AgentMessages, AbsentPartsStayAbsent) {
  const Observation seen =
      std::get<AgentDone>(
          parse_agent_event(R"({"v":1,"id":1,"event":"done","outcome":"ok","steps":{"n":0},"syncs":null,)"
                            R"("trace":{"refused":"the program runs a profiler of its own"}})"))
          .observation;
  EXPECT_EQ(seen.steps.n, 0);
  EXPECT_FALSE(seen.memory || seen.trace || seen.syncs || seen.cpu_cores || seen.rate);
  EXPECT_EQ(seen.no_trace.value().words, "the program runs a profiler of its own");
}

TEST(AgentMessages, AReasonWithAKeyIsReadAndWrittenWhole) {
  const std::string refused =
      R"({"refused":"it could not be written: full","reason":{"key":"unwritten","error":"full"}})";
  const auto event = parse_agent_event(done_line(refused));
  const Observation& seen = std::get<AgentDone>(event).observation;
  EXPECT_EQ(seen.no_trace.value().key, "unwritten");
  EXPECT_EQ(seen.no_trace->error, "full");
  EXPECT_EQ(nlohmann::json::parse(observation_json(seen).dump())["trace"], nlohmann::json::parse(refused));
  EXPECT_THAT(refusal(done_line(R"({"refused":"x","reason":"own_profiler"})")), HasSubstr("\"trace.reason\""));
}

TEST(AgentMessages, OfAFailedAgentItsWordsAreKept) {
  const auto event = parse_agent_event(R"({"v":1,"id":1,"event":"done","outcome":"error","message":"no hook"})");
  EXPECT_EQ(std::get<AgentFailed>(event).reason.words, "no hook");
  const auto keyed = parse_agent_event(R"({"v":1,"id":1,"event":"done","outcome":"error","message":"no hook",)"
                                       R"("reason":{"key":"ended_early","steps":7}})");
  EXPECT_EQ(std::get<AgentFailed>(keyed).reason.key, "ended_early");
  EXPECT_EQ(std::get<AgentFailed>(keyed).reason.steps, 7);
}

TEST(AgentMessages, FieldsThatAreNotKnownArePassedOver) {
  EXPECT_EQ(refusal(replaced(kHelloLine, R"("rank":1)", R"("rank":1,"mood":["fine"])")), "");
}

TEST(AgentMessages, AWrongFieldIsNamed) {
  const std::string done = done_line();
  EXPECT_THAT(refusal(replaced(done, R"("n":50,"step)", R"("n":-1,"step)")), HasSubstr("\"steps.n\" is -1"));
  EXPECT_THAT(refusal(replaced(done, R"("median":12.1)", R"("median":"fast")")),
              AllOf(HasSubstr("\"steps.step_ms.median\""), HasSubstr("\"fast\"")));
  EXPECT_THAT(refusal(replaced(done, R"("median":12.1,)", "")), HasSubstr("\"steps.step_ms.median\" is missing"));
  EXPECT_THAT(refusal(replaced(done, R"("line":31)", R"("line":1e300)")), HasSubstr("\"loaders[0].line\""));
  EXPECT_THAT(refusal(replaced(done, R"("pin_memory":false)", R"("pin_memory":0)")),
              HasSubstr("\"loaders[0].pin_memory\" is 0"));
  EXPECT_THAT(refusal(replaced(done, R"([{"file":"train.py","line":40,"per_step":1}])", R"({"a":1})")),
              HasSubstr("\"syncs\" is {…}, not a list"));
  EXPECT_THAT(refusal(replaced(done, R"("float32":11000000)", R"("float32":[])")),
              HasSubstr("\"precision.parameters.float32\""));
  EXPECT_THAT(refusal(replaced(kHelloLine, R"("pid":123)", R"("pid":0)")), HasSubstr("\"pid\" is 0"));
  EXPECT_THAT(refusal(replaced(kHelloLine, R"("device":"cuda:1",)", "")), HasSubstr("\"device\" is missing"));
  EXPECT_THAT(refusal(replaced(kHelloLine, R"("train.py")", "7")), HasSubstr("\"argv\" is […], not a list of texts"));
}

TEST(AgentMessages, WhatIsNoLineOfTheProtocolIsRefused) {
  EXPECT_THAT(refusal("step 1 of 10"), HasSubstr("not JSON"));
  EXPECT_THAT(refusal(replaced(done_line(), "9.1", "NaN")), HasSubstr("NaN and infinities are none"));
  EXPECT_THAT(refusal("[1]"), HasSubstr("not a JSON object"));
  EXPECT_THAT(refusal(R"({"v":2,"event":"hello"})"), HasSubstr("\"v\" is 2"));
  EXPECT_THAT(refusal(R"({"event":"hello"})"), HasSubstr("\"v\" is missing"));
  EXPECT_THAT(refusal(R"({"v":1,"event":"dance"})"), HasSubstr("hello, phase or done"));
  EXPECT_THAT(refusal(R"({"v":1,"event":"done","outcome":"oom"})"), HasSubstr("\"outcome\" is \"oom\""));
  EXPECT_THAT(refusal(std::string(12, '[') + std::string(12, ']')), HasSubstr("nested too deep"));
}

}  // namespace
}  // namespace wring
