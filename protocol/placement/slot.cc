#include "protocol/placement/slot.h"

#include "protocol/placement/crc16.h"
#include "protocol/placement/hash_tag.h"

namespace mcrelay::placement {

uint16_t Crc16(std::string_view data) {
  uint16_t crc = 0;
  for (const char c : data) {
    const auto byte = static_cast<uint8_t>(c);
    crc = static_cast<uint16_t>(crc << 8) ^ kCrc16Table[(crc >> 8) ^ byte];
  }
  return crc;
}

uint16_t KeySlot(std::string_view redis_key) {
  return Crc16(TaggedPart(redis_key, '{', '}')) % kSlots;
}

}  // namespace mcrelay::placement
