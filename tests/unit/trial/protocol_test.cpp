#include "wring/trial/protocol.h"

#include <cmath>
#include <nlohmann/json.hpp>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "wring/base/error.h"

namespace wring {
namespace {

using testing::HasSubstr;
using testing::Not;

// The error's message, or a failure.
template <typename Parse>
std::string refusal(Parse parse, const std::string& line) {
  try {
    parse(line);
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::failed);
    EXPECT_FALSE(error.hint().empty());
    EXPECT_NE(error.message().en, error.message().zh);
    return error.message().en;
  }
  ADD_FAILURE() << "not refused: " << line;
  return "";
}

std::string refused_request(const std::string& line) {
  return refusal([](const std::string& text) { parse_request(text); }, line);
}
std::string refused_event(const std::string& line) {
  return refusal([](const std::string& text) { parse_event(text); }, line);
}

std::string value_after_a_round_trip(const std::string& value) {
  NumberedRequest request;
  request.request.set = {{"key", value}};
  return parse_request(request_line(request)).request.set.at(0).value;
}

TEST(TrialProtocol, ARequestIsTheDesignsLine) {
  NumberedRequest request;
  request.id = 7;
  request.request.set = {{"batch_size", "32"}, {"lr", "0.0002"}, {"pin_memory", "true"}, {"amp_dtype", "bf16"}};
  EXPECT_EQ(request_line(request),
            R"({"v":1,"id":7,"set":{"batch_size":32,"lr":0.0002,"pin_memory":true,"amp_dtype":"bf16"},)"
            R"("measure":{"data":"real","min_seconds":0.5,"max_seconds":5.0,"rel_ci":0.02,"min_steps":2,)"
            R"("validate":false,"kernels":false}})");
}

TEST(TrialProtocol, ARequestArrivesAsItWasSent) {
  NumberedRequest sent;
  sent.id = 9;
  sent.request.set = {{"batch_size", "48"}};
  sent.request.measure = {.data = TrialData::resident,
                          .min_seconds = 0.25,
                          .max_seconds = 2,
                          .rel_ci = 0.01,
                          .min_steps = 30,
                          .validate = true,
                          .kernels = true};
  const NumberedRequest got = parse_request(request_line(sent));
  EXPECT_EQ(got.id, 9);
  ASSERT_EQ(got.request.set.size(), 1u);
  EXPECT_EQ(got.request.set[0].key, "batch_size");
  EXPECT_EQ(got.request.set[0].value, "48");
  EXPECT_EQ(got.request.measure.data, TrialData::resident);
  EXPECT_EQ(got.request.measure.min_seconds, 0.25);
  EXPECT_EQ(got.request.measure.max_seconds, 2);
  EXPECT_EQ(got.request.measure.rel_ci, 0.01);
  EXPECT_EQ(got.request.measure.min_steps, 30);
  EXPECT_TRUE(got.request.measure.validate);
  EXPECT_TRUE(got.request.measure.kernels);
}

TEST(TrialProtocol, EveryValueComesBackAsTheSameYamlText) {
  for (const char* value :
       {"32",    "-5",  "0",   "true", "false", "0.0002", "1.0e-07",          "1e-4", "007",
        "1.50",  "-0",  "nan", "inf",  "0x10",  "bf16",   "\"quoted: text\"", "",     "99999999999999999999",
        "1e999", "图像"}) {
    EXPECT_EQ(value_after_a_round_trip(value), value);
  }
}

TEST(TrialProtocol, ValuesMayBeNumbersBooleansOrStrings) {
  const auto set =
      parse_request(R"({"v":1,"id":1,"set":{"a":32,"b":"32","c":1e-7,"d":false,"e":"bf16","f":18446744073709551615}})")
          .request.set;
  ASSERT_EQ(set.size(), 6u);
  EXPECT_EQ(set[0].value, "32");
  EXPECT_EQ(set[1].value, "32");
  EXPECT_EQ(set[2].value, "1.0e-07");  // PyYAML takes 1e-07 for a string
  EXPECT_EQ(set[3].value, "false");
  EXPECT_EQ(set[4].value, "bf16");
  EXPECT_EQ(set[5].value, "18446744073709551615");
}

TEST(TrialProtocol, WhatARequestDoesNotSayHasItsDefault) {
  const NumberedRequest got = parse_request(R"({"v":1,"id":3,"measure":{"max_seconds":0.2},"extra":[1,{"x":2}]})");
  EXPECT_TRUE(got.request.set.empty());
  EXPECT_EQ(got.request.measure.data, TrialData::real);
  EXPECT_EQ(got.request.measure.min_seconds, 0.2);  // never longer than max_seconds
  EXPECT_EQ(got.request.measure.min_steps, 2);
}

TEST(TrialProtocol, ADoneEventIsTheDesignsLine) {
  TrialEvent event;
  event.id = 7;
  event.done.emplace();
  event.done->samples_per_s = 5120.4;
  event.done->step_ms = {.median = 6.25, .mad = 0.04, .p95 = 6.4, .n = 96};
  event.done->data_wait_ms = 0.1;
  event.done->warmup_s = 2.1;
  event.done->memory = {.peak_allocated_mib = 946,
                        .peak_reserved_mib = 1210,
                        .alloc_retries = 0,
                        .device_free_mib = 140100,
                        .device_total_mib = 143771};
  EXPECT_EQ(event_line(event),
            R"({"v":1,"id":7,"event":"done","outcome":"ok","samples_per_s":5120.4,)"
            R"("step_ms":{"median":6.25,"mad":0.04,"p95":6.4,"n":96},"data_wait_ms":0.1,"warmup_s":2.1,)"
            R"("memory":{"peak_allocated_mib":946,"peak_reserved_mib":1210,"alloc_retries":0,)"
            R"("device_free_mib":140100,"device_total_mib":143771}})");
}

TEST(TrialProtocol, ADoneEventArrivesAsItWasSent) {
  TrialEvent sent;
  sent.id = 8;
  sent.done.emplace();
  sent.done->samples_per_s = 100.5;
  sent.done->step_ms = {.median = 6.25, .mad = 0.04, .p95 = 6.4, .n = 96};
  sent.done->data_wait_ms = 0.5;
  sent.done->warmup_s = 2.1;
  sent.done->loss = 0.03;
  sent.done->kernel_busy_percent = 87.5;
  sent.done->kernels = {
      {.kind = KernelKind::layout, .ms = 1.5, .small_ms = 0.5, .calls = 12, .heaviest = "nchwToNhwc"}};
  sent.done->arithmetic = {.tflop_per_step = 15.8, .matmul_tflops = 702.5, .precision = "bf16"};
  sent.done->engine = "graph, fused";
  sent.done->memory.peak_reserved_mib = 1210;
  const TrialEvent got = parse_event(event_line(sent)).value();
  EXPECT_EQ(got.id, 8);
  EXPECT_EQ(got.phase, "");
  ASSERT_TRUE(got.done);
  EXPECT_EQ(got.done->outcome, TrialOutcome::ok);
  EXPECT_EQ(got.done->samples_per_s, 100.5);
  EXPECT_EQ(got.done->step_ms.median, 6.25);
  EXPECT_EQ(got.done->step_ms.mad, 0.04);
  ASSERT_EQ(got.done->kernels.size(), 1u);
  EXPECT_EQ(got.done->kernels[0].kind, KernelKind::layout);
  EXPECT_EQ(got.done->kernels[0].ms, 1.5);
  EXPECT_EQ(got.done->kernels[0].small_ms, 0.5);
  EXPECT_EQ(got.done->kernels[0].calls, 12);
  EXPECT_EQ(got.done->kernels[0].heaviest, "nchwToNhwc");
  EXPECT_EQ(got.done->arithmetic.tflop_per_step, 15.8);
  EXPECT_EQ(got.done->arithmetic.matmul_tflops, 702.5);
  EXPECT_EQ(got.done->arithmetic.precision, "bf16");
  EXPECT_EQ(got.done->step_ms.p95, 6.4);
  EXPECT_EQ(got.done->step_ms.n, 96);
  EXPECT_EQ(got.done->data_wait_ms, 0.5);
  EXPECT_EQ(got.done->warmup_s, 2.1);
  EXPECT_EQ(got.done->loss, 0.03);
  EXPECT_EQ(got.done->kernel_busy_percent, 87.5);
  EXPECT_EQ(got.done->engine, "graph, fused");
  EXPECT_EQ(got.done->memory.peak_reserved_mib, 1210);
  EXPECT_EQ(got.done->memory.peak_allocated_mib, std::nullopt);
}

TEST(TrialProtocol, AFailedTrialSaysItsOutcomeAndMessageAndNoRate) {
  TrialEvent sent;
  sent.id = 8;
  sent.done.emplace();
  sent.done->outcome = TrialOutcome::oom;
  sent.done->message = "CUDA out of memory.\nTried \"2 GiB\"";
  const std::string line = event_line(sent);
  EXPECT_EQ(line, R"({"v":1,"id":8,"event":"done","outcome":"oom","message":"CUDA out of memory.\nTried \"2 GiB\""})");
  const TrialEvent got = parse_event(line).value();
  EXPECT_EQ(got.done->outcome, TrialOutcome::oom);
  EXPECT_EQ(got.done->message, sent.done->message);
}

