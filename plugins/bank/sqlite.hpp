#pragma once

#include <sqlite3.h>

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>

namespace bank {

/// SQLite could not do it: the disk is full, the file is damaged or locked by another process.
/// Nothing of the transaction remains.
class SqliteError : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

/// One connection to one file. One thread at a time.
class Database {
 public:
  explicit Database(const std::filesystem::path& file);

  /// Statements without parameters or rows, separated by semicolons.
  void run(const char* sql);

  [[nodiscard]] std::int64_t last_row() const;
  [[nodiscard]] SqliteError error(std::string_view doing) const;
  [[nodiscard]] sqlite3* get() const { return connection_.get(); }

 private:
  struct Close {
    void operator()(sqlite3* connection) const { sqlite3_close_v2(connection); }
  };
  std::filesystem::path file_;
  std::unique_ptr<sqlite3, Close> connection_;
};

/// A prepared statement, its parameters bound in order by the constructor's caller.
class Statement {
 public:
  Statement(Database& database, std::string_view sql);

  Statement& bind(std::int64_t value);
  Statement& bind(std::string_view value);
  Statement& bind(std::optional<std::int64_t> value);

  /// Moves to the next row; false when there is none.
  bool step();
  /// For a statement that yields no rows.
  void run();

  [[nodiscard]] std::int64_t integer(int column) const;
  [[nodiscard]] std::string text(int column) const;
  [[nodiscard]] bool is_null(int column) const;

 private:
  void check(int result);

  struct Finalize {
    void operator()(sqlite3_stmt* statement) const { sqlite3_finalize(statement); }
  };
  Database& database_;
  std::unique_ptr<sqlite3_stmt, Finalize> statement_;
  int bound_ = 0;
};

/// Takes the write lock at once; what is not committed is rolled back.
class Transaction {
 public:
  explicit Transaction(Database& database);
  ~Transaction();
  Transaction(const Transaction&) = delete;
  Transaction& operator=(const Transaction&) = delete;

  void commit();

 private:
  Database& database_;
  bool open_ = true;
};

}  // namespace bank
