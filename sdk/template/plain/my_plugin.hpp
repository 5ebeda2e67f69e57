#pragma once

#include <stepd/plugin.hpp>
#include <string>

struct Greeting {
  std::string name;
  int times = 1;
};
BOOST_DESCRIBE_STRUCT(Greeting, (), (name, times))

struct Reply {
  std::string text;
};
BOOST_DESCRIBE_STRUCT(Reply, (), (text))

Reply greet(stepd::Context& context, const Greeting& greeting);
