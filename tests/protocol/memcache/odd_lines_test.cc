// odd_lines.txt: what memcached answers to odd lines, held against the parser and an empty store.
//
// The same file is checked against a real memcached by probe_memcached.py.
#include <filesystem>
#include <fstream>
#include <string>

#include "protocol/memcache/writer.h"
#include "tests/protocol/memcache/parser_case.h"

namespace mcrelay::memcache {
namespace {

constexpr std::string_view kCaseKey = "case.";  // what @ stands for

// The answer to a command when nothing is stored, as one line without its end; empty: silence.
std::string AnswerOfEmptyStore(const Command& command) {
  const MetaFlags& meta = command.meta;
  const auto echo = [&](std::string answer) {
    for (size_t i = 0; i < meta.count; ++i) {
      if (meta.order[i] == 'O') answer += " O" + std::string(meta.opaque);
      if (meta.order[i] != 'k') continue;
      Buffer key;
      if (meta.Has('b')) {
        AppendBase64(command.key, &key);
        key.Append(" b");
      } else {
        key.Append(command.key);
      }
      answer += " k" + std::string(key.view());
    }
    return answer;
  };
  switch (command.verb) {
    case Verb::kGet:
    case Verb::kGets:
    case Verb::kGat:
    case Verb::kGats:
      return "END";
    case Verb::kSet:
    case Verb::kAdd:
      return command.noreply ? "" : "STORED";
    case Verb::kReplace:
    case Verb::kAppend:
    case Verb::kPrepend:
      return command.noreply ? "" : "NOT_STORED";
    case Verb::kCas:
    case Verb::kIncr:
    case Verb::kDecr:
    case Verb::kDelete:
    case Verb::kTouch:
      return command.noreply ? "" : "NOT_FOUND";
    case Verb::kFlushAll:
    case Verb::kVerbosity:
      return command.noreply ? "" : "OK";
    case Verb::kMetaGet:
      return meta.Has('q') ? "" : echo("EN");
    case Verb::kMetaSet:
      if (meta.mode == 'R') return echo("NS");
      return meta.Has('q') ? "" : echo("HD");
    case Verb::kMetaDelete:
      return echo("NF");
    case Verb::kMetaArithmetic:
      return meta.opaque_too_long ? "CLIENT_ERROR opaque token too long" : echo("NF");
    case Verb::kMetaDebug:
      return "EN";
    case Verb::kMetaNoop:
      return "MN";
    default:
      return "no line of the file says this";
  }
}

// A transcript of the driver as a client would have seen it.
std::string Answers(std::string_view transcript) {
  std::string answers;
  while (!transcript.empty()) {
    std::string_view line = transcript.substr(0, transcript.find('\n'));
    transcript.remove_prefix(line.size() + 1);
    if (line.starts_with("too large ")) line.remove_prefix(line.find("! "));
    if (line.empty() || line == "! silent") continue;
    if (line == "close") {
      answers += "<closed>";
      continue;
    }
    if (line.starts_with("! ")) line.remove_prefix(2);
    answers += std::string(line) + "\r\n";
  }
  return answers;
}

char Unescaped(std::string_view* rest) {
  const char letter = rest->front();
  rest->remove_prefix(1);
  switch (letter) {
    case 'r':
      return '\r';
    case 'n':
      return '\n';
    case 't':
      return '\t';
    case 'x': {
      const std::string digits(rest->substr(0, 2));
      rest->remove_prefix(2);
      return static_cast<char>(std::stoi(digits, nullptr, 16));
    }
    default:
      FAIL("unknown escape in odd_lines.txt: ", letter);
      return letter;
  }
}

// The bytes that a column of the file stands for; its head says how they are written.
std::string Expand(std::string_view column) {
  std::string bytes;
  while (!column.empty()) {
    const char c = column.front();
    const size_t star = column.find('*');
    const bool repeats = c == '{' && star != std::string_view::npos && star > 1 &&
                         column[1] >= '0' && column[1] <= '9';
    column.remove_prefix(1);
    if (c == '\\') {
      bytes += Unescaped(&column);
    } else if (repeats) {
      const size_t end = column.find('}');
      bytes += Repeat(Expand(column.substr(star, end - star)),
                      std::stoul(std::string(column.substr(0, star - 1))));
      column.remove_prefix(end + 1);
    } else if (c == '@') {
      bytes += kCaseKey;
    } else {
      bytes += c;
    }
  }
  return bytes;
}

std::string AnswersInPieces(const testing::Pieces& pieces) {
  ParserDriver driver(ParserLimits{}, AnswerOfEmptyStore);
  for (const std::string_view piece : pieces) driver.Feed(piece);
  REQUIRE(driver.violation() == "");
  return Answers(driver.Transcript());
}

}  // namespace

TEST_CASE("parser: odd lines are answered as memcached answers them") {
  const auto path = std::filesystem::path(__FILE__).parent_path() / "odd_lines.txt";
  std::ifstream file(path, std::ios::binary);
  REQUIRE_MESSAGE(file.good(), path.string());
  std::string line;
  size_t cases = 0;
  for (size_t number = 1; std::getline(file, line); ++number) {
    if (line.empty() || line.front() == '#') continue;
    const size_t first_tab = line.find('\t');
    REQUIRE(first_tab != std::string::npos);
    const size_t second_tab = std::min(line.find('\t', first_tab + 1), line.size());
    const std::string bytes = Expand(std::string_view(line).substr(0, first_tab));
    const std::string answers =
        Expand(std::string_view(line).substr(first_tab + 1, second_tab - first_tab - 1));
    CAPTURE(number);
    CHECK(AnswersInPieces(testing::CutInto(bytes, bytes.size())) == answers);
    CHECK(AnswersInPieces(testing::CutInto(bytes, bytes.size() > 4096 ? 1460 : 1)) == answers);
    ++cases;
  }
  CHECK(cases > 250);
}

}  // namespace mcrelay::memcache
