#include "wring/trace/chrome_trace.h"

#include <fstream>
#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>
#include <zlib.h>

#include "fixtures/with_folder.h"
#include "wring/base/error.h"
#include "wring/files/file_errors.h"

namespace wring {
namespace {

using testing::HasSubstr;

// As Kineto writes it, with every kind of event; the times are those of a machine that has run for weeks.
constexpr const char* kTrace = R"json({
  "schemaVersion": 1,
  "deviceProperties": [{"id": 0, "name": "NVIDIA H200", "traceEvents": [{"ph": "X", "cat": "kernel", "ts": 1}]}],
  "traceEvents": [
  {
    "ph": "X", "cat": "cpu_op", "name": "aten::mm", "pid": 1511, "tid": 1551,
    "ts": 5185465560531.720, "dur": 189.901,
    "args": {"External id": 7, "Concrete Inputs": ["", "1"], "Input type": ["Scalar", "", "c10::BFloat16", "float"],
             "Input Dims": [[64, 8], [8, 4]], "Ev Idx": 0}
  },
  {"ph": "f", "id": 1, "pid": 1511, "tid": 1551, "ts": 5185465560531.720, "cat": "fwdbwd", "name": "fwdbwd", "bp": "e"},
  {"ph": "X", "cat": "cuda_runtime", "name": "cudaLaunchKernel", "pid": 1511, "tid": 1551,
   "ts": 5185465560540.001, "dur": 4, "args": {"External id": 7, "cbid": 211, "correlation": 99}},
  {"ph": "X", "cat": "cuda_driver", "name": "cuLaunchKernelEx", "pid": 1511, "tid": 1551,
   "ts": 5185465560550, "dur": 4.5, "args": {"cbid": 652, "correlation": 100}},
  {"ph": "X", "cat": "kernel", "name": "nvjet_tst", "pid": 0, "tid": 7, "ts": 5185465560560.5, "dur": 8.25,
   "args": {"External id": 7, "device": 0, "stream": 13, "correlation": 99, "blocks per SM": 0.484848, "grid": [64, 1, 1]}},
  {"ph": "X", "cat": "gpu_user_annotation", "name": "Optimizer.step#SGD.step", "pid": 0, "tid": 7,
   "ts": 5185465560560.5, "dur": 8.25, "args": {"External id": 1}},
  {"ph": "X", "cat": "gpu_memcpy", "name": "Memcpy HtoD (Pageable -> Device)", "pid": 0, "tid": 7,
   "ts": 5185465560570.5, "dur": 2, "args": {"stream": 7, "correlation": 101, "bytes": 4096}},
  {"ph": "X", "cat": "gpu_memset", "name": "Memset (Device)", "pid": 0, "tid": 7,
   "ts": 5185465560580.5, "dur": 0.001, "args": {"stream": 7, "correlation": 102, "bytes": 4}},
  {"ph": "X", "cat": "user_annotation", "name": "wring.step", "pid": 1511, "tid": 1511,
   "ts": 5185465560530.720, "dur": 0.1},
  {"ph": "X", "cat": "Trace", "name": "PyTorch Profiler (0)", "pid": "Spans", "tid": "PyTorch Profiler", "ts": 5, "dur": 9},
  {"ph": "M", "name": "process_name", "pid": 1511, "tid": 0, "ts": 1, "args": {"name": "python"}}
  ], "traceName": "t.json"})json";

class ChromeTraceTest : public WithFolder {
 protected:
  std::filesystem::path path() const { return folder_ / "rank0.json.gz"; }

  void write(const std::string& bytes) const { std::ofstream(path(), std::ios::binary) << bytes; }

  void write_gzip(const std::string& content) const {
    const gzFile file = ::gzopen(path().c_str(), "wb");
    ::gzwrite(file, content.data(), static_cast<unsigned>(content.size()));
    ::gzclose(file);
  }

  std::string bytes() const {
    std::ifstream file(path(), std::ios::binary);
    return {std::istreambuf_iterator<char>(file), {}};
  }

  void expect_refused(const std::string& why) const {
    try {
      read_trace(path());
      ADD_FAILURE() << "was read";
    } catch (const Error& error) {
      EXPECT_THAT(error.message().en, AllOf(HasSubstr(path().string()), HasSubstr(why)));
    }
  }

  void expect_damaged(const std::string& why) const {
    try {
      read_trace(path());
      ADD_FAILURE() << "was read";
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), ErrorCode::failed);
      EXPECT_THAT(error.message().en, HasSubstr(path().string()));
      EXPECT_THAT(error.message().zh, HasSubstr(path().string()));
      EXPECT_THAT(error.message().en, HasSubstr(why));
    }
  }
};

