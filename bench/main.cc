// mcrelay_bench: the load generator. bench/run uses it to compare servers; see docs/performance.md.

#include <sched.h>
#include <sys/resource.h>
#include <unistd.h>
#include <cstdio>
#include <string>

#include "bench/generator/generator.h"
#include "bench/generator/report.h"

namespace {

using namespace mcrelay::bench;  // NOLINT(google-build-using-namespace): one short file

void RaiseFileLimit() {
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
  limit.rlim_cur = limit.rlim_max;
  setrlimit(RLIMIT_NOFILE, &limit);
}

bool PinTo(int cpu) {
  cpu_set_t set;
  CPU_ZERO(&set);
  CPU_SET(static_cast<size_t>(cpu), &set);
  return sched_setaffinity(0, sizeof(set), &set) == 0;
}

int Report(const Options& options, const Result& result) {
  const std::string report =
      options.json ? JsonReport(options, result) : TextReport(options, result);
  std::fputs(report.c_str(), stdout);
  std::fflush(stdout);
  return result.failure.empty() ? 0 : 1;
}

void HoldUntilInputEnds() {
  std::puts("holding");
  std::fflush(stdout);
  char ignored[64];
  while (read(STDIN_FILENO, ignored, sizeof(ignored)) > 0) {
  }
}

}  // namespace

int main(int argc, char** argv) {
  const Options options = ParseOptions(argc, argv);
  RaiseFileLimit();
  if (options.cpu >= 0 && !PinTo(options.cpu)) std::perror("mcrelay_bench: --cpu");
  Generator generator(options);
  Result failed;
  if (!generator.Connect(&failed.failure)) return Report(options, failed);
  if (options.preload) {
    const Result preload = generator.Preload();
    if (!preload.failure.empty()) return Report(options, preload);
  }
  const int status = Report(options, generator.Run());
  if (options.hold && status == 0) HoldUntilInputEnds();
  return status;
}
