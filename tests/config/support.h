// Shared by the configuration's tests: a command line and a YAML text in, a result or an error line
// out.
#pragma once

#include <doctest/doctest.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <stdexcept>
#include <string>
#include <vector>

#include "config/loader.h"

namespace mcrelay::config {

// A folder that goes away with the test.
class TempFolder {
 public:
  TempFolder() {
    std::string name = (std::filesystem::temp_directory_path() / "mcrelay-config-XXXXXX").string();
    REQUIRE(mkdtemp(name.data()) != nullptr);
    path_ = name;
  }
  ~TempFolder() { std::filesystem::remove_all(path_); }
  TempFolder(const TempFolder&) = delete;
  TempFolder& operator=(const TempFolder&) = delete;

  [[nodiscard]] std::string Path(const std::string& name) const { return (path_ / name).string(); }
  std::string Write(const std::string& name, const std::string& text) const {
    std::ofstream(Path(name), std::ios::binary) << text;
    return Path(name);
  }

 private:
  std::filesystem::path path_;
};

inline LoadResult LoadFlags(const std::vector<std::string>& flags,
                            const Environment& environment = {}) {
  std::vector<std::string> arguments{"mcrelay"};
  arguments.insert(arguments.end(), flags.begin(), flags.end());
  return Load(arguments, environment);
}

// Loads `yaml` as a file named f.yaml; the folder's name is taken out of the message and the text.
inline LoadResult LoadYaml(const std::string& yaml, std::vector<std::string> flags = {},
                           const Environment& environment = {}) {
  const TempFolder folder;
  const std::string file = folder.Write("f.yaml", yaml);
  flags.insert(flags.begin(), {"--config", file});
  LoadResult result = LoadFlags(flags, environment);
  for (std::string* text : {&result.message, &result.text}) {
    for (size_t at = 0; (at = text->find(file)) != std::string::npos;) {
      text->replace(at, file.size(), "f.yaml");
    }
  }
  return result;
}

// The line, with the status in front when it is not what errors in a file have.
inline std::string ErrorOf(const LoadResult& result) {
  if (result.ok()) return "no error";
  if (result.exit_status() == 78) return result.message;
  return std::to_string(result.exit_status()) + " " + result.message;
}
inline std::string YamlError(const std::string& yaml, const Environment& environment = {}) {
  return ErrorOf(LoadYaml(yaml, {}, environment));
}
inline std::string FlagError(const std::vector<std::string>& flags) {
  return ErrorOf(LoadFlags(flags));
}
inline std::string VariableError(const Environment& environment) {
  return ErrorOf(LoadFlags({}, environment));
}

// Fails the test with the message: thrown, because a REQUIRE inside of a CHECK confuses doctest.
inline Config ConfigOf(const LoadResult& result) {
  if (!result.ok()) throw std::runtime_error(result.message);
  return result.config;
}
inline Config FromFlags(const std::vector<std::string>& flags,
                        const Environment& environment = {}) {
  return ConfigOf(LoadFlags(flags, environment));
}
inline Config FromYaml(const std::string& yaml, const std::vector<std::string>& flags = {},
                       const Environment& environment = {}) {
  return ConfigOf(LoadYaml(yaml, flags, environment));
}

// A file of the project, by its path from the root.
inline std::string ProjectPath(const std::string& path) {
  return (std::filesystem::path(__FILE__).parent_path().parent_path().parent_path() / path)
      .string();
}
inline std::string ReadProjectFile(const std::string& path) {
  std::ifstream in(ProjectPath(path), std::ios::binary);
  REQUIRE_MESSAGE(in.good(), path);
  return {std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
}

}  // namespace mcrelay::config
