#pragma once
#include <mutex>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "wring/console/console.h"
#include "wring/gpu/inventory.h"
#include "wring/telemetry/tick.h"

namespace wring {

// Tells of problems on standard error: each once, in one line with its cure. Holds the lines back while something else
// has the terminal. Used from several threads.
class MonitorNotices : public TickSink {
 public:
  MonitorNotices(const Console& console, const std::vector<Gpu>& gpus) : console_(console), gpus_(gpus) {}

  void say(const Text& what, const Text& cure);
  void say_even_if_quiet(const Text& what, const Text& cure);  // why the exit code will be a failure
  void on_tick(const Tick& tick) override;  // cards that fall out, driver calls that hang, no GPU-Util

  void hold();
  void release();  // prints what was held back

 private:
  void say_once(const std::string& key, const Text& what, const Text& cure);

  const Console console_;
  const std::vector<Gpu> gpus_;
  std::set<std::string> said_;
  std::mutex mutex_;
  bool held_ = false;
  std::vector<std::string> waiting_;
};

}  // namespace wring
