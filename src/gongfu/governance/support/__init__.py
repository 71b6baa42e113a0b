"""Support rules 专项支持: every yuan by a dated, cited clause."""
