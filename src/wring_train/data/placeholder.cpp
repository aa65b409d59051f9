namespace wring {}
