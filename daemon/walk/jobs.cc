#include "daemon/walk/jobs.h"

#include <algorithm>
#include <ctime>

#include "protocol/memcache/base64.h"
#include "protocol/memcache/command.h"
#include "protocol/memcache/writer.h"
#include "protocol/translate/item.h"

namespace mcrelay::walk {
namespace {

void AppendSigned(int64_t number, Buffer* out) {
  if (number < 0) out->Append('-');
  out->AppendNumber(number < 0 ? uint64_t{0} - static_cast<uint64_t>(number)
                               : static_cast<uint64_t>(number));
}

// The key's slot has moved while the page was under way, or nobody serves what lies here.
bool IsElsewhere(const redis::Reply& reply) {
  return reply.is_error() && (reply.text.starts_with("MOVED ") || reply.text.starts_with("ASK "));
}

// Requests per key of an ItemListing. IDLETIME comes first: the others end the idle time.
enum Request : size_t { kIdle, kTtl, kLength, kHead, kRequests };

}  // namespace

std::string_view Listing::Take(std::string_view redis_key) {
  const std::string_view key = redis_key.substr(std::min(prefix_bytes_, redis_key.size()));
  if (key.size() > memcache::kMaxKeyBytes || key.empty() || !seen_.Insert(key)) return {};
  return key;
}

void KeyListing::OnKeys(std::span<const std::string_view> keys, Requests*) {
  Buffer& lines = out();
  for (const std::string_view redis_key : keys) {
    const std::string_view key = Take(redis_key);
    if (key.empty()) continue;
    lines.Append("KEY ");
    memcache::AppendEscapedKey(key, &lines);
    lines.Append("\r\n");
  }
}

void MetaGetListing::OnKeys(std::span<const std::string_view> keys, Requests*) {
  Buffer& lines = out();
  for (const std::string_view redis_key : keys) {
    const std::string_view key = Take(redis_key);
    if (key.empty()) continue;
    lines.Append("mg ");
    if (memcache::NeedsEscape(key)) {
      memcache::AppendBase64(key, &lines);
      lines.Append(" b");
    } else {
      lines.Append(key);
    }
    lines.Append("\r\n");
  }
}

void ItemListing::OnKeys(std::span<const std::string_view> keys, Requests* requests) {
  keys_.clear();
  found_.clear();
  for (const std::string_view redis_key : keys) {
    const std::string_view key = Take(redis_key);
    if (key.empty()) continue;
    Found& found = found_.emplace_back();
    found.key_at = keys_.size();
    found.key_bytes = key.size();
    keys_.append(key);
    requests->Add({"OBJECT", "IDLETIME", redis_key});
    requests->Add({"PTTL", redis_key});
    requests->Add({"STRLEN", redis_key});
    requests->Add({"GETRANGE", redis_key, "0", "15"});
  }
}

bool ItemListing::OnReply(const redis::Reply& reply, size_t index) {
  Found& found = found_[index / kRequests];
  switch (index % kRequests) {
    case kIdle:  // an error under an LFU policy, nil when the key is gone
      found.idle_seconds = reply.is_integer() ? reply.integer : 0;
      return true;
    case kTtl:
      found.ttl_ms = reply.is_integer() ? reply.integer : -2;
      return reply.is_integer() || IsElsewhere(reply);
    case kLength:
      if (reply.is_error()) found.ttl_ms = -2;  // replaced by another type just now
      found.stored_bytes = reply.is_integer() ? reply.integer : 0;
      return true;
    default:
      if (!reply.is_string()) found.ttl_ms = -2;
      found.head = reply.text;
      return true;
  }
}

bool ItemListing::OnPageEnd() {
  const int64_t now = std::time(nullptr);
  Buffer& lines = out();
  for (const Found& found : found_) {
    translate::Item item;
    const translate::ItemStatus status = translate::DecodeItem(found.head, &item);
    if (found.ttl_ms == -2 || status == translate::ItemStatus::kUnknown) continue;
    const size_t header_bytes = item.tagged ? translate::kHeaderBytes : 0;
    const Line line{
        .key = std::string_view(keys_).substr(found.key_at, found.key_bytes),
        .expires = found.ttl_ms < 0 ? 0 : now + (found.ttl_ms + 999) / 1000,
        .idle_seconds = found.idle_seconds,
        .value_bytes = static_cast<uint64_t>(found.stored_bytes) - header_bytes,
        .cas = item.tagged ? item.cas : 0,
        .flags = item.flags,
        .fetched = (item.state & translate::kFetched) != 0,
    };
    if (!Write(line, &lines)) return false;
  }
  return true;
}

bool MetaDump::Write(const Line& line, Buffer* out) {
  constexpr size_t kItemHeader = 56;  // memcached's own, with a CAS unique
  out->Append("key=");
  memcache::AppendEscapedKey(line.key, out);
  out->Append(" exp=");
  AppendSigned(line.expires == 0 ? -1 : line.expires, out);
  out->Append(" la=");
  AppendSigned(std::time(nullptr) - line.idle_seconds, out);
  out->Append(" cas=");
  out->AppendNumber(line.cas);
  out->Append(line.fetched ? " fetch=yes" : " fetch=no");
  out->Append(" cls=1 size=");
  out->AppendNumber(kItemHeader + line.key.size() + 1 + line.value_bytes + 2 +
                    (line.flags != 0 ? 4 : 0));
  out->Append(" flags=");
  out->AppendNumber(line.flags);
  out->Append("\n");
  return true;
}

bool CacheDump::Write(const Line& line, Buffer* out) {
  constexpr size_t kMostBytes = 2u << 20;
  const size_t before = out->size();
  out->Append("ITEM ");
  memcache::AppendEscapedKey(line.key, out);
  out->Append(" [");
  out->AppendNumber(line.value_bytes);
  out->Append(" b; ");
  AppendSigned(line.expires, out);
  out->Append(" s]\r\n");
  bytes_ += out->size() - before;
  return ++items_ != most_items_ && bytes_ < kMostBytes;
}

void Removal::OnKeys(std::span<const std::string_view> keys, Requests* requests) {
  // One request per key: a cluster refuses keys of several slots in one.
  for (const std::string_view key : keys) {
    if (key.size() >= shortest_ && key.size() <= longest_) requests->Add({"UNLINK", key});
  }
}

bool Removal::OnReply(const redis::Reply& reply, size_t) {
  if (IsElsewhere(reply)) return true;
  if (!reply.is_integer()) return false;
  removed_ += static_cast<uint64_t>(reply.integer);
  return true;
}

}  // namespace mcrelay::walk
