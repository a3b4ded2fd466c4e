// What Redis says about who serves what: roles, Sentinel's answers, the slots of a cluster, and the
// redirections in error replies.
//
// Pure functions over a reply or a text, any thread. Every parser takes bytes from outside: false
// means that they are not of that form, and the output is to be thrown away.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "protocol/redis/reply.h"

namespace mcrelay::placement {

struct Endpoint {
  std::string host;  // a name or an address, IPv6 without brackets
  uint16_t port = 0;

  bool operator==(const Endpoint&) const = default;
  // host:port, IPv6 in brackets.
  [[nodiscard]] std::string Text() const;
};

// A run of slots and who serves it (CLUSTER SLOTS).
struct SlotRange {
  uint16_t first = 0;
  uint16_t last = 0;
  Endpoint primary;
  std::vector<Endpoint> replicas;
};
// `asked` stands for a host that the node leaves out because it does not know its own address. A
// node that cannot be reached (no address, or the port 0 of one that takes TLS only) is left out;
// with a primary, its range.
[[nodiscard]] bool ParseClusterSlots(const redis::Reply& reply, std::string_view asked,
                                     std::vector<SlotRange>* ranges);

// CLUSTER INFO: whether the node believes that the cluster serves, and how new its view is.
struct ClusterState {
  bool ok = false;
  uint64_t epoch = 0;
};
[[nodiscard]] bool ParseClusterInfo(std::string_view text, ClusterState* state);

// "MOVED 3999 127.0.0.1:6381", "ASK 3999 [::1]:6381"; an empty host is `asked`.
struct Redirection {
  uint16_t slot = 0;
  Endpoint to;
};
[[nodiscard]] bool ParseRedirection(std::string_view error, std::string_view asked,
                                    Redirection* redirection);

// ROLE, or the part of INFO of that name.
struct Role {
  bool primary = false;
  bool linked = false;  // a replica that follows its primary
  uint64_t offset = 0;  // how much of the replication stream it has
  uint32_t replicas = 0;
  Endpoint follows;  // a replica's primary, as it names it
};
[[nodiscard]] bool ParseRole(const redis::Reply& reply, Role* role);
[[nodiscard]] bool ParseInfoReplication(std::string_view text, Role* role);

// SENTINEL GET-MASTER-ADDR-BY-NAME. A nil reply (no such service) is false.
[[nodiscard]] bool ParseMasterAddress(const redis::Reply& reply, Endpoint* primary);
// SENTINEL MASTER: how new the answer is. 0 when it is not said.
[[nodiscard]] uint64_t ParseConfigEpoch(const redis::Reply& reply);
// SENTINEL REPLICAS: only those that Sentinel takes for healthy and in step.
[[nodiscard]] bool ParseSentinelReplicas(const redis::Reply& reply,
                                         std::vector<Endpoint>* replicas);
// The payload of +switch-master, "<service> <old ip> <old port> <new ip> <new port>".
[[nodiscard]] bool ParseSwitchMaster(std::string_view payload, std::string_view service,
                                     Endpoint* primary);

}  // namespace mcrelay::placement
