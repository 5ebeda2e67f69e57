#include <stepd/plugin.hpp>
#include <string>

struct Greeting {
  std::string name;
};
BOOST_DESCRIBE_STRUCT(Greeting, (), (name))

struct Reply {
  std::string text;
};
BOOST_DESCRIBE_STRUCT(Reply, (), (text))

Reply greet(stepd::Context&, const Greeting& greeting) { return {"hello " + greeting.name}; }

STEPD_PLUGIN("outside.hello", "1.0.0", plugin) { plugin.step<greet>("outside.greet"); }
