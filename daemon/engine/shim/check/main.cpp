// Runs the checks: `shim-check --functions NAME,… --last FILE [--rounds N] [--seed N] [CHECK…]`. Round r draws from seed + r, so
// that one round repeats what another found. FILE holds the case that is running, for whoever finds the process dead.
#include "check.h"

#include <ATen/Parallel.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <iostream>
#include <set>
#include <sstream>

namespace check {
namespace {

std::set<std::string> seen;

struct Check {
  const char *name;
  void (*run)(Random &);
};

constexpr Check CHECKS[] = {
    {"attention", attention}, {"convolution", convolution}, {"devices", devices}, {"geglu", geglu},   {"group_norm", group_norm},
    {"int8", int8},           {"linear", linear},           {"memory", memory},   {"packed", packed}, {"tensors", tensors},
};

struct Options {
  uint64_t rounds = 1, seed = 1;
  std::string functions, last;
  std::set<std::string> checks;

  Options(int count, char **words) {
    const auto value = [&](int at) {
      if (at >= count)
        throw Failure(std::string(words[at - 1]) + " needs a value");
      return std::string(words[at]);
    };
    for (int i = 1; i < count; ++i) {
      const std::string word = words[i];
      if (word == "--rounds")
        rounds = std::stoull(value(++i));
      else if (word == "--seed")
        seed = std::stoull(value(++i));
      else if (word == "--functions")
        functions = value(++i);
      else if (word == "--last")
        last = value(++i);
      else
        checks.insert(word);
    }
    for (const auto &name : checks)
      if (std::none_of(std::begin(CHECKS), std::end(CHECKS), [&](const Check &it) { return name == it.name; }))
        throw Failure("there is no check " + name);
  }

  bool wants(const Check &check) const { return checks.empty() || checks.count(check.name) != 0; }
};

// Overwrites what FILE holds, in place: the next case may be the last.
void note(const Options &options, const std::string &text) {
  if (!options.last.empty())
    std::ofstream(options.last, std::ios::trunc) << text;
}

uint64_t run(const Options &options) {
  uint64_t cases = 0;
  constexpr std::pair<Memory, const char *> MEMORIES[] = {{Memory::HEAP, "heap"}, {Memory::FENCED, "fences"}, {Memory::ARENA, "arena"}};
  for (const auto &[memory, name] : MEMORIES) {
    use(memory);
    for (uint64_t round = 0; round < options.rounds; ++round)
      for (const auto &check : CHECKS) {
        if (!options.wants(check))
          continue;
        const std::string again = std::string(check.name) + " --rounds 1 --seed " + std::to_string(options.seed + round);
        note(options, again);
        try {
          at::set_num_threads(1);
          Random random(options.seed + round, check.name);
          check.run(random);
        } catch (const std::exception &e) {
          throw Failure(again + ", memory from the " + name + ": " + e.what());
        }
        ++cases;
      }
  }
  // What is found from here on, as leaks are, is no case's.
  note(options, "");
  return cases;
}

// Functions that are declared and that no check called.
std::string forgotten(const Options &options) {
  std::istringstream names(options.functions);
  std::string name, all;
  while (std::getline(names, name, ','))
    if (seen.count(name) == 0)
      all += " " + name;
  return all;
}

} // namespace

void called(const char *function) { seen.insert(function); }

} // namespace check

int main(int count, char **words) {
  try {
    const check::Options options(count, words);
    const uint64_t cases = check::run(options);
    if (const auto names = check::forgotten(options); options.checks.empty() && !names.empty())
      throw check::Failure("no check calls" + names + ": add it in shim/check");
    std::cout << cases << " cases from seed " << options.seed << " on, all as they should be" << std::endl;
    return EXIT_SUCCESS;
  } catch (const std::exception &e) {
    std::cerr << e.what() << std::endl;
    return EXIT_FAILURE;
  }
}
