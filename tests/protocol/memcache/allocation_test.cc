// Parse() and the writer allocate nothing: this executable counts every operator new.
#include <doctest/doctest.h>

#include <cstdlib>
#include <new>
#include <string>

#include "protocol/memcache/writer.h"
#include "tests/protocol/memcache/parser_case.h"

namespace {

size_t allocations = 0;

void* CountedAllocation(size_t bytes) {
  ++allocations;
  void* const memory = std::malloc(bytes == 0 ? 1 : bytes);
  if (memory == nullptr) throw std::bad_alloc();
  return memory;
}

}  // namespace

void* operator new(size_t bytes) { return CountedAllocation(bytes); }
void* operator new[](size_t bytes) { return CountedAllocation(bytes); }
void operator delete(void* memory) noexcept { std::free(memory); }
void operator delete[](void* memory) noexcept { std::free(memory); }
void operator delete(void* memory, size_t) noexcept { std::free(memory); }
void operator delete[](void* memory, size_t) noexcept { std::free(memory); }

namespace mcrelay::memcache {

TEST_CASE("parser: no line allocates, good or bad, whole or in pieces") {
  const std::string lines[] = {"get k\r\n",
                               "gets" + Repeat(" key", 10000) + "\r\n",
                               "gat 0 a b\r\n",
                               "set k 1 2 3\r\nabc\r\n",
                               "cas k 1 2 3 4 noreply\r\nabc\r\n",
                               "set k x 2 3\r\nabc\r\n",
                               "set k 0 0 2000000\r\n",
                               "incr k 1\r\n",
                               "delete k 0 noreply\r\n",
                               "touch k 1\r\n",
                               "mg k t v f s c k O123 q\r\n",
                               "mg YWJj b k v\r\n",
                               "ms k 2 T30 F5 MS\r\nhi\r\n",
                               "ma k N0 J5 D3 M-\r\n",
                               "ms k 2 T30 F5 F5\r\nhi\r\n",
                               "me k\r\n",
                               "mn\r\n",
                               "flush_all 5 noreply\r\n",
                               "stats items\r\n",
                               "nosuch command\r\n",
                               "delete_pattern a* noreply\r\n"};
  Command command;
  const ParserLimits limits;
  for (const std::string& line : lines) {
    const size_t before = allocations;
    (void)Parse(std::string_view(line).substr(0, line.size() / 2), limits, true, 0, &command);
    (void)Parse(line, limits, false, 0, &command);
    const size_t allocated = allocations - before;
    CAPTURE(line);
    CHECK(allocated == 0);
  }
  // The count counts.
  const size_t before = allocations;
  const std::string longer(1000, 'x');
  CHECK(allocations == before + 1);
}

TEST_CASE("writer: nothing allocates while the buffer has room") {
  Buffer out;
  out.Reserve(4096);
  const uint64_t cas = 7;
  const size_t before = allocations;
  WriteValue("key", 5, "value", &cas, &out);
  WriteServerError("BUSY", &out);
  AppendEscapedKey("a b", &out);
  AppendBase64("abc", &out);
  const size_t allocated = allocations - before;
  CHECK(allocated == 0);
}

}  // namespace mcrelay::memcache
