"""The command line that all programs here have.

    PROGRAM.py [PLANT] [--cured [--workers N]] [--steps N] [--device cuda|cpu]

PLANT holds the program back. --cured makes the change that `wring diagnose` names for it, and no other: sizes stay those of
the plant. On the CPU everything is small, which shows that a program runs and nothing else.
"""
import argparse


def planted(text, *plants):
    """The arguments of a program with this text and these plants; `ill` is the plant that is there and not cured."""
    parser = argparse.ArgumentParser(description=text.splitlines()[0])
    parser.add_argument("plant", nargs="?", default="none", choices=("none", *plants))
    parser.add_argument("--cured", action="store_true", help="with the change that wring diagnose names for the plant")
    parser.add_argument("--workers", type=int, default=8, help="of a loader, where more of them are the cure")
    parser.add_argument("--steps", type=int, default=1_000_000)
    parser.add_argument("--device", choices=("cuda", "cpu"), default="cuda")
    args = parser.parse_args()
    if args.cured and args.plant == "none":
        parser.error("--cured goes with a plant")
    args.cuda = args.device == "cuda"
    args.ill = None if args.cured else args.plant
    args.compiler = "inductor" if args.cuda else "eager"  # of torch.compile; the CPU's would take longer than the test
    return args


def loader_workers(args, otherwise):
    """num_workers: none where that is the plant, and on the CPU."""
    if args.plant == "loader":
        return 0 if not args.cured else args.workers if args.cuda else 1
    return otherwise if args.cuda else 0
