// The table of command-line flags: memcached 1.6's and mcrelay's own. --help, getopt's strings and
// the test of the documentation are made from it; config/options.cc gives the special ones their
// meaning.
//
// Immutable, any thread.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace mcrelay::config {

enum class FlagKind : uint8_t {
  kKey,      // sets the schema key `key`: to `value`, or to the argument when `value` is empty
  kSpecial,  // has code of its own in options.cc
  kIgnored,  // memcached's, without meaning here: accepted and named in one warning
  kRefused,  // memcached's, an error: `value` is its text
};

// Values of Flag::code beyond the letters, for flags that have only a long name.
enum LongFlag : int { kConfigFlag = 256, kBackendFlag, kCheckFlag, kPrintFlag, kHealthFlag };

struct Flag {
  int code;                   // the letter, or a LongFlag
  std::string_view name;      // long name; empty when there is none
  std::string_view argument;  // "" none, "<x>" required, "[=<x>]" optional
  FlagKind kind;
  std::string_view key;
  std::string_view value;
  std::string_view help;

  [[nodiscard]] bool HasLetter() const { return code < kConfigFlag; }
};

const std::vector<Flag>& Flags();

// A word of memcached's -o.
struct ExtendedOption {
  std::string_view name;
  bool needs_value;
  bool honoured;
};
const std::vector<ExtendedOption>& ExtendedOptions();

// The text of --help: every flag, then every key of the schema with its environment name.
std::string HelpText();

}  // namespace mcrelay::config
