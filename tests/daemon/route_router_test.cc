#include "daemon/route/router.h"

#include <doctest/doctest.h>

#include <memory>
#include <string>
#include <vector>

namespace mcrelay::route {
namespace {

// Servers without an address: nothing is connected, what is pending can be watched.
std::shared_ptr<backend::Node> MakeServer(std::shared_ptr<backend::Removals> removals = nullptr) {
  return std::make_shared<backend::Node>(config::Backend{}, std::move(removals));
}

std::shared_ptr<const View> MakeView(std::vector<SetView> sets) {
  auto view = std::make_shared<View>();
  view->sets = std::move(sets);
  return view;
}

struct Fixture {
  // As a worker does it on a reload.
  void Use(std::shared_ptr<const View> view, std::shared_ptr<const placement::Placement> ring) {
    if (router != nullptr) router->Retire();
    Router::Setup setup;
    setup.view = std::move(view);
    setup.placement = std::move(ring);
    auto next = std::make_unique<Router>(io, settings, std::move(setup), counters, 1, router.get());
    router = std::move(next);
  }
  void Use(std::shared_ptr<const View> view) {
    std::vector<placement::PlacementNode> nodes;
    for (const SetView& set : view->sets) nodes.push_back({set.name, 1});
    Use(std::move(view), nodes.size() == 1 ? nullptr : placement::MakePlacement({}, nodes));
  }

  net::Io io;
  backend::BatchCounters counters;
  backend::Connection::Settings settings{};
  std::unique_ptr<Router> router;

  Fixture() { settings.most_removals = 10; }
};

}  // namespace

TEST_CASE_FIXTURE(Fixture,
                  "router: what is pending for a key follows it into the next configuration") {
  const auto before = MakeServer();
  Use(MakeView({{.primary = before}}));
  REQUIRE(before->removals().Add("key", 5, 10, config::OnOverflow::kFlush));
  const auto one = MakeServer();
  const auto two = MakeServer();
  Use(MakeView({{.name = "one", .primary = one}, {.name = "two", .primary = two}}));
  backend::Node& owner = router->Pick("key").node();
  backend::Node& other = &owner == one.get() ? *two : *one;
  CHECK(owner.removals().Hides("key"));
  CHECK_FALSE(other.removals().any());
  CHECK(before->removals().Hides("key"));  // for workers that do not know yet

  // A second worker does the same, and brings nothing back.
  REQUIRE(owner.removals().Take(10).size() == 1);
  Use(MakeView({{.name = "one", .primary = one}, {.name = "two", .primary = two}}));
  CHECK(owner.removals().size() == 1);
}

TEST_CASE_FIXTURE(Fixture,
                  "router: the same server under another name keeps what is pending there") {
  const auto before = MakeServer();
  Use(MakeView({{.primary = before}}));
  REQUIRE(before->removals().Add("key", 5, 10, config::OnOverflow::kFlush));
  before->removals().AddFlush();
  const auto after = MakeServer(before->shared_removals());
  Use(MakeView({{.primary = after}}));
  CHECK(after->removals().Hides("key"));
  CHECK(after->removals().Keys() == std::vector<std::string>{"key"});  // not handed to itself
  CHECK(after->removals().Take(10).size() == 1);
}

TEST_CASE_FIXTURE(Fixture,
                  "router: a flush that is due goes to the set of the same name, or place") {
  const std::vector<std::shared_ptr<backend::Node>> before{MakeServer(), MakeServer()};
  Use(MakeView({{.name = "a", .primary = before[0]}, {.name = "b", .primary = before[1]}}));
  before[0]->removals().AddFlush();
  const std::vector<std::shared_ptr<backend::Node>> after{MakeServer(), MakeServer(), MakeServer()};
  Use(MakeView({{.name = "b", .primary = after[0]}, {.name = "a", .primary = after[1]}}));
  CHECK_FALSE(after[0]->removals().any());
  CHECK(after[1]->removals().Hides("anything"));
  const std::vector<std::shared_ptr<backend::Node>> renamed{MakeServer(), MakeServer()};
  Use(MakeView({{.name = "b", .primary = renamed[0]}, {.name = "c", .primary = renamed[1]}}));
  CHECK_FALSE(renamed[0]->removals().any());
  CHECK(renamed[1]->removals().Hides("anything"));
}

TEST_CASE_FIXTURE(Fixture,
                  "router: a flush due at a server that left a list of servers is nobody's") {
  const std::vector<std::shared_ptr<backend::Node>> before{MakeServer(), MakeServer()};
  const std::vector<placement::PlacementNode> ring{{"a", 1}, {"b", 1}};
  Use(MakeView({{.primary = before[0]}, {.primary = before[1]}}),
      placement::MakePlacement({}, ring));
  before[0]->removals().AddFlush();
  const auto fresh = MakeServer();
  Use(MakeView({{.primary = before[1]}, {.primary = fresh}}), placement::MakePlacement({}, ring));
  CHECK_FALSE(before[1]->removals().any());
  CHECK_FALSE(fresh->removals().any());
  // It comes back: it was not flushed yet.
  Use(MakeView({{.primary = before[0]}, {.primary = fresh}}), placement::MakePlacement({}, ring));
  CHECK(before[0]->removals().Take(10).size() == 1);
}

TEST_CASE_FIXTURE(Fixture,
                  "router: a flush that was handed on is due again where the keys return") {
  const auto first = MakeServer();
  const auto second = MakeServer();
  Use(MakeView({{.primary = first}}));
  first->removals().AddFlush();
  Use(MakeView({{.primary = second}}));
  CHECK(second->removals().Take(10).size() == 1);
  CHECK(first->removals().Take(10).empty());
  Use(MakeView({{.primary = first}}));
  CHECK(first->removals().Take(10).size() == 1);
}

TEST_CASE_FIXTURE(Fixture,
                  "router: a flush that was due in a cluster is due everywhere without one") {
  const std::vector<std::shared_ptr<backend::Node>> before{MakeServer(), MakeServer()};
  auto cluster = std::make_shared<View>();
  cluster->sets = {{.primary = before[0]}, {.primary = before[1]}};
  cluster->slots = std::make_shared<SlotMap>();
  const std::vector<placement::PlacementNode> ring{{"a", 1}, {"b", 1}};
  Use(cluster, placement::MakePlacement({}, ring));
  before[1]->removals().AddFlush();
  const std::vector<std::shared_ptr<backend::Node>> after{MakeServer(), MakeServer()};
  Use(MakeView({{.name = "a", .primary = after[0]}, {.name = "b", .primary = after[1]}}));
  CHECK(after[0]->removals().Hides("anything"));
  CHECK(after[1]->removals().Hides("anything"));
}

}  // namespace mcrelay::route
