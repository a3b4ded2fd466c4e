#include <doctest/doctest.h>

#include <nlohmann/json.hpp>
#include <string>

#include "daemon/admin/csv.h"
#include "daemon/admin/format.h"
#include "daemon/admin/history.h"
#include "daemon/admin/host.h"
#include "daemon/admin/page.h"
#include "daemon/admin/status.h"
#include "daemon/admin/utf8.h"
#include "daemon/admin/view.h"

namespace mcrelay::admin {
namespace {

View Serving() {
  View view;
  view.unix_ms = 1'000'000'000'000;
  view.started_unix_ms = view.unix_ms - 60'000;
  view.phase = Phase::kServing;
  view.workers = 2;
  view.loops = {{"main", 10}, {"worker0", 900}, {"worker1", 1100}};
  view.listeners = {{"127.0.0.1:11211", true, 3}};
  return view;
}

void Count(View* view, const char* hits, const char* misses) {
  view->stats = {{"get_hits", hits}, {"get_misses", misses}, {"version", "1.6.0-x"}};
}

}  // namespace

TEST_CASE("admin: alive while every loop turns, ready while every listener is open") {
  View view = Serving();
  CHECK(IsAlive(view));
  CHECK(IsReady(view));
  view.loops[2].age_ms = kHangsMs;
  CHECK_FALSE(IsAlive(view));
  CHECK(IsReady(view));

  view = Serving();
  view.listeners.push_back({"unix:/run/x", false, 0});
  CHECK_FALSE(IsReady(view));
  view = Serving();
  view.phase = Phase::kDraining;
  CHECK_FALSE(IsReady(view));
  view.phase = Phase::kStarting;
  CHECK_FALSE(IsReady(view));
}

TEST_CASE("admin: roles have columns where there are roles") {
  View view = Serving();
  view.nodes.resize(2);
  view.nodes[0].name = view.nodes[0].shard = "a";
  view.nodes[1].name = view.nodes[1].shard = "b";
  const nlohmann::json plain = Status(view, History());
  CHECK(PageHtml(plain).find(">role<") == std::string::npos);
  view.nodes[1].shard = "a";
  view.nodes[1].primary = false;
  const nlohmann::json replicated = Status(view, History());
  CHECK(PageHtml(replicated).find(">role<") != std::string::npos);
  CHECK(plain["shape"] != replicated["shape"]);
}

TEST_CASE("admin: the values as rows for a spreadsheet, quoted where they must be") {
  View view = Serving();
  view.nodes.resize(1);
  view.nodes[0].name = "a,\"b\"";
  view.nodes[0].up = false;
  view.nodes[0].down_ms = 61'500;
  const std::string csv = StatusCsv(Status(view, History()));
  CHECK(csv.starts_with("kind,name,field,value\r\nprocess,,"));
  CHECK(csv.find("\r\nnode,\"a,\"\"b\"\"\",state,down\r\n") != std::string::npos);
  CHECK(csv.find(",down_seconds,61\r\n") != std::string::npos);
  CHECK(csv.find(",state_seconds,\r\n") != std::string::npos);
  CHECK(csv.find("\r\nlistener,127.0.0.1:11211,accepted,3\r\n") != std::string::npos);
  CHECK(csv.find("history") == std::string::npos);
}

TEST_CASE("admin: a value of stats is a number or it is none") {
  View view;
  Count(&view, "12", "3");
  double value = 0;
  CHECK(StatOf(view, "get_hits", &value));
  CHECK(value == 12);
  CHECK_FALSE(StatOf(view, "version", &value));
  CHECK_FALSE(StatOf(view, "nothing", &value));
  CHECK(StatOr0(view, "nothing") == 0);
}

TEST_CASE("admin: hit ratios are of what came since") {
  History history;
  View view = Serving();
  Count(&view, "10", "90");
  CHECK(history.HitRatio(view, 60) == doctest::Approx(0.1));  // since the start
  history.Add(view);
  CHECK(history.HitRatio(view, History::kStepSeconds) == doctest::Approx(0.1));
  Count(&view, "30", "90");
  view.unix_ms += 1000L * History::kStepSeconds;
  history.Add(view);
  CHECK(history.HitRatio(view, History::kStepSeconds) == 1);
  CHECK(history.HitRatio(view, 900) == doctest::Approx(0.25));
  view.unix_ms += 1000L * History::kStepSeconds;
  history.Add(view);
  Count(&view, "31", "92");
  view.unix_ms += 1000L * History::kStepSeconds;
  history.Add(view);
  const std::vector<double> steps = history.HitRatios();
  REQUIRE(steps.size() == 4);
  CHECK(steps[0] == -1);
  CHECK(steps[1] == 1);
  CHECK(steps[2] == -1);  // nothing was read
  CHECK(steps[3] == doctest::Approx(1.0 / 3));
  CHECK(History().HitRatio(Serving(), 900) == -1);
}

TEST_CASE("admin: the history is bounded, and forgets the charts of nodes that are gone") {
  History history;
  View view = Serving();
  view.nodes.resize(1);
  view.nodes[0].name = "a";
  for (size_t i = 0; i < History::kSamples + 5; ++i) {
    view.unix_ms += 1000L * History::kStepSeconds;
    view.nodes[0].requests += 30;
    history.Add(view);
  }
  CHECK(history.samples().size() == History::kSamples);
  CHECK(history.samples().back().node_requests_per_second.at(0) == doctest::Approx(10));
  view.nodes[0].name = "b";
  history.Add(view);
  CHECK(history.samples().front().node_requests_per_second.empty());
}

TEST_CASE("admin: a loop that hangs is on the page") {
  View view = Serving();
  view.loops[1].age_ms = 2 * kHangsMs;
  const nlohmann::json status = Status(view, History());
  CHECK(status["process"]["state"] == "hanging");
  CHECK(PageHtml(status).find("class=\"pill hanging\"") != std::string::npos);
}

TEST_CASE("admin: values are written for people") {
  using Json = nlohmann::json;
  CHECK(Show(Json(1234567), Format::kCount) == "1,234,567");
  CHECK(Show(Json(999), Format::kCount) == "999");
  CHECK(Show(Json(), Format::kCount) == "–");
  CHECK(Show(Json(0), Format::kRate) == "0");
  CHECK(Show(Json(12.34), Format::kRate) == "12.3");
  CHECK(Show(Json(0.5), Format::kPercent) == "50.0 %");
  CHECK(Show(Json(0.9987), Format::kPercent) == "99.87 %");
  CHECK(Show(Json(1), Format::kPercent) == "100.0 %");
  CHECK(Show(Json(85.2), Format::kUs) == "85 µs");
  CHECK(Show(Json(3710), Format::kUs) == "3.71 ms");
  CHECK(Show(Json(2500000), Format::kUs) == "2.50 s");
  CHECK(Show(Json(1536), Format::kBytes) == "1.50 KiB");
  CHECK(Show(Json(3723), Format::kSpan) == "1 h 2 min");
  CHECK(Show(Json(1795416038301), Format::kTime) == "2026-11-23 06:40:38");
  CHECK(Show(Json{{"oom", 3}, {"loading", 1200}}, Format::kKinds) == "loading 1,200, oom 3");
  CHECK(Show(Json::object(), Format::kKinds) == "none");
  CHECK(Escape("<a href='x'>\"&") == "&lt;a href=&#39;x&#39;&gt;&quot;&amp;");
}

TEST_CASE("admin: what is not UTF-8 is replaced, what is stays") {
  CHECK(ValidUtf8("knöte") == "knöte");
  CHECK(ValidUtf8("a\xff"
                  "b") ==
        "a\xEF\xBF\xBD"
        "b");
}

TEST_CASE("admin: a Host header that is a name of somebody else's is told apart") {
  for (const char* host :
       {"", "localhost", "localhost:9150", "127.0.0.1", "10.0.0.1:9150", "[::1]:9150"}) {
    CHECK(IsLocalName(host));
  }
  for (const char* host :
       {"attacker.example", "127.0.0.1.attacker.example", "localhost.x:1", "x"}) {
    CHECK_FALSE(IsLocalName(host));
  }
  CHECK(IsLoopback("127.0.0.2"));
  CHECK(IsLoopback("::1"));
  CHECK_FALSE(IsLoopback("0.0.0.0"));
  CHECK_FALSE(IsLoopback("10.0.0.1"));
}

}  // namespace mcrelay::admin