TEST_F(ChromeTraceTest, HostEventsAreKeptInOrderToTheNanosecond) {
  write(kTrace);
  const Trace trace = read_trace(path());
  ASSERT_EQ(trace.host.size(), 4U);
  const HostEvent& mark = trace.host[0];
  EXPECT_EQ(trace.name_of(mark), "wring.step");
  EXPECT_EQ(mark.kind, HostKind::annotation);
  EXPECT_EQ(mark.thread, 1511);
  EXPECT_EQ(mark.begin_ns, 0);
  EXPECT_EQ(mark.end_ns, 100);
  const HostEvent& product = trace.host[1];
  EXPECT_EQ(trace.name_of(product), "aten::mm");
  EXPECT_EQ(product.kind, HostKind::op);
  EXPECT_EQ(trace.names[product.input_type], "c10::BFloat16");
  EXPECT_EQ(product.external, 7U);
  EXPECT_EQ(product.begin_ns, 1000);
  EXPECT_EQ(product.end_ns, 190'901);
  const HostEvent& launch = trace.host[2];
  EXPECT_EQ(trace.name_of(launch), "cudaLaunchKernel");
  EXPECT_EQ(launch.kind, HostKind::call);
  EXPECT_EQ(launch.external, 7U);
  EXPECT_EQ(launch.correlation, 99U);
  EXPECT_EQ(launch.begin_ns, 9281);
  EXPECT_EQ(launch.end_ns, 13'281);
  EXPECT_EQ(trace.names[launch.input_type], "");
  EXPECT_EQ(trace.name_of(trace.host[3]), "cuLaunchKernelEx");
  EXPECT_EQ(trace.host[3].begin_ns, 19'280);
}

TEST_F(ChromeTraceTest, TheShapesOfAProductTellItsArithmetic) {
  write(kTrace);
  double flops = 0;
  for (const HostEvent& event : read_trace(path()).host) flops += event.flops;
  EXPECT_EQ(flops, 2.0 * 64 * 8 * 4);
  // Shapes of lists of tensors, which are nested deeper, and numbers elsewhere are none of a product's.
  write(R"({"traceEvents": [{"ph": "X", "cat": "cpu_op", "name": "aten::mm", "ts": 1, "dur": 2,
      "args": {"Input Dims": [[[64, 8], [1]], [8, 4]], "Input Strides": [[8, 1], [4, 1]]}}]})");
  EXPECT_EQ(read_trace(path()).host.at(0).flops, 0);
}

TEST_F(ChromeTraceTest, DeviceEventsAreKernelsCopiesAndFills) {
  write(kTrace);
  const Trace trace = read_trace(path());
  ASSERT_EQ(trace.device.size(), 3U);
  EXPECT_EQ(trace.name_of(trace.device[0]), "nvjet_tst");
  EXPECT_EQ(trace.device[0].kind, DeviceKind::kernel);
  EXPECT_EQ(trace.device[0].stream, 13);
  EXPECT_EQ(trace.device[0].external, 7U);
  EXPECT_EQ(trace.device[0].correlation, 99U);
  EXPECT_EQ(trace.device[0].begin_ns, 29'780);
  EXPECT_EQ(trace.device[0].end_ns, 38'030);
  EXPECT_TRUE(trace.device[0].small);
  EXPECT_EQ(trace.device[1].kind, DeviceKind::copy);
  EXPECT_EQ(trace.device[1].bytes, 4096);
  EXPECT_FALSE(trace.device[1].small);
  EXPECT_EQ(trace.device[2].kind, DeviceKind::fill);
  EXPECT_EQ(trace.device[2].end_ns - trace.device[2].begin_ns, 1);
}

TEST_F(ChromeTraceTest, TimesSince1970KeepTheirNanoseconds) {
  write(R"({"traceEvents": [
    {"ph": "X", "cat": "kernel", "name": "a", "tid": 7, "ts": 1790857026000000.001, "dur": 1},
    {"ph": "X", "cat": "kernel", "name": "b", "tid": 7, "ts": 1790857026000000.024, "dur": 1},
    {"ph": "X", "cat": "kernel", "name": "c", "tid": 7, "ts": 1.790857026e15, "dur": 1e3}]})");
  const Trace trace = read_trace(path());
  ASSERT_EQ(trace.device.size(), 3U);
  EXPECT_EQ(trace.name_of(trace.device[0]), "c");
  EXPECT_EQ(trace.device[0].end_ns, 1'000'000);
  EXPECT_EQ(trace.device[1].begin_ns, 1);
  EXPECT_EQ(trace.device[2].begin_ns, 24);
}

