#include "wring/cli/program.h"

int main(int argc, char** argv) {
  return wring::run_wring(argc, argv);
}
