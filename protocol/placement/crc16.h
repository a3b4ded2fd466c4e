// The byte table of CRC-16/XMODEM: polynomial 0x1021, no reflection.
#pragma once

#include <array>
#include <cstdint>

namespace mcrelay::placement {

inline constexpr std::array<uint16_t, 256> kCrc16Table = [] {
  std::array<uint16_t, 256> table{};
  for (uint32_t byte = 0; byte < 256; ++byte) {
    uint32_t crc = byte << 8;
    for (int bit = 0; bit < 8; ++bit) crc = (crc << 1) ^ ((crc & 0x8000) != 0 ? 0x1021 : 0);
    table[byte] = static_cast<uint16_t>(crc);
  }
  return table;
}();

}  // namespace mcrelay::placement
