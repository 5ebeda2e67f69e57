#include "tools/stepctl/completion.hpp"

#include <catch2/catch.hpp>

#include "tests/stepctl/canned/canned_daemon.hpp"
#include "tests/stepctl/child.hpp"
#include "tools/stepctl/command_line.hpp"

using namespace stepd::test;
using namespace stepd::stepctl;

namespace {

/// What bash offers for the last word of `line`; readline's own cutting of words is left out, so
/// the line may hold no ':' or '=' that matters.
std::string offered(const std::string& line, const std::string& words = "") {
  std::string script = "source <(stepctl completion bash)\nCOMP_LINE='" + line + "'\n";
  if (words.empty()) {
    script +=
        "read -ra COMP_WORDS <<<\"$COMP_LINE\"\n"
        "[[ $COMP_LINE == *' ' ]] && COMP_WORDS+=('')\n";
  } else {
    script += "COMP_WORDS=(" + words + ")\n";
  }
  script += "COMP_CWORD=$((${#COMP_WORDS[@]} - 1))\n_stepctl\necho \"${COMPREPLY[*]}\"\n";
  const ChildEnd end = run_child({"bash", "--norc", "-c", script});
  CHECK(end.err.empty());
  return end.out;
}

std::size_t count(const std::string& text, const std::string& part) {
  std::size_t found = 0;
  for (std::size_t at = text.find(part); at != text.npos; at = text.find(part, at + 1)) ++found;
  return found;
}

/// Every command's path, "job submit" and so on, leaves only.
void add_leaves(const CommandTree& node, const std::string& path,
                std::vector<std::pair<std::string, const CommandTree*>>& leaves) {
  for (const CommandTree& child : node.children) {
    add_leaves(child, path.empty() ? child.name : path + " " + child.name, leaves);
  }
  if (node.children.empty()) leaves.emplace_back(path, &node);
}

}  // namespace

TEST_CASE("the command tree holds every command of the command line") {
  std::vector<std::pair<std::string, const CommandTree*>> leaves;
  const CommandTree tree = command_tree();
  add_leaves(tree, "", leaves);

  std::string paths;
  for (const auto& [path, node] : leaves) paths += path + "\n";
  CHECK(paths ==
        "job submit\njob plan\njob test\njob list\njob show\njob watch\njob children\njob why\n"
        "job cancel\njob pause\njob resume\njob retry\njob abandon\njob skip\njob resolve\n"
        "job rerun\njob undo\njob priority\njob delete\nevent send\nevent list\nplugin list\n"
        "plugin show\nplugin keygen\nplugin sign\nplugin lock\nplugin new\nplugin "
        "validate\nstep list\nstep show\nstep run\nstep bench\nstatus\ntop\ncompletion\n");
}

TEST_CASE("bash completes commands and flags and values") {
  CHECK(offered("stepctl ") == "job event plugin step status top completion\n");
  CHECK(offered("stepctl plugin s") == "show sign\n");
  CHECK(offered("stepctl plugin sign a.so --k") == "--key\n");
  CHECK(offered("stepctl job re") == "resume retry resolve rerun\n");
  CHECK(offered("stepctl job cancel --st") == "--state\n");
  CHECK(offered("stepctl job rerun --fr") == "--from\n");
  CHECK(offered("stepctl completion ") == "bash zsh fish\n");
  CHECK(offered("stepctl --output ") == "table json\n");
  CHECK(offered("stepctl job list --state par") == "parked\n");
  CHECK(offered("stepctl job list --att") == "--attention\n");
  CHECK(offered("stepctl job list --ten") == "--tenant\n");
  CHECK(offered("stepctl job resolve a b --un") == "--undone\n");
}

TEST_CASE("bash knows that a flag before the command takes its value with it") {
  CHECK(offered("stepctl --tenant job pl") == "plugin\n");
  CHECK(offered("stepctl --output json job sub") == "submit\n");
  CHECK(offered("stepctl --server unix:/x job sub", "stepctl --server unix : /x job sub") ==
        "submit\n");
  CHECK(offered("stepctl --output=js", "stepctl --output = js") == "json\n");
}

TEST_CASE("the output of resolve is not offered print formats") {
  CHECK(offered("stepctl job resolve a b --output ") == "\n");
}

TEST_CASE("bash completes file names for submit") {
  const ScratchFile file("transfer.json", "{}");

  CHECK(offered("stepctl job submit " + file.path().substr(0, file.path().size() - 4)) ==
        file.path() + "\n");
}

TEST_CASE("bash asks the daemon named on the line for ids") {
  CannedDaemon daemon([](const CannedRequest& request) {
    if (request.target == "/v1/step-types") {
      return CannedReply{200, R"({"step_types":[{"type":"demo.greet"},{"type":"bank.out"}]})"};
    }
    return CannedReply{200, R"({"jobs":[{"id":"0193a"},{"id":"0193b"}],"next":null})"};
  });
  const std::string server = "stepctl --server " + daemon.address();

  CHECK(offered(server + " job show ") == "0193a 0193b\n");
  CHECK(offered(server + " step show de") == "demo.greet\n");
  CHECK(daemon.requests().at(0).target == "/v1/jobs?limit=50");
}

TEST_CASE("a daemon that is away leaves nothing to offer and no noise") {
  CHECK(offered("stepctl --server unix:/nonexistent/s job show ") == "\n");
}

TEST_CASE("zsh and fish know every command and each of its flags") {
  std::vector<std::pair<std::string, const CommandTree*>> leaves;
  const CommandTree tree = command_tree();
  add_leaves(tree, "", leaves);
  const std::string zsh = zsh_completion(tree);
  const std::string fish = fish_completion(tree);

  CHECK(zsh.starts_with("#compdef stepctl\n"));
  for (const auto& [path, node] : leaves) {
    CAPTURE(path);
    std::string function = "_stepctl_" + path + "() {\n";
    std::replace(function.begin(), function.begin() + static_cast<int>(path.size() + 9), ' ', '_');
    const std::size_t begin = zsh.find(function);
    REQUIRE(begin != zsh.npos);
    const std::string body = zsh.substr(begin, zsh.find("\n}\n", begin) - begin);
    const std::string condition = "-n '__stepctl_at \\'" + path + "\\''";
    for (const FlagNode& flag : node->flags) {
      for (const std::string& name : flag.names) {
        CAPTURE(name);
        CHECK(body.find(name) != body.npos);
        const std::string shown =
            name.starts_with("--") ? " -l " + name.substr(2) : " -s " + name.substr(1);
        CHECK(fish.find(shown) != fish.npos);
      }
    }
    CHECK(count(fish, condition) >= node->flags.size());
  }
}

TEST_CASE("zsh and fish scripts pass their own shell") {
  const ChildEnd zsh = run_child({"bash", "-c", "stepctl completion zsh | zsh -n"});
  const ChildEnd fish = run_child({"bash", "-c", "stepctl completion fish | fish --no-execute"});

  CHECK(zsh.code == 0);
  CHECK(zsh.err.empty());
  CHECK(fish.code == 0);
  CHECK(fish.err.empty());
}