TEST(TrialProtocol, APhaseArrivesAsItWasSent) {
  const TrialEvent sent{.id = 7, .phase = "warmup", .done = {}};
  EXPECT_EQ(event_line(sent), R"({"v":1,"id":7,"event":"phase","phase":"warmup"})");
  const TrialEvent got = parse_event(event_line(sent)).value();
  EXPECT_EQ(got.id, 7);
  EXPECT_EQ(got.phase, "warmup");
  EXPECT_FALSE(got.done);
}

TEST(TrialProtocol, ALossThatIsNoNumberIsAbsentAndBytesThatAreNoTextAreShown) {
  TrialEvent sent;
  sent.done.emplace();
  sent.done->samples_per_s = 5;
  sent.done->loss = std::nan("");
  sent.done->engine = "\xFF\xFE";
  const std::string line = event_line(sent);
  EXPECT_THAT(line, HasSubstr(R"("loss":null)"));
  const TrialEvent got = parse_event(line).value();
  EXPECT_EQ(got.done->loss, std::nullopt);
  EXPECT_EQ(got.done->engine, "\\x{ff}\\x{fe}");
}

TEST(TrialProtocol, TheShortestDoneLineOfAScriptIsEnough) {
  const TrialEvent got = parse_event(R"(  {"v": 1, "id": 0, "event": "done", "outcome": "ok", "samples_per_s": 12,)"
                                     R"( "memory": {"peak_reserved_mib": 946.5}, "mood": "fine"})"
                                     "\r")
                             .value();
  EXPECT_EQ(got.done->samples_per_s, 12);
  EXPECT_EQ(got.done->memory.peak_reserved_mib, 947);
}

