#include "tools/stepctl/completion.hpp"

namespace stepd::stepctl {
namespace {

std::string in_quotes(const std::string& text) {
  std::string result = "'";
  for (const char c : text) {
    if (c == '\'' || c == '\\') result += '\\';
    result += c;
  }
  return result + "'";
}

std::string words_of(WordKind kind, const std::vector<std::string>& choices) {
  if (kind == WordKind::choice) {
    std::string text;
    for (const std::string& choice : choices) text += (text.empty() ? "" : " ") + choice;
    return in_quotes(text);
  }
  const std::string command = words_command(kind);
  return command.empty() ? std::string() : "'(stepctl " + command + " 2>/dev/null)'";
}

std::string flag_line(const FlagNode& flag, const std::string& condition) {
  std::string text = "complete -c stepctl" + condition;
  for (const std::string& name : flag.names) {
    text += name.starts_with("--") ? " -l " + name.substr(2) : " -s " + name.substr(1);
  }
  if (flag.takes_value) {
    const std::string words = words_of(flag.value, flag.choices);
    text += flag.value == WordKind::file ? " -r -F" : " -x";
    if (!words.empty()) text += " -a " + words;
  }
  return text + " -d " + in_quotes(flag.description) + "\n";
}

void add(std::string& text, std::string& paths, std::string& values, const CommandTree& node,
         const std::string& path) {
  const bool root = path.empty();
  const std::string condition = " -n " + in_quotes("__stepctl_at " + in_quotes(path));
  for (const CommandTree& child : node.children) {
    const std::string below = root ? child.name : path + " " + child.name;
    paths += "            case " + in_quotes(path + "|" + child.name) +
             "\n                set path " + in_quotes(below) + "\n";
    text += "complete -c stepctl" + condition + " -a " + child.name + " -d " +
            in_quotes(child.description) + "\n";
    add(text, paths, values, child, below);
  }
  for (const FlagNode& flag : node.flags) {
    text += flag_line(flag, root ? std::string() : condition);
    for (const std::string& name : flag.names) {
      if (flag.takes_value) values += " " + name;
    }
  }
  for (const PlaceNode& place : node.places) {
    const std::string words = words_of(place.value, place.choices);
    if (place.value == WordKind::file) text += "complete -c stepctl" + condition + " -F\n";
    if (!words.empty()) text += "complete -c stepctl" + condition + " -a " + words + "\n";
  }
}

}  // namespace

std::string fish_completion(const CommandTree& root) {
  std::string lines;
  std::string paths;
  std::string values;
  add(lines, paths, values, root, "");
  return "# fish completion for stepctl; load it with: stepctl completion fish | source\n\n"
         "# Succeeds when the words so far name this command.\n"
         "function __stepctl_at\n"
         "    set -l path ''\n"
         "    set -l words (commandline -opc)\n"
         "    set -l value no\n"
         "    for word in $words[2..-1]\n"
         "        if test $value = yes\n"
         "            set value no\n"
         "            continue\n"
         "        end\n"
         "        if contains -- $word" +
         values +
         "\n"
         "            set value yes\n"
         "            continue\n"
         "        end\n"
         "        switch \"$path|$word\"\n" +
         paths +
         "        end\n"
         "    end\n"
         "    test \"$path\" = \"$argv[1]\"\n"
         "end\n\n"
         "complete -c stepctl -f\n" +
         lines;
}

}  // namespace stepd::stepctl
