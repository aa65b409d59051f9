#pragma once
#include <functional>
#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "wring/base/error.h"

namespace wring {

// What went wrong, as the user sees it: "message | hint"; "" when nothing was thrown.
inline std::string error_of(const std::function<void()>& call) {
  try {
    call();
  } catch (const Error& error) {
    EXPECT_FALSE(error.message().zh.empty());
    EXPECT_EQ(error.hint().en.empty(), error.hint().zh.empty());
    return error.message().en + " | " + error.hint().en;
  }
  return "";
}

}  // namespace wring
