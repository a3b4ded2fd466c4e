#include "bench/generator/workload.h"

#include <algorithm>
#include <cmath>
#include <cstring>

namespace mcrelay::bench {
namespace {

constexpr size_t kPatternOffsets = 4096;

uint64_t Mix(uint64_t x) {
  x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9;
  x = (x ^ (x >> 27)) * 0x94d049bb133111eb;
  return x ^ (x >> 31);
}

}  // namespace

uint64_t Random::Next() { return Mix(state_ += 0x9e3779b97f4a7c15); }

Workload::Workload(const Options& options)
    : keys_(options.keys),
      prefix_(options.prefix),
      sets_(options.sets),
      gets_(options.gets),
      multi_min_(options.multi_min),
      multi_max_(options.multi_max),
      value_min_(options.value_min),
      value_max_(options.value_max),
      zipf_(options.zipf) {
  Random random(42);
  pattern_.resize(value_max_ + kPatternOffsets);
  for (char& c : pattern_) c = static_cast<char>('!' + random.Below(94));
  if (zipf_ == 0) return;
  for (uint32_t i = 1; i <= keys_; ++i) zeta_ += 1 / std::pow(i, zipf_);
  alpha_ = 1 / (1 - zipf_);
  const double zeta_two = 1 + 1 / std::pow(2, zipf_);
  eta_ = (1 - std::pow(2.0 / keys_, 1 - zipf_)) / (1 - zeta_two / zeta_);
}

Request Workload::Draw(Random* random) const {
  Request request;
  request.set = sets_ > 0 && random->Below(sets_ + gets_) < sets_;
  if (!request.set && multi_max_ > 1) {
    request.keys = multi_min_ + random->Below(multi_max_ - multi_min_ + 1);
    request.seed = random->Next();
    if (request.keys > 1) return request;
  }
  request.first = DrawKey(random);
  return request;
}

uint32_t Workload::DrawKey(Random* random) const {
  if (zipf_ == 0) return random->Below(keys_);
  const double u = random->Fraction();
  if (u * zeta_ < 1) return 0;
  const double rank = keys_ * std::pow(eta_ * u - eta_ + 1, alpha_);
  // Popular keys are not neighbours.
  return static_cast<uint32_t>(Mix(static_cast<uint64_t>(rank)) % keys_);
}

void Workload::Digits(uint32_t number, char* out) {
  for (size_t i = kDigits; i-- > 0; number /= 10) out[i] = static_cast<char>('0' + number % 10);
}

void Workload::AppendKey(uint32_t number, std::string* out) const {
  KeyDigits digits;
  Digits(number, digits);
  out->append(prefix_).append(digits, kDigits);
}

uint32_t Workload::ValueBytes(uint32_t number) const {
  if (value_min_ == value_max_) return value_min_;
  return value_min_ + static_cast<uint32_t>(Mix(number + 1) % (value_max_ - value_min_ + 1));
}

std::string_view Workload::Body(uint32_t number, size_t bytes) const {
  return std::string_view(pattern_).substr(Mix(number + 7) % kPatternOffsets, bytes);
}

void Workload::AppendValue(uint32_t number, std::string* out) const {
  const size_t bytes = ValueBytes(number);
  const size_t end = out->size() + bytes;
  AppendKey(number, out);
  if (out->size() > end) {
    out->resize(end);
  } else {
    out->append(Body(number, end - out->size()));
  }
}

bool Workload::IsKey(uint32_t number, std::string_view text) const {
  KeyDigits digits;
  Digits(number, digits);
  return text.size() == key_bytes() && text.starts_with(prefix_) &&
         std::memcmp(text.data() + prefix_.size(), digits, kDigits) == 0;
}

bool Workload::IsValue(uint32_t number, std::string_view value) const {
  if (value.size() != ValueBytes(number)) return false;
  if (value.size() < key_bytes()) {
    std::string wanted;
    AppendValue(number, &wanted);
    return value == wanted;
  }
  return IsKey(number, value.substr(0, key_bytes())) &&
         value.substr(key_bytes()) == Body(number, value.size() - key_bytes());
}

}  // namespace mcrelay::bench
