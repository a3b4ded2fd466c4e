#include "daemon/admin/server.h"

#include <signal.h>

#include <chrono>
#include <condition_variable>
#include <cstring>
#include <mutex>
#include <nlohmann/json.hpp>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>

#include "daemon/admin/assets.h"
#include "daemon/admin/csv.h"
#include "daemon/admin/history.h"
#include "daemon/admin/host.h"
#include "daemon/admin/http.h"
#include "daemon/admin/metrics.h"
#include "daemon/admin/page.h"
#include "daemon/admin/status.h"
#include "daemon/admin/task_queue.h"
#include "daemon/log/log.h"

namespace mcrelay::admin {
namespace {

constexpr size_t kThreads = 3;
constexpr size_t kMostWaiting = 64;

constexpr const char* kText = "text/plain; charset=utf-8";

// Signals are the main thread's.
void BlockSignals() {
  sigset_t all;
  sigfillset(&all);
  pthread_sigmask(SIG_BLOCK, &all, nullptr);
}

std::string LoopsText(const View& view) {
  std::string text = IsAlive(view) ? "ok\n" : "hanging\n";
  for (const LoopValues& loop : view.loops) {
    text += loop.name + " turned " + std::to_string(loop.age_ms) + " ms ago\n";
  }
  return text;
}

std::string ReadyText(const View& view) {
  if (IsReady(view)) return "ready\n";
  return view.phase == Phase::kDraining ? "draining\n" : "not ready\n";
}

}  // namespace

struct Server::State {
  explicit State(std::function<View()> look_function) : look(std::move(look_function)) {}

  void SetUp(const config::Address& address);
  void SetPages();
  void Sample();
  nlohmann::json Document();

  const std::function<View()> look;
  bool loopback = false;
  Http http;
  std::thread serving;

  std::mutex mutex;
  std::condition_variable wake;
  History history;  // guarded by mutex
  bool stopping = false;
  std::thread sampling;
};

void Server::State::SetUp(const config::Address& address) {
  http.new_task_queue = [] { return new TaskQueue(kThreads, kMostWaiting); };
  http.set_payload_max_length(0);
  // Not the library's own, which would share a port that is in use (SO_REUSEPORT).
  http.set_socket_options([](int socket) {
    const int on = 1;
    setsockopt(socket, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  });
  http.set_default_headers({{"Cache-Control", "no-store"},
                            {"X-Content-Type-Options", "nosniff"},
                            {"Referrer-Policy", "no-referrer"},
                            {"Content-Security-Policy",
                             "default-src 'none'; script-src 'self'; style-src 'self'; "
                             "connect-src 'self'; img-src data:; base-uri 'none'; "
                             "form-action 'none'; frame-ancestors 'none'"}});
  loopback = IsLoopback(address.host);
  http.set_pre_routing_handler([this](const httplib::Request& request, httplib::Response& answer) {
    if (request.method != "GET" && request.method != "HEAD") {
      answer.status = 405;
      answer.set_header("Allow", "GET, HEAD");
      answer.set_content("read only\n", kText);
      return httplib::Server::HandlerResponse::Handled;
    }
    if (loopback && !IsLocalName(request.get_header_value("Host"))) {
      answer.status = 403;
      answer.set_content("ask for this address by its number or as localhost\n", kText);
      return httplib::Server::HandlerResponse::Handled;
    }
    return httplib::Server::HandlerResponse::Unhandled;
  });
}

void Server::State::SetPages() {
  http.Get("/", [this](const httplib::Request&, httplib::Response& answer) {
    answer.set_content(PageHtml(Document()), "text/html; charset=utf-8");
  });
  http.Get("/status.css", [](const httplib::Request&, httplib::Response& answer) {
    answer.set_content(std::string(kStyle), "text/css; charset=utf-8");
  });
  http.Get("/status.js", [](const httplib::Request&, httplib::Response& answer) {
    answer.set_content(std::string(kScript), "text/javascript; charset=utf-8");
  });
  http.Get("/stats.json", [this](const httplib::Request&, httplib::Response& answer) {
    answer.set_content(Document().dump(), "application/json");
  });
  http.Get("/stats.csv", [this](const httplib::Request&, httplib::Response& answer) {
    answer.set_header("Content-Disposition", "attachment; filename=\"mcrelay.csv\"");
    answer.set_content(StatusCsv(Document()), "text/csv; charset=utf-8");
  });
  http.Get("/metrics", [this](const httplib::Request&, httplib::Response& answer) {
    answer.set_content(MetricsText(look()), "text/plain; version=0.0.4; charset=utf-8");
  });
  http.Get("/healthz", [this](const httplib::Request&, httplib::Response& answer) {
    const View view = look();
    answer.status = IsAlive(view) ? 200 : 503;
    answer.set_content(LoopsText(view), kText);
  });
  http.Get("/readyz", [this](const httplib::Request&, httplib::Response& answer) {
    const View view = look();
    answer.status = IsReady(view) ? 200 : 503;
    answer.set_content(ReadyText(view), kText);
  });
}

nlohmann::json Server::State::Document() {
  const View view = look();
  const std::lock_guard lock(mutex);
  return Status(view, history);
}

void Server::State::Sample() {
  std::unique_lock lock(mutex);
  while (!wake.wait_for(lock, std::chrono::seconds(History::kStepSeconds),
                        [this] { return stopping; })) {
    lock.unlock();
    const View view = look();
    lock.lock();
    history.Add(view);
  }
}

Server::Server(const config::Address& address, std::function<View()> look)
    : state_(std::make_unique<State>(std::move(look))) {
  state_->SetUp(address);
  state_->SetPages();
  if (!state_->http.bind_to_port(address.host, address.port)) {
    const std::string why = std::strerror(errno);  // NOLINT(concurrency-mt-unsafe): main thread
    throw std::runtime_error("cannot listen on " + address.text + " (admin): " + why);
  }
  log::Info(log::Event::kListening, "listening on {} for metrics and status", address.text);
  if (!state_->loopback) {
    log::Warning(log::Event::kConfig,
                 "admin: {} is not loopback: whoever reaches it reads statistics and configuration "
                 "without a password",
                 address.text);
  }
}

Server::~Server() {
  {
    const std::lock_guard lock(state_->mutex);
    state_->stopping = true;
    state_->wake.notify_all();
  }
  if (state_->sampling.joinable()) state_->sampling.join();
  if (state_->serving.joinable()) {
    // stop() has no effect before the thread has come to listen.
    while (!state_->http.is_running()) std::this_thread::yield();
    state_->http.EndReading();
    state_->http.stop();
    state_->serving.join();
  }
}

void Server::Start() {
  state_->serving = std::thread([state = state_.get()] {
    BlockSignals();
    state->http.listen_after_bind();
  });
  state_->sampling = std::thread([state = state_.get()] {
    BlockSignals();
    state->Sample();
  });
}

}  // namespace mcrelay::admin
