// libzmq's C API (package libzmq3-dev).
#include <zmq.h>
