#pragma once
#include "wring/monitor/live/canvas.h"
#include "wring/monitor/live/model.h"

namespace wring::live {

// The live view as a screen of that size. What is least important goes first where there is little room: plots,
// processes, rates, activity; a card's utilisation and memory stay to the last.
Canvas layout_live(const LiveModel& model, const LiveStatus& status, const LiveLook& look);

}  // namespace wring::live
