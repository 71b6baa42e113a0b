"""平台: devices and, later, twins, knowledge and apps."""
