#include "wring/monitor/live/pieces.h"

#include <algorithm>

#include "wring/base/display_text.h"

namespace wring::live {

int columns_of(const std::vector<Piece>& pieces, const Canvas& canvas) {
  int columns = 0;
  for (const Piece& piece : pieces) {
    const int width = display_width(canvas.utf8() ? piece.text : to_ascii(piece.text));
    if (width > 0) columns += (columns > 0 ? kPieceGap : 0) + width;
  }
  return columns;
}

std::vector<Piece> fit_pieces(std::vector<Piece> pieces, int room, const Canvas& canvas) {
  std::erase_if(pieces, [](const Piece& piece) { return piece.text.empty(); });
  while (pieces.size() > 1 && columns_of(pieces, canvas) > room) {
    const auto last_of_highest = std::max_element(pieces.rbegin(), pieces.rend(),
                                                  [](const Piece& a, const Piece& b) { return a.rank < b.rank; });
    pieces.erase(std::next(last_of_highest).base());
  }
  return pieces;
}

int put_pieces(Canvas& canvas, int row, int column, const std::vector<Piece>& pieces, int room) {
  const int end = column + room;
  bool first = true;
  for (const Piece& piece : fit_pieces(pieces, room, canvas)) {
    if (!first) column += kPieceGap;
    column = canvas.put(row, column, piece.text, piece.style, end - column);
    first = false;
  }
  return column;
}

}  // namespace wring::live
