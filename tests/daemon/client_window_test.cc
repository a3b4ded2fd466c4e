#include <doctest/doctest.h>

#include "daemon/client/window.h"

namespace mcrelay::client {
namespace {

// Reads that `window` takes until it is full.
int Fill(Window* window) {
  int reads = 0;
  for (; !window->full(); ++reads) window->Enter(window->read_bytes());
  return reads;
}

}  // namespace

TEST_CASE("window: it starts small, and grows only where more was waiting") {
  Window window(100);
  const int first = Fill(&window);
  CHECK(first == 4);
  for (int i = 0; i < first; ++i) window.Leave(100, false, 1024);
  CHECK(Fill(&window) == first);
  for (int i = 0; i < first; ++i) window.Leave(100, true, 1024);
  CHECK(Fill(&window) == 2 * first);
  for (int i = 0; i < 2 * first; ++i) window.Leave(100, true, 10);
  CHECK(Fill(&window) == 10);
}

TEST_CASE(
    "window: one large value shrinks it at once, small ones open it slowly; two always pass") {
  uint32_t everybody = 100;
  Window window(100);
  window.Learn(3u << 20, &everybody);
  CHECK(window.read_bytes() == Window::kBytes);
  CHECK(Fill(&window) == 2);
  CHECK(everybody > 100);
  CHECK(everybody < Window::kBytes);
  const uint32_t before = window.read_bytes();
  window.Learn(10, &everybody);
  CHECK(window.read_bytes() < before);
  CHECK(window.read_bytes() > before / 2);
  for (int i = 0; i < 200; ++i) window.Learn(0, &everybody);
  CHECK(window.read_bytes() == Window::kLineBytes + 1);  // a read is told from a line
}

TEST_CASE("window: lines do not count as reads, but their bytes do") {
  Window window(100);
  for (int i = 0; i < 1000; ++i) window.Enter(Window::kLineBytes);
  CHECK_FALSE(window.full());
  for (int i = 0; i < 2; ++i) window.Enter(Window::kBytes / 2);
  CHECK(window.full());
}

}  // namespace mcrelay::client
