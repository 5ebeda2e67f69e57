#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

struct sqlite3;
struct sqlite3_stmt;

/// The few things stepd needs from SQLite, with ownership made visible. Failures are StoreErrors.
namespace stepd::storage::sqlite {

/// One connection; one thread at a time.
class Database {
 public:
  enum class Access { write, read };

  /// Opens, and with `write` makes, the file.
  Database(std::filesystem::path file, Access access);
  Database(const Database&) = delete;
  Database& operator=(const Database&) = delete;

  /// Statements that are run once, and the one number or text that a pragma answers.
  void run(const std::string& sql);
  [[nodiscard]] std::int64_t number(std::string_view sql);
  [[nodiscard]] std::string text(std::string_view sql);

  /// A function of one number that SQL may ask here. What it throws fails the statement.
  void define(const char* name, std::function<bool(std::int64_t)> question);

  [[nodiscard]] bool in_transaction() const;
  [[nodiscard]] std::uint64_t rows_changed() const;

  /// Pages in the WAL as of the last commit here.
  [[nodiscard]] std::uint64_t wal_pages() const { return wal_.pages; }
  /// Of those the ones that no checkpoint has moved into the file.
  [[nodiscard]] std::uint64_t wal_pages_unmoved() const { return wal_.pages - wal_.moved; }

  /// The WAL as of the last commit.
  struct Wal {
    std::uint64_t pages = 0;
    std::uint64_t moved = 0;
  };
  /// Moves what no reader still needs from the WAL into the file; the pages that had to stay.
  std::uint64_t checkpoint();

  [[noreturn]] void fail(int code) const;
  [[nodiscard]] const std::filesystem::path& file() const { return file_; }
  [[nodiscard]] sqlite3* handle() const { return handle_.get(); }

 private:
  struct Close {
    void operator()(sqlite3* handle) const;
  };
  std::filesystem::path file_;
  std::unique_ptr<sqlite3, Close> handle_;
  Wal wal_{};
};

/// Bytes that are no text.
struct Bytes {
  std::string_view view;
};

/// The rows a statement yields; the statement is free again when this ends.
class Rows {
 public:
  Rows(Database& database, sqlite3_stmt* statement) : database_(&database), statement_(statement) {}
  ~Rows();
  Rows(const Rows&) = delete;
  Rows& operator=(const Rows&) = delete;

  /// Goes to the next row; false after the last.
  [[nodiscard]] bool next();

  [[nodiscard]] std::int64_t integer(int column) const;
  [[nodiscard]] std::optional<std::int64_t> maybe_integer(int column) const;
  [[nodiscard]] std::string bytes(int column) const;      // of text too
  [[nodiscard]] std::string_view view(int column) const;  // the same, until the next row

 private:
  Database* database_;
  sqlite3_stmt* statement_;
};

/// A statement prepared once and used often, by one thread at a time.
class Statement {
 public:
  Statement(Database& database, std::string_view sql);

  /// Runs it with these values for its parameters, in order; true if it changed any row.
  template <typename... Values>
  bool run(const Values&... values) {
    bind(Lifetime::of_the_call, values...);
    return finish();
  }
  template <typename... Values>
  [[nodiscard]] Rows query(const Values&... values) {
    bind(Lifetime::unknown, values...);
    return {*database_, handle_.get()};
  }

 private:
  enum class Lifetime { of_the_call, unknown };

  template <typename... Values>
  void bind([[maybe_unused]] Lifetime lifetime, const Values&... values) {
    require_parameters(sizeof...(values));
    int position = 0;
    (bind_one(++position, lifetime, values), ...);
  }
  void bind_one(int position, Lifetime, std::int64_t value);
  void bind_one(int position, Lifetime, std::optional<std::int64_t> value);
  void bind_one(int position, Lifetime lifetime, std::string_view text);
  void bind_one(int position, Lifetime lifetime, const std::string& text) {
    bind_one(position, lifetime, std::string_view{text});
  }
  void bind_one(int position, Lifetime lifetime, std::optional<std::string_view> text);
  void bind_one(int position, Lifetime lifetime, Bytes bytes);
  void require_parameters(std::size_t given) const;
  void check(int code) const;
  bool finish();

  struct Finalize {
    void operator()(sqlite3_stmt* handle) const;
  };
  Database* database_;
  std::unique_ptr<sqlite3_stmt, Finalize> handle_;
};

/// The statements that begin and end transactions on one connection.
struct TransactionWords {
  explicit TransactionWords(Database& database);
  Database& database;
  Statement begin_write;
  Statement begin_read;
  Statement commit;
  Statement rollback;
};

/// Rolls back when it goes out of scope uncommitted.
class Transaction {
 public:
  enum class Kind { write, read };
  Transaction(TransactionWords& words, Kind kind);
  ~Transaction();
  Transaction(const Transaction&) = delete;
  Transaction& operator=(const Transaction&) = delete;

  void commit();

 private:
  TransactionWords& words_;
};

}  // namespace stepd::storage::sqlite
