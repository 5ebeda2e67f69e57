#include "host/contained/shared_page.hpp"

#include <fcntl.h>
#include <linux/futex.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <climits>
#include <new>
#include <system_error>
#include <utility>

namespace stepd::contained {
namespace {

[[noreturn]] void fail(const char* what) {
  throw std::system_error(errno, std::generic_category(), what);
}

}  // namespace

SharedMemory::SharedMemory()
    : file_(::memfd_create("stepd-page", MFD_CLOEXEC | MFD_ALLOW_SEALING)) {
  if (!file_.is_open()) fail("cannot make shared memory");
  if (::ftruncate(file_.number(), sizeof(SharedPage)) != 0) fail("cannot size shared memory");
  // A file that can shrink under a mapping kills whoever looks.
  if (::fcntl(file_.number(), F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) != 0) {
    fail("cannot seal shared memory");
  }
  map();
  new (page_) SharedPage;
}

SharedMemory::SharedMemory(plugin::FileDescriptor file) : file_(std::move(file)) { map(); }

SharedMemory::~SharedMemory() { ::munmap(page_, sizeof(SharedPage)); }

void SharedMemory::map() {
  void* memory =
      ::mmap(nullptr, sizeof(SharedPage), PROT_READ | PROT_WRITE, MAP_SHARED, file_.number(), 0);
  if (memory == MAP_FAILED) fail("cannot map shared memory");
  page_ = static_cast<SharedPage*>(memory);
}

void SharedMemory::ask_to_stop(std::uint32_t line, std::uint32_t call) const {
  page_->stop[line].store(call);
  page_->stops.fetch_add(1);
  ::syscall(SYS_futex, &page_->stops, FUTEX_WAKE, INT_MAX, nullptr, nullptr, 0);
}

void SharedMemory::wait_for_stop(std::uint32_t known) const {
  while (page_->stops.load() == known) {
    ::syscall(SYS_futex, &page_->stops, FUTEX_WAIT, known, nullptr, nullptr, 0);
  }
}

}  // namespace stepd::contained
