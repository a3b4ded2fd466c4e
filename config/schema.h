// The schema: one row for every key of the configuration.
//
// The file's loader, --print-config, the environment's names, --help and the test of the
// documentation all read this table; a key exists nowhere else. A feature that is reserved becomes
// usable by changing its row (or its word) from not built to built.
//
// The table is immutable and built at first use; any thread may read it.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "config/config.h"

namespace mcrelay::config {

enum class Type : uint8_t {
  kText,
  kSecret,
  kCount,      // whole number
  kSize,       // bytes: 1048576, 64k, 1mb
  kDuration,   // milliseconds: 250ms, 5s, 0
  kSwitch,     // true or false
  kWord,       // one of `words`
  kOctal,      // file mode: 0700
  kAddress,    // one listen address, "" for none
  kAddresses,  // list of listen addresses
  kBackends,   // list of backend locations, or maps of the `backends[]` rows
  kShards,     // list of maps of the `shards[]` rows; in the file only
  kGroup,      // a word for every key of the section of the same name
  kReserved,   // a name kept for later: always refused
};

struct Word {
  std::string_view text;
  bool built = true;
};

// What a key holds. Which member counts follows from Key::syntax.type.
struct Value {
  uint64_t number = 0;  // kCount ... kSwitch, kOctal; kWord: index
  std::string text;     // kText, kSecret; kWord: the word
  std::vector<Address> addresses;
  std::vector<Backend> backends;
  std::vector<Shard> shards;
  std::vector<std::string> places;  // of each entry of a list, for errors

  bool SameAs(const Value& other) const;  // places aside
};

struct Syntax {
  Type type = Type::kText;
  std::string_view initial;  // the default, as text
  uint64_t min = 0;          // kCount, kSize, kDuration (milliseconds), kOctal
  uint64_t max = 0;
  std::vector<Word> words;  // kWord, kGroup; kCount: a word that stands for 0
};

// Where Config keeps the value.
struct Field {
  std::function<void(Config&, const Value&)> put;
  std::function<Value(const Config&)> get;
};

enum class Reload : uint8_t { kLive, kRestart };

struct Key {
  std::string_view name;  // dotted; "backends[].x" for the keys of an entry's map
  Syntax syntax;
  Reload reload = Reload::kLive;
  std::string_view help;  // one line
  Field field;            // empty for kGroup, kReserved and the rows of an entry
  bool built = true;

  [[nodiscard]] bool IsEntry() const { return name.find("[]") != std::string_view::npos; }
  // A key of its own in Config, so with an origin and an environment name.
  [[nodiscard]] bool IsSetting() const { return static_cast<bool>(field.put); }
};

const std::vector<Key>& Schema();
// Null when there is no such key.
const Key* FindKey(std::string_view name);
// Whether `name` is a section: some key's name starts with "name.".
bool IsSection(std::string_view name);
// The last parts of the names directly under `section` ("" for the top level), sections included.
std::vector<std::string_view> NamesIn(std::string_view section);
// MCRELAY_TIMEOUTS_CONNECT for timeouts.connect.
std::string EnvironmentName(const Key& key);

}  // namespace mcrelay::config
