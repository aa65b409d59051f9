#include <algorithm>

#include <fmt/format.h>

#include "wring/monitor/live/parts.h"
#include "wring/monitor/live/words.h"

namespace wring::live {
namespace {

constexpr int kPid = 8;
constexpr int kUser = 10;
constexpr int kMemory = 10;
constexpr int kSm = 6;
constexpr int kWithUser = 60;  // columns from which the user is shown too

}  // namespace

void draw_processes(const Sheet& sheet, const std::vector<GpuProcess>& processes, const Area& area) {
  if (area.rows < 2) return;
  std::vector<GpuProcess> sorted = processes;
  std::ranges::stable_sort(sorted, std::ranges::greater{},
                           [](const GpuProcess& each) { return each.memory_mib.value_or(-1); });
  const bool with_user = area.columns >= kWithUser;
  const int end = area.column + area.columns;
  // Columns end here; the name has the rest.
  const int pid = area.column + kPid;
  const int user = pid + 2;
  const int memory = (with_user ? user + kUser : pid) + kMemory;
  const int sm = memory + kSm + 1;
  const int name = sm + 2;
  const auto line = [&](int row, const std::string& a, const std::string& b, const std::string& c, const std::string& d,
                        const std::string& e, Style style) {
    sheet.canvas.put_right(row, pid, a, style);
    if (with_user) sheet.canvas.put(row, user, b, style, kUser - 1);
    sheet.canvas.put_right(row, memory, c, style);
    sheet.canvas.put_right(row, sm, d, style);
    sheet.canvas.put(row, name, e, style, end - name);
  };
  line(area.row, sheet.say({"pid", "进程号"}), sheet.say({"user", "用户"}), sheet.say({"memory", "显存"}), "SM",
       sheet.say({"process", "进程"}), Style::dim);
  const int shown = std::min(area.rows - 1, static_cast<int>(sorted.size()));
  for (int i = 0; i < shown; ++i) {
    const GpuProcess& each = sorted[static_cast<std::size_t>(i)];
    const auto owner = sheet.status.owners.find(each.pid);
    line(area.row + 1 + i, fmt::format("{}", each.pid), owner != sheet.status.owners.end() ? owner->second : "-",
         each.memory_mib ? amount(static_cast<double>(*each.memory_mib)) : "-",
         each.sm_util && *each.sm_util <= 100 ? percent(each.sm_util) : "-",
         each.name.empty() ? sheet.say({"not visible from here (host pid)", "此处不可见（宿主机进程号）"}) : each.name,
         Style::plain);
  }
}

}  // namespace wring::live
