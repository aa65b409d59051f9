// The server's twin for a build without Boost.Beast.
#include "wring/base/error.h"
#include "wring/monitor/serve/server.h"

namespace wring::serve {

struct MonitorServer::State {
  std::string url;
};

// NOLINTNEXTLINE(performance-unnecessary-value-param): the signature is the real one's
MonitorServer::MonitorServer(ServerOptions options) {
  check_exposure(options.address, options.allow_remote, options.token);
  throw Error(ErrorCode::failed, {"this wring was built without its web server", "此 wring 编译时未包含网页服务"},
              {"install libboost-dev (scripts/setup.sh does) and build again",
               "请安装 libboost-dev（scripts/setup.sh "
               "会安装）后重新编译"});
}
MonitorServer::~MonitorServer() = default;
const std::string& MonitorServer::url() const {
  return state_->url;
}
void MonitorServer::start() {}
void MonitorServer::on_tick(const Tick& /*tick*/) {}

}  // namespace wring::serve
