#include "tools/stepctl/completion.hpp"

namespace stepd::stepctl {
namespace {

/// Text inside '…[…]' of an argument specification: its own brackets and the quote escaped.
std::string escaped(const std::string& text) {
  std::string result;
  for (const char c : text) {
    if (c == '\'') {
      result += "'\\''";
      continue;
    }
    if (c == '[' || c == ']' || c == ':' || c == '\\') result += '\\';
    result += c;
  }
  return result;
}

std::string action(WordKind kind, const std::vector<std::string>& choices) {
  if (kind == WordKind::file) return "_files";
  if (kind == WordKind::choice) {
    std::string text = "(";
    for (const std::string& choice : choices) {
      if (text.size() > 1) text += ' ';
      text += choice;
    }
    return text + ")";
  }
  const std::string command = words_command(kind);
  if (command.empty()) return " ";
  return "{compadd -- ${(f)\"$(stepctl " + command + " 2>/dev/null)\"}}";
}

std::string flag_line(const FlagNode& flag, const std::string& name) {
  const bool repeatable = flag.value == WordKind::choice && name == "--state";
  std::string text = std::string("    '") + (repeatable ? "*" : "") + name;
  if (flag.takes_value && name.starts_with("--")) text += '=';
  text += "[" + escaped(flag.description) + "]";
  if (flag.takes_value) text += ":value:" + action(flag.value, flag.choices);
  return text + "' \\\n";
}

bool has_flag(const CommandTree& node, const std::string& name) {
  for (const FlagNode& flag : node.flags) {
    for (const std::string& own : flag.names) {
      if (own == name) return true;
    }
  }
  return false;
}

/// The node's flags, and the global ones it does not give another meaning.
std::string flag_lines(const CommandTree& node, const CommandTree& root) {
  std::string text;
  for (const FlagNode& flag : node.flags) {
    for (const std::string& name : flag.names) text += flag_line(flag, name);
  }
  if (&node == &root) return text;
  for (const FlagNode& flag : root.flags) {
    for (const std::string& name : flag.names) {
      if (!has_flag(node, name)) text += flag_line(flag, name);
    }
  }
  return text;
}

std::string function_name(const std::string& path) {
  std::string name = "_stepctl";
  for (const char c : path) name += c == ' ' ? '_' : c;
  return name;
}

void add(std::string& text, const CommandTree& node, const CommandTree& root,
         const std::string& path) {
  for (const CommandTree& child : node.children) add(text, child, root, path + " " + child.name);
  text += function_name(path) + "() {\n";
  if (node.children.empty()) {
    text += "  _arguments -s \\\n" + flag_lines(node, root);
    for (const PlaceNode& place : node.places) {
      text += "    ':" + escaped(place.name) + ":" + action(place.value, place.choices) + "' \\\n";
    }
    text += "    && return 0\n}\n\n";
    return;
  }
  text += "  local context state state_descr line\n  typeset -A opt_args\n";
  text += "  _arguments -C -s \\\n" + flag_lines(node, root);
  text += "    '1: :->command' \\\n    '*:: :->rest' && return 0\n";
  text += "  case $state in\n    command)\n      local -a commands=(\n";
  for (const CommandTree& child : node.children) {
    text += "        '" + escaped(child.name) + ":" + escaped(child.description) + "'\n";
  }
  text +=
      "      )\n      _describe command commands\n      ;;\n    rest)\n      case $line[1] in\n";
  for (const CommandTree& child : node.children) {
    text += "        " + child.name + ") " + function_name(path + " " + child.name) + " ;;\n";
  }
  text += "      esac\n      ;;\n  esac\n}\n\n";
}

}  // namespace

std::string zsh_completion(const CommandTree& root) {
  std::string text =
      "#compdef stepctl\n"
      "# zsh completion for stepctl; put it as _stepctl into a folder of $fpath, or load it with:\n"
      "#   source <(stepctl completion zsh)\n\n";
  add(text, root, root, "");
  text +=
      "if [[ $zsh_eval_context[-1] == loadautofunc ]]; then\n"
      "  _stepctl \"$@\"\n"
      "else\n"
      "  compdef _stepctl stepctl\n"
      "fi\n";
  return text;
}

}  // namespace stepd::stepctl
