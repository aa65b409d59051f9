#pragma once

namespace wring::live {

// The signals that concern whoever has the terminal, turned into something to wait for: a change of its size, Ctrl-Z,
// and going on after a stop. One at a time.
class ViewSignals {
 public:
  ViewSignals();
  ~ViewSignals();
  ViewSignals(const ViewSignals&) = delete;
  ViewSignals& operator=(const ViewSignals&) = delete;

  int descriptor() const { return descriptor_; }  // readable when there is something to do
  void wake() const;                              // makes it readable, from any thread

  // What came since the last call.
  struct Seen {
    bool stop = false;  // stop_process() is asked for, after the terminal was given back
    bool resumed = false;
  };
  Seen take() const;

  // Stops the process as Ctrl-Z does; returns when it goes on. Only from the thread that called listen_here().
  static void stop_process();

  // Lets this thread, and only what it needs, receive these signals; all others go to other threads.
  static void listen_here();

 private:
  int descriptor_ = -1;
};

}  // namespace wring::live
