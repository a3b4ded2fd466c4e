#include "protocol/placement/topology.h"

#include <doctest/doctest.h>

#include <cstring>
#include <deque>
#include <initializer_list>

namespace mcrelay::placement {
namespace {

using redis::Reply;

// Replies as the decoder hands them out; the elements of arrays live as long as this.
class Replies {
 public:
  static Reply Text(std::string_view text) { return {.type = Reply::Type::kString, .text = text}; }
  static Reply Number(int64_t value) { return {.type = Reply::Type::kInteger, .integer = value}; }
  Reply Array(std::vector<Reply> elements) {
    kept_.push_back(std::move(elements));
    return {.type = Reply::Type::kArray, .elements = kept_.back()};
  }
  Reply Texts(std::initializer_list<std::string_view> texts) {
    std::vector<Reply> elements;
    for (const auto text : texts) elements.push_back(Text(text));
    return Array(std::move(elements));
  }
  Reply Node(std::string_view host, int64_t port) {
    return Array({Text(host), Number(port), Text("id")});
  }

 private:
  std::deque<std::vector<Reply>> kept_;
};

}  // namespace

TEST_CASE("topology: CLUSTER SLOTS names a primary and its replicas for each run of slots") {
  Replies make;
  const Reply reply = make.Array(
      {make.Array({Replies::Number(0), Replies::Number(5460), make.Node("10.0.0.1", 7000),
                   make.Node("10.0.0.2", 7001)}),
       make.Array({Replies::Number(5461), Replies::Number(16383), make.Node("::1", 7002)})});
  std::vector<SlotRange> ranges;
  REQUIRE(ParseClusterSlots(reply, "asked", &ranges));
  REQUIRE(ranges.size() == 2);
  CHECK(ranges[0].last == 5460);
  CHECK(ranges[0].primary == Endpoint{"10.0.0.1", 7000});
  REQUIRE(ranges[0].replicas.size() == 1);
  CHECK(ranges[0].replicas[0] == Endpoint{"10.0.0.2", 7001});
  CHECK(ranges[1].first == 5461);
  CHECK(ranges[1].primary.Text() == "[::1]:7002");
}

TEST_CASE("topology: a node that does not know its own address is where it was asked") {
  Replies make;
  for (const Reply& host : {Replies::Text(""), Replies::Text("?"), Reply{}}) {
    const Reply reply =
        make.Array({make.Array({Replies::Number(1), Replies::Number(1),
                                make.Array({host, Replies::Number(7000), Replies::Text("id")})})});
    std::vector<SlotRange> ranges;
    REQUIRE(ParseClusterSlots(reply, "127.0.0.1", &ranges));
    CHECK(ranges[0].primary == Endpoint{"127.0.0.1", 7000});
  }
}

TEST_CASE("topology: a node that cannot be reached costs its own slots only, a replica none") {
  Replies make;
  const Reply no_port = make.Node("10.0.0.9", 0);  // TLS only
  const Reply reply =
      make.Array({make.Array({Replies::Number(0), Replies::Number(1), make.Node("10.0.0.1", 7000),
                              no_port, make.Node("10.0.0.2", 7001)}),
                  make.Array({Replies::Number(2), Replies::Number(3), no_port}),
                  make.Array({Replies::Number(4), Replies::Number(5), make.Node("", 7002)}),
                  make.Array({Replies::Number(6), Replies::Number(7), make.Node("h", 7003)})});
  std::vector<SlotRange> ranges;
  REQUIRE(ParseClusterSlots(reply, "", &ranges));  // asked over a Unix socket
  REQUIRE(ranges.size() == 2);
  CHECK(ranges[0].first == 0);
  REQUIRE(ranges[0].replicas.size() == 1);
  CHECK(ranges[0].replicas[0] == Endpoint{"10.0.0.2", 7001});
  CHECK(ranges[1].first == 6);
}

TEST_CASE("topology: what is not CLUSTER SLOTS is refused") {
  Replies make;
  std::vector<SlotRange> ranges;
  const Reply node = make.Node("h", 1);
  for (const Reply& entry :
       {make.Array({Replies::Number(5), Replies::Number(4), node}),
        make.Array({Replies::Number(0), Replies::Number(16384), node}),
        make.Array({Replies::Number(-1), Replies::Number(4), node}),
        make.Array({Replies::Number(0), Replies::Number(1)}),
        make.Array({Replies::Number(0), Replies::Number(1), Replies::Text("h:1")}),
        make.Array({Replies::Number(0), Replies::Number(1), make.Node("h", 65536)}),
        Replies::Number(3)}) {
    CHECK_FALSE(ParseClusterSlots(make.Array({entry}), "asked", &ranges));
  }
  CHECK_FALSE(ParseClusterSlots(Replies::Text("OK"), "asked", &ranges));
  CHECK(ParseClusterSlots(make.Array({}), "asked", &ranges));
  CHECK(ranges.empty());
}

TEST_CASE("topology: CLUSTER INFO says whether the cluster serves and how new that is") {
  ClusterState state;
  REQUIRE(ParseClusterInfo("cluster_enabled:1\r\ncluster_state:ok\r\ncluster_current_epoch:12\r\n",
                           &state));
  CHECK(state.ok);
  CHECK(state.epoch == 12);
  REQUIRE(ParseClusterInfo("cluster_state:fail\r\ncluster_current_epoch:3\r\n", &state));
  CHECK_FALSE(state.ok);
  CHECK_FALSE(ParseClusterInfo("cluster_state:ok\r\n", &state));
  CHECK_FALSE(ParseClusterInfo("", &state));
}

TEST_CASE("topology: MOVED and ASK name a slot and a node") {
  Redirection to;
  REQUIRE(ParseRedirection("MOVED 3999 127.0.0.1:6381", "asked", &to));
  CHECK(to.slot == 3999);
  CHECK(to.to == Endpoint{"127.0.0.1", 6381});
  REQUIRE(ParseRedirection("ASK 0 fe80::1:7000", "asked", &to));
  CHECK(to.to == Endpoint{"fe80::1", 7000});
  REQUIRE(ParseRedirection("ASK 0 [fe80::1]:7000", "asked", &to));
  CHECK(to.to == Endpoint{"fe80::1", 7000});
  REQUIRE(ParseRedirection("MOVED 16383 :7000", "asked", &to));
  CHECK(to.to == Endpoint{"asked", 7000});
  for (const char* bad :
       {"MOVED", "MOVED 1", "MOVED x h:1", "MOVED 16384 h:1", "MOVED 1 h", "MOVED 1 h:0",
        "MOVED 1 h:70000", "MOVED 1 h:1x", "ERR 1 h:1", "MOVED -1 h:1", ""}) {
    CHECK_FALSE(ParseRedirection(bad, "asked", &to));
  }
}

TEST_CASE("topology: ROLE tells a primary from a replica") {
  Replies make;
  Role role;
  REQUIRE(ParseRole(make.Array({Replies::Text("master"), Replies::Number(77),
                                make.Array({make.Texts({"10.0.0.2", "6379", "77"})})}),
                    &role));
  CHECK(role.primary);
  CHECK(role.offset == 77);
  CHECK(role.replicas == 1);
  REQUIRE(ParseRole(
      make.Array({Replies::Text("slave"), Replies::Text("10.0.0.1"), Replies::Number(6379),
                  Replies::Text("connected"), Replies::Number(70)}),
      &role));
  CHECK_FALSE(role.primary);
  CHECK(role.linked);
  CHECK(role.offset == 70);
  CHECK(role.follows == Endpoint{"10.0.0.1", 6379});
  REQUIRE(
      ParseRole(make.Array({Replies::Text("slave"), Replies::Text("10.0.0.1"),
                            Replies::Number(6379), Replies::Text("connect"), Replies::Number(-1)}),
                &role));
  CHECK_FALSE(role.linked);
  CHECK(role.offset == 0);
  CHECK_FALSE(ParseRole(make.Array({Replies::Text("sentinel"), make.Array({})}), &role));
  CHECK_FALSE(ParseRole(make.Array({}), &role));
  CHECK_FALSE(ParseRole(Replies::Text("master"), &role));
  CHECK_FALSE(ParseRole(make.Array({Replies::Text("slave"), Replies::Text("h")}), &role));
}

TEST_CASE("topology: INFO replication says the same where ROLE is refused") {
  Role role;
  REQUIRE(
      ParseInfoReplication("# Replication\r\nrole:master\r\nconnected_slaves:2\r\n"
                           "master_repl_offset:123\r\n",
                           &role));
  CHECK(role.primary);
  CHECK(role.replicas == 2);
  CHECK(role.offset == 123);
  REQUIRE(
      ParseInfoReplication("role:slave\r\nmaster_host:h\r\nmaster_port:6380\r\n"
                           "master_link_status:up\r\nslave_repl_offset:9\r\n",
                           &role));
  CHECK(role.linked);
  CHECK(role.follows == Endpoint{"h", 6380});
  CHECK_FALSE(ParseInfoReplication("role:sentinel\r\n", &role));
  CHECK_FALSE(ParseInfoReplication("role:slave\r\n", &role));
}

TEST_CASE("topology: Sentinel names the primary, its healthy replicas and a switch") {
  Replies make;
  Endpoint primary;
  REQUIRE(ParseMasterAddress(make.Texts({"10.0.0.1", "6379"}), &primary));
  CHECK(primary == Endpoint{"10.0.0.1", 6379});
  CHECK_FALSE(ParseMasterAddress(Reply{}, &primary));
  CHECK_FALSE(ParseMasterAddress(make.Texts({"10.0.0.1"}), &primary));

  CHECK(ParseConfigEpoch(make.Texts({"name", "m", "config-epoch", "4"})) == 4);
  CHECK(ParseConfigEpoch(make.Texts({"name", "m"})) == 0);

  std::vector<Endpoint> replicas;
  const auto replica = [&](std::string_view port, std::string_view flags, std::string_view link) {
    return make.Texts({"ip", "10.0.0.2", "port", port, "flags", flags, "master-link-status", link});
  };
  REQUIRE(ParseSentinelReplicas(
      make.Array({replica("1", "slave", "ok"), replica("2", "s_down,slave", "ok"),
                  replica("3", "slave", "err"), replica("4", "slave,disconnected", "ok"),
                  replica("0", "slave", "ok")}),
      &replicas));
  REQUIRE(replicas.size() == 1);
  CHECK(replicas[0].port == 1);
  CHECK_FALSE(ParseSentinelReplicas(make.Array({make.Texts({"ip", "h"})}), &replicas));

  REQUIRE(ParseSwitchMaster("mymaster 10.0.0.1 6379 10.0.0.2 6380", "mymaster", &primary));
  CHECK(primary == Endpoint{"10.0.0.2", 6380});
  CHECK_FALSE(ParseSwitchMaster("other 10.0.0.1 6379 10.0.0.2 6380", "mymaster", &primary));
  CHECK_FALSE(ParseSwitchMaster("mymaster 10.0.0.1 6379 10.0.0.2", "mymaster", &primary));
}

}  // namespace mcrelay::placement
