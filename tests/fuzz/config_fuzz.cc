// libFuzzer target of the configuration: the first byte chooses the reader, the rest is its input.
//
// What must hold: no crash, no exception but Failure, every error one line, and a backend that
// parses is shown without its password.
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "config/compose.h"
#include "config/location.h"
#include "config/yaml_reader.h"

namespace {

using namespace mcrelay::config;  // NOLINT: a test's main file

void Require(bool holds) {
  if (!holds) std::abort();
}

void RequireLine(const std::string& message) {
  Require(!message.empty() && message.find('\n') == std::string::npos);
}

void ReadFileText(const std::string& text) {
  const Environment environment{{"NAME", "value"}, {"EMPTY", ""}};
  try {
    Settings settings = DefaultSettings();
    Overlay(ReadYaml(text, "fuzz.yaml", environment), &settings);
    settings["password_file"].value.text.clear();  // no file is opened here
    const Config config = Compose(&settings, Options{}, environment, "");
    Require(!config.listen.empty() && config.threads > 0);
  } catch (const Failure& failure) {
    RequireLine(failure.message);
  }
}

void ReadLocation(const std::string& text) {
  Backend backend;
  const std::string error = ParseBackend(text, &backend);
  if (!error.empty()) return RequireLine(error);
  Require(backend.host.empty() != backend.unix_path.empty());
  Require(PasswordIn(text).empty() || PasswordIn(backend.location) == "***");
}

void ReadListen(const std::string& text) {
  Address address;
  const std::string error = ParseAddress(text, 11211, &address);
  if (!error.empty()) return RequireLine(error);
  Address again;
  Require(ParseAddress(FormatAddress(address), 11211, &again).empty() && again == address);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) return 0;
  const std::string text(reinterpret_cast<const char*>(data) + 1, size - 1);
  switch (data[0]) {
    case 'b':
      ReadLocation(text);
      break;
    case 'l':
      ReadListen(text);
      break;
    default:
      ReadFileText(text);
  }
  return 0;
}
