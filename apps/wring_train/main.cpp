#include "wring_train/commands/program.h"

int main(int argc, char** argv) {
  return wring::run_wring_train(argc, argv);
}
