// Redis Cluster's hash slots (Redis Cluster specification, "Key distribution model").
//
// Pure functions, any thread, no allocation, no failure.
#pragma once

#include <cstdint>
#include <string_view>

namespace mcrelay::placement {

inline constexpr uint16_t kSlots = 16384;

// CRC-16/XMODEM: polynomial 0x1021, from 0, not reflected; of "123456789" it is 0x31C3.
[[nodiscard]] uint16_t Crc16(std::string_view data);

// The slot of a key, 0 .. kSlots - 1. Only what is between the first '{' and the first '}' after it
// counts, when that is not empty.
[[nodiscard]] uint16_t KeySlot(std::string_view redis_key);

}  // namespace mcrelay::placement
