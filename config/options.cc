#include "config/options.h"

#include <getopt.h>

#include <algorithm>

#include "config/flags.h"
#include "config/text.h"

namespace mcrelay::config {
namespace {

std::string ShortNames() {
  std::string names;
  for (const Flag& flag : Flags()) {
    if (!flag.HasLetter()) continue;
    names += static_cast<char>(flag.code);
    if (!flag.argument.empty()) names += ':';
  }
  return names;
}

// Every name is NUL-terminated: the table holds literals.
std::vector<option> LongNames() {
  std::vector<option> names;
  for (const Flag& flag : Flags()) {
    if (flag.name.empty()) continue;
    const int has = flag.argument.empty()            ? no_argument
                    : flag.argument.starts_with('[') ? optional_argument
                                                     : required_argument;
    names.push_back({flag.name.data(), has, nullptr, flag.code});
  }
  names.push_back({});
  return names;
}

const Flag* FindFlag(int code) {
  const auto& flags = Flags();
  const auto at =
      std::find_if(flags.begin(), flags.end(), [&](const Flag& f) { return f.code == code; });
  return at == flags.end() ? nullptr : &*at;
}

class OptionReader {
 public:
  explicit OptionReader(const std::vector<std::string>& arguments) : arguments_(arguments) {
    for (std::string& argument : arguments_) argv_.push_back(argument.data());
    argv_.push_back(nullptr);
  }

  Options Read() {
    const std::string short_names = ":" + ShortNames();  // ':' tells a missing argument apart
    const std::vector<option> long_names = LongNames();
    const int argc = static_cast<int>(arguments_.size());
    optind = 0;  // glibc starts afresh
    opterr = 0;
    for (;;) {
      int long_index = -1;
      const int code =
          getopt_long(argc, argv_.data(), short_names.c_str(), long_names.data(), &long_index);
      if (code == -1) break;
      if (code == '?' || code == ':') FailParse(code);
      const Flag& flag = *FindFlag(code);
      const bool is_long = long_index >= 0;
      Apply(flag, is_long ? "--" + std::string(flag.name) : std::string("-") + char(code),
            optarg == nullptr ? "" : optarg);
    }
    TakeRest(argc);
    FinishVerbosity();
    FinishIgnored();
    return std::move(options_);
  }

 private:
  [[noreturn]] void FailParse(int code) const {
    const std::string_view word = argv_[optind - 1];
    const bool known = optopt != 0 && FindFlag(optopt) != nullptr;
    const std::string letter = {'-', static_cast<char>(optopt)};
    if (code == ':') {
      Fail(FromFlag(word.starts_with("--") ? OneLine(word) : letter),
           "found no argument, expected one");
    }
    if (known) Fail(FromFlag(OneLine(word)), "found an argument, expected none");
    if (optopt != 0) {
      Fail(FromFlag(OneLine(letter)),
           "found an unknown flag, expected one that mcrelay --help lists");
    }
    const std::string_view name = word.substr(2, word.find('=') - 2);
    std::vector<std::string_view> names;
    for (const Flag& flag : Flags()) {
      if (!flag.name.empty()) names.push_back(flag.name);
    }
    const std::string_view nearest = Nearest(name, names);
    Fail(FromFlag("--" + OneLine(name)),
         "found an unknown flag, expected one that mcrelay --help lists" +
             (nearest.empty() ? "" : " (did you mean --" + std::string(nearest) + "?)"));
  }

  void Apply(const Flag& flag, const std::string& spelled, const std::string& argument) {
    switch (flag.kind) {
      case FlagKind::kKey:
        Set(flag, spelled, flag.value.empty() ? argument : std::string(flag.value));
        break;
      case FlagKind::kSpecial:
        ApplySpecial(flag, spelled, argument);
        break;
      case FlagKind::kIgnored:
        ignored_.push_back(spelled);
        break;
      case FlagKind::kRefused:
        Fail(FromFlag(spelled), std::string(flag.value));
    }
  }

  // The last one wins, as in memcached.
  void Set(const Flag& flag, const std::string& spelled, const std::string& text) {
    const Key& key = *FindKey(flag.key);
    if (!key.built) {
      Fail(FromFlag(spelled),
           "found a flag for " + std::string(key.name) + ", which is not built yet, expected none");
    }
    Setting setting;
    ReadSetting(key, text, FromFlag(spelled), &setting);
    options_.settings[key.name] = std::move(setting);
  }

