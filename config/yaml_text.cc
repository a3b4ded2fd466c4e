#include "config/yaml_text.h"

#include <yaml-cpp/eventhandler.h>

#include <algorithm>
#include <sstream>

#include "config/text.h"

namespace mcrelay::config {
namespace {

// Keeps where the last document started.
struct DocumentStart : YAML::EventHandler {
  void OnDocumentStart(const YAML::Mark& at) override { mark = at; }
  void OnDocumentEnd() override {}
  void OnNull(const YAML::Mark&, YAML::anchor_t) override {}
  void OnAlias(const YAML::Mark&, YAML::anchor_t) override {}
  void OnScalar(const YAML::Mark&, const std::string&, YAML::anchor_t,
                const std::string&) override {}
  void OnSequenceStart(const YAML::Mark&, const std::string&, YAML::anchor_t,
                       YAML::EmitterStyle::value) override {}
  void OnSequenceEnd() override {}
  void OnMapStart(const YAML::Mark&, const std::string&, YAML::anchor_t,
                  YAML::EmitterStyle::value) override {}
  void OnMapEnd() override {}

  YAML::Mark mark;
};

}  // namespace

YamlText::YamlText(const std::string& text, const std::string& file)
    : text_(text.starts_with("\xef\xbb\xbf") ? text.substr(3) : text),
      lines_(Split(text_, '\n')),
      file_(OneLine(file)) {}

Origin YamlText::At(const YAML::Mark& mark) const {
  const std::string line = file_ + ":" + std::to_string(std::max(mark.line, 0) + 1);
  return {Source::kFile, line, line + ":" + std::to_string(std::max(mark.column, 0) + 1)};
}

// Not YAML::LoadAll: for a stray comma, yaml-cpp 0.7 hands out empty documents without end.
YAML::Node YamlText::Parse() const {
  CheckBytes();
  try {
    std::istringstream stream(text_);
    YAML::Parser parser(stream);
    DocumentStart start;
    parser.HandleNextDocument(start);
    if (parser.HandleNextDocument(start)) {
      Fail(At(start.mark), "found more than one document, expected one");
    }
    return YAML::Load(text_);
  } catch (const YAML::Exception& error) {
    Fail(At(error.mark), "found invalid YAML (" + error.msg + "), expected a valid YAML file");
  }
}

// yaml-cpp takes a 0x04 for the end of the file and repairs broken UTF-8: both would change a
// value.
void YamlText::CheckBytes() const {
  for (size_t line = 0; line < lines_.size(); ++line) {
    for (size_t column = 0; column < lines_[line].size(); ++column) {
      const char c = lines_[line][column];
      const bool control = static_cast<unsigned char>(c) < 0x20 && c != '\t' && c != '\r';
      if (!control && c != 0x7f) continue;
      YAML::Mark mark;
      mark.line = static_cast<int>(line);
      mark.column = static_cast<int>(column);
      Fail(At(mark),
           "found control byte " + Quote(std::string_view(&c, 1)) + ", expected UTF-8 text");
    }
    if (IsUtf8(lines_[line])) continue;
    YAML::Mark mark;
    mark.line = static_cast<int>(line);
    Fail(At(mark), "found bytes that are not UTF-8 in this line, expected UTF-8 text");
  }
}

// yaml-cpp 0.7 takes the end of the file for a missing quote, and so the rest of the file for the
// value.
void YamlText::CheckQuote(const YAML::Mark& mark) const {
  if (mark.line < 0 || static_cast<size_t>(mark.line) >= lines_.size()) return;
  size_t line = static_cast<size_t>(mark.line);
  std::string_view rest = lines_[line];
  rest.remove_prefix(std::min(static_cast<size_t>(mark.column), rest.size()));
  if (rest.empty() || (rest[0] != '"' && rest[0] != '\'')) return;
  const char quote = rest[0];
  rest.remove_prefix(1);
  for (;;) {
    for (size_t i = 0; i < rest.size(); ++i) {
      if (quote == '"' && rest[i] == '\\') {
        ++i;
      } else if (rest[i] == quote) {
        const bool doubled = quote == '\'' && i + 1 < rest.size() && rest[i + 1] == quote;
        if (!doubled) return;
        ++i;
      }
    }
    if (++line == lines_.size()) break;
    rest = lines_[line];
  }
  Fail(At(mark), std::string("found a ") + quote + " that is never closed, expected its end");
}

}  // namespace mcrelay::config
