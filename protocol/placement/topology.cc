#include "protocol/placement/topology.h"

#include <algorithm>
#include <array>
#include <charconv>

#include "protocol/placement/slot.h"

namespace mcrelay::placement {
namespace {

using redis::Reply;

template <typename Number>
bool ReadNumber(std::string_view text, Number* number) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), *number);
  return error == std::errc() && end == text.data() + text.size();
}

bool ReadPort(std::string_view text, uint16_t* port) {
  return ReadNumber(text, port) && *port != 0;
}

bool ReadPort(const Reply& reply, uint16_t* port) {
  if (reply.is_string()) return ReadPort(reply.text, port);
  if (!reply.is_integer() || reply.integer < 1 || reply.integer > 65535) return false;
  *port = static_cast<uint16_t>(reply.integer);
  return true;
}

bool ReadSlot(const Reply& reply, uint16_t* slot) {
  if (!reply.is_integer() || reply.integer < 0 || reply.integer >= kSlots) return false;
  *slot = static_cast<uint16_t>(reply.integer);
  return true;
}

// A node's host may be empty, nil or "?" when it was never told its own address.
std::string HostOr(std::string_view host, std::string_view asked) {
  return std::string(host.empty() || host == "?" ? asked : host);
}

bool ReadNode(const Reply& reply, std::string_view asked, Endpoint* node) {
  if (!reply.is_array() || reply.elements.size() < 2) return false;
  const Reply& host = reply.elements[0];
  if (!host.is_string() && !host.is_nil()) return false;
  node->host = HostOr(host.text, asked);
  return !node->host.empty() && ReadPort(reply.elements[1], &node->port);
}

// A node of CLUSTER SLOTS. One that cannot be reached, because it has no port without TLS or no
// address, has the port 0.
bool ReadSlotNode(const Reply& reply, std::string_view asked, Endpoint* node) {
  if (ReadNode(reply, asked, node)) return true;
  node->port = 0;
  if (!reply.is_array() || reply.elements.size() < 2) return false;
  const Reply& port = reply.elements[1];
  return port.is_integer() && port.integer >= 0 && port.integer <= 65535;
}

// The value of `name` in lines of `name:value`; empty when there is none.
std::string_view Field(std::string_view text, std::string_view name) {
  while (!text.empty()) {
    const size_t end = std::min(text.find('\n'), text.size());
    std::string_view line = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    if (line.ends_with('\r')) line.remove_suffix(1);
    if (line.size() > name.size() && line.starts_with(name) && line[name.size()] == ':') {
      return line.substr(name.size() + 1);
    }
  }
  return {};
}

// The value of `name` in an array of names and values.
std::string_view Pair(const Reply& reply, std::string_view name) {
  if (!reply.is_array()) return {};
  for (size_t i = 0; i + 1 < reply.elements.size(); i += 2) {
    if (reply.elements[i].text == name) return reply.elements[i + 1].text;
  }
  return {};
}

bool Splits(std::string_view text, char separator, std::string_view* left,
            std::string_view* right) {
  const size_t at = text.find(separator);
  if (at == std::string_view::npos) return false;
  *left = text.substr(0, at);
  *right = text.substr(at + 1);
  return true;
}

}  // namespace

std::string Endpoint::Text() const {
  const bool v6 = host.find(':') != std::string::npos;
  return (v6 ? "[" : "") + host + (v6 ? "]:" : ":") + std::to_string(port);
}

bool ParseClusterSlots(const Reply& reply, std::string_view asked, std::vector<SlotRange>* ranges) {
  if (!reply.is_array()) return false;
  ranges->clear();
  for (const Reply& entry : reply.elements) {
    if (!entry.is_array() || entry.elements.size() < 3) return false;
    SlotRange range;
    if (!ReadSlot(entry.elements[0], &range.first) || !ReadSlot(entry.elements[1], &range.last) ||
        range.first > range.last || !ReadSlotNode(entry.elements[2], asked, &range.primary)) {
      return false;
    }
    for (size_t i = 3; i < entry.elements.size(); ++i) {
      Endpoint replica;
      if (!ReadSlotNode(entry.elements[i], asked, &replica)) return false;
      if (replica.port != 0) range.replicas.push_back(std::move(replica));
    }
    if (range.primary.port != 0) ranges->push_back(std::move(range));
  }
  return true;
}

