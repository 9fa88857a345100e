"""USB cameras by Video4Linux2 (V4L2), the kernel's interface for them."""