TEST_F(ChromeTraceTest, TheFirstBytesTellWhetherItIsCompressed) {
  write(kTrace);
  const Trace plain = read_trace(path());
  write_gzip(kTrace);
  const Trace unpacked = read_trace(path());
  EXPECT_EQ(unpacked.host, plain.host);
  EXPECT_EQ(unpacked.device, plain.device);
  EXPECT_EQ(unpacked.names, plain.names);
}

TEST_F(ChromeTraceTest, AnEmptyListIsATraceOfNothing) {
  write(R"({"traceEvents": []})");
  const Trace trace = read_trace(path());
  EXPECT_TRUE(trace.host.empty());
  EXPECT_TRUE(trace.device.empty());
}

TEST_F(ChromeTraceTest, AnEventWithoutItsTimeIsNone) {
  write(
      R"({"traceEvents": [{"ph": "X", "cat": "kernel", "name": "a"}, [{"ph": "X", "cat": "kernel", "ts": 1}], 3, null]})");
  EXPECT_TRUE(read_trace(path()).device.empty());
}

TEST_F(ChromeTraceTest, TimesThatCannotBeAreRefused) {
  for (const std::string times :
       {R"("ts": 1, "dur": 1e300)", R"("ts": 1, "dur": -5)", R"("ts": 1, "dur": -0.5)", R"("ts": 1, "dur": 1e11)",
        R"("ts": -1e300, "dur": 1)", R"("ts": 18446744073709551615)", R"("ts": -9223372036854775808)",
        R"("ts": 3000000000000000.5)"}) {
    write(R"({"traceEvents": [{"ph": "X", "cat": "kernel", "name": "a", "ts": 1, "dur": 1},
      {"ph": "X", "cat": "cpu_op", "name": "b", )" +
          times + "}]}");
    SCOPED_TRACE(times);
    expect_damaged("its event 2 begins or lasts as nothing can");
  }
  write(R"({"traceEvents": [{"ph": "X", "cat": "kernel", "ts": 1e999}]})");
  expect_damaged("no JSON");
  write(R"({"traceEvents": [{"ph": "X", "cat": "python_function", "ts": 1, "dur": -5}]})");
  EXPECT_TRUE(read_trace(path()).host.empty()) << "what is of no interest is not looked at";
}

TEST_F(ChromeTraceTest, NoMoreOfItIsReadThanMemoryHolds) {
  write(R"({"traceEvents": )" + std::string(100'000, '['));
  expect_damaged("it is nested 65 deep");
}

TEST_F(ChromeTraceTest, ALinkIsNotFollowed) {
  std::ofstream(folder_ / "other") << kTrace;
  std::filesystem::create_symlink(folder_ / "other", path());
  expect_refused("is a link");
  std::filesystem::remove(path());
  std::filesystem::create_directory(path());
  expect_refused("not a regular file");
}

TEST_F(ChromeTraceTest, AFileOfAnotherUserIsNotRead) {
  write(kTrace);
  if (::geteuid() != 0 || ::chown(path().c_str(), 12345, 12345) != 0) GTEST_SKIP() << "needs root";
  expect_refused("belongs to another user");
}

TEST_F(ChromeTraceTest, DamagedFilesAreNamedWithWhatIsWrong) {
  write_gzip(kTrace);
  const std::string whole = bytes();
  write(whole.substr(0, whole.size() / 2));
  expect_damaged("ends too early");
  write(whole.substr(0, whole.size() - 4));
  expect_damaged("ends too early");
  std::string changed = whole;
  changed[whole.size() - 6] ^= 1;  // within the checksum
  write(changed);
  expect_damaged("is damaged");
  write(std::string(kTrace).substr(0, 1000));
  expect_damaged("no JSON at byte 1001");
  write("hello");
  expect_damaged("no JSON at byte 1");
  write("");
  expect_damaged("no JSON");
  write("[1, 2]");
  expect_damaged("traceEvents");
  write(R"({"traceEvents": {"ph": "X"}})");
  expect_damaged("traceEvents");
}

TEST_F(ChromeTraceTest, WhatCannotBeReadIsNotCalledDamaged) {
  EXPECT_THROW(read_trace(folder_ / "missing.json"), Unreadable);
}

}  // namespace
}  // namespace wring
