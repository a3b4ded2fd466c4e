// libFuzzer target of everything that is read from a server's bytes: the RESP decoder, whole and in
// pieces, and the answers about the topology (CLUSTER SLOTS, CLUSTER INFO, Sentinel, ROLE, MOVED).
//
// The first two bytes of the input choose the pieces, the limit and what is streamed. What must
// hold: no crash; the same replies however the bytes are cut; nothing after a failure; no more kept
// than the limit; a slot range that is understood lies within the slots.
#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>
#include <vector>

#include "protocol/placement/slot.h"
#include "protocol/placement/topology.h"
#include "protocol/redis/decoder.h"
#include "protocol/redis/error.h"

namespace {

using namespace mcrelay;  // NOLINT: a test's main file
using redis::Reply;

void Require(bool holds) {
  if (!holds) std::abort();
}

std::string Describe(const Reply& reply) {
  std::string text = std::to_string(static_cast<int>(reply.type)) + ":";
  if (reply.is_integer()) return text + std::to_string(reply.integer) + ";";
  if (!reply.is_array()) return text.append(reply.text) + ";";
  for (const Reply& element : reply.elements) text += Describe(element);
  return text + "]";
}

void ReadEndpoint(const placement::Endpoint& endpoint) { Require(!endpoint.host.empty()); }

// As the watchers read it, and as a request that met an error does.
void ReadTopology(const Reply& reply) {
  std::vector<placement::SlotRange> ranges;
  if (placement::ParseClusterSlots(reply, "asked.example", &ranges)) {
    for (const placement::SlotRange& range : ranges) {
      Require(range.first <= range.last && range.last < placement::kSlots);
      ReadEndpoint(range.primary);
      for (const placement::Endpoint& replica : range.replicas) ReadEndpoint(replica);
    }
  }
  placement::Endpoint endpoint;
  if (placement::ParseMasterAddress(reply, &endpoint)) ReadEndpoint(endpoint);
  std::vector<placement::Endpoint> replicas;
  if (placement::ParseSentinelReplicas(reply, &replicas)) {
    for (const placement::Endpoint& replica : replicas) ReadEndpoint(replica);
  }
  (void)placement::ParseConfigEpoch(reply);
  placement::Role role;
  (void)placement::ParseRole(reply, &role);
  placement::ClusterState state;
  (void)placement::ParseClusterInfo(reply.text, &state);
  if (placement::ParseSwitchMaster(reply.text, "mymaster", &endpoint)) ReadEndpoint(endpoint);
  if (!reply.is_error()) return;
  const redis::ErrorKind kind = redis::ClassifyError(reply.text);
  Require(!redis::ErrorKindName(kind).empty());
  placement::Redirection redirection;
  if (placement::ParseRedirection(reply.text, "asked.example", &redirection)) {
    Require(redirection.slot < placement::kSlots);
    ReadEndpoint(redirection.to);
  }
}

class Recorder final : public redis::ReplySink {
 public:
  explicit Recorder(bool streams) : streams_(streams) {}
  bool StreamArray(size_t count) override {
    Require(count > 0 && left_ == 0);
    if (streams_) {
      left_ = count;
      next_ = 0;
    }
    return streams_;
  }
  void OnElement(const Reply& reply, size_t index) override {
    Require(left_ > 0 && index == next_++ && !reply.is_array());
    --left_;
    seen += Describe(reply);
  }
  void OnReply(const Reply& reply) override {
    Require(left_ == 0);
    seen += Describe(reply) + "\n";
    ReadTopology(reply);
  }

  std::string seen;

 private:
  const bool streams_;
  size_t left_ = 0;
  size_t next_ = 0;
};

struct Outcome {
  bool ok = true;
  std::string seen;
};

Outcome Decode(std::string_view bytes, size_t piece_bytes, size_t limit, bool streams) {
  Recorder recorder(streams);
  redis::Decoder decoder(&recorder, limit);
  Outcome outcome;
  for (size_t at = 0; at < bytes.size() && outcome.ok; at += piece_bytes) {
    outcome.ok = decoder.Feed(bytes.substr(at, piece_bytes));
    if (outcome.ok) Require(decoder.buffered_bytes() <= limit);
  }
  if (!outcome.ok) {
    Require(!decoder.error().empty());
    const std::string seen = recorder.seen;
    Require(!decoder.Feed("+OK\r\n") && recorder.seen == seen);
  }
  outcome.seen = recorder.seen;
  return outcome;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  constexpr size_t kHeadBytes = 2;
  constexpr size_t kSmallLimit = 64;
  if (size < kHeadBytes) return 0;
  const std::string_view bytes(reinterpret_cast<const char*>(data) + kHeadBytes, size - kHeadBytes);
  const size_t piece_bytes = 1 + data[0] % 64;
  const bool streams = (data[1] & 1) != 0;
  if ((data[1] & 2) != 0) {
    (void)Decode(bytes, piece_bytes, kSmallLimit, streams);
    return 0;
  }
  // Without a limit in the way the pieces make no difference.
  const Outcome whole = Decode(bytes, std::max<size_t>(bytes.size(), 1), size_t{1} << 20, streams);
  const Outcome pieces = Decode(bytes, piece_bytes, size_t{1} << 20, streams);
  Require(whole.ok == pieces.ok && whole.seen == pieces.seen);
  return 0;
}
