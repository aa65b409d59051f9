#include "wring/report/html_text.h"

#include <gtest/gtest.h>

namespace wring {
namespace {

TEST(HtmlText, EscapesWhatWouldBecomeMarkup) {
  EXPECT_EQ(html_text("<b a=\"x\" c='y'>&amp;"), "&lt;b a=&quot;x&quot; c=&#39;y&#39;&gt;&amp;amp;");
}

TEST(HtmlText, LeavesOtherScriptsAndLineFeedsAlone) {
  EXPECT_EQ(html_text("批大小 × 2 → 😀\nnext"), "批大小 × 2 → 😀\nnext");
}

TEST(HtmlText, WritesControlsAndBytesThatAreNoTextOut) {
  EXPECT_EQ(html_text("a\x1b[0m\x07z"), "a\\x1b[0m\\x07z");
  EXPECT_EQ(html_text("a\xff\xc3(z"), "a\\xff\\xc3(z");
  EXPECT_EQ(html_text("gnp.\u202Egpj"), "gnp.\\u202egpj");
}

}  // namespace
}  // namespace wring
