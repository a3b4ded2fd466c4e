// SlotQueue is a first-in first-out ring that keeps its memory: a warmed-up connection queues
// requests without allocating.
//
//   items_: | . . head x x x x tail . . |   capacity a power of two, indices wrap
#pragma once

#include <cassert>
#include <cstddef>
#include <utility>
#include <vector>

namespace mcrelay::backend {

template <typename T>
class SlotQueue {
 public:
  [[nodiscard]] bool empty() const { return size_ == 0; }
  [[nodiscard]] size_t size() const { return size_; }
  // REQUIRES: index < size().
  [[nodiscard]] T& operator[](size_t index) {
    return items_[(head_ + index) & (items_.size() - 1)];
  }
  [[nodiscard]] T& front() { return (*this)[0]; }

  void Push(const T& item) {
    if (size_ == items_.size()) Grow();
    items_[(head_ + size_++) & (items_.size() - 1)] = item;
  }
  void Pop() {
    assert(size_ > 0);
    head_ = (head_ + 1) & (items_.size() - 1);
    --size_;
  }
  void Swap(SlotQueue& other) noexcept {
    items_.swap(other.items_);
    std::swap(head_, other.head_);
    std::swap(size_, other.size_);
  }

 private:
  static constexpr size_t kSmallest = 64;

  void Grow() {
    std::vector<T> larger(items_.empty() ? kSmallest : items_.size() * 2);
    for (size_t i = 0; i < size_; ++i) larger[i] = (*this)[i];
    items_.swap(larger);
    head_ = 0;
  }

  std::vector<T> items_;
  size_t head_ = 0;
  size_t size_ = 0;
};

}  // namespace mcrelay::backend
