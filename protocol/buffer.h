// Buffer is a growable byte queue: bytes are appended at the tail and consumed from the head.
//
//   data_                begin_              end_                capacity_
//     |     consumed      |    view()         |    free tail       |
//
// Owned by one session or connection; used on one thread. Growth moves the bytes, so a view taken
// earlier is dead after Append(), Reserve() or Extend(). An empty Buffer holds no memory until
// first used; Release() gives the memory back.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <string_view>
#include <utility>

namespace mcrelay {

class Buffer {
 public:
  Buffer() = default;
  Buffer(Buffer&& other) noexcept { Swap(other); }
  Buffer& operator=(Buffer&& other) noexcept {
    Swap(other);
    return *this;
  }
  Buffer(const Buffer&) = delete;
  Buffer& operator=(const Buffer&) = delete;

  [[nodiscard]] bool empty() const { return begin_ == end_; }
  [[nodiscard]] size_t size() const { return end_ - begin_; }
  [[nodiscard]] size_t capacity() const { return capacity_; }
  [[nodiscard]] const char* data() const { return data_.get() + begin_; }
  [[nodiscard]] std::string_view view() const { return {data(), size()}; }

  // Makes room for `bytes` more and returns the tail to write them to; Extend() makes them count.
  char* Reserve(size_t bytes) {
    if (capacity_ - end_ < bytes) Grow(bytes);
    return data_.get() + end_;
  }
  // Counts `bytes` written to the tail that Reserve() returned. REQUIRES: they were reserved.
  void Extend(size_t bytes) { end_ += bytes; }
  [[nodiscard]] size_t free_tail() const { return capacity_ - end_; }

  void Append(std::string_view bytes) {
    if (bytes.empty()) return;
    std::memcpy(Reserve(bytes.size()), bytes.data(), bytes.size());
    end_ += bytes.size();
  }
  void Append(char byte) {
    *Reserve(1) = byte;
    ++end_;
  }
  // Appends `number` in decimal.
  void AppendNumber(uint64_t number);

  // Drops the first `bytes`. REQUIRES: bytes <= size().
  void Consume(size_t bytes) {
    begin_ += bytes;
    if (begin_ == end_) begin_ = end_ = 0;
  }
  // Drops everything after the first `bytes`. REQUIRES: bytes <= size().
  void Truncate(size_t bytes) { end_ = begin_ + bytes; }
  void Clear() { begin_ = end_ = 0; }
  // Drops the content and gives the memory back.
  void Release() {
    data_.reset();
    begin_ = end_ = capacity_ = 0;
  }
  void Swap(Buffer& other) noexcept {
    std::swap(data_, other.data_);
    std::swap(begin_, other.begin_);
    std::swap(end_, other.end_);
    std::swap(capacity_, other.capacity_);
  }

 private:
  void Grow(size_t bytes);

  std::unique_ptr<char[]> data_;
  size_t begin_ = 0;
  size_t end_ = 0;
  size_t capacity_ = 0;
};

}  // namespace mcrelay
