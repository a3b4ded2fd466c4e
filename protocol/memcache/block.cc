#include "protocol/memcache/block.h"

#include "protocol/memcache/answers.h"

namespace mcrelay::memcache {
namespace {

constexpr size_t kEndBytes = 2;  // \r\n

// memcached counts its item header, the key's terminator, a CAS unique and the CRLF with each item.
constexpr size_t kItemHeaderBytes = 59;
constexpr size_t kClientFlagsBytes = 4;  // held only when they are not 0

bool IsTooLarge(size_t key_bytes, size_t value_bytes, uint32_t client_flags, size_t item_bytes) {
  const size_t flags_bytes = client_flags != 0 ? kClientFlagsBytes : 0;
  return key_bytes + value_bytes + flags_bytes + kItemHeaderBytes > item_bytes;
}

}  // namespace

ParseResult RefuseWithBlock(const Line& line, uint32_t value_bytes, std::string_view error,
                            bool silent) {
  ParseResult result = Refuse(line, error, silent);
  result.swallow = uint64_t{value_bytes} + kEndBytes;
  return result;
}

ParseResult TakeBlock(const Line& line, uint32_t value_bytes, uint32_t client_flags, bool silent,
                      Command* command) {
  if (IsTooLarge(command->key.size(), value_bytes, client_flags, line.limits.item_bytes)) {
    command->value = {};
    ParseResult result = RefuseWithBlock(line, value_bytes, kObjectTooLarge, silent);
    result.status = ParseStatus::kTooLarge;
    return result;
  }
  const size_t need = line.bytes + value_bytes + kEndBytes;
  if (line.input.size() < need) {
    return {.status = ParseStatus::kNeedMore, .need = need, .scanned = line.bytes - 1};
  }
  const char* const block = line.input.data() + line.bytes;
  const bool ended = block[value_bytes] == '\r' && block[value_bytes + 1] == '\n';
  command->value = {block, value_bytes};
  return {.status = ended ? ParseStatus::kCommand : ParseStatus::kError,
          .consumed = need,
          .error = ended || silent ? std::string_view{} : kBadDataChunk};
}

}  // namespace mcrelay::memcache
