#pragma once
#include <string>
#include <string_view>

namespace wring {

// The key that somebody meant who wrote `name`: what other programs call it ("learning_rate" → lr), else the nearest by
// spelling ("batchsize" → batch_size); "" when there is none, or when `name` is a key itself.
std::string similar_key(std::string_view name);

}  // namespace wring
