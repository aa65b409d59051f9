// Real endings of programs, and the line that says what happened.
#include "wring/trial/telling_line.h"

#include <gtest/gtest.h>

namespace wring {
namespace {

struct Ending {
  const char* what;
  const char* output;
  const char* line;
};

const Ending kPython[] = {
    {"a module that is missing",
     "Traceback (most recent call last):\n  File \"train.py\", line 3, in <module>\n    import torch\n"
     "ModuleNotFoundError: No module named 'torch'\n",
     "ModuleNotFoundError: No module named 'torch'"},
    {"the marks of Python 3.11 and later",
     "Traceback (most recent call last):\n  File \"/x/train.py\", line 3, in <module>\n    print(1 / zero)\n"
     "          ~~^~~~~~\nZeroDivisionError: division by zero\n",
     "ZeroDivisionError: division by zero"},
    {"marks that end the output, the exception having no message",
     "Traceback (most recent call last):\n  File \"a.py\", line 1, in <module>\n    assert False\n           ^^^^^\n"
     "AssertionError\n",
     "AssertionError"},
    {"a message of several lines",
     "Traceback (most recent call last):\n  File \"a.py\", line 9, in <module>\n    x.cuda()\n    ^^^^^^^^\n"
     "RuntimeError: CUDA error: device-side assert triggered\n"
     "CUDA kernel errors might be asynchronously reported at some other API call, so the stacktrace below might be "
     "incorrect.\nFor debugging consider passing CUDA_LAUNCH_BLOCKING=1\n"
     "Compile with `TORCH_USE_CUDA_DSA` to enable device-side assertions.\n\n",
     "RuntimeError: CUDA error: device-side assert triggered"},
    {"a message whose first line only introduces it",
     "Traceback (most recent call last):\n  File \"a.py\", line 9, in <module>\n    net.load_state_dict(state)\n"
     "RuntimeError: Error(s) in loading state_dict for EDSR:\n"
     "\tsize mismatch for conv_first.weight: copying a param with shape [64, 3, 3, 3]\n",
     "RuntimeError: Error(s) in loading state_dict for EDSR: size mismatch for conv_first.weight: copying a param with "
     "shape [64, 3, 3, 3]"},
    {"the exception that came of handling another",
     "Traceback (most recent call last):\n  File \"a.py\", line 2, in <module>\n    d['x']\nKeyError: 'x'\n\n"
     "During handling of the above exception, another exception occurred:\n\n"
     "Traceback (most recent call last):\n  File \"a.py\", line 4, in <module>\n    raise ValueError('no x')\n"
     "ValueError: no x\n",
     "ValueError: no x"},
    {"a rank's prefix",
     "[rank1]: Traceback (most recent call last):\n[rank1]:   File \"a.py\", line 2, in <module>\n"
     "[rank1]:     f()\n[rank1]: MyProblem: the third stage is empty\n",
     "MyProblem: the third stage is empty"},
    {"a launcher that tells only that its child failed",
     "Traceback (most recent call last):\n  File \"train.py\", line 5, in <module>\n    main()\n"
     "FileNotFoundError: [Errno 2] No such file or directory: 'data/train'\n"
     "E1129 12:00:00.000 123 torch/distributed/elastic/multiprocessing/api.py:869] failed (exitcode: 1) local_rank: 0\n"
     "Traceback (most recent call last):\n  File \"/bin/torchrun\", line 8, in <module>\n    sys.exit(main())\n"
     "torch.distributed.elastic.multiprocessing.errors.ChildFailedError: \n"
     "============================================================\ntrain.py FAILED\n",
     "FileNotFoundError: [Errno 2] No such file or directory: 'data/train'"},
    {"the same of accelerate",
     "Traceback (most recent call last):\n  File \"t.py\", line 5, in <module>\nTypeError: unhashable type: 'list'\n"
     "Traceback (most recent call last):\n  File \"/bin/accelerate\", line 8, in <module>\n"
     "subprocess.CalledProcessError: Command '['python', 't.py']' returned non-zero exit status 1.\n",
     "TypeError: unhashable type: 'list'"},
    {"a launcher's alone",
     "Traceback (most recent call last):\n  File \"/bin/accelerate\", line 8, in <module>\n"
     "subprocess.CalledProcessError: Command '['python', 't.py']' returned non-zero exit status 1.\n",
     "subprocess.CalledProcessError: Command '['python', 't.py']' returned non-zero exit status 1."},
    {"a group of exceptions",
     "  + Exception Group Traceback (most recent call last):\n  |   File \"g.py\", line 1, in <module>\n"
     "  |     raise ExceptionGroup(\"loaders\", [ValueError(\"a\"), TypeError(\"b\")])\n"
     "  | ExceptionGroup: loaders (2 sub-exceptions)\n  +-+---------------- 1 ----------------\n"
     "    | ValueError: a\n    +---------------- 2 ----------------\n    | TypeError: b\n"
     "    +------------------------------------\n",
     "ExceptionGroup: loaders (2 sub-exceptions): ValueError: a"},
    {"a group whose members have tracebacks of their own",
     "  + Exception Group Traceback (most recent call last):\n  |   File \"g.py\", line 9, in <module>\n"
     "  |     asyncio.run(main())\n  |     ~~~~~~~~~~~^^^^^^^^\n"
     "  | ExceptionGroup: unhandled errors in a TaskGroup (1 sub-exception)\n"
     "  +-+---------------- 1 ----------------\n    | Traceback (most recent call last):\n"
     "    |   File \"g.py\", line 4, in read\n    |     raise OSError(\"disk is gone\")\n    | OSError: disk is gone\n"
     "    +------------------------------------\n",
     "ExceptionGroup: unhandled errors in a TaskGroup (1 sub-exception): OSError: disk is gone"},
    {"a script that does not parse, which has no traceback",
     "  File \"train.py\", line 3\n    def f(:\n          ^\nSyntaxError: invalid syntax\n",
     "SyntaxError: invalid syntax"},
    {"a box drawn around the traceback",
     "╭──── Traceback (most recent call last) ────╮\n│ /x/train.py:3 in <module>          │\n"
     "╰────────────────────────────╯\nValueError: lr is negative\n",
     "ValueError: lr is negative"},
    {"colours",
     "\x1b[31mTraceback (most recent call last):\x1b[0m\n  File \x1b[35m\"a.py\"\x1b[0m, line 1\n"
     "\x1b[1;35mValueError\x1b[0m: \x1b[35mno\x1b[0m\n",
     "ValueError: no"},
    {"an empty line after the header, as loguru prints it",
     "Traceback (most recent call last):\n\n  File \"a.py\", line 1, in <module>\n    f()\n> File \"a.py\", line 3, in "
     "f\n"
     "    1 / 0\n\nZeroDivisionError: division by zero\n",
     "ZeroDivisionError: division by zero"},
    {"what is printed after the traceback",
     "Traceback (most recent call last):\n  File \"a.py\", line 1, in <module>\nKeyError: 'train'\n"
     "/usr/lib/python3.12/multiprocessing/resource_tracker.py:254: UserWarning: resource_tracker: There appear to be 1 "
     "leaked semaphore objects to clean up at shutdown\n  warnings.warn(\n"
     "Set the environment variable HYDRA_FULL_ERROR=1 for a complete stack trace.\n",
     "KeyError: 'train'"},
    {"Ctrl-C",
     "Traceback (most recent call last):\n  File \"a.py\", line 1, in <module>\n    time.sleep(9)\n    ~~~~~~~~~~^^^\n"
     "KeyboardInterrupt\n",
     "KeyboardInterrupt"},
    {"a crash that Python's fault handler tells of",
     "Fatal Python error: Segmentation fault\n\nThread 0x00007f (most recent call first):\n  File \"a.py\", line 3 in "
     "f\n",
     "Fatal Python error: Segmentation fault"},
};

const Ending kOthers[] = {
    {"argparse",
     "usage: main.py [-h] [-a ARCH] [-j N]\n               [--dist-url DIST_URL] [--dist-backend DIST_BACKEND]\n"
     "main.py: error: unrecognized arguments: --config /tmp/x.yaml\n",
     "main.py: error: unrecognized arguments: --config /tmp/x.yaml"},
    {"click", "Usage: train [OPTIONS]\nTry 'train --help' for help.\n\nError: No such option: --config\n",
     "Error: No such option: --config"},
    {"jsonargparse", "usage: fit [-h]\nerror: Parser key \"trainer\": not an int\n",
     "error: Parser key \"trainer\": not an int"},
    {"C++ with its reason",
     "epoch 1\nterminate called after throwing an instance of 'std::runtime_error'\n  what():  no such file: a.bin\n"
     "Aborted (core dumped)\n",
     "std::runtime_error: no such file: a.bin"},
    {"C++ with a stack after its reason",
     "terminate called after throwing an instance of 'c10::Error'\n  what():  CUDA error: invalid device ordinal\n"
     "Exception raised from set_device at CUDAFunctions.cpp:182 (most recent call first):\n"
     "frame #0: c10::Error::Error(...) + 0x57 (0x7f)\n",
     "c10::Error: CUDA error: invalid device ordinal"},
    {"C++ without a reason", "terminate called after throwing an instance of 'int'\nAborted\n",
     "terminate called after throwing an instance of 'int'"},
    {"a failed assertion", "train: train.cu:55: void step(): Assertion `n > 0' failed.\nAborted (core dumped)\n",
     "train: train.cu:55: void step(): Assertion `n > 0' failed."},
    {"a crash and nothing else", "epoch 1\nSegmentation fault (core dumped)\n", "Segmentation fault (core dumped)"},
    {"Rust",
     "thread 'main' panicked at src/main.rs:2:5:\nno data\nnote: run with `RUST_BACKTRACE=1` environment variable\n",
     "thread 'main' panicked at src/main.rs:2:5: no data"},
    {"a logger's level",
     "2025-01-01 12:00:00 INFO start\n2025-01-01 12:00:01 ERROR data folder is missing\ncleaning up\n",
     "2025-01-01 12:00:01 ERROR data folder is missing"},
    {"Wring itself", "error: data/train/HR: no such folder\n  → set data_dir\n",
     "error: data/train/HR: no such folder"},
    {"a shell", "/bin/sh: 1: pyhton: not found\n", "/bin/sh: 1: pyhton: not found"},
    {"plain words", "reading\nno images in data/train\n\n", "no images in data/train"},
    {"plain words and a ruler", "no images in data/train\n==========\n   ^^^^^\n--- \n", "no images in data/train"},
    {"a progress bar", " 10%|█         | 1/10\r 20%|██        | 2/10\rthe disk is full\r", "the disk is full"},
    {"words that only look like an error's name", "ErrorRate: 0.3\nno labels\n", "no labels"},
    {"nothing", "", ""},
    {"nothing but rulers", "\n  \n-----\n", ""},
};

TEST(TellingLine, OfAPythonProgramIsItsException) {
  for (const Ending& ending : kPython) EXPECT_EQ(telling_line(ending.output), ending.line) << ending.what;
}

TEST(TellingLine, OfAnyOtherProgramIsItsLastMeaningfulLine) {
  for (const Ending& ending : kOthers) EXPECT_EQ(telling_line(ending.output), ending.line) << ending.what;
}

TEST(TellingLine, LeadsAMessageThatHoldsATraceback) {
  const std::string traceback =
      "Traceback (most recent call last):\n  File \"a.py\", line 1\n    f()\n    ^^^\nValueError: no";
  EXPECT_EQ(led_by_telling_line(traceback), "ValueError: no\n" + traceback);
  EXPECT_EQ(led_by_telling_line("no images in data\nframe #1"), "no images in data\nframe #1") << "its own words";
  EXPECT_EQ(led_by_telling_line("ValueError: no\n" + traceback), "ValueError: no\n" + traceback) << "it leads already";
  EXPECT_EQ(led_by_telling_line(""), "");
}

TEST(TellingLine, IsCutBetweenCharactersWhereItIsLong) {
  EXPECT_EQ(first_words("no images in data\nframe #1"), "no images in data");
  EXPECT_EQ(first_words("  Traceback: none  \r\nx"), "Traceback: none");
  std::string chinese;
  for (int i = 0; i < 100; ++i) chinese += "错";
  const std::string cut = first_words(chinese);
  EXPECT_EQ(cut, chinese.substr(0, 198) + "…");
}

}  // namespace
}  // namespace wring