TEST(TrialProtocol, WhatLibrariesPrintIsNoEvent) {
  for (const char* line : {"", "   ", "Epoch 1: loss 0.1", "{'event': 'x'}", "{", "[1, 2]", "null", R"("v event")",
                           R"({"event": "started", "level": "info"})", R"({"v": 1, "loss": NaN})",
                           R"({"nested": {"v": 1, "event": "done"}})"}) {
    EXPECT_FALSE(parse_event(line)) << line;
  }
  EXPECT_FALSE(parse_event(std::string(3'000'000, '{')));
}

TEST(TrialProtocol, ARateThatIsNoneComesWithItsReason) {
  TrialEvent sent{.id = 7, .phase = "", .done = TrialResult{}};
  sent.done->no_rate = kImagesOnDevice;
  const std::string line = event_line(sent);
  EXPECT_THAT(line, HasSubstr(R"("no_rate":"images_on_device")"));
  EXPECT_THAT(line, Not(HasSubstr("samples_per_s")));
  EXPECT_THAT(line, Not(HasSubstr("step_ms"))) << "no step either";
  const TrialEvent got = parse_event(line).value();
  EXPECT_FALSE(got.done->samples_per_s);
  EXPECT_EQ(got.done->no_rate, kImagesOnDevice);
  const TrialEvent null =
      parse_event(R"({"v":1,"id":7,"event":"done","outcome":"ok","samples_per_s":null,"no_rate":"paused"})").value();
  EXPECT_FALSE(null.done->samples_per_s);
  EXPECT_EQ(null.done->no_rate, "paused");
  const TrialEvent both =
      parse_event(R"({"v":1,"id":7,"event":"done","outcome":"ok","samples_per_s":5,"no_rate":"x"})").value();
  EXPECT_EQ(both.done->samples_per_s, 5);
  EXPECT_EQ(both.done->no_rate, "");
}