  void ApplySpecial(const Flag& flag, const std::string& spelled, const std::string& argument) {
    switch (flag.code) {
      case 'p':
        return options_.listen.SetPort(spelled, argument);
      case 'l':
        return options_.listen.AddAddresses(spelled, argument);
      case 's':
        return options_.listen.SetUnixPath(spelled, argument);
      case 'm':
        return ReadMegabytes(flag, spelled, argument);
      case 'B':
        return ReadProtocol(spelled, argument);
      case 'U':
        if (argument == "0") return;
        Fail(FromFlag(spelled), "found " + Quote(argument) +
                                    ", expected 0: there is no UDP, which strangers use to "
                                    "amplify attacks");
      case 'o':
        for (const std::string_view word : Split(argument, ',')) ReadExtended(spelled, word);
        return;
      case 'W':
        return;
      case 'D':
        if (argument.empty()) Fail(FromFlag(spelled), "found nothing, expected a character");
        options_.prefix_delimiter = argument[0];  // as memcached: the rest does not count
        return;
      case 'v':
        ++options_.verbosity;
        return;
      case 'h':
        return SetAction(Action::kHelp, spelled);
      case 'i':
        return SetAction(Action::kLicense, spelled);
      case 'V':
        return SetAction(Action::kVersion, spelled);
      case kConfigFlag:
        if (argument.empty()) Fail(FromFlag(spelled), "found nothing, expected a file");
        options_.config_file = argument;
        return;
      case kBackendFlag:
        return ReadSetting(*FindKey("backends"), argument, FromFlag(spelled),
                           &options_.settings["backends"]);
      case kCheckFlag:
        return SetAction(Action::kCheck, spelled);
      case kPrintFlag:
        return SetAction(Action::kPrint, spelled);
      case kHealthFlag:
        options_.health_address = argument;
        return SetAction(Action::kHealth, spelled);
    }
  }

  // Help, licence and version win over everything; the others exclude each other.
  void SetAction(Action action, const std::string& spelled) {
    const auto only_shows = [](Action a) {
      return a == Action::kHelp || a == Action::kLicense || a == Action::kVersion;
    };
    if (only_shows(options_.action)) return;
    if (!only_shows(action) && options_.action != Action::kRun && options_.action != action) {
      Fail(FromFlag(spelled),
           "found a second action, expected one of --check-config, --print-config and --health");
    }
    options_.action = action;
  }

  void ReadMegabytes(const Flag& flag, const std::string& spelled, const std::string& text) {
    const bool plain = text.find_first_not_of("0123456789") == std::string::npos;
    Set(flag, spelled, plain ? text + "mb" : text);
  }

  void ReadProtocol(const std::string& spelled, const std::string& name) {
    if (name == "ascii" || name == "auto") return;
    const bool known = name == "binary";
    Fail(FromFlag(spelled), "found " + Quote(name) + ", expected ascii or auto" +
                                (known ? ": mcrelay speaks the text protocol only" : ""));
  }

  void ReadExtended(const std::string& spelled, std::string_view text) {
    const size_t equals = std::min(text.find('='), text.size());
    const std::string_view name = text.substr(0, equals);
    const bool has_value = equals + 1 < text.size();
    const auto& words = ExtendedOptions();
    const auto word = std::find_if(words.begin(), words.end(),
                                   [&](const ExtendedOption& w) { return w.name == name; });
    if (word == words.end()) {
      std::vector<std::string_view> names;
      for (const ExtendedOption& known : words) names.push_back(known.name);
      Fail(FromFlag(spelled), "found unknown word " + Quote(name) +
                                  ", expected one that memcached knows" + DidYouMean(name, names));
    }
    if (word->needs_value && !has_value) {
      Fail(FromFlag(spelled),
           "found " + Quote(name) + " without a value, expected " + std::string(name) + "=...");
    }
    if (name == "idle_timeout") {
      ReadIdle(spelled, text.substr(equals + 1));
    } else if (name == "no_maxconns_fast") {
      options_.warnings.push_back(
          "-o no_maxconns_fast: without effect: clients over the limit (-c) are always told and "
          "closed, never kept waiting");
    } else if (!word->honoured) {
      ignored_.push_back(spelled + " " + std::string(name));
    }
  }

  // memcached counts seconds.
  void ReadIdle(const std::string& spelled, std::string_view text) {
    const bool plain = text.find_first_not_of("0123456789") == std::string_view::npos;
    const std::string duration = text == "0" ? "0" : std::string(text) + "s";
    Setting setting;
    const std::string option = spelled + " idle_timeout";
    if (!plain) Fail(FromFlag(option), "found " + Quote(text) + ", expected a number of seconds");
    ReadSetting(*FindKey("timeouts.idle"), duration, FromFlag(option), &setting);
    options_.settings["timeouts.idle"] = std::move(setting);
  }

  void TakeRest(int argc) {
    int rest = optind;
    if (options_.action == Action::kHealth && options_.health_address.empty() && rest < argc) {
      options_.health_address = argv_[rest++];
    }
    if (rest < argc) {
      Fail({Source::kFlag, "", "command line"},
           "found " + Quote(argv_[rest]) + ", expected only flags");
    }
  }

  void FinishVerbosity() {
    if (options_.verbosity == 0) return;
    Setting setting;
    ReadSetting(*FindKey("log.level"), options_.verbosity == 1 ? "info" : "debug", FromFlag("-v"),
                &setting);
    options_.settings["log.level"] = std::move(setting);
  }

  void FinishIgnored() {
    if (ignored_.empty()) return;
    std::string names;
    for (const std::string& name : ignored_) names += (names.empty() ? "" : ", ") + name;
    options_.warnings.push_back("accepted without effect (of memcached's own store): " + names);
  }

  std::vector<std::string> arguments_;
  std::vector<char*> argv_;
  Options options_;
  std::vector<std::string> ignored_;
};

}  // namespace

Options ReadOptions(const std::vector<std::string>& arguments) {
  return OptionReader(arguments).Read();
}

}  // namespace mcrelay::config
