// YamlText is the file's text and what yaml-cpp makes of it, with the checks that yaml-cpp 0.7
// leaves out: control bytes, broken UTF-8, more than one document, a quote that is never closed.
//
// Owned by the YAML reader, immutable. Throws Failure.
#pragma once

#include <yaml-cpp/yaml.h>

#include <string>
#include <string_view>
#include <vector>

#include "config/settings.h"

namespace mcrelay::config {

class YamlText {
 public:
  // `file` is only used in messages.
  YamlText(const std::string& text, const std::string& file);
  YamlText(const YamlText&) = delete;  // lines_ points into text_
  YamlText& operator=(const YamlText&) = delete;

  // The one document; null when there is none.
  [[nodiscard]] YAML::Node Parse() const;
  // REQUIRES: the mark is that of a scalar. One that starts with a quote must end with it.
  void CheckQuote(const YAML::Mark& mark) const;
  // file:line for --print-config, file:line:column for errors.
  [[nodiscard]] Origin At(const YAML::Mark& mark) const;

 private:
  void CheckBytes() const;

  const std::string text_;  // without a byte order mark
  const std::vector<std::string_view> lines_;
  const std::string file_;
};

}  // namespace mcrelay::config