bool ParseClusterInfo(std::string_view text, ClusterState* state) {
  const std::string_view word = Field(text, "cluster_state");
  state->ok = word == "ok";
  return !word.empty() && ReadNumber(Field(text, "cluster_current_epoch"), &state->epoch);
}

bool ParseRedirection(std::string_view error, std::string_view asked, Redirection* redirection) {
  std::string_view word;
  std::string_view rest;
  std::string_view slot;
  std::string_view node;
  if (!Splits(error, ' ', &word, &rest) || !Splits(rest, ' ', &slot, &node)) return false;
  if (word != "MOVED" && word != "ASK") return false;
  if (!ReadNumber(slot, &redirection->slot) || redirection->slot >= kSlots) return false;
  const size_t colon = node.rfind(':');  // an IPv6 address comes without brackets
  if (colon == std::string_view::npos) return false;
  std::string_view host = node.substr(0, colon);
  if (host.size() > 2 && host.starts_with('[') && host.ends_with(']')) {
    host = host.substr(1, host.size() - 2);
  }
  redirection->to.host = HostOr(host, asked);
  return !redirection->to.host.empty() && ReadPort(node.substr(colon + 1), &redirection->to.port);
}

bool ParseRole(const Reply& reply, Role* role) {
  *role = Role{};
  if (!reply.is_array() || reply.elements.empty()) return false;
  const auto& elements = reply.elements;
  if (elements[0].text == "master") {
    if (elements.size() < 3 || !elements[1].is_integer() || !elements[2].is_array()) return false;
    role->primary = true;
    role->offset = static_cast<uint64_t>(elements[1].integer);
    role->replicas = static_cast<uint32_t>(elements[2].elements.size());
    return true;
  }
  if (elements[0].text != "slave" || elements.size() < 5 || !elements[4].is_integer()) return false;
  role->linked = elements[3].text == "connected";
  role->offset = static_cast<uint64_t>(std::max<int64_t>(elements[4].integer, 0));
  role->follows.host = elements[1].text;
  return ReadPort(elements[2], &role->follows.port);
}

bool ParseInfoReplication(std::string_view text, Role* role) {
  *role = Role{};
  const std::string_view word = Field(text, "role");
  if (word == "master") {
    role->primary = true;
    return ReadNumber(Field(text, "connected_slaves"), &role->replicas) &&
           ReadNumber(Field(text, "master_repl_offset"), &role->offset);
  }
  if (word != "slave") return false;
  role->linked = Field(text, "master_link_status") == "up";
  role->follows.host = Field(text, "master_host");
  return ReadNumber(Field(text, "slave_repl_offset"), &role->offset) &&
         ReadPort(Field(text, "master_port"), &role->follows.port);
}

bool ParseMasterAddress(const Reply& reply, Endpoint* primary) {
  return reply.is_array() && ReadNode(reply, {}, primary);
}

uint64_t ParseConfigEpoch(const Reply& reply) {
  uint64_t epoch = 0;
  return ReadNumber(Pair(reply, "config-epoch"), &epoch) ? epoch : 0;
}

bool ParseSentinelReplicas(const Reply& reply, std::vector<Endpoint>* replicas) {
  if (!reply.is_array()) return false;
  replicas->clear();
  for (const Reply& entry : reply.elements) {
    Endpoint replica;
    replica.host = Pair(entry, "ip");
    if (replica.host.empty() || !ReadNumber(Pair(entry, "port"), &replica.port)) return false;
    const std::string_view flags = Pair(entry, "flags");
    const bool away = replica.port == 0 || flags.find("s_down") != std::string_view::npos ||
                      flags.find("o_down") != std::string_view::npos ||
                      flags.find("disconnected") != std::string_view::npos ||
                      flags.find("master,") == 0;
    if (!away && Pair(entry, "master-link-status") == "ok") replicas->push_back(std::move(replica));
  }
  return true;
}

bool ParseSwitchMaster(std::string_view payload, std::string_view service, Endpoint* primary) {
  std::array<std::string_view, 5> words;
  for (size_t i = 0; i + 1 < words.size(); ++i) {
    if (!Splits(payload, ' ', &words[i], &payload)) return false;
  }
  words.back() = payload;
  primary->host = words[3];
  return words[0] == service && !primary->host.empty() && ReadPort(words[4], &primary->port);
}

}  // namespace mcrelay::placement
