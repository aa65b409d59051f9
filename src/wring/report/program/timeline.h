#pragma once
#include <string>
#include <string_view>

#include "wring/base/text.h"
#include "wring/trace/timeline.h"

namespace wring {

// The timeline as rows of an inline SVG under an axis of time, with names beside it, a legend of the kinds that occur,
// and switches that make it wider, without scripts. What stands under the pointer says what it is. `id` tells it from
// others of the page; the colours are in program_style.h.
std::string timeline_html(const StepTimeline& timeline, const std::string& id, Language language);

// A kernel's name without its templates' depths, which go on for pages: its beginning, as one line.
std::string short_kernel_name(std::string_view name);

}  // namespace wring
