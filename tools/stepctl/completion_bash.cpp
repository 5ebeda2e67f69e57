#include <algorithm>

#include "tools/stepctl/completion.hpp"

namespace stepd::stepctl {
namespace {

std::string joined(const std::vector<std::string>& words) {
  std::string text;
  for (const std::string& word : words) {
    if (!text.empty()) text += ' ';
    text += word;
  }
  return text;
}

/// What a place or a flag's value completes to, as a command of the script.
std::string action(WordKind kind, const std::vector<std::string>& choices) {
  switch (kind) {
    case WordKind::free:
      return ":";
    case WordKind::file:
      return "_stepctl_files";
    case WordKind::choice:
      return "_stepctl_words \"" + joined(choices) + "\"";
    case WordKind::job:
    case WordKind::step_type:
    case WordKind::plugin:
      return "_stepctl_ask " + words_command(kind);
  }
  return ":";
}

/// The parts of the script that depend on the commands.
struct Cases {
  std::string commands;  // path and word: the next path
  std::string values;    // path and flag: it takes a value, and what that completes to
  std::string words;     // path: subcommands and flags
  std::string places;    // path and number of the place: what it completes to

  void add(const CommandTree& node, const std::string& path, const CommandTree& root) {
    std::vector<std::string> flags;
    for (const CommandTree& child : node.children) {
      const std::string below = path.empty() ? child.name : path + " " + child.name;
      commands += "      '" + path + "|" + child.name + "') path='" + below + "' ;;\n";
      add(child, below, root);
    }
    for (const FlagNode& flag : node.flags) {
      flags.insert(flags.end(), flag.names.begin(), flag.names.end());
      if (!flag.takes_value) continue;
      for (const std::string& name : flag.names) {
        const std::string pattern =
            path.empty() ? "*'|" + name + "'" : "'" + path + "|" + name + "'";
        values += "    " + pattern + ") action='" + action(flag.value, flag.choices) + "' ;;\n";
      }
    }
    for (const FlagNode& flag : root.flags) {
      for (const std::string& name : flag.names) {
        if (std::find(flags.begin(), flags.end(), name) == flags.end()) flags.push_back(name);
      }
    }
    std::vector<std::string> children;
    for (const CommandTree& child : node.children) children.push_back(child.name);
    words += "    '" + path + "') commands='" + joined(children) + "' flags='" + joined(flags) +
             "' ;;\n";
    for (std::size_t number = 0; number < node.places.size(); ++number) {
      const PlaceNode& place = node.places[number];
      places += "    '" + path + "|" + std::to_string(number) + "') " +
                action(place.value, place.choices) + " ;;\n";
    }
  }
};

constexpr std::string_view head =
    R"bash(# bash completion for stepctl; load it with: source <(stepctl completion bash)

_stepctl_words() {
  mapfile -t COMPREPLY < <(compgen -W "$1" -- "$cur")
}

_stepctl_files() {
  compopt -o filenames 2>/dev/null
  mapfile -t COMPREPLY < <(compgen -f -- "$cur")
}

_stepctl_ask() {
  _stepctl_words "$(stepctl "${server[@]}" "$@" 2>/dev/null)"
}

)bash";

constexpr std::string_view main_part = R"bash(
_stepctl() {
  local line=$COMP_LINE path='' action='' commands='' flags='' word cur i count=0 place=0
  local words=() server=()
  COMPREPLY=()
  # Readline cuts words at ':' and '=' too; pieces with no blank between them are one word.
  for ((i = 0; i <= COMP_CWORD; i++)); do
    word=${COMP_WORDS[i]}
    if ((count > 0)) && [[ $line != [[:space:]]* ]]; then
      words[count - 1]+=$word
    else
      line=${line#"${line%%[![:space:]]*}"}
      words[count++]=$word
    fi
    line=${line#"$word"}
  done
  cur=${words[count - 1]}
  for ((i = 1; i < count - 1; i++)); do
    word=${words[i]}
    if [[ $word == -?* ]]; then
      [[ $word == --server=* || $word == --tenant=* || $word == --token-file=* ]] &&
        server+=("$word")
      if [[ $word != *=* ]] && _stepctl_value_of "$path" "$word"; then
        [[ $word == --server || $word == --tenant || $word == --token-file ]] &&
          server+=("$word" "${words[i + 1]}")
        ((++i))
        ((i == count - 1)) && { eval "$action"; return; }
      fi
      continue
    fi
    case "$path|$word" in
)bash";

}  // namespace

std::string words_command(WordKind kind) {
  switch (kind) {
    case WordKind::job:
      return "job list --quiet";
    case WordKind::step_type:
      return "step list --quiet";
    case WordKind::plugin:
      return "plugin list --quiet";
    case WordKind::free:
    case WordKind::file:
    case WordKind::choice:
      return {};
  }
  return {};
}

std::string bash_completion(const CommandTree& root) {
  Cases cases;
  cases.add(root, "", root);
  std::string text(head);
  text += "# Sets action, and fails when the flag takes no value.\n";
  text += "_stepctl_value_of() {\n  case \"$1|$2\" in\n" + cases.values +
          "    *) return 1 ;;\n  esac\n}\n";
  text.append(main_part).append(cases.commands);
  text += "      *) ((++place)) ;;\n    esac\n  done\n";
  text += "  case \"$path\" in\n" + cases.words + "  esac\n";
  text += R"bash(  if [[ $cur == --*=* ]]; then
    word=${cur%%=*} cur=${cur#*=}
    _stepctl_value_of "$path" "$word" && eval "$action"
    return
  fi
  if [[ $cur == -* ]]; then
)bash";
  text += "    _stepctl_words \"$flags\"\n    return\n  fi\n";
  text += "  case \"$path|$place\" in\n" + cases.places +
          "    *) [[ -n $commands ]] && _stepctl_words \"$commands\" ;;\n  esac\n}\n\n";
  text += "complete -F _stepctl stepctl\n";
  return text;
}

}  // namespace stepd::stepctl
