#include "wring/cli/program.h"

int main(int argc, char** argv) {
  return wring::run_optimize_gpu(argc, argv);
}
