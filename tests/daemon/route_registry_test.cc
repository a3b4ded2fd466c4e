#include "daemon/route/registry.h"

#include <doctest/doctest.h>

namespace mcrelay::route {

TEST_CASE("registry: one node per address, with the credentials of the set") {
  config::Backend model;
  model.host = "seed";
  model.unix_path = "/tmp/x";
  model.username = "user";
  model.password = "secret";
  Registry registry(model);
  const auto node = registry.Get({"10.0.0.1", 7000});
  CHECK(registry.Get({"10.0.0.1", 7000}) == node);
  CHECK(registry.Get({"10.0.0.1", 7001}) != node);
  CHECK(node->name() == "10.0.0.1:7000");
  CHECK(node->backend().host == "10.0.0.1");
  CHECK(node->backend().port == 7000);
  CHECK(node->backend().unix_path.empty());
  CHECK(node->backend().password == "secret");
}

TEST_CASE("registry: a node that nobody uses is forgotten") {
  Registry registry({});
  auto node = registry.Get({"::1", 7000});
  CHECK(node->name() == "[::1]:7000");
  node->counters.connects = 5;
  node.reset();
  CHECK(registry.Get({"::1", 7000})->counters.connects == 0);
}

TEST_CASE("registry: a primary that nobody knows has no address") {
  Registry registry({});
  const auto node = registry.Nowhere("mymaster");
  CHECK(node->name() == "mymaster");
  CHECK(node->backend().host.empty());
  CHECK(node->backend().unix_path.empty());
}

}  // namespace mcrelay::route