TEST(TrialProtocol, ABrokenEventIsAnErrorThatNamesTheField) {
  EXPECT_THAT(refused_event(R"({"v":1,"event":"done","outcome":"ok","samples_per_s":5})"),
              HasSubstr("\"id\" is missing"));
  EXPECT_THAT(refused_event(R"({"v":2,"id":1,"event":"done"})"), HasSubstr("\"v\" is 2"));
  EXPECT_THAT(refused_event(R"({"v":1,"id":1,"event":"finished"})"), HasSubstr("\"event\" is \"finished\""));
  EXPECT_THAT(refused_event(R"({"v":1,"id":1,"event":"phase"})"), HasSubstr("\"phase\" is missing"));
  EXPECT_THAT(refused_event(R"({"v":1,"id":1,"event":"done"})"), HasSubstr("\"outcome\" is missing"));
  EXPECT_THAT(refused_event(R"({"v":1,"id":1,"event":"done","outcome":"ok"})"),
              HasSubstr("\"samples_per_s\" is missing"));
  EXPECT_THAT(refused_event(R"({"v":1,"id":1,"event":"done","outcome":"ok","samples_per_s":-1})"),
              HasSubstr("\"samples_per_s\" is -1"));
  EXPECT_THAT(refused_event(R"({"v":1,"id":1,"event":"done","outcome":"ok","samples_per_s":NaN})"),
              HasSubstr("not JSON"));
  EXPECT_THAT(refused_event(R"({"v":1,"id":1,"event":"done","outcome":"ok","samples_per_s":1e999})"),
              HasSubstr("not JSON"));
  EXPECT_THAT(refused_event(R"({"v":1,"id":1,"event":"done","outcome":"ok","samples_per_s":"5")"),
              HasSubstr("not JSON"));
  EXPECT_THAT(refused_event(R"({"v":1,"id":1,"event":"done","outcome":"ok","samples_per_s":"5"})"),
              HasSubstr("\"samples_per_s\" is \"5\""));
  EXPECT_THAT(refused_event(R"({"v":1,"id":1,"event":"done","outcome":"ok","samples_per_s":5,"step_ms":[1]})"),
              HasSubstr("\"step_ms\" is […]"));
  EXPECT_THAT(
      refused_event(R"({"v":1,"id":1,"event":"done","outcome":"ok","samples_per_s":5,"memory":{"alloc_retries":-1}})"),
      HasSubstr("\"memory.alloc_retries\" is -1"));
  const std::string ok = R"({"v":1,"id":1,"event":"done","outcome":"ok","samples_per_s":5,)";
  EXPECT_THAT(refused_event(ok + R"("kernels":{}})"), HasSubstr("\"kernels\" is {…}"));
  EXPECT_THAT(refused_event(ok + R"("kernels":[1]})"), HasSubstr("a list of objects"));
  EXPECT_THAT(refused_event(ok + R"("kernels":[{"kind":"product"}]})"), HasSubstr("\"kernels.ms\" is missing"));
  EXPECT_THAT(refused_event(ok + R"("kernels":[{"kind":"product","ms":-1}]})"), HasSubstr("\"kernels.ms\" is -1"));
  EXPECT_THAT(refused_event(ok + R"("arithmetic":{"matmul_tflops":"700"}})"),
              HasSubstr("\"arithmetic.matmul_tflops\" is \"700\""));
}

TEST(TrialProtocol, AKindOfKernelsThatIsNotKnownIsSomeOther) {
  const auto got = parse_event(
      R"({"v":1,"id":1,"event":"done","outcome":"ok","samples_per_s":5,"kernels":[{"kind":"attention","ms":2}]})");
  ASSERT_EQ(got.value().done->kernels.size(), 1u);
  EXPECT_EQ(got->done->kernels[0].kind, KernelKind::other);
}

