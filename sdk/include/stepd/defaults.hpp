#pragma once

#include <boost/json/value.hpp>
#include <boost/mp11/algorithm.hpp>
#include <stepd/described.hpp>
#include <stepd/json_writer.hpp>
#include <string_view>
#include <utility>
#include <vector>

namespace stepd::detail {

/// What absent members of a step type's arguments are taken to be.
class Defaults {
 public:
  template <DescribedStruct Owner, class Member>
  void declare(Member Owner::*pointer, const Member& value) {
    boost::mp11::mp_for_each<Members<Owner>>([&](auto member) {
      if constexpr (std::is_same_v<std::remove_cv_t<decltype(member.pointer)>, Member Owner::*>) {
        if (member.pointer != pointer) return;
        values_.push_back({&type_key<Owner>, member.name, json_of(value, ValuePath(), {})});
      }
    });
  }

  /// Null when the member has none; the last declaration counts.
  template <class Descriptor>
  [[nodiscard]] const boost::json::value* find() const {
    const boost::json::value* found = nullptr;
    for (const auto& declared : values_) {
      if (declared.owner == &type_key<OwnerOf<Descriptor>> && declared.member == Descriptor::name) {
        found = &declared.value;
      }
    }
    return found;
  }

 private:
  struct Declared {
    const char* owner;
    std::string_view member;
    boost::json::value value;
  };
  std::vector<Declared> values_;
};

}  // namespace stepd::detail
