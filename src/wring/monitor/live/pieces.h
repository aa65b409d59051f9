#pragma once
#include <string>
#include <vector>

#include "wring/monitor/live/canvas.h"

namespace wring::live {

// Words of one line that come and go whole: when there is no room for all, those of the highest rank go first, of
// equal ones the last.
struct Piece {
  std::string text;
  Style style = Style::plain;
  int rank = 0;
};

inline constexpr int kPieceGap = 2;  // columns between two pieces

// Columns that the pieces take side by side. Empty ones take none.
int columns_of(const std::vector<Piece>& pieces, const Canvas& canvas);

// The pieces that fit into `room`, in their order.
std::vector<Piece> fit_pieces(std::vector<Piece> pieces, int room, const Canvas& canvas);

// Writes them from the column on; the last one left is cut when even it is too long. Returns the column after them.
int put_pieces(Canvas& canvas, int row, int column, const std::vector<Piece>& pieces, int room);

}  // namespace wring::live
