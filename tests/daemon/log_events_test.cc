// What docs/operations.md says of the log's events is what the code has.
#include <doctest/doctest.h>

#include <fstream>
#include <iterator>
#include <set>
#include <string>

#include "daemon/log/log.h"

namespace mcrelay::log {
namespace {

// The first column of the table that starts with "| event |".
std::set<std::string> Documented(const std::string& text) {
  std::set<std::string> names;
  const size_t start = text.find("\n| event |");
  if (start == std::string::npos) return names;
  size_t at = text.find('\n', text.find('\n', start + 1) + 1);  // behind the rule below the heading
  while (at != std::string::npos && text.compare(at + 1, 3, "| `") == 0) {
    const size_t name = at + 4;
    names.insert(text.substr(name, text.find('`', name) - name));
    at = text.find('\n', at + 1);
  }
  return names;
}

}  // namespace

TEST_CASE("log: every event is in the table of docs/operations.md, and no other") {
  std::ifstream file(MCRELAY_SOURCE_DIR "/docs/operations.md");
  const std::string text{std::istreambuf_iterator<char>(file), {}};
  std::set<std::string> known;
  for (const EventInfo& event : AllEvents()) known.insert(std::string(event.name));
  REQUIRE(known.size() == AllEvents().size());
  CHECK(Documented(text) == known);
}

}  // namespace mcrelay::log
