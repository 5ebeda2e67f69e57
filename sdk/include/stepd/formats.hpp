#pragma once

#include <boost/mp11/algorithm.hpp>
#include <stepd/described.hpp>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

namespace stepd::detail {

/// The `format` of texts in a step type's arguments, for their schema alone.
class Formats {
 public:
  template <DescribedStruct Owner>
  void declare(std::string Owner::*pointer, std::string_view format) {
    boost::mp11::mp_for_each<Members<Owner>>([&](auto member) {
      if constexpr (std::is_same_v<std::remove_cv_t<decltype(member.pointer)>,
                                   std::string Owner::*>) {
        if (member.pointer != pointer) return;
        formats_.push_back({&type_key<Owner>, member.name, std::string(format)});
      }
    });
  }

  /// Empty when the member has none; the last declaration counts.
  template <class Descriptor>
  [[nodiscard]] std::string_view find() const {
    std::string_view found;
    for (const auto& declared : formats_) {
      if (declared.owner == &type_key<OwnerOf<Descriptor>> && declared.member == Descriptor::name) {
        found = declared.format;
      }
    }
    return found;
  }

 private:
  struct Declared {
    const char* owner;
    std::string_view member;
    std::string format;
  };
  std::vector<Declared> formats_;
};

}  // namespace stepd::detail