TEST(TrialProtocol, AWorkerCannotSayWhatOnlyItsSupervisorSees) {
  EXPECT_THAT(refused_event(R"({"v":1,"id":1,"event":"done","outcome":"hang"})"), HasSubstr("ok, oom, error"));
  EXPECT_THAT(refused_event(R"({"v":1,"id":1,"event":"done","outcome":"killed"})"), HasSubstr("\"killed\""));
}

TEST(TrialProtocol, ABrokenRequestIsAnErrorThatNamesTheField) {
  EXPECT_THAT(refused_request(""), HasSubstr("not JSON"));
  EXPECT_THAT(refused_request("exit"), HasSubstr("not JSON"));
  EXPECT_THAT(refused_request("[1]"), HasSubstr("not a JSON object"));
  EXPECT_THAT(refused_request("{}"), HasSubstr("\"v\" is missing"));
  EXPECT_THAT(refused_request(R"({"v":"1","id":1})"), HasSubstr("\"v\" is \"1\""));
  EXPECT_THAT(refused_request(R"({"v":1})"), HasSubstr("\"id\" is missing"));
  EXPECT_THAT(refused_request(R"({"v":1,"id":1.5})"), HasSubstr("\"id\" is 1.5"));
  EXPECT_THAT(refused_request(R"({"v":1,"id":18446744073709551615})"), HasSubstr("\"id\" is 18446744073709551615"));
  EXPECT_THAT(refused_request(R"({"v":1,"id":1,"set":[]})"), HasSubstr("\"set\" is […]"));
  EXPECT_THAT(refused_request(R"({"v":1,"id":1,"set":{"a":null}})"), HasSubstr("\"set.a\" is null"));
  EXPECT_THAT(refused_request(R"({"v":1,"id":1,"set":{"a":{"b":1}}})"), HasSubstr("\"set.a\" is {…}"));
  EXPECT_THAT(refused_request(R"({"v":1,"id":1,"set":{"a":"x\nlr: 5"}})"), HasSubstr("\"set.a\""));
  EXPECT_THAT(refused_request(R"({"v":1,"id":1,"measure":{"data":"fake"}})"), HasSubstr("real, resident, loader"));
  EXPECT_THAT(refused_request(R"({"v":1,"id":1,"measure":{"min_seconds":2,"max_seconds":1}})"),
              HasSubstr("\"measure.min_seconds\" is 2"));
  EXPECT_THAT(refused_request(R"({"v":1,"id":1,"measure":{"rel_ci":7}})"), HasSubstr("\"measure.rel_ci\" is 7"));
  EXPECT_THAT(refused_request(R"({"v":1,"id":1,"measure":{"min_steps":0}})"), HasSubstr("\"measure.min_steps\" is 0"));
  EXPECT_THAT(refused_request(R"({"v":1,"id":1,"measure":{"validate":1}})"), HasSubstr("\"measure.validate\" is 1"));
}

TEST(TrialProtocol, HostileLinesAreRefusedWithoutHarm) {
  EXPECT_THAT(refused_request(std::string(100'000, '[')), HasSubstr("nested too deep"));
  EXPECT_THAT(refused_request(R"({"v":1,"id":1,"x":)" + std::string(20, '[') + std::string(20, ']') + "}"),
              HasSubstr("nested too deep"));
  EXPECT_THAT(refused_request(std::string(2'000'000, ' ')), HasSubstr("1 MiB"));
  EXPECT_THAT(refused_request("{\"v\":1,\"id\":1,\"x\":\"\xFF\"}"), HasSubstr("not JSON"));
  EXPECT_THAT(refused_request(std::string("{\"v\":1,\0\"id\":1}", 15)), HasSubstr("not JSON"));
  const std::string long_word = R"({"v":1,"id":1,"measure":{"data":")" + std::string(10'000, 'x') + "\"}}";
  EXPECT_LT(refused_request(long_word).size(), 300u);
}

}  // namespace
}  // namespace wring
