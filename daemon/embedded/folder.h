// Folder is where the embedded store has its socket and its log: systemd's RuntimeDirectory=, else
// a fresh folder that only we can enter.
//
// Owned by the store. A daemon that was killed cannot remove its folder: the next one that makes
// one beside it does. Each holds a lock file as long as it lives, so that only those of the dead
// are taken for such. Throws std::runtime_error where no folder can be made.
#pragma once

#include <string>

namespace mcrelay::embedded {

class Folder {
 public:
  Folder();
  // Removes it, or from systemd's what is ours.
  ~Folder();
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;

  [[nodiscard]] std::string socket() const { return path_ + "/redis.sock"; }
  [[nodiscard]] std::string log() const { return path_ + "/redis.log"; }
  [[nodiscard]] const std::string& path() const { return path_; }

 private:
  [[nodiscard]] bool MakeIn(const std::string& base);

  bool ours_ = false;  // we made it
  std::string path_;
  int lock_ = -1;
};

}  // namespace mcrelay::embedded
